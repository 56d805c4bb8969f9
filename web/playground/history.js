/** What was made earlier: pictures and jobs, newest first. */

import { byId, element } from "./dom.js"
import { dollars, duration, moment } from "./format.js"
import { words } from "./problems.js"
import { image } from "./stage.js"

const PAGE = 24

export class History {
  /** @type {any[]} */
  pictures = []
  /** @type {any[]} */
  jobs = []
  #more = { pictures: false, jobs: false }
  /** @type {WeakMap<any, HTMLElement>} kept, since a picture that is drawn anew is asked for anew */
  #tiles = new WeakMap()

  /**
   * @param {import("./session.js").Session} session
   * @param {(picture: any) => void} onOpen
   */
  constructor(session, onOpen) {
    this.session = session
    this.onOpen = onOpen
    byId("older").addEventListener("click", () => this.#older())
    for (const input of document.querySelectorAll("input[name=view]"))
      input.addEventListener("change", () => this.draw())
  }

  get view() {
    return /** @type {"pictures" | "jobs"} */ (
      /** @type {HTMLInputElement} */ (document.querySelector("input[name=view]:checked")).value
    )
  }

  /** Forget what another key has made. */
  clear() {
    this.pictures = []
    this.jobs = []
    this.hint = "Reading what was made earlier …"
    this.draw()
  }

  /** Read the first pages anew; a browser token may not, and keeps what was made in this visit. */
  async load() {
    try {
      const [pictures, jobs] = await Promise.all([
        this.session.client.images({ limit: PAGE }),
        this.session.client.jobs({ limit: PAGE }),
      ])
      this.pictures = pictures.data
      this.jobs = jobs.data
      this.#more = { pictures: pictures.has_more, jobs: jobs.has_more }
      this.hint = ""
    } catch (/** @type {any} */ error) {
      this.hint =
        error.code === "token_not_allowed"
          ? "A browser token cannot list what was made earlier. Pictures of this visit appear here."
          : words(error).join(". ")
    }
    this.draw()
  }

  /** @param {any[]} pictures new ones */
  add(pictures) {
    this.pictures.unshift(...pictures)
    this.draw()
  }

  /** A job that has ended, so that the list knows it. @param {any} job */
  note(job) {
    this.jobs = [job, ...this.jobs.filter(({ id }) => id !== job.id)]
    this.draw()
  }

  /** @param {string} id */
  remove(id) {
    this.pictures = this.pictures.filter((picture) => picture.id !== id)
    this.draw()
  }

  /** @param {string} id of the picture on the stage */
  mark(id) {
    for (const picture of this.pictures)
      this.#tiles
        .get(picture)
        ?.querySelector("button")
        ?.setAttribute("aria-current", String(picture.id === id))
  }

  draw() {
    const { view } = this
    byId("pictures").hidden = view !== "pictures"
    byId("job-list").hidden = view !== "jobs"
    byId("older").hidden = !this.#more[view]
    const empty = this[view].length ? "" : "Nothing yet."
    byId("history-hint").textContent = this.hint || (this.session.connected ? empty : "")
    if (view === "pictures") byId("pictures").replaceChildren(...this.pictures.map((picture) => this.#tileOf(picture)))
    else byId("job-list").replaceChildren(...(this.jobs.length ? [table(this.jobs)] : []))
  }

  async #older() {
    const { view } = this
    const last = this[view].at(-1).id
    try {
      const page = await this.session.client[view === "jobs" ? "jobs" : "images"]({ limit: PAGE, after: last })
      this[view].push(...page.data)
      this.#more[view] = page.has_more
      this.draw()
    } catch (/** @type {any} */ error) {
      byId("history-hint").textContent = words(error).join(". ")
    }
  }

  /** @param {any} picture */
  #tileOf(picture) {
    const made = this.#tiles.get(picture) ?? this.#tile(picture)
    this.#tiles.set(picture, made)
    return made
  }

  /** @param {any} picture */
  #tile(picture) {
    const button = element("button", { type: "button" }, image(picture))
    button.addEventListener("click", () => this.onOpen(picture))
    const cost =
      picture.cost_micro_usd === null || picture.cost_micro_usd === undefined ? "" : dollars(picture.cost_micro_usd)
    return element(
      "li",
      {},
      button,
      element(
        "p",
        { "aria-hidden": "true" },
        element("span", {}, picture.prompt || picture.model),
        element("span", {}, cost),
      ),
    )
  }
}

/** @param {any[]} jobs */
function table(jobs) {
  const heads = ["Created", "Status", "Model", "Prompt", "Cost", "Took"]
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, ...jobs.map(row)),
  )
}

/** @param {any} job */
function row(job) {
  const cost = job.easel.cost.actual_micro_usd
  const took = job.finished_at && job.started_at ? duration(job.finished_at - job.started_at) : ""
  const status = job.error ? `${job.status}: ${words(job.error)[0]}` : job.status
  const cells = [moment(job.created_at), status, job.model, job.prompt ?? "", cost === null ? "" : dollars(cost), took]
  return element("tr", {}, ...cells.map((text, index) => element("td", index === 3 ? { className: "text" } : {}, text)))
}
