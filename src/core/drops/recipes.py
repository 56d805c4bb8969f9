"""What to do with a dropped image: read from its metadata, a sidecar or the recipe of a folder.

A recipe comes whole from one place; several are never merged.
"""

import binascii
import email.errors
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from email.header import decode_header
from typing import Annotated, Any, get_args
from urllib.parse import unquote

from pydantic import FailFast, Field

from core.catalog import is_model_name
from core.drops import naming
from core.errors import InvalidRequest
from core.requests.bodies import ImageSettings
from core.validation import InvalidJson, load_json

METADATA = "metadata"
MAX_RECIPE_BYTES = 256 * 1024
MAX_WAIT_SECONDS = 900
MAX_REFERENCES = 16  # No model takes more input images.
# Where rclone, s3fs, AWS DataSync and Storage Gateway, s3cmd and mc note the times of files.
_NOTES_OF_MIRRORS = frozenset({"mtime", "ctime", "file-mtime", "s3cmd-attrs", "mc-attrs"})
# With neither, a document does not say what to do.
_ESSENTIAL = ("prompt", "material")
_EXAMPLE = '{"prompt": "as a watercolour", "quality": "low"}'


class NotARecipe(InvalidRequest):
    """It belongs to another program, which uses the same place or name: the search for a recipe goes on."""


class Recipe(ImageSettings):
    """What to do with an image that is dropped into the inbox.

    It is read from the object's metadata, a sidecar or the recipe.json of a folder. Keys of other objects are relative
    to the root of the inbox or, with ./, to the folder of the recipe.
    """

    references: Annotated[list[str], FailFast(), Field(max_length=MAX_REFERENCES)] | None = None
    """Keys of more input images in the inbox; they follow the dropped one."""
    mask: str | None = None
    """Key of a PNG in the inbox, of the same size as the image; its transparent areas are edited."""
    markup: str | None = None
    """Key of a PNG in the inbox, drawn over the image to show what to change."""
    input_fidelity: str | None = None
    """How closely the inputs are preserved, for models that support it."""
    webhook: str | None = None
    """A URL that is notified when the job ends, like the header Easel-Webhook of the HTTP API."""
    material: bool | None = None
    """Images here are only used by other recipes: they are not edited, and need no prompt."""
    deadline: int | None = None
    """Seconds from acceptance within which the purchase must begin; 3600 by default."""
    wait_for_sidecar: int | None = Field(default=None, ge=0, le=MAX_WAIT_SECONDS)
    """In a recipe.json: seconds that an image waits for a sidecar of its own before this recipe is used."""

    def parameters(self) -> dict[str, Any]:
        """The parameters for the provider."""
        own = {
            "metadata",
            "fallbacks",
            "references",
            "mask",
            "markup",
            "webhook",
            "material",
            "deadline",
            "wait_for_sidecar",
        }
        return self.model_dump(exclude_none=True, exclude=own)

    def stated(self) -> dict[str, Any]:
        """What it says, without the prompt, the metadata and the webhook, whose URL may contain a secret."""
        return self.model_dump(exclude_none=True, exclude={"prompt", "metadata", "webhook"})


@dataclass(frozen=True)
class FoundRecipe:
    """The recipe of the object `key`, and where it was found: "metadata", or a key in the inbox."""

    place: str
    recipe: Recipe
    key: str

    @property
    def inputs(self) -> dict[str, str]:
        """The keys of the other inputs, by the parameter that names each."""
        recipe = self.recipe
        named = {f"references[{index}]": reference for index, reference in enumerate(recipe.references or ())}
        named |= {"mask": recipe.mask} if recipe.mask is not None else {}
        named |= {"markup": recipe.markup} if recipe.markup is not None else {}
        return {param: self._resolve(reference) for param, reference in named.items()}

    @property
    def is_for_others(self) -> bool:
        """Whether the object is only used by recipes of other images: its recipe says so, or names it as an input.

        Metadata is the recipe of one object alone, so naming that object does not exclude it.
        """
        return bool(self.recipe.material) or (self.place != METADATA and self.key in self.inputs.values())

    def _resolve(self, reference: str) -> str:
        """The key that the recipe means; see naming.resolve. The folder of metadata is that of the object."""
        return naming.resolve(reference, self.key if self.place == METADATA else self.place)


