"""The models: what each takes beside what all take, what it costs, and where it is."""

from dataclasses import dataclass, field

_RATIOS = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "21:9": (1536, 640),
    "2:3": (832, 1216),
    "3:2": (1216, 832),
    "4:5": (896, 1088),
    "5:4": (1088, 896),
    "9:16": (768, 1344),
    "9:21": (640, 1536),
}
RATIOS = _RATIOS
_ALL = ("png", "jpeg", "webp")
_DRAWING_REGIONS = ("us-west-2",)
_TOOL_REGIONS = ("us-east-1", "us-east-2", "us-west-2")


@dataclass(frozen=True)
class Field:
    """A field of a body: a number from `low` to `high`, one of `values`, or a text."""

    low: float | None = None
    high: float | None = None
    whole: bool = False
    values: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True)
class BedrockModel:
    """A model. `images` are the names of its input images, `micro_usd` the price of an image."""

    does: str
    micro_usd: int
    fields: dict[str, Field] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    mask: bool = False
    prompt: bool = True
    formats: tuple[str, ...] = _ALL
    default_format: str = "png"
    min_edge: int = 64
    max_edge: int = 16_384
    max_pixels: int = 9_437_184
    max_ratio: float = 100
    regions: tuple[str, ...] = _TOOL_REGIONS


def _number(low: float, high: float, *, whole: bool = False) -> Field:
    return Field(low, high, whole)


_RATIO = {"aspect_ratio": Field(values=tuple(_RATIOS))}
_GROW = {"grow_mask": _number(0, 20, whole=True)}
_ONE = ("image",)
_PRESETS = Field(
    values=(
        "enhance",
        "anime",
        "photographic",
        "digital-art",
        "comic-book",
        "fantasy-art",
        "line-art",
        "analog-film",
        "neon-punk",
        "isometric",
        "low-poly",
        "origami",
        "modeling-compound",
        "cinematic",
        "3d-model",
        "pixel-art",
        "tile-texture",
    )
)

MODELS = {
    "stability.stable-image-core-v1:1": BedrockModel(
        "draw", 40_000, _RATIO, formats=("png", "jpeg"), regions=_DRAWING_REGIONS
    ),
    "stability.stable-image-ultra-v1:1": BedrockModel(
        "draw", 140_000, _RATIO, formats=("png", "jpeg"), regions=_DRAWING_REGIONS
    ),
    "stability.sd3-5-large-v1:0": BedrockModel(
        "draw",
        80_000,
        {**_RATIO, "mode": Field(values=("text-to-image", "image-to-image")), "strength": _number(0, 1)},
        regions=_DRAWING_REGIONS,
    ),
    "us.stability.stable-image-inpaint-v1:0": BedrockModel("inpaint", 70_000, _GROW, _ONE, mask=True),
    "us.stability.stable-image-erase-object-v1:0": BedrockModel("erase", 70_000, _GROW, _ONE, mask=True, prompt=False),
    "us.stability.stable-image-remove-background-v1:0": BedrockModel(
        "remove background", 70_000, {}, _ONE, prompt=False, formats=("png", "webp")
    ),
    "us.stability.stable-image-search-replace-v1:0": BedrockModel(
        "replace", 70_000, {**_GROW, "search_prompt": Field(required=True)}, _ONE
    ),
    "us.stability.stable-image-search-recolor-v1:0": BedrockModel(
        "recolor", 70_000, {**_GROW, "select_prompt": Field(required=True)}, _ONE
    ),
    "us.stability.stable-outpaint-v1:0": BedrockModel(
        "outpaint",
        60_000,
        {
            **{side: _number(0, 2000, whole=True) for side in ("left", "right", "up", "down")},
            "creativity": _number(0, 1),
        },
        _ONE,
    ),
    "us.stability.stable-image-control-sketch-v1:0": BedrockModel(
        "retouch", 70_000, {"control_strength": _number(0, 1)}, _ONE
    ),
    "us.stability.stable-image-control-structure-v1:0": BedrockModel(
        "retouch", 70_000, {"control_strength": _number(0, 1)}, _ONE
    ),
    "us.stability.stable-image-style-guide-v1:0": BedrockModel(
        "retouch", 70_000, {**_RATIO, "fidelity": _number(0, 1)}, _ONE
    ),
    "us.stability.stable-style-transfer-v1:0": BedrockModel(
        "retouch",
        80_000,
        {
            "composition_fidelity": _number(0, 1),
            "style_strength": _number(0, 1),
            "change_strength": _number(0.1, 1),
        },
        ("init_image", "style_image"),
    ),
    "us.stability.stable-fast-upscale-v1:0": BedrockModel(
        "upscale", 30_000, {}, _ONE, prompt=False, min_edge=32, max_edge=1536, max_pixels=1_048_576
    ),
    "us.stability.stable-conservative-upscale-v1:0": BedrockModel(
        "upscale", 400_000, {"creativity": _number(0.1, 0.5)}, _ONE, max_ratio=2.5
    ),
    "us.stability.stable-creative-upscale-v1:0": BedrockModel(
        "upscale",
        600_000,
        {"creativity": _number(0.1, 0.5), "style_preset": _PRESETS},
        _ONE,
        formats=("jpeg", "webp"),
        default_format="jpeg",
        max_pixels=1_048_576,
    ),
}
# These may do without a prompt, although they take one.
PROMPT_OPTIONAL = ("us.stability.stable-outpaint-v1:0", "us.stability.stable-style-transfer-v1:0")
