"""A caller's stored images: listed, looked at, deleted for good."""

import json
import re
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cli import drops, keys
from core import aws
from core.jobs.store import JobStore
from core.ledger.store import LedgerStore
from core.settings import ApiSettings
from tests.support.pictures import picture
from tests.support.template import TEMPLATE
from tests.support.world import World
from tests.support.world import aws as moto
from tests.support.world.aws import handled
from tests.support.world.mcp_server import McpDoor


def made(world: World, n: int = 1, **body: Any) -> list[Any]:
    """Images of one job that was just performed."""
    job_id = world.api.accepted(n=n, **body)
    world.jobs.work()
    return list(world.api.job(job_id)["result"]["data"])


def other_key(world: World) -> str:
    return keys.create(world.stack, "other", None, [], [])[0]


def stored(image_id: str) -> bool:
    objects = moto.s3().list_objects_v2(Bucket="images", Prefix=f"images/{image_id}")
    return bool(objects["KeyCount"])


def recorded(image_id: str) -> bool:
    return "Item" in moto.dynamodb().get_item(TableName="jobs", Key={"id": {"S": image_id}})


def test_an_image_is_shown_with_its_job_and_a_freshly_signed_url(world: World) -> None:
    (image,) = made(world)
    answer = world.api.call("GET", f"/images/{image['id']}")
    assert answer.status == 200
    shown = answer.json()
    assert shown["object"] == "image"
    assert shown["job_id"] == world.api.call("GET", "/jobs").json()["data"][0]["id"]
    assert shown["kept_until"] > shown["expires_at"] > shown["created_at"]
    assert "X-Amz-Signature=" in shown["url"]
    assert {name: shown[name] for name in ("id", "link", "width", "height", "bytes", "sha256", "content_type")} == {
        name: image[name] for name in ("id", "link", "width", "height", "bytes", "sha256", "content_type")
    }


def test_images_are_listed_newest_first_page_by_page(world: World) -> None:
    images = [image["id"] for _ in range(2) for image in made(world, n=2)]
    for seconds, image_id in enumerate(images):  # Images of one second have no order among themselves.
        item = moto.dynamodb().get_item(TableName="jobs", Key={"id": {"S": image_id}})["Item"]
        created = int(item["created_at"]["N"]) + seconds
        item |= {"created_at": {"N": str(created)}, "created": {"S": f"{created:010d}#{image_id}"}}
        moto.dynamodb().put_item(TableName="jobs", Item=item)
    first = world.api.call("GET", "/images?limit=3").json()
    assert [image["id"] for image in first["data"]] == images[:0:-1]
    assert (first["object"], first["has_more"], first["last_id"]) == ("list", True, images[1])
    second = world.api.call("GET", f"/images?limit=3&after={first['last_id']}").json()
    assert [image["id"] for image in second["data"]] == images[:1]
    assert second["has_more"] is False


def test_long_prompts_do_not_cut_a_list_short(world: World) -> None:
    """DynamoDB ends a page at 1 MB, whatever limit is asked for."""
    ids = [world.api.accepted(prompt="ü" * 32_000) for _ in range(20)]
    listed = world.api.call("GET", "/jobs?limit=20").json()
    assert [job["id"] for job in listed["data"]] == ids[::-1]
    assert listed["has_more"] is False


def test_an_expired_image_is_gone_before_the_table_forgets_it(world: World) -> None:
    (image,) = made(world)
    world.jobs.set_numbers(image["id"], expires_at=int(time.time()) - 1)
    assert world.api.call("GET", f"/images/{image['id']}").status == 404
    assert world.api.call("GET", f"/i/{image['id']}").status == 404
    assert world.api.call("GET", "/images").json()["data"] == []


def test_a_caller_sees_and_deletes_only_its_own_images(world: World) -> None:
    (image,) = made(world)
    other = other_key(world)
    for method in ("GET", "DELETE"):
        answer = world.api.call(method, f"/images/{image['id']}", key=other)
        assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")
    assert world.api.call("GET", f"/images?after={image['id']}", key=other).status == 404
    assert world.api.call("GET", "/images", key=other).json()["data"] == []
    assert stored(image["id"])


