"""Purchases whose answer is a stream of server-sent events: heartbeats, previews, and at last the image or an error.

What fails before the purchase is an ordinary answer, with a status of its own. After that, only events can say what
happened. Whatever becomes of the stream, the job goes on, and the same request finds it until it has got its image.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from aws_lambda_powertools.event_handler.api_gateway import Response
from botocore.exceptions import BotoCoreError, ClientError

from composition.services import Services
from core.callers.model import Caller
from core.errors import EaselError, Hint, InvalidRequest, JobNotFinished, NotFound, ServerError, ServiceUnavailable
from core.images.model import AnswerForm
from core.images.previews import Preview
from core.jobs.model import Job
from core.jobs.waiting import Wait
from core.logs import logger
from core.purchases import SubmissionContext
from core.responses.events import HEARTBEAT, completed, failed, partial_image, with_image
from interfaces.http_api.call import Call

# A caller sees a change at most this much later.
_POLL_SECONDS = 0.5


def require_stream(call: Call, services: Services, seconds: float) -> None:
    """Refuse a stream that cannot be.

    Raises:
        InvalidRequest: it was asked for through API Gateway, or without a wait.
    """
    if not call.on_function_url:
        raise InvalidRequest(
            f"API Gateway cannot stream. Send the request to {services.settings.direct_url or 'the direct URL'}, or "
            "omit 'stream'.",
            param="stream",
            code="stream_not_supported",
        )
    if seconds == 0:
        raise InvalidRequest(
            "'stream' follows the job, and 'Prefer' says not to wait for it. Send only one of them.", param="stream"
        )


@dataclass(frozen=True)
class Stream:
    """The stream of one purchase. `ending` gives back what the call holds, such as its place among waiting calls."""

    call: Call
    services: Services
    caller: Caller
    form: AnswerForm
    context: SubmissionContext
    wait: Wait
    ending: ExitStack

    def of(self, job: Job) -> Response[Generator[bytes]]:
        """The answer, which follows the job."""
        # Proxies based on nginx pass events on one by one if they are told so.
        headers = {"X-Accel-Buffering": "no"}
        return Response(200, "text/event-stream; charset=utf-8", self._events(job), headers=headers)

    def _events(self, job: Job) -> Generator[bytes]:
        with self.ending:
            yield HEARTBEAT
            try:
                job = yield from self._following(job)
                yield from self._image(job)
            except EaselError as error:
                logger.info("stream ended with an error", extra={"code": error.problem.code})
                yield failed(error, self.call.request_id)
            except Exception as error:  # noqa: BLE001 - no answer but an event can say so now
                logger.exception("unhandled error in a stream", extra={"error": type(error).__name__})
                broken = ServerError("Easel failed to answer; the job goes on.", hint=Hint.READ_JOB, job_id=job.id)
                yield failed(broken, self.call.request_id)

    def _following(self, job: Job) -> Generator[bytes, None, Job]:
        """Previews and heartbeats until the job has finished, or the wait ends."""
        every = self.call.heartbeat_seconds
        due = time.monotonic() + every
        shown = 0
        for latest in self.services.jobs.follow(job, self.wait, _POLL_SECONDS):
            job = latest
            for preview in job.previews[shown:]:
                yield from self._preview(job, preview)
            shown = max(shown, len(job.previews))
            if time.monotonic() >= due:
                yield HEARTBEAT
                due = time.monotonic() + every
        return job

    def _preview(self, job: Job, preview: Preview) -> Iterator[bytes]:
        """A preview, unless it cannot be read: it is no reason to end a stream."""
        try:
            content = self.services.preview_store().read(preview)
        except (BotoCoreError, ClientError) as error:
            logger.warning("preview cannot be read for a stream", extra={"error": type(error).__name__})
            return
        listed = self.call.answers(self.services, self.caller, self.form).previews(job)
        documents = {document["index"]: document for document in listed}
        if content and preview.index in documents:
            yield from with_image(partial_image(job, documents[preview.index], self.call.now), content)

    def _image(self, job: Job) -> Iterator[bytes]:
        """The finished image.

        Raises:
            EaselError: there is none, or none yet.
        """
        if not job.finished:
            raise JobNotFinished(job.id, is_found=self.services.purchases.expect_again(job, self.context))
        joined = job.request_id != self.call.request_id
        result = self.call.answers(self.services, self.caller, self.form).result(job, joined=joined)
        if not job.images:
            warning = result["easel"]["warnings"][-1]
            raise NotFound(
                warning["message"], code=warning["code"], hint=Hint.READ_JOB, job_id=job.id, charged=job.charged_so_far
            )
        yield from with_image(completed(job, result), self._bytes(job))
        self.services.purchases.delivered(job, self.context)
        logger.info("stream ended with the image")

    def _bytes(self, job: Job) -> bytes:
        try:
            return self.services.image_store.read(job.images[0])
        except (BotoCoreError, ClientError) as error:
            logger.warning("image cannot be read for a stream", extra={"error": type(error).__name__})
            raise ServiceUnavailable(
                "The image is finished, but cannot be read from the bucket at the moment.",
                hint=Hint.WAIT_AGAIN,
                code="image_unreadable",
                charged=job.charged_so_far,
                job_id=job.id,
            ) from None
