"""Jobs and images in the jobs table.

One table holds, by `id`: jobs (`job_…`), images (`img_…`), uploads (`file_…`, see uploads.store) and, for minutes,
pointers that let a request that is sent again find its first job:

    retry#…    an SDK sends a request again and says so; written before the job of its first attempt
    repeat#…   a client of the MCP server sends a request again without saying so; written before its first job
    again#…    any client sends a request again whose job was charged without a result, which is written with the end of
               that job, or that was answered as unfinished or with a fault of Easel

How long jobs took is counted in the same table (`durations#…`, see jobs.durations).

The index by_owner lists a caller's items, newest first. The sparse index by_check lists the jobs that the sweep has to
check, by time: those that are unfinished, whose end has not been announced, or whose outcome stays unknown.

What a job moves in the ledger is written in the same transaction as the job, so there is never one without the other.
Transactions that meet at a balance cancel each other; they are repeated until they succeed. Where one keeps meeting
others, it splits the balance (see ledger.parts).
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from core.dynamodb import ItemUnreadable, Selection, from_item, newest_of, read_item, to_item, unchanged_since
from core.images.model import Image
from core.jobs import filters
from core.jobs.filters import Filters
from core.jobs.model import AGAIN_SECONDS, Job
from core.ledger.model import Account
from core.ledger.parts import LimitReached
from core.ledger.store import LedgerStore
from core.ledger.transactions import RoomNeeded, Step, StoreBusy, transact

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef, UniversalAttributeValueTypeDef

# Values of the attribute `open`, the partition key of by_check. The end of a finished job has been announced unless
# this attribute says otherwise.
_UNFINISHED = "yes"
_UNANNOUNCED = "unannounced"
_UNRESOLVED = "unresolved"

_job_data = TypeAdapter(Job)
_image_data = TypeAdapter(Image)

# How long a write is repeated because others write the same balances, or because of throttling.
BUSY_PATIENCE_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.02
_LAST_PAUSE_SECONDS = 0.6
# So often one write is repeated because of an account before it gives parts to it. A handful of callers who ask at the
# same moment meet less often.
_CROWDED_AFTER = 3
# Of a list that is read to its end.
_PAGE = 100


class JobExists(Exception):
    """There is already a job of that id."""


class JobChanged(Exception):
    """The job was written by another process since it was read."""


class JobUnreadable(ItemUnreadable):
    """This version of Easel cannot read the stored job."""


@dataclass(frozen=True)
class JobPointer:
    """Remembers the job of a request for when it is sent again, until `expires_at` (Unix seconds)."""

    id: str
    job_id: str
    expires_at: int


def retry_pointer_id(subject: str, fingerprint: str) -> str:
    """The pointer's id for a caller or token (see Caller.subject) and a request."""
    return f"retry#{subject}#{fingerprint}"


def repeat_pointer_id(caller_id: str, fingerprint: str) -> str:
    """The pointer's id for requests of a client that does not mark its retries."""
    return f"repeat#{caller_id}#{fingerprint}"


def again_pointer(job: Job, since: int) -> JobPointer:
    """What lets equal requests find a job for some minutes, from `since` (Unix seconds)."""
    pointer_id = again_pointer_id(job.subject, job.fingerprint)
    return JobPointer(pointer_id, job.id, since + AGAIN_SECONDS)


def again_pointer_id(subject: str, fingerprint: str) -> str:
    """The pointer's id for requests that any client may send again without saying so."""
    return f"again#{subject}#{fingerprint}"


