"""What a request may contain, for each model; everything else is refused, as by the API itself."""

import base64
import binascii
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

_USUAL = {
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
}
_LONG = {"1:4": (512, 2048), "4:1": (2048, 512), "1:8": (384, 3072), "8:1": (3072, 384)}
_OF_2_5 = {
    "1:1": (1024, 1024),
    "2:3": (832, 1248),
    "3:2": (1248, 832),
    "3:4": (864, 1184),
    "4:3": (1184, 864),
    "4:5": (896, 1152),
    "5:4": (1152, 896),
    "9:16": (768, 1344),
    "16:9": (1344, 768),
    "21:9": (1536, 672),
}
_FACTORS = {"1K": 1, "2K": 2, "4K": 4}
_MAX_IMAGES = 14
_MAX_IMAGE_BYTES = 7_000_000
_MIME_TYPES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
_VERTEX_ONLY = (
    "personGeneration",
    "prominentPeople",
    "outputMimeType",
    "outputCompressionQuality",
    "imageOutputOptions",
)


@dataclass(frozen=True)
class GeminiModel:
    """A model: its sizes by ratio, its scales (none if it takes no imageSize), and whether it thinks first."""

    sizes: Mapping[str, tuple[int, int]]
    scales: tuple[str, ...]
    thinks: bool = True
    png: bool = False
    shutdown: date | None = None


MODELS = {
    "gemini-nano-banana-2.1": GeminiModel({**_USUAL, **_LONG}, ("1K", "2K", "4K")),
    "gemini-3-pro-image": GeminiModel(_USUAL, ("1K", "2K", "4K")),
    "gemini-3.1-flash-image": GeminiModel({**_USUAL, **_LONG}, ("1K", "2K", "4K"), shutdown=date(2026, 10, 29)),
    "gemini-3.1-flash-lite-image": GeminiModel({**_USUAL, **_LONG}, ("1K",)),
    "gemini-2.5-flash-image": GeminiModel(_OF_2_5, (), thinks=False, png=True, shutdown=date(2027, 3, 15)),
}


class Invalid(Exception):
    """A rule is broken; the message is the API's."""


@dataclass(frozen=True)
class Wish:
    """A valid request; without a size, the model has chosen one."""

    model: str
    prompt: str
    images: tuple[Image.Image, ...]
    size: tuple[int, int]
    scale: str

    @property
    def thinks(self) -> bool:
        """Whether its model thinks, and makes drafts."""
        return MODELS[self.model].thinks


def wish_of(model: str, document: Any) -> Wish:
    """The request in a body. Raises Invalid for the first rule that it breaks."""
    rules, document = MODELS[model], _in_camel_case(document)
    _only("", document, ("contents", "generationConfig", "safetySettings", "systemInstruction", "labels"))
    contents = document.get("contents")
    if not isinstance(contents, list) or not contents:
        raise Invalid("* GenerateContentRequest.contents: contents is not specified")
    texts, images = [], []
    for content in contents:
        _only("contents", content, ("role", "parts"))
        if content.get("role", "user") not in ("user", "model"):
            raise Invalid("Please use a valid role: user, model.")
        for part in content.get("parts") or ():
            _only("contents.parts", part, ("text", "inlineData", "thought", "thoughtSignature"))
            if "text" in part:
                texts.append(_typed("text", part["text"], str))
            if "inlineData" in part:
                images.append(_image(part["inlineData"]))
    if not any(texts) and not images:
        raise Invalid("* GenerateContentRequest.contents: contents.parts must not be empty.")
    if len(images) > _MAX_IMAGES:
        raise Invalid(f"Too many images: the model accepts at most {_MAX_IMAGES}.")
    size, scale = _size(model, rules, document.get("generationConfig", {}), images)
    return Wish(model, "\n".join(texts), tuple(images), size, scale)


