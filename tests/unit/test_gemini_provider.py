"""The Gemini adapter at the wire: what it sends, and what it makes of every answer."""

import base64
import logging
from datetime import date
from typing import Any

import pytest

from core import catalog
from core.errors import Moderation
from core.pricing import actual_cost
from core.providers import (
    ImageProvider,
    InDoubt,
    ListUnavailable,
    NotBought,
    Order,
    ProviderResult,
    Refused,
    Tools,
    connect,
)
from core.providers.http import HttpClient
from core.settings import SettingsError
from tests.support.internet import Internet, Reply, Request
from tests.support.purchases import BROKEN_CONNECTIONS, PIXEL, given, meaning, outcome_of, wish
from tests.support.world import aws

API = "https://gemini.test/v1beta"
MODEL = "gemini-nano-banana-2.1"
CALL = f"{API}/models/{MODEL}:generateContent"
RPC = "type.googleapis.com/google.rpc"
DRAFT = b"a draft"


def shop(http: HttpClient, **settings: str) -> ImageProvider:
    return connect("gemini", {"BASE_URL": API, "SECRET_ARN": "gemini", **settings}, Tools(http, aws.secretsmanager()))


def image_part(data: bytes, **more: Any) -> dict[str, Any]:
    return {"inlineData": {"mimeType": "image/jpeg", "data": base64.b64encode(data).decode()}, **more}


def counted(
    prompt: int = 1134, prompt_images: int = 1120, drawn: int = 1680, thoughts: int = 214, **more: Any
) -> dict[str, Any]:
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": drawn,
        "thoughtsTokenCount": thoughts,
        "totalTokenCount": prompt + drawn + thoughts,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": prompt - prompt_images},
            {"modality": "IMAGE", "tokenCount": prompt_images},
        ],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": drawn}],
        **more,
    }


def answer(*parts: dict[str, Any], finished: str | None = "STOP", usage: Any = None, **more: Any) -> Reply:
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": list(parts)}}
    if finished is not None:
        candidate["finishReason"] = finished
    document = {"candidates": [candidate], "modelVersion": MODEL, **more}
    return Reply.of(200, json=document | ({"usageMetadata": usage} if usage else {}))


PICTURE = answer(image_part(PIXEL), usage=counted())


def error(status: int, name: str, *details: dict[str, Any], message: str = "No.") -> Reply:
    body = {"error": {"code": status, "status": name, "message": message, "details": list(details)}}
    return Reply.of(status, json=body)


def limited(delay: Any = None, quota: str = "GenerateRequestsPerMinutePerProjectPerModel") -> Reply:
    details = [{"@type": f"{RPC}.QuotaFailure", "violations": [{"quotaId": quota}]}]
    if delay is not None:
        details.append({"@type": f"{RPC}.RetryInfo", "retryDelay": delay})
    return error(429, "RESOURCE_EXHAUSTED", *details)


INVALID_KEY = error(400, "INVALID_ARGUMENT", {"@type": f"{RPC}.ErrorInfo", "reason": "API_KEY_INVALID"})


def bought(http: HttpClient, internet: Internet, order: Order, reply: Reply = PICTURE) -> ProviderResult:
    internet.post(CALL, reply)
    return shop(http).buy(order)


def sent(internet: Internet) -> dict[str, Any]:
    return dict(internet.last.json())


# What is sent.


def test_a_generation_is_a_prompt_with_the_key_in_its_header_alone(http: HttpClient, internet: Internet) -> None:
    assert bytes(bought(http, internet, wish(MODEL, "an otter")).images[0]) == PIXEL
    assert sent(internet) == {
        "contents": [{"role": "user", "parts": [{"text": "an otter"}]}],
        "generationConfig": {"responseModalities": ["IMAGE"]},
    }
    request = internet.last
    assert request.headers["x-goog-api-key"] == "AIza-simulated"
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers
    assert "AIza" not in str(request.url)


@pytest.mark.parametrize(
    ("model", "size", "config"),
    [
        (MODEL, "1024x1024", {"aspectRatio": "1:1", "imageSize": "1K"}),
        (MODEL, "2752x1536", {"aspectRatio": "16:9", "imageSize": "2K"}),
        (MODEL, "12288x1536", {"aspectRatio": "8:1", "imageSize": "4K"}),
        ("gemini-3.1-flash-lite-image", "512x2048", {"aspectRatio": "1:4", "imageSize": "1K"}),
        # This model refuses the field imageSize itself.
        ("gemini-2.5-flash-image", "1344x768", {"aspectRatio": "16:9"}),
    ],
)
def test_a_size_is_sent_as_its_ratio_and_its_scale(
    http: HttpClient, internet: Internet, model: str, size: str, config: dict[str, str]
) -> None:
    internet.post(f"{API}/models/{model}:generateContent", PICTURE)
    shop(http).buy(wish(model, size=size))
    assert sent(internet)["generationConfig"] == {"responseModalities": ["IMAGE"], "imageConfig": config}


