"""An event of S3 is not a wish: what nobody dropped buys nothing, and what somebody dropped is bought once."""

import json
from typing import Any

import pytest
from PIL import Image

from cli import drops
from tests.support.pictures import encoded, overlay, picture
from tests.support.world import World, aws

from .test_drops import error_of, jobs, left_behind, result_of

NIGHT = b'{"prompt": "make it night", "quality": "low"}'
# What mirrors add to an object.
RCLONE = {"mtime": "1795348800.123"}


@pytest.fixture(autouse=True)
def _owner(world: World) -> None:
    drops.map_prefix(world.stack, "team", world.caller_id)


def finish(world: World) -> None:
    """Everything that waits comes, and all jobs end."""
    while waiting := world.inbox.delayed():
        for event in waiting:
            assert world.inbox.deliver(event) == []
    world.jobs.work()
    world.ends.announce()


# ---------------------------------------------------------------- names


NO_DROPS = (
    "photo.png.part",
    "photo.png.PARTIAL",
    "photo.png.a1b2c3d4.partial",
    "photo.png.ocTransferId1234.part",
    "photo.png.filepart",
    "photo.png.crdownload",
    "photo.png.tmp",
    "photo.png.tmp.4711",
    "photo.tmp.png",
    "photo.png~",
    "photo.png.bak",
    "~$photo.png",
    "~syncthing~photo.png",
    ".goutputstream-WD3K01",
    ".~lock.photo.png#",
    "#photo.png#",
    ".photo.png.Ab12Cd",
    "._photo.png",
    ".DS_Store",
    ".in.photo.png.",
    ".git/photo.png",
    "@eaDir/photo.png/SYNOPHOTO_THUMB_XL.jpg",
    "#recycle/photo.png",
    "__MACOSX/photo.png",
    "Thumbs.db",
    "photos_$folder$",
    "photo.xmp",
    "photo.png.xmp",
    "photo.aae",
)


def test_unfinished_hidden_and_foreign_names_buy_nothing_and_leave_nothing(world: World) -> None:
    world.inbox.put("team/recipe.json", NIGHT)
    for name in NO_DROPS:
        assert world.inbox.deliver(world.inbox.put(f"team/{name}", picture())) == []
    finish(world)
    assert (jobs(world), left_behind(), world.ends.published()) == ([], [], [])


@pytest.mark.parametrize("temporary", ["photo.png.part", ".photo.png.Ab12Cd", "photo.png~"])
def test_an_upload_that_is_renamed_when_it_is_complete_is_bought_once(world: World, temporary: str) -> None:
    world.inbox.put("team/recipe.json", NIGHT)
    first = world.inbox.put(f"team/{temporary}", picture())
    renamed = world.inbox.copy(f"team/{temporary}", "team/photo.png")
    aws.s3().delete_object(Bucket="inbox", Key=f"team/{temporary}")
    world.inbox.deliver(renamed, first)
    finish(world)
    assert left_behind() == ["drops/team/photo/photo.png", "drops/team/photo/result.json"]
    assert world.provider.bought() == 1


def test_settings_of_other_programs_do_not_take_the_folder_of_their_picture(world: World) -> None:
    world.inbox.put("team/recipe.json", NIGHT)
    world.inbox.deliver(world.inbox.put("team/raw1.xmp", b"<x/>"), world.inbox.put("team/raw1.png", picture()))
    finish(world)
    assert left_behind() == ["drops/team/raw1/raw1.png", "drops/team/raw1/result.json"]


# ---------------------------------------------------------------- the same image


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        {"StorageClass": "STANDARD_IA"},
        {"MetadataDirective": "REPLACE", "Metadata": {"prompt": "night", **RCLONE}},
        {"MetadataDirective": "REPLACE", "Metadata": {"prompt": "night"}, "ContentType": "image/png"},
        {"ServerSideEncryption": "AES256"},
    ],
    ids=["storage class", "mtime", "content type", "encryption"],
)
def test_an_object_that_is_copied_onto_itself_is_not_bought_again(
    world: World, change: dict[str, Any], finished: bool
) -> None:
    first = world.inbox.put("team/photo.png", picture(), prompt="night")
    if finished:
        world.inbox.deliver(first)
        finish(world)
    touched = [world.inbox.copy("team/photo.png", "team/photo.png", **change) for _ in range(2)]
    world.inbox.deliver(touched[1], first, touched[0])
    finish(world)
    assert left_behind() == ["drops/team/photo/photo.png", "drops/team/photo/result.json"]
    assert (world.provider.bought(), len(jobs(world))) == (1, 1)


