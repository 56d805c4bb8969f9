"""The bytes of images, in the private images bucket."""

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, urlsplit

from botocore.exceptions import ClientError

from core.images.model import Image, image_keys
from core.images.previews import Preview
from core.objects import is_missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class SignedUrl:
    """A URL that anybody can download from until `expires_at` (Unix seconds)."""

    url: str
    expires_at: int


class ImageStore:
    """Stores the bytes of images as they were received."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, image: Image, data: bytes | bytearray) -> None:
        """Store the bytes unchanged, so that provenance marks stay intact. S3 compares them with their checksum."""
        self._client.put_object(
            Bucket=self._bucket,
            Key=image.key,
            Body=cast(bytes, data),  # botocore accepts a bytearray, too; its types do not say so
            ContentType=image.content_type,
            CacheControl="private, max-age=31536000, immutable",
            ContentDisposition=image.disposition,
            ChecksumSHA256=b64encode(bytes.fromhex(image.sha256)).decode(),
            Metadata={"sha256": image.sha256, "job": image.job_id},
        )

    def read(self, image: Image) -> bytes:
        """The image's bytes."""
        return self._client.get_object(Bucket=self._bucket, Key=image.key)["Body"].read()

    def find(self, image_id: str) -> bytes | None:
        """The bytes that are stored under an id, of whatever type; None if there are none."""
        for key in image_keys(image_id):
            try:
                return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as error:
                if not is_missing(error):
                    raise
        return None

    def delete(self, key: str) -> None:
        """Delete an object, if it exists."""
        self._client.delete_object(Bucket=self._bucket, Key=key)


class ImageLinks:
    """Signs download URLs, anew for each answer; they are never stored."""

    def __init__(self, client: "S3Client", bucket: str, ttl_seconds: int) -> None:
        self._client = client
        self._bucket = bucket
        self._ttl_seconds = ttl_seconds

    @property
    def origin(self) -> str:
        """The web origin of the signed URLs."""
        params = {"Bucket": self._bucket, "Key": "images/any"}
        parts = urlsplit(self._client.generate_presigned_url("get_object", Params=params))
        return f"{parts.scheme}://{parts.netloc}"

    def sign(self, image: Image | Preview, now: float, *, head: bool = False, save_as: str | None = None) -> SignedUrl:
        """A URL that works from now for the configured time, or until the image expires.

        It works for GET, or with `head` for HEAD, since the method is part of the signature. With `save_as`, a browser
        saves the image under that name.
        """
        ttl = max(1, min(self._ttl_seconds, image.expires_at - int(now)))
        params = {
            "Bucket": self._bucket,
            "Key": image.key,
            # Said here as well, since older versions stored images without it.
            "ResponseContentDisposition": image.disposition if save_as is None else attachment(save_as),
            # S3 sends CORS headers only to a request with an Origin, which an <img> does not send. A browser must not
            # answer a page's fetch from what it stored for its <img>; asked again, S3 says that nothing has changed.
            "ResponseCacheControl": "private, no-cache",
        }
        url = self._client.generate_presigned_url("head_object" if head else "get_object", Params=params, ExpiresIn=ttl)
        return SignedUrl(url, int(now) + ttl)


def attachment(name: str) -> str:
    """The header Content-Disposition that saves a file under a name (RFC 6266), which may be in any language."""
    plain = re.sub(r'[^\x20-\x7e]|["\\\\%]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def permalink(base_url: str, image: Image) -> str:
    """The URL that redirects to a freshly signed one for as long as the image exists."""
    return f"{base_url}/i/{image.id}"


class Permalinks:
    """Permalinks instead of signed URLs, for answers that are kept: they work as long as the image exists."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def sign(self, image: Image, now: float) -> SignedUrl:  # noqa: ARG002 - the same at any time
        """The permalink of an image."""
        return SignedUrl(permalink(self._base_url, image), image.expires_at)
