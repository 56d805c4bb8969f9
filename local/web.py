"""Packs what the deployment serves to browsers: `web/`, whose paths are those below the base URL, and openapi.json."""

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

from interfaces.http_api import files
from local.processes import ROOT
from openapi.files import DESCRIPTION

WEB = ROOT / "web"
# Where they are in the package of a function.
PLACE = files.FOLDER.relative_to(ROOT / "src")


def pack(folder: Path) -> None:
    """Write each file compressed, so that no function has to, in place of what the folder has."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, source in served():
        target = folder / f"{name}.gz"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(source.read_bytes(), mtime=0))


def served() -> Iterator[tuple[str, Path]]:
    """The files that are served, by their paths below the base URL."""
    yield DESCRIPTION.name, DESCRIPTION
    for path in sorted(WEB.rglob("*")):
        if path.suffix in files.CONTENT_TYPES:
            yield path.relative_to(WEB).as_posix(), path
