"""Request bodies as typed wishes: JSON with null for absent, and the text fields of forms."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from core.errors import InvalidRequest
from core.images.stored_object import StoredObject

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

    def pointer(self, param: str) -> str:
        """The URL or id.

        Raises:
            InvalidRequest: both or neither are given.
        """
        if (self.image_url is None) == (self.file_id is None):
            raise InvalidRequest(
                f"'{param}' must have exactly one of 'image_url' (an https or data URL) and 'file_id' (a file_ id of "
                "an upload or an img_ id of an earlier image).",
                param=param,
            )
        return self.image_url or self.file_id or ""


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
class Pointer:
    """An input image as it was given: bytes, a URL or id to take them from, or an object in a bucket of ours."""

    data: bytes | None = None
    reference: str | None = None
    stored: StoredObject | None = None


@dataclass(frozen=True)
class Wish:
    """What an edit asks for, before anything is checked against a model; `deadline` is the body's easel_deadline."""

    parameters: dict[str, Any]
    images: tuple[Pointer, ...]
    mask: Pointer | None = None
    markup: Pointer | None = None
    deadline: int | None = None


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


def edit_of_json(document: Mapping[str, Any]) -> Wish:
    """The wish of a JSON edit.

    Raises:
        InvalidRequest: wrong shape.
    """
    body = EditBody.read(document)
    return Wish(
        parameters=body.parameters(),
        images=tuple(
            Pointer(reference=image.pointer(f"images[{index}]")) for index, image in enumerate(body.images or ())
        ),
        mask=Pointer(reference=body.mask.pointer("mask")) if body.mask else None,
        markup=Pointer(reference=body.markup.pointer("markup")) if body.markup else None,
        deadline=body.easel_deadline,
    )


_INTEGERS = ("n", "output_compression", "partial_images", "frame_count", "frame_duration_ms", "easel_deadline")


def edit_of_form(fields: Iterable[tuple[str, str]], files: Iterable[tuple[str, bytes]]) -> Wish:
    """The wish of a multipart edit: `image`, repeated `image` or `image[]`, `mask`, `markup`, and text fields.

    An image may be a file, or a text field that holds an id or a URL.

    Raises:
        InvalidRequest: wrong shape.
    """
    images: list[Pointer] = []
    single: dict[str, Pointer] = {}
    document: dict[str, Any] = {}
    parts = [(name, Pointer(data=data)) for name, data in files]
    for name, text in fields:
        if name in ("image", "image[]", "mask", "markup"):
            parts.append((name, Pointer(reference=text)))
        else:
            _put(document, name, text)
    for name, pointer in parts:
        if name in ("image", "image[]"):
            images.append(pointer)
        elif name not in ("mask", "markup"):
            raise InvalidRequest(
                f"Unknown file field: '{name[:64]}'. Files are 'image' or 'image[]', 'mask' and 'markup'.",
                param=name[:64],
                code="unknown_parameter",
            )
        elif name in single:
            raise _duplicate(name)
        else:
            single[name] = pointer
    body = _FormBody.read(document)
    return Wish(body.parameters(), tuple(images), single.get("mask"), single.get("markup"), body.easel_deadline)


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