def test_without_a_size_the_model_chooses(http: HttpClient, internet: Internet) -> None:
    bought(http, internet, wish(MODEL, size="auto"))
    assert sent(internet)["generationConfig"] == {"responseModalities": ["IMAGE"]}


def test_inputs_come_before_the_prompt_in_their_order_and_as_what_they_are(
    http: HttpClient, internet: Internet
) -> None:
    bought(http, internet, wish(MODEL, "at night", given(b"one", content_type="image/webp"), given(b"two")))
    *images, prompt = sent(internet)["contents"][0]["parts"]
    assert prompt == {"text": "at night"}
    assert images == [
        {"inlineData": {"mimeType": "image/webp", "data": base64.b64encode(b"one").decode()}},
        {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(b"two").decode()}},
    ]


def test_neither_the_prompt_nor_the_key_is_logged(
    http: HttpClient, internet: Internet, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("core", "urllib3"):
        caplog.set_level(logging.DEBUG, name)
    bought(http, internet, wish(MODEL, "a secret otter"))
    internet.post(CALL, INVALID_KEY)
    outcome_of(shop(http), wish(MODEL, "a secret otter"))
    assert "secret again" in caplog.text
    assert "secret otter" not in caplog.text
    assert "AIza" not in caplog.text


# The picture and its price.


@pytest.mark.parametrize(
    "parts",
    [
        [image_part(PIXEL)],
        [image_part(PIXEL, thought=True)],
        [image_part(DRAFT, thought=True), image_part(PIXEL, thoughtSignature="x")],
        [image_part(DRAFT), {"thought": True, "text": "hm"}, image_part(DRAFT), image_part(PIXEL)],
        [image_part(DRAFT), image_part(PIXEL, thought=True), {"text": 'Said: "data":"c2hvcnQ="'}],
    ],
    ids=["alone", "marked as a thought", "after a draft", "after unmarked drafts", "before a text"],
)
def test_the_last_image_is_the_picture_whatever_it_is_marked_as(
    http: HttpClient, internet: Internet, parts: list[dict[str, Any]]
) -> None:
    assert [bytes(image) for image in bought(http, internet, wish(MODEL), answer(*parts)).images] == [PIXEL]


@pytest.mark.parametrize(
    ("usage", "micro_usd"),
    [
        # Prompt 1.50, pictures 30, thoughts and texts 7.50 dollars per million tokens.
        (counted(), 1134 * 1.5 + 1680 * 30 + 214 * 7.5),
        (counted(thoughts=0), 1134 * 1.5 + 1680 * 30),
        # What is not said to be an image is text.
        (
            counted(drawn=1700, candidatesTokensDetails=[{"modality": "IMAGE", "tokenCount": 1680}]),
            1134 * 1.5 + 1680 * 30 + (20 + 214) * 7.5,
        ),
        # What is not told apart at all is taken for the picture, which is dearer.
        (counted(candidatesTokensDetails=None), 1134 * 1.5 + 1680 * 30 + 214 * 7.5),
        (counted(candidatesTokensDetails=[]), 1134 * 1.5 + 1680 * 30 + 214 * 7.5),
        # Details that add up to more than the sum.
        (
            counted(prompt=0, prompt_images=0, promptTokensDetails=[{"modality": "IMAGE", "tokenCount": 1120}]),
            1120 * 1.5 + 1680 * 30 + 214 * 7.5,
        ),
        # What cannot be a number of tokens counts for nothing.
        (counted(thoughts=0, thoughtsTokenCount=-5, promptTokensDetails="?"), 1134 * 1.5 + 1680 * 30),
        (counted(thoughts=0, thoughtsTokenCount=True), 1134 * 1.5 + 1680 * 30),
        (counted(thoughts=0, thoughtsTokenCount="many"), 1134 * 1.5 + 1680 * 30),
    ],
)
def test_drafts_and_thoughts_are_in_the_cost(
    http: HttpClient, internet: Internet, usage: dict[str, Any], micro_usd: float
) -> None:
    order = wish(MODEL)
    report = bought(http, internet, order, answer(image_part(PIXEL), usage=usage)).report
    assert actual_cost(report.usage, order.request, order.model.rules.prices) == -(-micro_usd // 1)


def test_without_a_count_there_is_no_usage(http: HttpClient, internet: Internet) -> None:
    assert bought(http, internet, wish(MODEL), answer(image_part(PIXEL))).report.usage is None


# Refusals, which come with HTTP 200.

CHARGED = counted(drawn=0, thoughts=0)


@pytest.mark.parametrize("usage", [None, CHARGED], ids=["free", "counted"])
@pytest.mark.parametrize(
    "reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "JAILBREAK", "MODEL_ARMOR"]
)
def test_a_blocked_prompt_is_moderated_before_anything_is_made(
    http: HttpClient, internet: Internet, reason: str, usage: Any
) -> None:
    document = {"promptFeedback": {"blockReason": reason}} | ({"usageMetadata": usage} if usage else {})
    internet.post(CALL, Reply.of(json=document))
    outcome = outcome_of(shop(http), wish(MODEL))
    assert meaning(outcome) == (Refused, "moderation_blocked", usage is not None)
    assert isinstance(outcome, Refused)
    assert outcome.problem.moderation == Moderation("input", (reason,))
    assert (outcome.report is not None) == (usage is not None)


@pytest.mark.parametrize(
    "reason",
    [
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "SAFETY"),
        *("PROHIBITED_CONTENT", "RECITATION", "SPII", "BLOCKLIST"),
    ],
)
def test_a_picture_that_is_held_back_is_moderated(http: HttpClient, internet: Internet, reason: str) -> None:
    internet.post(CALL, answer(finished=reason, usage=CHARGED))
    outcome = outcome_of(shop(http), wish(MODEL))
    assert meaning(outcome) == (Refused, "moderation_blocked", True)
    assert isinstance(outcome, Refused)
    assert outcome.problem.moderation == Moderation("output", (reason,))
    assert outcome.report
    assert outcome.report.usage
    assert outcome.report.usage.input_tokens == 1134


NO_PICTURE = [
    "NO_IMAGE",
    "IMAGE_OTHER",
    "OTHER",
    "MAX_TOKENS",
    "MALFORMED_RESPONSE",
    "LANGUAGE",
    "UNEXPECTED_TOOL_CALL",
]


@pytest.mark.parametrize("reason", ["STOP", "A_REASON_OF_TOMORROW", *NO_PICTURE])
def test_an_answer_without_a_picture_is_final(http: HttpClient, internet: Internet, reason: str) -> None:
    internet.post(CALL, answer({"text": "I would rather not."}, finished=reason, usage=CHARGED))
    assert meaning(outcome_of(shop(http), wish(MODEL))) == (Refused, "provider_result_empty", True)
    internet.post(CALL, answer(finished=reason))
    assert meaning(outcome_of(shop(http), wish(MODEL))) == (Refused, "provider_result_empty", False)


@pytest.mark.parametrize("reason", NO_PICTURE)
def test_a_draft_is_no_picture(http: HttpClient, internet: Internet, reason: str) -> None:
    internet.post(CALL, answer(image_part(DRAFT, thought=True), finished=reason, usage=counted()))
    assert meaning(outcome_of(shop(http), wish(MODEL))) == (Refused, "provider_result_empty", True)


@pytest.mark.parametrize("reason", [None, "", "FINISH_REASON_UNSPECIFIED", "A_REASON_OF_TOMORROW"])
def test_a_picture_that_was_paid_for_is_kept_whatever_else_is_said(
    http: HttpClient, internet: Internet, reason: str | None
) -> None:
    assert bytes(bought(http, internet, wish(MODEL), answer(image_part(PIXEL), finished=reason)).images[0]) == PIXEL


def test_an_account_that_is_limited_is_the_operators_business(http: HttpClient, internet: Internet) -> None:
    internet.post(CALL, answer(finished="PUP_LIMITED_DISABLED"))
    assert meaning(outcome_of(shop(http), wish(MODEL))) == (Refused, "provider_permission_denied", False)
    internet.post(CALL, answer(finished="PUP_LIMITED_DISABLED", usage=CHARGED))
    assert meaning(outcome_of(shop(http), wish(MODEL))) == (Refused, "provider_result_empty", True)


@pytest.mark.parametrize(
    ("reply", "elsewhere"),
    [
        (error(404, "NOT_FOUND"), True),
        (error(400, "FAILED_PRECONDITION"), True),
        (limited("58s", "GenerateRequestsPerDayPerProjectPerModel"), True),
        (INVALID_KEY, True),
        (error(400, "INVALID_ARGUMENT"), False),
        (answer(finished="IMAGE_SAFETY"), False),
        (answer(finished="NO_IMAGE"), False),
        (answer(finished="NO_IMAGE", usage=CHARGED), False),
        (answer(finished="PUP_LIMITED_DISABLED", usage=CHARGED), False),
    ],
)
def test_another_provider_is_asked_only_if_this_one_sells_nothing_to_anybody(
    http: HttpClient, internet: Internet, reply: Reply, elsewhere: bool
) -> None:
    internet.post(CALL, reply)
    outcome = outcome_of(shop(http), wish(MODEL))
    assert isinstance(outcome, Refused)
    assert outcome.elsewhere == elsewhere


# Errors.


@pytest.mark.parametrize(
    ("reply", "outcome", "code", "charged"),
    [
        (error(400, "INVALID_ARGUMENT"), Refused, "provider_rejected", False),
        (INVALID_KEY, Refused, "provider_authentication_failed", False),
        (error(400, "FAILED_PRECONDITION"), Refused, "provider_permission_denied", False),
        (error(401, "UNAUTHENTICATED"), Refused, "provider_authentication_failed", False),
        (error(403, "PERMISSION_DENIED"), Refused, "provider_authentication_failed", False),
        (error(404, "NOT_FOUND"), Refused, "model_not_found", False),
        (Reply.of(413, text="<h1>Too large</h1>"), Refused, "provider_rejected", False),
        (limited("58s"), NotBought, "rate_limit_exceeded", False),
        (Reply.of(429, text="slow down"), NotBought, "rate_limit_exceeded", False),
        (limited("58s", "GenerateRequestsPerDayPerProjectPerModel"), Refused, "insufficient_quota", False),
        (error(503, "UNAVAILABLE"), NotBought, "provider_overloaded", False),
        (error(500, "INTERNAL"), InDoubt, None, None),
        (Reply.of(502, text="<h1>Bad gateway</h1>"), InDoubt, None, None),
        (error(504, "DEADLINE_EXCEEDED"), InDoubt, None, None),
        # A proxy in between may have sent the request on.
        (error(408, "CANCELLED"), InDoubt, None, None),
        (error(499, "CANCELLED"), InDoubt, None, None),
        (Reply.of(302, headers={"location": "https://elsewhere.test/"}), InDoubt, None, None),
        (Reply.of(200, json={}), InDoubt, None, None),
        (Reply.of(200, json={"candidates": [7], "promptFeedback": []}), InDoubt, None, None),
        (Reply.of(200, text="{"), InDoubt, None, None),
        (Reply.of(200, json=[]), InDoubt, None, None),
        (answer({"inlineData": {"mimeType": "image/jpeg", "data": "%%%"}}), InDoubt, None, None),
        (answer({"inlineData": {"mimeType": "image/jpeg"}}, "not a part"), Refused, "provider_result_empty", False),  # type: ignore[arg-type] # what it must never be
        *BROKEN_CONNECTIONS,
    ],
)
def test_every_answer_has_its_meaning_for_the_money(
    http: HttpClient,
    internet: Internet,
    reply: Reply,
    outcome: type[Refused | NotBought | InDoubt],
    code: str | None,
    charged: bool | None,
) -> None:
    internet.post(CALL, reply)
    assert meaning(outcome_of(shop(http), wish(MODEL))) == (outcome, code, charged)


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [
        ("58s", 58.0),
        ("0.250s", 0.25),
        ("58.123456789s", 58.123456789),
        (None, None),
        ("soon", None),
        (58, None),
        ("-1s", None),
        ("nans", None),
        ("infs", None),
        ("1e999s", None),
    ],
)
def test_a_rate_limit_says_when_to_come_back(
    http: HttpClient, internet: Internet, delay: Any, seconds: float | None
) -> None:
    internet.post(CALL, limited(delay))
    outcome = outcome_of(shop(http), wish(MODEL))
    assert isinstance(outcome, NotBought)
    assert outcome.retry_after == seconds


