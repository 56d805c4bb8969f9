"""What images cost: a quote before the purchase, the provider's own count after it. Money is whole micro-dollars.

Counts of tokens come from the catalog's formulas and tables. Where one is known only roughly, the catalog has a factor
for it. An upper bound is never exceeded by real usage: it assumes the most expensive quality and the largest size for
`auto`, and a token for each byte of the prompt.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from core.catalog import Family, OutputTokens, Prices
from core.requests import Parameters, Request

_MILLION = 1_000_000
# A prompt is sent with a few more tokens around it.
_PROMPT_OVERHEAD_TOKENS = 6
_BYTES_PER_TOKEN = 4
_USUAL_SIZE = (1024, 1024)
_USUAL_QUALITY = "medium"

Estimate = Literal["expected", "upper"]


@dataclass(frozen=True)
class Usage:
    """Token counts of a purchase, as in `usage` of an ImagesResponse.

    `text_output_tokens`, which are among the `output_tokens`, are what the model thought or wrote besides the images.
    """

    input_tokens: int
    output_tokens: int
    text_input_tokens: int
    image_input_tokens: int
    text_output_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True)
class Quote:
    """What a purchase is expected to cost, and at most, in micro-dollars by the prices of `price_date`."""

    expected: int
    upper_bound: int
    price_date: str
    expected_usage: Usage | None = None
    upper_usage: Usage | None = None


@dataclass(frozen=True)
class ProviderReport:
    """What the provider says in addition to the images: the settings it actually used, and its token count.

    `charge` is what that costs, in micro-dollars, if it is known.
    """

    created: int
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    usage: Usage | None = None
    charge: int | None = None


def actual_cost(usage: Usage | None, request: Request, prices: Prices) -> int | None:
    """The actual cost of a purchase in micro-dollars, by tokens or by image; None if tokens were not counted."""
    if usage is not None:
        return cost_of(usage, prices)
    return request.n * _image_price(request.parameters, prices) if prices.per_image is not None else None


def cost_of(usage: Usage, prices: Prices) -> int:
    """The cost of token counts in micro-dollars, rounded up."""
    parts = (
        usage.text_input_tokens * prices.text_in
        + usage.image_input_tokens * prices.image_in
        + (usage.output_tokens - usage.text_output_tokens) * prices.image_out
        + usage.text_output_tokens * prices.text_out
    )
    return -(-parts // _MILLION)


def quote(request: Request, family: Family, input_images: int) -> Quote:
    """The price of a request with so many input images, before it is bought."""
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


def _usage(request: Request, family: Family, tokens: OutputTokens, input_images: int, estimate: Estimate) -> Usage:
    prompt_bytes = len(request.prompt.encode())
    text = _PROMPT_OVERHEAD_TOKENS + (prompt_bytes if estimate == "upper" else -(-prompt_bytes // _BYTES_PER_TOKEN))
    each = getattr(family.input_tokens.per_image, estimate) if family.input_tokens else 0
    text_in, image_in = request.n * text, request.n * each * input_images
    thought = request.n * getattr(tokens.text, estimate)
    partial = request.partial_images * tokens.partial_image
    return Usage(
        input_tokens=text_in + image_in,
        output_tokens=request.n * _output_tokens(request.parameters, family, tokens, estimate) + partial + thought,
        text_input_tokens=text_in,
        image_input_tokens=image_in,
        text_output_tokens=thought,
    )


def _output_tokens(parameters: Parameters, family: Family, tokens: OutputTokens, estimate: Estimate) -> int:
    """Output tokens of one image, without what the model thinks."""
    quality, size = parameters.get("quality", "auto"), parameters.get("size", "auto")
    if tokens.by_scale is not None:
        images = 1 + (tokens.drafts if estimate == "upper" else 0)
        return images * max(tokens.by_scale[scale] for scale in _scales(size, family, tokens.by_scale, estimate))
    if tokens.table is not None:
        rows = [tokens.table[size]] if size in tokens.table else _choose(list(tokens.table.values()), estimate)
        return max(row[name] for row in rows for name in _qualities(quality, row, estimate))
    grid = tokens.grid or {}
    sizes = _sizes(size, family, estimate)
    percent = tokens.upper_factor_percent if estimate == "upper" else tokens.expected_factor_percent
    return max(
        -(-grid_tokens(width, height, grid[name]) * percent.get(name, 100) // 100)
        for width, height in sizes
        for name in _qualities(quality, grid, estimate)
    )


def _scales(size: str, family: Family, known: Iterable[str], estimate: Estimate) -> list[str]:
    if size != "auto" and family.size:
        return [family.size.ratio_and_scale(size)[1]]
    return _choose(list(known), estimate)


def _choose[Choice](choices: list[Choice], estimate: Estimate) -> list[Choice]:
    return choices if estimate == "upper" else choices[:1]


def _qualities(quality: str, known: Iterable[str], estimate: Estimate) -> list[str]:
    names = list(known)
    if quality in names:
        return [quality]
    return names if estimate == "upper" else [_USUAL_QUALITY]


def _sizes(size: str, family: Family, estimate: Estimate) -> list[tuple[int, int]]:
    if size != "auto":
        width, height = (int(edge) for edge in size.split("x"))
        return [(width, height)]
    flexible = family.size.flexible if family.size else None
    if estimate == "expected" or flexible is None:
        return [_USUAL_SIZE]
    edge = int(flexible.max_pixels**0.5)  # For a given number of pixels, a square takes the most tokens.
    return [(edge, edge)]


def grid_tokens(width: int, height: int, factor: int) -> int:
    """Output tokens of an image that is drawn in patches; `factor` is the quality's number of them along an edge.

    Source: OpenAI's price calculator, as reconstructed at community.openai.com/t/1382699. It yields the published
    prices.
    """
    long, short = max(width, height), min(width, height)
    patches = (2 * factor * short + long) // (2 * long)
    return -(-factor * patches * (2_000_000 + width * height) // 4_000_000)
