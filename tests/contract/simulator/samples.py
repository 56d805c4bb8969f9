"""Image files to send."""

import io
from typing import Any

from PIL import Image


def picture(
    size: tuple[int, int] = (64, 64),
    kind: str = "PNG",
    color: tuple[int, ...] = (200, 30, 30),
    **options: Any,
) -> bytes:
    """An image file of one colour; four numbers make it one with alpha."""
    buffer = io.BytesIO()
    Image.new("RGBA" if len(color) == 4 else "RGB", size, color).save(buffer, kind, **options)
    return buffer.getvalue()
