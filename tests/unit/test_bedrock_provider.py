"""The Bedrock adapter at the wire: what botocore sends for it, and what it makes of every answer."""

import base64
import io
import json
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session
from PIL import Image

from core import aws as clients
from core import catalog
from core.errors import Moderation
from core.providers import ImageProvider, InDoubt, NotBought, Refused, connect
from core.settings import SettingsError
from tests.support.pictures import encoded
from tests.support.purchases import PIXEL, given, meaning, outcome_of, wish
from tests.support.tls_server import SERVER_ADDRESS, Reply, Server, make_certificate, serving
from tests.support.world import aws

CORE = "stable-image-core"
MASK_SIZE = (64, 32)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Where botocore finds Bedrock."""
    aws.session()
    with serving(certificate) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", f"https://{SERVER_ADDRESS}:{server.port}")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        # What a deployment's environment may say does not make it buy twice.
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
        monkeypatch.setenv("AWS_RETRY_MODE", "standard")
        yield server


def shop(**settings: str) -> ImageProvider:
    tools: Any = None  # It takes neither connections nor secrets.
    return connect("bedrock", {"REGION": "us-west-2", **settings}, tools)


def reply(status: int, document: Any, code: str | None = None, *, length: int | None = None) -> bytes:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body) if length is None else length}\r\nConnection: close\r\n"
    head += f"x-amzn-ErrorType: {code}:http://internal.amazon.com/\r\n" if code else ""
    return head.encode() + b"\r\n" + body


def error(status: int, code: str, message: str = "No.") -> bytes:
    return reply(status, {"message": message}, code)


def made(*images: bytes, reason: Any = None) -> bytes:
    encoded = [base64.b64encode(image).decode() for image in images]
    return reply(200, {"seeds": [7], "finish_reasons": [reason], "images": encoded})


PICTURE = made(PIXEL)


def sent(server: Server) -> dict[str, Any]:
    """The body of the only call."""
    (body,) = server.bodies
    return dict(json.loads(body))


# What is sent.


def test_a_generation_is_signed_and_says_only_what_was_asked(server: Server) -> None:
    server.replies.append(PICTURE)
    order = wish(CORE, "an otter", size="1344x768", output_format="jpeg", options={"seed": 7, "negative_prompt": "fog"})
    assert [bytes(image) for image in shop().buy(order).images] == [PIXEL]
    assert sent(server) == {
        "prompt": "an otter",
        "aspect_ratio": "16:9",
        "output_format": "jpeg",
        "seed": 7,
        "negative_prompt": "fog",
    }
    (request,) = server.requests
    assert request.startswith("POST /model/stability.stable-image-core-v1%3A1/invoke ")
    assert "/us-west-2/bedrock/aws4_request" in request
    assert "accept: application/json" in request.lower()


@pytest.mark.parametrize(
    ("model", "prompt", "parameters", "body"),
    [
        ("stable-remove-background", "", {}, {"image": "1"}),
        # A prompt is accepted, since clients send one with every edit, and is not sent on.
        ("stable-remove-background", "remove it", {"output_format": "png"}, {"image": "1", "output_format": "png"}),
        (
            "stable-outpaint",
            "",
            {"options": {"left": 200, "creativity": 0.5}},
            {"image": "1", "left": 200, "creativity": 0.5},
        ),
        (
            "stable-search-replace",
            "a fox",
            {"options": {"search_prompt": "the otter"}},
            {"image": "1", "prompt": "a fox", "search_prompt": "the otter"},
        ),
        (
            "sd3-5-large",
            "at night",
            {"options": {"strength": 0.7}},
            {"image": "1", "prompt": "at night", "mode": "image-to-image", "strength": 0.7},
        ),
        ("stable-style-guide", "x", {"size": "1024x1024"}, {"image": "1", "prompt": "x", "aspect_ratio": "1:1"}),
        # A png of four times the size would not fit into an answer.
        ("stable-fast-upscale", "", {}, {"image": "1", "output_format": "jpeg"}),
        (
            "stable-creative-upscale",
            "x",
            {"output_format": "webp"},
            {"image": "1", "prompt": "x", "output_format": "webp"},
        ),
    ],
)
def test_a_tool_gets_what_it_takes(
    server: Server, model: str, prompt: str, parameters: dict[str, Any], body: dict[str, Any]
) -> None:
    server.replies.append(PICTURE)
    shop().buy(wish(model, prompt, given(b"1"), **parameters))
    assert sent(server) == body | {"image": base64.b64encode(b"1").decode()}


def test_two_images_have_their_names_by_their_order(server: Server) -> None:
    server.replies.append(PICTURE)
    shop().buy(wish("stable-style-transfer", "", given(b"photo"), given(b"painting")))
    names = {"init_image": b"photo", "style_image": b"painting"}
    assert sent(server) == {name: base64.b64encode(data).decode() for name, data in names.items()}


@pytest.mark.parametrize("model", ["stable-inpaint", "stable-erase-object"])
def test_a_mask_is_sent_white_where_the_image_is_edited(server: Server, model: str) -> None:
    mask = Image.new("RGBA", MASK_SIZE, (255, 255, 255, 255))
    mask.paste((255, 255, 255, 0), (0, 0, 16, 32))  # edited: transparent, whatever its colour
    mask.paste((0, 0, 0, 128), (16, 0, 32, 32))  # half
    server.replies.append(PICTURE)
    shop().buy(wish(model, "a hat", given(b"1"), given(encoded(mask), "mask")))
    converted = Image.open(io.BytesIO(base64.b64decode(sent(server)["mask"])))
    assert (converted.mode, converted.size) == ("L", MASK_SIZE)
    assert [converted.getpixel((x, 9)) for x in (0, 15, 16, 31, 32, 63)] == [255, 255, 127, 127, 0, 0]


def test_the_prompt_is_not_logged(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    server.replies += [PICTURE, error(400, "ValidationException"), error(500, "InternalServerException")]
    shop().buy(wish(CORE, "a secret otter"))
    for _ in range(2):
        outcome_of(shop(), wish(CORE, "a secret otter"))
    assert "secret otter" not in caplog.text


def test_what_the_service_would_not_take_is_refused_before_it_is_sent(server: Server) -> None:
    outcome = outcome_of(shop(), wish("stable-remove-background", "", given(bytes(18_800_000))))
    assert meaning(outcome) == (Refused, "image_file_too_large", False)
    assert isinstance(outcome, Refused)
    assert "25000000" in outcome.problem.message
    assert server.requests == []


# Refusals, which come with HTTP 200.


@pytest.mark.parametrize(
    ("reason", "stage"), [("prompt", "input"), ("input image", "input"), ("output image", "output")]
)
@pytest.mark.parametrize("images", [(), (PIXEL,)], ids=["nothing", "an image"])
def test_what_is_filtered_is_moderated(server: Server, reason: str, stage: str, images: tuple[bytes, ...]) -> None:
    server.replies.append(made(*images, reason=f"Filter reason: {reason}"))
    outcome = outcome_of(shop(), wish(CORE))
    assert meaning(outcome) == (Refused, "moderation_blocked", False)
    assert isinstance(outcome, Refused)
    assert outcome.problem.moderation == Moderation(stage, (reason,))
    assert outcome.report is None


@pytest.mark.parametrize("reason", ["Inference error", "Another reason"])
def test_an_answer_with_another_reason_is_final(server: Server, reason: str) -> None:
    server.replies.append(made(reason=reason))
    assert meaning(outcome_of(shop(), wish(CORE))) == (Refused, "provider_result_empty", False)


# Errors.


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (error(400, "ValidationException"), Refused, "provider_rejected"),
        (error(400, "ServiceQuotaExceededException"), Refused, "insufficient_quota"),
        (error(403, "AccessDeniedException"), Refused, "provider_permission_denied"),
        (error(404, "ResourceNotFoundException"), Refused, "model_not_found"),
        (error(429, "ThrottlingException"), NotBought, "rate_limit_exceeded"),
        (error(429, "ModelNotReadyException"), NotBought, "provider_overloaded"),
        (error(503, "ServiceUnavailableException"), NotBought, "provider_overloaded"),
        (error(408, "ModelTimeoutException"), InDoubt, None),
        (error(424, "ModelErrorException"), InDoubt, None),
        (error(500, "InternalServerException"), InDoubt, None),
        # Errors that all services of AWS have in common.
        (error(403, "UnrecognizedClientException"), Refused, "provider_permission_denied"),
        (error(403, "InvalidSignatureException"), Refused, "provider_permission_denied"),
        (error(403, "ExpiredTokenException"), Refused, "provider_permission_denied"),
        (error(400, "ExpiredTokenException"), Refused, "provider_permission_denied"),
        (error(400, "ThrottlingException"), NotBought, "rate_limit_exceeded"),
        (error(400, "IncompleteSignature"), Refused, "provider_rejected"),
        (error(413, "RequestEntityTooLargeException"), Refused, "provider_rejected"),
        # Of whatever stands in between.
        (reply(429, b"slow down"), NotBought, "rate_limit_exceeded"),
        (reply(403, b"<h1>Forbidden</h1>"), Refused, "provider_permission_denied"),
        (reply(502, b"<h1>Bad gateway</h1>"), InDoubt, None),
        (reply(504, b""), InDoubt, None),
        # Answers that cannot be read.
        (reply(200, b""), InDoubt, None),
        (reply(200, b"{"), InDoubt, None),
        (reply(200, []), InDoubt, None),
        (reply(200, {}), InDoubt, None),
        (reply(200, {"images": [], "finish_reasons": [None]}), InDoubt, None),
        (reply(200, {"images": [None], "finish_reasons": 7}), InDoubt, None),
        (reply(200, {"images": ["%%%"], "finish_reasons": [None]}), InDoubt, None),
        (reply(200, PICTURE.partition(b"\r\n\r\n")[2], length=10_000), InDoubt, None),
    ],
    ids=lambda value: value.partition(b"Content-Length")[0].decode().strip() if isinstance(value, bytes) else None,
)
def test_every_answer_has_its_meaning_for_the_money(
    server: Server, answer: bytes, outcome: type[Refused | NotBought | InDoubt], code: str | None
) -> None:
    server.replies += [answer, PICTURE]
    charged = None if outcome is InDoubt else False
    assert meaning(outcome_of(shop(), wish(CORE))) == (outcome, code, charged)
    assert len(server.requests) == 1, "it was sent again"


def _nothing(_: socket.socket) -> None:
    """The connection is closed."""


def _reset(connection: socket.socket) -> None:
    """RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def _noise(connection: socket.socket) -> None:
    """Bytes that are no TLS, on a connection that was secure when the request was sent."""
    os.write(connection.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))


