"""The MCP door: what assistants can do, and what each pitfall of the protocol and its clients is met with."""

import base64
import io
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

import anyio.to_thread
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from mcp import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.types import CallToolResult, ImageContent, ResourceLink, Result
from PIL import Image

from cli import keys
from core import __version__, aws, catalog
from core.errors import NotFound
from core.jobs.store import JobPointer, JobStore
from core.ledger.dollars import micro_usd
from core.ledger.model import Budget
from core.ledger.store import LedgerStore
from interfaces.mcp_server import app, arguments, completions, prompts, resources
from interfaces.mcp_server.tools import TOOLS
from tests.support.moved_time import Clock
from tests.support.pictures import encoded
from tests.support.world import World
from tests.support.world import aws as moto
from tests.support.world.aws import handled
from tests.support.world.mcp_server import META, Era, McpDoor, Raw

ERAS: tuple[Era, ...] = ("auto", "legacy")
WISH = {"prompt": "A beautiful sunset over mountains", "model": "gpt-image-2", "quality": "low", "size": "1024x1024"}


@contextmanager
def failing_table(table: str) -> Iterator[None]:
    """Each request to a table is denied."""

    def deny(params: dict[str, Any], **_: Any) -> Any:
        if f'"{table}"' not in str(params["body"]):
            return None
        denied = {"Error": {"Code": "AccessDeniedException", "Message": "AccessDenied"}}
        return AWSResponse("", 400, HTTPHeaders(), None), denied

    with handled(aws.dynamodb(), "before-call.dynamodb", deny):
        yield


def picture(size: tuple[int, int] = (1024, 1024)) -> str:
    """A small PNG as base64."""
    return base64.b64encode(encoded(Image.new("RGB", size, "linen"))).decode()


# ---------------------------------------------------------------- tools


@pytest.mark.parametrize("era", ERAS)
def test_a_picture_is_made_and_told_as_object_text_link_and_preview(world: World, door: McpDoor, era: Era) -> None:
    with world.jobs.working():
        result = door.client_calls("generate_image", era, **WISH)
    told = result.structured_content
    assert not result.is_error
    assert told
    assert (told["status"], told["charged"], told["error"]) == ("succeeded", True, None)
    (image,) = told["images"]
    assert image["url"] == f"https://images.example.com/v1/i/{image['id']}"
    assert (image["width"], image["height"], image["content_type"]) == (1024, 1024, "image/png")
    assert told["cost"]["actual_micro_usd"] > 0
    assert "edit_image" in told["next_step"]
    text, link, preview = result.content
    assert isinstance(preview, ImageContent)
    assert json.loads(cast(Any, text).text) == told
    assert isinstance(link, ResourceLink)
    assert (link.uri, link.mime_type) == (image["url"], "image/png")


def test_the_guides_calls_run_unchanged(world: World, door: McpDoor) -> None:
    with world.jobs.working():
        made = door.client_calls(
            "generate_image",
            **{
                "prompt": "A beautiful sunset over mountains",
                "model": "gpt-image-1",
                "quality": "high",
                "size": "1536x1024",
            },
        )
        edited = door.client_calls(
            "edit_image",
            **{"image_data": picture(), "prompt": "Add a rainbow to the sky", "model": "gpt-image-1"},
        )
    for result in (made, edited):
        assert result.structured_content
        assert result.structured_content["status"] == "succeeded"
        assert "gpt-image-1" in result.structured_content["warnings"][0], "the successor ran, and that is said"


def test_a_job_that_is_not_finished_is_no_error_and_says_what_to_do(world: World, door: McpDoor) -> None:
    waiting = door.client_calls("generate_image", **WISH, wait_seconds=0)
    told = waiting.structured_content
    assert told
    assert (waiting.is_error, told["status"], told["images"]) == (False, "queued", [])
    assert told["retry_after_seconds"] == 10
    assert "get_image_job" in told["next_step"]
    assert told["job_id"] in told["next_step"]
    world.jobs.work()
    done = door.client_calls("get_image_job", job_id=told["job_id"])
    assert done.structured_content
    assert done.structured_content["status"] == "succeeded"
    assert done.structured_content["joined"] is False


def test_the_wait_counts_from_the_gateways_clock_so_that_a_cold_start_is_part_of_it(
    world: World, door: McpDoor
) -> None:
    door.seconds_ago = 44.5
    started = time.monotonic()
    assert door.call("generate_image", **WISH, wait_seconds=45).result["structuredContent"]["status"] == "queued"
    assert time.monotonic() - started < 10


def test_pictures_are_edited_by_id_by_value_and_with_a_mask(world: World, door: McpDoor) -> None:
    mask = base64.b64encode(encoded(Image.new("RGBA", (1024, 1024), (0, 0, 0, 0)))).decode()
    with world.jobs.working():
        first = door.call("generate_image", **WISH).result["structuredContent"]["images"][0]["id"]
        ways: list[dict[str, Any]] = [
            {"images": [first]},
            {"images": [first], "image_data": picture()},
            {"image_data": f"data:image/png;base64,{picture()}"},
            {"image_data": base64.encodebytes(base64.b64decode(picture())).decode()},
            {"image_data": picture().rstrip("=").replace("+", "-").replace("/", "_")},
            {"image_data": first, "mask_data": mask},
        ]
        for way in ways:
            told = door.call("edit_image", prompt="in winter", model="gpt-image-2", **way).result["structuredContent"]
            assert (told["status"], told["operation"]) == ("succeeded", "edit"), way


