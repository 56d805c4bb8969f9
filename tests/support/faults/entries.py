"""What callers do: each entry asks for one purchase, in the way of one kind of client."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cli import drops, keys
from core.jobs.model import AGAIN_SECONDS, Job
from core.ledger.model import Budget
from tests.support.faults.cloud import Cloud
from tests.support.pictures import overlay, picture
from tests.support.world import aws
from tests.support.world.http_api import Answer

WISH = {"model": "gpt-image-2.6-flare", "prompt": "an otter in danger", "quality": "low"}
_EDIT = {"model": "gpt-image-2", "prompt": "make it night", "quality": "low"}
# OpenAI's SDKs send a request three times at most.
_SDK_RETRIES = 2
_PATIENT_RETRIES = 4
_STATUS_RETRIES = 2


@dataclass
class Caller:
    """Sends requests and keeps what was answered; None where the function died.

    `repeated` is the job whose charged end the last answer has to repeat, if any.
    """

    cloud: Cloud
    answers: list[Answer | None] = field(default_factory=list)
    given: str = ""
    repeated: Job | None = None

    @property
    def key(self) -> str | None:
        """Its own API key, if it has one."""
        return self.given if self.given.startswith("ek_") else None

    def look(self, path: str) -> Answer:
        """GET something when all is over."""
        return self.cloud.world.api.call("GET", path, key=self.key)

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Answer | None:
        self.answers.append(answer := self.cloud.call(method, path, body, key=self.key, **more))
        return answer

    def stream(self) -> tuple[Answer | None, bool]:
        answer, began = self.cloud.stream(WISH, key=self.key)
        self.answers.append(answer)
        return answer, began

    def edit(self, headers: dict[str, str], files: list[tuple[str, Any]] | None = None) -> Answer | None:
        answer = self.cloud.form("/images/edits", _EDIT, files or _files(), key=self.key, headers=headers)
        self.answers.append(answer)
        return answer

    def generate(self, headers: dict[str, str] | None = None, **body: Any) -> Answer | None:
        sent = {"prefer": "respond-async"} | (headers or {})
        return self.call("POST", "/images/generations", WISH | body, headers=sent)


@dataclass(frozen=True)
class Entry:
    """How a purchase is asked for. `prepare` comes before anything is counted, and gives `act` what it needs."""

    name: str
    act: Callable[[Caller], None]
    prepare: Callable[[Cloud], str] = lambda _: ""
    afterwards: Callable[[Caller], None] = lambda _: None


def _generate(caller: Caller) -> None:
    caller.generate()


def _generate_with_previews(caller: Caller) -> None:
    caller.generate(partial_images=2)


def _generate_by(model: str, **more: Any) -> Callable[[Caller], None]:
    def act(caller: Caller) -> None:
        caller.generate(model=model, quality=None, **more)

    return act


def _generate_and_wait(caller: Caller) -> None:
    caller.generate({"prefer": "wait=20"})


def _stream(caller: Caller) -> None:
    """Sends the same request again, without a key, until its stream ends with what became of the job.

    If the door died before the stream began, nobody knows of the job.
    """
    for _ in range(_PATIENT_RETRIES):
        answer, began = caller.stream()
        if answer is None and not began:
            return
        if answer is not None and answer.headers.get("x-should-retry") != "true":
            return
        caller.cloud.wire.let_pass(2)


def _generate_several_directly(caller: Caller) -> None:
    caller.call("POST", "/images/generations", WISH | {"n": 3}, door="direct", headers={"prefer": "wait=800"})


def _generate_with_a_key(caller: Caller) -> None:
    """Repeats the request, with the same Idempotency-Key, until it is answered."""
    for _ in range(_PATIENT_RETRIES):
        answer = caller.generate({"idempotency-key": "order-7"})
        if answer is not None and answer.status < 500:
            return
        caller.cloud.wire.let_pass(2)


def _generate_as_an_sdk(caller: Caller) -> None:
    """Repeats as OpenAI's clients do: on a lost answer and on each status that x-should-retry does not forbid."""
    for attempt in range(_SDK_RETRIES + 1):
        answer = caller.generate({"prefer": "wait=20", "x-stainless-retry-count": str(attempt)})
        if answer is not None and (answer.status < 400 or answer.headers.get("x-should-retry") != "true"):
            return
        caller.cloud.wire.let_pass(1)


def _generate_by_status(caller: Caller) -> None:
    """Repeats on every 5xx, without a key or a word about it, as clients do that only see the status.

    If the door died, it does not, unless it may: nobody knows that a job was never answered that goes on or succeeded.
    """
    for _ in range(_STATUS_RETRIES + 1):
        answer = caller.generate({"prefer": "wait=20"})
        if answer is None:
            with caller.cloud.wire.outside():
                alive = [job for job in caller.cloud.jobs() if not job.charged_without_result]
            if alive:
                return
        elif answer.status < 500:
            return
        caller.cloud.wire.let_pass(1)


