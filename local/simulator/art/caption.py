"""The caption: the prompt, wrapped, and a line that says that the image is simulated."""

import re
import unicodedata
from typing import cast

from PIL import Image, ImageDraw, ImageFont

_MISSING = re.compile(r"[^ -~\s]+")
_LINES_MAX = 3
_CHARS_MAX = 400
_Ink = int | tuple[int, ...]

BAND = (15, 18, 28, 190)
BAND_OVER_TEXT = (15, 18, 28, 245)
TEXT = (255, 255, 255, 255)
LABEL = (255, 217, 138, 255)


def draw_caption(
    image: Image.Image,
    prompt: str,
    label: str,
    band: _Ink = BAND,
    text: _Ink = TEXT,
    accent: _Ink = LABEL,
) -> None:
    """Draw the caption along the bottom edge; colours, or palette indices, must match the image's mode."""
    step = text_size(image.size)
    font, small = _font(step), _font(step * 0.75)
    lines = wrapped(prompt, image.size)
    height = round(step * (1.3 * len(lines) + 2.3))
    top = image.height - height
    pen = ImageDraw.Draw(image, "RGBA") if image.mode == "RGB" else ImageDraw.Draw(image)
    pen.rectangle((0, top, image.width, image.height), fill=band)
    for i, line in enumerate(lines):
        pen.text((step, top + step * (0.6 + 1.3 * i)), line, fill=text, font=font)
    pen.text((step, image.height - step * 1.4), label, fill=accent, font=small)


def text_size(size: tuple[int, int]) -> int:
    """The height of the letters in pixels, for an image of that size."""
    return max(12, min(size) // 30)


def wrapped(prompt: str, size: tuple[int, int]) -> list[str]:
    """The first lines of the prompt, limited to the letters of the font; an ellipsis marks a cut."""
    step = text_size(size)
    font, width = _font(step), size[0] - 2 * step
    plain = unicodedata.normalize("NFKD", prompt[:_CHARS_MAX])
    letters = [c for c in plain if not unicodedata.combining(c)]
    clean = _MISSING.sub("...", "".join(letters)).split()
    lines = [""]
    for word in clean:
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > _LINES_MAX or len(prompt) > _CHARS_MAX:
        lines = lines[:_LINES_MAX]
        lines[-1] += " ..."
    return [_fitted(line, font, width) for line in lines]


def _fitted(line: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    while font.getlength(line) > width:
        line = line[: len(line) * 9 // 10 - 1]
    return line


def _font(size: float) -> ImageFont.FreeTypeFont:
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size=size))
