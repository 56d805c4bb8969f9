// The client of Easel for web pages: one ES module, no dependencies, no build. Types: easel.d.ts.
//
//   import { Easel } from "https://…/v1/easel.js"
//   const easel = new Easel({ token: () => fetch("/token", { method: "POST" }).then((answer) => answer.text()) })
//   const { data } = await easel.generate({ prompt: "a lighthouse at dawn", quality: "low" })
//
// @ts-self-types="./easel.d.ts"

// What can replace a token that the deployment refuses: the page's server makes another one.
const RENEWABLE = new Set(["token_expired", "token_used_up", "token_revoked", "invalid_token"])
// A token that ends sooner is replaced before a purchase, since the images can be read only with the same one.
const SPARE_SECONDS = 120
// Seconds between attempts to send again what got no answer, and for how long: a call, and a job or a file on its way.
const PAUSES = [1, 2, 4, 8, 15, 30]
const PATIENCE = 120
const LONG_PATIENCE = 900
// Bytes of files that go along with a request; more than that are uploaded before.
const MAX_INLINE_BYTES = 1_000_000
const POLL_SECONDS = 2
const UNFINISHED = new Set(["queued", "running"])

/** What went wrong: the deployment's own error, or that it could not be reached (`code` is `network_error`). */
export class EaselError extends Error {
  constructor(error, { status = null, retryAfter, cause } = {}) {
    super(error.message, { cause })
    this.name = "EaselError"
    this.status = status
    this.code = error.code ?? null
    this.param = error.param ?? null
    this.charged = error.charged ?? false
    this.retryable = error.retryable ?? false
    this.retryAfter = retryAfter
    this.requestId = error.request_id ?? null
    this.jobId = error.job_id ?? null
    this.idempotencyKey = null
    this.budget = error.budget ?? null
    this.moderation = error.moderation ?? null
  }
}

export class Easel {
  #baseURL
  #token
  #fetch
  #current = null // the token in use, as a promise
  #endsAt = Infinity // when it does, by performance.now(), in seconds

  constructor({ baseURL = new URL(".", import.meta.url).href, token, fetch = globalThis.fetch.bind(globalThis) }) {
    this.#baseURL = baseURL.replace(/\/+$/, "")
    this.#token = token
    this.#fetch = fetch
  }

  /** Buys images for a prompt, and resolves to them however long it takes. */
  generate(body, options = {}) {
    return this.#buy("/images/generations", async () => body, options)
  }

  /** Buys images made from other images: files, URLs, or ids of uploads and earlier images. */
  edit(body, options = {}) {
    return this.#buy("/images/edits", () => this.#withFiles(body, options), options)
  }

  /** What the body of `generate` or `edit` would cost. Files are not sent: upload them, and quote their ids. */
  async quote(body, { signal } = {}) {
    const { image, images = image, mask, markup, ...rest } = body
    const found = await this.#withFiles(images === undefined ? rest : { ...rest, image: images, mask, markup }, null)
    return this.#json("POST", "/images/quote", { body: found, signal })
  }