def _generate_twice_with_a_key(caller: Caller) -> None:
    for _ in range(2):
        caller.generate({"idempotency-key": "order-8"})


def _budget_for_one(cloud: Cloud) -> str:
    """A key that may spend exactly what one request can cost at most."""
    quoted = cloud.call("POST", "/images/quote", WISH)
    assert quoted is not None
    budget = Budget(total=quoted.json()["upper_bound_micro_usd"])
    with cloud.wire.outside():
        return keys.create(cloud.world.stack, "of small means", None, [], [], budget)[0]


def _generate_twice_on_a_budget(caller: Caller) -> None:
    """Asks for two and has money for one, whichever that is."""
    for _ in range(2):
        caller.call("POST", "/images/generations", WISH, headers={"prefer": "respond-async"})


def _generate_and_cancel(caller: Caller) -> None:
    answer = caller.generate()
    if answer is not None and answer.status == 202:
        caller.call("POST", f"/jobs/{answer.json()['id']}/cancel")


def _edit_files(caller: Caller) -> None:
    caller.edit({})


def _files(mask: bytes | None = None, colour: str = "teal") -> list[tuple[str, Any]]:
    return [
        ("image", ("photo.png", picture(colour), "image/png")),
        ("mask", ("mask.png", mask or overlay(), "image/png")),
    ]


def _edit_with_a_key(caller: Caller) -> None:
    """Repeats the edit, with the same Idempotency-Key, until it is answered."""
    for _ in range(_PATIENT_RETRIES):
        answer = caller.edit({"idempotency-key": "order-7"})
        if answer is not None and answer.status < 500:
            return
        caller.cloud.wire.let_pass(2)


def _edit_twice_with_a_key(caller: Caller) -> None:
    for _ in range(2):
        caller.edit({"idempotency-key": "order-8"})


def _edit_as_an_sdk(caller: Caller) -> None:
    """Repeats as OpenAI's clients do."""
    for attempt in range(_SDK_RETRIES + 1):
        answer = caller.edit({"x-stainless-retry-count": str(attempt)})
        if answer is not None and (answer.status < 400 or answer.headers.get("x-should-retry") != "true"):
            return
        caller.cloud.wire.let_pass(1)


def _edit_twice_on_a_budget(caller: Caller) -> None:
    """Asks for two and has money for one, whichever that is. They share no picture: they are no repetition."""
    for colour in ("teal", "red"):
        caller.edit({}, _files(colour=colour)[:1])


def _edit_budget_for_one(cloud: Cloud) -> str:
    """A key that may spend exactly what one edit can cost at most."""
    quoted = cloud.form("/images/quote", _EDIT, _files()[:1])
    assert quoted is not None
    budget = Budget(total=quoted.json()["upper_bound_micro_usd"])
    with cloud.wire.outside():
        return keys.create(cloud.world.stack, "of small means", None, [], [], budget)[0]


def _edit_others_with_a_key(caller: Caller) -> None:
    """The second edit has another picture: it is refused, and leaves the first one its inputs."""
    for colour in ("teal", "red"):
        caller.edit({"idempotency-key": "order-9"}, _files(colour=colour))


def _edit_with_a_wrong_mask(caller: Caller) -> None:
    caller.edit({}, _files(mask=picture()))


def _edit_by_a_tool(caller: Caller) -> None:
    """Calls again, as an assistant does that got no answer."""
    images = [base64.b64encode(picture(colour)).decode() for colour in ("teal", "red")]
    for _ in range(_PATIENT_RETRIES):
        result = caller.cloud.tool("edit_image", _EDIT | {"image_data": images, "wait_seconds": 0})
        if result is not None and not result.get("isError"):
            return
        caller.cloud.wire.let_pass(2)


def _edit_image(caller: Caller) -> None:
    body = _EDIT | {"images": [{"file_id": caller.given}]}
    caller.call("POST", "/images/edits", body, headers={"prefer": "respond-async"})


def _edit_data_url(caller: Caller) -> None:
    url = "data:image/png;base64," + base64.b64encode(picture()).decode()
    body = _EDIT | {"images": [{"image_url": url}]}
    caller.call("POST", "/images/edits", body, headers={"prefer": "respond-async"})


def _earlier_image(cloud: Cloud) -> str:
    cloud.call("POST", "/images/generations", WISH, headers={"prefer": "respond-async"})
    cloud.settle()
    (job,) = cloud.jobs()
    return job.images[0].id


