"""The S3 door shared by strangers: nobody acts for another, and nobody keeps another waiting."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sqs.models import sqs_backends

from cli import drops, keys
from core import aws
from core.callers.model import Caller
from core.completion.dispatcher import ReactionsFailed
from core.drops.recipes import MAX_REFERENCES
from tests.support.pictures import overlay, picture
from tests.support.template import TEMPLATE
from tests.support.world import World
from tests.support.world import aws as moto
from tests.support.world.aws import handled

from .test_drops import error_of, left_behind

PROMPT = {"prompt": "make it night"}


def owner(world: World, name: str, *prefixes: str) -> tuple[str, Caller]:
    """A key and its caller, who owns what is dropped under the prefixes."""
    key, caller = keys.create(world.stack, name, None, [], [])
    for prefix in prefixes:
        drops.map_prefix(world.stack, prefix, caller.id)
    return key, caller


def recipe(world: World, key: str, **fields: Any) -> dict[str, Any]:
    """Put a recipe into the inbox: the event in which S3 says so."""
    return world.inbox.put(key, json.dumps(fields).encode())


def bought_by(world: World, key: str) -> list[Any]:
    found: list[Any] = world.api.call("GET", "/jobs", key=key).json()["data"]
    return found


@pytest.fixture
def asked() -> Iterator[list[str]]:
    """What the functions asked S3 about the inbox, as METHOD /path."""
    requests: list[str] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        if params["url"].startswith("https://inbox.") or "/inbox/" in params["url_path"]:
            requests.append(f"{params['method']} {params['url_path']}")

    with handled(aws.s3(), "before-call.s3", note):
        yield requests


def groups(queue: str) -> list[str | None]:
    """The group of each message in a queue."""
    waiting = sqs_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].queues[queue]._messages
    return [message.group_id for message in waiting]


# ---------------------------------------------------------------- recipes of others


@pytest.mark.parametrize("place", ["studio/recipe.json", "recipe.json"])
@pytest.mark.parametrize("mapped", ["/", "studio/"])
@pytest.mark.parametrize(
    "fields",
    [
        PROMPT,
        {**PROMPT, "webhook": "https://studio.example/hook"},
        {**PROMPT, "wait_for_sidecar": 900},
        {**PROMPT, "references": ["./style.png"]},
        {"material": True},
        {"prompt": ["broken"]},
    ],
    ids=["prompt", "webhook", "wait", "references", "material", "broken"],
)
def test_a_recipe_acts_only_for_its_owner(world: World, place: str, mapped: str, fields: dict[str, Any]) -> None:
    studio, _ = owner(world, "studio", mapped)
    client, _ = owner(world, "client", "studio/client/")
    recipe(world, place, **fields)
    world.inbox.put("studio/style.png", picture())
    world.inbox.deliver(world.inbox.put("studio/client/photo.png", picture()))
    world.inbox.deliver(*world.inbox.delayed())
    assert (bought_by(world, client), bought_by(world, studio), world.inbox.delayed()) == ([], [], [])
    error = error_of("studio/client/photo")["error"]
    assert error["code"] == "recipe_missing"
    assert "'recipe.json'" in error["message"] or "'studio/recipe.json'" in error["message"]
    assert "does not belong to the API key 'client'" in error["message"]


def test_the_search_for_a_recipe_goes_on_above_the_folders_of_others(world: World) -> None:
    owner(world, "studio", "studio/")
    client, _ = owner(world, "client", "/", "studio/client/")
    recipe(world, "studio/recipe.json", prompt="theirs")
    recipe(world, "recipe.json", prompt="ours", n=2)
    world.inbox.deliver(world.inbox.put("studio/client/photo.png", picture()))
    (job,) = bought_by(world, client)
    assert job["easel"]["requested"]["n"] == 2


def test_a_recipe_counts_under_all_prefixes_of_its_owner(world: World) -> None:
    team, _ = owner(world, "team", "team/", "team/archive/")
    recipe(world, "team/recipe.json", **PROMPT)
    world.inbox.deliver(world.inbox.put("team/archive/2026/photo.png", picture()))
    assert len(bought_by(world, team)) == 1


@pytest.mark.parametrize("field", ["references", "mask", "markup"])
@pytest.mark.parametrize(
    ("where", "reference"),
    [("sidecar", "studio/secret.png"), ("recipe.json", "./secret.png"), ("metadata", "studio/secret.png")],
)
def test_a_recipe_reaches_no_object_of_another_owner(world: World, field: str, where: str, reference: str) -> None:
    owner(world, "studio", "studio/")
    client, _ = owner(world, "client", "/", "studio/client/")
    world.inbox.put("studio/secret.png", overlay())
    value = [reference] if field == "references" else reference
    match where:
        case "metadata":
            event = world.inbox.put("studio/client/photo.png", picture(), prompt="x", **{field: reference})
        case "sidecar":
            recipe(world, "studio/client/photo.json", prompt="x", **{field: value})
            event = world.inbox.put("studio/client/photo.png", picture())
        case _:  # What ./ means in a recipe that stands above both.
            recipe(
                world,
                "recipe.json",
                prompt="x",
                **{field: ["./studio/secret.png"] if field == "references" else "./studio/secret.png"},
            )
            event = world.inbox.put("studio/client/photo.png", picture())
    world.inbox.deliver(event)
    assert error_of("studio/client/photo")["error"]["code"] == "drop_of_another_owner"
    assert bought_by(world, client) == []


# ---------------------------------------------------------------- recipes that can never be right


@pytest.mark.parametrize(
    "fields",
    [
        {"references": ["team/missing.png"] * (MAX_REFERENCES + 1)},
        {"references": ["team/missing.png"] * 16},
        {"references": [f"team/{number}.png" for number in range(12_000)]},
        {"references": ["team/missing.png", 1]},
        {"references": ["team/missing.png", ""]},
        {"references": ["team/missing.png", "team/../other/secret.png"]},
        {"references": ["./missing.png", "./../secret.png"]},
        {"references": ["team/missing.png", "team/" + "ü" * 510]},
        {"references": ["team/missing.png", "other/secret.png"]},
        {"references": ["team/missing.png"], "mask": "other/secret.png"},
        {"mask": "team/missing.png", "markup": "team/missing.png"},
        {"references": ["team/missing.png"], "model": "gpt-paint-9"},
        {"references": ["team/missing.png"], "model": "gpt-image-2"},
        {"references": ["team/missing.png"], "n": 11},
        {"references": ["team/missing.png"], "deadline": 0},
        {"references": ["team/missing.png"], "webhook": "http://example.com/"},
    ],
)
def test_a_recipe_that_can_never_be_right_is_refused_before_its_references_are_looked_up(
    world: World, asked: list[str], fields: dict[str, Any]
) -> None:
    _, caller = keys.create(world.stack, "team", None, ["gpt-image-2.6-flare"], [])
    drops.map_prefix(world.stack, "team/", caller.id)
    recipe(world, "team/recipe.json", **PROMPT, **fields)
    assert world.inbox.deliver(world.inbox.put("team/photo.png", picture())) == []
    assert world.inbox.delayed() == [], "it does not wait"
    assert error_of("team/photo")["error"]["charged"] is False
    assert [request for request in asked if request.startswith("HEAD")] == ["HEAD /team/photo.png"]


def test_who_owns_the_inbox_is_read_once_for_each_drop(world: World) -> None:
    team, _ = owner(world, "team", "team/")
    references = [f"team/{number}.png" for number in range(12)]
    for key in references:
        world.inbox.put(key, picture())
    recipe(world, "team/recipe.json", **PROMPT, references=references)
    read: list[str] = []
    aws.dynamodb().meta.events.register(
        "before-call.dynamodb.GetItem",
        lambda params, **_: read.append("drops") if b'"key_hash": {"S": "drops"}' in params["body"] else None,
    )
    world.inbox.deliver(world.inbox.put("team/a/photo.png", picture()))
    assert (len(bought_by(world, team)), read) == (1, ["drops"])


@pytest.mark.parametrize(
    "key", ["team/" + "x" * 1019, "team/" + "ü" * 505 + ".png", "team/" + "x" * 1012 + "/y", "team/" + "x/" * 500 + "y"]
)
def test_no_key_makes_the_door_ask_s3_for_what_cannot_exist_or_without_end(
    world: World, asked: list[str], key: str
) -> None:
    owner(world, "team", "team/")
    assert world.inbox.deliver(world.inbox.put(key, picture())) == []
    assert world.inbox.deliver(*world.inbox.delayed()) == []
    assert [name for name in left_behind() if name.endswith("error.json")]
    assert max(len(unquote(request).encode()) for request in asked) <= 1024 + len("HEAD /")
    assert len(asked) < 100


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
@pytest.mark.parametrize("which", ["the drop", "a reference"])
def test_an_object_that_s3_does_not_hand_out_is_refused_at_once(world: World, storage_class: Any, which: str) -> None:
    owner(world, "team", "team/")
    event = world.inbox.put("team/photo.png", picture(), prompt="x", references="./style.png")
    archived = "team/photo.png" if which == "the drop" else "team/style.png"
    moto.s3().put_object(
        Bucket="inbox",
        Key=archived,
        Body=picture(),
        StorageClass=storage_class,
        Metadata={"prompt": "x", "references": "./style.png"},
    )
    if which == "the drop":
        body = json.loads(event["Records"][0]["body"])
        body["Records"][0]["s3"]["object"] = {"key": archived}
        event["Records"][0]["body"] = json.dumps(body)
    assert world.inbox.deliver(event) == []
    error = error_of("team/photo")["error"]
    assert (error["code"], error["charged"]) == ("drop_unreadable", False)
    assert archived in error["message"]


def test_a_sidecar_that_many_images_share_holds_nobody_up(world: World) -> None:
    team, caller = owner(world, "team", "team/")
    images = [f"team/photo.{number:03}" for number in range(12)]
    for key in images:
        world.inbox.put(key, picture())
    world.inbox.deliver(recipe(world, "team/photo.json", **PROMPT))
    at_once = len(bought_by(world, team))
    assert 0 < at_once <= 5
    assert groups("drops") == [caller.id] * (len(images) - at_once)
    world.inbox.deliver(*world.inbox.delayed())
    assert len({job["id"] for job in world.api.call("GET", "/jobs?limit=100", key=team).json()["data"]}) == len(images)


def test_a_drop_is_processed_alone() -> None:
    """In a batch, one that takes long would take the others' time, and count as a failed delivery of each."""
    (source,) = TEMPLATE["Resources"]["DropFunction"]["Properties"]["Events"].values()
    assert source["Properties"]["BatchSize"] == 1


