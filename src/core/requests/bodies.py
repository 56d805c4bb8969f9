"""Request bodies: JSON with null for absent, and the text fields and files of forms, as one typed ImageRequest."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from core.errors import InvalidRequest
from core.images.data_urls import decode_data_url, is_data_url
from core.images.stored_object import StoredObject
from core.requests import Parameters, Role

_EXAMPLE = '{"model": "gpt-image-2.6-flare", "prompt": "A cute baby sea otter"}'


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """The body of a JSON document.

        Raises:
            InvalidRequest: a parameter is unknown or has the wrong type.
        """
        try:
            # SDKs send null for what their user left out, whatever its name.
            return cls.model_validate({name: value for name, value in document.items() if value is not None})
        except ValidationError as error:
            raise _shape_fault(error.errors(include_input=False, include_url=False)[0], cls.model_fields) from None


class Reasoning(_Body):
    """How hard the author of an SVG thinks."""

    effort: str | None = None
    """More effort takes longer and costs more."""


class Svg(_Body):
    """Which model writes an SVG, and how."""

    model: str | None = None
    """The model that writes the SVG; required for `output_format` `svg`."""
    reasoning: Reasoning | None = None
    """How hard it thinks."""


class ImageSettings(_Body):
    """What every door takes that makes images. null means absent, as the SDKs send it."""

    prompt: str | None = None
    """What to draw. Older models take less of it."""
    model: str | None = None
    """The deployment's default model if absent."""
    n: int | None = None
    """How many images."""
    size: str | None = None
    """`auto`, or `WIDTHxHEIGHT` as the model allows."""
    quality: str | None = None
    """Which of them depends on the model."""
    background: str | None = None
    """`transparent` needs png or webp."""
    output_format: str | None = None
    """gif and svg are for the models that draw them."""
    output_compression: int | None = None
    """Percent; other than 100 with jpeg or webp only."""
    moderation: str | None = None
    """How strict the provider's filter is."""
    complexity: str | None = None
    """How much detail is drawn, for models that know it."""
    frame_count: int | None = None
    """Frames of a gif."""
    frame_duration_ms: int | None = None
    """Milliseconds that a frame of a gif is shown."""
    svg: Svg | None = None
    """For `output_format` `svg` only."""
    style: str | None = None
    """For dall-e-3."""
    safety_identifier: str | None = None
    """Handed to the provider as it is."""
    user: str | None = None
    """Handed to the provider as it is."""


class GenerationBody(ImageSettings):
    """The JSON body of POST /v1/images/generations."""

    response_format: str | None = None
    """Easel answers with URLs instead of base64."""
    stream: bool | None = None
    """Easel does not stream images."""
    partial_images: int | None = None
    """Part of streaming."""
    easel_deadline: int | None = None
    """Seconds within which the purchase must begin; past them the job ends free of charge. An hour if absent."""

    def parameters(self) -> dict[str, Any]:
        """What was given, without what tells about input images, and without what is not for the model."""
        return self.model_dump(exclude_none=True, exclude={"images", "mask", "markup", "easel_deadline"})


class ImageReference(_Body):
    """An input image by reference: exactly one of a URL (https or data) and an id (file_ or img_)."""

    image_url: str | None = None
    """An https URL or a data URL."""
    file_id: str | None = None
    """The id of an upload (`file_…`) or of an earlier image (`img_…`)."""

    def source(self, param: str) -> "ImageSource":
        """The image that the URL or id names.

        Raises:
            InvalidRequest: both or neither are given, or it is not one that Easel can take an image from.
        """
        if (self.image_url is None) == (self.file_id is None):
            raise InvalidRequest(
                f"'{param}' must have exactly one of 'image_url' (an https or data URL) and 'file_id' (a file_ id of "
                "an upload or an img_ id of an earlier image).",
                param=param,
            )
        return ImageSource.named(self.image_url or self.file_id or "", param)


