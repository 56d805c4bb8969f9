"""What a caller has stored: the images it bought, and the inputs of its jobs.

An image is deleted in three steps, in this order:

    1. its record is marked as deleted and its job's result stops listing it, in one transaction: it is no longer shown
    2. its bytes are deleted
    3. its record is deleted

A crash in between leaves a marked record; repeating the DELETE completes the deletion. Otherwise, what is left expires
by the bucket's lifecycle and the table's TTL.
"""

import logging
import time

from core.callers.model import Caller
from core.errors import Conflict, Hint, NotFound, ServiceUnavailable
from core.images.model import Image, is_image_id
from core.images.storage import ImageStore
from core.jobs.filters import NONE, Filters
from core.jobs.lookup import JobLookup
from core.jobs.store import JobChanged, JobStore

log = logging.getLogger(__name__)

# Only deletions of other images write a finished job.
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
        self._jobs.forget_image(image)
        log.info("image deleted", extra={"job_id": image.job_id})

    def delete_inputs(self, caller: Caller, job_id: str) -> None:
        """Delete the stored input images of a finished job.

        Raises:
            NotFound: no such job, or another caller's.
            Conflict: the job still needs them.
        """
        job = self._lookup.read(caller, job_id)
        if not job.finished:
            raise Conflict(
                "The job still needs its inputs. Cancel it or wait until it has ended.",
                code="job_not_finished",
                job_id=job.id,
                charged=job.charged,
            )
        for image in job.request.inputs:
            self._images.delete(image.key)

    def _hide(self, caller: Caller, image_id: str) -> Image:
        for _ in range(_ATTEMPTS):
            image = self._owned(caller, image_id)
            try:
                if image.deleted_at is None:
                    self._jobs.hide_image(image, int(time.time()))
            except JobChanged:
                continue
            return image
        raise ServiceUnavailable("The image's job is being changed.", hint=Hint.SEND_AGAIN, retry_after=1)

    def _owned(self, caller: Caller, image_id: str, param: str = "id") -> Image:
        image = self._find(image_id)
        if image is None or not caller.owns(image):
            raise _no_image(image_id, param)
        return image

    def _find(self, image_id: str) -> Image | None:
        return self._jobs.image(image_id) if is_image_id(image_id) else None


def _no_image(image_id: str, param: str) -> NotFound:
    return NotFound(f"There is no image '{image_id[:64]}'.", hint=Hint.LIST_IMAGES, param=param)