def _silence(connection: socket.socket) -> None:
    connection.settimeout(20)
    connection.recv(1)


def _stall(connection: socket.socket) -> None:
    connection.sendall(reply(200, b'{"images": ["', length=10_000))
    _silence(connection)


@pytest.mark.parametrize("behaviour", [_nothing, _reset, _noise, _silence, _stall])
def test_a_line_that_breaks_after_the_request_leaves_doubt(server: Server, behaviour: Reply) -> None:
    server.replies += [behaviour, PICTURE]
    order = wish(CORE, timeout=1)
    assert isinstance(outcome_of(shop(), order), InDoubt)
    assert len(server.requests) == 1, "it was sent again"


def test_a_provider_that_cannot_be_reached_sold_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((SERVER_ADDRESS, 0)) as gone:
        port = gone.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", f"https://{SERVER_ADDRESS}:{port}")
    assert meaning(outcome_of(shop(), wish(CORE))) == (NotBought, "provider_unreachable", False)


def test_without_credentials_nothing_is_sent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = Session()
    bare.get_component("credential_provider").providers.clear()
    monkeypatch.setattr(clients, "session", lambda: bare)
    assert meaning(outcome_of(shop(), wish(CORE))) == (NotBought, "provider_unreachable", False)
    assert server.requests == []


# Settings, and its models.


def test_a_disabled_provider_is_never_called() -> None:
    with pytest.raises(Refused) as outcome:
        shop(ENABLED="false").prepare()
    assert outcome.value.problem.code == "provider_disabled"


@pytest.mark.parametrize("region", ["", "us west 2", "https://us-west-2", "us-west-2.example.com", "-"])
def test_its_region_is_one_of_aws(region: str) -> None:
    with pytest.raises(SettingsError, match="REGION"):
        shop(REGION=region)


@pytest.mark.parametrize("region", ["us-west-2", "us-gov-west-1", "ap-southeast-2"])
def test_any_region_can_be_chosen(region: str) -> None:
    shop(REGION=region).prepare()


def test_it_announces_no_shutdown() -> None:
    assert shop().models() == {}


def test_every_model_has_a_name_for_each_image_that_it_takes() -> None:
    for model in catalog.load("bedrock").models.values():
        inputs, details = model.rules.inputs, model.rules.details
        assert (len(details["images"]) if inputs else 0) == (inputs.max_count if inputs else 0)
        assert ("mask" in details) == bool(inputs and inputs.mask)