class EditBody(GenerationBody):
    """The JSON body of POST /v1/images/edits."""

    images: list[ImageReference] | None = None
    """The images to work on."""
    mask: ImageReference | None = None
    """A PNG of the size of the first image: what is transparent in it is edited."""
    markup: ImageReference | None = None
    """A PNG drawn over the first image that shows what to change."""
    input_fidelity: str | None = None
    """How closely the inputs are kept, for models that know it."""


@dataclass(frozen=True)
class ImageSource:
    """An input image as it was given: its bytes, an id or URL to take it from, or an object in a bucket of ours.

    `param` is what the entry point calls the parameter that it came in, where that is not the HTTP API's name.
    """

    data: bytes | None = None
    reference: str | None = None
    stored: StoredObject | None = None
    param: str | None = None

    @classmethod
    def named(cls, reference: str, param: str) -> "ImageSource":
        """The image that a text names.

        Raises:
            InvalidRequest: the text is not a data URL, a URL or an id of an image or upload.
        """
        if is_data_url(reference):
            return cls(data=decode_data_url(reference, param=param), param=param)
        if reference.startswith(("img_", "file_")) or "://" in reference:
            return cls(reference=reference, param=param)
        raise InvalidRequest(
            f"'{param}' must be a file, a data URL, an https URL, the id of an upload (file_…) or of an earlier image "
            "(img_…).",
            param=param,
        )

    @property
    def name(self) -> str:
        """The same for equal sources: of equal bytes, of the same URL or id, or of the same version of an object."""
        if self.data is not None:
            return f"sha256:{hashlib.sha256(self.data).hexdigest()}"
        return self.stored.name if self.stored else self.reference or ""


@dataclass(frozen=True)
class NamedSource:
    """A source with what it is for, the parameter it came in, and what a message calls it, for example "image 2"."""

    role: Role
    param: str
    label: str
    image: ImageSource


@dataclass(frozen=True)
class ImageRequest:
    """What was asked for, before anything is checked against a model.

    `parameters` include the prompt and the model's name. With `images` it is an edit. `deadline_seconds` bounds how
    long it may take until the purchase begins; None leaves that to the deployment.
    """

    parameters: Parameters
    images: tuple[ImageSource, ...] = ()
    mask: ImageSource | None = None
    markup: ImageSource | None = None
    deadline_seconds: int | None = None

    @property
    def sources(self) -> tuple[NamedSource, ...]:
        """All input images in the order in which the provider gets them."""
        images = [
            NamedSource("image", image.param or image_param(index, len(self.images)), f"image {index + 1}", image)
            for index, image in enumerate(self.images)
        ]
        if self.mask:
            images.append(NamedSource("mask", self.mask.param or "mask", "the mask", self.mask))
        if self.markup:
            images.append(NamedSource("markup", "markup", "the markup", self.markup))
        return tuple(images)


def image_param(index: int, count: int) -> str:
    """What errors call one of several input images."""
    return "image" if count == 1 else f"image[{index}]"


def parse_json(raw: str | bytes | None) -> Mapping[str, Any]:
    """The JSON object in a request body.

    Raises:
        InvalidRequest: it is not JSON, or no object.
    """
    try:
        document = json.loads(raw or "")
        # JSON can spell half a character ("\\ud800"), which no text can hold.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise InvalidRequest(
            f"The request body is not valid JSON. Send an object such as {_EXAMPLE}.", code="invalid_json"
        ) from None
    if not isinstance(document, dict):
        raise InvalidRequest(f"The request body must be a JSON object, such as {_EXAMPLE}.", code="invalid_json")
    return document


def generation_of_json(document: Mapping[str, Any]) -> ImageRequest:
    """The request of a JSON generation.

    Raises:
        InvalidRequest: wrong shape.
    """
    body = GenerationBody.read(document)
    return ImageRequest(body.parameters(), deadline_seconds=body.easel_deadline)


def edit_of_json(document: Mapping[str, Any]) -> ImageRequest:
    """The request of a JSON edit.

    Raises:
        InvalidRequest: wrong shape, or an image cannot be taken from where it is said to be.
    """
    body = EditBody.read(document)
    images = body.images or []
    return ImageRequest(
        parameters=body.parameters(),
        images=tuple(image.source(image_param(index, len(images))) for index, image in enumerate(images)),
        mask=body.mask.source("mask") if body.mask else None,
        markup=body.markup.source("markup") if body.markup else None,
        deadline_seconds=body.easel_deadline,
    )


