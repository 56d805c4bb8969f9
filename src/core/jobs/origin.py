"""Where a job came from, when it came through the S3 door."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Origin:
    """A dropped object, and what was made of it.

    `dropped_at` in Unix seconds; `folder` is where the results go, `recipe_from` where the recipe was found and
    `recipe` what it said, without the prompt.
    """

    bucket: str
    key: str
    etag: str
    dropped_at: int
    folder: str = ""
    version: str | None = None
    recipe_from: str | None = None
    recipe: dict[str, Any] | None = None

    def source(self) -> dict[str, str | None]:
        """The object, as manifests and events name it."""
        return {"bucket": self.bucket, "key": self.key, "version_id": self.version, "etag": self.etag}

    def to_event(self) -> dict[str, str | None]:
        """The object and where its results are, as events name them."""
        return {**self.source(), "results": self.folder}
