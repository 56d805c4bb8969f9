"""What a caller said about a purchase comes back to it, wherever the purchase is shown, and goes with it."""

import json
import string
from typing import Any

import boto3
import pytest

from tests.support.world import World

from .test_browser_tokens import SHOP, mint
from .test_edits import picture

METADATA = {"order": "17", "user.id[x]": "Zoë", "empty": ""}
MARKER = "marker-4711"


def bought(world: World, **body: Any) -> Any:
    """A finished job, as GET /jobs/{id} shows it."""
    job_id = world.api.accepted(**body)
    world.jobs.deliver(job_id)
    return world.api.job(job_id)


def everything_stored() -> str:
    """All items of all tables and all objects of all buckets."""
    found = []
    dynamodb, s3 = boto3.client("dynamodb"), boto3.client("s3")
    for table in dynamodb.list_tables()["TableNames"]:
        found += [json.dumps(item, default=str) for item in dynamodb.scan(TableName=table)["Items"]]
    for bucket in s3.list_buckets()["Buckets"]:
        for each in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            answer = s3.get_object(Bucket=bucket["Name"], Key=each["Key"])
            found += [json.dumps(answer["Metadata"]), answer["Body"].read().decode("latin-1")]
    return "\n".join(found)


def test_prompt_and_metadata_come_back_in_jobs_and_images(world: World) -> None:
    job = bought(world, prompt="a red bicycle", metadata=METADATA)
    assert (job["prompt"], job["metadata"]) == ("a red bicycle", METADATA)
    (entry,) = job["result"]["data"]
    image = world.api.call("GET", f"/images/{entry['id']}").json()
    assert (image["prompt"], image["metadata"], image["model"]) == ("a red bicycle", METADATA, job["model"])
    assert (image["quality"], image["cost_micro_usd"]) == ("low", job["easel"]["cost"]["actual_micro_usd"])
    assert image["size"] == f"{image['width']}x{image['height']}"
    for path in ("/jobs", "/images"):
        (listed,) = world.api.call("GET", path).json()["data"]
        assert (listed["prompt"], listed["metadata"]) == ("a red bicycle", METADATA)


def test_lists_shorten_long_prompts(world: World) -> None:
    bought(world, prompt="x" * 32000)
    for path in ("/jobs", "/images"):
        (listed,) = world.api.call("GET", path).json()["data"]
        assert listed["prompt"] == "x" * 199 + "…"


def test_the_cost_of_an_image_is_its_share_of_the_job(world: World) -> None:
    job = bought(world, n=2)
    images = world.api.call("GET", "/images").json()["data"]
    assert {2 * image["cost_micro_usd"] for image in images} == {job["easel"]["cost"]["actual_micro_usd"]}


def test_a_token_sees_its_own_purchase_and_no_other(world: World) -> None:
    others = bought(world, prompt=MARKER)
    token = mint(world)["token"]
    for path in (f"/jobs/{others['id']}", f"/images/{others['result']['data'][0]['id']}"):
        answer = world.api.call("GET", path, key=token, headers={"origin": SHOP})
        assert answer.status == 404
        assert MARKER not in answer.text


@pytest.mark.parametrize(
    ("metadata", "code", "says"),
    [
        ({str(number): "x" for number in range(17)}, "invalid_value", "16"),
        ({"k" * 65: "x"}, "invalid_value", "64"),
        ({"": "x"}, "invalid_value", "1 "),
        ({"k": "x" * 513}, "invalid_value", "512"),
        ({"k": 1}, "invalid_type", "string"),
        ({"k": None}, "invalid_type", "string"),
        ({"k": {"a": "b"}}, "invalid_type", "string"),
        (["a"], "invalid_type", "object"),
        ("a", "invalid_type", "object"),
    ],
)
def test_metadata_outside_its_limits_is_refused(world: World, metadata: Any, code: str, says: str) -> None:
    for path in ("/images/generations", "/images/quote"):
        answer = world.api.call("POST", path, {"prompt": "x", "metadata": metadata})
        error = answer.json()["error"]
        assert (answer.status, error["code"]) == (400, code)
        assert error["param"].startswith("metadata")
        assert says in error["message"]
        assert "[key]" not in answer.text


def test_a_form_has_metadata_by_key_or_as_json(world: World) -> None:
    image = [("image", ("a.png", picture(), "image/png"))]
    by_key = {"prompt": "x", **{f"metadata[{key}]": value for key, value in METADATA.items()}}
    as_json = {"prompt": "y", "metadata": json.dumps(METADATA)}
    for fields in (by_key, as_json):
        answer = world.api.form("/images/edits", fields, image)
        assert answer.status == 202, answer.text
        assert answer.json()["metadata"] == METADATA


@pytest.mark.parametrize("fields", [{"metadata": "no json"}, {"metadata": "[]"}, {"metadata[]": "x"}])
def test_a_form_with_other_metadata_is_refused(world: World, fields: dict[str, str]) -> None:
    answer = world.api.form("/images/edits", {"prompt": "x", **fields}, [("image", ("a.png", picture(), "image/png"))])
    assert (answer.status, answer.json()["error"]["param"].partition("[")[0]) == (400, "metadata"), answer.text


def test_metadata_is_part_of_the_request_and_stays_here(world: World) -> None:
    headers = {"idempotency-key": "one"}
    first = world.api.generate(headers, metadata={"order": MARKER})
    assert world.api.generate(headers, metadata={"order": MARKER}).json()["id"] == first.json()["id"]
    assert world.api.generate(headers, metadata={"order": "18"}).status == 409
    world.jobs.deliver(first.json()["id"])
    assert MARKER not in json.dumps(world.simulator.calls())


def test_an_unfinished_job_does_not_say_that_it_is_free(world: World) -> None:
    job_id = world.api.accepted()
    assert world.api.job(job_id)["easel"]["charged"] is None
    world.jobs.deliver(job_id)
    assert world.api.job(job_id)["easel"]["charged"] is True


def test_what_is_private_goes_with_the_last_image(world: World) -> None:
    characters = f"{MARKER} {string.ascii_lowercase}"
    job = bought(world, prompt=characters, metadata={"order": MARKER}, n=2)
    assert MARKER in everything_stored()
    first, last = (entry["id"] for entry in job["result"]["data"])
    world.api.call("DELETE", f"/images/{first}")
    assert world.api.job(job["id"])["prompt"] == characters
    world.api.call("DELETE", f"/images/{last}")
    assert MARKER not in everything_stored()
    seen = world.api.job(job["id"])
    assert (seen["prompt"], seen["metadata"], seen["status"]) == (None, {}, "succeeded")
