"""The S3 door up to the job: what is dropped is bought once, waits, or gets an error that says what is allowed."""

import hashlib
import json
import time
from typing import Any
from urllib.parse import quote

import pytest

from cli import drops, keys
from cli.errors import CommandError
from cli.main import main
from cli.stack import Stack
from core import aws
from core.drops.intake import PATIENCE_SECONDS
from core.dynamodb import to_item
from core.images.inspection import MAX_BYTES
from core.ledger.model import Budget
from core.ledger.store import LedgerStore
from tests.support.pictures import overlay, picture
from tests.support.world import World
from tests.support.world import aws as moto
from tests.support.world.invocations import PUBLIC_URL, sample_event

NIGHT = json.dumps({"prompt": "make it night", "quality": "low"}).encode()


@pytest.fixture(autouse=True)
def caller_id(world: World) -> str:
    """Who owns what is dropped under team/."""
    drops.map_prefix(world.stack, "team", world.caller_id)
    return world.caller_id


def jobs(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.api.call("GET", "/jobs").json()["data"]
    return found


def left_behind() -> list[str]:
    listed = moto.s3().list_objects_v2(Bucket="images", Prefix="drops/")
    return [entry["Key"] for entry in listed.get("Contents", [])]


def error_of(name: str) -> Any:
    body = moto.s3().get_object(Bucket="images", Key=f"drops/{name}/error.json")["Body"]
    return json.loads(body.read())


# ---------------------------------------------------------------- recipes


def test_metadata_is_a_recipe(world: World) -> None:
    event = world.inbox.put("team/photo.png", picture(), prompt=quote("mach es grün"), quality="low", n="2")
    assert world.inbox.deliver(event) == []
    (job,) = jobs(world)
    assert (job["operation"], job["easel"]["requested"]["n"]) == ("edit", 2)
    world.jobs.work()
    (call,) = world.simulator.calls()
    assert (call["path"], call["input_images"], call["n"]) == ("/v1/images/edits", 1, 2)


@pytest.mark.parametrize("place", ["photo.png.json", "photo.json", "recipe.json", "../recipe.json"])
def test_a_recipe_may_stand_beside_or_above(world: World, place: str) -> None:
    key = f"team/a/{place}".replace("a/../", "")
    world.inbox.deliver(world.inbox.put(key, NIGHT), world.inbox.put("team/a/photo.png", picture()))
    assert len(jobs(world)) == 1


def test_the_nearest_recipe_alone_decides(world: World) -> None:
    world.inbox.put("team/recipe.json", json.dumps({"prompt": "far", "n": 3}).encode())
    world.inbox.put("team/a/recipe.json", json.dumps({"prompt": "near"}).encode())
    world.inbox.deliver(world.inbox.put("team/a/b/photo.png", picture()))
    assert jobs(world)[0]["easel"]["requested"].get("n") is None


def test_a_mask_and_references_are_taken_from_the_inbox(world: World) -> None:
    recipe = {"prompt": "blend", "model": "gpt-image-2", "mask": "./hole.png", "references": ["team/style.png"]}
    world.inbox.put("team/a/recipe.json", json.dumps(recipe).encode())
    world.inbox.put("team/style.png", picture(colour="red"))
    notice_of_mask = world.inbox.put("team/a/hole.png", overlay())
    world.inbox.deliver(world.inbox.put("team/a/photo.png", picture()), notice_of_mask)
    world.jobs.work()
    (call,) = world.simulator.calls()
    assert call["input_images"] == 2
    assert left_behind() == [], "a mask is not a drop"


@pytest.mark.parametrize("reference", ["./photo.png", "team/a/photo.png", "./style.png"])
def test_metadata_may_name_any_key_even_its_own(world: World, reference: str) -> None:
    """Its folder is that of the object, and it is the recipe of this object alone."""
    world.inbox.put("team/a/style.png", picture(colour="red"))
    world.inbox.deliver(world.inbox.put("team/a/photo.png", picture(), prompt="blend", references=reference))
    world.jobs.work()
    (call,) = world.simulator.calls()
    assert call["input_images"] == 2


def test_material_is_not_edited(world: World) -> None:
    world.inbox.put("team/masks/recipe.json", b'{"material": true}')
    assert world.inbox.deliver(world.inbox.put("team/masks/hole.png", overlay())) == []
    assert (jobs(world), left_behind()) == ([], [])


@pytest.mark.parametrize(
    ("recipe", "code"),
    [
        (b"not json", "invalid_recipe"),
        (b'{"promt": "a typing error"}', "invalid_recipe"),
        (b'{"size": "1024x1024"}', "invalid_recipe"),
        (b'{"prompt": ""}', "invalid_recipe"),
        ('{"prompt": "\\u200b\u3000 "}'.encode(), "invalid_value"),
        (b'{"prompt": "x", "quality": "best"}', "invalid_value"),
        (b'{"prompt": "x", "model": "gpt-paint-9"}', "model_not_found"),
        (b'{"prompt": "x", "response_format": "b64_json"}', "invalid_recipe"),
        (b'{"prompt": "x", "webhook": "http://example.com/"}', "invalid_webhook_url"),
        (b'{"prompt": "x", "references": ["other/secret.png"]}', "drop_of_another_owner"),
    ],
)
def test_a_broken_recipe_leaves_an_error_and_buys_nothing(world: World, recipe: bytes, code: str) -> None:
    world.inbox.put("team/recipe.json", recipe)
    assert world.inbox.deliver(world.inbox.put("team/photo.png", picture())) == []
    error = error_of("team/photo")
    assert (error["object"], error["error"]["code"], error["error"]["charged"]) == ("drop.error", code, False)
    assert error["source"]["key"] == "team/photo.png"
    assert jobs(world) == []


def test_metadata_of_other_tools_is_left_alone(world: World) -> None:
    world.inbox.put("team/recipe.json", NIGHT)
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), mtime="1795348800", mode="33188"))
    assert len(jobs(world)) == 1


