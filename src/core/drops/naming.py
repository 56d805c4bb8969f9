"""Names in the inbox: which objects belong together, and where their results go."""

import hashlib
import re
from collections.abc import Iterator

from core.objects import MAX_KEY_BYTES

# How many folders are searched for a recipe: that of the image, and those above it.
MAX_FOLDERS = 32
RECIPE_NAME = "recipe.json"
RESULTS = "drops/"
# The keys of results are longer than the key of the drop.
_LONGEST_FOLDER = 600
_LONGEST_NAME = 300

# Names that lead elsewhere when results are copied to a disk, or that a terminal obeys.
_UNSAFE = re.compile(r"(^|/)\.{0,2}(/|$)|[\\\x00-\x1f\x7f]")
_EXTENSION = re.compile(r"(?<=[^/])\.[A-Za-z0-9]{1,8}$")

# What programs call a file that they have not finished, keep as a backup, or have locked, and rename or delete later:
# browsers, file managers, FTP clients, mounts, editors. Also the folder markers of Hadoop.
_UNFINISHED = re.compile(
    r"(\.(part|partial|filepart|tmp|temp|crdownload|download|opdownload|uploading|incomplete|inprogress|aria2"
    r"|swp|swo|swx|lock|bak)([._-]?\d+)?|\.(tmp|temp|partial)\.[a-z0-9]{1,8}|\.!..|~|_\$folder\$)$",
    re.IGNORECASE,
)
_LOCK = re.compile(r"^(~|#.*#$)")
# What programs put beside pictures for themselves: settings of raw converters, and of file managers.
_OF_OTHER_PROGRAMS = re.compile(
    r"(\.(xmp|aae|thm|pp3|dop|cos|on1|nksc)|^(thumbs\.db|ehthumbs\.db|desktop\.ini))$", re.IGNORECASE
)
_HIDDEN = re.compile(r"^(\.+[^.]|(@eadir|#recycle|\$recycle\.bin|__macosx|lost\+found)$)", re.IGNORECASE)


def is_json(key: str) -> bool:
    """Whether an object is a recipe or a sidecar, never an image to work on."""
    return key.lower().endswith(".json")


def is_recipe(key: str) -> bool:
    """Whether an object is the recipe of its folder."""
    return key.rpartition("/")[2] == RECIPE_NAME


def is_unfinished(key: str) -> bool:
    """Whether the name says that the object is not a file that somebody dropped, whatever it holds."""
    name = key.rpartition("/")[2]
    return bool(_UNFINISHED.search(name) or _LOCK.search(name) or _OF_OTHER_PROGRAMS.search(name))


def is_hidden(key: str) -> bool:
    """Whether the name, or that of a folder above it, begins with a dot or belongs to a file manager."""
    return any(_HIDDEN.search(name) for name in key.split("/"))


def stem_of(key: str) -> str:
    """The key without its extension."""
    return _EXTENSION.sub("", key)


def sidecars_of(key: str) -> list[str]:
    """Where the sidecar of an image may be, the most exact name first: photo.png.json, photo.json."""
    return list(dict.fromkeys((f"{key}.json", f"{stem_of(key)}.json")))


def recipes_above(key: str) -> Iterator[str]:
    """Where the recipe of an image's folder may be: the nearest first, up to the root or for MAX_FOLDERS."""
    folder = key
    for _ in range(MAX_FOLDERS):
        folder = folder.rpartition("/")[0]
        yield f"{folder}/{RECIPE_NAME}" if folder else RECIPE_NAME
        if not folder:
            return


def places_of_recipes(key: str) -> list[str]:
    """Where a recipe of an image may be, besides its metadata: the first one found is used."""
    return [*sidecars_of(key), *recipes_above(key)]


def is_reference(key: str) -> bool:
    """Whether a recipe can name this key: S3 has keys of 1 to 1024 bytes, and knows no parent folder."""
    return 0 < len(key.encode()) <= MAX_KEY_BYTES and ".." not in key.split("/")


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
    names = [name for name in dict.fromkeys((stem_of(key), key)) if _is_safe(name, _LONGEST_FOLDER)]
    return [f"{RESULTS}{name}/" for name in (*names, unique)]


def image_names(key: str, extensions: list[str]) -> list[str]:
    """The names of a drop's images: that of the drop, with a number if there are several."""
    name = stem_of(key.rstrip("/")).rpartition("/")[2]
    if not _is_safe(name, _LONGEST_NAME):
        name = "image"
    if len(extensions) == 1:
        return [f"{name}.{extensions[0]}"]
    return [f"{name}-{number}.{extension}" for number, extension in enumerate(extensions, start=1)]


def _is_safe(name: str, max_bytes: int) -> bool:
    return len(name.encode()) <= max_bytes and not _UNSAFE.search(name)