def test_drops_that_wait_are_grouped_by_their_owner(world: World) -> None:
    callers = [owner(world, name, name)[1] for name in ("team", "guests")]
    for caller in callers:
        world.inbox.deliver(world.inbox.put(f"{caller.name}/photo.png", picture()))
    assert groups("drops") == [caller.id for caller in callers]


# ---------------------------------------------------------------- what is deleted, and what is merely forbidden


@dataclass
class _Streamed:
    body: io.BytesIO

    def stream(self) -> Iterator[bytes]:
        yield self.body.read()


def answering(operation: str, status: int, code: str, when: str) -> None:
    """From now on, S3 answers the functions so, for requests whose URL contains `when`."""

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        if when not in request.url:
            return None
        body = io.BytesIO(f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())
        return AWSResponse(request.url, status, HTTPHeaders(), _Streamed(body))

    aws.s3().meta.events.register_first(f"before-send.s3.{operation}", answer)  # type: ignore[arg-type] # an answer counts


@pytest.mark.parametrize("status", [403, 404, 405])
def test_a_version_that_was_deleted_for_good_is_gone_however_s3_says_so(world: World, status: int) -> None:
    team, _ = owner(world, "team", "team/")
    first = world.inbox.put("team/photo.png", picture(), prompt="x")
    world.inbox.put("team/photo.png", picture(), prompt="x")
    answering("HeadObject", status, str(status), "versionId=")
    assert world.inbox.deliver(first) == []
    assert (bought_by(world, team), left_behind()) == ([], [])