# ---------------------------------------------------------------- late recipes


def test_an_image_without_a_recipe_waits_once_and_then_gets_an_error(world: World) -> None:
    assert world.inbox.deliver(world.inbox.put("team/photo.png", picture())) == []
    assert left_behind() == []
    assert world.inbox.deliver(*world.inbox.delayed()) == []
    assert error_of("team/photo")["error"]["code"] == "recipe_missing"
    assert world.inbox.delayed() == []


def test_a_late_sidecar_starts_its_image_once(world: World) -> None:
    world.inbox.deliver(world.inbox.put("team/photo.png", picture()))
    world.inbox.deliver(world.inbox.put("team/photo.json", NIGHT))
    assert len(jobs(world)) == 1
    world.inbox.deliver(*world.inbox.delayed())
    assert len(jobs(world)) == 1
    assert left_behind() == []


def test_a_sidecar_after_the_error_still_counts(world: World) -> None:
    world.inbox.deliver(world.inbox.put("team/photo.png", picture()))
    world.inbox.deliver(*world.inbox.delayed())
    world.inbox.deliver(world.inbox.put("team/photo.json", NIGHT))
    assert len(jobs(world)) == 1


def test_a_late_recipe_of_the_folder_is_found(world: World) -> None:
    world.inbox.deliver(world.inbox.put("team/photo.png", picture()))
    world.inbox.deliver(world.inbox.put("team/recipe.json", NIGHT))
    assert jobs(world) == []
    world.inbox.deliver(*world.inbox.delayed())
    assert len(jobs(world)) == 1


def test_a_folder_may_ask_to_wait_for_sidecars(world: World) -> None:
    world.inbox.put("team/recipe.json", b'{"prompt": "preset", "n": 1, "wait_for_sidecar": 30}')
    world.inbox.deliver(world.inbox.put("team/photo.png", picture()))
    assert jobs(world) == []
    world.inbox.deliver(world.inbox.put("team/photo.json", b'{"prompt": "own", "n": 2}'))
    world.inbox.deliver(*world.inbox.delayed())
    (job,) = jobs(world)
    assert job["easel"]["requested"]["n"] == 2


