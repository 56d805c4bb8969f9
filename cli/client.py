"""The API of a deployment, as a client with a key calls it.

A purchase has one idempotency key for all its attempts, so that a broken connection never buys twice. The API key is
in no message.
"""

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx

from cli.errors import CommandError
from core.images.inspection import MAX_BYTES
from core.jobs.durations import Usual
from core.jobs.filters import STATUSES
from core.jobs.progress import Progress

_ATTEMPTS = 5
_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 2.0
_MAX_PAUSE_SECONDS = 60
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout)
_WAITING = STATUSES[:2]
_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}


class Client:
    """Buys images, sends files, waits for jobs and downloads results."""

    def __init__(self, base_url: str, key: str) -> None:
        """`base_url` is that of the API, with /v1.

        Raises:
            CommandError: it is no URL.
        """
        try:
            url = httpx.URL(base_url)
        except httpx.InvalidURL:
            url = httpx.URL()
        if url.scheme not in ("http", "https") or not url.host:
            raise CommandError(f"'{base_url}' is not the URL of an API; use https://.../v1")
        self._key = {"Authorization": f"Bearer {key}"}
        self._base_url = base_url.rstrip("/")
        self._http = httpx.Client(timeout=_TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def quote(self, body: dict[str, Any]) -> dict[str, Any]:
        """What a request would cost; nothing is bought."""
        return self._call("POST", "/images/quote", body)

    def buy(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Buy what a request asks for; the job's document or, if the job has ended, its images.

        Raises:
            CommandError: it was refused, or it is unknown whether anything was bought.
        """
        headers = {"Prefer": "respond-async", "Idempotency-Key": str(uuid.uuid4())}
        return self._call("POST", path, body, headers, IN_DOUBT)

    def finished(self, answer: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
        """The images of a purchase, once its job has ended; `say` is told how far it is.

        Raises:
            CommandError: the job has failed, or the API does not answer any more.
        """
        while "data" not in answer:
            job_id, status = answer["id"], answer["status"]
            if status == "succeeded":
                return dict(answer["result"])
            if status not in _WAITING:
                raise CommandError(f"{job_id}: {_message(answer.get('error') or {}, status)}")
            say(f"{job_id} {how_far(answer)}")
            time.sleep(_POLL_SECONDS)
            answer = self._call("GET", f"/jobs/{job_id}", in_doubt=goes_on(job_id))
        return answer

    def upload(self, file: Path) -> str:
        """Send an image to the bucket; the id that stands for it.

        Raises:
            CommandError: it cannot be read or sent.
        """
        content_type, size = check_file(file)
        form = self._call("POST", "/uploads", {"content_type": content_type, "bytes": size})
        try:
            data = file.read_bytes()
        except OSError as error:
            raise CommandError(f"cannot read {file}: {error.strerror}") from None
        sent = _patiently(
            lambda: self._http.post(form["url"], data=form["fields"], files={"file": (file.name, data, content_type)})
        )
        if sent.is_error:
            raise CommandError(f"{file} could not be uploaded: the bucket answered {sent.status_code}")
        return str(form["id"])

    def download(self, url: str) -> bytes:
        """What a signed URL has.

        Raises:
            CommandError: it cannot be downloaded.
        """
        answer = _patiently(lambda: self._http.get(url))
        if answer.is_error:
            raise CommandError(f"the bucket answered {answer.status_code}")
        return answer.content

    def _call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, in_doubt: str = ""
    ) -> dict[str, Any]:
        sent = self._key | (headers or {})
        answer = _patiently(
            lambda: self._http.request(method, f"{self._base_url}{path}", json=body, headers=sent), in_doubt
        )
        document = _document(answer)
        if answer.is_error and "error" in document:
            raise CommandError(_message(_error(document), answer.status_code))
        if answer.is_error or not document:
            raise CommandError(f"the API answered {answer.status_code} without a document; is its URL right?")
        return document


IN_DOUBT = "what was asked for may be bought, see `easel jobs list`"


def goes_on(job_id: str) -> str:
    """What to know about a job that is not waited for any more."""
    return f"{job_id} goes on without this command, see `easel jobs show {job_id}`"


def check_file(file: Path) -> tuple[str, int]:
    """The type and the length in bytes of an image that can be sent.

    Raises:
        CommandError: it cannot.
    """
    try:
        size = file.stat().st_size
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}") from None
    content_type = _TYPES.get(file.suffix.lower())
    if content_type is None:
        raise CommandError(f"cannot send {file}; its name must end with one of {', '.join(_TYPES)}")
    if not 1 <= size <= MAX_BYTES:
        raise CommandError(f"cannot send {file} of {size} bytes; 1 to {MAX_BYTES} are accepted")
    return content_type, size


def _patiently(send: Callable[[], httpx.Response], in_doubt: str = "") -> httpx.Response:
    """The answer, although the connection breaks or the deployment is busy for a moment.

    Raises:
        CommandError: it goes on like that; if something may have been done nevertheless, with `in_doubt`.
    """
    failure, is_in_doubt, pause = "", False, _POLL_SECONDS
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(pause)
        try:
            answer = send()
        except httpx.HTTPError as broken:
            failure, pause = type(broken).__name__, _POLL_SECONDS
            is_in_doubt = is_in_doubt or not isinstance(broken, _NEVER_SENT)
        else:
            error = _error(_document(answer))
            if not _is_temporary(answer.status_code, error):
                return answer
            failure = _message(error, answer.status_code)
            is_in_doubt = is_in_doubt or error.get("charged") is not False
            wait = answer.headers.get("Retry-After", "")
            pause = min(int(wait), _MAX_PAUSE_SECONDS) if wait.isdecimal() else _POLL_SECONDS
    suffix = f"; {in_doubt}" if in_doubt and is_in_doubt else ""
    raise CommandError(f"the deployment does not answer after {_ATTEMPTS} attempts: {failure}{suffix}")


def _is_temporary(status: int, error: dict[str, Any]) -> bool:
    """Whether the same request can be sent again: it was not carried out, or its idempotency key finds its job."""
    if error.get("job_id"):
        return False
    return status in (500, 502, 504) or (status in (429, 503) and bool(error.get("retryable", True)))


def _document(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer; empty if it is none, as not every answer of a gateway is."""
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def how_far(job: dict[str, Any]) -> str:
    """How far an unfinished job is, in words; only its status if the deployment is older than this command."""
    progress = job.get("progress")
    if not progress:
        return f"is {job['status']}"
    usual = progress["usual_seconds"]
    of = Progress(
        progress["stage"], progress["elapsed_seconds"], Usual(**usual) if usual else None, progress["position"]
    )
    return f"has been {of.in_words()}"


def _error(document: dict[str, Any]) -> dict[str, Any]:
    error = document.get("error")
    return error if isinstance(error, dict) else {}


def _message(error: dict[str, Any], status: int | str) -> str:
    return f"{error.get('message', 'no reason was given')} ({error.get('code', status)})"
