"""What the tools take. The docstrings are read by models: they say what to send, and what to send rather.

The values are those that any model of the catalog takes; which of them a certain model takes, the core decides.
"""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import NullableSchema

from core.requests.bodies import Svg
from core.requests.json_schema import untitled
from core.uploads import MAX_BYTES

WAIT_SECONDS = 25
MAX_WAIT_SECONDS = 45


class _PlainSchema(GenerateJsonSchema):
    """Optional parameters as plain ones that need not be sent: shorter, and understood by every client."""

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


class Arguments(BaseModel):
    """Base of all arguments. What is null counts as left out."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)

    @classmethod
    def read(cls, arguments: dict[str, Any]) -> Self:
        """The arguments of a call; raises pydantic's ValidationError."""
        return cls.model_validate({name: value for name, value in arguments.items() if value is not None})

    @classmethod
    def schema_for_models(cls) -> dict[str, Any]:
        """Their JSON Schema, without what a model has no use for."""
        return untitled(cls.model_json_schema(schema_generator=_PlainSchema))


class _Prompt(Arguments):
    prompt: str = Field(min_length=1, max_length=32000)
    """What the picture shall show: subject, style, composition, light, and text to be written in it, in quotes."""


class _Settings(_Prompt):
    model: str | None = Field(default=None, max_length=128)
    """Which model draws, by a name from list_available_models. Leave it out for this deployment's default."""
    n: int | None = Field(default=None, ge=1, le=10)
    """How many pictures; 1 if left out. Each is paid for."""
    size: str | None = Field(default=None, pattern=r"^(auto|[1-9][0-9]{1,4}x[1-9][0-9]{1,4})$")
    """WIDTHxHEIGHT in pixels, or auto. 1024x1024 (square), 1536x1024 (wide) and 1024x1536 (tall) suit most models."""
    quality: Literal["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"] | None = None
    """low is quick and cheap, for drafts; high for finals. standard and hd are dall-e-3's words."""
    background: Literal["auto", "opaque", "transparent"] | None = None
    """transparent needs output_format png or webp."""
    output_format: Literal["png", "jpeg", "webp", "gif", "svg"] | None = None
    """png if left out. gif and svg only with models that draw them."""
    output_compression: int | None = Field(default=None, ge=0, le=100)
    """Quality of jpeg and webp in percent."""
    moderation: Literal["auto", "low"] | None = None
    """How strict the provider's filter is."""
    style: Literal["vivid", "natural"] | None = None
    """Only for dall-e-3."""
    complexity: Literal["low", "medium", "high"] | None = None
    """How much detail is drawn, only with models that know it."""
    frame_count: int | None = Field(default=None, ge=2, le=16)
    """Frames of a gif."""
    frame_duration_ms: int | None = Field(default=None, ge=1, le=655350)
    """Milliseconds that a frame of a gif is shown."""
    svg: Svg | None = None
    """Which model writes an svg; needed for output_format svg."""

    def parameters(self) -> dict[str, Any]:
        """What the core's bodies know of it."""
        return self.model_dump(exclude_none=True, include=_SETTINGS)


_SETTINGS = set(_Settings.model_fields) | {"input_fidelity"}


class _Watch(Arguments):
    wait_seconds: int = Field(default=WAIT_SECONDS, ge=0, le=MAX_WAIT_SECONDS)
    """How long to wait for the pictures before the answer is a job to ask for later."""
    preview: bool = False
    """true adds small WebP previews, for you to look at. The links always lead to the full pictures."""


class _Purchase(_Watch):
    request_id: str | None = Field(default=None, pattern=r"^[\x21-\x7e]{1,200}$")
    """A name of your choice for this purchase; the same name never buys twice. Without it, a call that repeats the
    arguments of one of the last ten minutes gets that one's pictures. To buy another picture with the same arguments,
    send a new request_id."""
    deadline_seconds: int | None = Field(default=None, ge=1, le=3600)
    """Give up, free of charge, when the purchase has not begun within so many seconds; an hour if left out."""


class Generate(_Purchase, _Settings):
    """generate_image."""


class _Images(_Settings):
    images: list[str] | None = Field(default=None, min_length=1, max_length=16)
    """The pictures to work on: ids of earlier pictures (img_…), ids from create_upload (file_…), or https URLs. The
    first one sets the scene."""
    image_data: str | list[str] | None = None
    """The same, by value: base64 or a data URL, for pictures under 3 MB in all. Prefer `images`."""
    mask: str | None = None
    """A PNG as large as the first picture, whose transparent part is to be changed: img_… or file_… id or https URL."""
    mask_data: str | None = None
    """The same, by value: base64 or a data URL."""
    markup: str | None = None
    """A PNG drawn over the first picture that shows what to change: img_… or file_… id or https URL."""
    input_fidelity: Literal["high", "low"] | None = None
    """How closely the pictures are kept, only with models that know it."""


class Edit(_Purchase, _Images):
    """edit_image."""


class Quote(_Images):
    """quote_image."""


class GetJob(_Watch):
    """get_image_job."""

    job_id: str = Field(pattern=r"^job_[0-9a-f]{32}$")
    """What generate_image or edit_image answered."""


class CancelJob(Arguments):
    """cancel_image_job."""

    job_id: str = Field(pattern=r"^job_[0-9a-f]{32}$")
    """What generate_image or edit_image answered."""


class ListImages(Arguments):
    """list_images."""

    limit: int = Field(default=10, ge=1, le=50)
    """How many."""
    after: str | None = Field(default=None, pattern=r"^img_[0-9a-f]{32}$")
    """For the next page: next_after of the page before."""


class CreateUpload(Arguments):
    """create_upload."""

    content_type: Literal["image/png", "image/jpeg", "image/webp"]
    """What the file is."""
    bytes: int | None = Field(default=None, ge=1, le=MAX_BYTES)
    """Its exact or greatest size."""
    filename: str | None = Field(default=None, min_length=1, max_length=255)
    """For people only."""


class ListModels(Arguments):
    """list_available_models."""

    model: str | None = Field(default=None, max_length=128)
    """Only this one."""
