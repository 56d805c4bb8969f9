"""Jobs and images in the jobs table.

One table holds by their `id`: jobs (`job_…`), images (`img_…`), uploads (`file_…`, see stores.uploads) and, for ten
minutes, pointers that let an SDK's retry find its first job (`retry#…`). The index by_owner lists a caller's items
newest first, the sparse index by_check the jobs that somebody has to look at, by the time for it: the unfinished ones
and those whose end is not announced yet.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from core.images import Image
from core.jobs import Job
from core.stores.items import from_item, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef, UniversalAttributeValueTypeDef

# What the attribute `open` says of a job in the index by_check.
_UNFINISHED = "yes"
_UNANNOUNCED = "unannounced"

_job_data = TypeAdapter(Job)
_image_data = TypeAdapter(Image)


class JobExists(Exception):
    """A job of that id was accepted before."""


class JobChanged(Exception):
    """Somebody else wrote the job since it was read."""


class JobUnreadable(Exception):
    """The stored job does not fit this version of Easel."""


@dataclass(frozen=True)
class RetryPointer:
    """Remembers which job an SDK's request started, for its retries, until `expires_at` (Unix seconds)."""

    id: str
    job_id: str
    expires_at: int


def retry_pointer_id(caller_id: str, fingerprint: str) -> str:
    """The pointer's id for a caller and a request."""
    return f"retry#{caller_id}#{fingerprint}"


