/**
 * What a model can do, from its entry in GET /v1/models: which settings it has, which values they take, and why one is
 * out of reach. Nothing here touches the page.
 *
 * @typedef {"generate" | "edit" | "tool"} Mode
 * @typedef {{enabled: boolean, reason: string, values?: string[], min?: number, max?: number, about?: string,
 *            required?: boolean, type?: string, preview?: string[], none?: string}} Setting
 */

/** The settings that every form shows, and those under "More settings". */
export const SETTINGS = {
  size: "Size",
  quality: "Quality",
  background: "Background",
  output_format: "Format",
  n: "Pictures",
  partial_images: "Previews",
}
export const MORE_SETTINGS = {
  output_compression: "Compression",
  moderation: "Moderation",
  complexity: "Complexity",
  frame_count: "Frames",
  frame_duration_ms: "Frame duration in ms",
  input_fidelity: "Fidelity to the input",
  style: "Style",
}
/** What keeps nobody from knowing the price. */
export const NO_PROMPT = "Write a prompt."
/** Settings that go with certain formats only. */
const WITH_FORMATS = { output_compression: ["jpeg", "webp"], frame_count: ["gif"], frame_duration_ms: ["gif"] }
/** Formats that have no previews. */
const WITHOUT_PREVIEWS = ["gif", "svg"]
const USUAL_SIZES = ["1024x1024", "1536x1024", "1024x1536", "2048x2048", "2048x1152", "3840x2160", "2160x3840"]

/** @param {Mode} mode */
export const operationOf = (mode) => (mode === "generate" ? "generation" : "edit")

/**
 * A tool only edits.
 * @param {any} model
 */
export const isTool = (model) => !model.capabilities.operations.includes("generation")

/**
 * The models for a mode, each with why it cannot be used; "" if it can.
 * @param {any[]} models
 * @param {Mode} mode
 * @param {string} provider "" for all
 */
export function modelsFor(models, mode, provider) {
  return models
    .filter((model) => isTool(model) === (mode === "tool") && (!provider || model.owned_by === provider))
    .map((model) => ({ model, reason: unusable(model, mode) }))
}

/** @param {any} model @param {Mode} mode */
function unusable(model, mode) {
  const { state, retired_on, successor } = model.lifecycle
  if (state === "retired") return `retired ${retired_on}` + (successor ? `, use ${successor}` : "")
  return model.capabilities.operations.includes(operationOf(mode)) ? "" : "cannot edit"
}

/**
 * A setting of a model.
 * @param {any} model
 * @param {Mode} mode
 * @param {string} name
 * @param {Record<string, string>} chosen the values of the other settings
 * @returns {Setting}
 */
export function setting(model, mode, name, chosen) {
  const { capabilities } = model
  if (name === "size") return sizeSetting(model)
  if (name === "n") {
    const max = capabilities.n_max
    return max > 1 ? { enabled: true, reason: "", min: 1, max } : off(`One at a time with ${model.id}`)
  }
  const rule = capabilities.parameters[name]
  if (!rule) return off(`Not with ${model.id}`)
  if (!rule.operations.includes(operationOf(mode))) return off(mode === "generate" ? "For edits only" : "Not for edits")
  const formats = /** @type {Record<string, string[]>} */ (WITH_FORMATS)[name]
  if (formats && !formats.includes(chosen.output_format)) return off(`With ${formats.join(" or ")} only`)
  if (name === "partial_images") return previewsSetting(rule, chosen)
  return { enabled: true, reason: "", values: rule.values, min: rule.min, max: rule.max, preview: rule.preview }
}

/** @param {any} rule @param {Record<string, string>} chosen @returns {Setting} */
function previewsSetting(rule, chosen) {
  if (Number(chosen.n) > 1) return off("For a single picture only")
  if (WITHOUT_PREVIEWS.includes(chosen.output_format)) return off(`Not with ${WITHOUT_PREVIEWS.join(" or ")}`)
  const values = Array.from({ length: rule.max }, (_, index) => String(index + 1))
  return { enabled: true, reason: "", values, none: "None", type: "integer" }
}

/** @param {any} model @returns {Setting} */
function sizeSetting(model) {
  const rule = model.capabilities.size
  if (!rule) return off("Follows from the input picture")
  const usual = rule.flexible ? USUAL_SIZES.filter((size) => !sizeProblem(rule, size)) : []
  return { enabled: true, reason: "", values: [...(rule.auto ? ["auto"] : []), ...rule.fixed, ...usual] }
}

/**
 * Why a value of a setting is out of reach beside the other values; "" if it is not.
 * @param {string} name
 * @param {string} value
 * @param {Record<string, string>} chosen
 */
export function valueProblem(name, value, chosen) {
  if (name === "background" && value === "transparent" && !["", "png", "webp"].includes(chosen.output_format ?? ""))
    return "needs png or webp"
  if (name === "output_format" && chosen.background === "transparent" && !["png", "webp"].includes(value))
    return "not with a transparent background"
  return ""
}

/**
 * What is wrong with WIDTHxHEIGHT for a model with flexible sizes; "" if nothing is.
 * @param {any} rule `capabilities.size`
 * @param {string} size
 */
export function sizeProblem(rule, size) {
  const [width, height] = size.split("x").map(Number)
  const { multiple_of, max_edge, max_ratio, min_pixels, max_pixels } = rule.flexible
  if (!(width > 0 && height > 0)) return "Give a width and a height in pixels."
  if (width % multiple_of || height % multiple_of) return `Width and height must be multiples of ${multiple_of}.`
  if (Math.max(width, height) > max_edge) return `No edge may exceed ${max_edge} pixels.`
  if (Math.max(width, height) > max_ratio * Math.min(width, height)) return `The ratio may be ${max_ratio}:1 at most.`
  if (width * height < min_pixels) return `It needs at least ${min_pixels.toLocaleString()} pixels in all.`
  return width * height > max_pixels ? `It may have ${max_pixels.toLocaleString()} pixels in all at most.` : ""
}

/**
 * The settings that only this model has, sent as `options`.
 * @param {any} model
 * @param {Mode} mode
 * @returns {[string, Setting][]}
 */
export function optionsOf(model, mode) {
  return Object.entries(model.capabilities.options)
    .filter(([, option]) => option.operations.includes(operationOf(mode)))
    .map(([name, option]) => [name, { enabled: true, reason: "", ...option }])
}

/**
 * What is missing before a request can be sent; "" if nothing is.
 * @param {any} model
 * @param {Mode} mode
 * @param {{prompt: string, sources: {id?: string}[], mask: unknown, options: Record<string, unknown>}} form
 */
export function missing(model, mode, { prompt, sources, mask, options }) {
  const { capabilities } = model
  if (mode !== "generate") {
    const least = capabilities.inputs.min_count
    if (sources.length < least) return least > 1 ? `Add ${least} pictures.` : "Add a picture to edit."
    if (sources.some((source) => !source.id)) return "Wait until the upload is finished."
    if (capabilities.inputs.mask_required && !mask) return "Paint a mask: this tool needs one."
  }
  if (capabilities.prompt === "required" && !prompt.trim()) return NO_PROMPT
  const lacking = optionsOf(model, mode).find(([name, option]) => option.required && !(name in options))
  return lacking ? `Fill in “${title(lacking[0])}”.` : ""
}

/** @param {string} reason @returns {Setting} */
function off(reason) {
  return { enabled: false, reason }
}

/**
 * "grow_mask" as a label: "Grow mask".
 * @param {string} name
 */
export function title(name) {
  const words = name.replaceAll(/[_-]/g, " ")
  return words[0].toUpperCase() + words.slice(1)
}
