// The types of easel.js. `make openapi` writes this file: see openapi/typescript.py.

/** A file of the visitor's, a URL, or the id of an upload (`file_…`) or of an earlier image (`img_…`). */
export type Source = Blob | string

/** Generations and edits in the form in which the client takes them: with files in place of references. */
export type Edit = Omit<EditRequest, "images" | "mask" | "markup" | "stream"> & {
  /** One image, or up to 16. */
  image: Source | Source[]
  mask?: Source
  markup?: Source
}

export interface Progress {
  /** Bytes. */
  loaded: number
  total: number
}

export interface Waiting {
  /** Gets the job each time it is read, which is every few seconds until it ends. */
  onProgress?: (job: Job) => void
  /** Ends the wait. What `generate` and `edit` have started is canceled, if nothing has been bought yet. */
  signal?: AbortSignal
}

export interface Buying extends Waiting {
  /** Names this purchase, so that it is made once however often it is sent. Without one, each call is a purchase. */
  idempotencyKey?: string
}

export interface Options {
  signal?: AbortSignal
}

export interface Filters {
  limit?: number
  /** The `last_id` of the page before. */
  after?: string
  model?: string
  metadata?: Record<string, string>
  /** Unix seconds, or a date such as 2026-11-22. */
  created_after?: number | string
  created_before?: number | string
}

export interface EaselOptions {
  /** The deployment's base URL, which ends in /v1. By default, where this module was loaded from. */
  baseURL?: string
  /** A browser token or a key; or what gets a token, and is called again when it has ended. */
  token: string | (() => string | Promise<string>)
  fetch?: typeof fetch
}

/** The client of a deployment. All its methods reject with an EaselError, or with the reason of an aborted signal. */
export class Easel {
  constructor(options: EaselOptions)
  /** Buys images for a prompt, and resolves to them however long it takes. It polls, so it needs no stream. */
  generate(body: Omit<GenerationRequest, "stream">, options?: Buying): Promise<ImagesResponse>
  /** Buys images made from other images. Files are sent, and large ones uploaded before. */
  edit(body: Edit, options?: Buying & { onUpload?: (progress: Progress) => void }): Promise<ImagesResponse>
  /** Sends a PNG, JPEG or WebP of up to 50 MB to the bucket, and resolves to its id. */
  upload(file: Blob, options?: Options & { onProgress?: (progress: Progress) => void }): Promise<string>
  /** What the body would cost. Files are not sent: upload them, and quote their ids. */
  quote(body: GenerationRequest | Edit, options?: Options): Promise<Quote>
  /** The job as it is now. */
  job(id: string, options?: Options): Promise<Job>
  /** The images of a job that was started before, once it has them: after a reload of the page, for example. */
  wait(id: string, options?: Waiting): Promise<ImagesResponse>
  /** The jobs of a key; not for browser tokens. */
  jobs(query?: Filters & { status?: Job["status"] }, options?: Options): Promise<JobList>
  /** Cancels a job for which nothing has been bought yet. */
  cancel(id: string, options?: Options): Promise<Job>
  /** The images of a key; not for browser tokens. */
  images(query?: Filters, options?: Options): Promise<ImageList>
  /** Deletes an image, an upload, or what is private of a job that has ended. */
  delete(id: string, options?: Options): Promise<Deleted>
  models(options?: Options): Promise<ModelList>
  /** What a key has spent, on days such as 2026-11-22; not for browser tokens. */
  usage(query?: { from?: string; to?: string }, options?: Options): Promise<UsageReport>
}

/** What went wrong. */
export class EaselError extends globalThis.Error {
  /** The status of the answer; null for the error of a job, and without an answer. */
  status: number | null
  /** Its name: those of the API, and of the client `network_error`, `token_unavailable`, `upload_failed` and others. */
  code: string | null
  /** The parameter at fault. */
  param: string | null
  /** Whether the provider was paid. */
  charged: boolean | "unknown"
  /** Whether the same request may succeed later. */
  retryable: boolean
  /** Seconds after which to try again, if the deployment says so. */
  retryAfter?: number
  requestId: string | null
  jobId: string | null
  /** Of a purchase that was refused or got no answer: another call with it does not buy twice. */
  idempotencyKey: string | null
  budget: BudgetRefusal | null
  moderation: Moderation | null
}