@pytest.mark.parametrize("reply", [limited("58s"), error(503, "UNAVAILABLE"), INVALID_KEY, error(404, "NOT_FOUND")])
def test_an_error_in_a_list_means_the_same(http: HttpClient, internet: Internet, reply: Reply) -> None:
    internet.post(CALL, reply)
    alone = outcome_of(shop(http), wish(MODEL))
    internet.post(CALL, Reply.of(reply.status, json=[reply.json()]))
    listed = outcome_of(shop(http), wish(MODEL))
    assert meaning(listed) == meaning(alone)
    assert isinstance(listed, NotBought) == isinstance(alone, NotBought)
    assert getattr(listed, "retry_after", None) == getattr(alone, "retry_after", None)


@pytest.mark.parametrize(
    "details",
    [7, "?", [7], [{"violations": 7}], [{"violations": [7]}], [{"violations": "PerDay"}], [{"retryDelay": []}]],
)
def test_details_of_any_shape_do_not_hide_that_nothing_was_bought(
    http: HttpClient, internet: Internet, details: Any
) -> None:
    internet.post(CALL, Reply.of(429, json={"error": {"code": 429, "details": details}}))
    assert meaning(outcome_of(shop(http), wish(MODEL))) == (NotBought, "rate_limit_exceeded", False)