  /** Sends a file of up to 50 MB to the bucket, and resolves to its id. */
  async upload(file, { onProgress, signal } = {}) {
    const type = await imageType(file)
    const filename = file.name ? { filename: file.name.slice(-255) } : {}
    const body = { content_type: type, bytes: file.size, ...filename }
    const upload = await this.#json("POST", "/uploads", { body, signal })
    const form = new FormData()
    for (const [name, value] of Object.entries(upload.fields)) form.append(name, value)
    form.append("file", file)
    await patiently(() => this.#send(upload.url, form, file.size, onProgress, signal), signal, LONG_PATIENCE)
    return upload.id
  }

  /** The job as it is now. */
  job(id, { signal } = {}) {
    return this.#json("GET", `/jobs/${encodeURIComponent(id)}`, { signal })
  }

  /** The images of a job that was started before, as soon as it has them: after a reload of the page, for example. */
  async wait(id, { onProgress, signal } = {}) {
    return this.#result(await this.job(id, { signal }), onProgress, signal)
  }

  jobs(query = {}, { signal } = {}) {
    return this.#json("GET", `/jobs${encoded(query)}`, { signal })
  }

  /** Cancels a job for which nothing has been bought yet. */
  cancel(id, { signal } = {}) {
    return this.#json("POST", `/jobs/${encodeURIComponent(id)}/cancel`, { signal })
  }

  images(query = {}, { signal } = {}) {
    return this.#json("GET", `/images${encoded(query)}`, { signal })
  }

  /** Deletes an image, an upload, or what is private of a job that has ended. */
  delete(id, { signal } = {}) {
    const folder = id.startsWith("job_") ? "jobs" : id.startsWith("file_") ? "uploads" : "images"
    return this.#json("DELETE", `/${folder}/${encodeURIComponent(id)}`, { signal })
  }

  models({ signal } = {}) {
    return this.#json("GET", "/models", { signal })
  }

  usage(query = {}, { signal } = {}) {
    return this.#json("GET", `/usage${encoded(query)}`, { signal })
  }

  // -------------------------------------------------------------- buying

  async #buy(path, bodyOf, { onProgress, signal, idempotencyKey = randomKey() } = {}) {
    signal?.throwIfAborted()
    const body = await bodyOf()
    await this.#replaceEndingToken()
    // Not aborted itself, since only an answer has the id of the job that is to be canceled then.
    const headers = { "Idempotency-Key": idempotencyKey, Prefer: "respond-async" }
    const accepted = this.#json("POST", path, { body, headers, buys: true }).catch((error) => {
      throw error instanceof EaselError ? Object.assign(error, { idempotencyKey }) : error
    })
    const abandon = () => accepted.then((job) => job.id && this.cancel(job.id)).catch(() => {})
    return unlessAborted(
      signal,
      accepted.then((answer) => (answer.object === "job" ? this.#result(answer, onProgress, signal) : answer)),
      abandon,
    )
  }

  async #result(job, onProgress, signal) {
    onProgress?.(job)
    while (UNFINISHED.has(job.status)) {
      await pause((job.retryAfter ?? POLL_SECONDS) * 1000, signal)
      job = await this.#json("GET", `/jobs/${job.id}`, { signal, patience: LONG_PATIENCE }).catch((error) => {
        throw error instanceof EaselError ? Object.assign(error, { jobId: error.jobId ?? job.id }) : error
      })
      onProgress?.(job)
    }
    if (job.status === "succeeded") return job.result
    throw new EaselError(job.error ?? { ...CANCELED, job_id: job.id })
  }

  // -------------------------------------------------------------- files

  /** The body with references in place of its files. Without `options`, there must be none. */
  async #withFiles(body, options) {
    const { image, mask, markup, ...rest } = body
    const sources = [image ?? []].flat()
    const files = [...sources, mask, markup].filter((source) => source instanceof Blob)
    if (files.length && !options) {
      throw new EaselError({ code: "file_not_sent", message: "A quote sends no files. Upload the file, and quote its id." })
    }
    const bytes = files.reduce((sum, file) => sum + file.size, 0)
    const sent = new Map(files.map((file) => [file, 0]))
    const reference = async (source) => {
      if (!(source instanceof Blob)) return /^(file|img)_/.test(source) ? { file_id: source } : { image_url: source }
      if (bytes <= MAX_INLINE_BYTES) return { image_url: await dataURL(source) }
      const onProgress = ({ loaded }) => {
        sent.set(source, loaded)
        options.onUpload?.({ loaded: [...sent.values()].reduce((sum, each) => sum + each, 0), total: bytes })
      }
      return { file_id: await this.upload(source, { onProgress, signal: options.signal }) }
    }
    const found = { ...rest }
    if (sources.length) found.images = await Promise.all(sources.map(reference))
    if (mask) found.mask = await reference(mask)
    if (markup) found.markup = await reference(markup)
    return found
  }

  /** Sends a signed form to the bucket; XMLHttpRequest can tell how far it is, unlike fetch. */
  async #send(url, form, total, onProgress, signal) {
    if (!globalThis.XMLHttpRequest) {
      const answer = await this.#reach(url, { method: "POST", body: form, signal })
      if (!answer.ok) throw notStored(answer.status)
      onProgress?.({ loaded: total, total })
      return
    }
    const request = new XMLHttpRequest()
    const sent = new Promise((resolve, reject) => {
      request.upload.onprogress = (event) => onProgress?.({ loaded: Math.min(event.loaded, total), total })
      request.onload = () => (request.status < 300 ? resolve() : reject(notStored(request.status)))
      request.onerror = () => reject(new Break())
      request.open("POST", url)
      request.send(form)
    })
    await unlessAborted(signal, sent, () => request.abort())
    onProgress?.({ loaded: total, total })
  }

  // -------------------------------------------------------------- calls

  /** The document that a call answers. What `buys` is sent again only with the token it may have bought with. */
  async #json(method, path, { body, headers, signal, buys = false, patience } = {}) {
    const sent = { method, signal, headers: { ...headers } }
    if (body !== undefined) {
      sent.body = JSON.stringify(body)
      sent.headers["Content-Type"] = "application/json"
    }
    let token = await this.#useToken(signal)
    let renewed = false
    let isInDoubt = false
    const attempt = async () => {
      const authorized = new Headers({ ...sent.headers, Authorization: `Bearer ${token}` })
      try {
        return await this.#reach(this.#baseURL + path, { ...sent, headers: authorized })
      } catch (error) {
        if (RENEWABLE.has(error.code) && typeof this.#token === "function" && !renewed) {
          if (buys && isInDoubt) throw inDoubt(error)
          renewed = true
          token = await this.#renewToken(token, signal)
          return attempt()
        }
        isInDoubt ||= error instanceof Break || error.charged === "unknown"
        throw error
      }
    }
    return patiently(attempt, signal, patience)
  }

  /** The document of an answer; throws an EaselError if it is an error, and a Break if there is no whole answer. */
  async #reach(url, request) {
    let answer, text
    try {
      answer = await this.#fetch(url, request)
      text = await answer.text()
    } catch (cause) {
      request.signal?.throwIfAborted()
      throw new Break(cause)
    }
    const wait = answer.headers.get("Retry-After")
    const retryAfter = /^\d+$/.test(wait) ? Number(wait) : undefined
    const document = answer.ok && !text ? {} : parsed(text, answer.status)
    if (answer.ok) return Object.defineProperty(document, "retryAfter", { value: retryAfter })
    throw new EaselError(document.error, { status: answer.status, retryAfter })
  }

  async #useToken(signal) {
    if (typeof this.#token !== "function") return this.#token
    this.#current ??= this.#fetchToken()
    return unlessAborted(signal, this.#current)
  }

  /** Another token than this one; calls that fail at the same time share it. */
  async #renewToken(old, signal) {
    if ((await this.#current) === old) this.#current = this.#fetchToken()
    return this.#useToken(signal)
  }

  async #fetchToken() {
    try {
      const token = await this.#token()
      if (typeof token !== "string" || !token) throw new TypeError("A token is a text.")
      this.#endsAt = performance.now() / 1000 + lifetime(token) * 0.9
      return token
    } catch (cause) {
      this.#current = null
      const message = "The page could not get a token from its own server."
      throw new EaselError({ code: "token_unavailable", message, retryable: true }, { cause })
    }
  }

  async #replaceEndingToken() {
    const token = await this.#useToken()
    if (this.#endsAt - performance.now() / 1000 < SPARE_SECONDS) await this.#renewToken(token)
  }
}

