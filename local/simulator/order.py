"""A valid request: typed values, and what `auto` means for it."""

from dataclasses import dataclass
from typing import Any

from PIL import Image

from local.simulator.catalog import (
    AUTO_QUALITY,
    DEFAULT_COMPRESSION,
    GIF_DEFAULT_FRAME_MS,
    GIF_DEFAULT_FRAMES,
    GIF_STEPS,
    Endpoint,
    Family,
)

_SHAPE_WORDS = {
    "landscape": (1536, 1024),
    "wide": (1536, 1024),
    "panorama": (1536, 1024),
    "portrait": (1024, 1536),
    "poster": (1024, 1536),
    "tall": (1024, 1536),
}
_SQUARE_UP_TO = 1.2


@dataclass(frozen=True)
class Order:
    """One image call. Optional values that the caller left out are None."""

    endpoint: Endpoint
    model: str
    family: Family
    prompt: str
    n: int = 1
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    complexity: str | None = None
    frame_count: int | None = None
    frame_duration_ms: int | None = None
    input_fidelity: str | None = None
    moderation: str | None = None
    output_compression: int | None = None
    output_format: str | None = None
    partial_images: int | None = None
    response_format: str | None = None
    safety_identifier: str | None = None
    stream: bool = False
    style: str | None = None
    svg: dict[str, Any] | None = None
    user: str | None = None
    inputs: tuple[Image.Image, ...] = ()
    mask: Image.Image | None = None
    markup: Image.Image | None = None

    @property
    def format(self) -> str:
        """The output format; png by default."""
        return self.output_format or "png"

    @property
    def compression(self) -> int:
        """The compression of webp and jpeg, 0 to 100."""
        return DEFAULT_COMPRESSION if self.output_compression is None else self.output_compression

    @property
    def frames(self) -> int:
        """The frames of an animation; 1 for a still image."""
        return (self.frame_count or GIF_DEFAULT_FRAMES) if self.format == "gif" else 1

    @property
    def frame_ms(self) -> int:
        """The duration of a frame in milliseconds, in steps of 10."""
        duration = self.frame_duration_ms or GIF_DEFAULT_FRAME_MS
        return max(10, round(duration / 10) * 10)

    @property
    def transparent(self) -> bool:
        """Whether the background is transparent."""
        return self.background == "transparent"

    @property
    def actual_quality(self) -> str:
        """The quality that is drawn and billed; never `auto`."""
        if self.quality is None or self.quality == "auto":
            return "standard" if self.family.dalle else AUTO_QUALITY
        return self.quality

    @property
    def actual_size(self) -> tuple[int, int]:
        """The width and height that are drawn and billed."""
        if self.size is not None and self.size != "auto":
            width, height = self.size.split("x")
            return int(width), int(height)
        if self.format == "gif":
            edge = next(edge for limit, edge in GIF_STEPS if self.frames <= limit)
            return edge, edge
        if self.family.dalle:
            return 1024, 1024
        if self.inputs:
            return _like(self.inputs[0])
        words = self.prompt.lower().split()
        return next((_SHAPE_WORDS[word] for word in words if word in _SHAPE_WORDS), (1024, 1024))


def _like(image: Image.Image) -> tuple[int, int]:
    ratio = image.width / image.height
    if ratio > _SQUARE_UP_TO:
        return 1536, 1024
    return (1024, 1536) if ratio < 1 / _SQUARE_UP_TO else (1024, 1024)