def test_a_sidecar_without_an_image_says_nothing(world: World) -> None:
    assert world.inbox.deliver(world.inbox.put("team/photo.json", b"broken")) == []
    assert left_behind() == []


# ---------------------------------------------------------------- once


def test_duplicates_and_disorder_buy_once_for_each_version(world: World) -> None:
    first = world.inbox.put("team/photo.png", picture(), prompt="x")
    second = world.inbox.put("team/photo.png", picture(), prompt="x")
    assert world.inbox.deliver(second, first, second, first) == []
    assert len(jobs(world)) == 2
    world.jobs.work()
    world.inbox.deliver(first, second)
    world.jobs.work()
    assert world.provider.bought() == 2


def test_a_deleted_drop_is_not_wanted(world: World) -> None:
    notification = world.inbox.put("team/photo.png", picture(), prompt="x")
    moto.s3().delete_object(Bucket="inbox", Key="team/photo.png")
    assert world.inbox.deliver(notification) == []
    assert (jobs(world), left_behind()) == ([], [])


@pytest.mark.parametrize("key", ["team/a b+c%2B/ü ✓.png", "team/no-extension", "team/.png", "team/a//b.png"])
def test_any_key_will_do(world: World, key: str) -> None:
    assert world.inbox.deliver(world.inbox.put(key, picture(), prompt="x")) == []
    assert len(jobs(world)) == 1


def test_a_folder_changes_its_owner_only_on_purpose_and_the_command_says_who_paid_before(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Stack, "find", lambda *_, **__: world.stack)  # as CloudFormation would
    _, other = keys.create(world.stack, "another", None, [], [])
    first = world.caller_id
    with pytest.raises(CommandError, match=f"belongs to {first}.*--replace"):
        drops.map_prefix(world.stack, "team", other.id)
    drops.map_prefix(world.stack, "team", first)
    assert main(["drops", "map", "team", other.id]) == 1
    assert main(["drops", "map", "team", other.id, "--replace"]) == 0
    assert f"now belongs to {other.id}, and no longer to {first}." in capsys.readouterr().out


def test_a_drop_is_bought_once_though_its_prefix_goes_to_another_key_meanwhile(world: World) -> None:
    notification = world.inbox.put("team/photo.png", picture(), prompt="x")
    world.inbox.deliver(notification)
    _, other = keys.create(world.stack, "other", None, [], [])
    drops.map_prefix(world.stack, "team", other.id, replace=True)
    assert world.inbox.deliver(notification) == []
    world.jobs.work()
    assert world.provider.bought() == 1
    assert left_behind() == []


def fail_free_of_charge(world: World, notification: dict[str, Any]) -> None:
    """Let the job of a drop fail for a reason that may pass: the provider asks for a longer wait than it has."""
    world.simulator.plan("rate_limit", retry_after=7200)
    world.inbox.deliver(notification)
    world.jobs.work()
    (job,) = jobs(world)
    assert (job["status"], job["error"]["charged"], job["error"]["retryable"]) == ("failed", False, True)


def test_a_drop_that_failed_free_of_charge_is_bought_when_it_is_put_back(world: World) -> None:
    notification = world.inbox.put("team/photo.png", picture(), prompt="x")
    fail_free_of_charge(world, notification)
    world.inbox.deliver(notification)
    world.jobs.work()
    assert ([job["status"] for job in jobs(world)], world.provider.bought()) == (["succeeded"], 1)


def test_a_drop_that_failed_is_not_bought_for_another_key_or_by_another_recipe(world: World) -> None:
    world.inbox.put("team/photo.json", NIGHT)
    notification = world.inbox.put("team/photo.png", picture())
    fail_free_of_charge(world, notification)
    sidecar = world.inbox.put("team/photo.json", json.dumps({"prompt": "make it day"}).encode())
    assert world.inbox.deliver(sidecar) == []
    _, other = keys.create(world.stack, "other", None, [], [])
    drops.map_prefix(world.stack, "team", other.id, replace=True)
    assert world.inbox.deliver(notification) == []
    world.jobs.work()
    assert (len(jobs(world)), world.provider.bought(), left_behind()) == (1, 0, [])


