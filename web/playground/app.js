/** The playground: connects the form, the running jobs, the picture on the stage and the history. */

import { announce, byId, element } from "./dom.js"
import { Composer, complete } from "./composer.js"
import { dollars } from "./format.js"
import { History } from "./history.js"
import { Card } from "./jobs.js"
import { BASE_URL, Session } from "./session.js"
import { Stage } from "./stage.js"

const session = new Session((isNew) => (isNew ? connect() : showSpend()))
const composer = new Composer(session, () => stage.picture, buy)
const stage = new Stage(session, { onEdit: (/** @type {any} */ picture) => composer.edit(picture), onDelete: discard })
const history = new History(session, open)
/** The ids of jobs that have a card. */
const followed = new Set()

byId("reference").href = `${BASE_URL}/docs`
addEventListener("offline", showNetwork)
addEventListener("online", showNetwork)
showNetwork()
stage.welcome()
composer.show([], "")
if (session.connected) connect()

/** Read what this key can use and has made. */
async function connect() {
  stage.welcome()
  history.clear()
  try {
    const [models, preferred] = await Promise.all([session.client.models(), defaultModel()])
    composer.show(models.data, preferred)
  } catch (error) {
    return session.open(error)
  }
  await Promise.all([history.load(), showSpend()])
  if (!stage.picture && history.pictures.length) open(history.pictures[0], { focus: false })
  for (const job of history.jobs.filter(({ status }) => ["queued", "running"].includes(status))) resume(job)
}

/** The model of requests that name none. */
async function defaultModel() {
  try {
    return (await session.client.quote({ prompt: "a picture" })).model
  } catch (/** @type {any} */ error) {
    if (error.status === 401) throw error
    return ""
  }
}

/**
 * Buy, and show it until there is a picture or a reason why not.
 * @param {any} request of the composer
 */
async function buy(request) {
  const { client } = session
  const stop = new AbortController()
  const card = new Card(request.prompt || request.body.model, () => cancel(client, card, stop))
  try {
    const body = await complete(request)
    const onProgress = (/** @type {any} */ now) => {
      followed.add(now.id)
      card.update(now)
    }
    const options = { onProgress, signal: stop.signal, idempotencyKey: crypto.randomUUID() }
    const result = await (request.operation === "edit" ? client.edit(body, options) : client.generate(body, options))
    card.close()
    arrived(result, card.job, request)
  } catch (error) {
    ended(card, error, request)
  }
  showSpend()
}

/** @param {any} result @param {any} job undefined if the answer came at once @param {any} request */
function arrived(result, job, request) {
  const known = {
    operation: request.operation,
    parameters: { ...request.body },
    images: request.images,
    hasMask: Boolean(request.mask),
    mask: request.mask,
  }
  delete known.parameters.metadata
  const pictures = picturesOf(result, job, request.prompt).map((/** @type {any} */ picture) => ({
    ...picture,
    request: known,
    before: request.before,
    metadata: request.body.metadata ?? {},
  }))
  present(pictures, job)
}

/** @param {any[]} pictures @param {any} job */
function present(pictures, job) {
  if (job) history.note(job)
  history.add(pictures)
  announce(`Finished: ${pictures.length === 1 ? "the picture" : `${pictures.length} pictures`} can be seen.`)
  open(pictures[0], { focus: false })
}

/** The pictures of a result, as GET /images would list them. @param {any} result @param {any} job @param {string} prompt */
function picturesOf(result, job, prompt) {
  const { applied, cost, job_id } = result.easel
  const share = cost.actual_micro_usd === null ? null : Math.round(cost.actual_micro_usd / result.data.length)
  const shared = {
    prompt,
    job,
    job_id,
    model: job?.model ?? applied.model,
    quality: result.quality ?? applied.quality,
    cost_micro_usd: share,
    created_at: job?.created_at ?? result.created,
    kept_until: job?.expires_at,
    metadata: job?.metadata ?? {},
  }
  return result.data.map((/** @type {any} */ image) => ({ ...shared, ...image }))
}

/** A purchase that ended without a picture. @param {any} card @param {any} error @param {any} request */
function ended(card, error, request) {
  if (!card.job) {
    card.close()
    if (error.name !== "AbortError") composer.refuse(error)
    return
  }
  finish(card, error, () => buy(request))
}

/** The end of a job without a picture. @param {any} card @param {any} error @param {() => void} [onRetry] */
function finish(card, error, onRetry) {
  if (error.code === "job_canceled" || error.name === "AbortError") {
    card.close()
    announce("Canceled. Nothing was bought.")
  } else card.fail(error, onRetry)
  if (card.job) history.note(card.job)
}

/** A job of an earlier visit that is not finished. @param {any} job */
async function resume(job) {
  if (followed.has(job.id)) return
  followed.add(job.id)
  const { client } = session
  const stop = new AbortController()
  const card = new Card(job.prompt || job.model, () => cancel(client, card, stop))
  try {
    const onProgress = (/** @type {any} */ now) => card.update(now)
    const result = await client.wait(job.id, { onProgress, signal: stop.signal })
    card.close()
    present(picturesOf(result, card.job, card.job.prompt), card.job)
  } catch (error) {
    finish(card, error)
  }
  showSpend()
}

/** @param {any} client @param {any} card @param {AbortController} stop ends the wait */
async function cancel(client, card, stop) {
  try {
    if (card.job) card.update(await client.cancel(card.job.id))
    stop.abort()
  } catch (/** @type {any} */ error) {
    card.remark(error.code === "too_late_to_cancel" ? "Too late to cancel: the purchase has started." : error.message)
  }
}

/** @param {any} picture @param {{focus?: boolean}} [how] */
function open(picture, how = { focus: true }) {
  stage.show(picture, how)
  history.mark(picture.id)
}

/** Delete a picture for good. @param {any} picture */
async function discard(picture) {
  try {
    await session.client.delete(picture.id)
    history.remove(picture.id)
    announce("Deleted.")
    const [next] = history.pictures
    if (next) open(next)
    else stage.welcome()
  } catch (error) {
    stage.fail(error)
  }
}

/** What the key has spent, and what its tightest budget has left; nothing for a browser token. */
async function showSpend() {
  try {
    const usage = await session.client.usage()
    const limited = usage.budgets.filter((/** @type {any} */ budget) => budget.left_micro_usd !== null)
    const tightest = limited.sort(
      (/** @type {any} */ a, /** @type {any} */ b) => a.left_micro_usd - b.left_micro_usd,
    )[0]
    const period = { day: "today", month: "this month", total: "in total" }
    byId("spend").replaceChildren(
      element("b", {}, dollars(usage.spent_micro_usd)),
      " spent this month",
      ...(tightest
        ? [
            " · ",
            element("b", {}, dollars(tightest.left_micro_usd ?? 0)),
            ` left ${period[/** @type {"day"} */ (tightest.period)]}`,
          ]
        : []),
    )
    byId("spend").hidden = false
  } catch {
    byId("spend").hidden = true
  }
}

function showNetwork() {
  byId("notice").hidden = navigator.onLine
  byId("notice").textContent = navigator.onLine
    ? ""
    : "You are offline. Running jobs go on; the page catches up when the network is back."
}
