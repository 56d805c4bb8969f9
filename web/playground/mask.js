/**
 * Painting a mask over a picture, with a pointer or with the keyboard.
 *
 * A mask is a list of operations, with all lengths as fractions of the picture's width and height, so that the screen
 * shows it small and the file gets it in full size.
 *
 * @typedef {{kind: "stroke", points: [number, number][], radius: number}
 *   | {kind: "rectangle", left: number, top: number, width: number, height: number}
 *   | {kind: "invert"} | {kind: "clear"}} Operation
 * @typedef {{operations: Operation[], file: Blob, thumbnail: HTMLCanvasElement}} Mask
 */

import { byId, element } from "./dom.js"

const SHOWN_PIXELS = 1400
const STEP = 0.02

/**
 * Lets a person paint; null if they cancel. The file is a PNG of the picture's size, transparent where it changes.
 * @param {Blob | string} source the picture, or its URL
 * @param {Operation[]} operations of an earlier mask
 * @returns {Promise<Mask | null>}
 */
export async function paint(source, operations) {
  const picture = await load(source)
  const editor = new Editor(picture, operations)
  const dialog = byId("masking")
  dialog.showModal()
  byId("canvas").focus()
  const wanted = await editor.finished
  dialog.close()
  if (!wanted || editor.isEmpty) return null
  return {
    operations: editor.operations,
    file: await file(picture, editor.operations),
    thumbnail: thumbnail(picture, editor.operations),
  }
}

/** As it is stored: an EXIF orientation turns a photo only when it is shown, and a mask must fit the stored one. */
async function load(/** @type {Blob | string} */ source) {
  const blob = typeof source === "string" ? await (await fetch(source)).blob() : source
  return createImageBitmap(blob, { imageOrientation: "none" })
}

class Editor {
  /** @type {[number, number]} */
  #brush = [0.5, 0.5]
  #byKeyboard = false
  /** @type {Operation | null} */
  #stroke = null
  #listeners = new AbortController()