def _upload(cloud: Cloud) -> str:
    answer = cloud.call("POST", "/uploads", {"content_type": "image/png"})
    assert answer is not None
    made = answer.json()
    with cloud.wire.outside():
        aws.s3().put_object(Bucket="images", Key=made["fields"]["key"], Body=picture())
    return str(made["id"])


def _with_the_key_again(caller: Caller) -> None:
    """Long afterwards the caller asks what became of it; that may try a free failure again, and nothing else."""
    caller.generate({"idempotency-key": "order-7", "prefer": "wait=20"})


def _repeating(send: Callable[[Caller], None]) -> Callable[[Caller], None]:
    """Sends the request again without a key, if a job has ended charged, or in doubt, a short while ago."""

    def act(caller: Caller) -> None:
        with caller.cloud.wire.outside():
            jobs = caller.cloud.jobs()
        soon = time.time() - AGAIN_SECONDS
        ended = [job for job in jobs if job.charged_without_result and (job.finished_at or 0) > soon]
        if ended:
            caller.repeated = ended[0]
            send(caller)

    return act


def _owner_of_drops(cloud: Cloud) -> str:
    drops.map_prefix(cloud.world.stack, "team", cloud.world.caller_id)
    return ""


def _drop(caller: Caller) -> None:
    caller.cloud.drop("team/photo.png", picture(), prompt="make it night", quality="low")


GENERATE = Entry("generation", _generate, afterwards=_repeating(_generate))
WAIT = Entry("generation, waited for", _generate_and_wait, afterwards=_repeating(_generate_and_wait))
DIRECT = Entry(
    "three images, direct door", _generate_several_directly, afterwards=_repeating(_generate_several_directly)
)
STREAM = Entry("stream, repeated until it ends", _stream)
STATUS = Entry("generation, repeated by status", _generate_by_status, afterwards=_repeating(_generate_and_wait))
KEYED = Entry("generation with Idempotency-Key", _generate_with_a_key, afterwards=_with_the_key_again)
TWICE = Entry("the same Idempotency-Key twice", _generate_twice_with_a_key)
SDK = Entry("generation by an SDK", _generate_as_an_sdk)
CANCEL = Entry("generation, then cancel", _generate_and_cancel)
EDIT_FILES = Entry("edit of files with a mask", _edit_files, afterwards=_repeating(_edit_files))
EDIT_DATA_URL = Entry("edit of a data URL", _edit_data_url)
EDIT_IMAGE = Entry("edit of an earlier image", _edit_image, _earlier_image)
EDIT_UPLOAD = Entry("edit of an upload", _edit_image, _upload)
EDIT_KEYED = Entry("edit with Idempotency-Key", _edit_with_a_key)
EDIT_TWICE = Entry("the same edit twice, one Idempotency-Key", _edit_twice_with_a_key)
EDIT_SDK = Entry("edit by an SDK", _edit_as_an_sdk)
EDIT_OTHERS = Entry("two edits, one Idempotency-Key", _edit_others_with_a_key)
EDIT_REFUSED = Entry("edit with a wrong mask", _edit_with_a_wrong_mask)
EDIT_BUDGET = Entry("edit twice, on a budget for one", _edit_twice_on_a_budget, _edit_budget_for_one)
EDIT_TOOL = Entry("edit by an assistant", _edit_by_a_tool)
BUDGET = Entry("twice, on a budget for one", _generate_twice_on_a_budget, _budget_for_one)
GEMINI = Entry("generation by Gemini", _generate_by("gemini-3.1-flash-lite-image"))
BEDROCK = Entry("generation by Bedrock", _generate_by("stable-image-core"))
FALLBACKS = Entry(
    "generation with fallbacks",
    _generate_by("gpt-image-2.6-flare", fallbacks=["gemini-3.1-flash-lite-image", "stable-image-core"]),
)
PREVIEWS = Entry("generation with previews", _generate_with_previews, afterwards=_repeating(_generate_with_previews))
DROP = Entry("drop into the inbox", _drop, _owner_of_drops)

# Their jobs are accepted as all are, and performed in other ways.
PERFORMED_OTHERWISE = (GEMINI, BEDROCK, FALLBACKS, PREVIEWS)

ENTRIES = (
    GENERATE,
    WAIT,
    DIRECT,
    STREAM,
    STATUS,
    KEYED,
    TWICE,
    SDK,
    CANCEL,
    EDIT_FILES,
    EDIT_DATA_URL,
    EDIT_IMAGE,
    EDIT_UPLOAD,
    EDIT_KEYED,
    EDIT_TWICE,
    EDIT_SDK,
    EDIT_OTHERS,
    EDIT_REFUSED,
    EDIT_BUDGET,
    EDIT_TOOL,
    DROP,
    BUDGET,
)
