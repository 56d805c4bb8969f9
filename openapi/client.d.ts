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
