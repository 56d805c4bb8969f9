"""Compiles what `sam build` made, and keeps it once: python -m local.bytecode BUILD_FOLDER.

All functions share one package (Globals.Function.CodeUri), which SAM copies for each of them. Builds leave bytecode
out, and without it a cold start takes twice as long; compiling every copy would take minutes.
"""

import compileall
import os
import py_compile
import shutil
import sys
from pathlib import Path


def compile_once(build: Path) -> None:
    """Compile the first function's package, and link those of the others to it."""
    first, *others = sorted(path for path in build.iterdir() if path.is_dir())
    compileall.compile_dir(first, quiet=1, workers=0, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    for other in others:
        shutil.rmtree(other)
        shutil.copytree(first, other, copy_function=os.link)


if __name__ == "__main__":
    compile_once(Path(sys.argv[1]))
