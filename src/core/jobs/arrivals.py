"""The images of one purchase: each is described and stored while the next ones arrive.

Their ids were written with the job before anything was bought. So whatever a crash leaves in the bucket is the job's
result, or is deleted with the job.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from core.images.model import Image, NotAnImage, describe, new_image_id
from core.jobs.model import Job

log = logging.getLogger(__name__)

# Two uploads at a time keep up with a fast provider; with the image that arrives, three are in memory.
_AT_ONCE = 2
# So many seconds an image waits for one of them to end. After that it takes more memory: a provider closes a connection
# that nobody reads, and the images that are still to come have been paid for.
_PATIENCE_SECONDS = 5.0


class Arrivals:
    """Takes the images of one purchase in their order. `ids` are those of the images taken so far.

    `store` is called in threads with each image and its bytes; what it raises is raised by `stored`.
    """

    def __init__(self, job: Job, store: Callable[[Image, bytes | bytearray], None]) -> None:
        self.ids: tuple[str, ...] = ()
        self._job = job
        self._store = store
        self._threads = ThreadPoolExecutor(_AT_ONCE)
        self._storing: list[Future[Image | None]] = []
        self._unexpected: list[tuple[str, bytes | bytearray]] = []

    def take(self, data: bytes | bytearray) -> None:
        """Begin to store an image, once no more than one other is being stored."""
        place = len(self.ids)
        if place < len(self._job.image_ids):
            self.ids += (self._job.image_ids[place],)
            if place >= _AT_ONCE:
                with suppress(TimeoutError):
                    self._storing[place - _AT_ONCE].exception(_PATIENCE_SECONDS)
            self._begin(self.ids[-1], data)
        else:  # It was not asked for, so the job does not know its id yet.
            self.ids += (new_image_id(),)
            self._unexpected.append((self.ids[-1], data))

    def stored(self) -> tuple[Image, ...]:
        """Wait until all are stored, and return those that are images. Called once, when the job has all `ids`."""
        for image_id, data in self._unexpected:
            self._begin(image_id, data)
        results = [each.result() for each in self._storing]
        return tuple(image for image in results if image)

    def _begin(self, image_id: str, data: bytes | bytearray) -> None:
        self._storing.append(self._threads.submit(self._describe_and_store, image_id, data))

    def _describe_and_store(self, image_id: str, data: bytes | bytearray) -> Image | None:
        image = described(self._job, image_id, data)
        if image:
            self._store(image, data)
        return image


def described(job: Job, image_id: str, data: bytes | bytearray) -> Image | None:
    """The record of an image that was bought for a job; None, and a line in the log, if the bytes are no image."""
    try:
        return describe(
            data,
            image_id=image_id,
            caller_id=job.caller_id,
            job_id=job.id,
            now=int(time.time()),
            expires_at=job.expires_at,
            token_id=job.token_id,
        )
    except NotAnImage as error:
        log.error("the provider sent bytes that are not an image", extra={"job_id": job.id, "why": str(error)})
        return None
