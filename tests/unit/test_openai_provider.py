"""The OpenAI adapter at the wire: what it sends, and what it makes of every answer."""

import base64
import io
import json
import random
import tracemalloc
from dataclasses import replace
from typing import Any, Literal

import pytest

from core.errors import Moderation
from core.providers import InDoubt, InputFile, NotBought, ProviderResult, Refused, Tools, connect
from core.providers.http import HttpClient
from core.requests import Request
from tests.support.internet import REFUSED, Internet, Reply
from tests.support.purchases import BROKEN_CONNECTIONS, PIXEL, meaning, order_of, outcome_of
from tests.support.world import aws

ANSWER = {
    "created": 1713833628,
    "data": [{"b64_json": base64.b64encode(PIXEL).decode()}],
    "usage": {"input_tokens": 10, "output_tokens": 196, "input_tokens_details": {"text_tokens": 10}},
}
GENERATIONS, EDITS = "https://provider.test/v1/images/generations", "https://provider.test/v1/images/edits"
GENERATION = Request("generation", "an otter", "gpt-image-2", {"n": 1}, {"model": "gpt-image-2"})


class Shop:
    """An adapter with its settings, and the server it buys from."""

    def __init__(self, http: HttpClient, **settings: str) -> None:
        self.url = settings.get("BASE_URL", "https://provider.test/v1")
        connection = {"BASE_URL": self.url, "SECRET_ARN": "openai", **settings}
        self.adapter = connect("openai", connection, Tools(http, aws.secretsmanager()))

    def buy(self, request: Request = GENERATION, *inputs: InputFile) -> ProviderResult:
        return self.adapter.buy(order_of(request, *inputs))


def error(status: int, code: str | None = None, message: str = "No.", **more: Any) -> Reply:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code, **more}}
    return Reply.of(status, json=body)


def test_a_generation_is_json_with_the_key_and_the_organization(http: HttpClient, internet: Internet) -> None:
    internet.post(GENERATIONS, Reply.of(json=ANSWER))
    result = Shop(http, ORGANIZATION="org-7").buy()
    sent = internet.last
    assert sent.headers["Authorization"] == "Bearer sk-simulated"
    assert sent.headers["OpenAI-Organization"] == "org-7"
    assert sent.headers["X-Client-Request-Id"] == "r-1"
    assert b'"prompt":"an otter"' in sent.content.replace(b": ", b":")
    assert bytes(result.images[0]) == PIXEL
    assert result.report.usage
    assert result.report.usage.output_tokens == 196


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {"user": "pseudonym"}),
        ({"user": "mine"}, {"user": "mine"}),
        ({"safety_identifier": "mine"}, {"safety_identifier": "mine"}),
    ],
)
def test_the_provider_can_tell_apart_who_asks_unless_they_say_so_themselves(
    http: HttpClient, internet: Internet, given: dict[str, str], sent: dict[str, str]
) -> None:
    internet.post(GENERATIONS, Reply.of(json=ANSWER))
    Shop(http).buy(Request("generation", "an otter", "gpt-image-2", {"n": 1, **given}, {"model": "gpt-image-2"}))
    body = internet.last.json()
    assert {name: body[name] for name in body.keys() & {"user", "safety_identifier"}} == sent


def test_azure_gets_its_key_in_its_own_header(http: HttpClient, internet: Internet) -> None:
    base = "https://studio.openai.azure.com/openai/v1"
    internet.post(f"{base}/images/generations", Reply.of(json=ANSWER))
    Shop(http, BASE_URL=base).buy()
    sent = internet.last
    assert sent.headers["api-key"] == "sk-simulated"
    assert "Authorization" not in sent.headers