// The connection broke, so that nobody knows whether the call arrived.
class Break extends Error {
  constructor(cause) {
    super("", { cause })
  }
}

const CANCELED = { code: "job_canceled", message: "The job was canceled. Nothing was bought.", charged: false }

function notStored(status) {
  const message = "The file could not be stored. Its upload may have expired, or be larger than announced."
  return new EaselError({ code: "upload_failed", message, retryable: true }, { status })
}

/** Not every answer of a gateway is JSON. */
function parsed(text, status) {
  try {
    return JSON.parse(text)
  } catch {
    const message = `The deployment answered with status ${status} and without a document.`
    return { error: { code: "unreadable_answer", message, charged: "unknown" } }
  }
}

/** What `attempt` resolves to, which is made again after breaks of the network and temporary refusals. */
async function patiently(attempt, signal, patience = PATIENCE) {
  const started = performance.now()
  for (let failures = 0; ; failures += 1) {
    try {
      return await attempt()
    } catch (error) {
      signal?.throwIfAborted()
      const isBreak = error instanceof Break
      if (!isBreak && !isTemporary(error)) throw error
      const seconds = error.retryAfter ?? PAUSES[Math.min(failures, PAUSES.length - 1)]
      if ((performance.now() - started) / 1000 + seconds > patience) throw isBreak ? unreachable(error.cause) : error
      await pause(seconds * 1000, signal, isBreak)
    }
  }
}