def test_a_mirror_that_writes_a_file_again_unchanged_buys_nothing(world: World) -> None:
    world.inbox.put("team/recipe.json", NIGHT)
    for mtime in ("1", "2"):
        world.inbox.deliver(world.inbox.put("team/photo.png", picture(), mtime=mtime))
        finish(world)
    assert world.provider.bought() == 1
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(colour="red"), mtime="3"))
    finish(world)
    assert world.provider.bought() == 2, "another picture is another wish"


def in_parts(size: int) -> bytes:
    return encoded(Image.new("RGB", (64, 48))) + bytes(size)


def test_a_large_object_that_is_copied_in_parts_into_another_storage_class_is_not_bought_again(world: World) -> None:
    """S3 says of such a copy what it says of an upload, and its ETag is another one."""
    s3, data = aws.s3(), in_parts(6 * 1024 * 1024)
    first = world.inbox.put("team/photo.png", data, prompt="night")
    upload = s3.create_multipart_upload(
        Bucket="inbox", Key="team/photo.png", Metadata={"prompt": "night"}, StorageClass="STANDARD_IA"
    )["UploadId"]
    parts = []
    for number, part in enumerate((data[: 5 * 1024 * 1024], data[5 * 1024 * 1024 :]), start=1):
        sent = s3.upload_part(Bucket="inbox", Key="team/photo.png", UploadId=upload, PartNumber=number, Body=part)
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    answer = s3.complete_multipart_upload(
        Bucket="inbox",
        Key="team/photo.png",
        UploadId=upload,
        MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item] # the parts are plain dicts
    )
    copied = world.inbox.event("team/photo.png", answer, "ObjectCreated:CompleteMultipartUpload")
    world.inbox.deliver(copied, first)
    finish(world)
    assert (world.provider.bought(), len(jobs(world))) == (1, 1)


@pytest.mark.parametrize("how", ["copied with a new prompt", "deleted and copied back", "another picture", "put again"])
def test_what_is_dropped_on_purpose_is_bought(world: World, how: str) -> None:
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), prompt="night"))
    finish(world)
    match how:
        case "copied with a new prompt":
            event = world.inbox.copy(
                "team/photo.png", "team/photo.png", MetadataDirective="REPLACE", Metadata={"prompt": "day"}
            )
        case "deleted and copied back":
            world.inbox.copy("team/photo.png", "archive/photo.png")
            aws.s3().delete_object(Bucket="inbox", Key="team/photo.png")
            event = world.inbox.copy("archive/photo.png", "team/photo.png")
        case "another picture":
            world.inbox.put("archive/photo.png", picture(colour="red"), prompt="night")
            event = world.inbox.copy("archive/photo.png", "team/photo.png")
        case _:
            event = world.inbox.put("team/photo.png", picture(), prompt="night")
    world.inbox.deliver(event)
    finish(world)
    assert world.provider.bought() == 2


@pytest.mark.parametrize("before", ["nothing", "the wait", "the error", "the purchase"])
def test_a_sidecar_buys_a_touched_image_once(world: World, before: str) -> None:
    first = world.inbox.put("team/photo.png", picture())
    if before == "the purchase":
        world.inbox.put("team/photo.json", NIGHT)
    if before != "nothing":
        world.inbox.deliver(first)
    if before in ("the error", "the purchase"):
        finish(world)
    touched = world.inbox.copy("team/photo.png", "team/photo.png", StorageClass="STANDARD_IA")
    sidecar = world.inbox.put("team/photo.json", b'{"prompt": "make it day"}')
    world.inbox.deliver(sidecar, touched, first)
    finish(world)
    assert (world.provider.bought(), len(jobs(world))) == (1, 1)
    assert left_behind() == ["drops/team/photo/photo.png", "drops/team/photo/result.json"]


# ---------------------------------------------------------------- files that are still being written


