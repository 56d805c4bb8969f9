"""What the tools accept. The docstrings are read by models: they say what to send, and what to prefer.

The values are those that any model of the catalog accepts; what the requested model accepts, the core decides.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import NullableSchema

from core.images.inspection import MAX_BYTES
from core.images.model import IMAGE_ID
from core.jobs.model import JOB_ID
from core.requests.bodies import Svg
from core.requests.json_schema import untitled

WAIT_SECONDS = 25
MAX_WAIT_SECONDS = 45


class _PlainSchema(GenerateJsonSchema):
    """Optional parameters without null as a type: shorter, and understood by every client."""

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


class Arguments(BaseModel):
    """Base of all arguments. null means omitted."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)

    @classmethod
    def read(cls, arguments: dict[str, Any]) -> Self:
        """The arguments of a call; raises pydantic's ValidationError."""
        return cls.model_validate({name: value for name, value in arguments.items() if value is not None})

    @classmethod
    def schema_for_models(cls) -> dict[str, Any]:
        """Their JSON schema, without what a model does not need."""
        return untitled(cls.model_json_schema(schema_generator=_PlainSchema))


class _Prompt(Arguments):
    prompt: str = Field(min_length=1, max_length=32000)
    """What the image shows: subject, style, composition, light, and any text in it, in quotes."""


class _Settings(_Prompt):
    model: str | None = Field(default=None, max_length=128)
    """A model from list_available_models. Omit it for this deployment's default."""
    n: int | None = Field(default=None, ge=1, le=10)
    """How many images; 1 if omitted. Each one costs money."""
    size: str | None = Field(default=None, pattern=r"^(auto|[1-9][0-9]{1,4}x[1-9][0-9]{1,4})$")
    """WIDTHxHEIGHT in pixels, or auto. Most models accept 1024x1024, 1536x1024 (landscape) and 1024x1536 (portrait)."""
    quality: Literal["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"] | None = None
    """low is quick and cheap, for drafts; high for final images. standard and hd are for dall-e-3."""
    background: Literal["auto", "opaque", "transparent"] | None = None
    """transparent requires output_format png or webp."""
    output_format: Literal["png", "jpeg", "webp", "gif", "svg"] | None = None
    """png if omitted. gif and svg only with models that support them."""
    output_compression: int | None = Field(default=None, ge=0, le=100)
    """Compression level of jpeg and webp in percent."""
    moderation: Literal["auto", "low"] | None = None
    """How strict the provider's filter is."""
    style: Literal["vivid", "natural"] | None = None
    """Only for dall-e-3."""
    complexity: Literal["low", "medium", "high"] | None = None
    """Level of detail, only with models that support it."""
    frame_count: int | None = Field(default=None, ge=2, le=16)
    """Number of frames of a gif."""
    frame_duration_ms: int | None = Field(default=None, ge=1, le=655350)
    """How long a frame of a gif is shown, in milliseconds."""
    svg: Svg | None = None
    """Which model writes an svg; required for output_format svg."""

    def parameters(self) -> dict[str, Any]:
        """The parameters as the core knows them."""
        return self.model_dump(exclude_none=True, include=_SETTINGS)


_SETTINGS = set(_Settings.model_fields) | {"input_fidelity"}


class _Watch(Arguments):
    wait_seconds: int = Field(default=WAIT_SECONDS, ge=0, le=MAX_WAIT_SECONDS)
    """How long to wait for the images before returning a job to poll."""
    preview: bool = False
    """true adds small WebP previews for you to look at. The links always lead to the full images."""


class _Purchase(_Watch):
    request_id: str | None = Field(default=None, pattern=r"^[\x21-\x7e]{1,200}$")
    """A name of your choice for this purchase; the same name never buys twice. Without it, a call with the same
    arguments as one of the last ten minutes returns the images of that one. To buy another image with the same
    arguments, send a new request_id."""
    deadline_seconds: int | None = Field(default=None, ge=1, le=3600)
    """Give up, free of charge, if the purchase has not started within this many seconds; 3600 if omitted."""


class Generate(_Purchase, _Settings):
    """generate_image."""


class _Images(_Settings):
    images: list[str] | None = Field(default=None, min_length=1, max_length=16)
    """The images to edit: ids of earlier images (img_…), ids from create_upload (file_…), or https URLs. The mask and
    the markup apply to the first one."""
    image_data: str | Annotated[list[str], Field(max_length=16)] | None = None
    """The images by value: base64 or a data URL, less than 3 MB in total. Prefer `images`."""
    mask: str | None = None
    """A PNG of the size of the first image; its transparent part is edited. An img_… or file_… id or https URL."""
    mask_data: str | None = None
    """The mask by value: base64 or a data URL."""
    markup: str | None = None
    """A PNG drawn over the first image that shows what to change. An img_… or file_… id or https URL."""
    input_fidelity: Literal["high", "low"] | None = None
    """How closely the input images are followed, only with models that support it."""


class Edit(_Purchase, _Images):
    """edit_image."""


class Quote(_Images):
    """quote_image."""


class GetJob(_Watch):
    """get_image_job."""

    job_id: str = Field(pattern=f"^{JOB_ID}$")
    """The job_id from generate_image or edit_image."""


class CancelJob(Arguments):
    """cancel_image_job."""

    job_id: str = Field(pattern=f"^{JOB_ID}$")
    """The job_id from generate_image or edit_image."""


class ListImages(Arguments):
    """list_images."""

    limit: int = Field(default=10, ge=1, le=50)
    """How many images at most."""
    after: str | None = Field(default=None, pattern=f"^{IMAGE_ID}$")
    """For the next page: next_after of the previous one."""


class CreateUpload(Arguments):
    """create_upload."""

    content_type: Literal["image/png", "image/jpeg", "image/webp"]
    """The media type of the file."""
    bytes: int | None = Field(default=None, ge=1, le=MAX_BYTES)
    """Its exact or maximum size."""
    filename: str | None = Field(default=None, min_length=1, max_length=255)
    """Free-form label; not interpreted."""


class ListModels(Arguments):
    """list_available_models."""

    model: str | None = Field(default=None, max_length=128)
    """Only this one."""
