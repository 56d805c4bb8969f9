"""Previews: drafts of an image that its provider sends while it makes the image. They are stored for a day."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from core.images.model import disposition_of, read_header
from core.objects import is_missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The bucket's lifecycle deletes what is under previews/ on the day after.
KEPT_SECONDS = 86400
_EXTENSIONS = {"jpeg": "jpg"}


@dataclass(frozen=True)
class Preview:
    """A stored preview, the `index`-th of its job, counted from 0. `width` and `height` in pixels.

    It is shown until `expires_at` (Unix seconds), a day after its job was accepted.
    """

    index: int
    key: str
    content_type: str
    width: int
    height: int
    expires_at: int

    @property
    def disposition(self) -> str:
        """The header Content-Disposition to serve it with."""
        return disposition_of(self.content_type)


def preview_keys(job_id: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Where the previews of a request with these parameters are stored, however many of them will come.

    Nothing is stored under another key. So whoever knows the job can delete all of them, although a crash may have
    come between a preview and its entry in the job.
    """
    output_format = parameters.get("output_format", "png")
    extension = _EXTENSIONS.get(output_format, output_format)
    return tuple(f"previews/{job_id}/{index}.{extension}" for index in range(parameters.get("partial_images", 0)))


def describe_preview(data: bytes | bytearray, index: int, key: str, expires_at: int) -> Preview:
    """The record of a preview, read from its bytes.

    Raises:
        NotAnImage: the bytes are not an image, or its header is corrupt.
    """
    header = read_header(data)
    return Preview(index, key, header.content_type, header.width, header.height, expires_at)


class PreviewStore:
    """Stores the bytes of previews in the images bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, preview: Preview, data: bytes | bytearray) -> None:
        """Store a preview, over an earlier one of the same job and index."""
        self._client.put_object(
            Bucket=self._bucket,
            Key=preview.key,
            Body=cast(bytes, data),  # botocore accepts a bytearray, too; its types do not say so
            ContentType=preview.content_type,
            CacheControl="private, no-cache",
            ContentDisposition=preview.disposition,
        )

    def read(self, preview: Preview) -> bytes | None:
        """The preview's bytes; None if it was deleted or has expired."""
        try:
            return self._client.get_object(Bucket=self._bucket, Key=preview.key)["Body"].read()
        except ClientError as error:
            if is_missing(error):
                return None
            raise