@pytest.mark.parametrize("refusal", [INVALID_KEY, error(401, "UNAUTHENTICATED"), error(403, "PERMISSION_DENIED")])
def test_a_rotated_key_is_read_again_once(http: HttpClient, internet: Internet, refusal: Reply) -> None:
    provider = shop(http)
    provider.prepare()
    aws.secretsmanager().put_secret_value(SecretId="gemini", SecretString='{"api_key": "AIza-new"}')

    def door(request: Request) -> Reply:
        return PICTURE if request.headers["x-goog-api-key"] == "AIza-new" else refusal

    internet.post(CALL, door)
    assert len(provider.buy(wish(MODEL)).images) == 1
    assert len(internet.requests) == 2
    internet.post(CALL, refusal)
    assert meaning(outcome_of(provider, wish(MODEL))) == (Refused, "provider_authentication_failed", False)
    assert len(internet.requests) == 4


def test_what_looks_like_a_secret_is_not_passed_on(http: HttpClient, internet: Internet) -> None:
    reply = error(400, "INVALID_ARGUMENT", message="Key AIzaSyA1234567 is\nwrong.")
    internet.post(CALL, reply)
    outcome = outcome_of(shop(http), wish(MODEL))
    assert isinstance(outcome, Refused)
    assert "AIza" not in outcome.problem.message
    assert "\n" not in outcome.problem.message