def test_an_upload_is_edited(world: World, door: McpDoor) -> None:
    made = door.call("create_upload", content_type="image/png").result["structuredContent"]
    content = base64.b64decode(picture())
    assert made["fields"]["key"]
    world_upload(made["fields"]["key"], content)
    with world.jobs.working():
        edited = door.call("edit_image", prompt="in winter", model="gpt-image-2", images=[made["upload_id"]])
    assert edited.result["structuredContent"]["status"] == "succeeded"


def world_upload(key: str, content: bytes) -> None:
    """What posting the form does; moto takes no forms."""
    moto.s3().put_object(Bucket="images", Key=key, Body=content, ContentType="image/png")


def test_a_quote_buys_nothing(world: World, door: McpDoor) -> None:
    generation = door.client_calls("quote_image", **WISH, n=2).structured_content
    edit = door.client_calls("quote_image", **WISH, images=["img_" + "0" * 32]).structured_content
    assert generation
    assert edit
    assert generation["n"] == 2
    assert 0 < generation["quote_micro_usd"] <= generation["upper_bound_micro_usd"]
    assert edit["upper_bound_micro_usd"] > generation["quote_micro_usd"] / 2
    assert world.provider.bought() == 0
    assert world.jobs.messages() == []


def test_a_cost_is_told_in_dollars_as_well(world: World, door: McpDoor) -> None:
    quoted = door.call("quote_image", **WISH).result["structuredContent"]
    with world.jobs.working():
        cost = door.call("generate_image", **WISH).result["structuredContent"]["cost"]
    for told in (quoted, cost):
        assert micro_usd(told["quote"].removeprefix("$")) == told["quote_micro_usd"]
        assert micro_usd(told["upper_bound"].removeprefix("$")) == told["upper_bound_micro_usd"]
        assert (told["budget_left"], told["budget_left_micro_usd"]) == (None, None)
    assert micro_usd(cost["actual"].removeprefix("$")) == cost["actual_micro_usd"]
    limited = McpDoor(keys.create(world.stack, "limited", None, [], [], budget=Budget(day=2_500_000))[0])
    assert limited.call("quote_image", **WISH).result["structuredContent"]["budget_left"] == "$2.50"


@pytest.mark.parametrize(
    ("named", "narrower"),
    [
        ({}, "quality and size: with quality low and size 1024x1024, it is $"),
        ({"quality": "auto"}, "quality and size: with quality low and size 1024x1024, it is $"),
        ({"quality": "high"}, "name size: with size 1024x1024, it is $"),
        ({"quality": "low", "size": "1024x1024"}, None),
    ],
    ids=repr,
)
def test_a_quote_says_how_to_narrow_its_bound(door: McpDoor, named: dict[str, str], narrower: str | None) -> None:
    wide = door.call("quote_image", prompt="a cat", **named).result["structuredContent"]
    assert ("To narrow it" in wide["next_step"]) == bool(narrower)
    if narrower:
        assert narrower in wide["next_step"]
        named = {"quality": "low", "size": "1024x1024"} | {
            key: value for key, value in named.items() if value != "auto"
        }
        narrow = door.call("quote_image", prompt="a cat", **named).result["structuredContent"]
        assert wide["next_step"].endswith(f"{narrow['upper_bound']}.")
        assert narrow["upper_bound_micro_usd"] < wide["upper_bound_micro_usd"]


def test_a_job_is_canceled_before_it_is_bought(world: World, door: McpDoor) -> None:
    job_id = door.call("generate_image", **WISH, wait_seconds=0).result["structuredContent"]["job_id"]
    canceled = door.client_calls("cancel_image_job", job_id=job_id).structured_content
    assert canceled
    assert (canceled["status"], canceled["charged"]) == ("canceled", False)
    world.jobs.work()
    assert world.provider.bought() == 0


def test_pictures_are_listed_page_by_page(world: World, door: McpDoor) -> None:
    with world.jobs.working():
        for number in range(3):
            door.call("generate_image", **WISH, request_id=f"r{number}")
    first = door.client_calls("list_images", limit=2).structured_content
    assert first
    rest = door.client_calls("list_images", limit=2, after=first["next_after"]).structured_content
    assert rest
    assert (len(first["images"]), len(rest["images"]), rest["next_after"]) == (2, 1, None)


def test_models_are_listed_with_what_they_take_and_cost(door: McpDoor) -> None:
    listed = door.client_calls("list_available_models").structured_content
    assert listed
    assert listed["default_model"] in [model["name"] for model in listed["models"]]
    assert listed["retired"]["dall-e-3"]
    (one,) = door.call("list_available_models", model="dall-e-3").result["structuredContent"]["models"]
    assert one["lifecycle"] == "retired"
    assert "1792x1024" in one["sizes"]


def test_a_result_has_a_small_preview_of_each_image_unless_it_is_switched_off(world: World, door: McpDoor) -> None:
    with world.jobs.working():
        result = door.client_calls("generate_image", **WISH, n=4)
    previews = [content for content in result.content if isinstance(content, ImageContent)]
    assert len(previews) == 4
    assert sum(len(preview.data) for preview in previews) < 24_000
    for preview in previews:
        shown = Image.open(io.BytesIO(base64.b64decode(preview.data)))
        assert shown.format == "WEBP"
        assert max(shown.size) <= 384
    without = door.client_calls("generate_image", **WISH, n=4, preview=False)
    assert without.structured_content == result.structured_content | {
        name: cast(Any, without.structured_content)[name] for name in ("joined", "next_step")
    }
    assert {content.type for content in without.content} == {"text", "resource_link"}


