"""What a caller said about a purchase comes back to it, wherever the purchase is shown, and goes with it."""

import json
import string
from typing import Any

import pytest

from core import aws as functions
from tests.support.moved_time import Clock
from tests.support.pictures import picture
from tests.support.world import World, aws
from tests.support.world.mcp_server import McpDoor

from .test_browser_tokens import SHOP, mint

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
    dynamodb, s3 = aws.dynamodb(), aws.s3()
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


def ended(world: World, end: str) -> str:
    """A job with the marker in all that its caller sent, with an input image, that ended like this."""
    fields = {"prompt": MARKER, "metadata": json.dumps({"order": MARKER}), "quality": "low", "n": "2"}
    answer = world.api.form("/images/edits", fields, [("image", (f"{MARKER}.png", picture(), "image/png"))])
    job_id: str = answer.json()["id"]
    if end == "canceled":
        world.api.call("POST", f"/jobs/{job_id}/cancel")
    elif end != "succeeded":
        world.simulator.plan({"failed": "moderation_blocked", "charged": "empty_data", "unknown": "reset"}[end])
    world.jobs.work()
    return job_id


@pytest.mark.parametrize("end", ["succeeded", "failed", "charged", "canceled", "unknown"])
def test_what_is_private_of_a_job_can_be_deleted_however_it_ended(world: World, end: str) -> None:
    job_id = ended(world, end)
    before = world.api.job(job_id)
    assert before["status"] == ("failed" if end == "charged" else end)
    assert MARKER in everything_stored()
    ledger = aws.dynamodb().scan(TableName="ledger")["Items"]
    for _ in range(2):
        answer = world.api.call("DELETE", f"/jobs/{job_id}")
        assert answer.json() == {"id": job_id, "object": "job.deleted", "deleted": True}, answer.text
    assert MARKER not in everything_stored()
    assert "Contents" not in aws.s3().list_objects_v2(Bucket="images")
    assert aws.dynamodb().scan(TableName="ledger")["Items"] == ledger
    after = world.api.job(job_id)
    assert (after["prompt"], after["metadata"]) == (None, {})
    assert [after[name] for name in ("status", "error")] == [before[name] for name in ("status", "error")]
    assert after["easel"]["cost"] == before["easel"]["cost"]
    if end == "succeeded":
        assert after["result"]["data"] == world.api.call("GET", "/images").json()["data"] == []


@pytest.mark.parametrize(
    "step", ["s3.DeleteObject", "dynamodb.TransactWriteItems", "dynamodb.DeleteItem", "dynamodb.PutItem"]
)
def test_an_interrupted_deletion_of_a_job_can_be_finished(world: World, step: str) -> None:
    """The function dies right before one of the requests that delete what is private."""
    job_id = ended(world, "succeeded")
    client = functions.s3() if step.startswith("s3") else functions.dynamodb()

    def die(**_: object) -> None:
        raise KeyboardInterrupt

    with aws.handled(client, f"before-call.{step}", die), pytest.raises(KeyboardInterrupt):
        world.api.call("DELETE", f"/jobs/{job_id}")
    assert world.api.call("DELETE", f"/jobs/{job_id}").status == 200
    assert MARKER not in everything_stored()
    assert "Contents" not in aws.s3().list_objects_v2(Bucket="images")


def test_only_its_owner_deletes_a_job_and_only_when_it_has_ended(world: World) -> None:
    job_id = world.api.accepted(prompt=MARKER)
    answer = world.api.call("DELETE", f"/jobs/{job_id}")
    assert (answer.status, answer.json()["error"]["code"]) == (409, "job_not_finished")
    world.api.call("POST", f"/jobs/{job_id}/cancel")
    token = mint(world)["token"]
    answer = world.api.call("DELETE", f"/jobs/{job_id}", key=token, headers={"origin": SHOP})
    assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")
    assert world.api.job(job_id)["prompt"] == MARKER


