"""What a drop leaves behind: its images with a result.json, or an error.json, in one folder of the images bucket.

A folder shows the newest drop of its key and no other: what an older one left there is deleted, and an older one that
ends later writes nothing. Everything may be written again, since every end is announced at least once.
"""

import logging
import time
from dataclasses import replace
from typing import Any

from core.drops import naming
from core.drops.result_store import FolderClaims, ResultBucket
from core.errors import EaselError, Hint, Hints
from core.jobs.model import Job
from core.jobs.origin import Origin
from core.responses.builders import HTTP_HINTS, Answers, error_document

log = logging.getLogger(__name__)

Document = dict[str, Any]

DROP_HINTS: Hints = {
    **HTTP_HINTS,
    Hint.SEND_AGAIN: "Drop the object again.",
    Hint.SEND_AGAIN_LATER: "Drop the object again later.",
    Hint.BUY_AGAIN: "To buy again, drop the object again.",
    Hint.ASK_AGAIN: "To buy again, drop the object again.",
    Hint.NEW_KEY: "Drop the object again.",
}


class Results:
    """Writes the results of drops."""

    def __init__(
        self,
        bucket: ResultBucket,
        claims: FolderClaims,
        retention_seconds: int,
    ) -> None:
        self._bucket = bucket
        self._claims = claims
        self._retention_seconds = retention_seconds

    def claim(self, origin: Origin) -> Origin:
        """The origin with the folder that its results go to."""
        expires_at = int(time.time()) + self._retention_seconds
        folders = naming.result_folders(origin.key)
        for folder in folders[:-1]:
            if self._claims.claim(folder, origin.key, origin.dropped_at, expires_at):
                return replace(origin, folder=folder)
        self._claims.claim(folders[-1], origin.key, origin.dropped_at, expires_at)
        return replace(origin, folder=folders[-1])

    def refuse(self, origin: Origin, error: EaselError, request_id: str) -> Origin:
        """Leave an error.json for a drop that did not become a job; returns the origin with its folder."""
        origin = self.claim(origin)
        if not self._outdated(origin):
            self._leave_error(origin, {**error_document(error, request_id, DROP_HINTS)})
        return origin

    def write(self, job: Job, answers: Answers) -> None:
        """Leave the result of a job that ended, if it came from a drop. `answers` builds its JSON."""
        origin = job.origin
        if origin is None or self._outdated(origin):
            return
        try:
            document = dict(answers.result(job))
        except EaselError as error:
            told = error_document(error, job.request_id, DROP_HINTS)
            self._leave_error(origin, {"job_id": job.id, "metadata": job.request.metadata, **told})
        else:
            self._leave_images(origin, job, document)

    def _leave_images(self, origin: Origin, job: Job, document: Document) -> None:
        extensions = [image.key.rpartition(".")[2] for image in job.images]
        keys = [f"{origin.folder}{name}" for name in naming.image_names(origin.key, extensions)]
        kept = [(image, key) for image, key in zip(job.images, keys, strict=True) if self._bucket.copy(image, key)]
        self._clear(origin, except_for=[key for _, key in kept])
        self._bucket.delete(_error_key(origin))
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
        self._bucket.put(_result_key(origin), manifest)

    def _leave_error(self, origin: Origin, document: Document) -> None:
        self._clear(origin, except_for=[])
        self._bucket.delete(_result_key(origin))
        self._bucket.put(_error_key(origin), {"object": "drop.error", "source": origin.source(), **document})

    def _outdated(self, origin: Origin) -> bool:
        if outdated := self._claims.newest(origin.folder) > origin.dropped_at:
            log.info("a newer drop has taken the folder", extra={"drop": origin.key, "version": origin.version})
        return outdated

    def _clear(self, origin: Origin, except_for: list[str]) -> None:
        """Delete the images of an older drop."""
        older = self._bucket.get(_result_key(origin)) or {"images": []}
        for image in older["images"]:
            if image["key"] not in except_for:
                self._bucket.delete(image["key"])


def _without_signed_url(image: Document) -> Document:
    return {name: value for name, value in image.items() if name not in ("url", "expires_at")}


def _result_key(origin: Origin) -> str:
    return f"{origin.folder}result.json"


def _error_key(origin: Origin) -> str:
    return f"{origin.folder}error.json"
