"""Uploads: how a caller sends an input image that is too large for a request body.

A signed form can be used several times until it expires, so the bytes behind an id could change between two uses. The
first use therefore pins the object's ETag, and later uses require it: an upload stands for one image.
"""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from core.callers.model import BrowserToken, Caller
from core.callers.use_counts import UseCounts
from core.errors import BudgetExceeded, Hint, InvalidRequest, NotFound
from core.images.inspection import MAX_BYTES
from core.uploads.store import StoredUpload, Upload, UploadBucket, UploadChanged, UploadForm, UploadStore
from core.validation import Body

_is_upload_id = re.compile(r"file_[0-9a-f]{32}").fullmatch

FORM_SECONDS = 900
KEPT_SECONDS = 86400


class UploadBody(Body):
    """The JSON body of POST /v1/uploads."""

    example = '{"content_type": "image/png"}'

    content_type: Literal["image/png", "image/jpeg", "image/webp"]
    """The type of the file."""
    bytes: int | None = Field(default=None, ge=1, le=MAX_BYTES)
    """Its exact or maximum size in bytes, if known."""
    filename: str | None = Field(default=None, max_length=255)
    """Free-form label; not interpreted."""


@dataclass(frozen=True)
class OpenedUpload:
    """An upload that can be used, as an object in the images bucket. Read it with If-Match on its `etag`."""

    key: str
    etag: str
    size: int
    content_type: str


class Uploads:
    """Creates, reads and deletes uploads."""

    def __init__(self, records: UploadStore, bucket: UploadBucket, counts: UseCounts) -> None:
        self._records = records
        self._bucket = bucket
        self._counts = counts

    def create(self, caller: Caller, document: Mapping[str, Any]) -> tuple[Upload, UploadForm]:
        """A new upload, and the form that sends its bytes.

        Raises:
            InvalidRequest: the document is not a valid UploadBody.
            BudgetExceeded: a browser token has made all its uploads.
        """
        body = UploadBody.read(document)
        if caller.token:
            self._count(caller.token)
        now = int(time.time())
        upload = Upload(
            id="file_" + secrets.token_hex(16),
            caller_id=caller.id,
            content_type=body.content_type,
            max_bytes=body.bytes or MAX_BYTES,
            created_at=now,
            expires_at=now + KEPT_SECONDS,
            filename=body.filename,
            token_id=caller.token.id if caller.token else None,
        )
        self._records.add(upload)
        return upload, self._bucket.form(upload, now, FORM_SECONDS)

    def read(self, caller: Caller, upload_id: str) -> tuple[Upload, StoredUpload | None]:
        """A caller's upload, and its bytes if they have arrived.

        Raises:
            NotFound: there is no such upload, it is another caller's, or it was deleted or has expired.
        """
        upload = self._owned(caller, upload_id)
        return upload, self._bucket.find(upload)

    def open(self, caller: Caller, upload_id: str, *, param: str = "id") -> OpenedUpload:
        """An upload for use as the input that `param` names.

        Raises:
            NotFound: there is no such upload, it is another caller's, or it was deleted or has expired.
            InvalidRequest: nothing has arrived yet, or the bytes have changed since the first use.
        """
        upload = self._owned(caller, upload_id, param)
        stored = self._bucket.find(upload)
        if stored is None:
            raise InvalidRequest(
                f"The bytes of '{upload.id}' have not arrived yet. Send the file with the form that came with this id.",
                param=param,
                code="upload_pending",
            )
        if upload.etag != stored.etag:
            try:
                self._records.pin(upload, stored.etag)
            except UploadChanged:
                raise InvalidRequest(
                    f"The bytes of '{upload.id}' have changed since its first use. Create a new upload for "
                    "another file.",
                    param=param,
                    code="upload_changed",
                ) from None
        return OpenedUpload(upload.key, stored.etag, stored.size, upload.content_type)

    def delete(self, caller: Caller, upload_id: str) -> None:
        """Delete an upload. The bytes go first, so that after a crash the record still allows another attempt.

        Raises:
            NotFound: there is no such upload, it is another caller's, or it was deleted before.
        """
        upload = self._owned(caller, upload_id)
        self._bucket.delete(upload)
        self._records.delete(upload)

    def _count(self, token: BrowserToken) -> None:
        if not self._counts.count_upload(token.id, token.max_uploads):
            raise BudgetExceeded(
                f"This browser token has made all of its {token.max_uploads} uploads. The page must get a new token.",
                code="token_used_up",
            )

    def _owned(self, caller: Caller, upload_id: str, param: str = "id") -> Upload:
        upload = self._records.get(upload_id) if _is_upload_id(upload_id) else None
        if upload is None or not caller.owns(upload) or upload.expires_at <= time.time():
            raise NotFound(
                f"There is no upload '{upload_id[:64]}'. An upload is kept for one day.",
                hint=Hint.CREATE_UPLOAD,
                param=param,
            )
        return upload
