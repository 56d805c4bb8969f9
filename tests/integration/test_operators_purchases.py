"""`easel generate` and `easel edit`: a purchase through the API from a terminal, whatever the network does."""

import email
import io
import json
import os
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import boto3
import httpx
import pytest
import respx

from cli.stack import Stack
from tests.support.command_line import Easel
from tests.support.pictures import picture
from tests.support.world import World, aws

PRIVATE = "an otter"
LOW = ("--model", "gpt-image-2", "--quality", "low", "--size", "1024x1024")
BASE = "https://api.example/v1"


class Wire:
    """What is beyond the command: the world's API, and its bucket. `failures` take the place of the next answers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.requests: list[httpx.Request] = []
        self.failures: list[int | type[Exception]] = []
        self.largest_body = 0
        self.refused_by_bucket = ""

    @property
    def calls(self) -> list[str]:
        """The methods and paths that the API was asked."""
        return [f"{each.method} {each.url.path.removeprefix('/v1')}" for each in self.requests]

    def api(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.largest_body = max(self.largest_body, len(request.content))
        key = request.headers["authorization"].removeprefix("Bearer ")
        headers = {n: request.headers[n] for n in ("prefer", "idempotency-key") if n in request.headers}
        path = request.url.path.removeprefix("/v1")
        with redirect_stdout(io.StringIO()):  # Functions print metrics.
            answer = self.world.api.call(
                request.method, path, request.content.decode() or None, key=key, headers=headers
            )
            self.world.jobs.work()
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, int):
                return httpx.Response(failure, text="<html>")
            raise failure("broken")
        return httpx.Response(answer.status, text=answer.text, headers={"content-type": "application/json"})

    def bucket(self, request: httpx.Request) -> httpx.Response:
        if request.method == self.refused_by_bucket:
            return httpx.Response(403, text="<Error/>")
        if request.method == "GET":
            place = unquote(request.url.path).removeprefix("/")
            stored = aws.s3().get_object(Bucket="images", Key=place)
            return httpx.Response(200, content=stored["Body"].read())
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        form: Any = email.message_from_bytes(head + request.content)
        fields = {
            part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
            for part in form.get_payload()
        }
        key, content_type = fields["key"].decode(), fields["Content-Type"].decode()
        aws.s3().put_object(Bucket="images", Key=key, Body=fields["file"], ContentType=content_type)
        return httpx.Response(204)


@pytest.fixture
def wire(world: World, easel: Easel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Wire]:
    monkeypatch.setattr("cli.client._POLL_SECONDS", 0)
    monkeypatch.setenv("EASEL_API_KEY", world.api.key)
    monkeypatch.chdir(tmp_path)
    wire = Wire(world)
    with respx.mock(assert_all_called=False) as router:
        router.route(host="127.0.0.1").pass_through()  # the simulator
        router.route(url__startswith=f"{BASE}/").mock(side_effect=wire.api)
        router.route(url__regex=r"https://[^/]*amazonaws\.com/.*").mock(side_effect=wire.bucket)
        yield wire


def bought(wire: Wire) -> int:
    return len(wire.world.simulator.calls())


def test_an_operator_generates_an_image_and_saves_it(wire: Wire, easel: Easel) -> None:
    done = easel.document("generate", PRIVATE, *LOW, "--format", "webp")
    (file,) = done["files"]
    assert Path(file).read_bytes()[:4] == b"RIFF"
    job = wire.world.stack.jobs().get(done["job"])
    assert job
    assert (job.status, done["cost_micro_usd"]) == ("succeeded", job.cost)
    assert wire.calls == ["POST /images/generations", f"GET /jobs/{job.id}"]
    assert wire.requests[0].headers["prefer"] == "respond-async"


def test_a_file_larger_than_a_request_body_is_uploaded_for_an_edit(
    wire: Wire, easel: Easel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EASEL_API_KEY")
    (tmp_path / "key").write_text(f"{wire.world.api.key}\n")
    large = picture(size=(1024, 1024)) + bytes(20_000_000)
    (tmp_path / "photo.png").write_bytes(large)
    (tmp_path / "mask.png").write_bytes(picture((0, 0, 0, 0), (1024, 1024), mode="RGBA"))
    code, out, err = easel(
        *("edit", "a hat", "--image", "photo.png", "--mask", "mask.png", *LOW),
        *("--output", str(tmp_path), "--api-key-file", "key"),
    )
    assert (code, out[:6], len(list(tmp_path.glob("img_*.png")))) == (0, "saved ", 1), err
    assert wire.calls[:3] == ["POST /uploads", "POST /uploads", "POST /images/edits"]
    assert wire.largest_body < 10_000
    stored = aws.s3().list_objects_v2(Bucket="images", Prefix="uploads/")["Contents"]
    assert len(large) in {each["Size"] for each in stored}
    assert wire.world.api.key not in out + err


def test_an_earlier_image_is_edited_by_its_id(wire: Wire, easel: Easel) -> None:
    (file,) = easel.document("generate", PRIVATE, *LOW)["files"]
    code, _, err = easel("edit", "make it blue", "--image", Path(file).stem, *LOW)
    assert (code, bought(wire)) == (0, 2), err
    assert "POST /uploads" not in wire.calls


@pytest.mark.parametrize("failure", [httpx.ReadError, httpx.ReadTimeout, 502, 504, 429])
def test_a_connection_that_breaks_for_a_moment_buys_once(
    wire: Wire, easel: Easel, failure: int | type[Exception]
) -> None:
    wire.failures = [failure, failure]
    assert easel("generate", PRIVATE, *LOW)[0] == 0
    keys = [each.headers["idempotency-key"] for each in wire.requests if each.method == "POST"]
    assert (len(keys), len(set(keys)), bought(wire)) == (3, 1, 1)


def test_a_purchase_of_unknown_outcome_says_where_to_look(wire: Wire, easel: Easel) -> None:
    wire.failures = [httpx.ReadTimeout] * 9
    code, out, err = easel("generate", PRIVATE, *LOW)
    assert (code, out, bought(wire)) == (1, "", 1)
    assert "ReadTimeout; what was asked for may be bought, see `easel jobs list`" in err


def test_a_deployment_that_was_never_reached_has_bought_nothing(wire: Wire, easel: Easel) -> None:
    wire.failures = [httpx.ConnectError] * 9
    code, _, err = easel("generate", PRIVATE, *LOW)
    assert (code, "ConnectError" in err, "may be bought" in err) == (1, True, False)


@pytest.mark.parametrize("moment", ["buy", "finished", "download"])
def test_an_interrupted_purchase_says_what_goes_on(
    wire: Wire, easel: Easel, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"cli.client.Client.{moment}", interrupted)
    code, out, err = easel("generate", PRIVATE, *LOW)
    assert (code, out) == (130, "")
    if moment == "buy":
        assert "may be bought, see `easel jobs list`" in err
    else:
        (job_id,) = [job["job"] for job in easel.document("jobs", "list", "--status", "succeeded")]
        assert f"{job_id} goes on without this command, see `easel jobs show {job_id}`" in err


def test_a_price_can_be_asked_for_and_limited(wire: Wire, easel: Easel) -> None:
    quoted = easel.document("generate", PRIVATE, *LOW, "--quote")
    assert quoted["object"] == "quote"
    _, out, _ = easel("generate", PRIVATE, *LOW, "-n", "2", "--quote")
    assert out.startswith("2 of gpt-image-2: $")
    code, out, err = easel("generate", PRIVATE, *LOW, "--max-cost", "0.001")
    assert (code, out) == (1, "")
    assert "which is more than $0.001; nothing was bought" in err
    assert set(wire.calls) == {"POST /images/quote"}
    assert easel("generate", PRIVATE, *LOW, "--max-cost", "1")[0] == 0
    assert bought(wire) == 1


def test_an_edit_is_priced_with_its_images(wire: Wire, easel: Easel, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(picture())
    alone = easel.document("generate", PRIVATE, *LOW, "--quote")
    quoted = easel.document("edit", PRIVATE, "--image", "photo.png", *LOW, "--quote")
    assert quoted["quote_micro_usd"] > alone["quote_micro_usd"]
    code, _, err = easel("edit", PRIVATE, "--image", "photo.png", *LOW, "--max-cost", "0.001")
    assert (code, "nothing was bought" in err, bought(wire)) == (1, True, 0)


@pytest.mark.parametrize(
    ("method", "says", "purchases"),
    [
        ("POST", "photo.png could not be uploaded: the bucket answered 403", 0),
        ("GET", "the image is bought and stored", 1),
    ],
)
def test_what_the_bucket_refuses_is_said(
    wire: Wire, easel: Easel, tmp_path: Path, method: str, says: str, purchases: int
) -> None:
    (tmp_path / "photo.png").write_bytes(picture())
    wire.refused_by_bucket = method
    code, out, err = easel("edit", PRIVATE, "--image", "photo.png", *LOW)
    assert (code, out, bought(wire)) == (1, "", purchases)
    assert says in err
    assert list(tmp_path.glob("img_*")) == []


def test_a_purchase_that_fails_says_why(wire: Wire, easel: Easel) -> None:
    wire.world.simulator.plan("moderation_blocked")
    code, out, err = easel("generate", PRIVATE, *LOW)
    assert (code, out) == (1, "")
    assert "(moderation_blocked)" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["generate", "x", "--model", "no-such"], "model_not_found"),
        (["generate", "x", "--model", "gpt-image-2", "--background", "striped"], "background"),
        (["generate", "x", "--output", "/nowhere"], "is not a folder"),
        (["generate", "x", "--api-key-file", "/nowhere"], "cannot read the API key"),
        (["edit", "x", "--image", "/nowhere.png"], "cannot read /nowhere.png"),
        (["edit", "x", "--image", "notes.txt"], "cannot send notes.txt; its name must end with one of .png"),
        (["edit", "x", "--image", "empty.png"], "cannot send empty.png of 0 bytes"),
        (["edit", "x", "--image", "large.png"], "cannot send large.png of 52428801 bytes"),
        (["edit", "x", "--image", f"img_{'0' * 32}"], "not_found"),
    ],
)
def test_what_cannot_be_bought_is_said_and_nothing_is_saved(
    wire: Wire, easel: Easel, arguments: list[str], says: str, tmp_path: Path
) -> None:
    for name, size in (("notes.txt", 5), ("empty.png", 0), ("large.png", 52_428_801)):
        (tmp_path / name).touch()
        os.truncate(tmp_path / name, size)
    code, out, err = easel(*arguments)
    assert (code, out) == (1, "")
    assert says in err
    assert (list(tmp_path.glob("img_*")), bought(wire)) == ([], 0)


def test_without_a_key_nothing_is_asked(wire: Wire, easel: Easel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_API_KEY", "sk-of-another")
    code, _, err = easel("generate", "x")
    assert (code, wire.calls) == (1, [])
    assert "EASEL_API_KEY" in err
    assert "sk-of-another" not in err


def test_the_variables_of_the_documentation_name_url_and_key(
    wire: Wire, easel: Easel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(*_: object, **__: object) -> Stack:
        raise AssertionError("it needs no access to AWS")

    monkeypatch.setattr(Stack, "find", find)
    monkeypatch.delenv("EASEL_API_KEY")
    monkeypatch.setenv("EASEL_KEY", wire.world.api.key)
    monkeypatch.setenv("EASEL_URL", f"{BASE}/")
    assert easel("generate", PRIVATE, *LOW)[0] == 0


def test_a_stack_that_is_named_takes_precedence_over_the_environment(
    wire: Wire, easel: Easel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_URL", "https://elsewhere.example/v1")
    assert easel("generate", PRIVATE, *LOW, "--stack", "easel-dev")[0] == 0


def test_the_local_deployment_comes_with_its_key(
    wire: Wire, easel: Easel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cloudformation = boto3.client("cloudformation")
    resources = {"Topic": {"Type": "AWS::SNS::Topic"}}
    cloudformation.create_stack(StackName="easel-local", TemplateBody=json.dumps({"Resources": resources}))
    here = {
        **{"api_url": BASE, "direct_url": BASE, "mcp_url": BASE, "api_key": wire.world.api.key},
        **{"stack_name": "easel-local", "aws_endpoint_url": cloudformation.meta.endpoint_url},
        "region": cloudformation.meta.region_name,
    }
    (tmp_path / "stack.json").write_text(json.dumps(here))
    monkeypatch.undo()  # so that the stack is read
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cli.stack.LOCAL_STACK_FILES", (tmp_path / "stack.json",))
    monkeypatch.setattr("cli.client._POLL_SECONDS", 0)
    monkeypatch.setenv("EASEL_URL", "https://elsewhere.example/v1")
    monkeypatch.setenv("EASEL_KEY", "ek_of_elsewhere")
    assert easel("generate", PRIVATE, *LOW, "--local")[0] == 0


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://api.example/v1", "http://127.0.0.1:port/v1", "https://"])
def test_what_is_no_url_is_not_asked(wire: Wire, easel: Easel, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_URL", url)
    code, _, err = easel("generate", "x")
    assert (code, "is not the URL of an API" in err) == (1, True)


@pytest.mark.parametrize(("status", "text"), [(200, "<html>"), (403, "<html>"), (404, "[]"), (400, '{"detail": 1}')])
def test_what_is_no_easel_is_recognised(
    wire: Wire, easel: Easel, status: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_URL", "https://other.example/v1")
    with respx.mock as router:
        router.route(host="other.example").mock(return_value=httpx.Response(status, text=text))
        code, _, err = easel("generate", "x")
    assert (code, f"the API answered {status} without a document; is its URL right?" in err) == (1, True)