@pytest.mark.parametrize("image_id", ["img_00000000000000000000000000000000", "job_1", "nonsense", "retry%231%232"])
def test_an_id_that_is_no_image_is_404(world: World, image_id: str) -> None:
    for method in ("GET", "DELETE"):
        assert world.api.call(method, f"/images/{image_id}").status == 404


def test_a_jobs_id_is_no_image(world: World) -> None:
    job_id = world.api.accepted()
    assert world.api.call("DELETE", f"/images/{job_id}").status == 404
    assert world.api.job(job_id)["status"] == "queued"


def test_the_lasting_link_answers_head_with_a_url_signed_for_head(world: World) -> None:
    (image,) = made(world)
    get = world.api.call("GET", f"/i/{image['id']}", headers={"authorization": ""})
    head = world.api.call("HEAD", f"/i/{image['id']}", headers={"authorization": ""})
    assert (head.status, head.text) == (302, "")
    assert head.headers["Location"].partition("?")[0] == get.headers["Location"].partition("?")[0]
    assert head.headers["Location"] != get.headers["Location"]


@pytest.mark.parametrize("door", ["api", "direct"])
def test_a_deleted_image_is_gone_everywhere(world: World, door: str) -> None:
    first, second = made(world, n=2)
    answer = world.api.call("DELETE", f"/images/{first['id']}", door=door)
    assert (answer.status, answer.json()) == (200, {"id": first["id"], "object": "image.deleted", "deleted": True})
    assert not stored(first["id"])
    assert not recorded(first["id"])
    assert world.api.call("GET", f"/images/{first['id']}").status == 404
    assert world.api.call("GET", f"/i/{first['id']}").status == 404
    assert [image["id"] for image in world.api.call("GET", "/images").json()["data"]] == [second["id"]]
    job = world.api.call("GET", "/jobs").json()["data"][0]
    assert [image["id"] for image in job["result"]["data"]] == [second["id"]]
    assert [warning["code"] for warning in job["easel"]["warnings"]] == ["images_deleted"]
    again = world.api.call("DELETE", f"/images/{first['id']}", door=door)
    assert (again.status, again.json()["error"]["code"]) == (404, "not_found")


def test_an_image_outlives_the_record_of_its_job(world: World) -> None:
    """TTL deletes both within days of their expiry, in no certain order."""
    (image,) = made(world)
    job_id = world.api.call("GET", f"/images/{image['id']}").json()["job_id"]
    moto.dynamodb().delete_item(TableName="jobs", Key={"id": {"S": job_id}})
    assert world.api.call("DELETE", f"/images/{image['id']}").status == 200
    assert not stored(image["id"])


@pytest.mark.parametrize("step", ["dynamodb.TransactWriteItems", "s3.DeleteObject", "dynamodb.DeleteItem"])
def test_an_interrupted_deletion_shows_nothing_dead_and_can_be_finished(world: World, step: str) -> None:
    """The function dies right before one of the requests that delete an image."""
    (image,) = made(world)
    client = aws.s3() if step.startswith("s3") else aws.dynamodb()

    def die(**_: object) -> None:
        raise KeyboardInterrupt

    with handled(client, f"before-call.{step}", die), pytest.raises(KeyboardInterrupt):
        world.api.call("DELETE", f"/images/{image['id']}")

    shown = world.api.call("GET", f"/images/{image['id']}").status
    assert (shown == 200) is (step == "dynamodb.TransactWriteItems")
    assert world.api.call("GET", f"/i/{image['id']}").status == (302 if shown == 200 else 404)
    listed = world.api.call("GET", "/images").json()["data"]
    result = world.api.call("GET", "/jobs").json()["data"][0]["result"]["data"]
    assert len(listed) == len(result) == (1 if shown == 200 else 0)
    assert shown == 404 or stored(image["id"])

    assert world.api.call("DELETE", f"/images/{image['id']}").status == 200
    assert not stored(image["id"])
    assert not recorded(image["id"])