def test_a_deleted_job_still_answers_for_its_purchase_and_is_bought_as_it_was_asked_for(world: World) -> None:
    """A retry finds its record, and one that failed free of charge is tried again with the request's own words."""
    headers = {"idempotency-key": "one"}
    job_id = world.api.generate(headers, prompt=MARKER, metadata={"order": "17"}).json()["id"]
    world.jobs.set_numbers(job_id, deadline=1)
    world.jobs.work()
    assert world.api.job(job_id)["error"]["code"] == "deadline_passed"
    assert world.api.call("DELETE", f"/jobs/{job_id}").status == 200
    assert world.api.generate(headers, prompt="another").status == 409
    assert world.api.generate(headers, prompt=MARKER, metadata={"order": "17"}).json()["id"] == job_id
    world.jobs.deliver(job_id)
    job = world.api.job(job_id)
    assert (job["status"], job["prompt"], job["metadata"]) == ("succeeded", MARKER, {"order": "17"})


def listed(world: World, path: str, query: str) -> list[str]:
    """Ids of all pages, of one entry each."""
    found, after = [], ""
    while True:
        answer = world.api.call("GET", f"{path}?limit=1&{query}{after}")
        assert answer.status == 200, answer.text
        page = answer.json()
        found += [entry["id"] for entry in page["data"]]
        if not page["has_more"]:
            return found
        after = f"&after={page['last_id']}"


def test_lists_are_narrowed_and_no_entry_is_skipped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.dynamodb._FILTERED_AT_ONCE", 1)
    monkeypatch.setattr("core.dynamodb._MAX_QUERIES", 1)
    by_user: dict[str, list[str]] = {"a": [], "b": []}
    for user in "aabba":
        job = bought(world, metadata={"user": user, "k[x]": ""})
        by_user[user].insert(0, job["id"])
    waiting = world.api.accepted(model="gpt-image-2", metadata={"user": "a"})
    for user, jobs in by_user.items():
        assert listed(world, "/jobs", f"metadata[user]={user}&status=succeeded&metadata[k[x]]=") == jobs
        images = listed(world, "/images", f"metadata[user]={user}&model=gpt-image-2.6-flare")
        made_by = [world.api.call("GET", f"/images/{image}").json()["job_id"] for image in images]
        assert sorted(made_by) == sorted(jobs)  # Images of the same second have no order of their own.
    assert listed(world, "/jobs", "status=queued") == listed(world, "/jobs", "model=gpt-image-2") == [waiting]
    assert listed(world, "/jobs", "metadata[nobody]=a") == []


def test_dates_divide_lists_without_overlap(world: World, clock: Clock) -> None:
    first = bought(world)
    clock.forward(1000)
    second = bought(world)
    for path, ids in (
        ("/jobs", [second["id"], first["id"]]),
        ("/images", [job["result"]["data"][0]["id"] for job in (second, first)]),
    ):
        for moment, newer in ((first["created_at"], ids), (second["created_at"], ids[:1])):
            assert listed(world, path, f"created_after={moment}") == newer
            assert listed(world, path, f"created_before={moment}") == ids[len(newer) :]
        # A page may begin outside of the dates.
        for after in ids:
            answer = world.api.call("GET", f"{path}?after={after}&created_before={second['created_at']}")
            assert [each["id"] for each in answer.json()["data"]] == ([ids[1]] if after == ids[0] else [])
            answer = world.api.call("GET", f"{path}?after={after}&created_after={second['created_at']}")
            assert answer.json()["data"] == []


AUTHENTICATED = [
    ("GET", "/jobs"),
    ("GET", "/images"),
    ("GET", "/tokens"),
    ("GET", "/models"),
    ("GET", "/models/gpt-image-2"),
    ("GET", "/usage"),
    ("GET", f"/jobs/job_{'0' * 32}"),
    ("GET", f"/images/img_{'0' * 32}"),
    ("DELETE", f"/images/img_{'0' * 32}"),
    ("POST", "/images/generations"),
    ("POST", "/images/quote"),
    ("POST", "/uploads"),
]


