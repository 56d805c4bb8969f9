"""Finishes what `sam build` made: python -m local.finishing BUILD_FOLDER

All functions share one package (Globals.Function.CodeUri), which SAM copies for each of them. Here, one copy loses what
no function loads and gets the files for browsers and the bytecode, without which a cold start takes twice as long. The
other copies are replaced by links to it, since compiling each would take minutes.
"""

import compileall
import os
import py_compile
import re
import shutil
import sys
from pathlib import Path

from local import web
from local.processes import ROOT

# What makes AWS clients for the functions: one module, and the adapters of providers that are services of AWS.
CLIENTS = [ROOT / "src/core/aws.py", *(ROOT / "src/core/providers").glob("*.py")]


def finish(build: Path) -> None:
    """Finish the first function's package, and replace the others by links to it."""
    first, *others = sorted(path for path in build.iterdir() if path.is_dir())
    drop_unused_services(first)
    web.pack(first / web.PLACE)
    compileall.compile_dir(first, quiet=1, workers=0, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    for other in others:
        shutil.rmtree(other)
        shutil.copytree(first, other, copy_function=os.link)


def drop_unused_services(package: Path) -> None:
    """Remove botocore's descriptions of AWS services that no function calls: a third of all files."""
    called = called_services()
    for service in (package / "botocore/data").iterdir():
        if service.is_dir() and service.name not in called:
            shutil.rmtree(service)


def called_services() -> set[str]:
    """The AWS services for which the functions have clients, by botocore's names."""
    made = re.compile(r'(?:boto3\.client|aws\.buying)\("([a-z0-9-]+)"')
    return {service for module in CLIENTS for service in made.findall(module.read_text())}


if __name__ == "__main__":
    finish(Path(sys.argv[1]))
