"""A job shows the drafts that its provider sends, and nothing that happens to them harms the purchase."""

import hashlib
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from cli import drops
from core import aws
from core.images.previews import PreviewStore
from local.simulator import Simulator
from tests.support.moved_time import Clock
from tests.support.pictures import picture
from tests.support.world import EVERY_PROVIDER, World, deployed
from tests.support.world import aws as moto
from tests.support.world.jobs import stored as recorded
from tests.support.world.mcp_server import McpDoor

DAY = 86400


def drafted(world: World, count: int = 2, **body: Any) -> str:
    """The id of a job that was just performed, with so many partial images."""
    job_id = world.api.accepted(partial_images=count, **body)
    world.jobs.work()
    return job_id


def stored() -> list[str]:
    """What lies under previews/."""
    return [each["Key"] for each in moto.s3().list_objects_v2(Bucket="images", Prefix="previews/").get("Contents", [])]


@contextmanager
def watched(world: World, job_id: str) -> Iterator[list[Any]]:
    """What GET /jobs/{id} answers after each write of a job meanwhile."""
    seen: list[Any] = []
    with moto.handled(aws.dynamodb(), "after-call.dynamodb.PutItem", lambda **_: seen.append(world.api.job(job_id))):
        yield seen


def refuse(params: Any, **_: Any) -> None:
    """Fail every write that has to do with a preview."""
    if "Key" in params or params["Item"]["previews"]["L"]:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Put")


def test_a_job_lists_its_previews_as_they_come_and_keeps_them(world: World) -> None:
    job_id = world.api.accepted(partial_images=3, size="1024x1024", output_format="webp")
    with watched(world, job_id) as seen:
        world.jobs.work()
    counts = [(job["status"], len(job["previews"])) for job in seen]
    assert counts[:4] == [("running", 0), ("running", 1), ("running", 2), ("running", 3)]
    job = world.api.job(job_id)
    assert job["status"] == "succeeded"
    assert [preview["index"] for preview in job["previews"]] == [0, 1, 2]
    for preview in job["previews"]:
        assert (preview["width"], preview["height"], preview["content_type"]) == (1024, 1024, "image/webp")
        assert f"/previews/{job_id}/{preview['index']}.webp?" in preview["url"]
        assert "X-Amz-Signature=" in preview["url"]
        assert job["created_at"] < preview["expires_at"] <= job["created_at"] + DAY
    drafts = [PreviewStore(moto.s3(), "images").read(preview) for preview in recorded(job_id).previews]
    assert len({hashlib.sha256(draft or b"").hexdigest() for draft in drafts}) == 3
    assert all(Image.open(io.BytesIO(draft or b"")).size == (1024, 1024) for draft in drafts)


@pytest.mark.parametrize(
    "path", ["/jobs/{}", "/jobs/{}?response_format=link", "/jobs/{}?response_format=b64_json", "/jobs"]
)
def test_previews_have_signed_urls_in_every_form_of_the_answer(world: World, path: str) -> None:
    answer = world.api.call("GET", path.format(drafted(world, 1))).json()
    (preview,) = (answer["data"][0] if path == "/jobs" else answer)["previews"]
    assert "X-Amz-Signature=" in preview["url"]


def test_partial_images_are_in_the_quote_the_bound_and_the_bill(world: World) -> None:
    wish: dict[str, Any] = {"model": "gpt-image-2", "prompt": "an otter", "quality": "low", "size": "1024x1024"}
    plain, with_previews = (
        world.api.call("POST", "/images/quote", wish | more).json() for more in ({}, {"partial_images": 2})
    )
    for usage in ("usage", "upper_bound_usage"):
        assert with_previews[usage]["output_tokens"] == plain[usage]["output_tokens"] + 200
    assert with_previews["quote_micro_usd"] == plain["quote_micro_usd"] + 6000  # $30 for a million tokens
    assert with_previews["upper_bound_micro_usd"] == plain["upper_bound_micro_usd"] + 6000
    job = world.api.job(drafted(world, **wish))
    charged = world.simulator.calls()[-1]["charged_micro_usd"]
    assert job["easel"]["cost"]["actual_micro_usd"] == charged <= job["easel"]["cost"]["upper_bound_micro_usd"]
    assert job["easel"]["applied"]["partial_images"] == 2


def by_form(world: World) -> str:
    fields = {"model": "gpt-image-2", "prompt": "make it night", "quality": "low", "partial_images": "1"}
    answer = world.api.form("/images/edits", fields, [("image", ("photo.png", picture(), "image/png"))])
    return str(answer.json()["id"])


def by_drop(world: World) -> str:
    drops.map_prefix(world.stack, "team", world.caller_id)
    recipe = {"prompt": "make it night", "model": "gpt-image-2", "quality": "low", "partial-images": "1"}
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), **recipe))
    (job,) = world.api.call("GET", "/jobs").json()["data"]
    return str(job["id"])


@pytest.mark.parametrize("ask", [by_form, by_drop])
def test_every_entry_point_takes_partial_images(world: World, ask: Any) -> None:
    job_id = ask(world)
    world.jobs.work()
    assert len(world.api.job(job_id)["previews"]) == 1