/** Which budget refused a request, in micro-dollars: millionths of a US dollar. */
export interface BudgetRefusal {
  /** The budget of the `key`, of the whole `deployment`, or of the browser `token`. */
  scope: string
  /** `day` or `month` (both of UTC), or `total`. */
  period: string
  limit_micro_usd: number
  /** Neither spent nor reserved. */
  left_micro_usd: number
  /** The upper bound of what the request can cost. */
  asked_micro_usd: number
  currency: "USD"
  /** When the next period begins, in Unix seconds; null for a budget that does not renew. */
  renews_at: number | null
}

/** A budget and its state, in micro-dollars. */
export interface BudgetState {
  /** The budget of the `key`, or of the whole `deployment`. */
  scope: string
  /** `day` or `month` (both of UTC), or `total`. */
  period: string
  /** null for the deployment's, which other keys also spend. */
  spent_micro_usd: number | null
  /** For jobs that are not finished, or whose outcome is unknown; null for the deployment's. */
  reserved_micro_usd: number | null
  /** null if there is none. */
  limit_micro_usd: number | null
  /** Neither spent nor reserved; null without a limit. */
  left_micro_usd: number | null
  /** When the next period begins, in Unix seconds; null for a total, which never renews. */
  renews_at: number | null
}

/** What a model can do. */
export interface Capabilities {
  operations: ("generation" | "edit")[]
  /** Whether a request needs a prompt. One that is `unused` is accepted, but not sent to the provider. */
  prompt: "required" | "optional" | "unused"
  /** Characters. */
  prompt_max: number
  /** Images per request. */
  n_max: number
  /** null for a model whose images have the size of its inputs, or one that follows from them. */
  size: Size | null
  /** By name, beside `prompt`, `n` and `size`. */
  parameters: Record<string, Parameter>
  /** What `options` accepts, by name. */
  options: Record<string, Option>
  /** null for a model without edits. */
  inputs: Inputs | null
}

/** Money in micro-dollars: millionths of a US dollar. */
export interface Cost {
  /** What the purchase was expected to cost. */
  quote_micro_usd: number
  /** What it could cost at most. */
  upper_bound_micro_usd: number
  /** The actual cost, from the provider's own count; null while it is not known. */
  actual_micro_usd: number | null
  currency: "USD"
  /** The day of the price list that was used. */
  price_date: string
  /** What may be spent from now on, by the tightest budget; null if there is none, or if it cannot be read. */
  budget_left_micro_usd: number | null
}

/** OpenAI's response to a deletion. */
export interface Deleted {
  id: string
  object: "image.deleted" | "upload.deleted" | "job.deleted" | "job.inputs.deleted" | "token.deleted"
  deleted: true
}

/** The JSON body of POST /v1/images/edits. */
export interface EditRequest {
  /** What to draw. Older models accept shorter prompts. */
  prompt?: string
  /** The deployment's default model if absent. */
  model?: string | null
  /** How many images. */
  n?: number | null
  /** `auto`, or `WIDTHxHEIGHT` as the model allows. */
  size?: string | null
  /** The allowed values depend on the model. */
  quality?: "auto" | "low" | "medium" | "high" | "xhigh" | "max" | "standard" | "hd" | null
  /** `transparent` needs png or webp. */
  background?: "auto" | "opaque" | "transparent" | null
  /** gif and svg only for models that support them. */
  output_format?: "png" | "jpeg" | "webp" | "gif" | "svg" | null
  /** Percent; values other than 100 only for jpeg and webp. */
  output_compression?: number | null
  /** How strict the provider's filter is. */
  moderation?: "auto" | "low" | null
  /** How much detail is drawn, for models that support it. */
  complexity?: "low" | "medium" | "high" | null
  /** Frames of a gif. */
  frame_count?: number | null
  /** How long each frame of a gif is shown, in milliseconds. */
  frame_duration_ms?: number | null
  /** Only for `output_format` `svg`. */
  svg?: Svg | null
  /** How vivid the image is, for models that have styles. */
  style?: "vivid" | "natural" | null
  /** How many previews to show while the image is made, 0 to 3; each costs 100 output tokens. Only with `n` 1. */
  partial_images?: 0 | null
  /** Settings that only this model has, by name: `GET /models/{name}` lists them. */
  options?: Record<string, unknown> | null
  /** Models that run instead, in this order, if it is certain that those before sold nothing; [] for none. */
  fallbacks?: string[] | null
  /** Passed on to the provider unchanged. */
  safety_identifier?: string | null
  /** Passed on to the provider unchanged. */
  user?: string | null
  /** Notes of your own, which come back wherever the job or its images are shown; never sent to the provider. */
  metadata?: Record<string, string> | null
  /** `url`: data[].url is a signed URL; `link`: it is the permalink; `b64_json`: base64 comes beside it. */
  response_format?: "url" | "link" | "b64_json" | null
  /** On the direct URL, answer with server-sent events; only with `n` 1, and png, jpeg or webp. */
  stream?: boolean | null
  /** Seconds within which the purchase must begin; after that the job ends free of charge. One hour if absent. */
  easel_deadline?: number | null
  /** The images to edit. */
  images: ImageReference[]
  /** A PNG of the same size as the first image; its transparent area is edited. */
  mask?: ImageReference | null
  /** A PNG that is drawn over the first image and shows what to change. */
  markup?: ImageReference | null
  /** How closely the inputs are preserved, for models that support it. */
  input_fidelity?: "high" | "low" | null
}