def test_a_preview_that_cannot_be_made_leaves_the_result_as_it_is(world: World, door: McpDoor) -> None:
    with world.jobs.working():
        (image,) = door.call("generate_image", **WISH).result["structuredContent"]["images"]
    bucket = moto.s3()
    for broken in (b"no image", b"\x89PNG\r\n\x1a\n" + b"cut off", None):
        if broken is None:
            bucket.delete_object(Bucket="images", Key=f"images/{image['id']}.png")
        else:
            bucket.put_object(Bucket="images", Key=f"images/{image['id']}.png", Body=broken)
        result = door.call("generate_image", **WISH).result
        assert result["structuredContent"]["images"] == [image]
        assert {content["type"] for content in result["content"]} == {"text", "resource_link"}


def test_the_other_callers_jobs_and_pictures_are_not_there(world: World, door: McpDoor) -> None:
    with world.jobs.working():
        told = door.call("generate_image", **WISH).result["structuredContent"]
    stranger = McpDoor(keys.create(world.stack, "stranger", None, [], [])[0])
    assert stranger.call("get_image_job", job_id=told["job_id"]).error["code"] == "not_found"
    assert stranger.call("cancel_image_job", job_id=told["job_id"]).error["code"] == "not_found"
    image_id = told["images"][0]["id"]
    assert stranger.call("edit_image", prompt="mine", images=[image_id]).error["code"] == "not_found"
    assert stranger.call("list_images").result["structuredContent"]["images"] == []
    assert (
        "no image"
        in stranger.ask("resources/read", f"easel://images/{image_id}", uri=f"easel://images/{image_id}").text
    )


# ---------------------------------------------------------------- spend once


def test_a_repeated_call_joins_the_job_of_the_first(world: World, door: McpDoor) -> None:
    lost = door.call("generate_image", **WISH, wait_seconds=0).result["structuredContent"]
    with world.jobs.working():
        again = door.call("generate_image", **WISH).result["structuredContent"]
    once_more = door.call("generate_image", **WISH).result["structuredContent"]
    assert lost["job_id"] == again["job_id"] == once_more["job_id"]
    assert (lost["joined"], again["joined"], once_more["joined"]) == (False, True, True)
    assert "new request_id" in once_more["next_step"]
    assert world.provider.bought() == 1


def test_of_equal_calls_at_the_same_moment_one_job_is_remembered(door: McpDoor) -> None:
    """Both have looked and found none; tests/e2e lets real ones race."""
    jobs, now = JobStore(aws.dynamodb(), "jobs", LedgerStore(aws.dynamodb(), "ledger")), time.time()
    pointers = [JobPointer("repeat#caller#wish", job_id, int(now) + 600) for job_id in ("job_1", "job_2")]
    assert [jobs.point_repeats(pointer, now, over=None) for pointer in pointers] == ["job_1", "job_1"]
    assert jobs.point_repeats(pointers[1], now, over="job_1") == "job_2"


def test_another_picture_of_the_same_prompt_is_bought_on_purpose(world: World, door: McpDoor) -> None:
    with world.jobs.working():
        jobs = [
            door.call("generate_image", **WISH, **name).result["structuredContent"]["job_id"]
            for name in ({}, {"request_id": "second"}, {"request_id": "third"}, {"request_id": "third"})
        ]
    assert len(set(jobs)) == 3
    assert world.provider.bought() == 3


def test_a_call_of_ten_minutes_ago_is_not_joined(world: World, door: McpDoor, clock: Clock) -> None:
    first = door.call("generate_image", **WISH, wait_seconds=0).result["structuredContent"]["job_id"]
    clock.forward(601)
    assert door.call("generate_image", **WISH, wait_seconds=0).result["structuredContent"]["job_id"] != first


def test_what_ended_free_of_charge_is_bought_when_it_is_asked_for_again(world: World, door: McpDoor) -> None:
    job_id = door.call("generate_image", **WISH, wait_seconds=0).result["structuredContent"]["job_id"]
    door.call("cancel_image_job", job_id=job_id)
    with world.jobs.working():
        again = door.call("generate_image", **WISH).result["structuredContent"]
    assert again["job_id"] != job_id
    assert again["status"] == "succeeded"


def test_a_purchase_in_doubt_is_shown_and_not_repeated(world: World, door: McpDoor) -> None:
    world.simulator.plan("reset")
    with world.jobs.working():
        answers = [door.call("generate_image", **WISH) for _ in range(2)]
    for answer in answers:
        told = answer.result["structuredContent"]
        assert (answer.result["isError"], told["status"], told["charged"]) == (True, "unknown", "unknown")
        assert "ask before" in told["next_step"]
        assert "call with a new request_id" in told["error"]["message"]
        assert "Idempotency-Key" not in answer.text
    assert len(world.simulator.calls()) == 1


def test_a_request_id_stands_for_one_request(door: McpDoor) -> None:
    door.call("generate_image", **WISH, request_id="mine", wait_seconds=0)
    error = door.call("generate_image", **(WISH | {"prompt": "A cow"}), request_id="mine", wait_seconds=0).error
    assert "request_id" in error["message"]


# ---------------------------------------------------------------- errors that teach