def test_an_edit_is_a_form_with_its_files(http: HttpClient, internet: Internet) -> None:
    internet.post(EDITS, Reply.of(json=ANSWER))
    svg = {"model": "gpt-5.6", "reasoning": {"effort": "low"}}
    request = Request("edit", "a hat", "gpt-image-2.6-flare", {"n": 1, "svg": svg}, {})
    files = [InputFile("image", f"{n}.png", "image/png", io.BytesIO(PIXEL)) for n in (1, 2)]
    Shop(http).buy(request, *files, InputFile("mask", "mask.png", "image/png", io.BytesIO(PIXEL)))
    form = internet.last.content
    assert form.count(b'name="image[]"') == 2
    assert form.count(b'name="mask"') == 1
    assert b'name="svg[reasoning][effort]"\r\n\r\nlow' in form


def test_a_compatible_server_may_answer_with_urls(http: HttpClient, internet: Internet) -> None:
    body = {"created": 1, "data": [{"url": "https://files.test/1.png"}]}
    internet.post(GENERATIONS, Reply.of(json=body))
    internet.get("https://files.test/1.png", REFUSED, Reply.of(content=PIXEL))
    assert Shop(http).buy().images == (PIXEL,)


def test_a_disabled_provider_is_never_called(http: HttpClient) -> None:
    with pytest.raises(Refused) as outcome:
        Shop(http, ENABLED="false").adapter.prepare()
    assert outcome.value.problem.code == "provider_disabled"


@pytest.mark.parametrize(
    ("answer", "outcome", "code", "charged"),
    [
        (error(400, "invalid_value"), Refused, "invalid_value", False),
        (error(400, "moderation_blocked"), Refused, "moderation_blocked", False),
        (error(400, "billing_hard_limit_reached"), Refused, "insufficient_quota", False),
        (error(401, "invalid_api_key"), Refused, "provider_authentication_failed", False),
        (error(403, None, "Your organization must be verified"), Refused, "organization_not_verified", False),
        (error(403, "unsupported_country_region_territory"), Refused, "provider_permission_denied", False),
        (error(404, "model_not_found"), Refused, "model_not_found", False),
        (Reply.of(413, text="too large"), Refused, "provider_rejected", False),
        (error(429, "rate_limit_exceeded"), NotBought, "rate_limit_exceeded", False),
        (error(429, "slow_down"), NotBought, "rate_limit_exceeded", False),
        (error(429, "credit_balance_exhausted"), Refused, "insufficient_quota", False),
        (error(500, "server_error"), InDoubt, None, None),
        (Reply.of(502, text="<h1>Bad gateway</h1>"), InDoubt, None, None),
        (error(503, "server_is_overloaded"), NotBought, "provider_overloaded", False),
        (Reply.of(200, json={"created": 1, "data": []}), InDoubt, None, None),
        (Reply.of(200, json=ANSWER | {"data": []}), Refused, "provider_result_empty", True),
        (Reply.of(200, text="{"), InDoubt, None, None),
        *BROKEN_CONNECTIONS,
    ],
)
def test_every_answer_has_its_meaning_for_the_money(
    http: HttpClient,
    internet: Internet,
    answer: Reply,
    outcome: type[Refused | NotBought | InDoubt],
    code: str | None,
    charged: bool | None,
) -> None:
    internet.post(GENERATIONS, answer)
    assert meaning(outcome_of(Shop(http).adapter, order_of(GENERATION))) == (outcome, code, charged)


PARTIAL = {"type": "image_generation.partial_image", "b64_json": "UA==", "partial_image_index": 0, "size": "1024x1024"}
COMPLETED = {
    "type": "image_generation.completed",
    "b64_json": base64.b64encode(PIXEL).decode(),
    "created_at": 1713833628,
    "quality": "low",
    "usage": ANSWER["usage"],
}
DRAFTED = Request("generation", "an otter", "gpt-image-2", {"partial_images": 2}, {"model": "gpt-image-2"})


def failure(code: str | None, type: str = "server_error", message: str = "No.") -> dict[str, Any]:
    return {"type": "error", "error": {"message": message, "type": type, "param": None, "code": code}}


EVENTS = {"content-type": "text/event-stream; charset=utf-8"}