/** What went wrong: OpenAI's four fields, so that an SDK raises its own typed exception, and Easel's additions. */
export interface Error {
  /** What was wrong, what is allowed, and what to do. */
  message: string
  /** OpenAI's class of the error, such as `invalid_request_error`. */
  type: string
  /** The parameter at fault, if any. */
  param: string | null
  /** The error's name, for programs. */
  code: string
  /** Whether the same request may succeed as a new job. */
  retryable: boolean
  /** Whether the provider was paid. */
  charged: boolean | "unknown"
  /** Identifies the request in the logs; also in the header X-Request-Id. */
  request_id: string
  /** The job, if there is one. */
  job_id?: string
  /** It is the outcome of an earlier, equal request; nothing was bought again. */
  joined?: true
  /** Why it was refused, if a safety system did so. */
  moderation?: Moderation
  /** Which budget has too little left, if one does. */
  budget?: BudgetRefusal
}

/** Any WIDTHxHEIGHT within these bounds. */
export interface FlexibleSize {
  /** Width and height must be divisible by it. */
  multiple_of: number
  /** Pixels. */
  max_edge: number
  /** The longer edge to the shorter one. */
  max_ratio: number
  min_pixels: number
  max_pixels: number
}

/** The JSON body of POST /v1/images/generations. */
export interface GenerationRequest {
  /** What to draw. Older models accept shorter prompts. */
  prompt: string
  /** The deployment's default model if absent. */
  model?: string | null
  /** How many images. */
  n?: number | null
  /** `auto`, or `WIDTHxHEIGHT` as the model allows. */
  size?: string | null
  /** The allowed values depend on the model. */
  quality?: "auto" | "low" | "medium" | "high" | "xhigh" | "max" | "standard" | "hd" | null
  /** `transparent` needs png or webp. */
  background?: "auto" | "opaque" | "transparent" | null
  /** gif and svg only for models that support them. */
  output_format?: "png" | "jpeg" | "webp" | "gif" | "svg" | null
  /** Percent; values other than 100 only for jpeg and webp. */
  output_compression?: number | null
  /** How strict the provider's filter is. */
  moderation?: "auto" | "low" | null
  /** How much detail is drawn, for models that support it. */
  complexity?: "low" | "medium" | "high" | null
  /** Frames of a gif. */
  frame_count?: number | null
  /** How long each frame of a gif is shown, in milliseconds. */
  frame_duration_ms?: number | null
  /** Only for `output_format` `svg`. */
  svg?: Svg | null
  /** How vivid the image is, for models that have styles. */
  style?: "vivid" | "natural" | null
  /** How many previews to show while the image is made, 0 to 3; each costs 100 output tokens. Only with `n` 1. */
  partial_images?: 0 | null
  /** Settings that only this model has, by name: `GET /models/{name}` lists them. */
  options?: Record<string, unknown> | null
  /** Models that run instead, in this order, if it is certain that those before sold nothing; [] for none. */
  fallbacks?: string[] | null
  /** Passed on to the provider unchanged. */
  safety_identifier?: string | null
  /** Passed on to the provider unchanged. */
  user?: string | null
  /** Notes of your own, which come back wherever the job or its images are shown; never sent to the provider. */
  metadata?: Record<string, string> | null
  /** `url`: data[].url is a signed URL; `link`: it is the permalink; `b64_json`: base64 comes beside it. */
  response_format?: "url" | "link" | "b64_json" | null
  /** On the direct URL, answer with server-sent events; only with `n` 1, and png, jpeg or webp. */
  stream?: boolean | null
  /** Seconds within which the purchase must begin; after that the job ends free of charge. One hour if absent. */
  easel_deadline?: number | null
}

