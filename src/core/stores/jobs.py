"""Jobs and images in the jobs table.

One table holds three kinds of items by their `id`: jobs (`job_…`), images (`img_…`) and, for ten minutes, pointers that
let an SDK's retry find its first job (`retry#…`). The index by_owner lists a caller's items newest first, the sparse
index by_check the unfinished jobs by the time somebody has to look at them.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from core.images import Image
from core.jobs import Job
from core.stores.items import from_item, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

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
        put = self._put(_job_item(saved), "version = :read", {":read": {"N": str(job.version)}})
        if saved.status == "succeeded":
            self._save_with_images(put, saved)
            return saved
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
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": "by_owner",
            "KeyConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":owner": {"S": _owner("jobs", caller_id)}},
            "ScanIndexForward": False,
            "Limit": limit + 1,
        }
        if after:
            query["ExclusiveStartKey"] = to_item(
                {"id": after.id, "owner": _owner("jobs", caller_id), "created": _created(after)}
            )
        items = self._client.query(**query)["Items"]
        jobs = [_job_data.validate_python(from_item(item)) for item in items[:limit]]
        return jobs, len(items) > limit

    def due(self, now: float, limit: int) -> list[str]:
        """Ids of unfinished jobs that somebody has to look at, the longest overdue first."""
        page = self._client.query(
            TableName=self._table,
            IndexName="by_check",
            KeyConditionExpression="#open = :yes AND check_at <= :now",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":yes": {"S": "yes"}, ":now": {"N": str(int(now))}},
            Limit=limit,
        )
        return [item["id"]["S"] for item in page["Items"]]

    def image(self, image_id: str) -> Image | None:
        """The image of that id."""
        item = self._get(image_id)
        return _image_data.validate_python(item) if item else None

    def _put_once(self, put: Any, job: Job, refusal: type[Exception]) -> None:
        try:
            self._client.put_item(**put)
        except self._client.exceptions.ConditionalCheckFailedException:
            # When an acknowledgement is lost, the client's own retry meets what it wrote the first time.
            if self.get(job.id) != job:
                raise refusal(job.id) from None

    def _save_with_images(self, put: Any, job: Job) -> None:
        writes: list[TransactWriteItemTypeDef] = [{"Put": put}]
        writes += [{"Put": {"TableName": self._table, "Item": _image_item(image)}} for image in job.images]
        try:
            self._client.transact_write_items(TransactItems=writes)
        except self._client.exceptions.TransactionCanceledException as error:
            if any(reason.get("Code") == "ConditionalCheckFailed" for reason in error.response["CancellationReasons"]):
                raise JobChanged(job.id) from None
            raise

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
    if not job.finished:
        document["open"] = "yes"
    return to_item(document)


def _image_item(image: Image) -> dict[str, Any]:
    document = _image_data.dump_python(image, mode="json")
    document |= {"owner": _owner("images", image.caller_id), "created": f"{image.created_at:010d}#{image.id}"}
    return to_item(document)