/** Whether a call that was refused or failed can be sent again: nothing was bought, or its key finds what was. */
function isTemporary(error) {
  if (!(error instanceof EaselError) || error.jobId) return false
  return [500, 502, 504].includes(error.status) || (error.retryable && error.retryAfter !== undefined)
}

function inDoubt(cause) {
  const message = "The connection broke during the purchase, and the token ended before its outcome was known."
  return new EaselError({ code: cause.code, message, charged: "unknown" }, { status: cause.status, cause })
}

function unreachable(cause) {
  const message = "The deployment cannot be reached. Check the connection."
  return new EaselError({ code: "network_error", message, charged: "unknown", retryable: true }, { cause })
}

/** Waits; with `untilOnline`, only until the browser is connected again. */
function pause(milliseconds, signal, untilOnline = false) {
  let timer
  const stop = new AbortController()
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds)
    if (untilOnline) globalThis.addEventListener?.("online", resolve, { signal: stop.signal })
  })
  return unlessAborted(signal, over).finally(() => {
    clearTimeout(timer)
    stop.abort()
  })
}

/** The promise, but rejected as soon as the signal is aborted; then `abandon` is called. */
async function unlessAborted(signal, promise, abandon) {
  if (!signal) return promise
  let stop
  const aborted = new Promise((_, reject) => {
    stop = () => {
      abandon?.()
      reject(signal.reason)
    }
  })
  if (signal.aborted) stop()
  else signal.addEventListener("abort", stop)
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener("abort", stop)
    promise.catch(() => {})
    aborted.catch(() => {})
  }
}

function encoded(query) {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null) continue
    if (typeof value === "object") for (const [key, each] of Object.entries(value)) parameters.append(`${name}[${key}]`, each)
    else parameters.append(name, value)
  }
  return `${parameters}` && `?${parameters}`
}

/** 128 random bits. Unlike crypto.randomUUID, also on pages without https. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("")
}

/** How long a signed token lasts, in seconds, by its own claims: the clock here may be wrong. Infinity for a key. */
function lifetime(token) {
  try {
    const [, claims] = token.split(".")
    const { exp, iat } = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/")))
    return exp - iat || Infinity
  } catch {
    return Infinity
  }
}

/** The media type of an image, by its first bytes: a browser knows only the name of the file. */
async function imageType(file) {
  const bytes = new Uint8Array(await file.slice(0, 12).arrayBuffer())
  const text = String.fromCharCode(...bytes)
  if (text.startsWith("\x89PNG")) return "image/png"
  if (text.startsWith("\xff\xd8\xff")) return "image/jpeg"
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return "image/webp"
  throw new EaselError({
    code: "unsupported_image_media_type",
    message: `${file.name || "The file"} is not a PNG, JPEG or WebP image. Nothing was sent.`,
    param: "image",
  })
}

async function dataURL(file) {
  const type = await imageType(file)
  const bytes = new Uint8Array(await file.arrayBuffer())
  let text = ""
  for (let start = 0; start < bytes.length; start += 32_768) text += String.fromCharCode(...bytes.subarray(start, start + 32_768))
  return `data:${type};base64,${btoa(text)}`
}