/** A stored image. */
export interface Image {
  /** A signed download URL, or in answers of the form `link` the permalink; anyone who has it can use it. */
  url: string
  /** The image in base64, in answers of the form `b64_json`. */
  b64_json?: string
  id: string
  /** The permalink, which redirects to a freshly signed URL and needs no key. */
  link: string
  /** When `url` expires, in Unix seconds. */
  expires_at: number
  /** Detected from the bytes, not taken from the request. */
  content_type: string
  /** Pixels, read from the bytes. */
  width: number
  /** Pixels, read from the bytes. */
  height: number
  /** Size of the stored image. */
  bytes: number
  /** Digest of the stored image, in hex. */
  sha256: string
  object: "image"
  /** Unix seconds. */
  created_at: number
  /** When the image itself is deleted, in Unix seconds. */
  kept_until: number
  /** The job that bought it. */
  job_id: string
  /** What was asked for; at most 200 characters in lists. null, as all that follows, for images of versions before 0.1.0. */
  prompt: string | null
  /** The caller's own notes about the purchase. */
  metadata: Record<string, string>
  /** The model that made it. */
  model: string | null
  /** What the provider says it used, or what was asked for. */
  quality: string | null
  /** What the provider says it used, or what was asked for; what the image has, `width` and `height` say. */
  size: string | null
  /** Its share of what the job cost; null if that is not known. */
  cost_micro_usd: number | null
}

/** A page of a list, newest first. A filtered page may have few entries, or none, although there are more. */
export interface ImageList {
  object: "list"
  data: Image[]
  first_id: string | null
  /** What `after` takes for the next page. */
  last_id: string | null
  has_more: boolean
}

/** A reference to an input image: exactly one of a URL (https or data) and an id (file_… or img_…). */
export interface ImageReference {
  /** An https URL or a data URL. */
  image_url?: string | null
  /** The id of an upload (`file_…`) or of an earlier image (`img_…`). */
  file_id?: string | null
}

/** OpenAI's ImagesResponse, with URLs instead of base64. */
export interface ImagesResponse {
  /** Unix seconds, as the provider says. */
  created: number
  data: ResultImage[]
  /** What the provider says it used. */
  background?: string
  /** What the provider says it used. */
  output_format?: string
  /** What the provider says it used. */
  quality?: string
  /** What the provider says it used. */
  size?: string
  usage: Usage | null
  easel: JobAdditions
}

/** The input tokens by kind. */
export interface InputTokensDetails {
  text_tokens: number
  image_tokens: number
}

/** The input images that a model accepts for edits. */
export interface Inputs {
  min_count: number
  max_count: number
  /** What each image is for, where their order matters. */
  roles: string[]
  /** For one image. */
  max_bytes: number
  formats: string[]
  /** Whether only square images are accepted. */
  square: boolean
  /** Whether a mask can mark what to edit. */
  mask: boolean
  mask_required: boolean
  /** Whether a marked-up copy can show what to edit. */
  markup: boolean
}

/** One paid unit of work. */
export interface Job {
  id: string
  object: "job"
  /** `unknown`: the purchase may have happened, but no image arrived; it is never repeated automatically. */
  status: "queued" | "running" | "succeeded" | "failed" | "canceled" | "unknown"
  operation: "generation" | "edit"
  /** The model that runs. */
  model: string
  /** What was asked for; at most 200 characters in lists, not in webhook messages, null once all images are deleted. */
  prompt?: string | null
  /** The caller's own notes. */
  metadata: Record<string, string>
  /** Unix seconds. */
  created_at: number
  /** Unix seconds. */
  started_at: number | null
  /** Unix seconds. */
  finished_at: number | null
  /** When the record and its images are deleted, in Unix seconds. */
  expires_at: number
  /** Where to poll the job. */
  url: string
  /** What has come of the image so far, if the request asked for `partial_images`, the newest last; for a day. Always empty in webhook messages. */
  previews: Preview[]
  /** The images, once it has succeeded. */
  result: ImagesResponse | null
  /** Why it failed, or is unknown. */
  error: Error | null
  easel: JobAdditions
  /** How far it is, until it has ended. */
  progress?: Progress
  /** Its estimated wait, if it is queued and was requested by id; null if no estimate is available. */
  queue?: Queue | null
  /** If the request named a webhook and the job has ended; not in lists. */
  webhook?: Webhook
}

