/** The parts that the form is made of. */

import { element } from "./dom.js"

/** @param {import("./rules.js").Setting} setting @param {string} [value] */
export function number(setting, value = "") {
  const range =
    setting.enabled && setting.min !== undefined && setting.min !== null
      ? { min: setting.min, max: setting.max, placeholder: `${setting.min} to ${setting.max}` }
      : {}
  return element("input", {
    type: "number",
    step: setting.type === "number" ? "any" : 1,
    disabled: !setting.enabled,
    value,
    ...range,
  })
}

/** @param {string} value @param {string} label */
export function option(value, label, disabled = false) {
  return element("option", { value, disabled }, label)
}

/** @param {string} name @param {string} label @param {any} control @param {string} hint @param {any} [extra] */
export function field(name, label, control, hint, extra) {
  const id = `setting-${name}`
  control.id = id
  if (hint) control.setAttribute("aria-describedby", `${id}-hint`)
  return element(
    "div",
    { className: "field" },
    element("label", { for: id }, label),
    control,
    extra,
    element("p", { className: "hint", id: `${id}-hint` }, hint),
  )
}
