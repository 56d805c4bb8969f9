"""Encodes images as files."""

import io

from PIL import Image

from local.simulator.order import Order

_GIF_COLORS = 96


def encode(frames: list[Image.Image], order: Order, *, fast: bool) -> bytes:
    """A file in the format of the order; only a gif has more than one frame."""
    buffer = io.BytesIO()
    image = frames[0]
    match order.format:
        case "png":
            image.save(buffer, "PNG", compress_level=1)
        case "jpeg":
            image.convert("RGB").save(buffer, "JPEG", quality=order.compression)
        case "webp":
            lossy = image.convert("RGBA" if image.mode == "RGBA" else "RGB")
            method = 0 if fast else 2
            lossy.save(buffer, "WEBP", quality=order.compression, method=method)
        case "gif":
            indexed = [_indexed(frame) for frame in frames]
            indexed[0].save(
                buffer,
                "GIF",
                save_all=True,
                append_images=indexed[1:],
                duration=order.frame_ms,
                loop=0,
                optimize=False,
            )
    return buffer.getvalue()


def _indexed(frame: Image.Image) -> Image.Image:
    if frame.mode == "P":
        return frame
    return frame.quantize(_GIF_COLORS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
