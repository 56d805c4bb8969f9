"""What the tools accept. The docstrings are read by models: they say what to send, and what to prefer.

The values are those that any model of the catalog accepts; what the requested model accepts, the core decides.
"""

import json
import re
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from core.images import names
from core.images.inspection import MAX_BYTES
from core.images.model import IMAGE_ID
from core.jobs.model import JOB_ID
from core.requests.bodies import MAX_FALLBACKS, Svg, read_options
from interfaces.mcp_server import lenient
from interfaces.mcp_server.tool_schemas import Schema, input_schema

_MAX_SIZE_CHARACTERS = 64

WAIT_SECONDS = 25
MAX_WAIT_SECONDS = 45


class Arguments(BaseModel):
    """Base of all arguments."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, use_attribute_docstrings=True)

    ignored: ClassVar[frozenset[str]] = frozenset()
    """Arguments of related tools that mean nothing here."""
    described: ClassVar[bool] = True
    """Whether the schema says what each argument means."""

    @classmethod
    def read(cls, arguments: dict[str, Any]) -> Self:
        """The arguments of a call.

        Raises:
            ValidationError: they are not valid, in whatever form.
            InvalidRequest: an argument is given twice.
        """
        return cls.model_validate(lenient.read(arguments, cls.schema_for_models(), cls.ignored))

    @classmethod
    @cache
    def schema_for_models(cls) -> Schema:
        """Their JSON schema."""
        return input_schema(cls, described=cls.described)


def _plain_size(value: Any) -> Any:
    """A size without spaces and units, and with an x between: `1024 * 768 px` is `1024x768`."""
    if isinstance(value, dict) and set(value) == {"width", "height"}:
        value = f"{value['width']}x{value['height']}"
    if not isinstance(value, str) or len(value) > _MAX_SIZE_CHARACTERS:
        return value
    return re.sub("[\u00d7\u2715*]|by", "x", re.sub(r"\s|px", "", value.lower()))


Size = Annotated[str, BeforeValidator(_plain_size), Field(pattern=r"^(auto|[1-9][0-9]{1,4}x[1-9][0-9]{1,4})$")]


def _image_id(value: Any) -> Any:
    """An image's id in whatever name Easel gave it."""
    return (names.certain_id(value) or names.possible_id(value) or value) if isinstance(value, str) else value


ImageId = Annotated[str, BeforeValidator(_image_id), Field(pattern=f"^{IMAGE_ID}$")]
JobId = Annotated[str, Field(pattern=f"^{JOB_ID}$")]


def _as_json(value: Any) -> Any:
    """An object as the text that the schema asks for: strict clients take no object of unknown properties."""
    return json.dumps(value) if isinstance(value, dict) else value


class _Prompt(Arguments):
    prompt: str = Field(min_length=1, max_length=32000)
    """What it shows: subject, style, composition, light, and any text in it, in quotes."""


class _Settings(_Prompt):
    model: str | None = Field(default=None, max_length=128)
    """From list_available_models; the default if omitted."""
    n: int | None = Field(default=None, ge=1, le=10)
    """Images; 1 if omitted. Each costs money."""
    size: Size | None = None
    """WIDTHxHEIGHT, or auto. Most models take 1024x1024, 1536x1024, 1024x1536."""
    quality: Literal["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"] | None = None
    """low is cheap, for drafts; high for final images."""
    background: Literal["auto", "opaque", "transparent"] | None = None
    """transparent requires png or webp."""
    output_format: Literal["png", "jpeg", "webp", "gif", "svg"] | None = None
    """png if omitted. gif and svg: only some models."""
    output_compression: int | None = Field(default=None, ge=0, le=100)
    """Percent, for jpeg and webp."""
    moderation: Literal["auto", "low"] | None = None
    """The provider's filter."""
    style: Literal["vivid", "natural"] | None = None
    """Only some models."""
    complexity: Literal["low", "medium", "high"] | None = None
    """Level of detail."""
    frame_count: int | None = Field(default=None, ge=2, le=16)
    """Frames of a gif."""
    frame_duration_ms: int | None = Field(default=None, ge=1, le=655350)
    """Of each frame of a gif."""
    partial_images: int | None = Field(default=None, ge=0, le=3)
    """Drafts to show while it is made; 100 tokens each."""
    svg: Svg | None = None
    """The model that writes the svg; required for it."""
    options: Annotated[str, BeforeValidator(_as_json)] | None = None
    """The model's own settings: a JSON object."""
    fallbacks: list[str] | None = Field(default=None, max_length=MAX_FALLBACKS)
    """Models to fall back on, in order."""

    def parameters(self) -> dict[str, Any]:
        """The parameters as the core knows them.

        Raises:
            InvalidRequest: the options are no JSON object.
        """
        parameters = self.model_dump(exclude_none=True, include=_SETTINGS)
        if self.options is not None:
            parameters["options"] = read_options(self.options)
        return parameters

    def fallback_names(self) -> tuple[str, ...] | None:
        """The fallbacks, if they are given."""
        return None if self.fallbacks is None else tuple(self.fallbacks)


