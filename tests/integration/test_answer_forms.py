"""How answers have images: as URLs, as permalinks, or in base64, as a request or its key asks for it."""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cli import keys
from core.images.model import ANSWER_FORMS, AnswerForm
from core.responses import forms
from tests.support.pictures import picture
from tests.support.world import World, aws

BODY = {"model": "gpt-image-2", "prompt": "an otter", "quality": "low", "size": "1024x1024"}


def key_that_answers(world: World, form: AnswerForm) -> str:
    return keys.create(world.stack, "other", None, [], [], answers=form)[0]


def bought(world: World, *, key: str | None = None, headers: dict[str, str] | None = None, **body: Any) -> Any:
    """The answer to a purchase that is waited for."""
    with world.jobs.working():
        answer = world.api.call("POST", "/images/generations", BODY | body, key=key, headers=headers)
    assert answer.status == 200, answer.text
    return answer.json()


def assert_in_base64(entry: dict[str, Any]) -> None:
    assert hashlib.sha256(base64.b64decode(entry["b64_json"], validate=True)).hexdigest() == entry["sha256"]
    assert "X-Amz-Signature=" in entry["url"]
    assert entry["link"].endswith(entry["id"])


def test_without_a_word_an_answer_has_urls(world: World) -> None:
    (entry,) = bought(world)["data"]
    assert "X-Amz-Signature=" in entry["url"]
    assert "b64_json" not in entry


@pytest.mark.parametrize("by", ["request", "key"])
def test_base64_comes_beside_the_urls(world: World, by: str) -> None:
    if by == "key":
        answer = bought(world, key=key_that_answers(world, "b64_json"), n=2)
    else:
        answer = bought(world, response_format="b64_json", n=2)
    for entry in answer["data"]:
        assert_in_base64(entry)
    assert answer["easel"]["warnings"] == []


@pytest.mark.parametrize("by", ["request", "key"])
def test_the_permalink_takes_the_place_of_the_url(world: World, by: str) -> None:
    if by == "key":
        (entry,) = bought(world, key=key_that_answers(world, "link"))["data"]
    else:
        (entry,) = bought(world, response_format="link")["data"]
    assert entry["url"] == entry["link"]
    assert world.api.call("GET", f"/images/{entry['id']}").status in (200, 404)
    # Programs send the key of the API along, or one that is wrong by now, and ask with HEAD first.
    for method in ("HEAD", "GET"):
        path = "/i/" + entry["url"].rpartition("/")[2]
        answer = world.api.call(method, path, headers={"authorization": "Bearer of-nobody"})
        assert answer.status == 302, method


def test_a_request_overrides_its_key(world: World) -> None:
    for default in ANSWER_FORMS:
        (entry,) = bought(world, key=key_that_answers(world, default), response_format="url")["data"]
        assert ("X-Amz-Signature=" in entry["url"], "b64_json" in entry) == (True, False)


def test_an_edit_in_a_form_may_ask_too(world: World) -> None:
    files = [("image", ("a.png", picture(), "image/png"))]
    answer = world.api.form("/images/edits", BODY | {"response_format": "b64_json"}, files)
    world.jobs.work()
    job = world.api.call("GET", f"/jobs/{answer.json()['id']}?response_format=b64_json").json()
    assert_in_base64(job["result"]["data"][0])


def test_a_job_is_read_in_the_form_of_the_reader(world: World) -> None:
    key = key_that_answers(world, "b64_json")
    job_id = world.api.call("POST", "/images/generations", BODY, key=key, headers={"prefer": "respond-async"}).json()[
        "id"
    ]
    assert world.api.call("GET", f"/jobs/{job_id}", key=key).json()["result"] is None
    world.jobs.work()
    assert_in_base64(world.api.call("GET", f"/jobs/{job_id}", key=key).json()["result"]["data"][0])
    by_link = world.api.call("GET", f"/jobs/{job_id}?response_format=link", key=key).json()["result"]["data"][0]
    assert by_link["url"] == by_link["link"]
    listed = world.api.call("GET", "/jobs", key=key).json()["data"][0]["result"]["data"][0]
    assert "b64_json" not in listed, "a page of jobs would not fit"
    assert world.api.call("GET", f"/jobs/{job_id}?response_format=xml", key=key).status == 400


