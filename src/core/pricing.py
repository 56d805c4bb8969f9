"""What images cost: a quote before, the provider's own count after. Money is whole micro-dollars.

Token formulas: OpenAI's published calculator and tables as of 2026-11-22; what is known only roughly carries a factor
in the catalog. An upper bound is one that real usage does not pass: the dearest quality for `auto`, the largest size
for `auto`, a token for each byte of the prompt.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from core.catalog import Family, OutputTokens, Prices
from core.requests import Parameters, Request

_MILLION = 1_000_000
# A prompt is sent with a few tokens around it.
_PROMPT_OVERHEAD_TOKENS = 6
_BYTES_PER_TOKEN = 4
_USUAL_SIZE = (1024, 1024)
_USUAL_QUALITY = "medium"

Bound = Literal["expected", "upper"]


@dataclass(frozen=True)
class Usage:
    """Tokens of a purchase. Source: `usage` of OpenAI's ImagesResponse."""

    input_tokens: int
    output_tokens: int
    text_input_tokens: int
    image_input_tokens: int

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True)
class Quote:
    """What a purchase is expected to cost and what it cannot pass, in micro-dollars by prices as of `price_date`."""

    expected: int
    upper_bound: int
    price_date: str
    expected_usage: Usage | None = None
    upper_usage: Usage | None = None


@dataclass(frozen=True)
class ProviderReport:
    """What the provider said beside the images: the settings it really used, and its count of tokens.

    `charge` is what that costs, in micro-dollars, where it can be told.
    """

    created: int
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    usage: Usage | None = None
    charge: int | None = None


def charge_of(usage: Usage | None, request: Request, prices: Prices) -> int | None:
    """Micro-dollars that a purchase cost: by the provider's count, or by the image; None if it was not counted."""
    if usage is not None:
        return cost_of(usage, prices)
    return request.n * _image_price(request.parameters, prices) if prices.per_image is not None else None


def cost_of(usage: Usage, prices: Prices) -> int:
    """Micro-dollars that the usage costs, rounded up."""
    parts = (
        usage.text_input_tokens * prices.text_in
        + usage.image_input_tokens * prices.image_in
        + usage.output_tokens * prices.image_out
    )
    return -(-parts // _MILLION)


def quote(request: Request, family: Family, input_images: int) -> Quote:
    """The price of a request, with that many images to work on, before it is bought."""
    prices = family.prices
    price_date = prices.as_of.isoformat()
    if family.output_tokens is None:
        cost = request.n * _image_price(request.parameters, prices)
        return Quote(cost, cost, price_date)
    expected = _usage(request, family, family.output_tokens, input_images, "expected")
    upper = _usage(request, family, family.output_tokens, input_images, "upper")
    return Quote(cost_of(expected, prices), cost_of(upper, prices), price_date, expected, upper)


def _image_price(parameters: Parameters, prices: Prices) -> int:
    table = prices.per_image or {}
    quality = table.get(parameters.get("quality", "standard")) or {}
    return quality.get(parameters.get("size", "1024x1024")) or max(
        price for row in table.values() for price in row.values()
    )


def _usage(request: Request, family: Family, tokens: OutputTokens, input_images: int, bound: Bound) -> Usage:
    prompt_bytes = len(request.prompt.encode())
    text = _PROMPT_OVERHEAD_TOKENS + (prompt_bytes if bound == "upper" else -(-prompt_bytes // _BYTES_PER_TOKEN))
    each = getattr(family.input_tokens.per_image, bound) if family.input_tokens else 0
    text_in, image_in = request.n * text, request.n * each * input_images
    return Usage(
        input_tokens=text_in + image_in,
        output_tokens=request.n * _output_tokens(request.parameters, family, tokens, bound),
        text_input_tokens=text_in,
        image_input_tokens=image_in,
    )


def _output_tokens(parameters: Parameters, family: Family, tokens: OutputTokens, bound: Bound) -> int:
    """Tokens of one image."""
    quality, size = parameters.get("quality", "auto"), parameters.get("size", "auto")
    if tokens.table is not None:
        rows = [tokens.table[size]] if size in tokens.table else _choose(list(tokens.table.values()), bound)
        return max(row[name] for row in rows for name in _qualities(quality, row, bound))
    grid = tokens.grid or {}
    sizes = _sizes(size, family, bound)
    percent = tokens.upper_factor_percent if bound == "upper" else tokens.expected_factor_percent
    return max(
        -(-grid_tokens(width, height, grid[name]) * percent.get(name, 100) // 100)
        for width, height in sizes
        for name in _qualities(quality, grid, bound)
    )


def _choose[Choice](choices: list[Choice], bound: Bound) -> list[Choice]:
    return choices if bound == "upper" else choices[:1]


def _qualities(quality: str, known: Iterable[str], bound: Bound) -> list[str]:
    names = list(known)
    if quality in names:
        return [quality]
    return names if bound == "upper" else [_USUAL_QUALITY]


def _sizes(size: str, family: Family, bound: Bound) -> list[tuple[int, int]]:
    if size != "auto":
        width, height = (int(edge) for edge in size.split("x"))
        return [(width, height)]
    flexible = family.size.flexible
    if bound == "expected" or flexible is None:
        return [_USUAL_SIZE]
    edge = int(flexible.max_pixels**0.5)  # A square takes the most tokens for its pixels.
    return [(edge, edge)]


def grid_tokens(width: int, height: int, factor: int) -> int:
    """Output tokens of gpt-image-2 and later for an image; `factor` is the quality's number of patches along an edge.

    Source: OpenAI's price calculator, as worked out at community.openai.com/t/1382699; it gives the published prices.
    """
    long, short = max(width, height), min(width, height)
    patches = (2 * factor * short + long) // (2 * long)
    return -(-factor * patches * (2_000_000 + width * height) // 4_000_000)