def of_metadata(metadata: Mapping[str, str]) -> Recipe | None:
    """The recipe in an object's metadata; None if nothing there belongs to one.

    Values are percent-encoded, since S3 accepts only ASCII. Names that are not part of a recipe belong to other tools.

    Raises:
        NotARecipe: there is neither a prompt nor a model that may need none, so that names such as `size` may be those
            of a camera.
        InvalidRequest: a value cannot be read, or the prompt is empty.
    """
    values = of_recipe(metadata)
    if not values:
        return None
    if (
        "prompt" not in values
        and values.get("material") not in ("true", "false")
        and not is_model_name(values.get("model", ""))
    ):
        raise _wrong("the metadata", f"it has {', '.join(sorted(values))}, but no prompt", "prompt", kind=NotARecipe)
    return _read({field: _typed(field, value) for field, value in values.items()}, "the metadata")


def of_recipe(metadata: Mapping[str, str]) -> dict[str, str]:
    """What an object's metadata says in the names of a recipe, by field."""
    named = {name.lower().replace("-", "_"): value for name, value in metadata.items()}
    return {field: _unwrapped(value) for field, value in named.items() if field in Recipe.model_fields}


def is_written_by_a_mirror(metadata: Mapping[str, str]) -> bool:
    """Whether a program that keeps a bucket like a folder has noted the times of a file."""
    return not _NOTES_OF_MIRRORS.isdisjoint(name.lower() for name in metadata)


def of_json(data: bytes, place: str) -> Recipe:
    """The recipe in a JSON file.

    Raises:
        NotARecipe: it is a sidecar, and its fields are those of another program.
        InvalidRequest: it is not JSON, does not fit the schema, or has neither a prompt nor a model.
    """
    where = f"the recipe '{place}'"
    if len(data) > MAX_RECIPE_BYTES:
        raise _wrong(where, f"it has more than {MAX_RECIPE_BYTES} bytes", None)
    try:
        document = load_json(data)
    except InvalidJson as error:
        raise _wrong(where, f"it {error}", None) from None
    of_others = not naming.is_recipe(place) and _is_of_others(document)
    if not isinstance(document, dict):
        raise _wrong(where, "it is not a JSON object", None, kind=NotARecipe if of_others else InvalidRequest)
    document.pop("$schema", None)
    if of_others:
        raise _wrong(where, "it has no prompt, and fields that no recipe has", "prompt", kind=NotARecipe)
    return _read(document, where)


def empty(place: str) -> InvalidRequest:
    """The error for a JSON file without bytes, which a mount may still be writing."""
    return _wrong(f"the recipe '{place}'", "it is empty", None)


def _is_of_others(document: Any) -> bool:
    """Whether a sidecar says nothing that a recipe must say, but what no recipe says; a misspelt name is a mistake."""
    if not isinstance(document, dict):
        return True
    unknown = [str(name) for name in document if name not in Recipe.model_fields and name != "$schema"]
    misspelt = any(get_close_matches(name.lower(), _ESSENTIAL, cutoff=0.75) for name in unknown)
    return (
        bool(unknown) and not misspelt and "prompt" not in document and not isinstance(document.get("material"), bool)
    )


def _read(document: dict[str, Any], where: str) -> Recipe:
    try:
        recipe = Recipe.read(document)
    except InvalidRequest as error:
        raise _wrong(where, error.problem.message, error.problem.param) from None
    if not recipe.prompt and not recipe.material and not recipe.model:  # Some models need none.
        raise _wrong(where, "it has no prompt, and recipes from several places are never merged", "prompt")
    return recipe


def _wrong(where: str, fault: str, param: str | None, kind: type[InvalidRequest] = InvalidRequest) -> InvalidRequest:
    return kind(
        f"Easel cannot use {where}: {fault.rstrip('.')}. For example, write {_EXAMPLE}; all fields are described in "
        "docs/recipe.schema.json.",
        param=param,
        code="invalid_recipe",
    )


def _unwrapped(value: str) -> str:
    """The text of a value that S3 returns encoded by RFC 2047, because it was not ASCII."""
    if not (value.startswith("=?") and value.endswith("?=")):
        return value
    try:
        parts = decode_header(value)
        text = "".join(text if isinstance(text, str) else text.decode(charset or "ascii") for text, charset in parts)
        text.encode()  # Some encodings can spell lone surrogates, which nothing can store.
        return text
    except (ValueError, LookupError, binascii.Error, email.errors.HeaderParseError):
        return value


def _typed(field: str, value: str) -> Any:
    """A value of metadata, with the type it would have in JSON."""
    if field in ("references", "fallbacks"):
        return [_decoded(field, each) for each in value.split(",")]
    text = _decoded(field, value)
    if str in (kinds := get_args(Recipe.model_fields[field].annotation)):
        return text
    try:
        # Whole numbers, true and false, and the nested settings of SVG.
        return load_json(text) if int not in kinds else int(text)
    except ValueError:
        return text


def _decoded(field: str, value: str) -> str:
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise _wrong("the metadata", f"'{field}' is percent-encoded, but not in UTF-8", field) from None
