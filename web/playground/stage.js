/** One picture, large, with what is known about it and what can be done with it. */

import { announce, byId, element } from "./dom.js"
import { comparison } from "./compare.js"
import { dollars, duration, moment, size } from "./format.js"
import { problem } from "./problems.js"
import { BASE_URL, permalink } from "./session.js"
import * as snippets from "./snippets.js"

const LANGUAGES = /** @type {const} */ ([
  ["curl", snippets.curl],
  ["Python", snippets.python],
  ["JavaScript", snippets.javascript],
])

export class Stage {
  /** @type {any} */
  picture = null
  #comparing = false

  /**
   * @param {import("./session.js").Session} session
   * @param {{onEdit: (picture: any) => void, onDelete: (picture: any) => void}} actions
   */
  constructor(session, actions) {
    this.session = session
    this.actions = actions
    this.language = "curl"
  }

  /** Before the first picture. */
  welcome() {
    this.picture = null
    const connect = element("button", { type: "button", className: "primary" }, "Connect with a key")
    connect.addEventListener("click", () => this.session.open())
    const { connected } = this.session
    byId("stage").replaceChildren(
      element(
        "div",
        { className: "welcome" },
        element("h2", {}, connected ? "Your first picture goes here" : "Make pictures, and see what they cost"),
        element(
          "p",
          {},
          connected
            ? "Write what you would like to see. The price is shown before you buy; the code to do the same from your program comes with the picture."
            : "The playground calls this deployment as your own program would, with your key. The key stays in the memory of this tab.",
        ),
        !connected && connect,
      ),
    )
  }

  /**
   * @param {any} picture an image of the API; `request` and `before` are known for those made in this visit
   * @param {{focus?: boolean}} [how]
   */
  async show(picture, { focus = false } = {}) {
    this.picture = picture
    this.#comparing = false
    this.#draw()
    if (focus) {
      byId("stage").scrollIntoView({ block: "nearest" })
      byId("stage").focus({ preventScroll: true })
    }
    if (picture.job || !this.session.connected) return
    try {
      picture.job = await this.session.client.job(picture.job_id)
      if (this.picture === picture) this.#describe()
    } catch {
      // The picture is shown all the same, with what its entry says.
    }
  }

  #draw() {
    const { picture } = this
    const shown = this.#comparing ? comparison(before(picture), picture.url) : image(picture)
    this.beside = element("div", { className: "facts" })
    this.below = element("section", { className: "code", "aria-label": "The code behind it" })
    byId("stage").replaceChildren(
      element("div", { className: "picture" }, element("div", { className: "canvas" }, shown), this.beside),
      this.below,
    )
    this.#describe()
  }

  /** All but the picture itself. */
  #describe() {
    this.beside.replaceChildren(...this.#facts(this.picture))
    this.below.replaceChildren(...this.#code(this.picture))
  }

  /** @param {any} picture */
  #facts(picture) {
    const prompt = picture.job?.prompt ?? picture.prompt
    const rows = facts(picture).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])
    return [
      element("p", { className: "prompt" }, prompt || "No prompt"),
      this.#buttons(picture),
      element("dl", {}, ...rows),
    ]
  }

  /** @param {any} picture */
  #buttons(picture) {
    const button = (/** @type {string} */ label, /** @type {(button: any) => any} */ act, className = "") => {
      const made = element("button", { type: "button", className }, label)
      made.addEventListener("click", () => act(made))
      return made
    }
    const extension = picture.content_type.split("/")[1].replace("jpeg", "jpg").replace("svg+xml", "svg")
    const compare = button(this.#comparing ? "Show the result" : "Compare", () => {
      this.#comparing = !this.#comparing
      this.#draw()
      byId("stage").querySelector(".compare input")?.focus()
    })
    return element(
      "div",
      { className: "row" },
      element("a", { className: "button", href: `${picture.link}?download=${picture.id}.${extension}` }, "Download"),
      button("Edit", () => this.actions.onEdit(picture)),
      before(picture) && compare,
      button("Copy link", (made) => copy(picture.link, made)),
      button("Delete", (made) => this.#confirmDelete(made), "quiet"),
    )
  }

  /** Ask once more, in the button itself. @param {any} button */
  #confirmDelete(button) {
    if (button.dataset.asked) return this.actions.onDelete(this.picture)
    button.dataset.asked = "yes"
    button.textContent = "Delete for good?"
    button.addEventListener(
      "blur",
      () => {
        delete button.dataset.asked
        button.textContent = "Delete"
      },
      { once: true },
    )
  }

  /** @param {any} picture */
  #code(picture) {
    const request = picture.request ?? asked(picture)
    const made = LANGUAGES.find(([name]) => name === this.language)?.[1](request, BASE_URL) ?? ""
    const tabs = LANGUAGES.map(([name]) => {
      const input = element("input", { type: "radio", name: "language", value: name, checked: name === this.language })
      input.addEventListener("change", () => {
        this.language = name
        this.#describe()
        byId("stage").querySelector(`input[value="${name}"]`)?.focus()
      })
      return element("label", {}, input, element("span", {}, name))
    })
    const copyButton = element("button", { type: "button" }, "Copy code")
    copyButton.addEventListener("click", () => copy(made, copyButton))
    const mask =
      request.mask &&
      element(
        "a",
        { className: "button", href: URL.createObjectURL(request.mask), download: "mask.png" },
        "Save mask.png",
      )
    const legend = element("legend", { className: "for-ears" }, "Language")
    return [
      element(
        "div",
        { className: "row" },
        element("fieldset", { className: "modes small" }, legend, ...tabs),
        element("span", { className: "row" }, mask, copyButton),
      ),
      element("pre", { tabIndex: 0, role: "region", "aria-label": "Code" }, element("code", {}, made)),
    ]
  }

  /** @param {any} error */
  fail(error) {
    byId("stage").prepend(problem(error))
  }
}

