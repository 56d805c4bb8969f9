// An official TypeScript client: does the steps it is told, in one session, and prints what came back.
//
//     node client.mjs PACKAGE URL KEY '[{"method": "callTool", "params": {"name": …, "arguments": …}}, …]'
const [sdk, url, key, steps] = process.argv.slice(2);
const { Client, StreamableHTTPClientTransport } = sdk.startsWith("@")
  ? await import(sdk)
  : { ...(await import(`${sdk}/client/index.js`)), ...(await import(`${sdk}/client/streamableHttp.js`)) };

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
