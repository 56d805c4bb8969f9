/** Money, times and sizes as people read them. Money comes in micro-dollars: millionths of a US dollar. */

/**
 * Dollars, in parts of a cent below one dollar: $0.0206, $1.15.
 * @param {number} micro
 */
export function dollars(micro) {
  return `$${(micro / 1e6).toFixed(micro && Math.abs(micro) < 1e6 ? 4 : 2)}`
}

/** @param {number} seconds */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds))
  if (whole === 0) return "under 1 s"
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** @param {number} bytes */
export function size(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}

/** @param {number} unixSeconds */
export function moment(unixSeconds) {
  return new Date(unixSeconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })
}
