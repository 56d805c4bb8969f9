"""What has to be true when all is quiet again, checked against the provider's own count of calls."""

import hashlib
import re
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from cli.audit import audit
from core import aws
from core.callers.use_counts import UseCounts, place_until
from core.jobs.model import Job
from tests.support.faults.cloud import Cloud
from tests.support.faults.entries import Caller
from tests.support.world.http_api import Answer

_JOB_ID = re.compile(r"job_[0-9a-f]{32}")
# What a mishap is called after which nothing was written for certain.
_CERTAIN = ("throttled", "denied", "transaction conflict")
# Longer than any call can wait.
_LONGEST_WAIT_SECONDS = 1000
_ERROR_FIELDS = {"message", "type", "param", "code", "retryable", "charged", "request_id"}


@dataclass(frozen=True)
class Verdict:
    """`ended` counts how jobs ended; `lost` are images that were received, paid for and not kept."""

    purchases: int
    ended: Counter[str]
    lost: int
    violations: tuple[str, ...]


def judge(cloud: Cloud, caller: Caller, earlier: set[str], quiet: bool, may_lose: bool) -> Verdict:
    """The verdict on a world that is left to itself.

    Args:
        cloud: the world.
        caller: who asked for one purchase.
        earlier: ids of jobs that were there before.
        quiet: whether it ever became quiet.
        may_lose: whether a process died or a service was out for longer than a function lives.
    """
    found: list[str] = [] if quiet else ["never quiet"]
    jobs = [job for job in cloud.jobs() if job.id not in earlier]
    bought = [call for call in cloud.world.simulator.calls() if call["accepted"]]
    found += [f"stuck past its deadline: {what}" for what in sorted(cloud.stuck)]
    if len(bought) > 1:
        found.append(f"{len(bought)} purchases")
    if strangers := [call for call in bought if not any(call in _calls_for(cloud, job) for job in jobs)]:
        found.append(f"{len(strangers)} purchases without a job")
    found += _drops_without_result(cloud, jobs)
    lost = 0
    for job in jobs:
        calls = [call for call in bought if call in _calls_for(cloud, job)]
        found += _dishonest(caller, job, calls)
        lost += _lost(cloud, job)
    if lost and not may_lose:
        found.append(f"{lost} images lost for no good reason")
    found += _strays(cloud)
    found += _orphaned_inputs(cloud)
    found += _wrong_books(cloud, jobs, bought)
    found += [f"it was never announced that a job is '{job.status}'" for job in jobs if job.id not in cloud.announced()]
    for answer in caller.answers:
        found += _answer_faults(answer, jobs)
    found += _broken_promise(caller, bought)
    found += _other_answer(caller)
    found += _places_kept(cloud)
    found += _previews_kept_badly(cloud)
    found += _outliving(cloud, caller)
    return Verdict(len(bought), Counter(_end(job) for job in jobs) or Counter(["no job"]), lost, tuple(found))


def _end(job: Job) -> str:
    if not job.finished:
        return f"left {job.status}"
    return f"{job.status}, paid" if job.status == "failed" and job.charged is True else job.status


def _dishonest(caller: Caller, job: Job, calls: list[Any]) -> list[str]:
    found = []
    charges = sum(call["charged_micro_usd"] for call in calls)
    if job.finished and job.charged is False and charges:
        found.append(f"'{job.status}' says it is free and was charged")
    if job.finished and job.charged is True and not charges:
        found.append(f"'{job.status}' says it was charged and is free")
    if job.status == "succeeded" and job.charged is not True:
        found.append("succeeded without a charge")
    shown = caller.look(f"/jobs/{job.id}")
    if shown.status != 200:
        return [*found, f"GET /jobs/{{id}} answers {shown.status}"]
    actual = shown.json()["easel"]["cost"]["actual_micro_usd"]
    if actual is not None and actual != charges and not _without_count(job):
        found.append(f"says it cost {actual}, was charged {charges}")
    if job.status == "succeeded":
        found += _kept_badly(caller, job, shown.json())
    return found


def _kept_badly(caller: Caller, job: Job, document: Any) -> list[str]:
    found = []
    stored = caller.cloud.stored()
    for image in job.images:
        data = stored.get(image.key)
        if data is None:
            found.append("an image of the result is not stored")
        elif hashlib.sha256(data).hexdigest() != image.sha256:
            found.append("other bytes are stored than were received")
        if caller.look(f"/images/{image.id}").status != 200:
            found.append("an image of the result has no record")
    warned = {warning["code"] for warning in document["easel"]["warnings"]}
    if len(job.images) < job.bought and "images_lost" not in warned:
        found.append("images are missing without a word")
    if not job.images:
        found.append("succeeded without an image")
    return found