# ---------------------------------------------------------------- other messages of S3


def test_folders_and_tests_are_no_drops(world: World) -> None:
    test_event = sample_event("drop")
    test_event["Records"][0]["body"] = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "inbox"})
    assert world.inbox.deliver(world.inbox.put("team/folder/", b""), test_event) == []
    assert left_behind() == []


def test_an_unknown_message_is_redelivered_until_it_is_dead_lettered(world: World) -> None:
    poison = sample_event("drop")
    poison["Records"][0]["body"] = "hello"
    assert world.inbox.deliver(world.inbox.put("team/photo.png", picture(), prompt="x"), poison) == ["message-1"]
    assert len(jobs(world)) == 1


def test_what_may_pass_is_delivered_again(world: World) -> None:
    moto.dynamodb().delete_table(TableName="callers")
    assert world.inbox.deliver(
        world.inbox.put("folder/", b""), world.inbox.put("team/photo.png", picture(), prompt="x")
    ) == ["message-1"]
    assert left_behind() == []


def test_a_drop_waits_while_buying_is_stopped_and_not_forever(world: World) -> None:
    notification = world.inbox.put("team/photo.png", picture(), prompt="x")
    control = {"owner": {"S": "control"}, "name": {"S": "deployment"}, "stopped_at": {"N": "1"}}
    moto.dynamodb().put_item(TableName="ledger", Item=control)
    assert world.inbox.deliver(notification) == []
    (waiting,) = world.inbox.delayed()
    assert (left_behind(), jobs(world)) == ([], [])
    body = json.loads(waiting["Records"][0]["body"])
    body["Records"][0]["easelWaitedSeconds"] = PATIENCE_SECONDS
    waiting["Records"][0]["body"] = json.dumps(body)
    assert world.inbox.deliver(waiting) == []
    assert error_of("team/photo")["error"]["code"] == "buying_stopped"


# ---------------------------------------------------------------- what is not an image


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"some text", "invalid_image_file"),
        (b"GIF89a" + bytes(64), "unsupported_image_media_type"),
        (picture()[:20], "invalid_image_file"),
    ],
)
def test_what_is_no_image_is_refused_by_its_bytes(world: World, data: bytes, code: str) -> None:
    world.inbox.deliver(world.inbox.put("team/photo.png", data))
    assert error_of("team/photo")["error"]["code"] == code
    assert "PNG, JPEG and WebP" in error_of("team/photo")["error"]["message"]
    assert world.inbox.delayed() == [], "what is not an image does not wait for a recipe"


