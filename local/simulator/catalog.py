"""What the simulated provider offers, as data: models, their limits, prices and lifecycle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

Endpoint = Literal["generations", "edits"]

MIB = 1024 * 1024
IMAGE_MAX_BYTES = 50 * MIB
MASK_MAX_BYTES = 4 * MIB
DATA_URL_MAX_CHARS = 20_971_520
EDIT_IMAGES_MAX = 16

# Explicit sizes of the flexible families.
EDGE_STEP = 16
EDGE_MAX = 3840
RATIO_MAX = 3
AREA_MIN = 655_360
AREA_MAX = 8_294_400

# The frames of an animation share AREA_MAX in steps: (maximum of frames, edge of the square that `auto` means).
GIF_STEPS = ((9, 960), (12, 816), (16, 720))
GIF_DEFAULT_FRAMES = 9
GIF_DEFAULT_FRAME_MS = 200

DEFAULT_COMPRESSION = 100
AUTO_QUALITY = "medium"
PARTIAL_IMAGE_TOKENS = 100


@dataclass(frozen=True)
class Parameter:
    """The type and values of a request parameter, the same for every model."""

    kind: Literal["string", "integer", "boolean", "object", "images", "image"]
    values: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None


PARAMETERS: dict[str, Parameter] = {
    "background": Parameter("string", ("transparent", "opaque", "auto")),
    "complexity": Parameter("string", ("low", "medium", "high")),
    "frame_count": Parameter("integer", low=2, high=16),
    "frame_duration_ms": Parameter("integer", low=1, high=655_350),
    "image": Parameter("images"),
    "images": Parameter("images"),
    "input_fidelity": Parameter("string", ("high", "low")),
    "markup": Parameter("image"),
    "mask": Parameter("image"),
    "model": Parameter("string"),
    "moderation": Parameter("string", ("low", "auto")),
    "n": Parameter("integer", low=1, high=10),
    "output_compression": Parameter("integer", low=0, high=100),
    "output_format": Parameter("string"),
    "partial_images": Parameter("integer", low=0, high=3),
    "prompt": Parameter("string"),
    "quality": Parameter("string"),
    "response_format": Parameter("string", ("url", "b64_json")),
    "safety_identifier": Parameter("string"),
    "size": Parameter("string"),
    "stream": Parameter("boolean"),
    "style": Parameter("string", ("vivid", "natural")),
    "svg": Parameter("object"),
    "user": Parameter("string"),
}
SVG_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True)
class TokenPrices:
    """US dollars per million tokens."""

    text_in: Decimal
    image_in: Decimal
    image_out: Decimal


@dataclass(frozen=True)
class Version:
    """One callable name of a family."""

    name: str
    created: date
    shutdown: date | None = None

    def retired(self, today: date) -> bool:
        """Whether the model has been shut down."""
        return self.shutdown is not None and today >= self.shutdown


@dataclass(frozen=True)
class Family:
    """Models with the same rules.

    `sizes` is empty for families with flexible sizes, which count output tokens with `patch_factors` (per quality); the
    others use OUTPUT_TOKENS. `draft_factor` multiplies the tokens of low and medium quality. `image_prices` (quality,
    size, US dollars) is the price list of the DALL-E models.
    """

    versions: tuple[Version, ...]
    generations: frozenset[str]
    edits: frozenset[str] = frozenset()
    prompt_max: int = 32_000
    n_max: int = 10
    sizes: tuple[str, ...] = ()
    qualities: tuple[str, ...] = ("low", "medium", "high", "auto")
    formats: tuple[str, ...] = ("png", "webp", "jpeg")
    input_fidelity: tuple[str, ...] = ()
    complexity: bool = False
    markup: bool = False
    dalle: bool = False
    patch_factors: Mapping[str, int] = field(default_factory=dict)
    draft_factor: Decimal = Decimal(1)
    prices: TokenPrices | None = None
    image_prices: tuple[tuple[str, str, Decimal], ...] = ()

    def parameters(self, endpoint: Endpoint) -> frozenset[str]:
        """The parameters of this family at an endpoint; empty if it does not support the endpoint."""
        return self.generations if endpoint == "generations" else self.edits


_EVERYWHERE = frozenset({"model", "prompt", "n", "size", "quality", "user", "safety_identifier"})
_GPT = _EVERYWHERE | {
    "background",
    "complexity",
    "frame_count",
    "frame_duration_ms",
    "moderation",
    "output_compression",
    "output_format",
    "partial_images",
    "stream",
    "svg",
}
_EDIT_INPUTS = frozenset({"image", "images", "mask"})
_GPT_EDITS = _GPT | _EDIT_INPUTS | {"input_fidelity", "markup"}

_STANDARD_SIZES = ("1024x1024", "1024x1536", "1536x1024", "auto")
_LOW_TO_MAX = ("low", "medium", "high", "xhigh", "max", "auto")
_FACTORS_TO_HIGH = {"low": 16, "medium": 48, "high": 96}
_FACTORS_TO_MAX = {"low": 16, "medium": 24, "high": 48, "xhigh": 64, "max": 96}

# Prices as listed on 2026-11-22.
_CURRENT = TokenPrices(Decimal("5.00"), Decimal("8.00"), Decimal("30.00"))

FAMILIES: tuple[Family, ...] = (
    Family(
        versions=(Version("dall-e-2", date(2023, 11, 1), date(2026, 5, 12)),),
        generations=_EVERYWHERE | {"response_format"},
        edits=_EVERYWHERE | {"response_format", "image", "mask"},
        prompt_max=1000,
        sizes=("256x256", "512x512", "1024x1024"),
        qualities=("standard",),
        formats=("png",),
        dalle=True,
        image_prices=(
            ("standard", "256x256", Decimal("0.016")),
            ("standard", "512x512", Decimal("0.018")),
            ("standard", "1024x1024", Decimal("0.020")),
        ),
    ),
    Family(
        versions=(Version("dall-e-3", date(2023, 10, 31), date(2026, 5, 12)),),
        generations=_EVERYWHERE | {"response_format", "style"},
        prompt_max=4000,
        n_max=1,
        sizes=("1024x1024", "1792x1024", "1024x1792"),
        qualities=("standard", "hd"),
        formats=("png",),
        dalle=True,
        image_prices=(
            ("standard", "1024x1024", Decimal("0.040")),
            ("standard", "1792x1024", Decimal("0.080")),
            ("standard", "1024x1792", Decimal("0.080")),
            ("hd", "1024x1024", Decimal("0.080")),
            ("hd", "1792x1024", Decimal("0.120")),
            ("hd", "1024x1792", Decimal("0.120")),
        ),
    ),
    Family(
        versions=(Version("gpt-image-1", date(2025, 4, 23), date(2026, 10, 23)),),
        generations=_GPT,
        edits=_GPT_EDITS,
        sizes=_STANDARD_SIZES,
        input_fidelity=("high", "low"),
        prices=TokenPrices(Decimal("5.00"), Decimal("10.00"), Decimal("40.00")),
    ),
    Family(
        versions=(Version("gpt-image-1-mini", date(2025, 10, 6), date(2026, 12, 1)),),
        generations=_GPT,
        edits=_GPT_EDITS,
        sizes=_STANDARD_SIZES,
        input_fidelity=("low",),
        prices=TokenPrices(Decimal("2.00"), Decimal("2.50"), Decimal("8.00")),
    ),
    Family(
        versions=(
            Version("gpt-image-1.5", date(2025, 12, 16), date(2026, 12, 1)),
            Version("gpt-image-1.5-2025-12-16", date(2025, 12, 16), date(2026, 12, 1)),
            Version("chatgpt-image-latest", date(2025, 12, 16), date(2026, 12, 1)),
        ),
        generations=_GPT,
        edits=_GPT_EDITS,
        sizes=_STANDARD_SIZES,
        input_fidelity=("high", "low"),
        prices=TokenPrices(Decimal("5.00"), Decimal("8.00"), Decimal("32.00")),
    ),
    Family(
        versions=(
            Version("gpt-image-2", date(2026, 4, 21)),
            Version("gpt-image-2-2026-04-21", date(2026, 4, 21)),
        ),
        generations=_GPT,
        edits=_GPT_EDITS,
        patch_factors=_FACTORS_TO_HIGH,
        prices=_CURRENT,
    ),
    Family(
        versions=(
            Version("gpt-image-2.5-sunburst", date(2026, 9, 8)),
            Version("gpt-image-2.5-sunburst-2026-09-08", date(2026, 9, 8)),
            Version("gpt-image-2.5-flare", date(2026, 9, 8)),
            Version("gpt-image-2.5-flare-2026-09-08", date(2026, 9, 8)),
        ),
        generations=_GPT,
        edits=_GPT_EDITS,
        qualities=_LOW_TO_MAX,
        patch_factors=_FACTORS_TO_MAX,
        markup=True,
        prices=_CURRENT,
    ),
    Family(
        versions=(
            Version("gpt-image-2.6-sunburst", date(2026, 11, 4)),
            Version("gpt-image-2.6-flare", date(2026, 11, 4)),
        ),
        generations=_GPT,
        edits=_GPT_EDITS,
        qualities=_LOW_TO_MAX,
        patch_factors=_FACTORS_TO_MAX,
        formats=("png", "webp", "jpeg", "gif", "svg"),
        complexity=True,
        markup=True,
        # Low and medium quality were measured at 3 to 4 times the tokens of 2.5; this is the middle.
        draft_factor=Decimal("3.5"),
        prices=_CURRENT,
    ),
)

VERSIONS: dict[str, tuple[Version, Family]] = {
    version.name: (version, family) for family in FAMILIES for version in family.versions
}

# Output tokens of the families with fixed sizes; DALL-E models have none.
OUTPUT_TOKENS: dict[str, dict[str, int]] = {
    "1024x1024": {"low": 272, "medium": 1056, "high": 4160},
    "1024x1536": {"low": 408, "medium": 1584, "high": 6240},
    "1536x1024": {"low": 400, "medium": 1568, "high": 6208},
}
