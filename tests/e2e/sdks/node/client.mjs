// Does with the official Node client what each line on standard input asks for; see ../python_client.py.

import fs from "node:fs";
import { basename } from "node:path";
import readline from "node:readline";
import OpenAI, { toFile } from "openai";

// The options of the client by their names in Python.
const options = ({ base_url: baseURL, api_key: apiKey, max_retries: maxRetries, timeout }) => ({
  baseURL,
  apiKey,
  ...(maxRetries === undefined ? {} : { maxRetries }),
  ...(timeout === undefined ? {} : { timeout: timeout * 1000 }),
});

async function done(task) {
  try {
    const client = new OpenAI(options(task.client));
    if (task.do === "models") return { response: await listed(client.models.list()) };
    const { extra_headers: headers = {}, extra_body = {}, path, body, ...given } = await withFiles(task.arguments);
    const call = path
      ? client[task.do](path, { body, headers })
      : client.images[task.do]({ ...given, ...extra_body }, { headers }); // what it has no type for, it sends as it is
    if (path && !path.startsWith("/images/")) return { response: await call };
    if (given.stream) return { response: await read(await call, task.closes) };
    if (task.mode !== "raw") return { response: seen(await call) };
    const { data, response } = await call.withResponse();
    return { response: { ...seen(data), headers: Object.fromEntries(response.headers) } };
  } catch (error) {
    if (!(error instanceof OpenAI.OpenAIError)) throw error;
    return { error: caught(error) };
  }
}

async function withFiles(value) {
  if (Array.isArray(value)) return Promise.all(value.map(withFiles));
  if (value === null || typeof value !== "object") return value;
  if (value.omit) return null; // a header that is null is not sent
  if (value.given_as === "open") return fs.createReadStream(value.file);
  if (value.given_as === "named")
    return toFile(fs.createReadStream(value.file), basename(value.file), { type: "image/png" });
  if (value.given_as === "bytes") return toFile(fs.readFileSync(value.file));
  const items = Object.entries(value).map(async ([name, item]) => [name, await withFiles(item)]);
  return Object.fromEntries(await Promise.all(items));
}

async function read(stream, closes) {
  if (closes) {
    stream.controller.abort();
    return { closed: stream.controller.signal.aborted };
  }
  const events = [];
  for await (const event of stream) events.push(event);
  return { events };
}

async function listed(models) {
  const names = [];
  for await (const { object, id } of models) names.push({ type: object === "model" ? "Model" : object, id });
  return names;
}

function seen(answer) {
  const { created, data, size, quality, output_format, background, usage, ...extra } = answer;
  return {
    headers: null,
    type: "ImagesResponse", // a type of TypeScript only
    created,
    data: data?.map(({ url, b64_json = null, ...rest }) => ({ url, b64_json, ...rest })) ?? null,
    size,
    quality,
    output_format,
    background,
    usage: usage && {
      input_tokens: usage.input_tokens,
      output_tokens: usage.output_tokens,
      total_tokens: usage.total_tokens,
      text_tokens: usage.input_tokens_details.text_tokens,
      image_tokens: usage.input_tokens_details.image_tokens,
    },
    request_id: answer._request_id,
    extra,
  };
}

const caught = (error) => ({
  class: error.constructor.name,
  status_code: error.status,
  code: error.code,
  param: error.param,
  type: error.type,
  request_id: error.requestID,
  body: error.error,
  message: error.message,
});

for await (const line of readline.createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await done(JSON.parse(line))));
}