  /** @param {ImageBitmap} picture @param {Operation[]} operations */
  constructor(picture, operations) {
    this.picture = picture
    this.operations = [...operations]
    this.canvas = byId("canvas")
    const scale = Math.min(1, SHOWN_PIXELS / Math.max(picture.width, picture.height))
    this.canvas.width = Math.round(picture.width * scale)
    this.canvas.height = Math.round(picture.height * scale)
    /** @type {Promise<boolean>} */
    this.finished = new Promise((resolve) => this.#listen(resolve))
    this.finished.then(() => this.#listeners.abort())
    this.#draw()
  }

  get isEmpty() {
    return !this.operations.length || this.operations.at(-1)?.kind === "clear"
  }

  get radius() {
    return Number(byId("brush").value) / 200
  }

  /** @param {(wanted: boolean) => void} finish */
  #listen(finish) {
    const on = (/** @type {any} */ target, /** @type {string} */ type, /** @type {any} */ handle) =>
      target.addEventListener(type, handle, { signal: this.#listeners.signal })
    on(this.canvas, "pointerdown", (/** @type {PointerEvent} */ event) => this.#begin(event))
    on(this.canvas, "pointermove", (/** @type {PointerEvent} */ event) => this.#move(event))
    on(this.canvas, "pointerup", () => this.#end())
    on(this.canvas, "pointercancel", () => this.#end())
    on(this.canvas, "keydown", (/** @type {KeyboardEvent} */ event) => this.#press(event))
    on(this.canvas, "blur", () => {
      this.#byKeyboard = false
      this.#end()
      this.#draw()
    })
    on(byId("undo"), "click", () => this.#undo())
    on(byId("clear"), "click", () => this.#add({ kind: "clear" }, "Cleared."))
    on(byId("invert"), "click", () => this.#add({ kind: "invert" }, "Inverted."))
    on(byId("rectangle"), "submit", (/** @type {SubmitEvent} */ event) => this.#mark(event))
    on(byId("masking-done"), "click", () => finish(true))
    on(byId("masking-cancel"), "click", () => finish(false))
    on(byId("masking"), "close", () => finish(false))
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  #at(event) {
    const box = this.canvas.getBoundingClientRect()
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
  }

  /** @param {PointerEvent} event */
  #begin(event) {
    this.canvas.setPointerCapture(event.pointerId)
    this.#byKeyboard = false
    this.#start(this.#at(event))
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (this.#stroke) this.#extend(this.#at(event))
  }

  /** @param {[number, number]} point */
  #start(point) {
    this.#stroke = { kind: "stroke", points: [point], radius: this.radius }
    this.operations.push(this.#stroke)
    this.#draw()
  }

  /** @param {[number, number]} point */
  #extend(point) {
    if (this.#stroke?.kind === "stroke") this.#stroke.points.push(point)
    this.#draw()
  }

  #end() {
    this.#stroke = null
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const moves = /** @type {Record<string, [number, number]>} */ ({
      ArrowLeft: [-STEP, 0],
      ArrowRight: [STEP, 0],
      ArrowUp: [0, -STEP],
      ArrowDown: [0, STEP],
    })
    const move = moves[event.key]
    if (move) this.#step(move)
    else if (event.key === " ") this.#stroke ? this.#end() : this.#start([...this.#brush])
    else if (event.key === "[" || event.key === "]") byId("brush")[event.key === "[" ? "stepDown" : "stepUp"](2)
    else if (event.key.toLowerCase() === "z") this.#undo()
    else return
    event.preventDefault()
    this.#byKeyboard = true
    this.#draw()
    const [x, y] = this.#brush.map((part) => Math.round(part * 100))
    this.#say(
      `${this.#stroke ? "Painting" : "Brush"} at ${x} % from the left, ${y} % from the top, size ${byId("brush").value}.`,
    )
  }

  /** @param {[number, number]} move */
  #step([x, y]) {
    const inside = (/** @type {number} */ part) => Math.min(1, Math.max(0, part))
    this.#brush = [inside(this.#brush[0] + x), inside(this.#brush[1] + y)]
    if (this.#stroke) this.#extend([...this.#brush])
  }

  /** @param {SubmitEvent} event */
  #mark(event) {
    event.preventDefault()
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target))
    const part = (/** @type {string} */ name) => Number(form.get(name)) / 100
    const [left, top, width, height] = ["left", "top", "width", "height"].map(part)
    this.#add({ kind: "rectangle", left, top, width, height }, "Rectangle marked.")
  }

  #undo() {
    this.#end()
    this.#say(this.operations.pop() ? "Undone." : "Nothing to undo.")
    this.#draw()
  }

  /** @param {Operation} operation @param {string} what */
  #add(operation, what) {
    this.operations.push(operation)
    this.#say(what)
    this.#draw()
  }

  /** @param {string} text */
  #say(text) {
    byId("masking-status").textContent = text
  }

  #draw() {
    const { canvas, picture } = this
    const context = canvas.getContext("2d")
    context.drawImage(picture, 0, 0, canvas.width, canvas.height)
    context.globalAlpha = 0.6
    context.drawImage(painted(canvas.width, canvas.height, this.operations), 0, 0)
    context.globalAlpha = 1
    if (this.#byKeyboard) drawBrush(context, this.#brush, this.radius)
  }
}

/** A ring that is seen on light and on dark. */
function drawBrush(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {number[]} */ [x, y],
  /** @type {number} */ radius,
) {
  const { width, height } = context.canvas
  for (const [color, line] of /** @type {[string, number][]} */ ([
    ["#000", 5],
    ["#fff", 2],
  ])) {
    context.beginPath()
    context.arc(x * width, y * height, Math.max(4, radius * Math.max(width, height)), 0, 2 * Math.PI)
    context.strokeStyle = color
    context.lineWidth = line
    context.stroke()
  }
}

/**
 * What the operations have painted, opaque on transparent.
 * @param {number} width
 * @param {number} height
 * @param {Operation[]} operations
 */
function painted(width, height, operations) {
  const canvas = element("canvas", { width, height })
  const context = canvas.getContext("2d")
  context.fillStyle = context.strokeStyle = "#ff3b6b"
  context.lineCap = context.lineJoin = "round"
  for (const each of operations) {
    context.globalCompositeOperation = "source-over"
    if (each.kind === "clear") context.clearRect(0, 0, width, height)
    else if (each.kind === "rectangle")
      context.fillRect(each.left * width, each.top * height, each.width * width, each.height * height)
    else if (each.kind === "invert") {
      context.globalCompositeOperation = "source-out"
      context.fillRect(0, 0, width, height)
    } else strokeOn(context, each)
  }
  return canvas
}

function strokeOn(/** @type {CanvasRenderingContext2D} */ context, /** @type {any} */ { points, radius }) {
  const { width, height } = context.canvas
  context.lineWidth = 2 * radius * Math.max(width, height)
  context.beginPath()
  context.moveTo(points[0][0] * width, points[0][1] * height)
  for (const [x, y] of points) context.lineTo(x * width, y * height)
  context.stroke()
}

/** @param {ImageBitmap} picture @param {Operation[]} operations @returns {Promise<Blob>} */
function file({ width, height }, operations) {
  const canvas = element("canvas", { width, height })
  const context = canvas.getContext("2d")
  context.fillRect(0, 0, width, height)
  context.globalCompositeOperation = "destination-out"
  context.drawImage(painted(width, height, operations), 0, 0)
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"))
}

/** @param {ImageBitmap} picture @param {Operation[]} operations @returns {HTMLCanvasElement} */
function thumbnail({ width, height }, operations) {
  const scale = 200 / Math.max(width, height)
  return painted(Math.round(width * scale), Math.round(height * scale), operations)
}
