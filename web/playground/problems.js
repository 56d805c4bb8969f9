/** Errors in words for people. What the API says and the request's id stay beside them, for whoever reports one. */

import { element } from "./dom.js"
import { dollars, moment } from "./format.js"

/** @type {Record<string, [title: string, advice: string]>} */
const WORDS = {
  missing_api_key: ["A key is needed", "Connect with an API key or a browser token."],
  invalid_api_key: [
    "This key does not work",
    "It is unknown, revoked or expired. Check that it belongs to this deployment.",
  ],
  invalid_token: ["This token does not work", "It was changed, or belongs to another deployment."],
  token_expired: ["The token has expired", "Connect with a new one."],
  token_not_active: ["The token is not valid yet", "Check the clock of the computer that made it."],
  token_revoked: ["The token was revoked", "Connect with a new one."],
  token_used_up: ["The token is used up", "It was made for a fixed number of pictures. Connect with a new one."],
  token_not_allowed: ["This needs a key", "A browser token can make pictures, but not list them."],
  insufficient_scope: ["This sign-in is not enough", "Ask the operator of this deployment for the right to use Easel."],
  origin_not_allowed: ["Not from this page", "The key or token may only be used from other web origins."],
  budget_exceeded: [
    "Not enough budget left",
    "Choose a lower quality, a smaller size or fewer pictures, or name both in place of auto.",
  ],
  model_not_allowed: ["Not with this key", "The key or token is limited to other models."],
  model_retired: ["This model is retired", "Choose its successor."],
  price_unknown: [
    "The price is not known beforehand",
    "A budget applies, so Easel buys only what has an upper bound. Choose another format or model.",
  ],
  moderation_blocked: ["The provider's safety system refused", "Change the prompt or the picture."],
  rate_limit_exceeded: ["Too many requests", "Wait a moment, then try again."],
  too_many_waiting_calls: ["Too many calls at once", "Wait until a picture is finished."],
  deployment_busy: ["The deployment is busy", "Try again in a few seconds."],
  provider_overloaded: ["The provider is overloaded", "Try again in a few minutes."],
  provider_down: ["The provider does not answer", "Try again later, or use a model of another provider."],
  provider_unreachable: ["The provider cannot be reached", "Try again later, or use a model of another provider."],
  insufficient_quota: ["The provider's account is out of credit", "Its operator has to add credit."],
  organization_not_verified: ["The provider wants the operator verified", "Until then, choose another model."],
  outcome_unknown: [
    "It is not known whether this was bought",
    "Easel does not buy it again by itself. If the picture still arrives, it appears in the history.",
  ],
  result_lost: ["The picture was bought, but lost", "It crashed before it was stored. Trying again buys another."],
  deadline_passed: ["It waited too long", "Nothing was bought. Try again."],
  buying_stopped: ["Buying is stopped", "The operator of this deployment has stopped all purchases."],
  too_late_to_cancel: ["Too late to cancel", "The purchase has started. The picture will be shown as usual."],
  already_finished: ["It has already ended", ""],
  job_canceled: ["Canceled", "Nothing was bought."],
  image_file_too_large: ["The picture is too large", "Choose a smaller file."],
  image_too_large: ["The picture has too many pixels", "Choose a smaller one."],
  unsupported_image_media_type: [
    "This kind of file cannot be edited",
    "Use PNG, JPEG or WebP. A phone's HEIC has to be converted first.",
  ],
  invalid_image_file: ["This is not a readable picture", "The file is damaged, or of another kind."],
  invalid_mask_image_format: ["The mask does not fit the picture", "Paint it again."],
  token_unavailable: ["Not connected", "Connect with an API key or a browser token."],
  network_error: ["No connection", "The deployment cannot be reached. Look into the history before you try again."],
  upload_failed: ["The upload failed", "Check your connection, then choose the file again."],
  gateway_failure: [
    "The deployment did not answer",
    "Look into the history before you try again: the picture may have been bought.",
  ],
  internal_error: ["Something went wrong in Easel", "Look into the history before you try again."],
}

const NETWORK = ["No connection", "The deployment cannot be reached. Check your network; nothing is sent twice."]

/**
 * A title and an advice for an error of any kind.
 * @param {any} error
 * @returns {string[]}
 */
export function words(error) {
  if (WORDS[error.code]) return WORDS[error.code]
  if (!error.code) return error.name === "AbortError" ? WORDS.job_canceled : NETWORK
  if (error.status === 400 || error.status === 422)
    return ["That does not go together", "Change the setting that is named below."]
  return [error.status >= 500 ? "It did not work" : "This was refused", error.retryable ? "Try again in a moment." : ""]
}

/**
 * A box that shows an error.
 * @param {any} error
 * @param {...(Node | null)} actions buttons below it
 */
export function problem(error, ...actions) {
  const [title, advice] = words(error)
  const buttons = actions.filter(Boolean)
  return element(
    "div",
    { className: "problem" },
    element("strong", {}, title),
    element("span", {}, [advice, budgetWords(error.budget), chargeWords(error)].filter(Boolean).join(" ")),
    error.code &&
      element(
        "details",
        { open: error.status === 400 },
        element("summary", {}, "Details"),
        element("p", {}, error.message),
        element("p", {}, element("code", {}, error.code), error.requestId && ` · request ${error.requestId}`),
      ),
    buttons.length > 0 && element("span", { className: "row" }, ...buttons),
  )
}

/** @param {any} budget */
function budgetWords(budget) {
  if (!budget) return ""
  const left = `${dollars(budget.left_micro_usd)} of ${dollars(budget.limit_micro_usd)} is left, and this can cost up to ${dollars(budget.asked_micro_usd)}.`
  return budget.renews_at ? `${left} It renews on ${moment(budget.renews_at)}.` : left
}

/** @param {any} error */
function chargeWords(error) {
  if (error.charged === true) return "It was charged."
  if (error.charged === "unknown") return "It may have been charged."
  return error.charged === false && error.status !== 401 && error.code !== "job_canceled" ? "Nothing was charged." : ""
}
