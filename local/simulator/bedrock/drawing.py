"""What each model makes of a request. A tool changes what it is asked to change, and nothing else."""

import io
from collections.abc import Callable
from dataclasses import replace

from PIL import Image, ImageChops, ImageFilter, ImageOps, ImageStat

from local.simulator import art
from local.simulator.bedrock.models import RATIOS
from local.simulator.bedrock.rules import Wish
from local.simulator.catalog import VERSIONS
from local.simulator.order import Order

_UPSCALED = 4
_LARGEST_EDGE = 4096
_BACKGROUND_TOLERANCE = 40


def draw(wish: Wish, *, plain: bool) -> bytes:
    """The image of a request, as a file in its format."""
    image = _DRAWN[wish.model.does](wish, plain)
    file = io.BytesIO()
    if wish.format == "jpeg":
        image.convert("RGB").save(file, "JPEG", quality=90)
    else:
        image.save(file, wish.format.upper(), **({"compress_level": 1} if wish.format == "png" else {"method": 0}))
    return file.getvalue()


def _drawn(wish: Wish, plain: bool) -> Image.Image:
    if wish.images:
        return _retouched(wish, plain)
    return _painted(wish, RATIOS[str(wish.fields.get("aspect_ratio", "1:1"))], plain)


def _painted(wish: Wish, size: tuple[int, int], plain: bool, *inputs: Image.Image) -> Image.Image:
    order = Order(
        endpoint="edits" if inputs else "generations",
        model=wish.name.removeprefix("us."),
        family=VERSIONS["gpt-image-2"][1],
        prompt=wish.prompt or wish.model.does,
        size=f"{size[0]}x{size[1]}",
        quality="low",
        output_format="png",
        inputs=inputs,
    )
    return Image.open(io.BytesIO(art.draw(order, plain=plain))).convert("RGB")


def _retouched(wish: Wish, plain: bool) -> Image.Image:
    ratio = wish.fields.get("aspect_ratio")
    size = RATIOS[str(ratio)] if ratio else wish.images[0].size
    return _painted(wish, size, plain, *(image.convert("RGB") for image in wish.images))


def _inpainted(wish: Wish, plain: bool) -> Image.Image:
    base = wish.images[0].convert("RGB")
    return Image.composite(_painted(wish, base.size, plain), base, _area(wish))


def _erased(wish: Wish, _: bool) -> Image.Image:
    """The masked area in the usual colour of the rest."""
    base, area = wish.images[0].convert("RGB"), _area(wish)
    usual = tuple(round(value) for value in ImageStat.Stat(base, ImageOps.invert(area)).mean)
    return Image.composite(Image.new("RGB", base.size, usual), base, area)


def _area(wish: Wish) -> Image.Image:
    """The mask, grown as asked."""
    area, grown = wish.mask or Image.new("L", wish.images[0].size), int(wish.fields.get("grow_mask", 0))
    return area.filter(ImageFilter.MaxFilter(2 * grown + 1)) if grown else area


def _without_background(wish: Wish, _: bool) -> Image.Image:
    """Transparent wherever the colour is about that of the corners."""
    image = wish.images[0].convert("RGBA")
    plain = image.convert("RGB")
    subject = Image.new("L", image.size)
    corners = [(x, y) for x in (0, image.width - 1) for y in (0, image.height - 1)]
    differences = []
    for corner in corners:
        ground = Image.new("RGB", image.size, plain.getpixel(corner))
        differences.append(ImageChops.difference(plain, ground).convert("L"))
    least = differences[0]
    for difference in differences[1:]:
        least = ImageChops.darker(least, difference)
    subject = least.point(lambda value: 255 if value > _BACKGROUND_TOLERANCE else 0)
    image.putalpha(ImageChops.darker(subject, image.getchannel("A")))
    return image


def _recolored(wish: Wish, plain: bool) -> Image.Image:
    base = wish.images[0].convert("RGB")
    colors = _painted(wish, base.size, plain).resize((2, 1)).getpixel((0, 0))
    toned = ImageOps.colorize(base.convert("L"), "black", _hex(colors))
    return Image.blend(base, toned, 0.6)


def _hex(color: object) -> str:
    red, green, blue = color if isinstance(color, tuple) else (128, 128, 128)
    return f"#{int(red):02x}{int(green):02x}{int(blue):02x}"


def _outpainted(wish: Wish, plain: bool) -> Image.Image:
    """A larger canvas, with the image where it was."""
    base = wish.images[0].convert("RGB")
    left, right, up, down = (int(wish.fields.get(side, 0)) for side in ("left", "right", "up", "down"))
    canvas = _painted(wish, (base.width + left + right, base.height + up + down), plain)
    canvas.paste(base, (left, up))
    return canvas


def _upscaled(wish: Wish, _: bool) -> Image.Image:
    image = wish.images[0]
    factor = min(_UPSCALED, _LARGEST_EDGE / max(image.size))
    return image.convert("RGB").resize(
        (round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC
    )


def _replaced(wish: Wish, plain: bool) -> Image.Image:
    """The middle is taken for what was searched."""
    base = wish.images[0].convert("RGB")
    area = Image.new("L", base.size)
    box = (base.width // 4, base.height // 4, base.width * 3 // 4, base.height * 3 // 4)
    area.paste(255, box)
    return _inpainted(replace(wish, mask=area), plain)


_DRAWN: dict[str, Callable[[Wish, bool], Image.Image]] = {
    "draw": _drawn,
    "retouch": _retouched,
    "inpaint": _inpainted,
    "erase": _erased,
    "remove background": _without_background,
    "replace": _replaced,
    "recolor": _recolored,
    "outpaint": _outpainted,
    "upscale": _upscaled,
}
