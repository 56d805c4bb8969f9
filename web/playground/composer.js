/** The form: what can be asked for, what it costs, and the request that it makes. */

import { byId, element } from "./dom.js"
import { field, number, option } from "./fields.js"
import { Price } from "./price.js"
import { problem } from "./problems.js"
import * as rules from "./rules.js"
import { Sources } from "./sources.js"

const CUSTOM = "custom"
/** What a first picture is made with: the price of a try. */
const FIRST_CHOICE = /** @type {Record<string, string>} */ ({ quality: "low", size: "1024x1024" })
/** A second click so soon was meant as one. */
const DOUBLE_CLICK_MS = 1000
const BUTTONS = { generate: "Generate", edit: "Edit", tool: "Run" }

export class Composer {
  /** @type {any[]} */
  models = []
  #values = { ...FIRST_CHOICE }
  #options = /** @type {Record<string, any>} */ ({})
  #boughtAt = 0
  price = new Price()

  /**
   * @param {import("./session.js").Session} session
   * @param {() => any} shown answers the picture on the stage, if there is one
   * @param {(request: any) => Promise<void>} onBuy
   */
  constructor(session, shown, onBuy) {
    this.session = session
    this.sources = new Sources(session, shown, () => this.#requote())
    const form = byId("composer")
    form.addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault()
      this.#buy(onBuy)
    })
    form.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      // A key that is held down is one wish; in the prompt it writes empty lines.
      if (event.repeat && event.key === "Enter" && event.target !== byId("prompt")) event.preventDefault()
    })
    for (const input of form.elements.mode) input.addEventListener("change", () => this.#showModels())
    byId("provider").addEventListener("change", () => this.#showModels())
    byId("model").addEventListener("change", () => this.#showSettings())
    byId("prompt").addEventListener("input", () => this.#requote())
    byId("prompt").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter" && !event.repeat && (event.metaKey || event.ctrlKey)) form.requestSubmit()
    })
  }

  /** @returns {rules.Mode} */
  get mode() {
    return byId("composer").elements.mode.value
  }

  get model() {
    return this.models.find((model) => model.id === byId("model").value)
  }

  /**
   * Fill the form with what the deployment has.
   * @param {any[]} models
   * @param {string} preferred the model to begin with
   */
  show(models, preferred) {
    this.models = models
    const providers = [...new Set(models.map((model) => model.owned_by))]
    byId("provider").replaceChildren(option("", "All"), ...providers.map((name) => option(name, name)))
    this.#showModels(preferred)
  }

  /**
   * Go on with an earlier picture.
   * @param {any} picture
   */
  edit(picture) {
    if (this.mode === "generate") byId("composer").elements.mode.value = "edit"
    this.sources.replace(picture)
    this.#showModels(byId("model").value)
    byId("prompt").focus()
  }

  /** @param {any} error */
  refuse(error) {
    byId("refusal").replaceChildren(problem(error))
  }

  #showModels(preferred = byId("model").value) {
    const choices = rules.modelsFor(this.models, this.mode, byId("provider").value)
    const groups = Map.groupBy(choices, ({ model }) => model.owned_by)
    const made = [...groups].map(([provider, group]) => {
      const options = group.map(({ model, reason }) =>
        option(model.id, reason ? `${model.id} (${reason})` : model.id, Boolean(reason)),
      )
      return element("optgroup", { label: provider }, ...options)
    })
    byId("model").replaceChildren(...made)
    const usable = choices.filter(({ reason }) => !reason).map(({ model }) => model.id)
    byId("model").value = usable.includes(preferred) ? preferred : (usable[0] ?? "")
    byId("inputs").hidden = this.mode === "generate"
    byId("buy").textContent = BUTTONS[this.mode]
    this.#showSettings()
  }

  #showSettings() {
    const { model, mode } = this
    byId("model-hint").textContent = model
      ? lifecycle(model)
      : this.models.length
        ? "This provider has no model for this."
        : ""
    byId("settings").replaceChildren()
    byId("more-settings").replaceChildren()
    if (model) {
      this.sources.limit(mode === "generate" ? null : model.capabilities.inputs)
      this.#showPrompt(model)
      byId("settings").append(...Object.entries(rules.SETTINGS).map(([name, label]) => this.#field(name, label)))
      this.#showMore(model)
      byId("more").open ||= rules.optionsOf(model, mode).some(([, each]) => each.required)
    }
    this.#requote()
  }

  /** What a model lacks takes one line here, not a field each. @param {any} model */
  #showMore(model) {
    const all = Object.entries(rules.MORE_SETTINGS)
    const lacking = all.filter(([name]) => !model.capabilities.parameters[name])
    byId("more-settings").append(
      ...rules.optionsOf(model, this.mode).map((each) => this.#optionField(...each)),
      ...all.filter((each) => !lacking.includes(each)).map(([name, label]) => this.#field(name, label)),
    )
    const names = lacking.map(([, label]) => label.toLowerCase()).join(", ")
    if (names)
      byId("more-settings").append(
        element("p", { className: "hint broad" }, `${model.id} has no setting for: ${names}.`),
      )
  }

  #showPrompt(/** @type {any} */ model) {
    const { prompt } = model.capabilities
    byId("prompt").disabled = prompt === "unused"
    byId("prompt-hint").textContent =
      { required: "", optional: "This model also works without one.", unused: "This tool needs no prompt." }[
        /** @type {string} */ (prompt)
      ] ?? ""
  }

  /** A setting that the API has for every model. @param {string} name @param {string} label */
  #field(name, label) {
    const setting = rules.setting(this.model, this.mode, name, this.#values)
    const control = setting.values ? this.#select(name, setting) : number(setting, this.#values[name])
    control.addEventListener("change", () => {
      this.#values[name] = control.value
      if (["background", "output_format", "size"].includes(name)) this.#refresh(control.id)
      else this.#requote()
    })
    if (control.type === "number")
      control.addEventListener("input", () => {
        this.#values[name] = control.value
        if (name === "n") this.#showPreviews()
        this.#requote()
      })
    const custom =
      name === "size" &&
      setting.enabled &&
      this.#values.size === CUSTOM &&
      this.model.capabilities.size.flexible &&
      this.#customSize()
    return field(name, label, control, setting.reason, custom)
  }

  /** Show anew whether there can be previews; the other fields stay, one of which is being filled in. */
  #showPreviews() {
    const shown = byId("setting-partial_images").closest(".field")
    shown.replaceWith(this.#field("partial_images", rules.SETTINGS.partial_images))
  }

  /** Show the settings again after one that others depend on, and keep the focus where it was. @param {string} id */
  #refresh(id) {
    this.#showSettings()
    byId(id)?.focus()
  }

  /** @param {string} name @param {rules.Setting} setting */
  #select(name, setting) {
    const values = setting.values ?? []
    const options = values.map((value) => {
      const reason = rules.valueProblem(name, value, this.#values)
      const label = setting.preview?.includes(value) ? `${value} (preview)` : value.replace(/^(\d+)x(\d+)$/, "$1 × $2")
      return option(value, reason ? `${label} (${reason})` : label, Boolean(reason))
    })
    if (name === "size" && this.model.capabilities.size?.flexible) options.push(option(CUSTOM, "Custom …"))
    const control = element("select", { disabled: !setting.enabled }, option("", setting.none ?? "Default"), ...options)
    const wanted = this.#values[name] ?? ""
    control.value = [...control.options].some((each) => each.value === wanted && !each.disabled) ? wanted : ""
    return control
  }

  #customSize() {
    const [width, height] = (this.#values.custom ??= "1280x1280").split("x")
    const inputs = [
      ["Width", width],
      ["Height", height],
    ].map(([label, value]) =>
      element("input", { type: "number", value, min: 1, step: 16, "aria-label": `${label} in pixels` }),
    )
    for (const input of inputs)
      input.addEventListener("input", () => {
        this.#values.custom = inputs.map((each) => each.value).join("x")
        this.#requote()
      })
    return element("span", { className: "custom" }, inputs[0], "×", inputs[1])
  }

  /** A setting that only this model has. @param {string} name @param {rules.Setting} setting */
  #optionField(name, setting) {
    const control = setting.values
      ? element("select", {}, option("", "Default"), ...setting.values.map((value) => option(value, value)))
      : setting.type === "text"
        ? element("input", { type: "text" })
        : number(setting)
    control.value = this.#options[name] ?? ""
    control.addEventListener("input", () => {
      this.#options[name] = control.value
      this.#requote()
    })
    return field(
      `option-${name}`,
      rules.title(name) + (setting.required ? " (required)" : ""),
      control,
      setting.about ?? "",
    )
  }

  /** The request as the API takes it. Without a prompt, a quote is for any. */
  #request() {
    const { model, mode } = this
    const prompt = byId("prompt").value
    const body = /** @type {Record<string, any>} */ ({ model: model.id })
    if (model.capabilities.prompt !== "unused" && (prompt.trim() || model.capabilities.prompt === "required"))
      body.prompt = prompt.trim() ? prompt : "a picture"
    for (const name of Object.keys({ ...rules.SETTINGS, ...rules.MORE_SETTINGS })) {
      const value = this.#value(name)
      if (value !== undefined) body[name] = value
    }
    const options = this.#givenOptions()
    if (Object.keys(options).length) body.options = options
    if (mode === "generate") return { operation: "generation", body, prompt }
    const { list, usedMask } = this.sources
    if (list[0]?.id?.startsWith("img_")) body.metadata = { edited_from: list[0].id }
    return {
      operation: "edit",
      body,
      prompt,
      images: list.map(({ id }) => id),
      mask: usedMask?.file ?? null,
      before: list[0]?.url,
    }
  }

  /** @param {string} name */
  #value(name) {
    const setting = rules.setting(this.model, this.mode, name, this.#values)
    let value = this.#values[name]
    if (!setting.enabled || !value) return undefined
    if (!setting.values) return Number(value)
    if (name === "size" && value === CUSTOM)
      return this.model.capabilities.size.flexible ? this.#values.custom : undefined
    if (!setting.values.includes(value) || rules.valueProblem(name, value, this.#values)) return undefined
    return setting.type === "integer" ? Number(value) : value
  }

  #givenOptions() {
    const given = rules.optionsOf(this.model, this.mode).filter(([name]) => this.#options[name])
    return Object.fromEntries(
      given.map(([name, { type }]) => [name, type === "text" ? this.#options[name] : Number(this.#options[name])]),
    )
  }

  /** Why the request cannot be sent; "" if it can. */
  #obstacle() {
    const { model, mode, sources } = this
    if (!this.session.connected) return "Connect with a key to see models and prices."
    if (!model) return this.models.length ? "Choose a model." : "Reading the models …"
    if (this.#values.size === CUSTOM && model.capabilities.size?.flexible) {
      const wrong = rules.sizeProblem(model.capabilities.size, this.#values.custom)
      if (wrong) return wrong
    }
    return rules.missing(model, mode, {
      prompt: byId("prompt").value,
      sources: sources.list,
      mask: sources.usedMask,
      options: this.#givenOptions(),
    })
  }

  /** Ask for the price again, now that something has changed. */
  #requote() {
    byId("refusal").replaceChildren()
    this.price.change(async () => {
      const obstacle = this.#obstacle()
      if (obstacle && obstacle !== rules.NO_PROMPT) return obstacle
      return this.session.client.quote(await complete(this.#request()))
    })
  }

  /** @param {(request: any) => Promise<void>} onBuy */
  async #buy(onBuy) {
    byId("refusal").replaceChildren()
    if (!this.session.connected) return this.session.open()
    const obstacle = this.#obstacle()
    if (obstacle) {
      byId("refusal").replaceChildren(element("p", { className: "problem" }, obstacle))
      if (obstacle === rules.NO_PROMPT) byId("prompt").focus()
      return
    }
    if (Date.now() < this.#boughtAt + DOUBLE_CLICK_MS) return
    this.#boughtAt = Date.now()
    await onBuy(this.#request())
  }
}

/**
 * The body of a request as the client takes it. The bytes of a mask travel in it, so that it can be quoted.
 * @param {any} request
 */
export async function complete({ operation, body, images, mask }) {
  if (operation === "generation") return body
  return { ...body, image: images, ...(mask && { mask: await dataURL(mask) }) }
}

/** @param {Blob} blob @returns {Promise<string>} */
function dataURL(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(blob)
  })
}

/** @param {any} model */
function lifecycle(model) {
  const { state, days_left, successor } = model.lifecycle
  return state === "retiring" ? `Ends in ${days_left} days.${successor ? ` Its successor is ${successor}.` : ""}` : ""
}