# Settings, and the list of models.


def test_a_disabled_provider_is_never_called(http: HttpClient) -> None:
    with pytest.raises(Refused) as outcome:
        shop(http, ENABLED="false").prepare()
    assert outcome.value.problem.code == "provider_disabled"


def test_it_needs_a_key(http: HttpClient) -> None:
    with pytest.raises(SettingsError, match="SECRET_ARN"):
        shop(http, SECRET_ARN="")


@pytest.mark.parametrize("url", ["http://gemini.example.com", "gemini.example.com", "ftp://gemini.example.com"])
def test_its_address_is_https(http: HttpClient, url: str) -> None:
    with pytest.raises(SettingsError, match="BASE_URL"):
        shop(http, BASE_URL=url)


def test_models_and_their_shutdown_dates_are_those_of_the_list(http: HttpClient, internet: Internet) -> None:
    stays, goes = {"name": "models/stays"}, {"modelStatus": {"retirementTime": "2027-03-15T00:00:00Z"}}
    internet.get(f"{API}/models", Reply.of(json={"models": [stays, {"name": "models/goes", **goes}]}))
    assert shop(http).models() == {"stays": None, "goes": date(2027, 3, 15)}
    assert internet.last.headers["x-goog-api-key"] == "AIza-simulated"
    assert "AIza" not in str(internet.last.url)


@pytest.mark.parametrize(
    "reply",
    [
        Reply.of(500),
        Reply.of(200, text="?"),
        Reply.of(200, json=[]),
        Reply.of(200, json={"models": [7]}),
        Reply.of(200, json={"models": [{"name": "models/x", "modelStatus": 7}]}),
        Reply.of(200, json={"models": [{"name": "models/x", "modelStatus": {"retirementTime": "soon"}}]}),
    ],
)
def test_a_list_that_cannot_be_read_is_said_to_be(http: HttpClient, internet: Internet, reply: Reply) -> None:
    internet.get(f"{API}/models", reply)
    with pytest.raises(ListUnavailable):
        shop(http).models()


def test_every_size_of_the_catalog_has_one_ratio_and_scale() -> None:
    for model in catalog.load("gemini").models.values():
        assert model.rules.size
        named = [model.rules.size.ratio_and_scale(size) for size in model.rules.size.listed]
        assert len(set(named)) == len(named) == len(model.rules.size.ratios) * len(model.rules.size.scales)