def streamed(*events: dict[str, Any], ending: Literal["whole", "cut", "open"] = "whole") -> Reply:
    """A stream of these events."""
    return Reply(
        200, [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events], EVENTS, ending
    )


def test_partial_images_are_shown_as_they_come(http: HttpClient, internet: Internet) -> None:
    internet.post(GENERATIONS, streamed(PARTIAL, PARTIAL | {"b64_json": "UQ=="}, COMPLETED))
    shown: list[bytes] = []
    result = Shop(http).adapter.buy(replace(order_of(DRAFTED), preview=lambda data: shown.append(bytes(data))))
    sent = internet.last.json()
    assert (sent["stream"], sent["partial_images"]) == (True, 2)
    assert shown == [b"P", b"Q"]
    assert [bytes(image) for image in result.images] == [PIXEL]
    report = result.report
    assert (report.created, report.quality, report.usage and report.usage.output_tokens) == (1713833628, "low", 196)


def test_an_edit_asks_for_partial_images_in_its_form(http: HttpClient, internet: Internet) -> None:
    internet.post(EDITS, streamed(COMPLETED | {"type": "image_edit.completed"}))
    request = Request("edit", "a hat", "gpt-image-2", {"partial_images": 1}, {})
    result = Shop(http).buy(request, InputFile("image", "1.png", "image/png", io.BytesIO(PIXEL)))
    form = internet.last.content
    assert b'name="stream"\r\n\r\ntrue' in form
    assert b'name="partial_images"\r\n\r\n1' in form
    assert [bytes(image) for image in result.images] == [PIXEL]


def test_nothing_is_streamed_unless_partial_images_are_asked_for(http: HttpClient, internet: Internet) -> None:
    internet.post(GENERATIONS, Reply.of(json=ANSWER))
    Shop(http).buy()
    assert b"stream" not in internet.last.content


@pytest.mark.parametrize(
    "answer",
    [
        Reply.of(200, json=ANSWER),
        streamed(
            {key: value for key, value in COMPLETED.items() if key != "b64_json"} | {"url": "https://files.test/1"}
        ),
        streamed(COMPLETED, ending="open"),
    ],
    ids=["in one piece", "by URL", "not ended"],
)
def test_a_compatible_server_may_answer_a_stream_in_its_own_way(
    http: HttpClient, internet: Internet, answer: Reply
) -> None:
    internet.post(GENERATIONS, answer)
    internet.get("https://files.test/1", Reply.of(content=PIXEL))
    assert [bytes(image) for image in Shop(http).buy(DRAFTED).images] == [PIXEL]


@pytest.mark.parametrize(
    "before",
    [[], [PARTIAL], [PARTIAL | {"b64_json": "@@@@"}]],
    ids=["before", "after a partial image", "after a broken one"],
)
@pytest.mark.parametrize(
    ("end", "outcome", "code", "charged"),
    [
        ([failure("moderation_blocked", "image_generation_user_error")], Refused, "moderation_blocked", False),
        ([failure("invalid_value", "invalid_request_error")], Refused, "invalid_value", False),
        ([failure("insufficient_quota")], Refused, "insufficient_quota", False),
        ([failure("rate_limit_exceeded")], NotBought, "rate_limit_exceeded", False),
        ([failure("server_is_overloaded")], NotBought, "provider_overloaded", False),
        ([failure("server_error")], InDoubt, None, None),
        ([failure(None)], InDoubt, None, None),
        ([{"type": "x", "error": "bad"}], InDoubt, None, None),
        ([], InDoubt, None, None),
        ([COMPLETED | {"b64_json": "@@@@"}], InDoubt, None, None),
        ([{"type": "image_generation.completed"}], InDoubt, None, None),
    ],
)
def test_every_end_of_a_stream_has_its_meaning_for_the_money(
    http: HttpClient,
    internet: Internet,
    before: list[dict[str, Any]],
    end: list[dict[str, Any]],
    outcome: type[Refused | NotBought | InDoubt],
    code: str | None,
    charged: bool | None,
) -> None:
    internet.post(GENERATIONS, streamed(*before, *end))
    expected = (InDoubt, None, None) if before else (outcome, code, charged)
    assert meaning(outcome_of(Shop(http).adapter, order_of(DRAFTED))) == expected


