"""What the official conformance suite wants a server to offer, behind the MCP door's own adapter.

The suite calls tools, resources and prompts of fixed names. They stand here so that the adapter, which is what Easel
adds to the SDK, can be held against all of it:

    python -m tests.contract.mcp_conformance_server

It prints the port it listens on.
"""

import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import anyio
from mcp.server.mcpserver import Context, MCPServer, RequestStateSecurity
from mcp.server.mcpserver.prompts.base import Message, UserMessage
from mcp.shared.exceptions import MCPError
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    Completion,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    EmbeddedResource,
    EmptyResult,
    ImageContent,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    SetLevelRequestParams,
    SubscribeRequestParams,
    TextContent,
    TextResourceContents,
    UnsubscribeRequestParams,
)

from interfaces.mcp_server import adapter

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SILENCE = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="

server = MCPServer(
    "conformance",
    version="1",
    request_state_security=RequestStateSecurity(keys=[b"any thirty-two bytes will do here"]),
    subscriptions=False,
    log_level="CRITICAL",
)


# ---------------------------------------------------------------- tools that answer


def text_resource(uri: str, text: str, mime_type: str = "text/plain") -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


@server.tool()
def test_simple_text() -> str:
    """Simple text."""
    return "This is a simple text response for testing."


@server.tool()
def test_image_content() -> list[ImageContent]:
    """Image content."""
    return [ImageContent(type="image", data=PIXEL, mime_type="image/png")]


@server.tool()
def test_audio_content() -> list[AudioContent]:
    """Audio content."""
    return [AudioContent(type="audio", data=SILENCE, mime_type="audio/wav")]


@server.tool()
def test_embedded_resource() -> list[EmbeddedResource]:
    """Embedded resource."""
    return [text_resource("test://embedded-resource", "This is an embedded resource content.")]


@server.tool()
def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
    """Multiple content types."""
    return [
        TextContent(type="text", text="Multiple content types test:"),
        ImageContent(type="image", data=PIXEL, mime_type="image/png"),
        text_resource("test://mixed-content-resource", '{"test": "data", "value": 123}', "application/json"),
    ]


@server.tool()
def test_error_handling() -> str:
    """Error handling."""
    raise RuntimeError("as the scenario wants it")


@server.tool()
async def test_tool_with_progress(context: Context) -> str:
    """Tool with progress."""
    for step in (0, 50, 100):
        await context.report_progress(step, 100, f"Completed step {step} of 100")
        await anyio.sleep(0.05)
    return "done"


@server.tool()
async def test_tool_with_logging(context: Context) -> str:
    """Tool with logging."""
    for message in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await context.info(message)
        await anyio.sleep(0.05)
    return "done"


@server.tool()
async def test_missing_capability(context: Context) -> str:
    """Missing capability."""
    capabilities = context.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        raise MCPError(
            MISSING_REQUIRED_CLIENT_CAPABILITY, "sampling is needed", {"requiredCapabilities": {"sampling": {}}}
        )
    return "done"


# ---------------------------------------------------------------- tools that ask back


def question(message: str, name: str, kind: str = "string") -> ElicitRequest:
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sampling(text: str) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(type="text", text=text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=50))


def answered(context: Context, name: str, field: str) -> Any:
    """What the user filled in, once the client comes back with it."""
    result = (context.input_responses or {}).get(name)
    return result.content.get(field) if isinstance(result, ElicitResult) and result.content else None


@server.tool()
async def test_input_required_result_elicitation(context: Context) -> str | InputRequiredResult:
    """Input required result elicitation."""
    if name := answered(context, "user_name", "name"):
        return f"Hello, {name}!"
    return InputRequiredResult(input_requests={"user_name": question("What is your name?", "name")})


@server.tool()
async def test_input_required_result_sampling(context: Context) -> str | InputRequiredResult:
    """Input required result sampling."""
    if "capital_question" in (context.input_responses or {}):
        return "done"
    return InputRequiredResult(input_requests={"capital_question": sampling("What is the capital of France?")})


@server.tool()
async def test_input_required_result_list_roots(context: Context) -> str | InputRequiredResult:
    """Input required result list roots."""
    if "client_roots" in (context.input_responses or {}):
        return "done"
    return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})


@server.tool()
async def test_input_required_result_request_state(context: Context) -> str | InputRequiredResult:
    """Input required result request state."""
    if context.request_state == "asked" and answered(context, "confirm", "ok") is not None:
        return "state-ok: confirmed"
    return InputRequiredResult(
        input_requests={"confirm": question("Please confirm", "ok", "boolean")}, request_state="asked"
    )


@server.tool()
async def test_input_required_result_multiple_inputs(context: Context) -> str | InputRequiredResult:
    """Input required result multiple inputs."""
    if len(context.input_responses or {}) == 3:
        return "All inputs received."
    return InputRequiredResult(
        input_requests={
            "user_name": question("What is your name?", "name"),
            "greeting": sampling("Generate a greeting"),
            "client_roots": ListRootsRequest(),
        },
        request_state="asked for three",
    )


