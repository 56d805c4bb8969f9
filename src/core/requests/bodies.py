"""Request bodies: JSON, or the text fields and files of a form, as one typed ImageRequest."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from core.errors import InvalidRequest
from core.images import names
from core.images.data_urls import decode_data_url, is_data_url
from core.images.model import AnswerForm
from core.images.stored_object import StoredObject
from core.requests import Metadata, Parameters, Role
from core.validation import Body, InvalidJson, load_json

_EXAMPLE = '{"prompt": "A cute baby sea otter", "size": "1024x1024"}'

# More than any model accepts: the model's own limit is the one that errors name.
MAX_IMAGES = 64


MAX_FALLBACKS = 4


# OpenAI's limits. Source: the parameter `metadata` of its API reference.
Notes = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=64)], Annotated[str, Field(max_length=512)]],
    Field(max_length=16),
]


# Values of the settings that are peculiar to a model; what it accepts, the catalog says.
Options = Annotated[dict[Annotated[str, Field(min_length=1, max_length=64)], Any], Field(max_length=16)]


class _MetadataFilter(Body):
    metadata: Notes


def read_metadata(document: Mapping[str, Any] | str) -> Metadata:
    """Metadata outside of a body: of a query, or as JSON text.

    Raises:
        InvalidRequest: it is outside its limits.
    """
    return _MetadataFilter.read({"metadata": _notes(document) if isinstance(document, str) else document}).metadata


class _OptionsOnly(Body):
    options: Options


def read_options(text: str) -> dict[str, Any]:
    """Options outside of a body, as JSON text.

    Raises:
        InvalidRequest: it is not an object, or has too many names.
    """
    return _OptionsOnly.read({"options": _notes(text)}).options


class Reasoning(Body):
    """How hard the model that writes an SVG thinks."""

    effort: str | None = None
    """More effort takes longer and costs more."""


class Svg(Body):
    """Which model writes an SVG, and how."""

    model: str | None = Field(default=None, max_length=128)
    """The model that writes the SVG; required for `output_format` `svg`."""
    reasoning: Reasoning | None = None
    """How hard it thinks."""


class ImageSettings(Body):
    """The parameters that every entry point takes."""

    kept_if_empty = frozenset({"prompt"})

    prompt: str | None = None
    """What to draw. Older models accept shorter prompts."""
    model: str | None = None
    """The deployment's default model if absent."""
    n: int | None = None
    """How many images."""
    size: str | None = None
    """`auto`, or `WIDTHxHEIGHT` as the model allows."""
    quality: str | None = None
    """The allowed values depend on the model."""
    background: str | None = None
    """`transparent` needs png or webp."""
    output_format: str | None = None
    """gif and svg only for models that support them."""
    output_compression: int | None = None
    """Percent; values other than 100 only for jpeg and webp."""
    moderation: str | None = None
    """How strict the provider's filter is."""
    complexity: str | None = None
    """How much detail is drawn, for models that support it."""
    frame_count: int | None = None
    """Frames of a gif."""
    frame_duration_ms: int | None = None
    """How long each frame of a gif is shown, in milliseconds."""
    svg: Svg | None = None
    """Only for `output_format` `svg`."""
    style: str | None = None
    """How vivid the image is, for models that have styles."""
    partial_images: int | None = None
    """How many previews to show while the image is made, 0 to 3; each costs 100 output tokens. Only with `n` 1."""
    options: Options | None = None
    """Settings that only this model has, by name: `GET /models/{name}` lists them."""
    fallbacks: Annotated[list[str], Field(max_length=MAX_FALLBACKS)] | None = None
    """Models that run instead, in this order, if it is certain that those before sold nothing; [] for none."""
    safety_identifier: str | None = None
    """Passed on to the provider unchanged."""
    user: str | None = None
    """Passed on to the provider unchanged."""
    metadata: Notes | None = None
    """Notes of your own, which come back wherever the job or its images are shown; never sent to the provider."""

    def fallback_names(self) -> tuple[str, ...] | None:
        """The fallbacks, if they are given."""
        return None if self.fallbacks is None else tuple(self.fallbacks)


