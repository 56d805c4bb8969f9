"""The samples of the description: in each language they send the same call, the one that is described."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from openapi.description import describe
from tests.support.scripted import Reply, Request, scripted

LANGUAGES = ("curl", "Python", "JavaScript")
OPERATIONS: list[dict[str, Any]] = [
    operation | {"method": method.upper(), "path": path}
    for path, methods in describe()["paths"].items()
    for method, operation in methods.items()
    if "x-codeSamples" in operation
]


@dataclass
class Sent:
    """What each sample sent, by language and operation."""

    requests: dict[tuple[str, str], Request] = field(default_factory=dict)


def source(operation: dict[str, Any], language: str) -> str:
    (found,) = [each["source"] for each in operation["x-codeSamples"] if each["label"] == language]
    return str(found)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    """All samples of a language run in one process, in the order of the operations."""
    folder = tmp_path_factory.mktemp("samples")
    (folder / "lighthouse.png").write_bytes(b"a picture")
    found = Sent()
    with scripted() as (origin, script):
        script.otherwise(Reply(200, {}))
        environment = os.environ | {"EASEL_URL": f"{origin}/v1", "EASEL_KEY": "ek_1", "NO_PROXY": "*"}
        for language, command in _commands(folder).items():
            script.requests.clear()
            subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
            for operation, request in zip(OPERATIONS, script.requests, strict=True):
                found.requests[language, operation["operationId"]] = request
    yield found


def _commands(folder: Path) -> dict[str, list[str | Path]]:
    names: dict[str, list[str]] = {language: [] for language in LANGUAGES}
    for number, operation in enumerate(OPERATIONS):
        for language in LANGUAGES:
            suffix = {"curl": "sh", "Python": "py", "JavaScript": "mjs"}[language]
            names[language].append(f"sample_{number}.{suffix}")
            (folder / names[language][-1]).write_text(source(operation, language))
    (folder / "all.sh").write_text("".join(f"bash -e {name}\n" for name in names["curl"]))
    (folder / "all.mjs").write_text("".join(f'await import("./{name}")\n' for name in names["JavaScript"]))
    (folder / "all.py").write_text("".join(f'exec(open("{name}").read())\n' for name in names["Python"]))
    return {
        "curl": ["bash", "-e", folder / "all.sh"],
        "Python": [sys.executable, folder / "all.py"],
        "JavaScript": ["node", folder / "all.mjs"],
    }


def _content(request: Request) -> Any:
    """The body, apart from how it is written down."""
    kind = request.headers.get("Content-Type", "")
    if not kind.startswith("multipart/"):
        return json.loads(request.body) if request.body else None
    form = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body)
    return {
        (part.get_param("name", header="Content-Disposition"), part.get_filename()): part.get_payload(decode=True)
        for part in form.walk()
        if not part.is_multipart()
    }


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation["operationId"])
def test_each_language_sends_the_call_that_is_described(sent: Sent, operation: dict[str, Any]) -> None:
    first, *others = [sent.requests[language, operation["operationId"]] for language in LANGUAGES]
    method, target = first.route.split()
    parts, described = target.partition("?")[0].split("/"), f"/v1{operation['path']}".split("/")
    assert method == operation["method"]
    assert [part for part, name in zip(parts, described, strict=True) if "{" not in name and part != name] == []
    assert (first.headers["Authorization"] == "Bearer ek_1") is ("security" not in operation)
    for other in others:
        assert other.route == first.route
        assert other.headers["Authorization"] == first.headers["Authorization"]
        assert _content(other) == _content(first)


def test_samples_send_files_and_documents(sent: Sent) -> None:
    form = _content(sent.requests["curl", "createImageEdit"])
    assert form["image", "lighthouse.png"] == b"a picture"
    assert _content(sent.requests["curl", "createImage"])["prompt"] == "a lighthouse at dawn"