def test_a_missing_permission_is_no_deletion_of_a_drop(world: World) -> None:
    """It is delivered again, and kept for a redrive."""
    owner(world, "team", "team/")
    event = world.inbox.put("team/photo.png", picture(), prompt="x")
    answering("GetObject", 403, "AccessDenied", "versionId=")
    assert world.inbox.deliver(world.inbox.put("team/folder/", b""), event) == ["message-1"]
    assert left_behind() == []


def test_a_missing_permission_to_keep_inputs_is_no_change_of_the_upload(world: World) -> None:
    owner(world, "team", "team/")
    event = world.inbox.put("team/photo.png", picture(), prompt="x")
    answering("CopyObject", 403, "AccessDenied", "inputs/")
    assert world.inbox.deliver(world.inbox.put("team/folder/", b""), event) == ["message-1"]
    assert left_behind() == []


def test_a_missing_permission_to_leave_results_is_no_deletion_of_the_image(world: World) -> None:
    owner(world, "team", "team/")
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), prompt="x"))
    world.jobs.work()
    answering("CopyObject", 403, "AccessDenied", "drops/")
    with pytest.raises(ReactionsFailed):
        world.ends.announce()
    assert "drops/team/photo/result.json" not in left_behind()


def test_tags_of_images_stay_where_they_are(world: World) -> None:
    """A malware scan tags objects; to copy tags takes permissions that no function has."""
    owner(world, "team", "team/")
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), prompt="x"))
    world.jobs.work()
    s3 = moto.s3()
    (image,) = s3.list_objects_v2(Bucket="images", Prefix="images/")["Contents"]
    s3.put_object_tagging(
        Bucket="images", Key=image["Key"], Tagging={"TagSet": [{"Key": "GuardDutyMalwareScanStatus", "Value": "ok"}]}
    )
    world.ends.announce()
    assert s3.get_object_tagging(Bucket="images", Key="drops/team/photo/photo.png")["TagSet"] == []


# ---------------------------------------------------------------- keys that lead elsewhere


@pytest.mark.parametrize(
    "key",
    [
        "team/../../etc/cron.d/photo.png",
        "team/..",
        "team/./photo.png",
        "team//etc/photo.png",
        "team/..\\..\\photo.png",
        "team/a\nb/photo.png",
        "team/\x1b[2Jphoto.png",
    ],
)
def test_results_can_be_copied_to_a_disk_whatever_their_drop_is_called(world: World, key: str) -> None:
    owner(world, "team", "team/")
    world.inbox.deliver(world.inbox.put(key, picture(), prompt="x"))
    world.jobs.work()
    world.ends.announce()
    found = left_behind()
    assert len(found) == 2
    for name in found:
        assert not {"", ".", ".."} & set(name.split("/"))
        assert "\\" not in name
        assert name.isprintable()
    manifest = next(name for name in found if name.endswith("result.json"))
    body = moto.s3().get_object(Bucket="images", Key=manifest)["Body"].read()
    assert json.loads(body)["source"]["key"] == key