class GenerationBody(ImageSettings):
    """The JSON body of POST /v1/images/generations."""

    response_format: AnswerForm | None = None
    """`url`: data[].url is a signed URL; `link`: it is the permalink; `b64_json`: base64 comes beside it."""
    stream: bool | None = None
    """On the direct URL, answer with server-sent events; only with `n` 1, and png, jpeg or webp."""
    easel_deadline: int | None = None
    """Seconds within which the purchase must begin; after that the job ends free of charge. One hour if absent."""

    def parameters(self) -> dict[str, Any]:
        """The given parameters of the model, without what is about the inputs, the job or the answer."""
        others = {"images", "mask", "markup", "easel_deadline", "response_format", "stream", "metadata", "fallbacks"}
        return self.model_dump(exclude_none=True, exclude=others)


class ImageReference(Body):
    """A reference to an input image: exactly one of a URL (https or data) and an id (file_… or img_…)."""

    image_url: str | None = None
    """An https URL or a data URL."""
    file_id: str | None = None
    """The id of an upload (`file_…`) or of an earlier image (`img_…`)."""

    def source(self, param: str) -> "ImageSource":
        """The image that the URL or id names.

        Raises:
            InvalidRequest: both or neither are given, or it is not a valid reference.
        """
        if (self.image_url is None) == (self.file_id is None):
            raise InvalidRequest(
                f"'{param}' must have exactly one of 'image_url' (an https or data URL) and 'file_id' (a file_ id of "
                "an upload or an img_ id of an earlier image).",
                param=param,
            )
        if self.image_url is not None:
            return ImageSource.named(self.image_url, f"{param}.image_url")
        return ImageSource.named(self.file_id or "", f"{param}.file_id")


class EditBody(GenerationBody):
    """The JSON body of POST /v1/images/edits."""

    images: list[ImageReference] | None = Field(default=None, max_length=MAX_IMAGES)
    """The images to edit."""
    mask: ImageReference | None = None
    """A PNG of the same size as the first image; its transparent area is edited."""
    markup: ImageReference | None = None
    """A PNG that is drawn over the first image and shows what to change."""
    input_fidelity: str | None = None
    """How closely the inputs are preserved, for models that support it."""


@dataclass(frozen=True)
class ImageSource:
    """An input image as it was sent: its bytes, its id or URL, or an object in one of Easel's buckets.

    `param` is what the entry point calls the parameter that held it, where that differs from the HTTP API.
    """

    data: bytes | None = None
    reference: str | None = None
    stored: StoredObject | None = None
    param: str | None = None

    @classmethod
    def named(cls, reference: str, param: str) -> "ImageSource":
        """The image that a string names.

        Raises:
            InvalidRequest: the string is not a data URL, an https URL, or the id of an image or upload.
        """
        if is_data_url(reference):
            return cls(data=decode_data_url(reference, param=param), param=param)
        if is_reference(reference := reference.strip()):
            return cls(reference=names.certain_id(reference) or reference, param=param)
        raise InvalidRequest(
            f"'{param}' must be a file, a data URL, an https URL, the id of an upload (file_…) or of an earlier image "
            "(img_…).",
            param=param,
        )

    @property
    def name(self) -> str:
        """The same for equal sources: equal bytes, the same URL or id, or the same version of an object."""
        if self.data is not None:
            return f"sha256:{hashlib.sha256(self.data).hexdigest()}"
        return self.stored.name if self.stored else self.reference or ""


def is_reference(text: str) -> bool:
    """Whether the text has the form of a URL, or of the id of an image or upload."""
    return text.startswith(("img_", "file_")) or "://" in text


@dataclass(frozen=True)
class NamedSource:
    """A source with its role, the parameter it came in, and what messages call it, for example "image 2"."""

    role: Role
    param: str
    label: str
    image: ImageSource


