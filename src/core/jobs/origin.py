"""Where a job came from, if it came from the inbox."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Origin:
    """A dropped object, its recipe and where its results go.

    `dropped_at` is in Unix seconds; `folder` is where the results go, `recipe_from` where the recipe was found, and
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
        """The object as manifests and events identify it."""
        return {"bucket": self.bucket, "key": self.key, "version_id": self.version, "etag": self.etag}

    def to_event(self) -> dict[str, str | None]:
        """The object and the folder of its results, as events show them."""
        return {**self.source(), "results": self.folder}