def test_the_form_is_no_part_of_the_purchase(world: World) -> None:
    """So a repetition in another form finds the job, and one that could not be answered in base64 is answered."""
    headers = {"idempotency-key": "one"}
    first = bought(world, headers=headers, n=8)
    again = bought(world, headers=headers, n=8, response_format="b64_json")
    assert again["easel"]["job_id"] == first["easel"]["job_id"]
    assert world.provider.bought() == 1
    assert "response_format" not in again["easel"]["requested"]


@pytest.mark.parametrize("value", ["xml", "B64", 5])
def test_another_form_is_refused_with_those_there_are(world: World, value: Any) -> None:
    answer = world.api.generate(response_format=value)
    assert (answer.status, answer.json()["error"]["param"]) == (400, "response_format")
    assert world.provider.bought() == 0
    if value == "xml":
        assert "b64_json" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "ways_out"),
    [
        ({"n": 4}, ["'n' up to 2", "jpeg or webp", "smaller 'size'", "url or link"]),
        ({"size": "2048x2048"}, ["jpeg or webp", "url or link"]),
        ({"size": "3840x2160", "n": 2, "output_format": "jpeg"}, ["'n' up to 1", "smaller 'size'"]),
    ],
)
@pytest.mark.parametrize("by", ["request", "key"])
def test_what_will_not_fit_into_an_answer_is_refused_before_it_is_bought(
    world: World, body: dict[str, Any], ways_out: list[str], by: str
) -> None:
    if by == "key":
        answer = world.api.call("POST", "/images/generations", BODY | body, key=key_that_answers(world, "b64_json"))
    else:
        answer = world.api.call("POST", "/images/generations", BODY | body | {"response_format": "b64_json"})
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["param"]) == (400, "answer_too_large", "response_format")
    assert [way for way in ways_out if way not in error["message"]] == []
    assert error["charged"] is False
    assert world.api.call("GET", "/jobs").json()["data"] == []


@pytest.mark.parametrize("by", ["request", "key"])
def test_a_quote_says_that_the_answer_will_not_fit(world: World, by: str) -> None:
    for n, expected in ((4, ["answer_too_large"]), (2, [])):
        body = BODY | {"n": n} | ({"response_format": "b64_json"} if by == "request" else {})
        key = key_that_answers(world, "b64_json") if by == "key" else None
        quote = world.api.call("POST", "/images/quote", body, key=key).json()
        assert quote["quote_micro_usd"] > 0
        assert [warning["code"] for warning in quote["easel"]["warnings"]] == expected
        assert all("'n' up to 2" in warning["message"] for warning in quote["easel"]["warnings"])