class JobStore:
    """Reads and writes jobs; every write of a job is conditional on the version that was read."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, job: Job) -> Job:
        """Write a new job.

        Raises:
            JobExists: there is a job of that id.
        """
        job = replace(job, version=1)
        self._put_once(self._put(_job_item(job), "attribute_not_exists(id)"), job, JobExists)
        return job

    def get(self, job_id: str) -> Job | None:
        """The job of that id as it is at this moment (a strongly consistent read)."""
        item = self._get(job_id)
        return _read_job(item) if item else None

    def save(self, job: Job) -> Job:
        """Write a job that was read before, and the images it has if it just succeeded.

        Raises:
            JobChanged: somebody else wrote it since.
        """
        saved = replace(job, version=job.version + 1)
        put = self._put_next(saved)
        if saved.status == "succeeded":
            writes: list[TransactWriteItemTypeDef] = [{"Put": put}]
            writes += [{"Put": {"TableName": self._table, "Item": _image_item(image)}} for image in saved.images]
            self._transact(writes, saved.id)
        else:
            self._put_once(put, saved, JobChanged)
        return saved

    def withdraw(self, job: Job) -> None:
        """Delete a job that nobody has seen yet.

        Raises:
            JobChanged: somebody took it in the meantime.
        """
        try:
            self._client.delete_item(
                TableName=self._table,
                Key={"id": {"S": job.id}},
                ConditionExpression="version = :read",
                ExpressionAttributeValues={":read": {"N": str(job.version)}},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            raise JobChanged(job.id) from None

    def point_retries(self, pointer: RetryPointer) -> None:
        """Remember a job for the retries of the request that starts it. Written before the job itself."""
        document = {"id": pointer.id, "job_id": pointer.job_id, "expires_at": pointer.expires_at}
        self._client.put_item(TableName=self._table, Item=to_item(document))

    def job_of_retry(self, pointer_id: str, now: float) -> str | None:
        """The id of the job that an equal request of this caller starts or started within the last minutes."""
        item = self._get(pointer_id)
        return str(item["job_id"]) if item and item["expires_at"] > now else None

    def list_of(self, caller_id: str, limit: int, after: Job | None = None) -> tuple[list[Job], bool]:
        """A caller's jobs, newest first, and whether there are more. `after` is the last job of the page before."""
        last = {"id": after.id, "created": _created(after)} if after else None
        items, more = self._newest(_owner("jobs", caller_id), limit, last)
        return [_read_job(item) for item in items], more

    def due(self, now: float, limit: int) -> list[str]:
        """Ids of unfinished jobs that somebody has to look at, the longest overdue first."""
        return self._due(_UNFINISHED, now, limit)

    def unannounced(self, now: float, limit: int) -> list[str]:
        """Ids of jobs whose end should have been announced by now, the longest overdue first."""
        return self._due(_UNANNOUNCED, now, limit)

    def mark_announced(self, job: Job) -> None:
        """Remember that the end of a job, as it was read, was announced; if it was written since, it has a new end."""
        self._mark(job, "REMOVE #open, check_at")

    def remind(self, job: Job, check_at: int) -> None:
        """Look at an unannounced job again at `check_at` (Unix seconds). The write brings it before the announcer."""
        self._mark(job, "SET check_at = :check_at", {":check_at": {"N": str(check_at)}})

    def image(self, image_id: str) -> Image | None:
        """The image of that id."""
        item = self._get(image_id)
        return _image_data.validate_python(item) if item else None

    def images_of(self, caller_id: str, limit: int, now: float, after: Image | None = None) -> tuple[list[Image], bool]:
        """A caller's images, newest first, and whether there are more. `after` is the last image of the page before."""
        last = {"id": after.id, "created": _created_image(after)} if after else None
        items, more = self._newest(_owner("images", caller_id), limit, last, unexpired_at=now)
        return [_image_data.validate_python(item) for item in items], more

    def hide_image(self, image: Image, now: int) -> None:
        """Take an image out of its job's result and its caller's list; its record stays, marked, until forget_image.

        Raises:
            JobChanged: somebody else wrote the job or the image meanwhile.
        """
        marked = _image_item(replace(image, deleted_at=now))
        writes: list[TransactWriteItemTypeDef] = [{"Put": self._put(marked, "attribute_exists(id)")}]
        if job := self.get(image.job_id):
            writes.append({"Put": self._put_next(replace(job.without(image.id), version=job.version + 1))})
        try:
            self._transact(writes, image.job_id)
        except self._client.exceptions.TransactionCanceledException:
            raise JobChanged(image.job_id) from None  # The reason left is another transaction at the same moment.

    def forget_image(self, image: Image) -> None:
        """Delete an image's record, if it is still there."""
        self._client.delete_item(TableName=self._table, Key={"id": {"S": image.id}})

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

    def _mark(self, job: Job, update: str, values: "dict[str, UniversalAttributeValueTypeDef] | None" = None) -> None:
        """Change the mark of an unannounced job, unless somebody wrote the job since. It is no new version of it."""
        with suppress(self._client.exceptions.ConditionalCheckFailedException):
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

    def _newest(
        self, owner: str, limit: int, after: dict[str, str] | None, unexpired_at: float = 0
    ) -> tuple[list[dict[str, Any]], bool]:
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": "by_owner",
            "KeyConditionExpression": "#owner = :owner",
            # TTL deletes late, sometimes by days.
            "FilterExpression": "expires_at > :now",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":owner": {"S": owner}, ":now": {"N": str(int(unexpired_at))}},
            "ScanIndexForward": False,
        }
        if after:
            query["ExclusiveStartKey"] = to_item({"owner": owner, **after})
        items: list[dict[str, Any]] = []
        while len(items) <= limit:  # DynamoDB's pages end at 1 MB, which long prompts reach.
            page = self._client.query(**query, Limit=limit + 1 - len(items))
            items += [from_item(item) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                break
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        return items[:limit], len(items) > limit

    def _put_once(self, put: Any, job: Job, refusal: type[Exception]) -> None:
        try:
            self._client.put_item(**put)
        except self._client.exceptions.ConditionalCheckFailedException:
            # When an acknowledgement is lost, the client's own retry meets what it wrote the first time; the end may
            # have been announced in between.
            held = self.get(job.id)
            if held is None or replace(held, check_at=job.check_at) != job:
                raise refusal(job.id) from None

    def _transact(self, writes: "list[TransactWriteItemTypeDef]", job_id: str) -> None:
        try:
            self._client.transact_write_items(TransactItems=writes)
        except self._client.exceptions.TransactionCanceledException as error:
            if any(reason.get("Code") == "ConditionalCheckFailed" for reason in error.response["CancellationReasons"]):
                raise JobChanged(job_id) from None
            raise

    def _put_next(self, job: Job) -> Any:
        """A job's next version, if nobody wrote it since the one before."""
        return self._put(_job_item(job), "version = :read", {":read": {"N": str(job.version - 1)}})

    def _put(self, item: dict[str, Any], condition: str, values: dict[str, Any] | None = None) -> Any:
        put = {"TableName": self._table, "Item": item, "ConditionExpression": condition}
        return put | {"ExpressionAttributeValues": values} if values else put

    def _get(self, item_id: str) -> dict[str, Any] | None:
        answer = self._client.get_item(TableName=self._table, Key={"id": {"S": item_id}}, ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None


def _read_job(item: dict[str, Any]) -> Job:
    try:
        return _job_data.validate_python(item)
    except ValidationError:
        # The error's text could quote a prompt.
        raise JobUnreadable(str(item.get("id"))) from None


def _owner(kind: str, caller_id: str) -> str:
    return f"{kind}#{caller_id}"


def _created(job: Job) -> str:
    # The id makes the order of jobs of the same millisecond certain.
    return f"{job.created_ms:013d}#{job.id}"


def _job_item(job: Job) -> dict[str, Any]:
    document = _job_data.dump_python(job, mode="json", exclude_none=True)
    document |= {"owner": _owner("jobs", job.caller_id), "created": _created(job)}
    if job.check_at is not None:
        document["open"] = _UNANNOUNCED if job.finished else _UNFINISHED
    return to_item(document)


def _created_image(image: Image) -> str:
    return f"{image.created_at:010d}#{image.id}"


def _image_item(image: Image) -> dict[str, Any]:
    document = _image_data.dump_python(image, mode="json")
    if image.deleted_at is None:
        document |= {"owner": _owner("images", image.caller_id), "created": _created_image(image)}
    return to_item(document)