@pytest.mark.parametrize(
    ("tool", "given", "param", "taught"),
    [
        ("generate_image", {"prompt": "otter", "size": "1000x1000"}, "size", "divisible by 16"),
        ("generate_image", {"prompt": "otter", "size": "big"}, "size", "WIDTHxHEIGHT"),
        ("generate_image", {"prompt": "otter", "quality": "best"}, "quality", "'low'"),
        ("generate_image", {"prompt": "otter", "n": 11}, "n", "at most 10"),
        ("generate_image", {"prompt": "otter", "compression": 10}, "compression", "output_compression"),
        ("generate_image", {"prompt": "otter", "model": "gpt-otter"}, "model", "gpt-image-2.6-flare"),
        ("generate_image", {"prompt": "otter", "wait_seconds": 300}, "wait_seconds", "at most 45"),
        ("generate_image", {}, "prompt", "missing"),
        ("edit_image", {"prompt": "otter"}, "images", "'images' is missing"),
        ("edit_image", {"prompt": "otter", "image_data": "..."}, "image_data", "use 'images'"),
        ("edit_image", {"prompt": "otter", "images": ["data:image/png;base64,AAAA"]}, "images[0]", "image 1"),
        ("edit_image", {"prompt": "otter", "image_data": ["...", "AAAA"]}, "image_data[0]", "'image_data[0]'"),
        ("edit_image", {"prompt": "otter", "images": ["otter.png"]}, "images[0]", "img_"),
        ("edit_image", {"prompt": "otter", "images": ["img_" + "0" * 32]}, "images[0]", "list_images"),
        ("edit_image", {"prompt": "otter", "images": ["file_" + "0" * 32]}, "images[0]", "create_upload"),
        ("get_image_job", {"job_id": "job_" + "0" * 32}, "job_id", "generate_image"),
        ("list_images", {"after": "img_" + "0" * 32}, "after", "list_images"),
        ("get_image_job", {"job_id": "job_1"}, "job_id", "job_ and 32 hexadecimal digits"),
        ("generate_image", {"prompt": "otter", "images": ["img_1"]}, "images", "call edit_image"),
        ("generate_image", {"prompt": "otter", "svg": {"name": "otter"}}, "svg.name", "are: model, reasoning."),
        ("quote_image", {"prompt": "otter", "n": 11}, "n", "1 to 10"),
        ("quote_image", {"prompt": "otter", "mask": "file_1"}, "images", "'images' is missing"),
        ("edit_image", {"prompt": "otter", "images": [True]}, "images[0]", "ids of earlier images"),
        ("edit_image", {"prompt": "otter", "images": ["img_1"] * 17}, "images", "at most 16"),
        ("edit_image", {"prompt": "otter", "image_data": "AAAA", "mask_data": "?"}, "mask_data", "use 'mask'"),
        ("get_image_job", {"job_id": "otter"}, "job_id", "generate_image"),
        ("create_upload", {"content_type": "image/gif"}, "content_type", "image/png"),
    ],
)
def test_an_error_says_what_is_allowed_and_repeats_nothing_that_was_sent(
    door: McpDoor, tool: str, given: dict[str, Any], param: str, taught: str
) -> None:
    error = door.call(tool, **given).error
    assert error["param"] == param
    assert taught in error["message"]
    assert error["charged"] is False
    assert "otter " not in error["message"].replace("gpt-otter", "")
    assert "/v1" not in error["message"]


# Words of the HTTP API, of files on a caller's disk and of the library that checks the arguments.
FOREIGN_WORDS = (
    "image_url",
    "file_id",
    "image[]",
    "multipart",
    "form field",
    "header",
    "POST",
    "GET",
    "DELETE",
    "HTTP ",
    "/v1",
    "Idempotency",
    "'Prefer",
    "Retry-After",
    "JSON",
    "request body",
    "query",
    "a file,",
    "files as",
    "easel_deadline",
    "response_format",
    "Input should",
    "validation error",
    "pydantic",
    "String should",
    "Field required",
)


def test_no_error_of_a_tool_speaks_of_another_interface(door: McpDoor) -> None:
    """Every argument with every wrong value. What the other two tools take, edit_image takes as well."""
    valid: dict[str, dict[str, Any]] = {
        "edit_image": {"prompt": "otter", "images": ["img_" + "0" * 32]},
        "get_image_job": {"job_id": "job_" + "0" * 32},
        "cancel_image_job": {"job_id": "job_" + "0" * 32},
        "create_upload": {"content_type": "image/png"},
        "list_images": {},
        "list_available_models": {},
    }
    wrong: tuple[Any, ...] = ("otter", {"otter": 1}, "x" * 40_000, "http://example.com/a.png", "data:otter", "file_1")
    messages = set()
    for name, given in valid.items():
        for argument in (*TOOLS[name].takes.model_fields, "unknown"):
            for value in wrong:
                result = door.call(name, **(given | {argument: value})).result
                if "structuredContent" not in result:
                    messages.add(json.loads(result["content"][0]["text"])["error"]["message"])
    assert len(messages) > 50
    for message in messages:
        assert not [word for word in FOREIGN_WORDS if word in message], message
        assert message[-1] == ".", message


def test_a_refused_picture_is_an_error_with_its_reason(world: World, door: McpDoor) -> None:
    world.simulator.plan("moderation_blocked")
    with world.jobs.working():
        answer = door.call("generate_image", **WISH)
    told = answer.result["structuredContent"]
    assert answer.result["isError"]
    assert (told["status"], told["error"]["code"]) == ("failed", "moderation_blocked")
    assert "Fix what the error names" in told["next_step"]


def test_a_fault_of_ours_is_an_answer_without_detail(world: World, door: McpDoor) -> None:
    job_id = world.api.accepted()
    world.jobs.set_texts(job_id, request="no JSON")
    error = door.call("get_image_job", job_id=job_id).error
    assert error["code"] == "internal_error"
    assert not {"JSON", "request", "Traceback"} & set(re.findall(r"\w+", error["message"]))


