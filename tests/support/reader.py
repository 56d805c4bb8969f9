"""A reader of the documentation, who follows a page from its first fence to the last."""

import json
import os
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

from local.processes import ROOT
from local.stack import Stack
from tests.conftest import Key
from tests.support.pages import PROGRAMS, SHELL, Fence, fences
from tests.support.pictures import picture

PICTURES = ("photo.png", "mug.png", "body-lotion.png", "bath-bomb.png")

# The stack is running already. A refusal by HTTP fails, as it would not for curl.
PRELUDE = """
set -euo pipefail
trap 'echo "$fence failed" >&2' ERR
make() { [ "$*" = up ]; }
curl() { command curl --fail-with-body "$@"; }
"""

EASEL = f"""#!/bin/sh
case " $* " in *" --local "*|*" --stack "*) ;; *) set -- --stack "$STACK_NAME" "$@" ;; esac
exec {ROOT}/.venv/bin/easel "$@"
"""

AWS = f"""#!/bin/sh
exec {ROOT}/.venv/bin/python {ROOT}/tests/support/aws_command.py "$@"
"""


class Reader:
    """Follows pages in a folder of its own, with a deployed stack and a key.

    `other` is a second key, for pages that show what can be done to one; `image` and `token` are ids of the first's.
    """

    def __init__(self, folder: Path, stack: Stack, key: Key, other: Key, image: str, token: str) -> None:
        self.folder = folder
        self.stack = replace(stack, api_key=key.key)
        # What pages print in place of what only a deployment has.
        self._put_in = {
            "https://….lambda-url.eu-central-1.on.aws/v1": stack.direct_url,
            "https://…/v1": stack.direct_url,
            "https://abc123.lambda-url.eu-central-1.on.aws/mcp": stack.mcp_url,
            "easel-dev": stack.stack_name,
            "easel-prod": stack.stack_name,
            "key_5f1c7a528d3e4c59": key.id,
            "key_c6056e0260cbb114": other.id,
            "img_…": image,
            "tok_3d9e1f7ab04c4a0f9d1c5e8b7a6f2c10": token,
            "ek_…": key.key,
            "ek_...": key.key,
        }
        self._prepare()

    def follow(self, page: Path) -> str:
        """Run what the page prints, in its order; returns the output.

        Raises:
            AssertionError: something fails; the message has the output, and says in which fence.
        """
        steps = [PRELUDE]
        programs: dict[str, str] = {}
        for fence in fences(page):
            if fence.file:
                self._write(fence.file, fence.text)
            elif fence.is_run:
                steps.append(f"fence={fence}\n{self._step(fence, programs)}")
        result = subprocess.run(
            ["bash", "-c", "\n".join(steps)],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def _step(self, fence: Fence, programs: dict[str, str]) -> str:
        if fence.language in SHELL:
            return self._filled(fence.commands)
        assert fence.language in PROGRAMS
        before = programs[fence.language] if fence.continues else ""
        programs[fence.language] = before + fence.text
        command, ending = {"python": ("python3", "py"), "js": ("node", "mjs")}[fence.language]
        file = f"line-{fence.line}.{ending}"
        self._write(file, programs[fence.language])
        return f"{command} {file}"

    def _filled(self, text: str) -> str:
        for printed, value in self._put_in.items():
            text = text.replace(printed, value)
        return text

    def _write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._filled(text))

    def _prepare(self) -> None:
        for name in PICTURES:
            (self.folder / name).write_bytes(picture(size=(256, 256)))
        self._write("out/stack.json", json.dumps(asdict(self.stack)))
        self._write("out/stack.env", "".join(f"export {n}='{v}'\n" for n, v in self.stack.variables.items()))
        (self.folder / ".venv").symlink_to(ROOT / ".venv")
        (self.folder / "node_modules").symlink_to(ROOT / "tests/e2e/sdks/node/node_modules")
        for name, script in {"easel": EASEL, **({} if has_aws(self.folder) else {"aws": AWS})}.items():
            self._write(f"bin/{name}", script)
            (self.folder / "bin" / name).chmod(0o755)

    def _environment(self) -> dict[str, str]:
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "EASEL_", "OPENAI_"))}
        path = f"{self.folder}/bin:{ROOT}/.venv/bin:{os.environ['PATH']}"
        names = {"STACK_NAME": self.stack.stack_name, "PATH": path}
        return mine | self.stack.environment | self.stack.variables | names


def has_aws(folder: Path) -> bool:
    """Whether the AWS CLI works here: a shim of pyenv alone does not."""
    return (
        shutil.which("aws") is not None
        and subprocess.run(["aws", "--version"], cwd=folder, capture_output=True, check=False).returncode == 0
    )
