"""What a call costs: the token formulas, the usage object, and the charge in micro-dollars."""

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from PIL import Image

from local.simulator.catalog import OUTPUT_TOKENS, PARTIAL_IMAGE_TOKENS
from local.simulator.order import Order

_PIECES = re.compile(r"[A-Za-z]+|[0-9]{1,3}|\s+|.", re.DOTALL)
_PROMPT_OVERHEAD = 6

_PATCH = 32
_PATCHES_MAX = 1536
_SCALED_EDGE_MIN = 1024

# The older families scale the short side of an input to 512 px, and count tiles of 512 px. High fidelity adds a fixed
# amount, which depends on whether the image is square.
_TILE = 512
_TILED_EDGE_MAX = 2048
_TILE_BASE_TOKENS = 65
_TILE_TOKENS = 129
_FIDELITY_TOKENS = (4160, 6240)


@dataclass(frozen=True)
class Usage:
    """Tokens of one call, all its images together."""

    text_in: int
    image_in: int
    image_out: int

    def body(self, *, streamed: bool = False) -> dict[str, Any]:
        """The `usage` object; that of stream events has no output details."""
        total_in = self.text_in + self.image_in
        usage: dict[str, Any] = {
            "total_tokens": total_in + self.image_out,
            "input_tokens": total_in,
            "output_tokens": self.image_out,
            "input_tokens_details": {"text_tokens": self.text_in, "image_tokens": self.image_in},
        }
        if not streamed:
            usage["output_tokens_details"] = {"text_tokens": 0, "image_tokens": self.image_out}
        return usage


def usage_of(order: Order) -> Usage:
    """The tokens of an order: n images are billed like n calls for one."""
    partial = PARTIAL_IMAGE_TOKENS * (order.partial_images or 0)
    return Usage(
        text_in=order.n * (text_tokens(order.prompt) + _PROMPT_OVERHEAD),
        image_in=order.n * sum(_input_tokens(order, image) for image in order.inputs),
        image_out=order.n * (output_tokens(order) + partial),
    )


def charge_of(order: Order) -> int:
    """The cost of an order in micro-dollars, rounded up."""
    family = order.family
    if family.prices is None:
        size = "{}x{}".format(*order.actual_size)
        price = next(
            usd for quality, its_size, usd in family.image_prices if (quality, its_size) == (order.actual_quality, size)
        )
        return int(price * order.n * 1_000_000)
    usage, prices = usage_of(order), family.prices
    total = usage.text_in * prices.text_in + usage.image_in * prices.image_in + usage.image_out * prices.image_out
    return int(total.to_integral_value(ROUND_CEILING))


def text_tokens(text: str) -> int:
    """Approximate tokens of a text: one for a short word, one per six letters of a long one."""
    return sum(_piece_tokens(piece) for piece in _PIECES.findall(text))


def _piece_tokens(piece: str) -> int:
    if piece.isspace():
        return 1 if "\n" in piece else 0
    return 1 if len(piece) <= 8 else _ceil_div(len(piece), 6)


def output_tokens(order: Order) -> int:
    """Output tokens of one finished image."""
    quality, (width, height) = order.actual_quality, order.actual_size
    factors = order.family.patch_factors
    if not factors:
        return OUTPUT_TOKENS[f"{width}x{height}"][quality]
    tokens = _patch_tokens(factors[quality], width, height)
    if quality in ("low", "medium"):
        tokens = int(Decimal(tokens) * order.family.draft_factor)
    return tokens


def _patch_tokens(factor: int, width: int, height: int) -> int:
    long, short = max(width, height), min(width, height)
    other = (2 * factor * short + long) // (2 * long)
    return _ceil_div(factor * other * (2_000_000 + width * height), 4_000_000)


def _input_tokens(order: Order, image: Image.Image) -> int:
    if order.family.dalle:
        return 0
    return _patched_input(image) if order.family.patch_factors else _tiled_input(order, image)


def _patched_input(image: Image.Image) -> int:
    scale = max(1.0, _SCALED_EDGE_MIN / max(image.size))
    columns, rows = (_ceil_div(round(edge * scale), _PATCH) for edge in image.size)
    return min(_PATCHES_MAX, columns * rows)


def _tiled_input(order: Order, image: Image.Image) -> int:
    fit = min(1.0, _TILED_EDGE_MAX / max(image.size))
    scale = min(fit, _TILE / min(image.size))
    columns, rows = (_ceil_div(max(1, round(edge * scale)), _TILE) for edge in image.size)
    tokens = _TILE_BASE_TOKENS + _TILE_TOKENS * columns * rows
    if order.input_fidelity == "high":
        tokens += _FIDELITY_TOKENS[0 if image.width == image.height else 1]
    return tokens


def _ceil_div(value: int, by: int) -> int:
    return -(-value // by)