@dataclass(frozen=True)
class ImageRequest:
    """A request before it is checked against a model.

    `parameters` include the prompt and the model's name. With `images` it is an edit. The purchase must begin within
    `deadline_seconds`; None is the deployment's default. `answer_form` and `fallbacks` are None if the request does not
    say them. With `stream`, the answer is a stream of events; like its form, that is no part of the purchase.
    `metadata` is the caller's own.
    """

    parameters: Parameters
    images: tuple[ImageSource, ...] = ()
    mask: ImageSource | None = None
    markup: ImageSource | None = None
    deadline_seconds: int | None = None
    answer_form: AnswerForm | None = None
    stream: bool = False
    metadata: Metadata = field(default_factory=dict)
    fallbacks: tuple[str, ...] | None = None

    @property
    def images_param(self) -> str:
        """What the entry point calls all images together: `image` in forms, or the name that their own params share."""
        return next((image.param.partition("[")[0] for image in self.images if image.param), "image")

    @property
    def sources(self) -> tuple[NamedSource, ...]:
        """All input images, in the order in which they are sent to the provider."""
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
    """The parameter that errors name for an input image."""
    return "image" if count == 1 else f"image[{index}]"


def parse_json(raw: str | bytes | None) -> Mapping[str, Any]:
    """The JSON object in a request body.

    Raises:
        InvalidRequest: it is not JSON, or not an object.
    """
    try:
        document = load_json(raw or "")
    except InvalidJson as error:
        raise InvalidRequest(
            f"The request body {error}. Send an object such as {_EXAMPLE}.", code="invalid_json"
        ) from None
    if not isinstance(document, dict):
        raise InvalidRequest(f"The request body must be a JSON object, such as {_EXAMPLE}.", code="invalid_json")
    return document


def generation_of_json(document: Mapping[str, Any]) -> ImageRequest:
    """The request of a JSON generation.

    Raises:
        InvalidRequest: it does not have the right shape.
    """
    body = GenerationBody.read(document)
    return ImageRequest(
        body.parameters(),
        deadline_seconds=body.easel_deadline,
        answer_form=body.response_format,
        stream=bool(body.stream),
        metadata=body.metadata or {},
        fallbacks=body.fallback_names(),
    )


def edit_of_json(document: Mapping[str, Any]) -> ImageRequest:
    """The request of a JSON edit.

    Raises:
        InvalidRequest: it does not have the right shape, or an image reference is not valid.
    """
    body = EditBody.read(document)
    images = body.images or []
    return ImageRequest(
        parameters=body.parameters(),
        images=tuple(image.source(f"images[{index}]") for index, image in enumerate(images)),
        mask=body.mask.source("mask") if body.mask else None,
        markup=body.markup.source("markup") if body.markup else None,
        deadline_seconds=body.easel_deadline,
        answer_form=body.response_format,
        stream=bool(body.stream),
        metadata=body.metadata or {},
        fallbacks=body.fallback_names(),
    )


_INTEGERS = ("n", "output_compression", "partial_images", "frame_count", "frame_duration_ms", "easel_deadline")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_IMAGE_FIELDS = ("image", "images")
_OVERLAY_FIELDS = ("mask", "markup")
# What the JSON of an edit calls a reference to an image; in a form, its text says which of them it is.
_REFERENCE_FIELDS = ("file_id", "image_url")