/** What Easel adds to OpenAI's response. */
export interface JobAdditions {
  job_id: string
  /** The parameters as they were sent, without the prompt. */
  requested: Record<string, unknown>
  /** The parameters that are sent to the provider, without the prompt. */
  applied: Record<string, unknown>
  warnings: Warning[]
  /** Whether the provider was paid; null while that can still happen. */
  charged: boolean | "unknown" | null
  cost: Cost
  /** In the answer to a purchase: whether it is the job of an earlier, equal request; nothing was bought again. */
  joined?: boolean
}

/** A page of a list, newest first. A filtered page may have few entries, or none, although there are more. */
export interface JobList {
  object: "list"
  data: Job[]
  first_id: string | null
  /** What `after` takes for the next page. */
  last_id: string | null
  has_more: boolean
}

/** The lifecycle of a model. */
export interface Lifecycle {
  state: "live" | "retiring" | "retired"
  /** The day of its shutdown; null if none is known. */
  retired_on: string | null
  /** Days until then; null if none is known. */
  days_left: number | null
  /** The model that replaces it. */
  successor: string | null
}

/** OpenAI's Model, with what Easel knows about it. */
export interface Model {
  id: string
  object: "model"
  /** When it was released, in Unix seconds. */
  created: number
  /** The provider that sells it. */
  owned_by: string
  capabilities: Capabilities
  prices: Prices
  lifecycle: Lifecycle
}

/** All models, newest first. */
export interface ModelList {
  object: "list"
  data: Model[]
}

/** What a safety system objected to, as far as the provider says so. */
export interface Moderation {
  /** Whether the prompt (`input`) or the image (`output`) was refused, or `unknown`. */
  stage: string
  categories: string[]
}

/** A setting that only this model has: a text, one of `values`, or a number from `min` to `max`. */
export interface Option {
  type: "text" | "integer" | "number"
  /** What it does. */
  about: string
  required: boolean
  values: string[] | null
  /** Characters of a text. */
  max_length: number | null
  min: number | null
  max: number | null
  operations: ("generation" | "edit")[]
}

/** What a parameter accepts: one of `values`, or a whole number from `min` to `max`. */
export interface Parameter {
  values: string[] | null
  min: number | null
  max: number | null
  /** Values that the provider documents, but may still refuse. */
  preview: string[]
  operations: ("generation" | "edit")[]
}

/** A draft of the image that was sent while it was made, with a URL that was signed for this response. */
export interface Preview {
  /** 0 for the first; the next ones are closer to the image. */
  index: number
  /** A signed download URL; anyone who has it can use it. */
  url: string
  /** When `url` expires, in Unix seconds. */
  expires_at: number
  /** Detected from the bytes. */
  content_type: string
  /** Pixels. */
  width: number
  /** Pixels. */
  height: number
}

/** What a model costs, per token or per image. */
export interface Prices {
  currency: "USD"
  /** The day of the price list. */
  price_date: string
  /** Where the price list is. */
  source: string
  micro_usd_per_million_tokens: TokenPrices | null
  /** By quality and size; `any` for a model with one price. */
  micro_usd_per_image: Record<string, Record<string, number>> | null
}

/** How far a job is that has not ended. */
export interface Progress {
  /** `claimed`: a worker has it; `calling`: the provider makes the images; `storing`: they have arrived. */
  stage: "queued" | "claimed" | "calling" | "storing"
  /** Since it was first started or, before that, accepted. */
  elapsed_seconds: number
  /** null as long as too few such jobs have succeeded. */
  usual_seconds: UsualSeconds | null
  /** Roughly how many jobs are ahead of it, as far as the queue can count; null if it does not wait or was not requested by id, or if that is not known. */
  position: number | null
}

/** How long a queued job may have to wait; both numbers are estimates. */
export interface Queue {
  /** Roughly how many jobs of all callers wait, including this one. */
  jobs_waiting: number
  /** Roughly the seconds until this job is done, if the others take the usual time. */
  eta_seconds: number
}

