"""Images made from others: every way to give them, and what is refused before money."""

import base64
import json
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from cli import keys
from tests.support.pictures import encoded, overlay, picture
from tests.support.world import World, aws

FIELDS = {"model": "gpt-image-2", "prompt": "make it night", "quality": "low"}


def edited(world: World, answer: Any) -> Any:
    assert answer.status == 202, answer.text
    world.jobs.work()
    job = world.api.job(answer.json()["id"])
    assert job["status"] == "succeeded", job
    return job


@pytest.mark.parametrize(
    "files",
    [
        [("image", ("photo.png", picture(), "image/png"))],
        [("image", ("upload", picture(format="JPEG"), "application/octet-stream"))],
        [("image[]", ("a.png", picture(), "image/png")), ("image[]", ("b.webp", picture(format="WEBP"), "image/webp"))],
        [("image", ("photo.png", picture(), "image/png")), ("mask", ("mask.png", overlay(), "image/png"))],
    ],
    ids=["one file", "raw bytes", "several files", "a mask"],
)
def test_a_form_as_the_sdks_send_it(world: World, files: list[tuple[str, Any]]) -> None:
    job = edited(world, world.api.form("/images/edits", FIELDS | {"n": "2"}, files))
    assert len(job["result"]["data"]) == 2
    (call,) = world.simulator.calls()
    assert (call["path"], call["n"]) == ("/v1/images/edits", 2)
    assert call["input_images"] == sum(name.startswith("image") for name, _ in files)
    assert job["easel"]["cost"]["actual_micro_usd"] == call["charged_micro_usd"]
    assert job["easel"]["cost"]["upper_bound_micro_usd"] >= call["charged_micro_usd"]


def test_an_earlier_image_is_edited_by_its_id(world: World) -> None:
    first = world.api.accepted()
    world.jobs.work()
    image_id = world.api.job(first)["result"]["data"][0]["id"]
    body = {"model": "gpt-image-2", "prompt": "add a hat", "images": [{"file_id": image_id}]}
    edited(world, world.api.call("POST", "/images/edits", body, headers={"prefer": "respond-async"}))


def test_a_data_url_is_edited(world: World) -> None:
    url = "data:image/png;base64," + base64.b64encode(picture()).decode()
    body = {"model": "gpt-image-2.6-flare", "prompt": "add a hat", "images": [{"image_url": url}]}
    edited(world, world.api.call("POST", "/images/edits", body, headers={"prefer": "respond-async"}))


def test_an_upload_is_edited(world: World) -> None:
    made = world.api.call("POST", "/uploads", {"content_type": "image/png"}).json()
    aws.s3().put_object(Bucket="images", Key=made["fields"]["key"], Body=picture(), ContentType="image/png")
    body = {"model": "gpt-image-2", "prompt": "add a hat", "images": [{"file_id": made["id"]}]}
    edited(world, world.api.call("POST", "/images/edits", body, headers={"prefer": "respond-async"}))


def test_a_text_field_may_hold_an_id(world: World) -> None:
    first = world.api.accepted()
    world.jobs.work()
    image_id = world.api.job(first)["result"]["data"][0]["id"]
    edited(
        world,
        world.api.form("/images/edits", FIELDS | {"image": image_id}, [("mask", ("m.png", overlay((1024, 1024))))]),
    )


def test_inputs_are_kept_as_they_were(world: World) -> None:
    first = world.api.accepted()
    world.jobs.work()
    image_id = world.api.job(first)["result"]["data"][0]["id"]
    body = {"model": "gpt-image-2", "prompt": "add a hat", "images": [{"file_id": image_id}]}
    answer = world.api.call("POST", "/images/edits", body, headers={"prefer": "respond-async"})
    assert world.api.call("DELETE", f"/images/{image_id}").status == 200
    edited(world, answer)


def test_inputs_that_were_deleted_end_the_job_free_of_charge(world: World) -> None:
    answer = world.api.form("/images/edits", FIELDS, [("image", ("photo.png", picture()))])
    job_id = answer.json()["id"]
    assert world.api.call("DELETE", f"/jobs/{job_id}/inputs").status in (200, 409)
    s3 = aws.s3()
    for found in s3.list_objects_v2(Bucket="images", Prefix="inputs/").get("Contents", []):
        s3.delete_object(Bucket="images", Key=found["Key"])
    world.jobs.work()
    job = world.api.job(job_id)
    assert (job["error"]["code"], job["error"]["charged"]) == ("input_deleted", False)
    assert world.simulator.calls() == []


def test_a_black_and_white_mask_is_converted_with_a_warning(world: World) -> None:
    bw = Image.new("L", (64, 64), 255)
    bw.paste(0, (8, 8, 24, 24))
    files = [("image", ("p.png", picture())), ("mask", ("m.png", encoded(bw)))]
    job = edited(world, world.api.form("/images/edits", FIELDS, files))
    assert [warning["code"] for warning in job["easel"]["warnings"]] == ["mask_converted"]


def test_a_markup_is_sent_to_models_that_know_it(world: World) -> None:
    files = [("image", ("p.png", picture())), ("markup", ("m.png", overlay()))]
    edited(world, world.api.form("/images/edits", FIELDS | {"model": "gpt-image-2.5-flare"}, files))
    refused = world.api.form("/images/edits", FIELDS, files)
    assert (refused.status, refused.json()["error"]["param"]) == (400, "markup")


