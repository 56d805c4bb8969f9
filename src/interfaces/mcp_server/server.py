"""The MCP server: the methods it serves, in both eras of the protocol.

It is the SDK's low-level Server, whose schemas, errors and lists are exactly what is written here. There is no
subscriptions/listen, which would hold an invocation open until its time-out.
"""

from dataclasses import replace
from functools import partial
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
    InputRequiredResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
)

from core import __version__
from core.errors import EaselError
from core.jobs.model import Job
from core.logs import logger
from interfaces.mcp_server import apps, completions, confirmation, errors, icons, prompts, resources, revisions, tasks
from interfaces.mcp_server.session import Session, current
from interfaces.mcp_server.tools import TOOLS

INSTRUCTIONS = """\
Easel generates and edits images, and stores them behind permalinks. generate_image and edit_image cost money: \
quote_image returns the price in advance, list_available_models the choice of models. They wait wait_seconds for the \
images (25 by default, 45 at most) and then return either the images or a job_id; poll the job with get_image_job \
until its status is succeeded. Show the user each image's url exactly as it is. To change an image, give its img_ id \
to edit_image."""

# The same for every caller until the next deployment.
_FOR_ALL = CacheHint(ttl_ms=3_600_000, scope="public")

Context = ServerRequestContext
Page = PaginatedRequestParams | None


@errors.guarded
async def list_tools(context: Context, params: Page) -> ListToolsResult:
    """All tools, always in the same order; for a host of apps, with what it needs for the viewer."""
    if apps.declared(context):
        return ListToolsResult(tools=apps.tools(), cache_scope="private")
    return ListToolsResult(tools=[tool.description for tool in TOOLS.values()])


@errors.guarded
async def call_tool(
    context: Context, params: CallToolRequestParams
) -> CallToolResult | InputRequiredResult | dict[str, Any]:
    """Run a tool in a thread, since the core blocks on its stores. An error in it is a result, not an exception."""
    tool = TOOLS.get(params.name) or (apps.tool(params.name) if apps.declared(context) else None)
    if tool is None:
        raise MCPError(INVALID_PARAMS, f"There is no tool '{params.name[:64]}'. The tools are: {', '.join(TOOLS)}.")
    session = replace(current(), answer=confirmation.answer_in(context, params, current().revision))
    logger.append_keys(tool=tool.name)
    latest: list[Job] = []

    def watch(job: Job) -> None:
        logger.append_keys(job_id=job.id)
        latest[:] = [job]
        if "progress_token" in (context.meta or {}):
            words = _words(session, job) if session.revision >= revisions.PROGRESS_MESSAGE else None
            anyio.from_thread.run(partial(context.session.report_progress, session.seconds, message=words))

    try:
        result = await anyio.to_thread.run_sync(tool.call, session, params.arguments or {}, watch)
    except confirmation.Unanswered as unanswered:
        return unanswered.result
    except EaselError as error:
        return errors.tool_error(error, session.request_id, tool.takes.model_fields)
    except Exception as error:  # noqa: BLE001 - a model must not take a fault of ours for a wrong call
        return errors.tool_error(errors.fault(error), session.request_id, ())
    if tool.buys and latest and not latest[0].finished and tasks.declared(context):
        return await anyio.to_thread.run_sync(tasks.created, session, latest[0])
    return result


@errors.guarded
async def serve_task(context: Context, params: tasks.TaskParams) -> dict[str, Any]:
    """tasks/get, tasks/update, tasks/cancel."""
    tasks.require_declared(context)
    serve = {"tasks/get": tasks.get, "tasks/update": tasks.update, "tasks/cancel": tasks.cancel}[context.method]
    return await anyio.to_thread.run_sync(serve, current(), params.task_id)


def _words(session: Session, job: Job) -> str:
    """What a client that asked for progress is told of a job."""
    return f"{job.id} {'is ' + job.status if job.finished else session.words_about(job)}"


@errors.guarded
async def list_resources(context: Context, params: Page) -> ListResourcesResult:
    """The models, the history, and the newest images; for a host of apps, the viewer."""
    listed = await anyio.to_thread.run_sync(resources.listed, current())
    return ListResourcesResult(resources=[*listed, apps.resource()] if apps.declared(context) else listed)


@errors.guarded
async def list_resource_templates(context: Context, params: Page) -> ListResourceTemplatesResult:
    """Images by id."""
    return ListResourceTemplatesResult(resource_templates=[resources.IMAGE_TEMPLATE])


@errors.guarded
async def read_resource(context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
    """One resource."""
    if str(params.uri) == apps.VIEWER_URI:
        return ReadResourceResult(contents=[apps.viewer()])
    try:
        contents = await anyio.to_thread.run_sync(resources.read, current(), str(params.uri))
    except EaselError as error:
        raise errors.protocol_error(error, uri=str(params.uri)) from None
    return ReadResourceResult(contents=contents)


@errors.guarded
async def list_prompts(context: Context, params: Page) -> ListPromptsResult:
    """All prompts, always in the same order."""
    return ListPromptsResult(prompts=[prompt.description for prompt in prompts.PROMPTS.values()])


@errors.guarded
async def get_prompt(context: Context, params: GetPromptRequestParams) -> GetPromptResult:
    """A prompt with its arguments filled in. Costs nothing."""
    return prompts.render(params.name, params.arguments or {})


@errors.guarded
async def complete(context: Context, params: CompleteRequestParams) -> CompleteResult:
    """Possible values of an argument, given its prefix."""
    found = await anyio.to_thread.run_sync(completions.of, current(), params.argument.name, params.argument.value)
    return CompleteResult(completion=found)


def build() -> Server:
    """The server of this process."""
    server = Server(
        "easel",
        version=__version__,
        title="Easel",
        instructions=INSTRUCTIONS,
        icons=[icons.EASEL],
        cache_hints={
            "server/discover": _FOR_ALL,
            "tools/list": _FOR_ALL,
            "prompts/list": _FOR_ALL,
            "resources/templates/list": _FOR_ALL,
        },
        on_list_tools=list_tools,
        on_call_tool=call_tool,  # type: ignore[arg-type] # a task is a result type that only the extension defines
        on_list_resources=list_resources,
        on_list_resource_templates=list_resource_templates,
        on_read_resource=read_resource,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_completion=complete,
    )
    server.middleware += [revisions.no_younger_than_spoken, apps.acknowledged]
    server.extensions[tasks.IDENTIFIER] = {}
    for method in tasks.METHODS:
        server.add_request_handler(method, tasks.TaskParams, serve_task)
    return server
