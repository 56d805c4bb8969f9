import { useCallback, useEffect, useRef, useState } from "react"

/**
 * The state of drawing with Easel, for one component.
 *
 * `status` is "idle", or what the job is: "starting", "queued" or "running". `draw` starts a purchase, and ends the
 * wait for the one before; `edit` is the same with files. When the component goes away, what has not been bought yet
 * is canceled.
 */
export function useEasel(easel) {
  const [state, setState] = useState({ status: "idle", images: [], error: null })
  const running = useRef(null)

  useEffect(() => () => running.current?.abort(), [])

  const start = useCallback(
    async (method, body) => {
      running.current?.abort()
      const abort = (running.current = new AbortController())
      const update = (changes) => abort.signal.aborted || setState((before) => ({ ...before, ...changes }))
      update({ status: "starting", error: null })
      try {
        const onProgress = (job) => update({ status: job.status })
        const { data } = await easel[method](body, { onProgress, signal: abort.signal })
        update({ status: "idle", images: data })
      } catch (error) {
        update({ status: "idle", error })
      }
    },
    [easel],
  )

  const draw = useCallback((body) => start("generate", body), [start])
  const edit = useCallback((body) => start("edit", body), [start])
  const cancel = useCallback(() => {
    running.current?.abort()
    setState((before) => ({ ...before, status: "idle" }))
  }, [])
  return { ...state, draw, edit, cancel }
}