def test_a_retired_model_edits_by_its_successor(world: World) -> None:
    fields = FIELDS | {"model": "gpt-image-1", "input_fidelity": "high"}
    job = edited(world, world.api.form("/images/edits", fields, [("image", ("p.png", picture()))]))
    assert job["easel"]["applied"] == {"model": "gpt-image-2.5-flare", "quality": "low"}
    assert "'input_fidelity' was dropped" in job["easel"]["warnings"][0]["message"]


def huge_png() -> bytes:
    """A PNG of a few bytes whose header promises 60,000 by 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0" * 64


@pytest.mark.parametrize(
    ("fields", "files", "code"),
    [
        ({}, [], "missing_required_parameter"),
        ({}, [("image", ("a.txt", b"just text"))], "invalid_image_file"),
        ({}, [("image", ("a.png", huge_png()))], "image_too_large"),
        ({}, [("image", ("a.png", b""))], "empty_image_file"),
        ({}, [("image", ("a.gif", picture(format="GIF")))], "unsupported_image_media_type"),
        ({}, [("image", ("a.png", picture())), ("mask", ("m.png", overlay((10, 10))))], "invalid_mask_image_format"),
        ({}, [("image", ("a.png", picture())), ("mask", ("m.png", picture()))], "invalid_mask_image_format"),
        ({}, [("image[]", (f"{n}.png", picture())) for n in range(17)], "invalid_value"),
        ({"image": "https://169.254.169.254/latest/meta-data"}, [], "invalid_image_url"),
        ({"image": "https://localhost/a.png"}, [], "invalid_image_url"),
        ({"image": "https://10.0.0.7/a.png"}, [], "invalid_image_url"),
        ({"image": "http://example.com/a.png"}, [], "invalid_image_url"),
        ({"image": "img_00000000000000000000000000000000"}, [], "not_found"),
        ({"image": "file_00000000000000000000000000000000"}, [], "not_found"),
        ({"image": "photo.png"}, [], "invalid_value"),
        ({"style": "vivid"}, [("image", ("a.png", picture()))], "unsupported_parameter"),
        ({"n": "two"}, [("image", ("a.png", picture()))], "invalid_type"),
        ({"model": "dall-e-3"}, [("image", ("a.png", picture()))], "invalid_value"),
        ({"model": "dall-e-2"}, [("image", ("a.png", picture()))], "invalid_value"),
    ],
)
def test_what_cannot_be_edited_is_refused_before_money(
    world: World, fields: dict[str, str], files: list[tuple[str, Any]], code: str
) -> None:
    answer = world.api.form("/images/edits", FIELDS | fields, files)
    error = answer.json()["error"]
    assert error["code"] == code, error
    assert answer.status in (400, 404)
    assert error["charged"] is False
    assert world.jobs.messages() == []


def test_another_callers_images_are_not_there(world: World) -> None:
    first = world.api.accepted()
    world.jobs.work()
    image_id = world.api.job(first)["result"]["data"][0]["id"]
    other, _ = keys.create(world.stack, "other", None, [], [])
    answer = world.api.form("/images/edits", FIELDS | {"image": image_id}, [], key=other)
    assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"images": [{"file_id": "img_" + "0" * 32}]}, "images[0].file_id"),
        ({"images": [{"image_url": "DATA"}, {"file_id": "file_" + "0" * 32}]}, "images[1].file_id"),
        ({"images": [{"image_url": "DATA"}], "mask": {"file_id": "img_" + "0" * 32}}, "mask.file_id"),
        ({"images": [{"image_url": "http://a.example/b.png"}]}, "images[0].image_url"),
        ({"images": [{"image_url": "DATA"}, {"image_url": "nonsense"}]}, "images[1].image_url"),
        ({"images": [{"image_url": "DATA"}, {}]}, "images[1]"),
        ({"images": [{"image_url": "DATA"}] * 17}, "images"),
    ],
)
def test_an_error_about_a_reference_names_the_field_that_holds_it(world: World, body: Any, param: str) -> None:
    url = "data:image/png;base64," + base64.b64encode(picture()).decode()
    text = json.dumps(FIELDS | body).replace('"DATA"', json.dumps(url))
    error = world.api.call("POST", "/images/edits", text).json()["error"]
    assert (error["param"], error["charged"]) == (param, False)


def test_a_quote_buys_nothing_and_the_job_keeps_to_it(world: World) -> None:
    body = {"model": "gpt-image-2", "prompt": "an otter", "quality": "high", "size": "1024x1024", "n": 2}
    quoted = world.api.call("POST", "/images/quote", body).json()
    assert quoted["object"] == "quote"
    assert world.jobs.messages() == []
    job_id = world.api.accepted(**body)
    world.jobs.work()
    cost = world.api.job(job_id)["easel"]["cost"]
    assert cost["upper_bound_micro_usd"] == quoted["upper_bound_micro_usd"]
    assert quoted["quote_micro_usd"] <= cost["upper_bound_micro_usd"]
    assert cost["actual_micro_usd"] == world.simulator.calls()[0]["charged_micro_usd"] <= cost["upper_bound_micro_usd"]


def test_an_edit_can_be_quoted(world: World) -> None:
    quoted = world.api.form("/images/quote", FIELDS, [("image", ("p.png", picture()))]).json()
    assert quoted["usage"]["input_tokens_details"]["image_tokens"] == 1024


def test_variations_are_retired_and_name_edits(world: World) -> None:
    answer = world.api.form("/images/variations", {}, [("image", ("p.png", picture()))])
    assert (answer.status, answer.json()["error"]["code"]) == (400, "endpoint_retired")
    assert "/v1/images/edits" in answer.json()["error"]["message"]
