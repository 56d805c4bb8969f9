"""Images after they were made, listed and deleted; jobs that are canceled in time, and too late."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import wire

WISH = {"model": "gpt-image-2.6-flare", "prompt": "An otter reads", "quality": "low"}


@pytest.fixture(params=["api", "direct"])
def door(request: pytest.FixtureRequest, stack: Stack) -> str:
    return stack.api_url if request.param == "api" else stack.direct_url


def accepted(door: str, key: Key) -> str:
    answer = wire.post(f"{door}/images/generations", json=WISH, headers=key.headers | {"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def job(door: str, key: Key, job_id: str, wait: int = 0) -> Any:
    return wire.get(f"{door}/jobs/{job_id}?wait={wait}", headers=key.headers, timeout=60).json()


def test_a_deleted_image_is_gone_from_every_place_and_so_is_a_job(
    door: str, make_key: MakeKey, simulator: SimulatorControl
) -> None:
    key = make_key()
    made = wire.post(f"{door}/images/generations", json=WISH | {"n": 2}, headers=key.headers, timeout=60).json()
    first, second = made["data"]
    for image in (first, second):
        assert wire.head(image["link"], follow_redirects=True).headers["Content-Length"] == str(image["bytes"])
    shown = wire.get(f"{door}/images/{first['id']}", headers=key.headers).json()
    assert shown["job_id"] == made["easel"]["job_id"]
    assert wire.get(shown["url"]).status_code == 200

    assert wire.delete(f"{door}/images/{first['id']}", headers=key.headers).json() == {
        "id": first["id"],
        "object": "image.deleted",
        "deleted": True,
    }
    assert wire.delete(f"{door}/images/{first['id']}", headers=key.headers).status_code == 404
    for url in (first["link"], first["url"], shown["url"]):
        assert wire.get(url, follow_redirects=True).status_code in (403, 404)
    assert wire.head(first["link"]).status_code == 404
    listed = wire.get(f"{door}/images", headers=key.headers).json()["data"]
    result = job(door, key, made["easel"]["job_id"])["result"]["data"]
    assert [image["id"] for image in listed] == [image["id"] for image in result] == [second["id"]]
    assert wire.get(second["link"], follow_redirects=True).status_code == 200

    job_url = f"{door}/jobs/{made['easel']['job_id']}"
    assert wire.delete(job_url, headers=key.headers).json()["object"] == "job.deleted"
    assert wire.head(second["link"]).status_code == 404
    assert wire.get(job_url, headers=key.headers).json()["prompt"] is None


def test_all_images_of_a_job_can_be_deleted_at_once(stack: Stack, key: Key, simulator: SimulatorControl) -> None:
    url = f"{stack.api_url}/images"
    made = wire.post(f"{url}/generations", json=WISH | {"n": 5}, headers=key.headers, timeout=60).json()
    with ThreadPoolExecutor() as threads:
        answers = list(
            threads.map(
                lambda image: wire.delete(f"{url}/{image['id']}", headers=key.headers, timeout=60), made["data"]
            )
        )
    assert [answer.status_code for answer in answers] == [200] * 5
    assert job(stack.api_url, key, made["easel"]["job_id"])["result"]["data"] == []


def test_a_waiting_job_is_canceled_for_free(door: str, key: Key, simulator: SimulatorControl) -> None:
    simulator.plan("rate_limit", retry_after=2)
    job_id = accepted(door, key)
    until = time.monotonic() + 20
    while not simulator.calls() or job(door, key, job_id)["status"] != "queued":
        assert time.monotonic() < until
        time.sleep(0.1)
    canceled = wire.post(f"{door}/jobs/{job_id}/cancel", headers=key.headers)
    assert (canceled.status_code, canceled.json()["status"]) == (200, "canceled")
    assert wire.post(f"{door}/jobs/{job_id}/cancel", headers=key.headers).json() == canceled.json()
    time.sleep(5)  # Its message comes again, after the provider's pause.
    assert [call["accepted"] for call in simulator.calls()] == [False]
    assert job(door, key, job_id)["status"] == "canceled"


def test_a_purchase_on_its_way_is_too_late_to_cancel(stack: Stack, key: Key, simulator: SimulatorControl) -> None:
    simulator.plan("slow", seconds=3)
    job_id = accepted(stack.api_url, key)
    until = time.monotonic() + 20
    while not simulator.calls():
        assert time.monotonic() < until
        time.sleep(0.1)
    answer = wire.post(f"{stack.api_url}/jobs/{job_id}/cancel", headers=key.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "too_late_to_cancel")
    assert answer.json()["error"]["charged"] == "unknown"
    assert job(stack.api_url, key, job_id, wait=20)["status"] == "succeeded"
    answer = wire.post(f"{stack.api_url}/jobs/{job_id}/cancel", headers=key.headers)
    assert (answer.json()["error"]["code"], answer.json()["error"]["charged"]) == ("already_finished", True)