def test_a_caller_who_cannot_be_looked_up_gets_an_error_of_ours(world: World, door: McpDoor) -> None:
    with failing_table("callers"):
        answer = door.ask("tools/list")
    assert answer.status == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert answer.headers["x-request-id"] == answer.json()["error"]["request_id"]


def every_request(door: McpDoor) -> list[Raw]:
    """An answer to every method that the server has a handler for, in both eras."""
    asked: dict[str, dict[str, Any]] = {
        "tools/list": {},
        "tools/call": {"name": "list_images", "arguments": {}},
        "resources/list": {},
        "resources/templates/list": {},
        "resources/read": {"uri": "easel://images/img_1"},
        "prompts/list": {},
        "prompts/get": {"name": "creative", "arguments": {}},
        "completion/complete": {
            "ref": {"type": "ref/resource", "uri": "easel://images/{image_id}"},
            "argument": {"name": "image_id", "value": ""},
        },
        "tasks/get": {"taskId": "job_1"},
        "tasks/update": {"taskId": "job_1"},
        "tasks/cancel": {"taskId": "job_1"},
    }
    served = {method for method in app._server._request_handlers if method not in {"ping", "server/discover"}}
    assert served == set(asked)
    answers = []
    for method, params in asked.items():
        name = str(params.get("name") or params.get("uri") or params.get("taskId") or "")
        body = {"jsonrpc": "2.0", "id": 1, "method": method}
        modern = json.dumps(body | {"params": params | {"_meta": WITH_TASKS}})
        legacy = json.dumps(body | {"params": params})
        answers.append(door.send("POST", body=modern, mcp_method=method, mcp_name=name or None))
        answers.append(door.send("POST", body=legacy, mcp_protocol_version="2025-11-25", mcp_method=None))
    return answers


SECRET = "arn:aws:iam::123456789012:role/easel"


