// The official TypeScript client: does the steps it is told, in one session, and prints what came back.
//
//     node client.mjs URL KEY '[["callTool", {"name": …, "arguments": …}], …]'
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const [url, key, steps] = process.argv.slice(2);
const client = new Client({ name: "easel-tests", version: "1" });
await client.connect(
  new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { Authorization: `Bearer ${key}` } } }),
);

const answers = [];
for (const { method, params } of JSON.parse(steps)) {
  try {
    answers.push(await client[method](params));
  } catch (error) {
    answers.push({ error: { code: error.code, message: error.message } });
  }
}
await client.close();
console.log(JSON.stringify(answers));