_INTEGERS = ("n", "output_compression", "partial_images", "frame_count", "frame_duration_ms", "easel_deadline")


def edit_of_form(fields: Iterable[tuple[str, str]], files: Iterable[tuple[str, bytes]]) -> ImageRequest:
    """The request of a multipart edit: `image`, repeated `image` or `image[]`, `mask`, `markup`, and text fields.

    An image may be a file, or a text field that holds an id or a URL.

    Raises:
        InvalidRequest: wrong shape, or an image cannot be taken from where it is said to be.
    """
    images: list[bytes | str] = []
    overlays: dict[str, bytes | str] = {}
    document: dict[str, Any] = {}
    parts: list[tuple[str, bytes | str]] = list(files)
    for name, text in fields:
        if name in ("image", "image[]", "mask", "markup"):
            parts.append((name, text))
        else:
            _put(document, name, text)
    for name, part in parts:
        if name in ("image", "image[]"):
            images.append(part)
        elif name not in ("mask", "markup"):
            raise InvalidRequest(
                f"Unknown file field: '{name[:64]}'. Files are 'image' or 'image[]', 'mask' and 'markup'.",
                param=name[:64],
                code="unknown_parameter",
            )
        elif name in overlays:
            raise _duplicate(name)
        else:
            overlays[name] = part
    body = _FormBody.read(document)
    return ImageRequest(
        body.parameters(),
        tuple(_source_of_part(part, image_param(index, len(images))) for index, part in enumerate(images)),
        mask=_source_of_part(overlays["mask"], "mask") if "mask" in overlays else None,
        markup=_source_of_part(overlays["markup"], "markup") if "markup" in overlays else None,
        deadline_seconds=body.easel_deadline,
    )


def _source_of_part(part: bytes | str, param: str) -> ImageSource:
    return ImageSource.named(part, param) if isinstance(part, str) else ImageSource(data=part)


class _FormBody(GenerationBody):
    input_fidelity: str | None = None


def _put(document: dict[str, Any], name: str, text: str) -> None:
    """Set a field of a form, whose nested names look like svg[reasoning][effort]."""
    path = re.findall(r"[^\[\]]+", name)
    if not path:
        raise InvalidRequest("A form field has no name.", code="invalid_multipart")
    place = document
    for step in path[:-1]:
        place = place.setdefault(step, {})
        if not isinstance(place, dict):
            raise _duplicate(name)
    if path[-1] in place:
        raise _duplicate(name)
    place[path[-1]] = _typed(name, text)


def _typed(name: str, text: str) -> str | int | bool:
    """Form fields are text; whole numbers and booleans are read as such where they are due."""
    if name in _INTEGERS and re.fullmatch(r"-?[0-9]{1,9}", text):
        return int(text)
    if name == "stream" and text in ("true", "false"):
        return text == "true"
    return text


def _duplicate(name: str) -> InvalidRequest:
    return InvalidRequest(f"'{name[:64]}' is given more than once.", param=name[:64], code="duplicate_parameter")


def _shape_fault(fault: ErrorDetails, known: Iterable[str]) -> InvalidRequest:
    name = ".".join(str(part) for part in fault["loc"])[:64]
    if fault["type"] == "extra_forbidden":
        return InvalidRequest(
            f"Unknown parameter: '{name}'. Known parameters are: {', '.join(sorted(known))}.",
            param=name,
            code="unknown_parameter",
        )
    kinds = {
        "string_type": "a string",
        "int_type": "an integer",
        "bool_type": "true or false",
        "list_type": "an array",
        "model_type": "an object",
    }
    kind = kinds.get(fault["type"])
    return InvalidRequest(
        f"Invalid type for '{name}': {'it must be ' + kind if kind else fault['msg']}.",
        param=name,
        code="invalid_type",
    )