def test_an_empty_object_waits_for_the_image_and_is_forgotten_when_it_has_come(world: World) -> None:
    empty = world.inbox.put("team/photo.png", b"", prompt="night")
    assert world.inbox.deliver(empty) == []
    assert left_behind() == []
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), prompt="night"), empty)
    finish(world)
    assert left_behind() == ["drops/team/photo/photo.png", "drops/team/photo/result.json"]
    assert [event["detail-type"] for event in world.ends.published()] == ["Job Ended"]


def test_an_object_that_stays_empty_gets_an_error(world: World) -> None:
    world.inbox.deliver(world.inbox.put("team/photo.png", b"", prompt="night"))
    finish(world)
    assert error_of("team/photo")["error"]["code"] == "empty_image_file"
    assert "PNG, JPEG and WebP" in error_of("team/photo")["error"]["message"]


@pytest.mark.parametrize("part", ["team/photo.json", "team/recipe.json", "team/hole.png", "team/style.png"])
def test_what_a_drop_needs_may_be_empty_at_first(world: World, part: str) -> None:
    """Neither the recipe above nor an error takes the place of what is still being written."""
    world.inbox.put("recipe.json", b'{"prompt": "wrong"}')
    written = {
        "team/hole.png": overlay(),
        "team/style.png": picture(),
        part: json.dumps({"prompt": "right"}).encode(),
    }
    image = {"prompt": "right", "mask": "./hole.png", "references": "./style.png"} if "png" in part else {}
    if "png" in part:
        written |= {"team/hole.png": overlay(), "team/style.png": picture()}
    for key in ("team/hole.png", "team/style.png", part):
        world.inbox.put(key, b"" if key == part else written[key], material="true")
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), **image))
    assert (jobs(world), left_behind()) == ([], [])
    world.inbox.put(part, written[part], material="true")
    finish(world)
    assert result_of("team/photo")["recipe"]["prompt"] == "right"


def test_a_recipe_that_stays_empty_is_named(world: World) -> None:
    world.inbox.put("team/recipe.json", b"")
    world.inbox.deliver(world.inbox.put("team/photo.png", picture()))
    finish(world)
    error = error_of("team/photo")["error"]
    assert error["code"] == "invalid_recipe"
    assert "'team/recipe.json': it is empty" in error["message"]


# ---------------------------------------------------------------- metadata and sidecars of other programs

CAMERA = {"model": "Canon EOS R5", "user": "zoe", "size": "8192x5464", "material": "oak"}
TAKEOUT = {"title": "photo.png", "description": "", "photoTakenTime": {"timestamp": "1"}, "material": "oak"}


@pytest.mark.parametrize(
    ("metadata", "sidecar"),
    [(CAMERA, None), ({}, TAKEOUT), ({}, {"model": "Canon EOS R5", "iso": 100}), ({}, [1, 2]), (CAMERA, TAKEOUT)],
)
def test_metadata_and_sidecars_of_other_programs_do_not_hide_the_recipe(
    world: World, metadata: dict[str, str], sidecar: Any
) -> None:
    world.inbox.put("team/recipe.json", NIGHT)
    if sidecar is not None:
        world.inbox.deliver(world.inbox.put("team/photo.png.json", json.dumps(sidecar).encode()))
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), **metadata))
    finish(world)
    assert result_of("team/photo")["recipe"]["from"] == "team/recipe.json"


def test_metadata_without_a_prompt_is_named_when_no_recipe_has_come(world: World) -> None:
    world.inbox.deliver(world.inbox.put("team/photo.png", picture(), size="1024x1024", quality="low"))
    assert left_behind() == [], "a sidecar may come"
    finish(world)
    error = error_of("team/photo")["error"]
    assert error["code"] == "invalid_recipe"
    assert "the metadata: it has quality, size, but no prompt" in error["message"]


@pytest.mark.parametrize(
    "sidecar", [{"promt": "a typing error"}, {"Prompt": "x"}, {"size": "auto"}, {"materials": True}]
)
def test_a_sidecar_that_was_meant_as_a_recipe_is_not_passed_over(world: World, sidecar: dict[str, Any]) -> None:
    world.inbox.put("team/recipe.json", NIGHT)
    world.inbox.put("team/photo.json", json.dumps(sidecar).encode())
    world.inbox.deliver(world.inbox.put("team/photo.png", picture()))
    assert error_of("team/photo")["error"]["code"] == "invalid_recipe"
