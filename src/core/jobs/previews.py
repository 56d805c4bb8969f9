"""Previews of a job: each is stored as it comes, and then listed by the job, while the purchase goes on.

The bytes come first, so that the job never lists what is not there. A crash in between leaves bytes that no list names;
their key is one of the job's (see Job.preview_keys), so they are deleted with it, and expire within a day otherwise.
"""

import logging
from collections.abc import Callable

from core.images.previews import KEPT_SECONDS, PreviewStore, describe_preview
from core.jobs.model import Job
from core.jobs.store import JobStore

log = logging.getLogger(__name__)

# What one preview takes if S3 and DynamoDB hang at every attempt (see core.aws). Nobody reads the provider's answer
# meanwhile, so a call that has less time left gets no more previews.
LONGEST_SECONDS = 38


class PreviewRecorder:
    """Keeps the previews of one call of the provider. `job` is the job as it was last written.

    `time_left` returns the seconds until the call is cut off.
    """

    def __init__(
        self, jobs: JobStore, store: Callable[[], PreviewStore], job: Job, time_left: Callable[[], float]
    ) -> None:
        self.job = job
        self._jobs = jobs
        self._store = store
        self._time_left = time_left
        self._keys = iter(job.preview_keys)

    def keep(self, data: bytes | bytearray) -> None:
        """Store a preview and list it. The first failure ends the previews of the call: the purchase is what counts."""
        key = next(self._keys, None)
        if key is None:
            return
        try:
            if self._time_left() < LONGEST_SECONDS:
                raise TimeoutError
            expires_at = self.job.created_at + KEPT_SECONDS
            preview = describe_preview(data, len(self.job.previews), key, expires_at)
            self._store().put(preview, data)
            self.job = self._jobs.save(self.job.previewing(preview))
        except Exception as error:  # noqa: BLE001 - the image is being paid for, and must not be lost for want of a preview
            self._keys = iter(())
            log.warning("a preview was not kept", extra={"job_id": self.job.id, "error": type(error).__name__})
