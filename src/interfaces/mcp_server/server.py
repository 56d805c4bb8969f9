"""The MCP server: the methods it serves, in both eras of the protocol.

It is the SDK's low-level Server, whose schemas, errors and lists are exactly what is written here. There is no
subscriptions/listen, which would hold an invocation open until its time-out.
"""

from typing import Any

import anyio.from_thread
import anyio.to_thread
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
)

from core import __version__
from core.errors import EaselError, ServerError
from core.jobs.model import Job
from core.logs import logger
from interfaces.mcp_server import completions, errors, icons, prompts, resources, tasks
from interfaces.mcp_server.session import Visit, current
from interfaces.mcp_server.tools import TOOLS

INSTRUCTIONS = """\
Easel makes and edits pictures, and keeps them behind lasting links. generate_image and edit_image cost money: \
quote_image says how much before, list_available_models what there is. They answer within half a minute, either with \
pictures or with a job_id; ask for that with get_image_job until its status is succeeded. Show the user each picture's \
url exactly as it is. To change a picture, give its img_ id to edit_image."""

# What is the same for every caller, until the next deployment.
_FOR_ALL = CacheHint(ttl_ms=3_600_000, scope="public")

Context = ServerRequestContext
Page = PaginatedRequestParams | None


async def list_tools(context: Context, params: Page) -> ListToolsResult:
    """All tools, always in the same order."""
    return ListToolsResult(tools=[tool.description for tool in TOOLS.values()])


async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult | dict[str, Any]:
    """Run a tool in a thread, since the core waits for its stores. What goes wrong in it is an answer, no exception."""
    tool = TOOLS.get(params.name)
    if tool is None:
        raise MCPError(INVALID_PARAMS, f"There is no tool '{params.name[:64]}'. There are: {', '.join(TOOLS)}.")
    visit = current()
    logger.append_keys(tool=tool.name)
    latest: list[Job] = []

    def watch(job: Job) -> None:
        logger.append_keys(job_id=job.id)
        latest[:] = [job]
        anyio.from_thread.run(_report, context, visit, job)

    try:
        result = await anyio.to_thread.run_sync(tool.call, visit, params.arguments or {}, watch)
    except EaselError as error:
        return errors.told(error, visit.request_id)
    except Exception as error:  # noqa: BLE001 # a client must not take a fault of ours for one of the protocol
        logger.exception("unhandled error", extra={"error": type(error).__name__})
        sorry = ServerError("Easel failed to answer. Nothing is known to have been bought; list_images shows what was.")
        return errors.told(sorry, visit.request_id)
    if tool.buys and latest and not latest[0].finished and tasks.declared(context):
        return tasks.created(latest[0])
    return result


async def serve_task(context: Context, params: tasks.TaskParams) -> dict[str, Any]:
    """tasks/get, tasks/update, tasks/cancel."""
    tasks.demand(context)
    serve = {"tasks/get": tasks.get, "tasks/update": tasks.update, "tasks/cancel": tasks.cancel}[context.method]
    return await anyio.to_thread.run_sync(serve, current(), params.task_id)


async def _report(context: Context, visit: Visit, job: Job) -> None:
    """Tell a client that wants to know how far its call is."""
    await context.session.report_progress(visit.seconds, message=f"{job.id} is {job.status}")


async def list_resources(context: Context, params: Page) -> ListResourcesResult:
    """The models, the history, and the newest pictures."""
    return ListResourcesResult(resources=await anyio.to_thread.run_sync(resources.listed, current()))


async def list_resource_templates(context: Context, params: Page) -> ListResourceTemplatesResult:
    """Pictures by id."""
    return ListResourceTemplatesResult(resource_templates=[resources.IMAGE_TEMPLATE])


async def read_resource(context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
    """Read one of them."""
    try:
        contents = await anyio.to_thread.run_sync(resources.read, current(), str(params.uri))
    except EaselError as error:
        message = errors.in_tool_words(error.problem.message)
        raise MCPError(INVALID_PARAMS, message, {"uri": str(params.uri)}) from None
    return ReadResourceResult(contents=contents)


async def list_prompts(context: Context, params: Page) -> ListPromptsResult:
    """All prompts, always in the same order."""
    return ListPromptsResult(prompts=[prompt.description for prompt in prompts.PROMPTS.values()])


async def get_prompt(context: Context, params: GetPromptRequestParams) -> GetPromptResult:
    """A prompt, filled in. Costs nothing."""
    try:
        return prompts.filled_in(params.name, params.arguments or {})
    except EaselError as error:
        raise MCPError(INVALID_PARAMS, error.problem.message) from None


async def complete(context: Context, params: CompleteRequestParams) -> CompleteResult:
    """What an argument may be, given how it begins."""
    found = await anyio.to_thread.run_sync(completions.of, current(), params.argument.name, params.argument.value)
    return CompleteResult(completion=found)


def build() -> Server:
    """The server of this process."""
    server = Server(
        "easel",
        version=__version__,
        title="Easel",
        instructions=INSTRUCTIONS,
        icons=[icons.of("easel")],
        cache_hints={
            "server/discover": _FOR_ALL,
            "tools/list": _FOR_ALL,
            "prompts/list": _FOR_ALL,
            "resources/templates/list": _FOR_ALL,
        },
        on_list_tools=list_tools,
        on_call_tool=call_tool,  # type: ignore[arg-type] # a task is a result that only the extension knows
        on_list_resources=list_resources,
        on_list_resource_templates=list_resource_templates,
        on_read_resource=read_resource,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_completion=complete,
    )
    server.extensions[tasks.IDENTIFIER] = {}
    for method in tasks.METHODS:
        server.add_request_handler(method, tasks.TaskParams, serve_task)
    return server
