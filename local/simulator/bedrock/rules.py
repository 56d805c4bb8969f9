"""What a request may contain; everything else is refused with a ValidationException."""

import base64
import binascii
import io
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, UnidentifiedImageError

from local.simulator.bedrock.models import MODELS, PROMPT_OPTIONAL, BedrockModel, Field

_PROMPT_MAX = 10_000
_SEED_MAX = 4_294_967_294


class Invalid(Exception):
    """A rule is broken; the message is the service's."""


@dataclass(frozen=True)
class Wish:
    """A valid request: its model, its plain fields, its images in order, and its mask (white where it is edited)."""

    model: BedrockModel
    name: str
    fields: dict[str, Any]
    images: tuple[Image.Image, ...] = ()
    mask: Image.Image | None = field(default=None)

    @property
    def prompt(self) -> str:
        """Empty if it has none."""
        return str(self.fields.get("prompt", ""))

    @property
    def format(self) -> str:
        """Of the image that is made."""
        return str(self.fields.get("output_format", self.model.default_format))


def wish_of(name: str, document: Any) -> Wish:
    """The request in a body. Raises Invalid for the first rule that it breaks."""
    model = MODELS[name]
    if not isinstance(document, dict):
        raise Invalid("Malformed input request: expected type: JSONObject, please reformat your input and try again.")
    image_names = _image_names(model, document)
    known = {
        **({"prompt": Field(), "negative_prompt": Field()} if model.prompt else {}),
        **(
            {}
            if model.does in ("upscale", "remove background") and not model.prompt
            else {"seed": Field(0, _SEED_MAX, whole=True)}
        ),
        "output_format": Field(values=model.formats),
        **model.fields,
    }
    for each in document:
        if each not in known and each not in image_names and not (each == "mask" and model.mask):
            raise Invalid(f"Malformed input request: #: extraneous key [{each}] is not permitted")
    if model.prompt and name not in PROMPT_OPTIONAL and not document.get("prompt"):
        raise Invalid("Malformed input request: #: required key [prompt] not found")
    for each, rule in known.items():
        if each in document:
            _check(each, document[each], rule)
        elif rule.required:
            raise Invalid(f"Malformed input request: #: required key [{each}] not found")
    if model.does == "outpaint" and not any(document.get(side) for side in ("left", "right", "up", "down")):
        raise Invalid("At least one of left, right, up or down must be greater than 0.")
    images = tuple(_image(each, document.get(each), model) for each in image_names)
    fields = {each: value for each, value in document.items() if each in known}
    return Wish(model, name, fields, images, _mask(document, images[0]) if model.mask else None)


def _image_names(model: BedrockModel, document: dict[str, Any]) -> tuple[str, ...]:
    if "mode" not in model.fields:
        return model.images
    if document.get("mode") != "image-to-image":
        if "strength" in document:
            raise Invalid("strength is only allowed with mode image-to-image.")
        return ()
    if "aspect_ratio" in document:
        raise Invalid("aspect_ratio is not allowed with mode image-to-image.")
    if "strength" not in document:
        raise Invalid("strength is required with mode image-to-image.")
    return ("image",)


def _check(name: str, value: Any, rule: Field) -> None:
    if rule.low is not None and rule.high is not None:
        number = isinstance(value, int) if rule.whole else isinstance(value, int | float)
        if not number or isinstance(value, bool):
            raise Invalid(f"Malformed input request: #/{name}: expected type: Number")
        if not rule.low <= value <= rule.high:
            raise Invalid(f"Malformed input request: #/{name}: {value} is not between {rule.low} and {rule.high}")
        return
    if not isinstance(value, str) or not value:
        raise Invalid(f"Malformed input request: #/{name}: expected a text")
    if rule.values and value not in rule.values:
        raise Invalid(f"Malformed input request: #/{name}: {value[:40]} is not a valid enum value")
    if len(value) > _PROMPT_MAX:
        raise Invalid(f"Malformed input request: #/{name}: expected maxLength: {_PROMPT_MAX}")


def _image(name: str, text: Any, model: BedrockModel) -> Image.Image:
    image = _decoded(name, text)
    edges, pixels = sorted(image.size), image.width * image.height
    if edges[0] < model.min_edge or edges[1] > model.max_edge or pixels > model.max_pixels:
        raise Invalid(f"{name}: {image.width}x{image.height} is outside the limits of the model.")
    if edges[1] > model.max_ratio * edges[0]:
        raise Invalid(f"{name}: the aspect ratio is outside the limits of the model.")
    return image


def _mask(document: dict[str, Any], image: Image.Image) -> Image.Image:
    mask = _decoded("mask", document.get("mask"))
    if mask.size != image.size:
        raise Invalid("mask: its dimensions differ from those of the image.")
    return mask.convert("L")


def _decoded(name: str, text: Any) -> Image.Image:
    if not isinstance(text, str):
        raise Invalid(f"Malformed input request: #: required key [{name}] not found")
    try:
        image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=["PNG", "JPEG", "WEBP"])
        image.load()
    except (binascii.Error, UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise Invalid(f"{name}: the image could not be decoded.") from None
    return image
