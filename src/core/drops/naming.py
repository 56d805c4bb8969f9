"""Names in the inbox: which objects belong together, and where their results go."""

import hashlib
import re
from collections.abc import Iterator

RECIPE_NAME = "recipe.json"
RESULTS = "drops/"
# S3 keys have at most 1024 bytes in UTF-8, and those of results are longer than the key of the drop.
_LONGEST_FOLDER = 600
_LONGEST_NAME = 300

_EXTENSION = re.compile(r"(?<=[^/])\.[A-Za-z0-9]{1,8}$")


def is_json(key: str) -> bool:
    """Whether an object is a recipe or a sidecar, never an image to work on."""
    return key.lower().endswith(".json")


def is_recipe(key: str) -> bool:
    """Whether an object is the recipe of its folder."""
    return key.rpartition("/")[2] == RECIPE_NAME


def stem_of(key: str) -> str:
    """The key without its extension."""
    return _EXTENSION.sub("", key)


def sidecars_of(key: str) -> list[str]:
    """Where the sidecar of an image may be, the most exact name first: photo.png.json, photo.json."""
    return list(dict.fromkeys((f"{key}.json", f"{stem_of(key)}.json")))


def recipes_above(key: str) -> Iterator[str]:
    """Where the recipe of an image's folder may be: the nearest first, up to the root."""
    folder = key.rpartition("/")[0]
    while folder:
        yield f"{folder}/{RECIPE_NAME}"
        folder = folder.rpartition("/")[0]
    yield RECIPE_NAME


def resolve(reference: str, place: str) -> str:
    """The key that a recipe names: relative to the root of the inbox or, with ./, to the folder of `place`."""
    if not reference.startswith("./"):
        return reference
    folder = place.rpartition("/")[0]
    return f"{folder}/{reference[2:]}" if folder else reference[2:]


def result_folders(key: str) -> list[str]:
    """Where the results of a drop go: into the first folder that does not belong to another key.

    Otherwise, drops whose keys differ only in their extension would share a folder.
    """
    unique = hashlib.sha256(key.encode()).hexdigest()[:32]
    key = key.rstrip("/")
    names = [name for name in dict.fromkeys((stem_of(key), key)) if name and len(name.encode()) <= _LONGEST_FOLDER]
    return [f"{RESULTS}{name}/" for name in (*names, unique)]


def image_names(key: str, extensions: list[str]) -> list[str]:
    """The names of a drop's images: that of the drop, with a number if there are several."""
    name = stem_of(key.rstrip("/")).rpartition("/")[2]
    if not name or len(name.encode()) > _LONGEST_NAME:
        name = "image"
    if len(extensions) == 1:
        return [f"{name}.{extensions[0]}"]
    return [f"{name}-{number}.{extension}" for number, extension in enumerate(extensions, start=1)]
