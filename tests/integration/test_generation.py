"""A prompt in, a lasting image URL out, and every way in which that may go wrong."""

import io
import json
from base64 import b64decode
from typing import Any

import pytest

from cli import keys
from core import aws
from core.logs import logger
from tests.support.world import World
from tests.support.world.aws import handled


def test_a_job_is_accepted_performed_and_answered(world: World) -> None:
    answer = world.api.generate(size="1024x1024")
    assert answer.status == 202
    accepted = answer.json()
    assert accepted["status"] == "queued"
    assert answer.headers["Location"].endswith(f"/v1/jobs/{accepted['id']}")
    assert int(answer.headers["Retry-After"]) > 0

    world.jobs.work()

    job = world.api.job(accepted["id"])
    assert job["status"] == "succeeded"
    (image,) = job["result"]["data"]
    assert (image["width"], image["height"], image["content_type"]) == (1024, 1024, "image/png")
    assert image["link"].endswith(f"/v1/i/{image['id']}")
    assert job["result"]["usage"]["output_tokens"] > 0
    assert job["easel"]["cost"]["actual_micro_usd"] == world.simulator.calls()[0]["charged_micro_usd"]


def test_s3_checks_an_image_by_the_checksum_of_its_record(world: World) -> None:
    """Over TLS its bytes are hashed for nothing else."""
    sent: list[Any] = []
    job_id = world.api.accepted()
    with handled(aws.s3(), "before-send.s3.PutObject", lambda request, **_: sent.append(request.headers)):
        world.jobs.work()
    (image,) = world.api.job(job_id)["result"]["data"]
    (headers,) = sent
    assert b64decode(headers["x-amz-checksum-sha256"]).hex() == image["sha256"]
    assert headers["x-amz-content-sha256"] == b"UNSIGNED-PAYLOAD"
    assert not {"x-amz-trailer", "x-amz-checksum-crc32"} & {name.lower() for name in headers}


def test_the_lasting_link_redirects_to_a_freshly_signed_url(world: World) -> None:
    job_id = world.api.accepted()
    world.jobs.work()
    (image,) = world.api.job(job_id)["result"]["data"]
    answer = world.api.call("GET", f"/i/{image['id']}", headers={"authorization": ""})
    assert answer.status == 302
    assert "X-Amz-Signature=" in answer.headers["Location"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_retired_model_is_translated_and_says_so(world: World) -> None:
    job_id = world.api.accepted(model="gpt-image-1")
    world.jobs.work()
    easel = world.api.job(job_id)["easel"]
    assert easel["requested"]["model"] == "gpt-image-1"
    assert easel["applied"]["model"] == "gpt-image-2.5-flare"
    assert [warning["code"] for warning in easel["warnings"]] == ["model_translated"]
    assert world.simulator.calls()[0]["model"] == "gpt-image-2.5-flare"


@pytest.mark.parametrize("door", ["api", "direct"])
def test_an_answer_in_one_call_when_it_is_quick(world: World, door: str) -> None:
    with world.jobs.working():
        answer = world.api.call("POST", "/images/generations", {"prompt": "an otter"}, door=door)
    assert answer.status == 200, answer.text
    assert answer.json()["data"][0]["url"].startswith("https://")


@pytest.mark.parametrize(
    ("body", "param", "code", "says"),
    [
        ({"size": "1000x1000"}, "size", "invalid_value", "divisible by 16"),
        ({"size": "big"}, "size", "invalid_value", "WIDTHxHEIGHT"),
        ({"prompt": ""}, "prompt", "invalid_value", "1 to 32000"),
        ({"prompt": None}, "prompt", "missing_required_parameter", "prompt"),
        ({"prompt": "x" * 32001}, "prompt", "invalid_value", "32000"),
        ({"n": 11}, "n", "invalid_value", "from 1 to 10"),
        ({"n": "2"}, "n", "invalid_type", "an integer"),
        ({"quality": "hd"}, "quality", "invalid_value", "'low'"),
        ({"colour": "red"}, "colour", "unknown_parameter", "Known parameters"),
        ({"style": "vivid"}, "style", "unsupported_parameter", "does not support"),
        ({"response_format": "xml"}, "response_format", "invalid_value", "b64_json"),
        ({"stream": True}, "stream", "stream_not_supported", "direct URL"),
        ({"background": "transparent", "output_format": "jpeg"}, "background", "invalid_value", "png or webp"),
        ({"output_compression": 50}, "output_compression", "invalid_value", "jpeg or webp"),
    ],
)
def test_what_a_model_does_not_support_is_refused_before_money(
    world: World, body: dict[str, Any], param: str, code: str, says: str
) -> None:
    answer = world.api.generate(**body)
    error = answer.json()["error"]
    assert (answer.status, error["param"], error["code"]) == (400, param, code)
    assert says in error["message"]
    assert error["charged"] is False
    assert world.jobs.messages() == []


def test_broken_json_is_refused(world: World) -> None:
    answer = world.api.call("POST", "/images/generations", '{"prompt": ')
    assert (answer.status, answer.json()["error"]["code"]) == (400, "invalid_json")


def test_an_unknown_model_names_those_that_exist(world: World) -> None:
    answer = world.api.generate(model="midjourney")
    assert (answer.status, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert "gpt-image-2.6-flare" in answer.json()["error"]["message"]


def test_a_new_gpt_image_model_works_on_its_first_day(world: World) -> None:
    easel = world.api.generate(model="gpt-image-9").json()["easel"]
    assert [warning["code"] for warning in easel["warnings"]] == ["unknown_model"]


def test_errors_can_be_read_from_a_web_page(world: World) -> None:
    for answer in (
        world.api.generate(n=11),
        world.api.call("GET", "/nowhere"),
        world.api.call("GET", "/jobs", key="ek_wrong"),
        world.api.call("OPTIONS", "/images/generations"),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


def test_a_caller_sees_only_its_own_jobs(world: World) -> None:
    job_id = world.api.accepted()
    other, _ = keys.create(world.stack, "other", None, [], [])
    answer = world.api.call("GET", f"/jobs/{job_id}", key=other)
    assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")
    assert world.api.call("GET", "/jobs", key=other).json()["data"] == []


def test_jobs_are_listed_newest_first_page_by_page(world: World) -> None:
    ids = [world.api.accepted() for _ in range(5)]
    first = world.api.call("GET", "/jobs?limit=2").json()
    assert [job["id"] for job in first["data"]] == ids[:2:-1]
    assert first["has_more"] is True
    second = world.api.call("GET", f"/jobs?limit=3&after={first['last_id']}").json()
    assert [job["id"] for job in second["data"]] == ids[2::-1]
    assert second["has_more"] is False


@pytest.mark.parametrize("limit", ["0", "101", "many", "-1"])
def test_a_wrong_limit_is_refused(world: World, limit: str) -> None:
    answer = world.api.call("GET", f"/jobs?limit={limit}")
    assert (answer.status, answer.json()["error"]["param"]) == (400, "limit")


def test_logs_hold_no_prompt_key_or_url(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)
    job_id = world.api.accepted(prompt="a very secret otter")
    world.jobs.work()
    url = world.api.job(job_id)["result"]["data"][0]["url"]
    world.api.generate(prompt="a very secret otter", n=11)
    logs = written.getvalue()
    assert job_id in logs
    for secret in ("secret otter", world.api.key, "sk-simulated", "X-Amz-Signature", url):
        assert secret not in logs
    for line in logs.splitlines():
        json.loads(line)