@server.tool()
async def test_input_required_result_multi_round(context: Context) -> str | InputRequiredResult:
    """Input required result multi round."""
    name = context.request_state if context.request_state not in (None, "asked") else None
    if name and (color := answered(context, "step2", "color")):
        return f"{name} likes {color}."
    if context.request_state == "asked" and (name := answered(context, "step1", "name")):
        return InputRequiredResult(
            input_requests={"step2": question("Step 2: What is your favorite color?", "color")}, request_state=name
        )
    return InputRequiredResult(
        input_requests={"step1": question("Step 1: What is your name?", "name")}, request_state="asked"
    )


@server.tool()
async def test_input_required_result_tampered_state(context: Context) -> str | InputRequiredResult:
    """Input required result tampered state."""
    if context.request_state:
        return f"state-ok: {context.request_state}"
    return InputRequiredResult(
        input_requests={"confirm": question("Please confirm", "ok", "boolean")}, request_state="asked"
    )


@server.tool()
async def test_input_required_result_capabilities(context: Context) -> InputRequiredResult:
    """Input required result capabilities."""
    able = context.client_capabilities
    requests: dict[str, InputRequest] = {}
    if able and able.sampling is not None:
        requests["sample"] = sampling("Say hello")
    if able and able.elicitation is not None:
        requests["ask"] = question("What is your name?", "name")
    return InputRequiredResult(input_requests=requests, request_state="asked what it can")


# ---------------------------------------------------------------- resources and prompts


@server.resource("test://static-text")
def static_text() -> str:
    return "This is the content of the static text resource."


@server.resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    return base64.b64decode(PIXEL)


@server.resource("test://template/{id}/data")
def template(id: str) -> str:
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


@server.resource("test://watched-resource")
def watched() -> str:
    return "watched"


@server.prompt()
def test_simple_prompt() -> str:
    """Simple prompt."""
    return "This is a simple prompt for testing."


@server.prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """Prompt with arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@server.prompt()
def test_prompt_with_embedded_resource(resourceUri: str) -> list[Message]:  # noqa: N803 # the scenario's name
    """Prompt with embedded resource."""
    return [
        UserMessage(text_resource(resourceUri, "Embedded resource content for testing.")),
        UserMessage("Please process the embedded resource above."),
    ]


@server.prompt()
def test_prompt_with_image() -> list[Message]:
    """Prompt with image."""
    picture = ImageContent(type="image", data=PIXEL, mime_type="image/png")
    return [UserMessage(picture), UserMessage("Please analyze the image above.")]


@server.prompt()
async def test_input_required_result_prompt(context: Context) -> list[Message] | InputRequiredResult:
    """Input required result prompt."""
    if told := answered(context, "user_context", "context"):
        return [UserMessage(f"Use the following context: {told}")]
    return InputRequiredResult(
        input_requests={"user_context": question("What context should the prompt use?", "context")}
    )


@server.completion()
async def complete(reference: Any, argument: Any, context: Any) -> Completion:
    return Completion(values=[], total=0, has_more=False)


async def nothing(context: Any, params: Any) -> EmptyResult:
    return EmptyResult()


# MCPServer has no public way to serve these three, which only the legacy scenarios ask for.
for method, params in (
    ("logging/setLevel", SetLevelRequestParams),
    ("resources/subscribe", SubscribeRequestParams),
    ("resources/unsubscribe", UnsubscribeRequestParams),
):
    server._lowlevel_server.add_request_handler(method, params, nothing)


# ---------------------------------------------------------------- a Function URL


class FunctionUrl(BaseHTTPRequestHandler):
    """Turns HTTP into events and answers into HTTP, as a Function URL with a buffered response does."""

    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        assert isinstance(self.server, ThreadingHTTPServer)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        event = {
            "version": "2.0",
            "rawPath": self.path,
            "rawQueryString": "",
            "headers": {name.lower(): value.strip() for name, value in self.headers.items()},
            "requestContext": {
                "domainName": f"127.0.0.1:{self.server.server_port}",
                "http": {"method": self.command, "path": self.path, "sourceIp": "127.0.0.1", "protocol": "HTTP/1.1"},
                "requestId": uuid4().hex,
                "timeEpoch": 0,
            },
            "body": body.decode() or None,
            "isBase64Encoded": False,
        }
        host = f"localhost:{self.server.server_port}"
        answer = adapter.unanswerable(event, [])
        if answer is None:
            answer = adapter.answer(server, event, None, hosts=[host], origins=[f"http://{host}"])
        content = answer["body"].encode()
        self.send_response(answer["statusCode"])
        for name, value in {**answer["headers"], "content-length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = do_OPTIONS = handle_any  # noqa: N815 # http.server's names

    def log_message(self, format: str, *arguments: Any) -> None:
        """Requests are not logged."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), FunctionUrl) as http:
        print(http.server_port, flush=True)  # noqa: T201 - the parent reads the port
        http.serve_forever()
