"""The official clients as processes: each runs where its own version is installed, and does what a test asks for."""

import contextlib
import io
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
from PIL import Image, ImageDraw

from local.processes import ROOT, clean_environment
from local.stack import Stack
from tests.conftest import Key
from tests.support import wire

HERE = Path(__file__).parent
PYTHONS = {
    "python 1": ROOT / ".venv-openai-1/bin/python",
    "python 2": ROOT / ".venv-openai-2/bin/python",
    "python 3": ROOT / ".venv/bin/python",
}
OLDER = {"python 1", "python 2"}
COMMANDS: dict[str, Sequence[str | Path]] = {
    **{name: (python, "-I", "-W", "error", HERE / "python_client.py") for name, python in PYTHONS.items()},
    "node": (shutil.which("node") or "node", HERE / "node/client.mjs"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the older versions to `make test-clients`."""
    for item in items:
        if item.path.parent == HERE and any(client in item.name for client in OLDER):
            item.add_marker(pytest.mark.nightly)


Mode = Literal["plain", "async", "raw", "streaming"]
GivenAs = Literal["open", "named", "bytes"]


@dataclass(frozen=True)
class File:
    """A file as a user hands it to a client: opened, with a name and a type, or as bytes."""

    path: Path
    given_as: GivenAs = "open"

    def as_json(self) -> dict[str, str]:
        return {"file": str(self.path), "given_as": self.given_as}


# As a header's value: take away what the client would send.
OMIT = {"omit": True}


class ClientError(Exception):
    """The client raised an exception; `seen` holds its class and what its user can read from it."""

    def __init__(self, seen: dict[str, Any]) -> None:
        super().__init__(f"{seen['class']}: {seen['message']}")
        self.seen = seen


class Client:
    """One official client; `options` are its own, such as base_url, api_key, timeout (seconds), max_retries."""

    def __init__(self, process: "subprocess.Popen[str]", **options: Any) -> None:
        self._process = process
        self._options = options

    def with_options(self, **options: Any) -> "Client":
        """The same client with other options."""
        return Client(self._process, **self._options | options)

    def generate(self, mode: Mode = "plain", /, **arguments: Any) -> Any:
        """What client.images.generate answers."""
        return self._do("generate", mode, arguments)

    def edit(self, mode: Mode = "plain", /, **arguments: Any) -> Any:
        """What client.images.edit answers."""
        return self._do("edit", mode, arguments)

    def stream(self, what: str, mode: Mode = "plain", /, *, closes: bool = False, **arguments: Any) -> Any:
        """The events of client.images.generate or edit with stream=True; or nothing, if they are not waited for."""
        answer = self._do(what, mode, {**arguments, "stream": True}, closes=closes)
        return answer["closed"] if closes else answer["events"]

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """What client.post answers, which reaches routes that are Easel's own."""
        return self._do("post", "plain", {"path": path, "body": body})

    def get(self, path: str) -> Any:
        """What client.get answers."""
        return self._do("get", "plain", {"path": path})

    def models(self) -> Any:
        """The types and names of what client.models.list yields."""
        return self._do("models", "plain", {})

    def _do(self, what: str, mode: Mode, arguments: dict[str, Any], *, closes: bool = False) -> Any:
        task = {"do": what, "mode": mode, "client": self._options, "arguments": arguments, "closes": closes}
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(task, default=File.as_json), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, "the client's process has ended, see stderr; `make test` installs the clients"
        answer = json.loads(line)
        if "error" in answer:
            raise ClientError(answer["error"])
        return answer["response"]


def downloaded(image: dict[str, Any]) -> Image.Image:
    """The picture behind one element of an answer's `data`."""
    return Image.open(io.BytesIO(wire.get(image["url"]).raise_for_status().content))


@pytest.fixture(scope="session")
def _process_of(stack: Stack) -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    """Starts a client's process when it is first asked for; all end before the stack, which would wait for them."""
    with contextlib.ExitStack() as running:

        @cache
        def process_of(name: str) -> "subprocess.Popen[str]":
            process = subprocess.Popen(
                COMMANDS[name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean_environment()
            )
            return running.enter_context(process)  # whose end closes its input, and waits

        yield process_of


@pytest.fixture(params=COMMANDS)
def client(
    request: pytest.FixtureRequest, _process_of: Callable[[str], "subprocess.Popen[str]"], stack: Stack, key: Key
) -> Client:
    """Each of the official clients in turn, with nothing set but base URL and key."""
    return Client(_process_of(request.param), base_url=stack.direct_url, api_key=key.key)


@dataclass(frozen=True)
class Pictures:
    """Files to edit. The mask opens the middle of the others."""

    folder: Path

    @property
    def body_lotion(self) -> Path:
        return self.folder / "body-lotion.png"

    @property
    def bath_bomb(self) -> Path:
        return self.folder / "bath-bomb.png"

    @property
    def mask(self) -> Path:
        return self.folder / "mask.png"

    @property
    def no_image(self) -> Path:
        return self.folder / "no-image.png"


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    pictures = Pictures(tmp_path_factory.mktemp("pictures"))
    for path, colour in ((pictures.body_lotion, "linen"), (pictures.bath_bomb, "orchid")):
        picture = Image.new("RGB", (1024, 1024), "white")
        ImageDraw.Draw(picture).ellipse((256, 256, 768, 768), fill=colour)
        picture.save(path)
    mask = Image.new("RGBA", (1024, 1024), "black")
    mask.paste((0, 0, 0, 0), (256, 256, 768, 768))
    mask.save(pictures.mask)
    pictures.no_image.write_text("This is text.")
    return pictures
