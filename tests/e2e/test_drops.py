"""The S3 door of the deployed stack: a few drops. The lines of the guide are run by test_documentation.py."""

import json
import secrets

import pytest

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support import dropping, wire
from tests.support.pictures import picture


@pytest.fixture
def folder(stack: Stack, key: Key) -> str:
    """A prefix of the inbox that belongs to the shared key."""
    name = f"e2e-{secrets.token_hex(4)}"
    dropping.own(stack, name, key.id)
    return name


def test_a_drop_becomes_an_image_and_a_manifest(
    stack: Stack, key: Key, simulator: SimulatorControl, folder: str
) -> None:
    version = dropping.drop(stack, f"{folder}/my photo+ü.png", picture(), prompt="gr%C3%BCn", quality="low")
    result = dropping.manifest(stack, f"{folder}/my photo+ü")
    assert (result["object"], result["recipe"]["prompt"]) == ("drop.result", "grün")
    assert (result["source"]["key"], result["source"]["version_id"]) == (f"{folder}/my photo+ü.png", version)
    (image,) = result["images"]
    assert wire.get(image["link"], follow_redirects=True).content == dropping.read(stack, image["key"])
    job = wire.get(f"{stack.api_url}/jobs/{result['job_id']}", headers=key.headers).json()
    assert job["status"] == "succeeded"
    assert [call["path"] for call in simulator.calls()] == ["/v1/images/edits"]


def test_a_sidecar_may_come_later(stack: Stack, simulator: SimulatorControl, folder: str) -> None:
    dropping.drop(stack, f"{folder}/photo.png", picture())
    dropping.drop(stack, f"{folder}/photo.json", json.dumps({"prompt": "an otter", "quality": "low"}).encode())
    assert dropping.manifest(stack, f"{folder}/photo")["recipe"]["from"] == f"{folder}/photo.json"
    assert len(simulator.calls()) == 1


def test_what_is_no_image_gets_an_error_that_says_what_is_allowed(
    stack: Stack, simulator: SimulatorControl, folder: str
) -> None:
    dropping.drop(stack, f"{folder}/notes.png", b"some text", prompt="an otter")
    error = dropping.manifest(stack, f"{folder}/notes")
    assert (error["object"], error["error"]["code"]) == ("drop.error", "invalid_image_file")
    assert "PNG, JPEG and WebP" in error["error"]["message"]
    assert simulator.calls() == []
