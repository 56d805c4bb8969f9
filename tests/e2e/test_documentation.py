"""Every fence of README and docs/ that can be run is run, as a reader would; the others say why they are not.

tests/unit/test_documentation.py checks the syntax of all of them. `make test` follows the pages that a newcomer meets
first, `make test-campaigns` all of them, and it lists what is not run.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from local.processes import ROOT, clean_environment
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import dropping, pages, wire
from tests.support.pages import Fence
from tests.support.reader import Reader

FENCES = [fence for page in pages.PAGES for fence in pages.fences(page)]
FIRST_MET = ("README.md", "docs/quick-start.md")
FOLLOWED = [
    pytest.param(page, id=name, marks=[] if name in FIRST_MET else pytest.mark.nightly)
    for page in pages.PAGES
    if any(fence.page == page and fence.is_run for fence in FENCES)
    for name in [str(page.relative_to(ROOT))]
]
NOT_RUN = [fence for fence in FENCES if fence.not_run or fence.run_by]


@pytest.fixture
def reader(stack: Stack, make_key: MakeKey, tmp_path: Path) -> Reader:
    key, other = make_key(), make_key()
    image = ask(stack, key, "/images/generations", prompt="an otter", quality="low")["data"][0]
    token = ask(stack, key, "/tokens", images=1, origins=["https://shop.example"])
    return Reader(tmp_path, stack, key, other, image["id"], token["id"])


def ask(stack: Stack, key: Key, path: str, **body: Any) -> Any:
    return wire.post(f"{stack.direct_url}{path}", json=body, headers=key.headers, timeout=60).raise_for_status().json()


@pytest.mark.parametrize("page", FOLLOWED)
def test_a_page_works_as_it_is_printed(reader: Reader, page: Path) -> None:
    try:
        output = reader.follow(page)
    finally:
        reader.stack.easel("resume")
        reader.stack.easel("budget", "reset")
    if check := LEFT_BEHIND.get(page.name):
        check(reader, output)


def a_picture(reader: Reader, _output: str) -> None:
    with Image.open(reader.folder / "lighthouse.png") as picture:
        picture.load()


def results_of_drops(reader: Reader, output: str) -> None:
    assert {path.name for path in (reader.folder / "out/photo").iterdir()} == {"photo.png", "result.json"}
    for name in ("one", "two", "three", "four", "watercolour/five", "watercolour/2026/six"):
        assert dropping.manifest(reader.stack, f"team/{name}", 60)["object"] == "drop.result", name
    assert "0 dead-lettered drops were put back." in output


# What has to be there after a page was followed.
LEFT_BEHIND: dict[str, Callable[[Reader, str], None]] = {
    "README.md": a_picture,
    "quick-start.md": a_picture,
    "s3-drop.md": results_of_drops,
}


@pytest.mark.nightly
def test_the_receiver_prints_the_webhooks_of_a_deployment(stack: Stack, key: Key, tmp_path: Path) -> None:
    file = tmp_path / "stack.json"
    file.write_text(json.dumps(asdict(stack)))
    program = "from pathlib import Path; from local.receiver import receive; from local.stack import Stack; "
    receiver = subprocess.Popen(
        [sys.executable, "-c", f"{program}receive(Stack.load(Path({str(file)!r})))"],
        cwd=ROOT,
        env=clean_environment(PYTHONPATH="src:."),
        stdout=subprocess.PIPE,
        text=True,
    )
    with receiver:
        assert receiver.stdout
        url = receiver.stdout.readline().split()[2]
        headers = {"Authorization": f"Bearer {stack.api_key}", "Prefer": "respond-async", "Easel-Webhook": url}
        job = wire.post(f"{stack.api_url}/images/generations", json={"prompt": "an otter"}, headers=headers).json()
        assert receiver.stdout.readline().split() == ["job.succeeded", job["id"], "signed"]
        receiver.send_signal(signal.SIGINT)


@pytest.mark.nightly
@pytest.mark.parametrize("fence", NOT_RUN, ids=str)
def test_this_fence_is_not_run(fence: Fence) -> None:
    pytest.skip(f"{fence}: {fence.not_run or f'run by {fence.run_by}'}")  # so that runs list it with its reason
