/** Purchases while they run: one card each, with what happens, how long it takes, and a way out. */

import { announce, byId, element } from "./dom.js"
import { duration } from "./format.js"
import { problem } from "./problems.js"

/** Seconds of a clock that nobody sets. */
const now = () => performance.now() / 1000

export class Card {
  /** @type {any} */
  job = null
  #heard = now()
  #said = ""
  #previewed = -1
  #ticking = setInterval(() => this.#draw(), 1000)

  /**
   * @param {string} what the prompt
   * @param {() => void} onCancel
   */
  constructor(what, onCancel) {
    this.state = element("p", { className: "state" }, "Sending the request …")
    this.preview = element("figure", { className: "preview", hidden: true })
    this.bar = element("progress", { max: 1, "aria-label": "Expected progress" })
    this.cancelButton = element("button", { type: "button" }, "Cancel")
    this.cancelButton.addEventListener("click", onCancel)
    this.box = element(
      "article",
      { className: "job", "aria-label": what },
      element("p", { className: "what", title: what }, what),
      this.cancelButton,
      this.preview,
      this.bar,
      this.state,
    )
    byId("jobs").prepend(this.box)
    this.box.scrollIntoView({ block: "nearest" })
  }

  /** @param {any} job as the API answers it */
  update(job) {
    this.job = job
    this.#heard = now()
    this.#showPreview(job.previews?.at(-1))
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
    const retry = error.charged === false ? "Try again" : "Buy again, which may cost twice"
    const again = onRetry ? element("button", { type: "button" }, retry) : null
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
    const progress = this.job?.progress
    const elapsed = (progress?.elapsed_seconds ?? 0) + now() - this.#heard
    this.#drawBar(progress, elapsed)
    this.state.textContent = [words(this.job, elapsed), this.note].filter(Boolean).join(" ")
    this.bar.setAttribute("aria-valuetext", this.state.textContent)
    const said = this.job?.status ?? ""
    if (said !== this.#said) announce(this.state.textContent)
    this.#said = said
  }

  /**
   * The share of such jobs that would be done by now: half of it at the median. Beyond nine of ten, it stands still.
   * @param {any} progress
   * @param {number} elapsed seconds
   */
  #drawBar(progress, elapsed) {
    const usual = progress?.stage === "queued" ? null : progress?.usual_seconds
    this.bar.classList.toggle("late", isLate(usual, elapsed))
    if (usual) this.bar.value = shareDone(usual, elapsed)
    else this.bar.removeAttribute("value")
  }

  /** Show the newest preview, once it has arrived, in place of the one before. @param {any} preview */
  #showPreview(preview) {
    if (!preview || preview.index === this.#previewed) return
    this.#previewed = preview.index
    const { url, width, height } = preview
    const alt = `Preview ${preview.index + 1}: the picture is not finished yet`
    const image = element("img", { src: url, width, height, alt })
    image.addEventListener("load", () => {
      if (preview.index !== this.#previewed) return
      this.preview.replaceChildren(image)
      this.preview.hidden = false
      announce(`Preview ${preview.index + 1} can be seen.`)
    })
  }
}

/** @param {any} usual @param {number} elapsed seconds */
function isLate(usual, elapsed) {
  return Boolean(usual) && elapsed > usual.p90
}

/** @param {{p50: number, p90: number}} usual @param {number} elapsed seconds */
function shareDone({ p50, p90 }, elapsed) {
  if (elapsed <= p50) return (0.5 * elapsed) / p50
  return elapsed >= p90 ? 0.9 : 0.5 + (0.4 * (elapsed - p50)) / (p90 - p50)
}

const DOING = /** @type {Record<string, string>} */ ({
  claimed: "Getting ready",
  calling: "Making the picture",
  storing: "Storing the picture",
})

/** What a job does. @param {any} job null as long as nothing was heard of it @param {number} elapsed seconds */
function words(job, elapsed) {
  if (!job) return elapsed < 5 ? "Sending the request …" : `Waiting for the deployment, ${duration(elapsed)} so far.`
  const { stage, position, usual_seconds: usual } = job.progress ?? {}
  if (stage === "queued") return `${place(position)}${remaining(job.queue)} ${duration(elapsed)} so far.`
  const doing = `${DOING[stage] ?? "Making the picture"}, ${duration(elapsed)} so far`
  if (!usual) return `${doing}.`
  if (!isLate(usual, elapsed))
    return `${doing}; usually ${duration(usual.p50)}, 9 of 10 within ${duration(usual.p90)}.`
  return (
    `${doing}, longer than usual: 9 of 10 take at most ${duration(usual.p90)}. ` +
    "Nothing is lost; the picture will also appear in the history."
  )
}

/** @param {number | null} position roughly how many jobs are ahead */
function place(position) {
  if (position === null) return "In the queue,"
  if (position === 0) return "Next in the queue,"
  return `In the queue, roughly ${position} ${position === 1 ? "job" : "jobs"} ahead,`
}

/** @param {any} queue */
function remaining(queue) {
  return queue ? ` about ${duration(queue.eta_seconds)} to go;` : ""
}
