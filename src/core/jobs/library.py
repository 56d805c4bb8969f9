"""What a caller has stored: the images it bought, and what is private of its jobs.

An image is deleted in three steps, in this order:

    1. its record is marked as deleted and its job's result stops listing it, in one transaction: it is no longer shown
    2. its bytes are deleted, and with the last image of a job its previews, and what a crash left of it
    3. its record is deleted

A crash in between leaves a marked record; repeating the DELETE completes the deletion. Otherwise, what is left expires
by the bucket's lifecycle and the table's TTL.

A job's record stays when its images, previews, inputs, prompt and metadata are deleted: it answers repeated requests,
and says what the ledger's movements were for.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from core.callers.model import Caller
from core.errors import Conflict, Hint, NotFound, ServiceUnavailable
from core.images.model import Image, is_image_id
from core.images.storage import ImageStore
from core.jobs.filters import NONE, Filters
from core.jobs.lookup import JobLookup
from core.jobs.model import Job
from core.jobs.store import JobChanged, JobStore

log = logging.getLogger(__name__)

# Little else than deletions writes a finished job.
_ATTEMPTS = 12


class ImageLibrary:
    """The images of callers."""

    def __init__(self, jobs: JobStore, images: ImageStore, lookup: JobLookup) -> None:
        self._jobs = jobs
        self._images = images
        self._lookup = lookup

    def list_of(
        self, caller: Caller, limit: int, after: str | None, wanted: Filters = NONE
    ) -> tuple[list[Image], str | None]:
        """A page of a caller's images, newest first, and the `after` of the next page, if there is one.

        Raises:
            NotFound: `after` is not an image of the caller.
        """
        # It may have expired since, or before it was listed.
        last = self._owned(caller, after) if after is not None else None
        return self._jobs.images_of(caller.id, limit, time.time(), last, wanted)

    def read(self, caller: Caller, image_id: str, *, param: str = "id") -> Image:
        """A caller's image; `param` is what named it.

        Raises:
            NotFound: no such image, another caller's, deleted or expired.
        """
        image = self._owned(caller, image_id, param)
        if image.gone(time.time()):
            raise _no_image(image_id, param)
        return image

    def holds(self, image_id: str) -> bool:
        """Whether an image of that id is or was this deployment's, whoever bought it."""
        return self._find(image_id) is not None

    def shared(self, name: str) -> Image:
        """The image behind a permalink: anyone who knows its id may see it.

        `name` is the id, or the name of a file that is called like it: img_….png.

        Raises:
            NotFound: no such image, one of another type, deleted or expired.
        """
        image_id, dot, extension = name.partition(".")
        image = self._find(image_id)
        is_type = image is not None and (not dot or extension.lower().replace("jpeg", "jpg") == image.extension)
        if image is None or not is_type or image.gone(time.time()):
            raise NotFound("There is no such image: it has expired, or it was deleted.")
        return image

    def delete(self, caller: Caller, image_id: str) -> None:
        """Delete a caller's image: its bytes, its record, its place in the job's result.

        Raises:
            NotFound: no such image, another caller's, or deleted before.
        """
        image = self._hide(caller, image_id)
        self._images.delete(image.key)
        job = self._jobs.get(image.job_id)
        if job and not job.images:
            self._delete_unlisted(job)
        self._jobs.forget_image(image)
        log.info("image deleted", extra={"job_id": image.job_id})

    def delete_inputs(self, caller: Caller, job_id: str) -> None:
        """Delete the stored input images of a finished job.

        Raises:
            NotFound: no such job, or another caller's.
            Conflict: the job still needs them.
        """
        for image in self._finished(caller, job_id).request.inputs:
            self._images.delete(image.key)

    def delete_job(self, caller: Caller, job_id: str) -> None:
        """Delete what is private of a finished job: its images, previews and inputs, its prompt and metadata.

        Raises:
            NotFound: no such job, or another caller's.
            Conflict: the job still needs them.
        """
        job = self._finished(caller, job_id)
        for image in job.images:
            self._images.delete(image.key)  # While the job still lists it: a repeated call then completes a broken one.
            with suppress(NotFound):  # Another call has just deleted it.
                self.delete(caller, image.id)
        self.delete_inputs(caller, job_id)
        self._delete_unlisted(job)
        _until_unchanged(lambda: self._jobs.forget_private(self._finished(caller, job_id)))
        log.info("job deleted", extra={"job_id": job_id})

    def _delete_unlisted(self, job: Job) -> None:
        for key in job.unlisted_keys:
            self._images.delete(key)

    def _finished(self, caller: Caller, job_id: str) -> Job:
        job = self._lookup.read(caller, job_id)
        if not job.finished:
            raise Conflict(
                "The job still needs what was sent with it. Cancel it, or wait until it has ended.",
                code="job_not_finished",
                job_id=job.id,
                charged=job.charged,
            )
        return job

    def _hide(self, caller: Caller, image_id: str) -> Image:
        def hide() -> Image:
            image = self._owned(caller, image_id)
            if image.deleted_at is None:
                self._jobs.hide_image(image, int(time.time()))
            return image

        return _until_unchanged(hide)

    def _owned(self, caller: Caller, image_id: str, param: str = "id") -> Image:
        image = self._find(image_id)
        if image is None or not caller.owns(image):
            raise _no_image(image_id, param)
        return image

    def _find(self, image_id: str) -> Image | None:
        return self._jobs.image(image_id) if is_image_id(image_id) else None


def _until_unchanged[Result](change: Callable[[], Result]) -> Result:
    """Repeat a change of a job that others change, too."""
    for _ in range(_ATTEMPTS):
        with suppress(JobChanged):
            return change()
    raise ServiceUnavailable("The job is being changed.", hint=Hint.SEND_AGAIN, retry_after=1)


def _no_image(image_id: str, param: str) -> NotFound:
    return NotFound(f"There is no image '{image_id[:64]}'.", hint=Hint.LIST_IMAGES, param=param)