/** What a request would cost, in micro-dollars: millionths of a US dollar. */
export interface Quote {
  object: "quote"
  /** The model that would run. */
  model: string
  n: number
  /** What it is expected to cost. */
  quote_micro_usd: number
  /** What it can cost at most. */
  upper_bound_micro_usd: number
  currency: "USD"
  /** The day of the price list that was used. */
  price_date: string
  /** What may be spent from now on, by the tightest budget; null if there is none. */
  budget_left_micro_usd: number | null
  /** Expected tokens; null for a model that is priced by the image. */
  usage: Usage | null
  /** The most tokens it can use; null for a model that is priced by the image. */
  upper_bound_usage: Usage | null
  easel: QuoteAdditions
}

/** What Easel adds to a quote. */
export interface QuoteAdditions {
  /** The parameters as they were sent, without the prompt. */
  requested: Record<string, unknown>
  /** The parameters that would be sent to the provider, without the prompt. */
  applied: Record<string, unknown>
  warnings: Warning[]
}

/** How hard the model that writes an SVG thinks. */
export interface Reasoning {
  /** More effort takes longer and costs more. */
  effort?: "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max" | null
}

/** An image with a URL that was signed for this response. */
export interface ResultImage {
  /** A signed download URL, or in answers of the form `link` the permalink; anyone who has it can use it. */
  url: string
  /** The image in base64, in answers of the form `b64_json`. */
  b64_json?: string
  id: string
  /** The permalink, which redirects to a freshly signed URL and needs no key. */
  link: string
  /** When `url` expires, in Unix seconds. */
  expires_at: number
  /** Detected from the bytes, not taken from the request. */
  content_type: string
  /** Pixels, read from the bytes. */
  width: number
  /** Pixels, read from the bytes. */
  height: number
  /** Size of the stored image. */
  bytes: number
  /** Digest of the stored image, in hex. */
  sha256: string
}

/** The sizes of a model: those listed, or all within flexible bounds. */
export interface Size {
  /** Whether the model may choose. */
  auto: boolean
  fixed: string[]
  flexible: FlexibleSize | null
}

/** Which model writes an SVG, and how. */
export interface Svg {
  /** The model that writes the SVG; required for `output_format` `svg`. */
  model?: string | null
  /** How hard it thinks. */
  reasoning?: Reasoning | null
}

/** Micro-dollars per million tokens. */
export interface TokenPrices {
  text_input: number
  image_input: number
  image_output: number
  /** What the model thinks or writes besides the images. */
  text_output: number
}

/** Tokens, as counted by the provider. */
export interface Usage {
  total_tokens: number
  input_tokens: number
  output_tokens: number
  input_tokens_details: InputTokensDetails
}

/** What a key spent, in micro-dollars: millionths of a US dollar. */
export interface UsageReport {
  object: "usage"
  currency: "USD"
  /** Those of the key for the day, the month and in total, and those of the deployment that have a limit. */
  budgets: BudgetState[]
  date_from: string
  /** The last day of the report, inclusive. */
  date_to: string
  /** All of `data` together. */
  images: number
  /** All of `data` together. */
  spent_micro_usd: number
  /** All of `data` together. */
  reserved_micro_usd: number
  /** By day and model, oldest first. */
  data: UsageRow[]
}

/** What was spent on a model on a day. */
export interface UsageRow {
  /** The UTC day on which it was reserved. */
  date: string
  model: string
  /** Bought, or about to be. */
  images: number
  spent_micro_usd: number
  /** For jobs that are not finished, or whose outcome is unknown. */
  reserved_micro_usd: number
}

/** How long jobs of the same model and quality took in this deployment, from their first start to their end. */
export interface UsualSeconds {
  /** Half of them took at most so many seconds. */
  p50: number
  /** Nine of ten took at most so many seconds. */
  p90: number
}

/** Something that was done differently from what was requested, or that may surprise. */
export interface Warning {
  /** The warning's name, for programs. */
  code: string
  /** What it means. */
  message: string
  /** The parameter it is about, if any. */
  param: string | null
}

/** The delivery of the webhook message about the end of a job. */
export interface Webhook {
  /** The receiver gets it as webhook-id. */
  id: string
  /** `gone`: the receiver answered 410; `failed`: all attempts within a day failed. */
  state: "pending" | "delivered" | "gone" | "failed"
  attempts: number
  /** When the last attempt was made, in Unix seconds. */
  attempted_at: number | null
  /** The result of the last attempt, such as `status_200` or `timeout`. */
  outcome: string | null
  /** When the next one is due, in Unix seconds; null if there is none. */
  next_attempt_at: number | null
}