def _size(model: str, rules: GeminiModel, config: Any, images: list[Image.Image]) -> tuple[tuple[int, int], str]:
    known = (
        "responseModalities",
        "imageConfig",
        "candidateCount",
        "temperature",
        "topP",
        "topK",
        "seed",
        "maxOutputTokens",
        "thinkingConfig",
        "responseMimeType",
    )
    _only("generation_config", config, known)
    if config.get("candidateCount", 1) != 1:
        raise Invalid("Multiple candidates is not enabled for this model")
    if "responseMimeType" in config:
        raise Invalid("response_mime_type is not supported for this model")
    if "thinkingConfig" in config:
        _only("thinking_config", config["thinkingConfig"], ("thinkingLevel", "includeThoughts"))
        if not rules.thinks:
            raise Invalid("Thinking is not enabled for this model")
    modalities = config.get("responseModalities", ["TEXT", "IMAGE"])
    if not isinstance(modalities, list) or "IMAGE" not in modalities or not {*modalities} <= {"TEXT", "IMAGE"}:
        raise Invalid("The requested combination of response modalities is not supported by the model.")
    image = config.get("imageConfig", {})
    if isinstance(image, dict) and (vertex := next((name for name in _VERTEX_ONLY if name in image), None)):
        raise Invalid(f"{vertex} parameter is not supported in Gemini API.")
    _only("image_config", image, ("aspectRatio", "imageSize"))
    if "imageSize" in image and not rules.scales:
        raise Invalid(f"image_size is not supported for {model}")
    scale = image.get("imageSize", "1K")
    if scale not in (rules.scales or ("1K",)):
        raise Invalid(f"Invalid value at 'generation_config.image_config.image_size': {scale}")
    ratio = image.get("aspectRatio", _like(images))
    if ratio not in rules.sizes:
        raise Invalid(f"Invalid value at 'generation_config.image_config.aspect_ratio': {ratio}")
    width, height = rules.sizes[ratio]
    return (width * _FACTORS[scale], height * _FACTORS[scale]), scale


def _like(images: list[Image.Image]) -> str:
    """The ratio that the model chooses: that of the last input, roughly."""
    if not images or images[-1].width == images[-1].height:
        return "1:1"
    return "3:2" if images[-1].width > images[-1].height else "2:3"


def _image(inline: Any) -> Image.Image:
    _only("inline_data", inline, ("mimeType", "data"))
    if inline.get("mimeType") not in _MIME_TYPES:
        raise Invalid(f"Unsupported MIME type: {inline.get('mimeType')}")
    try:
        # Google's SDK sends some images in the alphabet for URLs; the API takes both.
        text = _typed("data", inline.get("data"), str).translate(str.maketrans("-_", "+/"))
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Invalid(
            "Invalid value at 'contents.parts.inline_data.data' (TYPE_BYTES), Base64 decoding failed"
        ) from None
    if len(data) > _MAX_IMAGE_BYTES:
        raise Invalid("The image is too large: at most 7 MB are accepted inline.")
    try:
        image = Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"])
        image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise Invalid("Unable to process input image. Please retry or report.") from None
    return ImageOps.exif_transpose(image)


def _in_camel_case(value: Any) -> Any:
    """The names as they are documented; the API takes them in snake_case, too, and Google's SDK sends some so."""
    if isinstance(value, list):
        return [_in_camel_case(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        re.sub("_([a-z])", lambda found: found[1].upper(), name): _in_camel_case(each) for name, each in value.items()
    }


def _only(where: str, value: Any, known: tuple[str, ...]) -> None:
    if not isinstance(value, dict):
        raise Invalid(f"Invalid value at '{where or 'request'}': an object is expected.")
    for name in value:
        if name not in known:
            at = f" at '{where}'" if where else ""
            raise Invalid(f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.')


def _typed(name: str, value: Any, kind: type[str]) -> str:
    if not isinstance(value, kind):
        raise Invalid(f"Invalid value at '{name}' (TYPE_STRING)")
    return value