def test_a_huge_object_is_refused_without_being_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = moto.s3()
    upload = s3.create_multipart_upload(Bucket="inbox", Key="team/huge.png", Metadata={"prompt": "x"})["UploadId"]
    part = bytes(5 * 1024 * 1024)
    parts: list[Any] = []
    for number in range(1, MAX_BYTES // len(part) + 2):
        sent = s3.upload_part(Bucket="inbox", Key="team/huge.png", UploadId=upload, PartNumber=number, Body=part)
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    s3.complete_multipart_upload(Bucket="inbox", Key="team/huge.png", UploadId=upload, MultipartUpload={"Parts": parts})
    event = sample_event("drop")
    body = json.loads(event["Records"][0]["body"])
    body["Records"][0]["eventName"] = "ObjectCreated:CompleteMultipartUpload"
    body["Records"][0]["s3"]["object"] = {"key": "team/huge.png"}
    event["Records"][0]["body"] = json.dumps(body)
    read: list[str] = []
    aws.s3().meta.events.register("before-call.s3.GetObject", lambda params, **_: read.append(params["url_path"]))
    aws.s3().meta.events.register("before-call.s3.CopyObject", lambda params, **_: read.append(params["url_path"]))
    assert world.inbox.deliver(event) == []
    assert error_of("team/huge")["error"]["code"] == "image_file_too_large"
    assert not [path for path in read if "huge.png" in path]


# ---------------------------------------------------------------- owners


def test_a_prefix_that_is_not_mapped_has_no_owner(world: World) -> None:
    world.inbox.deliver(world.inbox.put("other/photo.png", picture(), prompt="x"))
    error = error_of("other/photo")["error"]
    assert error["code"] == "drop_without_owner"
    assert "easel drops map other/ KEY_ID" in error["message"]


def test_the_longest_prefix_wins(world: World) -> None:
    key, guest = keys.create(world.stack, "guest", None, [], [])
    drops.map_prefix(world.stack, "team/guests/", guest.id)
    world.inbox.deliver(world.inbox.put("team/guests/photo.png", picture(), prompt="x"))
    assert jobs(world) == []
    assert len(world.api.call("GET", "/jobs", key=key).json()["data"]) == 1


def test_a_prefix_may_be_the_whole_inbox_and_be_taken_back(world: World, caller_id: str) -> None:
    drops.map_prefix(world.stack, "/", caller_id)
    world.inbox.deliver(world.inbox.put("photo.png", picture(), prompt="x"))
    assert len(jobs(world)) == 1
    assert drops.unmap_prefix(world.stack, "/")
    assert not drops.unmap_prefix(world.stack, "/")
    world.inbox.deliver(world.inbox.put("photo.png", picture(), prompt="x"))
    assert error_of("photo")["error"]["code"] == "drop_without_owner"


@pytest.mark.parametrize("prefix", ["", "  "])
def test_the_whole_inbox_is_mapped_and_unmapped_by_its_slash_alone(world: World, caller_id: str, prefix: str) -> None:
    with pytest.raises(CommandError, match="/ for the whole inbox"):
        drops.map_prefix(world.stack, prefix, caller_id)
    with pytest.raises(CommandError, match="/ for the whole inbox"):
        drops.unmap_prefix(world.stack, prefix)
    assert drops.unmap_prefix(world.stack, "team/")


def test_drops_of_a_revoked_key_are_refused(world: World, caller_id: str) -> None:
    world.stack.callers().revoke(caller_id, int(time.time()))
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), prompt="x"))
    assert error_of("team/photo")["error"]["code"] == "drop_owner_inactive"


def test_a_key_is_held_to_its_models(world: World) -> None:
    _, caller = keys.create(world.stack, "one model", None, ["gpt-image-2"], [])
    drops.map_prefix(world.stack, "narrow", caller.id)
    world.inbox.deliver(world.inbox.put("narrow/photo.png", picture(), prompt="x", model="gpt-image-2.6-flare"))
    assert error_of("narrow/photo")["error"]["code"] == "model_not_allowed"


@pytest.mark.parametrize("whose", ["key", "deployment"])
def test_a_drop_beyond_a_budget_gets_an_error_that_says_what_is_left(world: World, whose: str) -> None:
    _, caller = keys.create(world.stack, "thrifty", None, [], [], budget=Budget(day=10) if whose == "key" else Budget())
    drops.map_prefix(world.stack, "thrifty", caller.id)
    if whose == "deployment":
        LedgerStore(moto.dynamodb(), "ledger").set_budget("day", 10)
    world.inbox.deliver(world.inbox.put("thrifty/photo.png", picture(), prompt="x", quality="low"))
    error = error_of("thrifty/photo")["error"]
    assert (error["code"], error["charged"], error["retryable"]) == ("budget_exceeded", False, False)
    budget = error["budget"]
    assert (budget["scope"], budget["period"], budget["left_micro_usd"]) == (whose, "day", 10)
    assert budget["asked_micro_usd"] > 10
    assert budget["renews_at"] is not None
    assert (world.jobs.messages(), world.inbox.delayed()) == ([], [])


