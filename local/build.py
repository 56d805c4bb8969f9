"""Builds the functions for the laptop cloud, and packs each distinct build once."""

import hashlib
import json
import os
import platform
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from local.processes import ROOT, run_logged

Template = dict[str, Any]

# What the functions run on here; the deployed default is arm64.
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def build(name: str, logs: Path) -> Path:
    """`make build` into .aws-sam/NAME/build, unless nothing changed; returns that folder.

    Raises LocalCloudError when the build fails.
    """
    folder = ROOT / ".aws-sam" / name
    stamp = folder / "sources.sha256"
    fingerprint = _fingerprint([ROOT / "template.yaml", ROOT / "Makefile", *(ROOT / "src").rglob("*")])
    if not stamp.exists() or stamp.read_text() != fingerprint:
        stamp.unlink(missing_ok=True)
        run_logged(
            ["make", "build", f"BUILD={folder.relative_to(ROOT)}", f"ARCHITECTURE={ARCHITECTURE}"],
            logs / "build.log",
            {name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        )
        stamp.write_text(fingerprint)
    return folder / "build"


def load_template(folder: Path) -> Template:
    """The built template, with short tags such as !Ref spelled out as mappings."""
    template: Template = yaml_parse((folder / "template.yaml").read_text())  # type: ignore[no-untyped-call]
    return template


def pack(folder: Path, template: Template) -> dict[str, Path]:
    """An archive for each function of a built template: function name → path of its zip.

    Functions with the same contents share one. Files are stored, not compressed: that is quicker to
    write, to upload and to unpack at each cold start, and costs nothing here.
    """
    archives: dict[str, Path] = {}
    for function, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            code = folder / resource["Properties"]["CodeUri"]
            archive = folder.parent / f"{_fingerprint(code.rglob('*'), code)}.zip"
            if not archive.exists():
                _write_archive(archive, code)
            archives[function] = archive
    for old in set(folder.parent.glob("*.zip")) - set(archives.values()):
        old.unlink()
    return archives


def _write_archive(archive: Path, code: Path) -> None:
    draft = archive.with_suffix(".draft")
    with zipfile.ZipFile(draft, "w") as zipped:
        for path in sorted(code.rglob("*")):
            zipped.write(path, path.relative_to(code))
    draft.rename(archive)


def _fingerprint(paths: Iterable[Path], base: Path = ROOT) -> str:
    """A digest of names and contents; bytecode caches are left out."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(json.dumps([str(path.relative_to(base)), path.stat().st_size]).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
