/** Small tools for building the page. */

/**
 * The element of the page with this id.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  return document.getElementById(id)
}

/**
 * A new element. Properties are set as such; those with a dash and `role` as attributes. Text is never read as HTML.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "for") made.setAttribute(name, value)
    else /** @type {any} */ (made)[name] = value
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false).map(textOrNode))
  return made
}

/**
 * Tells users of screen readers what has changed, without moving the focus.
 * @param {string} text
 */
export function announce(text) {
  byId("announcer").textContent = text
}

/** @param {any} child */
function textOrNode(child) {
  return child instanceof Node ? child : String(child)
}