def test_mappings_are_listed_and_are_no_keys(
    world: World, caller_id: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Stack, "find", lambda *_, **__: world.stack)  # as CloudFormation would
    assert main(["drops", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["team/", caller_id, "tests"]
    assert len(world.stack.callers().list_all()) == 1


# ---------------------------------------------------------------- folders


def test_drops_that_differ_in_their_extension_have_folders_of_their_own(world: World) -> None:
    world.inbox.deliver(world.inbox.put("team/photo.txt", b"text"), world.inbox.put("team/photo.doc", b"text"))
    world.inbox.deliver(world.inbox.put("team/photo.txt", b"other text"))
    assert left_behind() == ["drops/team/photo.doc/error.json", "drops/team/photo/error.json"]
    assert error_of("team/photo")["source"]["key"] == "team/photo.txt"
    assert error_of("team/photo.doc")["source"]["key"] == "team/photo.doc"


# ---------------------------------------------------------------- results


def finish(world: World) -> None:
    world.jobs.work()
    world.ends.announce()


def result_of(name: str) -> Any:
    body = moto.s3().get_object(Bucket="images", Key=f"drops/{name}/result.json")["Body"]
    return json.loads(body.read())


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("place", ["recipe", "metadata"])
def test_the_metadata_of_a_recipe_comes_back(world: World, fails: bool, place: str) -> None:
    notes = {"order": "17", "für": "Zoë"}
    if place == "recipe":
        world.inbox.put("team/recipe.json", json.dumps({"prompt": "night", "metadata": notes}).encode())
        notification = world.inbox.put("team/photo.png", picture())
    else:
        notification = world.inbox.put("team/photo.png", picture(), prompt="night", metadata=quote(json.dumps(notes)))
    if fails:
        world.simulator.plan("moderation_blocked")
    world.inbox.deliver(notification)
    finish(world)
    (job,) = jobs(world)
    left = error_of("team/photo") if fails else result_of("team/photo")
    assert job["metadata"] == left["metadata"] == notes


def test_an_image_and_a_manifest_are_left(world: World) -> None:
    world.inbox.put("team/recipe.json", NIGHT)
    notification = world.inbox.put("team/my photo.png", picture())
    world.inbox.deliver(notification)
    finish(world)
    assert left_behind() == ["drops/team/my photo/my photo.png", "drops/team/my photo/result.json"]
    result = result_of("team/my photo")
    (job,) = jobs(world)
    (image,) = result["images"]
    stored = moto.s3().get_object(Bucket="images", Key=image["key"])
    assert hashlib.sha256(stored["Body"].read()).hexdigest() == image["sha256"]
    assert stored["ContentType"] == image["content_type"] == "image/png"
    assert "CacheControl" not in stored, "a newer drop writes the same key"
    assert (image["id"], image["link"]) == (job["result"]["data"][0]["id"], f"{PUBLIC_URL}/i/{image['id']}")
    assert result["recipe"] == {"from": "team/recipe.json", "prompt": "make it night", "quality": "low"}
    sent = json.loads(notification["Records"][0]["body"])["Records"][0]["s3"]["object"]
    assert result["source"] == {
        "bucket": "inbox",
        "key": "team/my photo.png",
        "version_id": sent["versionId"],
        "etag": sent["eTag"],
    }
    assert result["job_id"] == job["id"]
    assert result["easel"]["cost"] == job["easel"]["cost"]
    assert "X-Amz-Signature" not in json.dumps(result)


def test_a_manifest_shows_the_remaining_budget_of_its_owner(world: World) -> None:
    key, caller = keys.create(world.stack, "thrifty", None, [], [], budget=Budget(day=2_000_000))
    drops.map_prefix(world.stack, "thrifty", caller.id)
    world.inbox.deliver(world.inbox.put("thrifty/photo.png", picture(), prompt="x"))
    finish(world)
    left = result_of("thrifty/photo")["easel"]["cost"]["budget_left_micro_usd"]
    spent = world.api.call("GET", "/usage", key=key).json()["spent_micro_usd"]
    assert (left, spent) == (2_000_000 - spent, result_of("thrifty/photo")["easel"]["cost"]["actual_micro_usd"])


def test_a_manifest_hides_the_budget_of_a_new_owner(world: World) -> None:
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), prompt="x"))
    _, other = keys.create(world.stack, "other", None, [], [], budget=Budget(day=2_000_000))
    drops.map_prefix(world.stack, "team", other.id, replace=True)
    finish(world)
    assert result_of("team/photo")["easel"]["cost"]["budget_left_micro_usd"] is None