class JobStore:
    """Reads and writes jobs; every write of a job is conditional on the version that was read.

    All writes raise StoreBusy if concurrent writes keep them from succeeding.
    """

    def __init__(self, client: "DynamoDBClient", table: str, ledger: LedgerStore) -> None:
        self._client = client
        self._table = table
        self._ledger = ledger

    def create(self, job: Job) -> Job:
        """Write a new job, with what it reserves.

        Raises:
            JobExists: there is a job of that id.
            LimitReached: the reservation is refused (see ledger.parts).
        """

        def put(created: Job) -> Step:
            return Step({"Put": self._put(_job_item(created), unchanged_since(0))}, lambda _: JobExists(job.id))

        return self._write(job, replace(job, version=1, movements=None), put)

    def get(self, job_id: str) -> Job | None:
        """The job of that id (a strongly consistent read)."""
        item = self._get(job_id)
        return _read_job(item) if item else None

    def save(self, job: Job) -> Job:
        """Write a job that was read before, with what it moves in the ledger.

        Its images are written with it if it just succeeded, and the pointer for equal requests if it was just charged
        without a result.

        Raises:
            JobChanged: it was written since.
            LimitReached: it reserves again, and that is refused (see ledger.parts).
        """
        saved = replace(job, version=job.version + 1, movements=None)
        images = saved.images if saved.status == "succeeded" else ()
        items = [_image_item(replace(image, purchase=saved.purchase)) for image in images]
        if saved.charged_without_result and saved.resolved_at is None:
            items.append(_pointer_item(again_pointer(saved, saved.finished_at or 0)))
        more = [_unconditional({"Put": {"TableName": self._table, "Item": item}}) for item in items]

        def put(saved: Job) -> Step:
            return Step({"Put": self._put_next(saved)}, lambda _: JobChanged(job.id))

        return self._write(job, saved, put, more)

    def withdraw(self, job: Job) -> None:
        """Delete a new job that its caller has not seen, with what it moves in the ledger.

        Raises:
            JobChanged: a worker has claimed it.
        """
        delete: Any = {
            "TableName": self._table,
            "Key": {"id": {"S": job.id}},
            **unchanged_since(job.version),
        }
        self._write(job, None, lambda _: Step({"Delete": delete}, lambda _: JobChanged(job.id)))

    def point(self, pointer: JobPointer) -> None:
        """Write a pointer, over another that may be there."""
        self._client.put_item(TableName=self._table, Item=_pointer_item(pointer))

    def point_no_longer(self, pointer: JobPointer) -> None:
        """Delete a pointer, unless it points to another job."""
        with suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.delete_item(
                TableName=self._table,
                Key={"id": {"S": pointer.id}},
                ConditionExpression="job_id = :job",
                ExpressionAttributeValues={":job": {"S": pointer.job_id}},
            )

    def point_repeats(self, pointer: JobPointer, now: float, over: str | None) -> str:
        """Point equal requests at a job, unless they already have one; returns the id of the job they all find.

        `over` is the job that this one replaces, if any.
        """
        try:
            self._client.put_item(
                TableName=self._table,
                Item=_pointer_item(pointer),
                ConditionExpression="attribute_not_exists(id) OR expires_at <= :now OR job_id = :over",
                ExpressionAttributeValues={":now": {"N": str(int(now))}, ":over": {"S": over or "none"}},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return self.pointed_at(pointer.id, now) or pointer.job_id
        return pointer.job_id

    def pointed_at(self, pointer_id: str, now: float) -> str | None:
        """The id of the job that a pointer names (a strongly consistent read); None once the pointer has expired."""
        item = self._get(pointer_id)
        return str(item["job_id"]) if item and item["expires_at"] > now else None

    def list_of(
        self, caller_id: str, limit: int, after: Job | None, wanted: Filters = filters.NONE
    ) -> tuple[list[Job], str | None]:
        """A page of a caller's jobs, newest first, and after which job's id the next one begins (see newest_of).

        `after` is that job of the page before.
        """
        last = {"id": after.id, "created": _created(after)} if after else None
        models = (("request", "model"), ("request", "requested", "model"))
        selection = _selection(wanted, 0, models, ("request", "metadata"))
        items, more = newest_of(self._client, self._table, _owner("jobs", caller_id), limit, last, selection)
        return [_read_job(item) for item in items], more

    def all_of(self, caller_id: str, wanted: Filters = filters.NONE) -> Iterator[Job]:
        """All jobs of a caller, newest first, in as many reads as they take."""
        after: Job | None = None
        while True:
            page, more = self.list_of(caller_id, _PAGE, after, wanted)
            yield from page
            after = self.get(more) if more else None
            if after is None:
                return

    def all_images_of(self, caller_id: str, now: float, wanted: Filters = filters.NONE) -> Iterator[Image]:
        """All images of a caller that still exist, newest first, in as many reads as they take."""
        after: Image | None = None
        while True:
            page, more = self.images_of(caller_id, _PAGE, now, after, wanted)
            yield from page
            after = self.image(more) if more else None
            if after is None:
                return

    def due(self, now: float, limit: int) -> list[str]:
        """Ids of unfinished jobs that have to be checked, the longest overdue first."""
        return self._due(_UNFINISHED, now, limit)

    def unannounced(self, now: float, limit: int) -> list[str]:
        """Ids of jobs whose end should have been announced by now, the longest overdue first."""
        return self._due(_UNANNOUNCED, now, limit)

    def unresolved(self, now: float, limit: int) -> list[str]:
        """Ids of jobs of unknown outcome whose records are about to expire."""
        return self._due(_UNRESOLVED, now, limit)

    def all_open(self) -> Iterator[str]:
        """Ids of all jobs that will be checked again: unfinished, unannounced or of unknown outcome."""
        for mark in (_UNFINISHED, _UNANNOUNCED, _UNRESOLVED):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName="by_check",
                KeyConditionExpression="#open = :mark",
                ExpressionAttributeNames={"#open": "open"},
                ExpressionAttributeValues={":mark": {"S": mark}},
            )
            yield from (item["id"]["S"] for page in pages for item in page["Items"])

    def mark_announced(self, job: Job) -> bool:
        """Record that the end of a job, as read, was announced; False if it already was, or the job has changed."""
        if job.check_after_announcement is None:
            return self._mark(job, "REMOVE #open, check_at")
        values: dict[str, UniversalAttributeValueTypeDef] = {
            ":open": {"S": _UNRESOLVED},
            ":check_at": {"N": str(job.check_after_announcement)},
        }
        return self._mark(job, "SET #open = :open, check_at = :check_at", values)

    def redispatch(self, job: Job, check_at: int) -> None:
        """Hand an unannounced job to the announcer again, through this write; check it again at `check_at`."""
        self._mark(job, "SET check_at = :check_at", {":check_at": {"N": str(check_at)}})

    def image(self, image_id: str) -> Image | None:
        """The image of that id."""
        item = self._get(image_id)
        return read_item(_image_data, item) if item else None

    def images_of(
        self, caller_id: str, limit: int, now: float, after: Image | None, wanted: Filters = filters.NONE
    ) -> tuple[list[Image], str | None]:
        """A page of a caller's images, newest first, and after which image's id the next one begins (see newest_of).

        `after` is that image of the page before.
        """
        last = {"id": after.id, "created": _created_image(after)} if after else None
        selection = _selection(wanted, now, (("purchase", "model"),), ("purchase", "metadata"))
        items, more = newest_of(self._client, self._table, _owner("images", caller_id), limit, last, selection)
        return [read_item(_image_data, item) for item in items], more

    def hide_image(self, image: Image, now: int) -> None:
        """Remove an image from its job's result and its caller's list; its record stays, marked, until forget_image.

        Raises:
            JobChanged: the job or the image was written in the meantime.
        """
        marked = _image_item(replace(image, deleted_at=now, purchase=None))
        changed = JobChanged(image.job_id)
        steps = [Step({"Put": self._put(marked, {"ConditionExpression": "attribute_exists(id)"})}, lambda _: changed)]
        if job := self.get(image.job_id):
            put = self._put_next(replace(job.without(image.id), version=job.version + 1))
            steps.append(Step({"Put": put}, lambda _: changed))
        self._until_not_busy(lambda: transact(self._client, steps))

    def forget_image(self, image: Image) -> None:
        """Delete an image's record, if it is still there."""
        self._client.delete_item(TableName=self._table, Key={"id": {"S": image.id}})

    def forget_private(self, job: Job) -> None:
        """Delete prompt and metadata from a job's record.

        Raises:
            JobChanged: it was written in the meantime.
        """
        put = self._put_next(replace(job.without_private(), version=job.version + 1))
        self._until_not_busy(lambda: self._write_alone(Step({"Put": put}, lambda _: JobChanged(job.id))))

    def _due(self, mark: str, now: float, limit: int) -> list[str]:
        page = self._client.query(
            TableName=self._table,
            IndexName="by_check",
            KeyConditionExpression="#open = :mark AND check_at <= :now",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":mark": {"S": mark}, ":now": {"N": str(int(now))}},
            Limit=limit,
        )
        return [item["id"]["S"] for item in page["Items"]]

    def _mark(self, job: Job, update: str, values: "dict[str, UniversalAttributeValueTypeDef] | None" = None) -> bool:
        """Update an unannounced job, unless it was written since; its version stays."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"id": {"S": job.id}},
                UpdateExpression=update,
                ConditionExpression="version = :read AND #open = :mark",
                ExpressionAttributeNames={"#open": "open"},
                ExpressionAttributeValues={
                    ":read": {"N": str(job.version)},
                    ":mark": {"S": _UNANNOUNCED},
                    **(values or {}),
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _write(self, job: Job, after: Job | None, write: Callable[[Job], Step], more: Sequence[Step] = ()) -> Job:
        """Write a job together with what belongs to it, and return it as written.

        `after` is the job once written, but for the parts of accounts that its reservation gets; `write` writes it.
        """
        met: Counter[Account] = Counter()

        def attempt() -> Job:
            movements = [self._ledger.place(movement) for movement in job.movements or ()]
            following = replace(after or job, reservation=movements[-1].reservation) if movements else after or job
            crowded = {account for account, times in met.items() if times >= _CROWDED_AFTER}
            steps = [write(following), *more]
            for movement in movements:
                steps += self._ledger.booking(movement, job.id, job.caller_id, job.request.model, crowded)
            try:
                transact(self._client, steps) if len(steps) > 1 else self._write_alone(steps[0])
            except StoreBusy as busy:
                met.update(busy.accounts)
                if any(movement.kind == "reserve" for movement in movements):
                    self._ledger.evade(busy.accounts)
                raise
            except RoomNeeded as needed:
                self._ledger.make_room(needed.needs)
                raise StoreBusy from None
            except (JobExists, JobChanged, LimitReached):
                # If an acknowledgement is lost, the client's own retry finds what it wrote the first time.
                held = self.get(job.id)
                if not _is_written(held, following if after else None):
                    raise
                return held or following
            return following

        return self._until_not_busy(attempt)

    def _write_alone(self, step: Step) -> None:
        put, delete = step.write.get("Put"), step.write.get("Delete")
        try:
            if put:
                self._client.put_item(**put)
            if delete:
                self._client.delete_item(**delete)
        except self._client.exceptions.ConditionalCheckFailedException:
            raise step.refusal({}) from None
        except self._client.exceptions.TransactionConflictException:
            raise StoreBusy from None

    def _until_not_busy[Written](self, write: Callable[[], Written]) -> Written:
        until, pause = time.monotonic() + BUSY_PATIENCE_SECONDS, _FIRST_PAUSE_SECONDS
        while True:
            try:
                return write()
            except StoreBusy:
                if time.monotonic() > until:
                    raise
                time.sleep(random.uniform(0, pause))
                pause = min(pause * 2, _LAST_PAUSE_SECONDS)

    def _put_next(self, job: Job) -> Any:
        """The write of a job's next version, if it was not written since."""
        return self._put(_job_item(job), unchanged_since(job.version - 1))

    def _put(self, item: dict[str, Any], condition: dict[str, Any]) -> Any:
        return {"TableName": self._table, "Item": item, **condition}

    def _get(self, item_id: str) -> dict[str, Any] | None:
        answer = self._client.get_item(TableName=self._table, Key={"id": {"S": item_id}}, ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None


def _is_written(held: Job | None, expected: Job | None) -> bool:
    """Whether a stored job is the one that was to be written, whatever parts of accounts its reservation was given.

    Its end may have been announced in between.
    """
    if held is None or expected is None:
        return held is expected
    reservation = held.reservation
    if reservation and expected.reservation:
        reservation = replace(reservation, accounts=expected.reservation.accounts)
    return expected == replace(held, check_at=expected.check_at, announced=expected.announced, reservation=reservation)


def _read_job(item: dict[str, Any]) -> Job:
    announced = item.get("open") not in (_UNFINISHED, _UNANNOUNCED)
    try:
        return replace(read_item(_job_data, item), announced=announced)
    except ItemUnreadable as error:
        raise JobUnreadable(*error.args) from None


def _open_mark(job: Job) -> str | None:
    if not job.finished:
        return _UNFINISHED
    if not job.announced:
        return _UNANNOUNCED
    return _UNRESOLVED if job.check_at is not None else None


def _unconditional(write: "TransactWriteItemTypeDef") -> Step:
    """A write without a condition, which cannot be refused."""
    return Step(write, lambda _: AssertionError("no condition"))


def _selection(
    wanted: Filters, unexpired_at: float, models: Sequence[tuple[str, ...]], metadata: tuple[str, ...]
) -> Selection:
    """The filters, for records that have the model at one of these paths, and the metadata at that one."""
    alternatives: list[tuple[Sequence[tuple[str, ...]], str]] = []
    if wanted.status:
        alternatives.append(((("status",),), wanted.status))
    if wanted.model:
        alternatives.append((models, wanted.model))
    alternatives += [(((*metadata, key),), value) for key, value in wanted.metadata.items()]
    # Seconds are the first ten digits of both jobs' and images' `created`.
    until = 9_999_999_999 if wanted.created_before is None else wanted.created_before
    return Selection(unexpired_at, (f"{wanted.created_after:010d}", f"{until:010d}"), alternatives)


def _owner(kind: str, caller_id: str) -> str:
    return f"{kind}#{caller_id}"


def _created(job: Job) -> str:
    # The id orders jobs of the same millisecond.
    return f"{job.created_ms:013d}#{job.id}"


def _job_item(job: Job) -> dict[str, Any]:
    document = _job_data.dump_python(job, mode="json", exclude_none=True, exclude={"announced"})
    document |= {"owner": _owner("jobs", job.caller_id), "created": _created(job)}
    if mark := _open_mark(job):
        document["open"] = mark
    return to_item(document)


def _pointer_item(pointer: JobPointer) -> dict[str, Any]:
    return to_item({"id": pointer.id, "job_id": pointer.job_id, "expires_at": pointer.expires_at})


def _created_image(image: Image) -> str:
    return f"{image.created_at:010d}#{image.id}"


def _image_item(image: Image) -> dict[str, Any]:
    document = _image_data.dump_python(image, mode="json")
    if image.deleted_at is None:
        document |= {"owner": _owner("images", image.caller_id), "created": _created_image(image)}
    return to_item(document)
