/** Purchases while they run: one card each, with what happens, how long it takes, and a way out. */

import { announce, byId, element } from "./dom.js"
import { duration } from "./format.js"
import { problem } from "./problems.js"

export class Card {
  /** @type {any} */
  job = null
  #started = Date.now() / 1000
  #said = ""
  #ticking = setInterval(() => this.#draw(), 1000)

  /**
   * @param {string} what the prompt
   * @param {() => void} onCancel
   * @param {number | undefined} expected seconds that such a purchase usually takes
   */
  constructor(what, onCancel, expected) {
    this.expected = expected
    this.state = element("p", { className: "state" }, "Sending the request …")
    this.bar = element("progress", { max: 1, "aria-label": "Expected progress" })
    this.cancelButton = element("button", { type: "button" }, "Cancel")
    this.cancelButton.addEventListener("click", onCancel)
    this.box = element(
      "article",
      { className: "job", "aria-label": what },
      element("p", { className: "what", title: what }, what),
      this.cancelButton,
      this.bar,
      this.state,
    )
    byId("jobs").prepend(this.box)
    this.box.scrollIntoView({ block: "nearest" })
  }

  /** @param {any} job as the API answers it */
  update(job) {
    this.job = job
    this.#draw()
  }

  /** Remove it: there is something better to show. */
  close() {
    clearInterval(this.#ticking)
    this.box.remove()
  }

  /**
   * Show why it ended, until it is dismissed.
   * @param {any} error
   * @param {() => void} [onRetry]
   */
  fail(error, onRetry) {
    clearInterval(this.#ticking)
    const dismiss = element("button", { type: "button" }, "Dismiss")
    dismiss.addEventListener("click", () => this.box.remove())
    const again = onRetry ? element("button", { type: "button" }, "Try again") : null
    again?.addEventListener("click", () => {
      this.box.remove()
      onRetry?.()
    })
    this.box.replaceChildren(this.box.firstChild, element("span"), problem(error, again, dismiss))
    announce(`Failed. ${this.box.querySelector("strong")?.textContent}.`)
  }

  /**
   * A remark that stays until the next change of the job.
   * @param {string} text
   */
  remark(text) {
    this.note = text
    announce(text)
    this.#draw()
  }

  #draw() {
    const began = this.job?.started_at ?? this.job?.created_at ?? this.#started
    const elapsed = Math.max(0, Date.now() / 1000 - began)
    const eta = this.job?.queue?.eta_seconds
    const expected = this.job?.status === "queued" && eta ? elapsed + eta : this.expected
    if (expected) this.bar.value = Math.min(0.96, elapsed / expected)
    this.state.textContent = [this.#status(elapsed), this.note].filter(Boolean).join(" ")
    const said = this.job?.status ?? ""
    if (said !== this.#said) announce(this.state.textContent)
    this.#said = said
  }

  /** @param {number} elapsed seconds */
  #status(elapsed) {
    if (!this.job)
      return elapsed < 5 ? "Sending the request …" : `Waiting for the deployment, ${duration(elapsed)} so far.`
    if (this.job.status === "queued") return queued(this.job.queue, elapsed)
    const usual = this.expected
    const late = usual && elapsed > 2 * usual + 5
    const hint = late ? " Longer than usual; nothing is lost, and the picture will also appear in the history." : ""
    return `Making the picture, ${duration(elapsed)} so far${usual ? `; usually about ${duration(usual)}` : ""}.${hint}`
  }
}

/** @param {any} queue @param {number} elapsed seconds */
function queued(queue, elapsed) {
  if (!queue) return `In the queue, ${duration(elapsed)} so far.`
  const ahead = queue.jobs_waiting > 1 ? `${queue.jobs_waiting} jobs wait` : "Next in the queue"
  return `${ahead}, about ${duration(queue.eta_seconds)} to go; ${duration(elapsed)} so far.`
}