@pytest.mark.parametrize("door", ["api", "direct"])
def test_a_query_parameter_that_means_nothing_is_refused(world: World, door: str) -> None:
    for method, path in AUTHENTICATED:
        for query in ("stauts=unknown", "metadata=a"):
            error = world.api.call(method, f"{path}?{query}", {"prompt": "x"}, door=door).json()["error"]
            assert error["code"] == "unknown_parameter", (path, error)
            assert error["param"] == query.partition("=")[0]
    assert world.api.call("GET", "/jobs?api-version=2025-04-01-preview", door=door).status == 200


@pytest.mark.parametrize("door", ["api", "direct"])
@pytest.mark.parametrize(
    "query",
    [
        "status=failed&status=unknown",
        "limit=1&limit=2",
        "status=done",
        "status=",
        "model=",
        "created_after=yesterday",
        "created_before=-1",
        "created_after=99999999999",
        "metadata[]=x",
        "metadata[" + "k" * 65 + "]=x",
        "metadata[k]=" + "x" * 513,
        "metadata[k]=a&metadata[k]=b",
    ],
)
def test_a_filter_that_nothing_can_match_is_refused(world: World, door: str, query: str) -> None:
    answer = world.api.call("GET", f"/jobs?{query}", door=door)
    error = answer.json()["error"]
    assert answer.status == 400
    assert error["param"].partition("[")[0].partition(".")[0] == query.partition("=")[0].partition("[")[0]


LAMBDA_ANSWER_BYTES = 6 * 1024 * 1024


def bought_often(world: World, times: int) -> Any:
    """A job with as many images and as much of its caller's data as possible; copies of it, and of one of its images.

    Of all characters, those beyond 16 bits take most space in JSON.
    """
    metadata = {f"{number:02}" + "😀" * 62: "😀" * 512 for number in range(16)}
    job = bought(world, prompt="😀" * 201, metadata=metadata, n=10)
    for original in (job["id"], job["result"]["data"][0]["id"]):
        item = world.jobs.item(original)
        for number in range(times - 1):
            item["id"] = {"S": f"{original[:4]}{number:032x}"}
            item["created"] = {"S": f"{item['created']['S'].partition('#')[0]}#{item['id']['S']}"}
            aws.dynamodb().put_item(TableName="jobs", Item=item)
    return job


def test_a_list_fits_into_an_answer_whatever_its_entries_hold(world: World, door: McpDoor) -> None:
    job = bought_often(world, times=45)

    def assert_is_whole(pages: list[list[Any]], count: int) -> None:
        entries = [entry for page in pages for entry in page]
        assert len({entry["id"] for entry in entries}) == len(entries) == count
        assert all(entry["metadata"] == job["metadata"] for entry in entries)
        assert len(pages) > 1, "or the data is too small to show anything"

    for path, count in (("/jobs", 45), ("/images", 54)):
        pages: list[Any] = []
        after = ""
        while not pages or pages[-1]["has_more"]:
            answer = world.api.call("GET", f"{path}?limit=100{after}")
            assert len(json.dumps(answer.text)) < LAMBDA_ANSWER_BYTES, path
            pages.append(answer.json())
            after = f"&after={pages[-1]['last_id']}"
        assert_is_whole([page["data"] for page in pages], count)

    shown: list[list[Any]] = []
    given: dict[str, str] = {}
    while not shown or given["after"]:
        listed = door.call("list_images", limit=50, **given)
        assert len(json.dumps(listed.text)) < LAMBDA_ANSWER_BYTES
        shown.append(listed.result["structuredContent"]["images"])
        given = {"after": listed.result["structuredContent"]["next_after"]}
    assert_is_whole(shown, 54)


@pytest.mark.parametrize("metadata", [METADATA, json.dumps(METADATA)], ids=["object", "text"])
def test_an_assistant_gets_prompt_and_metadata_back(world: World, door: McpDoor, metadata: Any) -> None:
    with world.jobs.working():
        made = door.call("generate_image", prompt="a kite", metadata=metadata).result["structuredContent"]
    assert (made["prompt"], made["metadata"]) == ("a kite", METADATA)
    (image,) = door.call("list_images").result["structuredContent"]["images"]
    assert (image["prompt"], image["metadata"], image["model"]) == ("a kite", METADATA, made["model"])
