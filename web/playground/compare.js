/** A picture over the one it was made from, with a seam to drag or to move with the arrow keys. */

import { element } from "./dom.js"

/**
 * @param {string} before URL
 * @param {string} after URL
 */
export function comparison(before, after) {
  const slider = element("input", {
    type: "range",
    min: 0,
    max: 100,
    value: 50,
    "aria-label": "Before and after: where the seam is, in percent from the left",
  })
  const box = element(
    "div",
    { className: "compare" },
    element("img", { src: before, alt: "Before", crossOrigin: "anonymous" }),
    element("img", { src: after, alt: "After", className: "after", crossOrigin: "anonymous" }),
    element("div", { className: "seam" }),
    element("span", { className: "left", "aria-hidden": "true" }, "Before"),
    element("span", { className: "right", "aria-hidden": "true" }, "After"),
    slider,
  )
  slider.addEventListener("input", () => box.style.setProperty("--at", `${slider.value}%`))
  return box
}
