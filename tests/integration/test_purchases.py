"""A purchase is the same at every entry point: a quote bounds it, a refusal leaves nothing, its inputs are its own.

Inputs of a job are stored under inputs/{job id}/, each content once, and nothing else is.
"""

import gc
import io
import json
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.event_handler.api_gateway import BaseRouter
from botocore.awsrequest import AWSPreparedRequest
from moto.core.botocore_stubber import BotocoreStubber
from PIL import Image

from core import aws as clients
from core.ledger.model import Budget
from core.outbound.connection import tls_context
from tests.support.edits import (
    DROP,
    FORM,
    JSON_HTTPS,
    JSON_IMAGES,
    JSON_UPLOADS,
    MCP_HTTPS,
    MCP_UPLOADS,
    MCP_VALUES,
    Buyer,
    Edit,
    Entries,
    Outcome,
    Way,
    new_buyer,
)
from tests.support.moved_time import Clock
from tests.support.pictures import overlay, picture
from tests.support.tls_server import SERVER_ADDRESS, Server, make_certificate, serving
from tests.support.world import World
from tests.support.world import aws as moto
from tests.support.world.queues import queue_url

SHOP = "https://shop.example"
PATIENCE_SECONDS = 6 * 3600  # how long a drop waits, by docs/s3-drop.md
HTTP_WAYS = (FORM, JSON_HTTPS, JSON_UPLOADS)
MCP_WAYS = (MCP_HTTPS, MCP_UPLOADS)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def host(world: World, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Where https inputs are: on loopback, which the operator trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("EASEL_TRUSTED_IMAGE_HOSTS", f"{SERVER_ADDRESS}/32")
    monkeypatch.setenv("EASEL_PUBLIC_URL", "https://images.example.com/v1")
    tls_context.cache_clear()
    world.restart()
    with serving(certificate) as server:
        yield server
    tls_context.cache_clear()


@pytest.fixture
def entries(world: World, host: Server) -> Entries:
    return Entries(world, host)


@pytest.fixture
def buyer(world: World) -> Buyer:
    return new_buyer(world)


# ---------------------------------------------------------------- what there is


def stored(prefix: str = "inputs/") -> dict[str, str]:
    """Keys of the images bucket, with what tells their contents apart."""
    pages = moto.s3().get_paginator("list_objects_v2").paginate(Bucket="images", Prefix=prefix)
    return {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", [])}


def items(table: str) -> list[dict[str, Any]]:
    return sorted(moto.dynamodb().scan(TableName=table)["Items"], key=json.dumps)


def belongings() -> dict[str, Any]:
    """Everything a purchase could leave: objects, jobs, images, uses of uploads, money. An error.json may be there."""
    kinds = ("job_", "img_", "file_")
    return {
        "objects": {key: etag for key, etag in stored("").items() if not key.startswith("drops/")},
        "records": [item for item in items("jobs") if item["id"]["S"].startswith(kinds)],
        "ledger": items("ledger"),
    }


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Names of the belongings that are others now."""
    return [name for name in before if before[name] != after[name]]


def assert_the_inputs_are_of(job_id: str, count: int) -> None:
    """So many objects are under inputs/, all of them of the job."""
    keys_ = list(stored())
    assert (len(keys_), [key for key in keys_ if not key.startswith(f"inputs/{job_id}/")]) == (count, [])


def delete_inputs(world: World, job_id: str, buyer: Buyer) -> None:
    assert world.api.call("DELETE", f"/jobs/{job_id}/inputs", key=buyer.key).status == 200


def reserved(buyer: Buyer) -> int:
    """Micro-dollars that are reserved for all jobs of a key."""
    key = {"owner": {"S": buyer.id}, "name": {"S": "total"}}
    item = moto.dynamodb().get_item(TableName="ledger", Key=key).get("Item", {})
    return int(item.get("reserved", {"N": "0"})["N"])


@contextmanager
def watched_requests(monkeypatch: pytest.MonkeyPatch, see: Callable[[AWSPreparedRequest], None]) -> Iterator[None]:
    """Meanwhile `see` sees each request to AWS before it is carried out."""
    carry_out = BotocoreStubber.process_request

    def process(stubber: BotocoreStubber, request: AWSPreparedRequest) -> Any:
        see(request)
        return carry_out(stubber, request)

    with monkeypatch.context() as patch:
        patch.setattr(BotocoreStubber, "process_request", process)
        yield


def is_of_the_images_bucket(request: AWSPreparedRequest) -> bool:
    """Whether it reads or writes there, apart from the results of drops."""
    is_of_results = "/drops/" in request.url or "prefix=drops%2F" in request.url
    return request.url.startswith("https://images.s3.") and not is_of_results


# ---------------------------------------------------------------- a quote is the bound


QUOTED_WAYS = (
    FORM,
    Way("form", "file", "upload"),
    JSON_UPLOADS,
    Way("json", "upload", "value"),
    MCP_UPLOADS,
    MCP_VALUES,
    Way("mcp", "upload", "value"),
)
# With how many images each is asked, and what may lie over them. The last two are translated, one of them by a rule of
# its own for one image.
QUOTED_MODELS = {
    "gpt-image-2": ((3,), ("", "mask")),
    "gpt-image-2.6-flare": ((1, 3), ("", "mask", "markup")),
    "gpt-image-1": ((2,), ("mask",)),
    "dall-e-2": ((1,), ("", "mask")),
}


@pytest.mark.parametrize("way", QUOTED_WAYS, ids=str)
@pytest.mark.parametrize("model", QUOTED_MODELS)
def test_a_quote_is_what_the_job_then_reserves(entries: Entries, buyer: Buyer, way: Way, model: str) -> None:
    numbers, overlays = QUOTED_MODELS[model]
    wrong = {}
    for images in numbers:
        for role in overlays:
            over: dict[str, Any] = {role: overlay()} if role else {}
            settings = {"model": model, "prompt": f"{images} {role}", "n": 1 if images > 1 else 2}
            if model == "dall-e-2":
                del settings["n"]
            settings["quality"] = "standard" if model == "dall-e-2" else "high"
            pictures = tuple(picture((number, 9, 9)) for number in range(images))
            edit = Edit(pictures, parameters=settings, **over)
            before = reserved(buyer)
            quoted = entries.quote(way, edit, buyer)
            outcome = entries.edit(way, edit, buyer)
            assert outcome.code is None, outcome
            if not quoted == outcome.upper_bound == reserved(buyer) - before:
                wrong[images, role] = (quoted, outcome.upper_bound, reserved(buyer) - before)
    assert wrong == {}, "quoted, told by the job, reserved in the ledger"


@pytest.mark.parametrize("way", [FORM, JSON_HTTPS, JSON_UPLOADS, MCP_HTTPS, MCP_UPLOADS], ids=str)
def test_a_quote_reads_and_leaves_nothing(
    world: World, entries: Entries, buyer: Buyer, host: Server, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def see(request: AWSPreparedRequest) -> None:
        if is_of_the_images_bucket(request) and request.method != "PUT":  # Uploads are put.
            read.append(request.url)

    with watched_requests(monkeypatch, see):
        entries.quote(way, Edit(mask=overlay()), buyer)
    assert (read, host.requests) == ([], [])
    assert (stored(), items("ledger"), world.jobs.messages()) == ({}, [], [])


# ---------------------------------------------------------------- a refusal that needs no bytes


@dataclass(frozen=True)
class Refusal:
    """Why an edit is refused, where that can be, and the code of the error."""

    code: str
    edit: Edit = field(default_factory=Edit)
    ways: tuple[Way, ...] = (*HTTP_WAYS, *MCP_WAYS, DROP)
    buyer: Callable[[World], Buyer] = new_buyer
    # Comes last, when all that an entry point needs is there.
    then: Callable[[World, pytest.MonkeyPatch, Buyer], None] = lambda *_: None


def _stop_buying(world: World, monkeypatch: pytest.MonkeyPatch, buyer: Buyer) -> None:
    item = {"owner": {"S": "control"}, "name": {"S": "deployment"}, "stopped_at": {"N": "1"}}
    moto.dynamodb().put_item(TableName="ledger", Item=item)


def _resume_buying() -> None:
    key = {"owner": {"S": "control"}, "name": {"S": "deployment"}}
    moto.dynamodb().delete_item(TableName="ledger", Key=key)


def _small_budget_of_the_deployment(world: World, monkeypatch: pytest.MonkeyPatch, buyer: Buyer) -> None:
    monkeypatch.setenv("EASEL_DAILY_BUDGET_USD", "0.00001")
    world.restart()


def _spend(world: World, monkeypatch: pytest.MonkeyPatch, buyer: Buyer) -> None:
    """Buy one image, after which nothing is left."""
    body = {"model": "gpt-image-2", "prompt": "an otter", "quality": "low"}
    headers = {"prefer": "respond-async"} | ({} if buyer.key.startswith("ek_") else {"origin": SHOP})
    answer = world.api.call("POST", "/images/generations", body, key=buyer.key, headers=headers)
    assert answer.status == 202, answer.text
    world.jobs.work()


def _page(world: World, **limits: Any) -> Buyer:
    """A browser token."""
    owner = new_buyer(world)
    body = {"images": 3, "origins": [SHOP]} | limits
    answer = world.api.call("POST", "/tokens", body, key=owner.key)
    assert answer.status == 201, answer.text
    return Buyer(answer.json()["token"], owner.id)


def _one_model(world: World) -> Buyer:
    return new_buyer(world, models=("gpt-image-2.6-flare",))


def _with_budget(micro_usd: int) -> Callable[[World], Buyer]:
    return lambda world: new_buyer(world, budget=Budget(total=micro_usd))


FROM_PAGE = {"origin": SHOP}
INVALID = "invalid_value"
SIXTEEN_AND_ONE = tuple(picture((number, 0, 0)) for number in range(17))
NEEDS_NO_BYTES = {
    "bad Idempotency-Key": Refusal(INVALID, Edit(headers={"idempotency-key": "two words"}), HTTP_WAYS),
    "empty Idempotency-Key": Refusal(INVALID, Edit(headers={"idempotency-key": ""}), HTTP_WAYS),
    "deadline of 0 in the header": Refusal(INVALID, Edit(headers={"easel-deadline": "0"}), HTTP_WAYS),
    "deadline in words": Refusal(INVALID, Edit(headers={"easel-deadline": "soon"}), HTTP_WAYS),
    "deadline of 0 in the body": Refusal(INVALID, Edit(deadline=0), (*HTTP_WAYS, *MCP_WAYS)),
    "deadline of days in the body": Refusal(INVALID, Edit(deadline=100_000), (*HTTP_WAYS, *MCP_WAYS)),
    "deadline in a recipe": Refusal(INVALID, Edit(deadline=100_000), (DROP,)),
    "two deadlines": Refusal(INVALID, Edit(headers={"easel-deadline": "30"}, deadline=30), HTTP_WAYS),
    "webhook by http": Refusal("invalid_webhook_url", Edit(webhook="http://example.com/"), (*HTTP_WAYS, DROP)),
    "webhook to a private host": Refusal("invalid_webhook_url", Edit(webhook="https://10.0.0.7/"), (*HTTP_WAYS, DROP)),
    "webhook that cannot be signed": Refusal(
        "webhook_secret_missing", Edit(webhook="https://receiver.example/"), (*HTTP_WAYS, DROP)
    ),
    "webhook of a page": Refusal(
        "token_not_allowed", Edit(webhook="https://receiver.example/", headers=FROM_PAGE), HTTP_WAYS, _page
    ),
    "model not for the key": Refusal("model_not_allowed", buyer=_one_model),
    "model not for the token": Refusal(
        "model_not_allowed",
        Edit(headers=FROM_PAGE),
        HTTP_WAYS,
        lambda world: _page(world, models=["gpt-image-2.6-flare"]),
    ),
    "unknown model": Refusal("model_not_found", Edit(parameters={"model": "gpt-paint-9"})),
    "bad size": Refusal(INVALID, Edit(parameters={"size": "17x17"})),
    "too many images": Refusal(INVALID, Edit(SIXTEEN_AND_ONE)),
    "mask and markup": Refusal(
        INVALID, Edit(mask=overlay(), markup=overlay(), parameters={"model": "gpt-image-2.6-flare"})
    ),
    "budget of the key too small": Refusal("budget_exceeded", buyer=_with_budget(10)),
    "budget of the key used up": Refusal("budget_exceeded", buyer=_with_budget(20_000), then=_spend),
    "budget of the deployment used up": Refusal("budget_exceeded", then=_small_budget_of_the_deployment),
    "token used up": Refusal(
        "token_used_up", Edit(headers=FROM_PAGE), HTTP_WAYS, lambda world: _page(world, images=1), _spend
    ),
    "budget of the token used up": Refusal(
        "budget_exceeded", Edit(headers=FROM_PAGE), HTTP_WAYS, lambda world: _page(world, budget_micro_usd=10)
    ),
    "buying stopped": Refusal("buying_stopped", ways=(*HTTP_WAYS, *MCP_WAYS), then=_stop_buying),
    "price unknown under a budget": Refusal(
        "price_unknown", Edit(parameters={"model": "gpt-image-9-otter"}), buyer=_with_budget(10_000_000)
    ),
    "more than a minute's images": Refusal(
        INVALID, Edit(parameters={"n": 2}), buyer=lambda world: new_buyer(world, rates={"images_per_minute": 1})
    ),
    "minute used up": Refusal(
        "rate_limit_exceeded",
        ways=(*HTTP_WAYS, *MCP_WAYS),
        buyer=lambda world: new_buyer(world, rates={"images_per_minute": 1}),
        then=_spend,
    ),
}


@pytest.mark.parametrize("name", NEEDS_NO_BYTES)
def test_what_is_refused_without_a_look_at_its_images_fetches_and_leaves_nothing(
    world: World, entries: Entries, host: Server, monkeypatch: pytest.MonkeyPatch, clock: Clock, name: str
) -> None:
    refusal, wrong = NEEDS_NO_BYTES[name], {}
    for way in refusal.ways:
        clock.forward(60 - time.time() % 60)  # Images are counted by the minute, which must not end in between.
        buyer = refusal.buyer(world)
        request = entries.prepared(way, refusal.edit, buyer)
        refusal.then(world, monkeypatch, buyer)
        before, fetched, bought = belongings(), len(host.requests), world.provider.bought()
        touched: list[str] = []

        def see(request: AWSPreparedRequest, touched: list[str] = touched) -> None:
            if is_of_the_images_bucket(request):
                touched.append(f"{request.method} {request.url}")

        with watched_requests(monkeypatch, see):
            outcome = entries.send(way, refusal.edit, buyer, request)
        assert (outcome.code, outcome.charged) == (refusal.code, False), way
        assert (world.jobs.messages(), world.provider.bought()) == ([], bought), way
        left = changed(before, belongings())
        if left or touched or len(host.requests) > fetched:
            wrong[str(way)] = {"left": left, "fetched": len(host.requests) - fetched, "touched": len(touched)}
    assert wrong == {}


# ---------------------------------------------------------------- a refusal that needs bytes


BROKEN = picture("red")[:20]
TEXT = b"just text, and no picture at all"


def _gif() -> bytes:
    file = io.BytesIO()
    Image.new("P", (64, 64)).save(file, "GIF")
    return file.getvalue()


NEEDS_BYTES = {
    "mask of another size": ("invalid_mask_image_format", Edit(mask=overlay((32, 32)))),
    "mask without a hole": ("invalid_mask_image_format", Edit(mask=picture())),
    "mask that is no image": ("invalid_image_file", Edit(mask=TEXT)),
    "markup of another size": (
        "invalid_markup_image",
        Edit(markup=overlay((32, 32)), parameters={"model": "gpt-image-2.6-flare"}),
    ),
    "second image broken": ("invalid_image_file", Edit((picture(), BROKEN))),
    "second image of another type": ("unsupported_image_media_type", Edit((picture(), _gif()))),
    "second image no image": ("invalid_image_file", Edit((picture(), TEXT))),
    "second image empty": ("empty_image_file", Edit((picture(), b""))),
}


@pytest.mark.parametrize("name", NEEDS_BYTES)
def test_what_is_refused_for_its_images_leaves_nothing(world: World, entries: Entries, buyer: Buyer, name: str) -> None:
    code, edit = NEEDS_BYTES[name]
    wrong = {}
    for way in (*HTTP_WAYS, MCP_HTTPS, MCP_UPLOADS, MCP_VALUES, DROP):
        if b"" in edit.images and way in (MCP_VALUES, DROP):
            continue  # an empty text in a list of an assistant's is absent, and an empty object is waited for
        request = entries.prepared(way, edit, buyer)
        before = belongings()["objects"]
        outcome = entries.send(way, edit, buyer, request)
        assert (outcome.code, outcome.charged) == (code, False), way
        if left := belongings()["objects"].keys() - before.keys():
            wrong[str(way)] = left
    assert wrong == {}
    assert (world.jobs.messages(), items("ledger")) == ([], [])


@pytest.mark.parametrize("way", HTTP_WAYS, ids=str)
def test_a_job_that_cannot_be_queued_takes_its_inputs_with_it(
    world: World, entries: Entries, buyer: Buyer, way: Way
) -> None:
    request = entries.prepared(way, Edit(), buyer)
    before = belongings()["objects"]
    moto.sqs().delete_queue(QueueUrl=queue_url("jobs"))
    outcome = entries.send(way, Edit(), buyer, request)
    assert (outcome.code, outcome.charged) == ("unavailable", False)
    assert belongings()["objects"] == before


@pytest.mark.parametrize("way", HTTP_WAYS, ids=str)
def test_the_other_request_of_an_idempotency_key_leaves_nothing(
    world: World, entries: Entries, buyer: Buyer, way: Way
) -> None:
    headers = {"idempotency-key": "order-7"}
    first = entries.edit(way, Edit(headers=headers), buyer)
    other = Edit((picture(), picture("blue")), headers=headers)  # The first image is the same.
    request = entries.prepared(way, other, buyer)
    before = belongings()
    assert entries.send(way, other, buyer, request).code == "idempotency_key_reused"
    assert belongings()["objects"] == before["objects"]
    world.jobs.work()
    assert first.job_id
    assert world.api.call("GET", f"/jobs/{first.job_id}", key=buyer.key).json()["status"] == "succeeded"


# ---------------------------------------------------------------- one purchase, however often it is sent


REPEATS: dict[str, tuple[tuple[Way, ...], list[dict[str, str]]]] = {
    "Idempotency-Key": ((*HTTP_WAYS, JSON_IMAGES), [{"idempotency-key": "order-7"}] * 3),
    "retries of an SDK": (HTTP_WAYS, [{"x-stainless-retry-count": str(number)} for number in range(3)]),
    "equal calls": ((MCP_HTTPS, MCP_UPLOADS, MCP_VALUES), [{}] * 3),
}
SENT_AGAIN = [
    pytest.param(way, sent, over, id=f"{name}, {way}, {'with a mask' if over else 'images'}")
    for name, (ways, sent) in REPEATS.items()
    for way in ways
    for over in ({}, {"mask": overlay()})
    if not (over and way is JSON_IMAGES)  # An earlier image has another size than the mask.
]


@pytest.mark.parametrize(("way", "sent", "over"), SENT_AGAIN)
def test_what_is_sent_three_times_is_one_job_with_one_copy_of_each_input(
    world: World, entries: Entries, buyer: Buyer, way: Way, sent: list[dict[str, str]], over: dict[str, Any]
) -> None:
    edits = [Edit(headers=headers, **over) for headers in sent]
    request = entries.prepared(way, edits[0], buyer)
    (job_id,) = {entries.send(way, edit, buyer, request).job_id for edit in edits}
    assert job_id
    assert_the_inputs_are_of(job_id, 2 + len(over))
    world.jobs.work()
    assert entries.send(way, edits[-1], buyer, request).job_id == job_id
    assert_the_inputs_are_of(job_id, 2 + len(over))
    delete_inputs(world, job_id, buyer)
    assert stored() == {}
    assert entries.send(way, edits[-1], buyer, request).job_id == job_id
    assert stored() == {}, "what was deleted does not come back"


CREATION = "TransactWriteItems"
STORING = "inputs"


def _is(moment: str, request: AWSPreparedRequest) -> bool:
    if moment == STORING:
        return request.method == "PUT" and "/inputs/" in request.url
    target = request.headers.get("X-Amz-Target", b"")
    return (target.decode() if isinstance(target, bytes) else target).endswith(moment)


def overtaken(
    monkeypatch: pytest.MonkeyPatch, moment: str, first: Callable[[], Outcome], others: Callable[[], list[Outcome]]
) -> tuple[Outcome, list[Outcome]]:
    """What `first` came to, when `others` came in its midst and were quicker."""
    seen: list[list[Outcome]] = []

    def see(request: AWSPreparedRequest) -> None:
        if not seen and _is(moment, request):
            seen.append([])
            # Powertools keeps the event of a process in one place; here several processes share it.
            event, context = BaseRouter.current_event, BaseRouter.lambda_context
            seen[0] += others()
            BaseRouter.current_event, BaseRouter.lambda_context = event, context

    with watched_requests(monkeypatch, see):
        outcome = first()
    assert seen, "it was not overtaken"
    return outcome, seen[0]


@pytest.mark.parametrize("moment", [STORING, CREATION])
@pytest.mark.parametrize("way", HTTP_WAYS, ids=str)
def test_of_three_at_once_there_is_one_job_with_one_copy_of_each_input(
    world: World, entries: Entries, buyer: Buyer, way: Way, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = Edit(headers={"idempotency-key": "order-7"})
    request = entries.prepared(way, edit, buyer)

    def send() -> Outcome:
        return entries.send(way, edit, buyer, request)

    first, others = overtaken(monkeypatch, moment, send, lambda: [send(), send()])
    (job_id,) = {outcome.job_id for outcome in (first, *others)}
    assert job_id
    assert_the_inputs_are_of(job_id, 2)
    world.jobs.work()
    assert world.api.call("GET", f"/jobs/{job_id}", key=buyer.key).json()["status"] == "succeeded"
    delete_inputs(world, job_id, buyer)
    assert stored() == {}


@pytest.mark.parametrize("moment", [STORING, CREATION])
@pytest.mark.parametrize("way", HTTP_WAYS, ids=str)
@pytest.mark.parametrize("images", [(picture(), picture("blue")), Edit().images], ids=["another image", "the same"])
def test_whoever_loses_the_race_for_a_key_takes_nothing_from_the_winner(
    world: World,
    entries: Entries,
    buyer: Buyer,
    way: Way,
    moment: str,
    images: tuple[bytes, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They share an image, and with it the place where it is stored; the loser must clean up after itself only."""
    winner = Edit(headers={"idempotency-key": "order-7"})
    loser = replace(winner, images=images, parameters={"prompt": "make it day"})
    requests = [entries.prepared(way, edit, buyer) for edit in (winner, loser)]
    lost, (won,) = overtaken(
        monkeypatch,
        moment,
        lambda: entries.send(way, loser, buyer, requests[1]),
        lambda: [entries.send(way, winner, buyer, requests[0])],
    )
    assert lost.code == "idempotency_key_reused"
    assert won.job_id
    assert len(stored()) == 2
    world.jobs.work()
    assert world.api.call("GET", f"/jobs/{won.job_id}", key=buyer.key).json()["status"] == "succeeded"


@pytest.mark.parametrize("way", [FORM, JSON_HTTPS, JSON_UPLOADS, MCP_HTTPS, MCP_UPLOADS], ids=str)
def test_whoever_loses_the_race_for_the_last_money_leaves_nothing(
    world: World, entries: Entries, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    edits = [Edit(parameters={"prompt": prompt}) for prompt in ("at dusk", "at dawn")]
    bound = entries.quote(FORM, edits[0], new_buyer(world))
    buyer = new_buyer(world, budget=Budget(total=bound))
    requests = [entries.prepared(way, edit, buyer) for edit in edits]
    lost, (won,) = overtaken(
        monkeypatch,
        CREATION,
        lambda: entries.send(way, edits[0], buyer, requests[0]),
        lambda: [entries.send(way, edits[1], buyer, requests[1])],
    )
    assert lost.code == "budget_exceeded"
    assert won.job_id
    assert_the_inputs_are_of(won.job_id, 2)


@pytest.mark.parametrize("way", HTTP_WAYS, ids=str)
def test_what_was_bought_is_found_by_its_key_although_nothing_may_be_bought_any_more(
    world: World, entries: Entries, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = Edit(headers={"idempotency-key": "order-7"})
    bound = entries.quote(FORM, edit, new_buyer(world))
    buyer = new_buyer(world, budget=Budget(total=bound), rates={"images_per_minute": 1})
    request = entries.prepared(way, edit, buyer)
    first = entries.send(way, edit, buyer, request)
    world.jobs.work()
    assert first.job_id
    assert entries.send(way, edit, buyer, request).job_id == first.job_id


@pytest.mark.parametrize("way", HTTP_WAYS, ids=str)
def test_what_is_tried_again_after_a_failure_that_was_free_has_one_copy_of_each_input(
    world: World, entries: Entries, buyer: Buyer, way: Way
) -> None:
    edit = Edit(headers={"idempotency-key": "order-7"})
    request = entries.prepared(way, edit, buyer)
    world.simulator.plan("rate_limit", retry_after=7200)
    first = entries.send(way, edit, buyer, request)
    world.jobs.work()
    assert first.job_id
    assert world.api.call("GET", f"/jobs/{first.job_id}", key=buyer.key).json()["status"] == "failed"
    delete_inputs(world, first.job_id, buyer)
    assert entries.send(way, edit, buyer, request).job_id == first.job_id
    assert_the_inputs_are_of(first.job_id, 2)
    world.jobs.work()
    assert world.api.call("GET", f"/jobs/{first.job_id}", key=buyer.key).json()["status"] == "succeeded"


def test_a_job_that_failed_keeps_its_inputs_when_trying_it_again_is_refused(
    world: World, entries: Entries, buyer: Buyer
) -> None:
    edit = Edit(headers={"idempotency-key": "order-7"})
    request = entries.prepared(JSON_UPLOADS, edit, buyer)
    world.simulator.plan("rate_limit", retry_after=7200)
    first = entries.send(JSON_UPLOADS, edit, buyer, request)
    world.jobs.work()
    assert first.job_id
    kept = stored()
    for item in items("jobs"):
        if item["id"]["S"].startswith("file_"):
            assert world.api.call("DELETE", f"/uploads/{item['id']['S']}", key=buyer.key).status == 200
    assert entries.send(JSON_UPLOADS, edit, buyer, request).job_id is None
    assert stored() == kept
    assert_the_inputs_are_of(first.job_id, 2)


@pytest.mark.parametrize("way", [*HTTP_WAYS, MCP_HTTPS, MCP_UPLOADS, MCP_VALUES, DROP], ids=str)
def test_the_same_picture_twice_is_two_inputs_that_are_both_there_and_both_deleted(
    world: World, entries: Entries, buyer: Buyer, way: Way
) -> None:
    outcome = entries.edit(way, Edit((picture(), picture())), buyer)
    assert outcome.job_id
    assert [key for key in stored() if not key.startswith(f"inputs/{outcome.job_id}/")] == []
    world.jobs.work()
    (call,) = world.simulator.calls()
    assert call["input_images"] == 2
    delete_inputs(world, outcome.job_id, buyer)
    assert stored() == {}


@pytest.mark.parametrize("way", [FORM, JSON_UPLOADS, MCP_VALUES, DROP], ids=str)
def test_a_picture_may_be_its_own_mask(world: World, entries: Entries, buyer: Buyer, way: Way) -> None:
    outcome = entries.edit(way, Edit((overlay(),), mask=overlay()), buyer)
    assert outcome.job_id
    world.jobs.work()
    assert world.api.call("GET", f"/jobs/{outcome.job_id}", key=buyer.key).json()["status"] == "succeeded"
    delete_inputs(world, outcome.job_id, buyer)
    assert stored() == {}


@pytest.mark.parametrize("way", [*HTTP_WAYS, JSON_IMAGES, *MCP_WAYS, MCP_VALUES, DROP], ids=str)
def test_the_inputs_of_a_job_are_kept_under_its_id(entries: Entries, buyer: Buyer, way: Way) -> None:
    outcome = entries.edit(way, Edit(), buyer)
    assert outcome.job_id
    assert_the_inputs_are_of(outcome.job_id, 2)


# ---------------------------------------------------------------- a drop that waits


VISITS = 4


def _wait(world: World, visits: int = VISITS) -> dict[str, Any]:
    """Deliver the drop that waits again and again; its next event."""
    for _ in range(visits):
        (event,) = world.inbox.delayed()
        assert world.inbox.deliver(event) == []
    (event,) = world.inbox.delayed()
    return event


def _at_the_end_of_patience(event: dict[str, Any]) -> dict[str, Any]:
    body = json.loads(event["Records"][0]["body"])
    body["Records"][0]["easelWaitedSeconds"] = PATIENCE_SECONDS
    event["Records"][0]["body"] = json.dumps(body)
    return event


def _fill_the_minute(world: World, monkeypatch: pytest.MonkeyPatch, buyer: Buyer) -> None:
    _spend(world, monkeypatch, buyer)


WAITS: dict[str, tuple[dict[str, Any], Callable[[World, pytest.MonkeyPatch, Buyer], None], Callable[[Clock], None]]] = {
    "rate limit": ({"rates": {"images_per_minute": 1}}, _fill_the_minute, lambda clock: clock.forward(60)),
    "buying stopped": ({}, _stop_buying, lambda _: _resume_buying()),
}


@pytest.mark.parametrize("why", WAITS)
def test_a_drop_that_waits_copies_its_images_at_most_once(
    world: World, entries: Entries, clock: Clock, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    clock.stop_at(time.time())
    limits, close, reopen = WAITS[why]
    buyer = new_buyer(world, **limits)
    request = entries.prepared(DROP, Edit(), buyer)
    close(world, monkeypatch, buyer)
    copied: list[str] = []

    def see(request: AWSPreparedRequest) -> None:
        if _is(STORING, request):
            copied.append(request.url)

    with watched_requests(monkeypatch, see):
        assert entries.send(DROP, Edit(), buyer, request) == Outcome()
        event = _wait(world)
        waiting = len(stored())
        reopen(clock)
        assert world.inbox.deliver(event) == []
    (job,) = [job for job in world.api.call("GET", "/jobs", key=buyer.key).json()["data"] if job["operation"] == "edit"]
    assert_the_inputs_are_of(job["id"], 2)
    assert waiting <= 2
    assert len(copied) <= 4, "once while it waits, once more when it is bought, at most"


@pytest.mark.parametrize("why", WAITS)
def test_a_drop_that_waited_in_vain_leaves_no_copy(
    world: World, entries: Entries, clock: Clock, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    clock.stop_at(time.time())
    limits, close, _ = WAITS[why]
    buyer = new_buyer(world, **limits)
    request = entries.prepared(DROP, Edit(), buyer)
    close(world, monkeypatch, buyer)
    assert entries.send(DROP, Edit(), buyer, request) == Outcome()
    assert world.inbox.deliver(_at_the_end_of_patience(_wait(world, 1))) == []
    assert f"drops/{request['folder']}/photo/error.json" in stored("drops/")
    assert stored() == {}


def test_a_drop_that_is_put_back_by_another_recipe_copies_nothing(world: World, entries: Entries, buyer: Buyer) -> None:
    request = entries.prepared(DROP, Edit(), buyer)
    world.simulator.plan("rate_limit", retry_after=7200)
    first = entries.send(DROP, Edit(), buyer, request)
    world.jobs.work()
    world.inbox.put(f"{request['folder']}/recipe.json", json.dumps({"prompt": "make it day"}).encode())
    before = stored()
    assert world.inbox.deliver(request["event"]) == []
    assert first.job_id
    assert (len(before), stored()) == (2, before)


def test_a_drop_that_is_put_back_after_a_free_failure_has_one_copy_of_each_input(
    world: World, entries: Entries, buyer: Buyer
) -> None:
    request = entries.prepared(DROP, Edit(), buyer)
    world.simulator.plan("rate_limit", retry_after=7200)
    first = entries.send(DROP, Edit(), buyer, request)
    world.jobs.work()
    assert world.inbox.deliver(request["event"]) == []
    assert first.job_id
    assert_the_inputs_are_of(first.job_id, 2)
    world.jobs.work()
    assert world.provider.bought() == 1


# ---------------------------------------------------------------- inputs are read one at a time


LARGE_BYTES = 1024 * 1024


def _large(number: int) -> bytes:
    """A PNG of a few pixels and a long comment, of which no two are equal."""
    comment = b"tEXt" + b"Comment\0" + bytes([number]) + bytes(LARGE_BYTES)
    chunk = struct.pack(">I", len(comment) - 4) + comment + struct.pack(">I", zlib.crc32(comment))
    small = picture()
    return small[:33] + chunk + small[33:]  # behind the header


def _peak(entries: Entries, buyer: Buyer, way: Way, images: int) -> int:
    """The most bytes that an edit of so many large images holds at once."""
    edit = Edit(tuple(_large(number) for number in range(images)), parameters={"prompt": f"blend {images}"})
    request = entries.prepared(way, edit, buyer)
    gc.freeze()  # What earlier tests have left would be walked each time, for longer than downloads may take.
    tracemalloc.start()
    outcome = entries.send(way, edit, buyer, request)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert outcome.job_id, outcome
    return peak


@pytest.mark.parametrize("way", [JSON_HTTPS, JSON_UPLOADS, MCP_HTTPS], ids=str)
def test_sixteen_inputs_take_as_much_memory_as_two(
    entries: Entries, buyer: Buyer, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is alive at once counts: what moto and TLS leave to the garbage collector is collected at each input."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_KEY_BUFFER_SIZE", "1024")  # The bucket of the tests is on disk.

    def see(request: AWSPreparedRequest) -> None:
        if _is(STORING, request):
            gc.collect()

    with watched_requests(monkeypatch, see):
        few, many = (_peak(entries, buyer, way, images) for images in (2, 16))
    assert many - few < 2 * LARGE_BYTES


def test_downloads_of_one_request_share_one_limit_of_time(
    host: Server, entries: Entries, buyer: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway waits 29 seconds for the answer, however many inputs have to be downloaded."""
    monkeypatch.setattr("core.purchases.inputs.FETCH_BUDGET_SECONDS", 1.0)
    clients.s3().meta.events.register("before-call.s3.PutObject", lambda **_: time.sleep(1.1))
    outcome = entries.edit(JSON_HTTPS, Edit(), buyer)
    assert outcome.code == "failed_to_download_image"
    assert len(host.requests) == 1
    assert stored() == {}
