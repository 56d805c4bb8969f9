// A host of MCP Apps in a web page, by the official client and bridge, for tests of Easel's viewer.
//
// `host.call` asks a server at /mcp, as an assistant would, and shows the viewer of the tool. `host.show` shows a given
// viewer; what it then asks for, `host.answers` answers, one after the other. `host.seen` has what a viewer asked for.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import {
  AppBridge,
  PostMessageTransport,
  RESOURCE_MIME_TYPE,
  getToolUiResourceUri,
  isToolVisibilityAppOnly,
} from "@modelcontextprotocol/ext-apps/app-bridge";

const INFO = { name: "test-host", version: "1" };
const ABLE = { openLinks: {}, downloadFile: {}, serverTools: {}, message: { text: {} }, updateModelContext: { text: {} } };
const APPS = { extensions: { "io.modelcontextprotocol/ui": { mimeTypes: [RESOURCE_MIME_TYPE] } } };
const sandbox = new URLSearchParams(location.search).get("sandbox");

const seen = { calls: [], messages: [], links: [], downloads: [], contexts: [] };
const host = { seen, answers: [], refuses: false };
let client = null;
let bridge = null;

/** What a host makes of `_meta.ui.csp`: nothing from elsewhere but what it names. */
const policy = ({ resourceDomains = [] }) =>
  `default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: ${resourceDomains.join(" ")}`;

/** Connect as the newest revisions do (`auto`), or with a handshake (`legacy`). */
host.connect = async (mode) => {
  client = new Client(INFO, { capabilities: APPS, versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", location.href)));
};

/** The names of the tools that a model would be told. */
host.toolsOfModel = async () => (await client.listTools()).tools.filter((tool) => !isToolVisibilityAppOnly(tool)).map(({ name }) => name);

host.call = async (name, given, context) => {
  const tool = (await client.listTools()).tools.find((each) => each.name === name);
  const [page] = (await client.readResource({ uri: getToolUiResourceUri(tool) })).contents;
  const calling = client.callTool({ name, arguments: given });
  await host.show({ html: page.text, csp: page._meta.ui.csp, context: { ...context, toolInfo: { tool } } });
  await bridge.sendToolInput({ arguments: given });
  await bridge.sendToolResult(await calling);
};

host.show = async ({ html, csp = {}, able = ABLE, context = {} }) => {
  const frame = document.createElement("iframe");
  frame.title = "Viewer";
  frame.style.cssText = "display: block; width: 100%; height: 60px; border: 0";
  bridge = new AppBridge(client, INFO, able, { hostContext: context });
  const answer = (kind) => async (params) => {
    seen[kind].push(params);
    return host.refuses ? { isError: true } : {};
  };
  bridge.onmessage = answer("messages");
  bridge.onopenlink = answer("links");
  bridge.ondownloadfile = answer("downloads");
  bridge.onupdatemodelcontext = answer("contexts");
  bridge.onsizechange = ({ height }) => { frame.style.height = `${height}px`; };
  const ready = new Promise((done) => { bridge.onsandboxready = done; });
  const begun = new Promise((done) => { bridge.oninitialized = done; });
  document.body.replaceChildren(frame);
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  // Once it is connected, since it then forwards calls by itself.
  bridge.oncalltool = async (params) => {
    seen.calls.push(params);
    if (client) return client.callTool(params);
    return host.answers.length > 1 ? host.answers.shift() : host.answers[0];
  };
  frame.src = sandbox;
  await ready;
  const meta = `<meta http-equiv="Content-Security-Policy" content="${policy(csp)}">`;
  await bridge.sendSandboxResourceReady({ html: html.replace("<head>", `<head>${meta}`), csp });
  await begun;
};

host.input = (given) => bridge.sendToolInput({ arguments: given });
host.result = (result) => bridge.sendToolResult(result);
host.cancelled = () => bridge.sendToolCancelled({ reason: "the user stopped it" });
host.adapt = (context) => bridge.setHostContext(context);
host.teardown = () => bridge.teardownResource({});

window.host = host;