@pytest.mark.parametrize("trouble", ["too large", "too much beside it", "gone", "no permission"])
def test_what_was_paid_never_ends_as_an_error_because_of_its_form(
    world: World, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    job_id = world.api.accepted(**BODY | {"prompt": "😀" * 32000})
    world.jobs.work()
    if trouble == "too large":
        monkeypatch.setattr(forms, "MAX_INLINE_BYTES", 100)
    elif trouble == "too much beside it":
        monkeypatch.setattr(forms, "MAX_ANSWER_BYTES", 450_000)  # The prompt alone takes 448,000.
    elif trouble == "gone":
        for stored in aws.s3().list_objects_v2(Bucket="images", Prefix="images/")["Contents"]:
            aws.s3().delete_object(Bucket="images", Key=stored["Key"])
    else:
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::images/*"}
        policy = {"Version": "2012-10-17", "Statement": [deny]}
        aws.s3().put_bucket_policy(Bucket="images", Policy=json.dumps(policy))
    answer = world.api.call("GET", f"/jobs/{job_id}?response_format=b64_json")
    result = answer.json()["result"]
    assert answer.status == 200
    assert "b64_json" not in result["data"][0]
    assert result["data"][0]["url"]
    assert [warning["code"] for warning in result["easel"]["warnings"]] == ["not_in_base64"]


def test_an_answer_of_the_most_that_may_be_in_it_is_one_that_lambda_sends() -> None:
    """Lambda's limit is for the event's JSON, in which the body is a string."""
    body = json.dumps({"data": [{"b64_json": base64.b64encode(bytes(forms.MAX_INLINE_BYTES)).decode()}]})
    assert len(json.dumps({"statusCode": 200, "headers": {}, "body": body})) < 6 * 1024 * 1024 - 128 * 1024


def test_a_key_says_how_it_is_answered_and_can_change_it(world: World) -> None:
    key, caller = keys.create(world.stack, "other", None, [], [], answers="b64_json")
    assert "b64_json" in bought(world, key=key)["data"][0]
    world.stack.callers().set_answers(caller.id, "url")
    assert "b64_json" not in bought(world, key=key)["data"][0]


def test_visitors_of_a_page_are_answered_as_its_key(world: World) -> None:
    key = key_that_answers(world, "link")
    origin = "https://shop.example"
    made = world.api.call("POST", "/tokens", {"images": 1, "origins": [origin]}, key=key)
    (entry,) = bought(world, key=made.json()["token"], headers={"origin": origin})["data"]
    assert entry["url"] == entry["link"]


class TestPermalinks:
    """What follows the id in a permalink."""

    @pytest.fixture
    def image_id(self, world: World) -> str:
        job_id = world.api.accepted(output_format="jpeg")
        world.jobs.work()
        return str(world.api.job(job_id)["result"]["data"][0]["id"])

    @staticmethod
    def disposition(world: World, path: str) -> str:
        answer = world.api.call("GET", path, headers={"authorization": ""})
        assert answer.status == 302, answer.text
        return parse_qs(urlsplit(answer.headers["Location"]).query)["response-content-disposition"][0]

    def test_it_may_end_like_the_name_of_a_file(self, world: World, image_id: str) -> None:
        for name in (image_id, f"{image_id}.jpg", f"{image_id}.JPEG"):
            assert self.disposition(world, f"/i/{name}") == "inline"
        for name in (f"{image_id}.png", f"{image_id}.", f"{image_id}.jpg.png", f"{image_id}.svg"):
            answer = world.api.call("GET", f"/i/{name}", headers={"authorization": ""})
            assert answer.status == 404, name

    @pytest.mark.parametrize(
        ("asked", "name"),
        [
            ("otter", "otter.jpg"),
            ("otter.jpg", "otter.jpg"),
            ("otter.png", "otter.png.jpg"),
            ("", "{id}.jpg"),
            ("..%2F..%2Fetc%2Fpasswd", "passwd.jpg"),
            ("C%3A%5Cotter", "otter.jpg"),
            ("a%0D%0ASet-Cookie%3A%20b", "aSet-Cookie b.jpg"),
            ("%22%3Bfilename%3Devil.exe", ";filename=evil.exe.jpg"),
            ("x" * 3000, "x" * 60 + ".jpg"),
            (".", "{id}.jpg"),
        ],
    )
    def test_it_may_save_the_image_under_a_name(self, world: World, image_id: str, asked: str, name: str) -> None:
        found = self.disposition(world, f"/i/{image_id}?download={asked}")
        assert found.startswith(f'attachment; filename="{name.format(id=image_id)}"; filename*=UTF-8')

    def test_a_name_may_be_in_any_language(self, world: World, image_id: str) -> None:
        found = self.disposition(world, f"/i/{image_id}?download=%E7%8C%AB")
        assert found == "attachment; filename=\"_.jpg\"; filename*=UTF-8''%E7%8C%AB.jpg"
