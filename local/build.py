"""Builds the functions for the local deployment, and packs each distinct build once."""

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from local import web
from local.processes import ROOT, run_logged

Template = dict[str, Any]

# What the functions run on here; the default of a deployment is arm64.
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
FOLDER = ROOT / ".aws-sam/local"
# The operator's own providers, in a package.
PROVIDERS = "providers.json"


@dataclass(frozen=True)
class Package:
    """A built template, with short forms such as !Ref expanded, and the archive of each function."""

    template: Template
    archives: dict[str, Path]


def package(name: str, logs: Path, own_providers: Mapping[str, Any] | None = None) -> Package:
    """Build what has changed since the last build, and pack it into archives of the stack with that name.

    `own_providers` are packed in place of those of src/providers.json, which stays as it is.

    Raises:
        LocalCloudError: the build fails.
    """
    with _one_at_a_time():
        _build(logs)
        _pack_web()
        template: Template = yaml_parse((FOLDER / "build/template.yaml").read_text())  # type: ignore[no-untyped-call] # SAM's
        archives = FOLDER / "archives" / name
        shutil.rmtree(archives, ignore_errors=True)
        archives.mkdir(parents=True)
        return Package(template, _pack(template, archives, own_providers))


def _build(logs: Path) -> None:
    stamp = FOLDER / "sources.sha256"
    inputs = ["template.yaml", "Makefile", "local/finishing.py"]
    sources = _fingerprint([*(ROOT / name for name in inputs), *(ROOT / "src").rglob("*")], ROOT)
    if stamp.exists() and stamp.read_text() == sources:
        return
    stamp.unlink(missing_ok=True)
    run_logged(
        ["make", "build", f"BUILD={FOLDER.relative_to(ROOT)}", f"ARCHITECTURE={ARCHITECTURE}"],
        logs / "build.log",
        {name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
    )
    stamp.write_text(sources)


def _pack_web() -> None:
    """The files for browsers as they are now: a change of a page needs no new build."""
    for folder in FOLDER.glob(f"build/*/{web.PLACE}"):
        web.pack(folder)


def _pack(template: Template, folder: Path, own_providers: Mapping[str, Any] | None) -> dict[str, Path]:
    """Functions with the same contents share an archive.

    Files are stored uncompressed: that is faster to write, to upload and to unpack at each cold start.
    """
    archives: dict[str, Path] = {}
    for function, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            code = FOLDER / "build" / resource["Properties"]["CodeUri"]
            archive = folder / f"{_fingerprint(code.rglob('*'), code)}.zip"
            if not archive.exists():
                with zipfile.ZipFile(archive, "w") as zipped:
                    for path in sorted(code.rglob("*")):
                        if path == code / PROVIDERS and own_providers is not None:
                            zipped.writestr(PROVIDERS, json.dumps(own_providers))
                        else:
                            zipped.write(path, path.relative_to(code))
            archives[function] = archive
    return archives


def _fingerprint(paths: Iterable[Path], base: Path) -> str:
    """A digest of names and contents, except bytecode."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(json.dumps([str(path.relative_to(base)), path.stat().st_size]).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """`make up`, the demo and the tests share the build folder, and may start at the same time."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
