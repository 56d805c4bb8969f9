/**
 * The pictures to edit: earlier ones by their id, files as uploads that begin at once. And the mask over the first.
 *
 * @typedef {{id?: string, url: string, file?: File, name: string, progress?: number, error?: any, upload?: AbortController,
 *           image?: any, bar?: any, share?: any}} Source the last three are its elements
 */

import { announce, byId, element } from "./dom.js"
import { size } from "./format.js"
import { paint } from "./mask.js"
import { problem } from "./problems.js"
import { permalink } from "./session.js"

const MAX_BYTES = 50 * 1024 * 1024

export class Sources {
  /** @type {Source[]} */
  list = []
  /** @type {import("./mask.js").Mask | null} */
  mask = null

  /**
   * @param {import("./session.js").Session} session
   * @param {() => any} shown answers the picture on the stage, if there is one
   * @param {() => void} onChange
   */
  constructor(session, shown, onChange) {
    this.session = session
    this.shown = shown
    this.onChange = onChange
    byId("file").addEventListener("change", () => {
      for (const file of byId("file").files) this.#add(file)
      byId("file").value = ""
    })
    byId("paint").addEventListener("click", () => this.#paint())
    byId("add-shown").addEventListener("click", () => this.#addShown())
    byId("inputs").addEventListener("dragover", (/** @type {DragEvent} */ event) => event.preventDefault())
    byId("inputs").addEventListener("drop", (/** @type {DragEvent} */ event) => {
      event.preventDefault()
      for (const file of event.dataTransfer?.files ?? []) this.#add(file)
    })
  }

  /**
   * Edit this earlier picture, and nothing else.
   * @param {{id: string, prompt?: string | null}} picture
   */
  replace({ id, prompt }) {
    for (const source of this.list) source.upload?.abort()
    this.list = [{ id, url: permalink(id), name: prompt || id }]
    this.mask = null
    this.#changed()
  }

  /**
   * Show what the model can take.
   * @param {any} inputs `capabilities.inputs` of the model
   */
  limit(inputs) {
    this.inputs = inputs
    this.#draw()
  }

  /** Add the picture on the stage, for models that take several. */
  #addShown() {
    const shown = this.shown()
    if (!shown || this.list.some(({ id }) => id === shown.id)) return
    this.list.push({ id: shown.id, url: permalink(shown.id), name: shown.prompt || shown.id })
    this.#changed()
  }

  /** The mask, if the model takes one. */
  get usedMask() {
    return this.inputs?.mask && this.list.length ? this.mask : null
  }

  /** @param {File} file */
  async #add(file) {
    /** @type {Source} */
    const source = { url: URL.createObjectURL(file), file, name: file.name, progress: 0, upload: new AbortController() }
    if (this.inputs?.max_count === 1) this.list.splice(0)
    this.list.push(source)
    this.#changed()
    const refusal = this.#refuse(file)
    try {
      if (refusal) throw refusal
      source.id = await this.session.client.upload(file, {
        signal: source.upload?.signal,
        onProgress: (/** @type {{loaded: number, total: number}} */ { loaded, total }) => {
          source.progress = loaded / total
          showProgress(source)
        },
      })
      announce(`${file.name} is uploaded.`)
    } catch (error) {
      source.error = error
    }
    this.#changed()
  }

  /** What the deployment would refuse only after the upload. */
  #refuse(/** @type {File} */ file) {
    const most = Math.min(MAX_BYTES, this.inputs?.max_bytes ?? MAX_BYTES)
    return file.size > most
      ? {
          status: 400,
          code: "image_file_too_large",
          message: `${file.name} has ${size(file.size)}, and ${size(most)} are allowed.`,
        }
      : null
  }

  /** @param {Source} source */
  #remove(source) {
    source.upload?.abort()
    if (source === this.list[0]) this.mask = null
    this.list = this.list.filter((each) => each !== source)
    this.#changed()
    byId("file").focus()
  }

  async #paint() {
    const [first] = this.list
    try {
      const mask = await paint(first.file ?? first.url, this.mask?.operations ?? [])
      if (mask) this.mask = mask
      this.#changed()
      byId("paint").focus()
    } catch (error) {
      byId("refusal").replaceChildren(problem(error))
    }
  }

  #changed() {
    this.#draw()
    this.onChange()
  }

  #draw() {
    const { inputs, list } = this
    byId("sources").replaceChildren(...list.map((source, index) => this.#item(source, index)))
    byId("add-shown").hidden = !inputs || inputs.max_count < 2
    byId("paint").disabled = !inputs?.mask || !list.length || Boolean(list[0].error)
    byId("paint").textContent = this.usedMask ? "Change the mask" : "Paint a mask"
    byId("inputs-hint").textContent = this.#hint()
  }

  #hint() {
    const { inputs, list } = this
    if (!inputs) return ""
    const roles = inputs.roles
      .map((/** @type {string} */ role, /** @type {number} */ index) => `${index + 1}: ${role}`)
      .join("; ")
    if (!list.length)
      return (
        roles ||
        `Upload a picture, or choose “Edit” beside one of yours.${inputs.mask_required ? " This tool needs a mask." : ""}`
      )
    if (list.length > inputs.max_count) return `This model takes ${inputs.max_count} at most.`
    return (
      roles ||
      (this.usedMask
        ? "Only what you painted changes."
        : inputs.mask
          ? "Without a mask, the whole picture can change."
          : "This model takes no mask.")
    )
  }

  /** @param {Source} source @param {number} index */
  #item(source, index) {
    const { name } = source
    const mask = index === 0 && this.usedMask
    const remove = element("button", { type: "button", className: "remove", "aria-label": `Remove ${name}` }, "×")
    remove.addEventListener("click", () => this.#remove(source))
    source.image ??= element("img", { alt: name, crossOrigin: "anonymous", src: source.url })
    source.bar ??= element("progress", { max: 1, value: 0, "aria-label": `Upload of ${name}` })
    source.share ??= element("p", {}, "0 %")
    const below = source.error ? [problem(source.error)] : source.id ? [] : [source.bar, source.share]
    return element("li", {}, source.image, mask && mask.thumbnail, remove, ...below)
  }
}

/** @param {Source} source */
function showProgress({ progress = 0, bar, share }) {
  if (bar) bar.value = progress
  if (share) share.textContent = progress === 1 ? "Almost there" : `${Math.round(progress * 100)} %`
}