def _calls_for(cloud: Cloud, job: Job) -> list[Any]:
    """What the provider recorded of what workers sent for a job."""
    ids = {call["id"] for purchase in cloud.wire.purchases if purchase.job_id == job.id for call in purchase.calls}
    return [call for call in cloud.world.simulator.calls() if call["id"] in ids]


def _lost(cloud: Cloud, job: Job) -> int:
    received = [purchase for purchase in cloud.wire.purchases if purchase.job_id == job.id and purchase.received]
    calls = [call for purchase in received for call in purchase.calls if call["accepted"] and _is_good(call)]
    return max(0, sum(call["n"] for call in calls) - len(job.images)) if job.finished else 0


def _is_good(call: Any) -> bool:
    return call["fault"] in (None, "slow", "no_usage")


def _strays(cloud: Cloud) -> list[str]:
    kept = {image.key for job in cloud.jobs() for image in job.images}
    stray = _stored(cloud, "images/") - kept
    return [f"{len(stray)} stored images belong to no result"] if stray else []


def _orphaned_inputs(cloud: Cloud) -> list[str]:
    """Every object under inputs/ belongs to a job, and every input of a job is there: no scenario deletes any.

    A job keeps its inputs until it expires, however it ended: a free failure can be tried again with them. An object of
    no job is left only where nobody could take it away (see docs/faults.md), and then once, and where another attempt
    at the same purchase finds it.
    """
    stored = {key: data for key, data in cloud.stored().items() if key.startswith("inputs/")}
    needed = {image.key for job in cloud.jobs() for image in job.request.inputs}
    found = [f"{len(missing)} inputs of a job are gone"] if (missing := needed - stored.keys()) else []
    orphans = sorted(stored.keys() - needed)
    if orphans and not _could_not_clear_up(cloud):
        found.append(f"{len(orphans)} inputs of no job")
    folders = [key.split("/")[1] for key in orphans]
    if lost := [folder for folder in folders if not _JOB_ID.fullmatch(folder)]:
        found.append(f"{len(lost)} inputs of no job, where no other attempt finds them")
    copies = Counter(stored[key] for key in orphans)
    kept = {stored[key] for key in needed & stored.keys()}
    if twice := sum(count > 1 or data in kept for data, count in copies.items()):
        found.append(f"{twice} inputs of no job that are there twice")
    return found


def _previews_kept_badly(cloud: Cloud) -> list[str]:
    """Every object under previews/ is listed by its job, and every preview that a job lists is there.

    One that its job does not list is left only by a worker that died, or could not list it, between the two; it has a
    key of its job even then.
    """
    stored, jobs = _stored(cloud, "previews/"), cloud.jobs()
    listed = {preview.key for job in jobs for preview in job.previews}
    found = [f"{len(missing)} previews are listed and not there"] if (missing := listed - stored) else []
    if (unlisted := stored - listed) and not _could_not_list(cloud):
        found.append(f"{len(unlisted)} previews are there and not listed")
    return found


def _outliving(cloud: Cloud, caller: Caller) -> list[str]:
    """Nothing that a job made is left once it is deleted, whatever became of it."""
    found = []
    for job in cloud.jobs():
        answer = cloud.world.api.call("DELETE", f"/jobs/{job.id}", key=caller.key)
        found += [] if answer.status == 200 else [f"DELETE of a job answers {answer.status}"]
    left = _stored(cloud, "images/", "previews/")
    return [*found, f"{len(left)} images or previews outlive their job"] if left else found


def _stored(cloud: Cloud, *folders: str) -> set[str]:
    return {key for key in cloud.stored() if key.startswith(folders)}


def _could_not_list(cloud: Cloud) -> bool:
    """Whether the worker died, or something struck between a preview and its entry in the job."""
    if "worker" in cloud.wire.died or cloud.wire.was_out("s3", "dynamodb"):
        return True
    places = (": s3 PUT previews: ", ": dynamodb PutItem: ", ": provider ")
    return any(where.startswith("worker") and place in where for where in cloud.wire.struck for place in places)


def _could_not_clear_up(cloud: Cloud) -> bool:
    """Whether whoever stored an input died, or could not reach the bucket, or cannot know whether the job was written.

    Then the input must stay, since the job may need it.
    """
    if not {"api", "mcp", "drop"}.isdisjoint(cloud.wire.died) or cloud.wire.was_out("s3", "dynamodb"):
        return True
    return any(": s3 DELETE" in where or _left_in_doubt(where) for where in cloud.wire.struck)


def _left_in_doubt(where: str) -> bool:
    return ": dynamodb TransactWriteItems: " in where and not where.partition("Items: ")[2].startswith(_CERTAIN)