/** A picture, again by its permalink if its signed URL has expired. @param {any} picture */
export function image(picture) {
  const made = element("img", {
    alt: picture.prompt || "A picture without a prompt",
    crossOrigin: "anonymous",
    width: picture.width,
    height: picture.height,
    decoding: "async",
  })
  made.addEventListener(
    "error",
    () => {
      made.src = permalink(picture.id)
    },
    { once: true },
  )
  made.src = picture.url
  return made
}

/** What it was made from, if that is known. @param {any} picture */
function before(picture) {
  const source = picture.metadata?.edited_from
  return picture.before ?? (source ? permalink(source) : null)
}

/** @param {any} picture @returns {[string, string][]} */
function facts(picture) {
  const { job } = picture
  const took = job?.finished_at && job.started_at ? job.finished_at - job.started_at : null
  const notes = Object.entries(picture.metadata ?? {}).filter(([name]) => name !== "edited_from")
  return /** @type {[string, string | null][]} */ ([
    [
      "Cost",
      picture.cost_micro_usd === null || picture.cost_micro_usd === undefined ? null : dollars(picture.cost_micro_usd),
    ],
    ["Model", picture.model],
    ["Quality", picture.quality],
    ["Pixels", `${picture.width} × ${picture.height}`],
    ["File", `${picture.content_type.split("/")[1].replace("+xml", "")}, ${size(picture.bytes)}`],
    ["Made", moment(picture.created_at)],
    ["Took", took === null ? null : duration(took)],
    ["Kept until", picture.kept_until ? moment(picture.kept_until) : null],
    ["Made from", picture.metadata?.edited_from ?? null],
    ...notes,
    ["Id", picture.id],
  ]).filter(/** @returns {each is [string, string]} */ (each) => each[1] !== null && each[1] !== undefined)
}

/** The request behind a picture of an earlier visit, as far as its job tells. @param {any} picture @returns {snippets.Request} */
function asked(picture) {
  const job = picture.job
  const parameters = { model: picture.model, prompt: job?.prompt ?? picture.prompt ?? "", ...job?.easel.requested }
  const images = [picture.metadata?.edited_from ?? "img_OF_THE_PICTURE"]
  return job?.operation === "edit" ? { operation: "edit", parameters, images } : { operation: "generation", parameters }
}

/** @param {string} text @param {any} button */
async function copy(text, button) {
  const label = button.textContent
  try {
    await navigator.clipboard.writeText(text)
    button.textContent = "Copied"
    announce("Copied.")
  } catch {
    button.textContent = "The browser does not allow it"
  }
  setTimeout(() => {
    button.textContent = label
  }, 2000)
}