@pytest.mark.parametrize("cause", [RuntimeError(SECRET), ValueError(SECRET), KeyError(SECRET), NotFound(SECRET)])
def test_no_handler_tells_an_inner_error(
    door: McpDoor, monkeypatch: pytest.MonkeyPatch, cause: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever goes wrong in whichever method of whichever era."""

    def fail(*_: object, **__: object) -> Any:
        raise cause

    for module, name in ((resources, "listed"), (resources, "read"), (completions, "of"), (prompts, "render")):
        monkeypatch.setattr(module, name, fail)
    with failing_table("jobs"):
        answers = every_request(door)
    for answer in answers:
        if not isinstance(cause, NotFound):
            assert SECRET not in answer.text
        assert "AccessDenied" not in answer.text
        assert "validation error" not in answer.text.lower()


@pytest.mark.parametrize("era", ["2026-07-28", "2025-11-25"])
def test_a_fault_of_ours_outside_of_tools_names_the_request_to_ask_about(door: McpDoor, era: str) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "resources/list", "params": {"_meta": META}})
    with failing_table("jobs"):
        answer = door.send("POST", body=body, mcp_method="resources/list", mcp_protocol_version=era)
    text = answer.text.partition("data: ")[2].strip() or answer.text
    error = json.loads(text)["error"]
    assert (error["code"], error["data"]["code"]) == (-32603, "internal_error")
    assert error["data"]["request_id"] == answer.headers["x-request-id"]


def test_stored_data_that_cannot_be_read_is_not_blamed_on_the_client(world: World, door: McpDoor) -> None:
    job_id = world.api.accepted()
    world.jobs.set_texts(job_id, request="no JSON")
    error = task_request(door, "tasks/get", job_id).json()["error"]
    assert (error["code"], error["data"]["code"]) == (-32603, "internal_error")


@pytest.mark.parametrize("era", ["2026-07-28", "2025-11-25"])
@pytest.mark.parametrize(
    "body",
    ['{"jsonrpc": "2.0", "otter', '{"jsonrpc": "3.0", "otter": 5}', '["otter"]', '{"method": {"otter": 5}, "id": 1}'],
)
def test_a_message_that_cannot_be_read_is_refused_without_its_text(door: McpDoor, era: str, body: str) -> None:
    answer = door.send("POST", body=body, mcp_protocol_version=era, mcp_method="tools/list")
    assert answer.status == 400
    assert int(answer.headers["content-length"]) == len(answer.text)
    assert answer.json()["error"]["code"] in (-32700, -32602, -32600)
    for hidden in ("otter", "pydantic", "line 1"):
        assert hidden not in answer.text


@pytest.mark.parametrize("key", [None, "Bearer ek_none"])
def test_answers_are_stored_by_nobody(door: McpDoor, key: str | None) -> None:
    headers = {} if key is None else {"authorization": key}
    answers = [door.ask("tools/list", headers=headers), door.call("list_images"), door.send("GET")]
    for answer in [*answers, door.send("OPTIONS", origin="https://inspector.example.com")]:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_unknown_tool_is_an_error_of_the_protocol(door: McpDoor) -> None:
    answer = door.ask("tools/call", "draw", name="draw", arguments={})
    assert answer.status == 400
    assert answer.json()["error"]["code"] == -32602
    assert "generate_image" in answer.json()["error"]["message"]


# ---------------------------------------------------------------- resources, prompts, completion


def test_resources_are_the_models_the_history_and_each_picture(world: World, door: McpDoor) -> None:
    with world.jobs.working():
        image_id = door.call("generate_image", **WISH).result["structuredContent"]["images"][0]["id"]

    async def read(client: Client) -> list[Any]:
        listed = [resource.uri for resource in (await client.list_resources()).resources]
        return [listed, *[(await client.read_resource(uri)).contents for uri in listed]]

    for era in ERAS:
        listed, models, recent, image = door.through_client(read, era)
        assert listed == ["easel://models", "easel://images/recent", f"easel://images/{image_id}"]
        assert json.loads(models[0].text)["models"]
        assert json.loads(recent[0].text)["images"][0]["id"] == image_id
        assert json.loads(image[0].text)["url"].endswith(image_id)
        assert image[1].mime_type == "image/webp"


def test_a_resource_that_is_not_there_is_an_error_of_the_protocol(door: McpDoor) -> None:
    for uri in ("easel://nothing", "easel://images/img_none", "file:///etc/passwd"):
        assert door.ask("resources/read", uri, uri=uri).json()["error"]["code"] == -32602


def test_ten_prompts_ask_for_a_picture_and_buy_none(world: World, door: McpDoor) -> None:
    async def use(client: Client) -> list[str]:
        prompts = (await client.list_prompts()).prompts
        texts = []
        for prompt in prompts:
            given = {each.name: "a red kite" for each in prompt.arguments or () if each.required}
            (message,) = (await client.get_prompt(prompt.name, given)).messages
            texts.append(cast(Any, message.content).text)
        return texts

    for era in ERAS:
        texts = door.through_client(use, era)
        assert len(texts) == 10
        for text in texts:
            assert "generate_image" in text
            assert "a red kite" in text
            assert "{" not in text
    assert world.jobs.messages() == []


def test_a_prompt_says_what_it_needs(door: McpDoor) -> None:
    for name, given in (("poster", {}), ("product_photo", {}), ("product_photo", {"product": "x", "colour": "red"})):
        error = door.ask("prompts/get", name, name=name, arguments=given).json()["error"]
        assert error["code"] == -32602
        assert "product" in error["message"]


def test_names_of_models_are_completed(door: McpDoor) -> None:
    reference = {"type": "ref/prompt", "name": "creative"}
    answer = door.ask("completion/complete", ref=reference, argument={"name": "model", "value": "gpt-image-2.6"})
    assert answer.result["completion"]["values"] == ["gpt-image-2.6-sunburst", "gpt-image-2.6-flare"]


# ---------------------------------------------------------------- tasks


TASKS = "io.modelcontextprotocol/tasks"
WITH_TASKS = META | {"io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}}}


def task_request(door: McpDoor, method: str, task_id: str, meta: dict[str, Any] | None = None) -> Raw:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"taskId": task_id, "_meta": meta or WITH_TASKS}}
    return door.send("POST", body=json.dumps(body), mcp_method=method, mcp_name=task_id)


def begun_task(door: McpDoor) -> Any:
    params = {"name": "generate_image", "arguments": {**WISH, "wait_seconds": 0}, "_meta": WITH_TASKS}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return door.send("POST", body=json.dumps(body), mcp_method="tools/call", mcp_name="generate_image").result


def test_a_client_that_knows_tasks_gets_an_unfinished_job_as_one(world: World, door: McpDoor) -> None:
    task = begun_task(door)
    assert (task["resultType"], task["status"]) == ("task", "working")
    assert task["taskId"].startswith("job_")
    assert task["ttlMs"] == 30 * 86_400_000
    working = task_request(door, "tasks/get", task["taskId"]).result
    assert working["status"] == "working"
    assert "The job has been waiting for" in working["statusMessage"]
    world.jobs.work()
    done = task_request(door, "tasks/get", task["taskId"]).result
    assert (done["resultType"], done["status"]) == ("complete", "completed")
    assert done["result"]["structuredContent"]["status"] == "succeeded"
    assert "isError" not in done["result"] or done["result"]["isError"] is False


def test_a_task_is_canceled_before_it_is_bought(world: World, door: McpDoor) -> None:
    task_id = begun_task(door)["taskId"]
    assert task_request(door, "tasks/cancel", task_id).result["resultType"] == "complete"
    assert task_request(door, "tasks/get", task_id).result["status"] == "cancelled"
    world.jobs.work()
    assert world.provider.bought() == 0


def test_a_job_that_failed_is_a_completed_task_with_an_error_in_its_result(world: World, door: McpDoor) -> None:
    world.simulator.plan("moderation_blocked")
    task_id = begun_task(door)["taskId"]
    world.jobs.work()
    done = task_request(door, "tasks/get", task_id).result
    assert (done["status"], done["result"]["isError"]) == ("completed", True)
    assert task_request(door, "tasks/cancel", task_id).status == 200, "too late, and acknowledged"


def test_tasks_are_for_those_who_declare_them(door: McpDoor) -> None:
    task_id = begun_task(door)["taskId"]
    assert "resultType" not in door.call("generate_image", **WISH, wait_seconds=0).result["structuredContent"]
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        assert task_request(door, method, task_id, META).json()["error"]["code"] == -32021
        assert task_request(door, method, "job_" + "0" * 32).json()["error"]["code"] == -32602
    assert TASKS in door.ask("server/discover").result["capabilities"]["extensions"]


def test_the_official_client_resolves_a_task_with_its_extension_point(world: World, door: McpDoor) -> None:
    class Task(Result):
        result_type: Literal["task"] = "task"
        task_id: str

    async def resolve(task: Task, context: ClaimContext) -> CallToolResult:
        await anyio.to_thread.run_sync(world.jobs.work)
        done = await anyio.to_thread.run_sync(lambda: task_request(door, "tasks/get", task.task_id))
        return CallToolResult.model_validate(done.result["result"])

    class Tasks(ClientExtension):
        identifier = TASKS

        def claims(self) -> list[ResultClaim[Any]]:
            return [ResultClaim(result_type="task", model=Task, resolve=resolve)]

    result = door.through_client(
        lambda client: client.call_tool("generate_image", WISH | {"wait_seconds": 0}), extensions=[Tasks()]
    )
    assert result.structured_content
    assert result.structured_content["status"] == "succeeded"


# ---------------------------------------------------------------- what a model reads of the tools


def test_every_tool_describes_itself_and_each_of_its_arguments(door: McpDoor) -> None:
    listed = door.ask("tools/list").result["tools"]
    assert [tool["name"] for tool in listed] == [*TOOLS]
    for tool in listed:
        assert len(tool["description"]) > 60
        assert tool["title"]
        assert tool["annotations"]
        assert tool["outputSchema"]["type"] == "object"
        described = {name for name, value in tool["inputSchema"]["properties"].items() if "description" in value}
        elsewhere = tool["name"] == "quote_image"
        assert described == (set() if elsewhere else set(tool["inputSchema"]["properties"])), tool["name"]


def test_the_list_of_tools_takes_less_than_4000_tokens(door: McpDoor) -> None:
    """At 3.5 characters a token: OpenAI's o200k and Anthropic's published tokenizer take 3.55 for such schemas.

    It is longest in the newest revision.
    """
    assert len(json.dumps(door.ask("tools/list").result)) / 3.5 < 4000


def schemas_in(schema: Any, *, properties: bool = False) -> Iterator[dict[str, Any]]:
    """A JSON schema and every schema in it; keys under `properties` are names, not keywords."""
    if not properties:
        yield schema
    for name, inner in schema.items():
        if isinstance(inner, dict):
            yield from schemas_in(inner, properties=not properties and name == "properties")


def test_tool_schemas_have_only_keywords_that_every_consumer_takes(door: McpDoor) -> None:
    """OpenAI, Gemini, Anthropic, Moonshot and n8n: one type each, no unions, references, constants, bounds or nulls."""
    for tool in door.ask("tools/list").result["tools"]:
        for schema in schemas_in(tool["inputSchema"]):
            assert set(schema) <= {"type", "description", "properties", "required", "items", "enum"}, tool["name"]
            assert schema["type"] in {"object", "array", "string", "integer", "boolean"}
            assert ("items" in schema) == (schema["type"] == "array")
            assert bool(schema.get("properties")) == (schema["type"] == "object"), "no object without properties"
            assert set(schema.get("required", ())) <= set(schema.get("properties", ()))
            for choice in schema.get("enum", ()):
                assert choice, "an empty choice is refused by Gemini"
                assert isinstance(choice, str)
        for schema in schemas_in(tool["outputSchema"]):
            assert set(schema) <= {"type", "properties", "items"}
            assert isinstance(schema["type"], str)


def test_the_arguments_are_those_of_the_catalog() -> None:
    schema = arguments.Generate.schema_for_models()["properties"]
    values: dict[str, set[str]] = {}
    for family in catalog.load().families.values():
        for name, parameter in family.parameters.items():
            values.setdefault(name, set()).update(parameter.values)
    del values["input_fidelity"]
    for name, allowed in values.items():
        assert set(schema[name].get("enum", ())) == allowed, name


def test_the_server_tells_its_version_and_how_to_use_it(door: McpDoor) -> None:
    discovered = door.ask("server/discover").result
    assert "get_image_job" in discovered["instructions"]
    assert discovered["_meta"]["io.modelcontextprotocol/serverInfo"]["version"] == __version__
    assert set(discovered["capabilities"]) == {"tools", "resources", "prompts", "completions", "extensions"}


# ---------------------------------------------------------------- who may call


@pytest.mark.parametrize("key", [None, "Bearer ek_none", "Basic abc", "Bearer"])
def test_without_a_valid_key_the_answer_says_where_to_look(door: McpDoor, key: str | None) -> None:
    answer = door.ask("tools/list", headers={"authorization": cast(str, key)})
    assert answer.status == 401
    domain = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws"
    where = f'resource_metadata="https://{domain}/.well-known/oauth-protected-resource/mcp"'
    assert where in answer.headers["www-authenticate"]
    assert ("invalid_token" in answer.headers["www-authenticate"]) == (key is not None)
    assert "Authorization: Bearer ek_" in answer.json()["error"]["message"]
    # Function URLs rename the header, so the body says it, too.
    assert f"https://{domain}/.well-known/oauth-protected-resource/mcp" in answer.json()["error"]["message"]


@pytest.mark.parametrize("forged", [False, True])
def test_a_browser_token_is_refused_without_reading_what_signs_it(world: World, door: McpDoor, forged: bool) -> None:
    body = {"images": 1, "origins": ["https://shop.example"]}
    token = world.api.call("POST", "/tokens", body).json()["token"]
    answer = McpDoor(f"{token[:-4]}AAAA" if forged else token).ask("tools/list")
    assert (answer.status, answer.json()["error"]["code"]) == (403, "token_not_allowed")


def test_a_key_may_stand_in_x_api_key_where_authorization_is_taken(door: McpDoor) -> None:
    for taken in (None, "AWS4-HMAC-SHA256 Credential=…"):
        answer = door.ask("tools/list", headers={"authorization": taken, "x_api_key": door.key})
        assert answer.status == 200
    refused = door.ask("tools/list", headers={"authorization": f"Bearer {door.key}x", "x_api_key": door.key})
    assert refused.status == 401, "a bearer token counts"


@pytest.mark.parametrize("path", ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"])
def test_the_resource_describes_itself_at_both_places(door: McpDoor, path: str) -> None:
    answer = door.send("GET", path, authorization=None)
    assert answer.status == 200
    assert answer.json()["resource"] == "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws/mcp"
    assert answer.json()["authorization_servers"] == ["https://login.example.com"]
    behind_proxy = door.send("GET", path, authorization=None, host="mcp.example.com")
    assert behind_proxy.json()["resource"] == "https://mcp.example.com/mcp"


def test_an_expired_key_is_refused(world: World) -> None:
    expired = McpDoor(keys.create(world.stack, "old", -1, [], [])[0])
    answer = expired.ask("tools/list")
    assert answer.status == 401
    assert "expired" in answer.json()["error"]["message"]


# ---------------------------------------------------------------- pitfalls


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_what_would_hang_is_refused_at_once(door: McpDoor, method: str) -> None:
    answer = door.send(method, accept="text/event-stream", mcp_protocol_version=None)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_nobody_can_listen(door: McpDoor) -> None:
    answer = door.ask("subscriptions/listen", notifications={"toolsListChanged": True})
    assert (answer.status, answer.json()["error"]["code"]) == (404, -32601)


def test_a_foreign_host_or_origin_is_refused(door: McpDoor) -> None:
    assert door.ask("tools/list", headers={"host": "evil.example"}).status == 421
    assert door.ask("tools/list", headers={"host": "mcp2.example.com"}).status == 200
    assert door.ask("tools/list", headers={"origin": "https://evil.example"}).status == 403


def test_a_page_of_an_allowed_origin_can_call_and_read(door: McpDoor) -> None:
    origin = "https://inspector.example.com"
    asked = door.send("OPTIONS", authorization=None, origin=origin)
    assert (asked.status, asked.headers["access-control-allow-origin"]) == (204, origin)
    assert "mcp-method" in asked.headers["access-control-allow-headers"]
    answered = door.ask("tools/list", headers={"origin": origin})
    assert (answered.status, answered.headers["access-control-allow-origin"]) == (200, origin)
    refused = door.ask("tools/list", headers={"origin": origin, "authorization": "Bearer ek_none"})
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, origin)
    assert door.send("OPTIONS", authorization=None, origin="https://evil.example").status == 405


def test_a_body_of_five_megabytes_is_refused(door: McpDoor) -> None:
    assert door.call("edit_image", prompt="x", image_data="A" * 5_000_000).status == 413


def test_twenty_calls_in_a_row_in_one_process(door: McpDoor) -> None:
    threads = threading.active_count()
    for _ in range(20):
        assert door.call("list_available_models").status == 200
    assert threading.active_count() <= threads + 1


def test_the_headers_must_say_what_the_body_says(door: McpDoor) -> None:
    answer = door.ask("tools/call", "list_images", name="generate_image", arguments=WISH)
    assert (answer.status, answer.json()["error"]["code"]) == (400, -32020)


def test_a_client_of_another_protocol_version_learns_the_known_ones(door: McpDoor) -> None:
    meta = META | {"io.modelcontextprotocol/protocolVersion": "2099-01-01"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    answer = door.send("POST", body=json.dumps(body), mcp_protocol_version="2099-01-01", mcp_method="tools/list")
    assert answer.status == 400
    assert "2026-07-28" in json.dumps(answer.json()["error"]["data"])


def test_progress_is_told_to_clients_that_ask_for_it(world: World, door: McpDoor) -> None:
    seen: list[str | None] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append(message)

    with world.jobs.working():
        door.through_client(lambda client: client.call_tool("generate_image", dict(WISH), progress_callback=note))
    assert any("succeeded" in (message or "") for message in seen)


def test_nothing_is_logged_of_what_was_sent(
    world: World, door: McpDoor, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    secret = "an otter nobody may hear of"
    with world.jobs.working():
        door.call("generate_image", prompt=secret)
    door.call("generate_image", prompt=secret, size=secret)
    door.call(secret)
    door.send("POST", body='{"jsonrpc": "2.0", "method": "tools/call", "params": {"name": 5, "arguments": "' + secret)
    for version in ("2026-07-28", "2025-11-25"):
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": 5, "arguments": secret}}
        door.send("POST", body=json.dumps(body), mcp_protocol_version=version, mcp_method="tools/call")
    logged = capsys.readouterr()
    for text in (logged.out, logged.err, caplog.text):
        assert "otter" not in text
        assert world.api.key not in text
        assert "ek_" not in text


@pytest.mark.parametrize("path", ["/mcp/", "/mcp//", "//mcp"])
def test_spare_slashes_make_no_other_path(door: McpDoor, path: str) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}})
    answer = door.send("POST", path, body, mcp_method="tools/list")
    assert answer.status == 200, answer.text
    assert answer.result["tools"]


@pytest.mark.parametrize("prompt", ["", " \n\t ", "\u200b\ufeff"])
def test_a_blank_prompt_buys_nothing(world: World, door: McpDoor, prompt: str) -> None:
    answer = door.call("generate_image", prompt=prompt).result
    assert answer["isError"]
    assert '"prompt"' in answer["content"][0]["text"]
    assert world.jobs.messages() == []


def test_a_key_in_a_wrong_header_is_told_the_right_one(door: McpDoor) -> None:
    answer = door.send("POST", body="{}", authorization=None, api_key=door.key)
    assert answer.status == 401
    assert "Easel does not read keys from the header 'api-key'" in answer.text
    assert door.key not in answer.text