def test_an_assistant_sees_previews_in_a_job_that_goes_on(world: World, door: McpDoor) -> None:
    arguments = {"model": "gpt-image-2", "prompt": "an otter", "quality": "low", "partial_images": 1, "wait_seconds": 0}
    job_id = door.call("generate_image", **arguments).result["structuredContent"]["job_id"]
    seen: list[Any] = []

    def look(**_: Any) -> None:
        seen.append(door.call("get_image_job", job_id=job_id, wait_seconds=0).result["structuredContent"])

    with moto.handled(aws.dynamodb(), "after-call.dynamodb.PutItem", look):
        world.jobs.work()
    running = [job for job in seen if job["status"] == "running" and job["previews"]]
    assert running[0]["previews"][0]["index"] == 0
    assert f"/previews/{job_id}/0.png?" in running[0]["previews"][0]["url"]


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({"partial_images": 4}, "partial_images", "from 0 to 3"),
        ({"partial_images": -1}, "partial_images", "from 0 to 3"),
        ({"partial_images": "2"}, "partial_images", "an integer"),
        ({"partial_images": 1, "n": 2}, "n", "n=1"),
        ({"partial_images": 1, "output_format": "gif"}, "partial_images", "png, jpeg or webp"),
        ({"partial_images": 1, "output_format": "svg", "svg": {"model": "gpt-5.6"}}, "partial_images", "not with svg"),
    ],
)
def test_previews_that_cannot_be_had_are_refused_before_money(
    world: World, body: dict[str, Any], param: str, says: str
) -> None:
    for path in ("/images/generations", "/images/quote"):
        answer = world.api.call("POST", path, {"model": "gpt-image-2.6-flare", "prompt": "an otter"} | body)
        assert (answer.status, answer.json()["error"]["param"]) == (400, param)
        assert says in answer.json()["error"]["message"]
    assert world.jobs.messages() == []


@pytest.mark.parametrize(
    ("client", "write"),
    [(aws.s3_in_passing, "s3.PutObject"), (aws.dynamodb, "dynamodb.PutItem")],
    ids=["bucket", "table"],
)
def test_what_fails_while_a_preview_is_kept_does_not_harm_the_purchase(world: World, client: Any, write: str) -> None:
    with moto.handled(client(), f"provide-client-params.{write}", refuse):
        job_id = drafted(world)
    job = world.api.job(job_id)
    assert (job["status"], job["previews"], len(job["result"]["data"])) == ("succeeded", [], 1)
    assert len(world.simulator.calls()) == 1
    world.api.call("DELETE", f"/jobs/{job_id}")
    assert stored() == [], "a preview that no list names is deleted with its job, too"


def test_the_previews_of_a_job_go_with_its_last_image(world: World) -> None:
    job_id = drafted(world)
    assert len(stored()) == 2
    (image,) = world.api.job(job_id)["result"]["data"]
    assert world.api.call("DELETE", f"/images/{image['id']}").status == 200
    assert stored() == []
    assert world.api.job(job_id)["previews"] == []


@pytest.mark.parametrize("fault", [None, "wrong_bytes"])
def test_the_previews_of_a_job_go_with_the_job(world: World, fault: str | None) -> None:
    if fault:
        world.simulator.plan(fault)
    job_id = drafted(world)
    assert len(stored()) == len(world.api.job(job_id)["previews"]) == 2
    assert world.api.call("DELETE", f"/jobs/{job_id}").status == 200
    assert stored() == []
    assert world.api.job(job_id)["previews"] == []


def test_the_previews_of_another_job_stay(world: World) -> None:
    kept, gone = drafted(world, prompt="an otter"), drafted(world, prompt="two otters")
    world.api.call("DELETE", f"/jobs/{gone}")
    assert {key.split("/")[1] for key in stored()} == {kept}


def test_previews_are_shown_for_a_day(world: World, clock: Clock) -> None:
    job_id = drafted(world)
    clock.forward(DAY - 60)
    for preview in world.api.job(job_id)["previews"]:
        assert 0 < preview["expires_at"] - time.time() <= 60
    clock.forward(60)
    assert world.api.job(job_id)["previews"] == []


def test_a_model_without_partial_images_is_bought_without_them(simulator: Simulator) -> None:
    with deployed(simulator, EVERY_PROVIDER) as world:
        job_id = drafted(world, model="gemini-3.1-flash-lite-image", quality=None)
        job = world.api.job(job_id)
    assert (job["status"], job["previews"]) == ("succeeded", [])
    assert [warning["code"] for warning in job["easel"]["warnings"]] == ["no_previews"]
    assert "partial_images" not in job["easel"]["applied"]


def test_a_fallback_drops_what_it_cannot_do_and_another_has_previews(simulator: Simulator) -> None:
    gemini, gpt = "gemini-3.1-flash-lite-image", "gpt-image-2"
    with deployed(simulator, EVERY_PROVIDER) as world:
        world.simulator.plan("overloaded")
        without = world.api.job(drafted(world, model=gpt, quality=None, fallbacks=[gemini]))
        world.simulator.plan("overloaded")
        with_them = world.api.job(drafted(world, model=gemini, quality=None, fallbacks=[gpt]))
    assert (without["model"], without["status"], without["previews"]) == (gemini, "succeeded", [])
    assert "without partial_images" in without["easel"]["warnings"][0]["message"]
    assert (with_them["model"], with_them["status"], len(with_them["previews"])) == (gpt, "succeeded", 2)