def _wrong_books(cloud: Cloud, jobs: list[Job], bought: list[Any]) -> list[str]:
    """The ledger agrees with itself, with the jobs, and with what the provider charged."""
    ledger, store = cloud.ledger()
    found = sorted(audit(ledger, store).differences)
    entries, balances = ledger.everything()
    limits = {caller.id: caller.budget.total for caller in cloud.world.stack.callers().list_all()}
    for account, balance in balances.items():
        limit = limits.get(account.owner)
        if account.name == "total" and limit is not None and balance.committed > limit:
            found.append(f"{balance.committed} is committed of a budget of {limit}")
    for job in jobs:
        booked = [entry for entry in entries if entry.job_id == job.id]
        reserved, spent = sum(entry.reserved for entry in booked), sum(entry.spent for entry in booked)
        charges = sum(call["charged_micro_usd"] for call in _calls_for(cloud, job) if call in bought)
        if job.status == "unknown":
            if spent or reserved < charges:
                found.append(f"an unknown purchase of {charges} holds {reserved} and spent {spent}")
        elif reserved:
            found.append(f"'{job.status}' still holds {reserved}")
        elif spent != charges and not (_without_count(job) and spent >= charges):
            found.append(f"'{job.status}' spent {spent} by the ledger, {charges} at the provider")
    return found


def _without_count(job: Job) -> bool:
    """Whether the provider did not say what it cost: then the most that it can have cost is booked."""
    return job.report is None or job.report.charge is None


def _drops_without_result(cloud: Cloud, jobs: list[Job]) -> list[str]:
    """Whoever dropped something finds what became of it, in the bucket."""
    manifests = [key for key in cloud.stored() if key.startswith("drops/") and key.endswith("/result.json")]
    refused = [key for key in cloud.stored() if key.startswith("drops/") and key.endswith("/error.json")]
    dropped = [job for job in jobs if job.origin is not None]
    found = [] if len(manifests) + len(refused) >= len(dropped) else ["a drop without a manifest"]
    if manifests and not any(job.status == "succeeded" for job in dropped):
        found.append("a drop's result without a job that succeeded")
    return found


def _answer_faults(answer: Answer | None, jobs: list[Job]) -> list[str]:
    if answer is None:
        return []
    if answer.headers.get("Access-Control-Allow-Origin") != "*":
        return ["an answer that no page can read"]
    document = answer.json()
    if answer.status == 202:
        return [] if document["id"] in {job.id for job in jobs} else ["an accepted job is gone"]
    if answer.status < 400:
        return []
    error = document.get("error")
    if not isinstance(error, dict) or set(error) < _ERROR_FIELDS:
        return [f"HTTP {answer.status} without Easel's error"]
    if answer.headers.get("x-should-retry") != ("true" if error["retryable"] else "false"):
        return ["x-should-retry disagrees with 'retryable'"]
    return []


def _broken_promise(caller: Caller, bought: list[Any]) -> list[str]:
    """A caller whose last answer said that nothing was bought must not find a purchase, unless it canceled too late."""
    last = caller.answers[-1] if caller.answers else None
    if last is None or last.status < 400:
        return []
    error = last.json()["error"]
    if error["code"] in ("budget_exceeded", "idempotency_key_reused"):  # It speaks of this request, not of an earlier.
        return []
    return ["the answer said that it is free, but it was bought"] if error["charged"] is False and bought else []


def _other_answer(caller: Caller) -> list[str]:
    """Whoever sends a request again without a key, soon after a charged end, is answered by that end."""
    job, answer = caller.repeated, caller.answers[-1] if caller.answers else None
    if job is None or job.error is None or answer is None:
        return []
    error = answer.json().get("error", {})
    expected = (job.error.status, job.error.code, job.id, True)
    if (answer.status, error.get("code"), error.get("job_id"), error.get("joined")) != expected:
        return ["the same request after a charged end was answered otherwise"]
    return []


def _places_kept(cloud: Cloud) -> list[str]:
    """A call that waited gives its place back; if it cannot, the place lapses, so nobody is locked out for ever."""
    kept = cloud.waiting_places()
    found = []
    if any(kept.values()) and not _could_not_give_back(cloud):
        found.append("a place of a waiting call was not given back")
    cloud.wire.let_pass(_LONGEST_WAIT_SECONDS)
    counts = UseCounts(aws.dynamodb(), "jobs", "uses")
    if not all(counts.take(subject, place_until(time.time(), "another"), limit=1) for subject in kept):
        found.append("a place of a waiting call is taken for ever")
    return found


def _could_not_give_back(cloud: Cloud) -> bool:
    if not {"api", "mcp"}.isdisjoint(cloud.wire.died) or cloud.wire.was_out("dynamodb"):
        return True
    return any(": dynamodb UpdateItem: " in where for where in cloud.wire.struck)