_SETTINGS = (set(_Settings.model_fields) | {"input_fidelity"}) - {"fallbacks"}


class _Watch(Arguments):
    wait_seconds: int = Field(default=WAIT_SECONDS, ge=0, le=MAX_WAIT_SECONDS)
    """Seconds until a job to poll is returned."""
    preview: bool = True
    """Add a small copy of each image, of about 200 tokens."""


class _Purchase(_Watch):
    request_id: str | None = Field(default=None, pattern=r"^[\x21-\x7e]{1,200}$")
    """Your name for this purchase, without spaces; one name never buys twice. Without one, a call equal to one of the
    last ten minutes returns its images."""
    deadline_seconds: int | None = Field(default=None, ge=1, le=3600)
    """Give up, free of charge, if it has not started by then; 3600 if omitted."""
    metadata: Annotated[str, BeforeValidator(_as_json)] | None = None
    """Your notes, shown in results and list_images: a JSON object of strings."""


class Generate(_Purchase, _Settings):
    """generate_image."""


class _Images(_Settings):
    images: list[str] | None = Field(default=None, min_length=1, max_length=16)
    """The images to edit: ids of earlier images (img_...) or their links, ids from create_upload (file_...), or https
    URLs. A mask and a markup, given alike, apply to the first."""
    image_data: list[str] | None = Field(default=None, max_length=16)
    """Images by value: base64 or data URLs, less than 3 MB in total. Prefer images."""
    mask: str | None = None
    """A PNG of the first image's size; its transparent part is edited."""
    mask_data: str | None = None
    """The mask by value: base64 or a data URL."""
    markup: str | None = None
    """A PNG drawn over the first image that shows what to change."""
    input_fidelity: Literal["high", "low"] | None = None
    """How closely the images are followed; only some models."""


class Edit(_Purchase, _Images):
    """edit_image."""


class Quote(_Images):
    """quote_image: the same arguments, described at the tools that buy."""

    described = False
    ignored = frozenset(_Purchase.model_fields)


class GetJob(_Watch):
    """get_image_job."""

    job_id: JobId
    """From generate_image or edit_image: job_ and 32 hexadecimal digits."""


class ViewJob(Arguments):
    """view_image_job: a job, or the arguments, as JSON, of the call that waits for it. No model reads this."""

    described = False

    job_id: JobId | None = None
    call: str | None = None


class CancelJob(Arguments):
    """cancel_image_job."""

    job_id: JobId
    """From generate_image or edit_image: job_ and 32 hexadecimal digits."""


class ListImages(Arguments):
    """list_images."""

    limit: int = Field(default=10, ge=1, le=50)
    """At most so many."""
    after: ImageId | None = None
    """next_after of the previous page: img_ and 32 hexadecimal digits."""


class CreateUpload(Arguments):
    """create_upload."""

    content_type: Literal["image/png", "image/jpeg", "image/webp"]
    """Its media type."""
    bytes: int | None = Field(default=None, ge=1, le=MAX_BYTES)
    """Its exact or maximum size."""
    filename: str | None = Field(default=None, min_length=1, max_length=255)
    """Free-form label; not interpreted."""


class ListModels(Arguments):
    """list_available_models."""

    model: str | None = Field(default=None, max_length=128)
    """Only this one."""
