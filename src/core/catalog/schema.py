"""The schema of the catalog's data. It is validated when it is loaded, and broken data is refused as a whole."""

from datetime import date
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Operation = Literal["generation", "edit"]

_BOTH: tuple[Operation, ...] = ("generation", "edit")


class Row(BaseModel):
    """Base of all rows: what it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FlexibleSize(Row):
    """Any WIDTHxHEIGHT within these limits, in pixels."""

    multiple_of: int
    max_edge: int
    max_ratio: int
    min_pixels: int
    max_pixels: int


class SizeRule(Row):
    """The sizes of a family: a fixed list, or all within flexible limits; `auto` if the model can choose.

    A provider that is told a ratio and a scale instead has `ratios`, from a ratio to its size at scale 1, and `scales`,
    from a scale's name to the factor of both edges. The fixed sizes follow from them.
    """

    fixed: tuple[str, ...] = ()
    flexible: FlexibleSize | None = None
    ratios: dict[str, str] = Field(default_factory=dict)
    scales: dict[str, int] = Field(default_factory=lambda: {"": 1})
    auto: bool = False
    operations: tuple[Operation, ...] = _BOTH

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if sum(map(bool, (self.fixed, self.flexible, self.ratios))) != 1:
            raise ValueError("a size rule must be either fixed, flexible or made of ratios")
        return self

    @property
    def listed(self) -> tuple[str, ...]:
        """The sizes that can be listed, without `auto`; none if they are flexible."""
        return self.fixed or tuple(self._by_ratio_and_scale())

    def ratio_and_scale(self, size: str) -> tuple[str, str]:
        """The names of the ratio and the scale that have this size. Raises KeyError if none have."""
        return self._by_ratio_and_scale()[size]

    def _by_ratio_and_scale(self) -> dict[str, tuple[str, str]]:
        found = {}
        for scale, factor in self.scales.items():
            for ratio, size in self.ratios.items():
                width, height = (int(edge) * factor for edge in size.split("x"))
                found[f"{width}x{height}"] = (ratio, scale)
        return found


class Parameter(Row):
    """A parameter of a family: one of `values`, an integer from `min` to `max`, or the SVG settings."""

    values: tuple[str, ...] = ()
    min: int | None = None
    max: int | None = None
    svg: bool = False
    operations: tuple[Operation, ...] = _BOTH


class Option(Row):
    """A setting that is peculiar to a family, sent in `options`.

    A text of at most `max_length` characters (one of `values`, if there are any), or a number from `min` to `max`.
    """

    kind: Literal["text", "integer", "number"]
    about: str
    values: tuple[str, ...] = ()
    max_length: int = 10_000
    min: float = 0
    max: float = 0
    required: bool = False
    operations: tuple[Operation, ...] = _BOTH


class Inputs(Row):
    """The images that a family can edit. `max_bytes` is the smallest size that is too large, of each image.

    `max_total_bytes` limits all inputs of a request together, the rest the pixels of each image. `roles` says what each
    image is for, where their order matters.
    """

    max_count: int
    max_bytes: int
    formats: tuple[str, ...]
    min_count: int = 1
    square: bool = False
    mask: bool = False
    mask_required: bool = False
    markup: bool = False
    max_total_bytes: int | None = None
    min_edge: int | None = None
    max_edge: int | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    max_ratio: float | None = None
    roles: tuple[str, ...] = ()


class Gif(Row):
    """Limits of animations, in pixels of all frames together. Frames are charged by the next higher step."""

    pixel_budget: int
    pixel_floor: int
    frame_steps: tuple[int, ...]
    default_frames: int


class TokenPrices(Row):
    """Micro-dollars per million tokens of another way to buy."""

    text_in: int | None = None
    image_in: int | None = None
    image_out: int | None = None
    text_out: int | None = None


class Prices(Row):
    """Prices in micro-dollars, as published by `source` on `as_of`: per million tokens, or per image.

    `text_out` is what the model thinks or writes besides the images. `cached` and `batch` are for information: Easel
    books without the reductions of cached input, and does not buy in batches. Prices per image are by quality and size;
    a model with one price has the key `any` for both.
    """

    as_of: date
    source: str
    text_in: int = 0
    image_in: int = 0
    image_out: int = 0
    text_out: int = 0
    cached: TokenPrices | None = None
    batch: TokenPrices | None = None
    per_image: dict[str, dict[str, int]] | None = None


class TokenRange(Row):
    """A number of tokens that is not known exactly."""

    expected: int
    upper: int


class OutputTokens(Row):
    """Output tokens of an image: a grid factor for each quality, a table by size and quality, or a table by scale.

    `expected_factor_percent` and `upper_factor_percent` correct grids whose counts are known only roughly. `drafts` is
    how many drafts of an image may be counted besides it, `partial_image` what each partial image counts, and `text`
    what the model thinks before it draws.
    """

    grid: dict[str, int] | None = None
    table: dict[str, dict[str, int]] | None = None
    by_scale: dict[str, int] | None = None
    expected_factor_percent: dict[str, int] = Field(default_factory=dict)
    upper_factor_percent: dict[str, int] = Field(default_factory=dict)
    drafts: int = 0
    partial_image: int = 0
    text: TokenRange = TokenRange(expected=0, upper=0)


class InputTokens(Row):
    """Input tokens of an image."""

    per_image: TokenRange


class Family(Row):
    """Rules that several models share.

    `prompt` says whether a request needs a prompt; one that is `unused` is accepted and not sent, since clients send
    one with every edit. `options` are settings that are peculiar to the family, of `needs_one_of` at least one must be
    greater than 0. `preview` lists parameter values that the provider documents but may still refuse. `details` is what
    only the provider's adapter understands.
    """

    operations: tuple[Operation, ...]
    prompt: Literal["required", "optional", "unused"] = "required"
    prompt_max: int
    n_max: int
    size: SizeRule | None = None
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    options: dict[str, Option] = Field(default_factory=dict)
    needs_one_of: tuple[str, ...] = ()
    prices: Prices
    inputs: Inputs | None = None
    output_tokens: OutputTokens | None = None
    input_tokens: InputTokens | None = None
    gif: Gif | None = None
    preview: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    details: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if ("edit" in self.operations) != (self.inputs is not None):
            raise ValueError("a family that edits must have inputs, and no other")
        if (self.output_tokens is None) != (self.prices.per_image is not None):
            raise ValueError("a family must be priced either by tokens or by image")
        if "partial_images" in self.parameters and self.output_tokens and not self.output_tokens.partial_image:
            raise ValueError("a family with partial images that is priced by tokens must say how many each takes")
        return self


class Successor(Row):
    """The model that replaces a retired one, and how requests are translated.

    `values` maps {parameter: {old: new}}, `defaults` has the old model's defaults for parameters that are left out, and
    `drop` names parameters that the successor does not have.
    """

    model: str
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    defaults: dict[str, str] = Field(default_factory=dict)
    drop: tuple[str, ...] = ()


class ModelRow(Row):
    """A model of a provider, which calls it `sent_as` if that is not its name here."""

    family: str
    released: date
    sent_as: str | None = None
    retired_on: date | None = None
    successor: Successor | None = None


class UnknownModels(Row):
    """Names that begin with `prefix` are taken for models of this family."""

    prefix: str
    family: str


class ProviderRow(Row):
    """What is known of a provider: its adapter, its families and its models.

    `default_model` is for requests that name none, unless the operator has chosen another. Where two providers have a
    model of the same name, the one with the lower `rank` has it, and its default is that of the deployment.
    """

    adapter: str
    rank: int
    default_model: str
    families: dict[str, Family]
    models: dict[str, ModelRow]
    unknown_models: UnknownModels | None = None

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        for name, row in self.models.items():
            if row.family not in self.families:
                raise ValueError(f"{name}: no family {row.family}")
            if row.successor and row.successor.model not in self.models:
                raise ValueError(f"{name}: no successor {row.successor.model}")
        if self.default_model not in self.models:
            raise ValueError(f"no default model {self.default_model}")
        if self.unknown_models and self.unknown_models.family not in self.families:
            raise ValueError(f"no family {self.unknown_models.family}")
        return self
