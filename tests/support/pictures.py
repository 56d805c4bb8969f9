"""Small images for tests."""

import io
from typing import Any

from PIL import Image

SIZE = (64, 64)


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """The image as a file."""
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def picture(colour: Any = "teal", size: tuple[int, int] = SIZE, format: str = "PNG", mode: str = "RGB") -> bytes:
    """A file of one colour; another colour makes other bytes."""
    return encoded(Image.new(mode, size, colour), format)


def overlay(size: tuple[int, int] = SIZE) -> bytes:
    """A PNG that can be a mask and a markup: a part of it is transparent."""
    image = Image.new("RGBA", size, (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (8, 8, 24, 24))
    return encoded(image)
