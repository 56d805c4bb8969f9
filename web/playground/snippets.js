/**
 * The code behind a picture, to copy. The key stands for itself as the environment variable EASEL_KEY.
 *
 * @typedef {{operation: "generation" | "edit", parameters: Record<string, any>, images?: string[], hasMask?: boolean}} Request
 *   `parameters` has the prompt; `images` are ids; a mask is a file mask.png
 */

/** What OpenAI's Python client knows by name; the rest is sent as `extra_body`. */
const OPENAI_NAMES = [
  "model",
  "prompt",
  "n",
  "size",
  "quality",
  "background",
  "output_format",
  "output_compression",
  "moderation",
  "style",
  "user",
]

/**
 * @param {Request} request
 * @param {string} baseURL
 */
export function curl({ operation, parameters, images = [], hasMask }, baseURL) {
  const start = (/** @type {string} */ path) => `curl -sS ${baseURL}${path} \\\n  -H "Authorization: Bearer $EASEL_KEY"`
  if (operation === "generation")
    return `${start("/images/generations")} \\\n  -H "Content-Type: application/json" \\\n  -d ${quoted(JSON.stringify(parameters, null, 2).replaceAll("\n", "\n  "))}`
  const fields = formFields({ parameters, images }).map(([name, value]) => `-F ${quoted(`${name}=${value}`)}`)
  return [start("/images/edits"), ...fields, ...(hasMask ? ["-F mask=@mask.png"] : [])].join(" \\\n  ")
}

/**
 * @param {Request} request
 * @param {string} baseURL
 */
export function python({ operation, parameters, images = [], hasMask }, baseURL) {
  if (operation === "generation") {
    const entries = Object.entries(parameters)
    const known = entries.filter(([name]) => OPENAI_NAMES.includes(name))
    const rest = entries.filter(([name]) => !OPENAI_NAMES.includes(name))
    const lines = known.map(([name, value]) => `    ${name}=${literal(value)},`)
    if (rest.length) lines.push(`    extra_body=${literal(Object.fromEntries(rest))},`)
    return `import os
from openai import OpenAI

client = OpenAI(base_url="${baseURL}", api_key=os.environ["EASEL_KEY"])
result = client.images.generate(
${lines.join("\n")}
)
print(result.data[0].url)`
  }
  const body = { ...parameters, images: images.map((id) => ({ file_id: id })) }
  const lines = Object.entries(body).map(([name, value]) => `    "${name}": ${literal(value)},`)
  const mask = hasMask
    ? `body["mask"] = {"image_url": "data:image/png;base64," + base64.b64encode(open("mask.png", "rb").read()).decode()}\n`
    : ""
  return `${hasMask ? "import base64\n" : ""}import json, os, urllib.request

body = {
${lines.join("\n")}
}
${mask}call = urllib.request.Request(
    "${baseURL}/images/edits",
    json.dumps(body).encode(),
    {"Authorization": "Bearer " + os.environ["EASEL_KEY"], "Content-Type": "application/json"},
)
print(json.load(urllib.request.urlopen(call))["data"][0]["url"])`
}

/**
 * @param {Request} request
 * @param {string} baseURL
 */
export function javascript({ operation, parameters, images = [], hasMask }, baseURL) {
  const body = operation === "edit" ? { ...parameters, image: images } : parameters
  const lines = Object.entries(body).map(([name, value]) => `  ${name}: ${JSON.stringify(value)},`)
  if (hasMask) lines.push("  mask: maskFile, // a File or Blob: mask.png")
  return `import { Easel } from "${baseURL}/easel.js"

const easel = new Easel({ baseURL: "${baseURL}", token: EASEL_KEY }) // in a page, a browser token
const result = await easel.${operation === "edit" ? "edit" : "generate"}({
${lines.join("\n")}
})
console.log(result.data[0].url)`
}

/** @param {{parameters: Record<string, any>, images: string[]}} request @returns {[string, string][]} */
function formFields({ parameters, images }) {
  const fields = /** @type {[string, string][]} */ ([])
  for (const id of images) fields.push(["image[]", id])
  for (const [name, value] of Object.entries(parameters)) {
    if (typeof value !== "object") fields.push([name, String(value)])
    else for (const [inner, each] of Object.entries(value)) fields.push([`${name}[${inner}]`, String(each)])
  }
  return fields
}

/**
 * For a shell, as it is.
 * @param {string} text
 */
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/**
 * A value in Python.
 * @param {any} value
 * @returns {string}
 */
function literal(value) {
  if (value === null) return "None"
  if (typeof value === "boolean") return value ? "True" : "False"
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`
  if (typeof value !== "object") return JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([name, each]) => `${JSON.stringify(name)}: ${literal(each)}`)
    .join(", ")}}`
}