def edit_of_form(parts: Iterable[tuple[str, str | bytes]]) -> ImageRequest:
    """The request of a multipart edit, from its text fields and files in their order.

    Names can be written as any form library writes lists and nested fields: `image`, repeated or not, `image[]`,
    `images[0]`, `images[0][file_id]`, `svg[reasoning][effort]`, `svg.reasoning.effort`. An image is a file, or a text
    with an id or a URL. An empty text is absent.

    Raises:
        InvalidRequest: it does not have the right shape, or an image reference is not valid.
    """
    images: list[tuple[int | None, bytes | str]] = []
    overlays: dict[str, bytes | str] = {}
    document: dict[str, Any] = {}
    for name, part in parts:
        path = _path_of(name)
        if not path:
            raise InvalidRequest("A form field has no name.", code="invalid_multipart")
        if part == "" and path[0] not in _FormBody.kept_if_empty and path[:-1] != ["metadata"]:
            continue
        if path[0] in _IMAGE_FIELDS:
            images.append((_position(name, path[1:]), part))
        elif path[0] == "fallbacks":
            names = document.setdefault("fallbacks", [])
            names.extend(each.strip() for each in _text_of(part, name, "fallbacks").split(",") if each.strip())
        elif path[0] in _OVERLAY_FIELDS:
            _position(name, path[1:])
            if path[0] in overlays:
                raise _duplicate(name)
            overlays[path[0]] = part
        else:
            _put(document, name, path, _text_of(part, name, path[0]))
    body = _FormBody.read(document)
    return ImageRequest(
        body.parameters(),
        tuple(_source_of_part(part, image_param(index, len(images))) for index, part in enumerate(_in_order(images))),
        mask=_source_of_part(overlays["mask"], "mask") if "mask" in overlays else None,
        markup=_source_of_part(overlays["markup"], "markup") if "markup" in overlays else None,
        deadline_seconds=body.easel_deadline,
        answer_form=body.response_format,
        stream=bool(body.stream),
        metadata=body.metadata or {},
        fallbacks=body.fallback_names(),
    )


def _path_of(name: str) -> list[str]:
    """The steps of a field's name. A key of the metadata is one step, whatever is in it."""
    if note := re.fullmatch(r"metadata(?:\[(.+)\]|\.(.+))", name, re.DOTALL):
        return ["metadata", note[1] or note[2]]
    return re.findall(r"[^\[\].]+", name)


def _position(name: str, rest: list[str]) -> int | None:
    """The position that an image's name gives it, as images[0][file_id] does; None if it gives none."""
    digits, *after = rest if rest and re.fullmatch(r"[0-9]{1,4}", rest[0]) else ("", *rest)
    if len(after) > 1 or not set(after) <= set(_REFERENCE_FIELDS):
        raise InvalidRequest(f"Unknown parameter: '{name[:64]}'.", param=name[:64], code="unknown_parameter")
    return int(digits) if digits else None


def _in_order(images: list[tuple[int | None, bytes | str]]) -> list[bytes | str]:
    """The images by their positions, if each has one, since some languages send fields in any order."""
    if all(position is not None for position, _ in images):
        images = sorted(images, key=lambda image: image[0] or 0)
    return [part for _, part in images]


def _text_of(part: str | bytes, name: str, field: str) -> str:
    """The text of a parameter, which some clients send as a file."""
    if isinstance(part, str):
        return part
    if field not in _FormBody.model_fields:
        raise InvalidRequest(
            f"Unknown file field: '{name[:64]}'. Files are 'image' or 'image[]', 'mask' and 'markup'.",
            param=name[:64],
            code="unknown_parameter",
        )
    try:
        return part.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(f"'{name[:64]}' must be text in UTF-8, not a file.", param=name[:64]) from None


def _source_of_part(part: bytes | str, param: str) -> ImageSource:
    return ImageSource.named(part, param) if isinstance(part, str) else ImageSource(data=part)


class _FormBody(GenerationBody):
    input_fidelity: str | None = None


def _put(document: dict[str, Any], name: str, path: list[str], text: str) -> None:
    """Set a form field, which can be nested."""
    parent = document
    for step in path[:-1]:
        parent = parent.setdefault(step, {})
        if not isinstance(parent, dict):
            raise _duplicate(name)
    if path[-1] in parent:
        raise _duplicate(name)
    parent[path[-1]] = _notes(text) if path in (["metadata"], ["options"]) else _typed(path[0], text)


def _typed(name: str, text: str) -> str | int | bool:
    """Form fields are text; convert those that must be integers or booleans."""
    if name in _INTEGERS and re.fullmatch(r"-?[0-9]{1,9}", text):
        return int(text)
    if name == "stream":
        return _BOOLEANS.get(text.lower(), text)
    return text


def _notes(text: str) -> Any:
    """An object in one field, as JSON; a text that is not is refused by the body."""
    try:
        return load_json(text)
    except InvalidJson:
        return text


def _duplicate(name: str) -> InvalidRequest:
    return InvalidRequest(f"'{name[:64]}' is given more than once.", param=name[:64], code="duplicate_parameter")