def test_several_images_are_numbered(world: World) -> None:
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), prompt="x", n="2", output_format="jpeg"))
    finish(world)
    assert left_behind() == [
        "drops/team/photo/photo-1.jpg",
        "drops/team/photo/photo-2.jpg",
        "drops/team/photo/result.json",
    ]


def test_a_job_that_fails_leaves_its_error(world: World) -> None:
    world.simulator.plan("moderation_blocked")
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), prompt="x"))
    finish(world)
    error = error_of("team/photo")
    (job,) = jobs(world)
    assert (error["error"]["code"], error["error"]["job_id"]) == ("moderation_blocked", job["id"])


def test_a_folder_shows_only_the_newest_drop(world: World) -> None:
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), prompt="x", n="3"))
    finish(world)
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), prompt="x"))
    finish(world)
    assert left_behind() == ["drops/team/photo/photo.png", "drops/team/photo/result.json"]
    world.inbox.deliver(world.inbox.put("team/photo.png", b"text"))
    assert left_behind() == ["drops/team/photo/error.json"]
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), prompt="x"))
    finish(world)
    assert left_behind() == ["drops/team/photo/photo.png", "drops/team/photo/result.json"]


@pytest.mark.parametrize(("newer_by", "left"), [(60, []), (-60, ["photo.png", "result.json"])])
def test_a_claim_of_an_older_release_is_understood(world: World, newer_by: int, left: list[str]) -> None:
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), prompt="x"))
    claim = {"id": "folder#drops/team/photo/", "key": "team/photo.png", "newest": int(time.time()) + newer_by}
    moto.dynamodb().put_item(TableName="jobs", Item=to_item(claim))
    finish(world)
    assert left_behind() == [f"drops/team/photo/{name}" for name in left]
    world.inbox.deliver(world.inbox.put("team/photo.png", b"text"))
    assert left_behind() == ([] if newer_by > 0 else ["drops/team/photo/error.json"])


def test_a_result_is_written_again_as_it_was(world: World) -> None:
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), prompt="x"))
    world.jobs.work()
    records = {"Records": world.ends.stream.matching_records()}
    (job,) = jobs(world)
    world.ends.deliver(records)
    first = (left_behind(), result_of("team/photo"))
    moto.dynamodb().update_item(
        TableName="jobs",
        Key={"id": {"S": job["id"]}},
        UpdateExpression="SET #open = :mark, check_at = :now",
        ExpressionAttributeNames={"#open": "open"},
        ExpressionAttributeValues={":mark": {"S": "unannounced"}, ":now": {"N": "1"}},
    )
    world.ends.deliver(records)
    assert (left_behind(), result_of("team/photo")) == first


def test_every_outcome_is_an_event(world: World) -> None:
    world.inbox.deliver(
        world.inbox.put("team/photo.png", picture(), prompt="x"), world.inbox.put("team/note.txt", b"text")
    )
    finish(world)
    refused, ended = world.ends.published()
    assert (refused["detail-type"], refused["detail"]["error"]["code"]) == ("Drop Refused", "invalid_image_file")
    assert (refused["detail"]["drop"]["key"], refused["detail"]["drop"]["results"]) == (
        "team/note.txt",
        "drops/team/note/",
    )
    assert (ended["detail-type"], ended["detail"]["status"]) == ("Job Ended", "succeeded")
    assert (ended["detail"]["drop"]["key"], ended["detail"]["drop"]["results"]) == (
        "team/photo.png",
        "drops/team/photo/",
    )
