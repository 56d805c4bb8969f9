/** Who is calling: a key or a browser token, kept in this object only, and asked for when it is missing or refused. */

import { Easel } from "../easel.js"
import { byId } from "./dom.js"
import { problem } from "./problems.js"

/** What a new key or token can mend. */
const REFUSALS = [
  "invalid_api_key",
  "invalid_token",
  "token_expired",
  "token_revoked",
  "token_not_active",
  "token_used_up",
]

/** The deployment that serves this file, unless the page names another. */
export const BASE_URL = (() => {
  const named = document.querySelector("meta[name=easel-api]")?.getAttribute("content")
  return (named || new URL("..", import.meta.url).href).replace(/\/+$/, "")
})()

/**
 * Where an image always is, unlike its signed URL; here and not where `link` points, which can be the other base URL.
 * @param {string} id
 */
export const permalink = (id) => `${BASE_URL}/i/${id}`

export class Session {
  #credential = ""
  /** @type {any} the last refusal of the credential */
  #refusal = null
  /** @type {PromiseWithResolvers<string> | null} */
  #asking = null
  /** @type {Easel} */
  #client

  /** @param {(isNew: boolean) => void} onConnect called with whether it is not just a successor of what was refused */
  constructor(onConnect) {
    this.onConnect = onConnect
    this.#credential = handedOver()
    this.#client = this.#newClient()
    this.#showState()
    byId("connect-form").addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault()
      this.#accept(byId("key").value.trim())
    })
    byId("connect-later").addEventListener("click", () => byId("connect").close())
    byId("connect").addEventListener("close", () => this.#giveUp())
    byId("connection").addEventListener("click", () => this.open())
  }

  get client() {
    return this.#client
  }

  get connected() {
    return Boolean(this.#credential) && !this.#refusal
  }

  #showState() {
    byId("connection").textContent = this.connected ? `Key …${this.#credential.slice(-4)}` : "Connect"
  }

  /**
   * Show the form, with the error that made it necessary.
   * @param {any} [error]
   */
  open(error) {
    byId("connect-reason").textContent = `${new URL(BASE_URL).host} makes the pictures.`
    byId("connect-problem").replaceChildren(...(error ? [problem(error)] : []))
    byId("key").value = ""
    if (!byId("connect").open) byId("connect").showModal()
  }

  /** @param {string} credential */
  #accept(credential) {
    if (!credential) return
    const asking = this.#asking
    this.#asking = this.#refusal = null
    this.#credential = credential
    byId("key").value = ""
    byId("connect").close()
    if (asking) asking.resolve(credential)
    else this.#client = this.#newClient()
    this.#showState()
    this.onConnect(!asking)
  }

  #giveUp() {
    this.#asking?.reject(new Error("No key or token was given."))
    this.#asking = null
  }

  /** The credential; a call for which it was refused waits until there is another. */
  #token = async () => {
    if (this.connected) return this.#credential
    this.#asking ??= Promise.withResolvers()
    this.open(this.#refusal)
    return this.#asking.promise
  }

  #newClient() {
    return new Easel({ baseURL: BASE_URL, token: this.#token, fetch: this.#fetch })
  }

  /** Notes why the credential was refused, so that the client's next call asks for another. */
  #fetch = async (/** @type {any} */ url, /** @type {any} */ options) => {
    const used = this.#credential
    const response = await fetch(url, options)
    if ((response.status === 401 || response.status === 402) && used === this.#credential) {
      const { error } = await response.clone().json()
      if (REFUSALS.includes(error.code)) this.#refusal = error
      this.#showState()
    }
    return response
  }
}

/** The key that `make up` puts behind the # of the address: taken once, and removed from the address and the history. */
function handedOver() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key") ?? ""
  if (given) history.replaceState(null, "", location.pathname + location.search)
  return given
}
