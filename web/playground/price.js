/** The price of what the form asks for, as it changes. */

import { byId, element } from "./dom.js"
import { dollars } from "./format.js"
import { words } from "./problems.js"

const WAIT_MILLISECONDS = 350

export class Price {
  #asked = 0
  #timer = 0

  /**
   * Show another price once nothing has changed for a moment.
   * @param {() => Promise<any>} ask answers a quote, or a text that says why there is none
   */
  change(ask) {
    clearTimeout(this.#timer)
    byId("price").classList.add("stale")
    this.#timer = setTimeout(() => this.#show(ask), WAIT_MILLISECONDS)
  }

  /** @param {() => Promise<any>} ask */
  async #show(ask) {
    const number = ++this.#asked
    const content = await ask().then(parts, (error) => [refusal(error)])
    if (number !== this.#asked) return
    byId("price").classList.remove("stale")
    byId("price").replaceChildren(...content)
  }
}

/** @param {any} quote or a text */
function parts(quote) {
  if (typeof quote === "string") return [quote]
  return [
    element("b", {}, `≈ ${dollars(quote.quote_micro_usd)}`),
    `  at most ${dollars(quote.upper_bound_micro_usd)}`,
    ...remarks(quote),
  ]
}

/** @param {any} error */
function refusal(error) {
  return [words(error)[0], error.code && error.message].filter(Boolean).join(": ")
}

/** @param {any} quote */
function remarks(quote) {
  const left = quote.budget_left_micro_usd
  const texts = quote.easel.warnings.map((/** @type {any} */ warning) => warning.message)
  if (left !== null && left < quote.upper_bound_micro_usd)
    texts.unshift(
      `Only ${dollars(left)} of the budget is left, so this would be refused. Choose a lower quality or a smaller size.`,
    )
  else if (quote.upper_bound_micro_usd > 4 * quote.quote_micro_usd) texts.unshift("Name quality and size to narrow it.")
  return texts.map((/** @type {string} */ text) => element("span", { className: "hint" }, element("br"), text))
}
