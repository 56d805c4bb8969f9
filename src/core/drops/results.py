"""What a drop leaves behind: its images with a result.json, or an error.json, in one folder of the images bucket.

A folder shows one drop and no other: the newest of its key that was taken. Which one that is, and what became of it, is
written to the table first. Whoever then writes the folder writes what the table says, and looks again afterwards: if a
newer drop has taken the folder meanwhile, that one is written over it. So the folder is right in the end, in whatever
order notifications, retries and ends of jobs arrive, and everything may be written again.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from core.drops import naming
from core.drops.result_store import Claim, FolderClaims, ResultBucket
from core.errors import EaselError, Hint, Hints
from core.jobs.model import Job
from core.jobs.origin import Origin
from core.jobs.store import JobStore
from core.responses.builders import HTTP_HINTS, Answers, error_document

log = logging.getLogger(__name__)

Document = dict[str, Any]
# What S3 calls the version of an object that was written without versioning.
_UNVERSIONED = "null"
# Whether the first version of an object is newer than the second.
type IsNewer = Callable[[str, str], bool]

DROP_HINTS: Hints = {
    **HTTP_HINTS,
    Hint.SEND_AGAIN: "Drop the object again.",
    Hint.SEND_AGAIN_LATER: "Drop the object again later.",
    Hint.BUY_AGAIN: "To buy again, drop the object again.",
    Hint.ASK_AGAIN: "To buy again, drop the object again.",
    Hint.NEW_KEY: "Drop the object again.",
}


class Results:
    """Writes the results of drops. `answers` builds the JSON of a job."""

    def __init__(
        self,
        bucket: ResultBucket,
        claims: FolderClaims,
        jobs: JobStore,
        answers: Callable[[Job], Answers],
        retention_seconds: int,
    ) -> None:
        self._bucket = bucket
        self._claims = claims
        self._jobs = jobs
        self._answers = answers
        self._retention_seconds = retention_seconds

    def claim(self, origin: Origin, is_newer: IsNewer, job_id: str | None = None, error: str | None = None) -> Origin:
        """The origin with its folder, which from now on shows this drop unless it shows a newer one.

        What became of the drop can be claimed later. A job outlasts every error that the drop had without one.
        """
        claim = Claim(origin.key, origin.version or _UNVERSIONED, job_id, error)
        *shared, own = naming.result_folders(origin.key)
        for folder in shared:
            if self._claim(folder, claim, origin, is_newer):
                return replace(origin, folder=folder)
        self._claim(own, claim, origin, is_newer)
        return replace(origin, folder=own)

    def refuse(self, origin: Origin, is_newer: IsNewer, error: EaselError, request_id: str) -> Origin:
        """Leave an error.json for a drop that did not become a job; returns the origin with its folder."""
        told = error_document(error, request_id, DROP_HINTS)
        origin = self.claim(origin, is_newer, error=_manifest({**_error_of(origin), **told}))
        self._write(origin.folder, None)
        return origin

    def refused_version(self, key: str) -> str | None:
        """The version of a key whose error, for want of a job, is shown in its folder; None if there is no such."""
        claims = (self._claims.read(folder) for folder in naming.result_folders(key))
        return next((claim.drop for claim in claims if claim and claim.key == key and claim.error), None)

    def accept(self, job: Job, is_newer: IsNewer) -> None:
        """Let the folder of a job's drop show the job, whose end may have been announced already."""
        if job.origin:
            self.claim(job.origin, is_newer, job_id=job.id)
            self._write(job.origin.folder, None)

    def write(self, job: Job) -> None:
        """Write the folder of the drop that an ended job came from, if it came from one."""
        if job.origin:
            self._write(job.origin.folder, job)

    def _claim(self, folder: str, claim: Claim, origin: Origin, is_newer: IsNewer) -> bool:
        """Whether the folder belongs to the key; it shows the drop unless it shows a newer one."""
        expires_at = int(time.time()) + self._retention_seconds
        while True:
            held = self._claims.read(folder)
            if held and held.key != claim.key:
                return False
            if held and not _gives_way(held, claim, origin, is_newer):
                return True
            if self._claims.replace(folder, held, claim, expires_at):
                return True

    def _write(self, folder: str, job: Job | None) -> None:
        while True:
            held = self._claims.read(folder)
            self._show(folder, held, job)
            if self._claims.read(folder) == held:
                return
            log.info("a newer drop has taken the folder", extra={"folder": folder})

    def _show(self, folder: str, held: Claim | None, job: Job | None) -> None:
        if held and held.error:
            self._leave_error(folder, held.error)
            return
        shown = self._shown(held, job)
        if shown is None or shown.origin is None:
            return
        try:
            document = dict(self._answers(shown).result(shown))
        except EaselError as error:
            told = error_document(error, shown.request_id, DROP_HINTS)
            failure = {"job_id": shown.id, "metadata": shown.request.metadata, **told}
            self._leave_error(folder, _manifest({**_error_of(shown.origin), **failure}))
        else:
            self._leave_images(shown.origin, shown, document)

    def _shown(self, held: Claim | None, job: Job | None) -> Job | None:
        """The ended job that a claim names, unless its announcement is still to come, with which it is written.

        A claim of an older release names none. It stands for every drop but those older than its own.
        """
        if held is None or not held.version:
            is_newest = job and job.origin and (held is None or held.newest <= job.origin.dropped_at)
            return job if is_newest else None
        if held.job_id is None:
            return None
        if job and job.id == held.job_id:
            return job
        other = self._jobs.get(held.job_id)
        return other if other and other.finished and not other.unannounced else None

    def _leave_images(self, origin: Origin, job: Job, document: Document) -> None:
        extensions = [image.key.rpartition(".")[2] for image in job.images]
        keys = [f"{origin.folder}{name}" for name in naming.image_names(origin.key, extensions)]
        kept = [(image, key) for image, key in zip(job.images, keys, strict=True) if self._bucket.copy(image, key)]
        self._clear(origin.folder, {_result_key(origin.folder), *(key for _, key in kept)})
        # Signed URLs would expire; a manifest has the key and the permalink of each image.
        entries = {image["id"]: image for image in document.pop("data")}
        manifest = {
            "object": "drop.result",
            "job_id": job.id,
            "source": origin.source(),
            "recipe": {"from": origin.recipe_from, "prompt": job.request.prompt, **(origin.recipe or {})},
            "images": [
                {"key": key, **_without_signed_url(entries[image.id]), "kept_until": image.expires_at}
                for image, key in kept
            ],
            "metadata": job.request.metadata,
            **document,
        }
        self._bucket.put(_result_key(origin.folder), _manifest(manifest))

    def _leave_error(self, folder: str, manifest: str) -> None:
        self._clear(folder, {_error_key(folder)})
        self._bucket.put(_error_key(folder), manifest)

    def _clear(self, folder: str, kept: set[str]) -> None:
        """Delete what other drops left in a folder, also those whose writer ended halfway."""
        for key in self._bucket.names(folder):
            if key not in kept:
                self._bucket.delete(key)


def _gives_way(held: Claim, claim: Claim, origin: Origin, is_newer: IsNewer) -> bool:
    """Whether a folder that shows one drop of a key is to show another."""
    if not held.version:
        return held.newest <= origin.dropped_at
    if held.drop == claim.drop:
        return held.job_id is None and (claim.job_id is not None or claim.error is not None)
    return is_newer(claim.drop or _UNVERSIONED, held.drop or _UNVERSIONED)


def _error_of(origin: Origin) -> Document:
    return {"object": "drop.error", "source": origin.source()}


def _manifest(document: Document) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _without_signed_url(image: Document) -> Document:
    return {name: value for name, value in image.items() if name not in ("url", "expires_at")}


def _result_key(folder: str) -> str:
    return f"{folder}result.json"


def _error_key(folder: str) -> str:
    return f"{folder}error.json"