def test_two_images_of_a_job_can_be_deleted_at_once(world: World) -> None:
    """The second deletion writes the job right before the first one does."""
    first, second = made(world, n=2)
    events = aws.dynamodb().meta.events

    def delete_second(**_: object) -> None:
        events.unregister("before-call.dynamodb.TransactWriteItems", delete_second)
        assert world.api.call("DELETE", f"/images/{second['id']}").status == 200

    events.register("before-call.dynamodb.TransactWriteItems", delete_second)
    assert world.api.call("DELETE", f"/images/{first['id']}").status == 200
    assert world.api.call("GET", "/jobs").json()["data"][0]["result"]["data"] == []
    assert not stored(first["id"])
    assert not stored(second["id"])


def test_a_worker_that_repeats_its_last_write_brings_no_deleted_image_back(world: World) -> None:
    """Its acknowledgement was lost for so long that the caller saw the image and deleted it."""
    (image,) = made(world)
    jobs = JobStore(aws.dynamodb(), "jobs", LedgerStore(aws.dynamodb(), "ledger"))
    job_id = world.api.call("GET", f"/images/{image['id']}").json()["job_id"]
    assert world.api.call("DELETE", f"/images/{image['id']}").status == 200
    held = jobs.get(job_id)
    assert held is not None
    assert held.succeeded(int(time.time()), held.images) == held


@pytest.mark.parametrize("broken", [{"width": "wide"}, {"expires_at": "never"}])
def test_a_stored_image_that_cannot_be_read_is_not_quoted(
    world: World, broken: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    (image,) = made(world)
    world.jobs.set_texts(image["id"], **broken)
    assert world.api.call("GET", f"/images/{image['id']}").status == 500
    assert "ItemUnreadable" in caplog.text
    assert image["id"] in caplog.text
    assert image["sha256"] not in caplog.text
    assert "input_value" not in caplog.text


SVG = {"output_format": "svg", "svg": {"model": "gpt-5.2"}}


def dispositions(world: World, image: Any) -> set[str]:
    """How a browser is told to treat an image, wherever a caller finds a link to it."""
    mcp = McpDoor(world.api.key)
    shown = world.api.call("GET", f"/images/{image['id']}").json()
    listed = world.api.call("GET", "/images").json()["data"][0]
    in_mcp = mcp.call("list_images").text
    links = [image["url"], shown["url"], listed["url"]]
    links += re.findall(r"https://[^\s\"\\\\]*X-Amz-Signature[^\s\"\\\\]*", in_mcp)
    links += [world.api.call(method, f"/i/{image['id']}").headers["Location"] for method in ("GET", "HEAD")]
    queries = [parse_qs(urlsplit(link).query) for link in links]
    return {query["response-content-disposition"][0] for query in queries}


@pytest.mark.parametrize(("body", "disposition"), [(SVG, "attachment"), ({}, "inline")])
def test_what_can_run_scripts_is_saved_and_not_opened(world: World, body: dict[str, Any], disposition: str) -> None:
    (image,) = made(world, **body)
    assert dispositions(world, image) == {disposition}
    (stored,) = moto.s3().list_objects_v2(Bucket="images", Prefix="images/")["Contents"]
    head = moto.s3().head_object(Bucket="images", Key=stored["Key"])
    assert head["ContentDisposition"] == disposition, "whoever else serves the bucket"


def test_a_copied_svg_is_saved_and_not_opened(world: World) -> None:
    drops.map_prefix(world.stack, "team", world.caller_id)
    world.inbox.put("team/recipe.json", json.dumps({"prompt": "x", **SVG}).encode())
    world.inbox.deliver(world.inbox.put("team/photo.png", picture()))
    world.jobs.work()
    world.ends.announce()
    head = moto.s3().head_object(Bucket="images", Key="drops/team/photo/photo.svg")
    assert (head["ContentType"], head["ContentDisposition"]) == ("image/svg+xml", "attachment")


def test_no_signed_url_can_promise_more_than_the_credentials_that_signed_it() -> None:
    """The session of a function may end after an hour."""
    assert TEMPLATE["Parameters"]["UrlTtlSeconds"]["MaxValue"] == 3600
    (upper,) = [limit.le for limit in ApiSettings.model_fields["url_ttl_seconds"].metadata if hasattr(limit, "le")]
    assert upper == 3600
