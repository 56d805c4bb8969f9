"""Finishes what `sam build` made: python -m local.finishing BUILD_FOLDER.

All functions share one package (Globals.Function.CodeUri), which SAM copies for each of them. Here it loses what no
function loads, gets the page that GET /docs answers and the bytecode that builds leave out (without it a cold start
takes twice as long), and is kept once: to compile every copy would take minutes.
"""

import compileall
import json
import os
import py_compile
import re
import shutil
import sys
from pathlib import Path

from local.processes import ROOT
from openapi.files import DESCRIPTION
from openapi.page import render

# The one place where the functions make AWS clients.
CLIENTS = ROOT / "src/core/aws.py"


def finish(build: Path) -> None:
    """Finish the first function's package, and link those of the others to it."""
    first, *others = sorted(path for path in build.iterdir() if path.is_dir())
    drop_unused_services(first)
    write_page(first)
    compileall.compile_dir(first, quiet=1, workers=0, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    for other in others:
        shutil.rmtree(other)
        shutil.copytree(first, other, copy_function=os.link)


def drop_unused_services(package: Path) -> None:
    """Take away botocore's descriptions of AWS services that no function calls: a third of all files."""
    called = called_services()
    for service in (package / "botocore/data").iterdir():
        if service.is_dir() and service.name not in called:
            shutil.rmtree(service)


def write_page(package: Path) -> None:
    """Put the page of the API beside its description, so that no function has to render it."""
    description = package / DESCRIPTION.relative_to(ROOT / "src")
    description.with_name("docs.html").write_text(render(json.loads(description.read_text())))


def called_services() -> set[str]:
    """The AWS services that the functions have clients of, by botocore's names."""
    return set(re.findall(r'boto3\.client\("([a-z0-9-]+)"', CLIENTS.read_text()))


if __name__ == "__main__":
    finish(Path(sys.argv[1]))