@pytest.mark.parametrize("events", [[], [PARTIAL], [PARTIAL, PARTIAL]], ids=["0 events", "1 event", "2 events"])
def test_a_stream_that_breaks_leaves_the_purchase_in_doubt(
    http: HttpClient, internet: Internet, events: list[dict[str, Any]]
) -> None:
    answer = streamed(*events, ending="cut")
    internet.post(GENERATIONS, answer)
    assert isinstance(outcome_of(Shop(http).adapter, order_of(DRAFTED)), InDoubt)


def test_a_stream_takes_as_much_memory_as_two_of_its_images(http: HttpClient, internet: Internet) -> None:
    image = random.Random(7).randbytes(4_000_000)
    large = base64.b64encode(image).decode()
    events = [PARTIAL | {"b64_json": large}, PARTIAL | {"b64_json": large}, COMPLETED | {"b64_json": large}]
    text = b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in events)
    chunks = [text[place : place + 65536] for place in range(0, len(text), 65536)]
    internet.post(GENERATIONS, Reply(200, chunks, EVENTS))
    shop = Shop(http)
    shop.adapter.prepare()
    tracemalloc.start()
    result = shop.buy(DRAFTED)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.images[0] == image
    assert peak < 2.5 * len(image)


def test_a_finished_image_without_bytes_is_charged_if_it_is_counted(http: HttpClient, internet: Internet) -> None:
    completed = {key: value for key, value in COMPLETED.items() if key != "b64_json"}
    internet.post(GENERATIONS, streamed(completed))
    assert meaning(outcome_of(Shop(http).adapter, order_of(DRAFTED))) == (Refused, "provider_result_empty", True)


def test_a_moderated_request_has_its_categories(http: HttpClient, internet: Internet) -> None:
    internet.post(GENERATIONS, error(400, "moderation_blocked", "Rejected. safety_violations=[violence, self-harm]."))
    with pytest.raises(Refused) as raised:
        Shop(http).buy()
    assert raised.value.problem.moderation == Moderation("unknown", ("violence", "self-harm"))
    details = {"moderation_stage": "output", "categories": ["sexual"]}
    internet.post(GENERATIONS, error(400, "moderation_blocked", moderation_details=details))
    with pytest.raises(Refused) as raised:
        Shop(http).buy()
    assert raised.value.problem.moderation == Moderation("output", ("sexual",))


def test_what_looks_like_a_secret_is_not_passed_on(http: HttpClient, internet: Internet) -> None:
    said = error(400, "invalid_value", "Key sk-proj-abcdef123456 of org-AbCdEf123 is wrong.")
    internet.post(GENERATIONS, said)
    with pytest.raises(Refused) as raised:
        Shop(http).buy()
    assert "abcdef" not in raised.value.problem.message
    assert "AbCdEf" not in raised.value.problem.message


def test_a_second_adapter_is_a_new_file(http: HttpClient, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sketch.py").write_text(
        "from core.pricing import ProviderReport\n"
        "from core.providers import ProviderResult\n"
        "class Sketch:\n"
        "    def __init__(self, ink): self.ink = ink\n"
        "    def prepare(self): pass\n"
        "    def buy(self, order):\n"
        "        return ProviderResult((self.ink.encode(),), ProviderReport(created=1))\n"
        "def connect(settings, tools): return Sketch(settings['INK'])\n"
    )
    monkeypatch.setattr("core.providers.__path__", [str(tmp_path)])
    adapter = connect("sketch", {"INK": "black"}, Tools(http, aws.secretsmanager()))
    assert adapter.buy(order_of(GENERATION)).images == (b"black",)
