"""Input images that are already objects in S3."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredObject:
    """The state of an object at one moment; `size` in bytes. Without a `bucket` it is in the images bucket."""

    key: str
    etag: str
    size: int
    bucket: str | None = None
    version: str | None = None

    @property
    def name(self) -> str:
        """A name that is the same for the same bytes at the same place, and different for others."""
        place = f"s3://{self.bucket}/{self.key}" if self.bucket else self.key
        return f"{place} {self.version or self.etag}"
