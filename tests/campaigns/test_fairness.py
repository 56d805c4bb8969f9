"""A caller with a hundred jobs keeps another's one waiting for a moment only."""

import time
from concurrent.futures import ThreadPoolExecutor

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import wire

BODY = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"}
JOBS = 100
PATIENCE_SECONDS = 480


def ask(stack: Stack, key: Key) -> str:
    headers = key.headers | {"Prefer": "respond-async"}
    answer = wire.post(f"{stack.api_url}/images/generations", json=BODY, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def finished_at(stack: Stack, key: Key, job_id: str) -> int | None:
    job = wire.get(f"{stack.api_url}/jobs/{job_id}", headers=key.headers).json()
    assert job["status"] in ("queued", "running", "succeeded"), job
    return int(job["finished_at"]) if job["status"] == "succeeded" else None


def test_one_job_is_done_long_before_anothers_hundred(
    stack: Stack, make_key: MakeKey, simulator: SimulatorControl
) -> None:
    busy, quiet = make_key(), make_key()
    simulator.plan("slow", seconds=2, count=JOBS + 1)
    with ThreadPoolExecutor(8) as crowd:
        theirs = list(crowd.map(lambda _: ask(stack, busy), range(JOBS)))
    mine = ask(stack, quiet)
    until = time.monotonic() + PATIENCE_SECONDS
    while finished_at(stack, quiet, mine) is None:
        assert time.monotonic() < until
        time.sleep(0.5)
    left = [job_id for job_id in theirs if finished_at(stack, busy, job_id) is None]
    assert len(left) > JOBS / 2, f"only {len(left)} of {JOBS} were left when the other caller's one was done"
    while left:
        assert time.monotonic() < until, f"{len(left)} jobs are not done"
        time.sleep(2)
        left = [job_id for job_id in left if finished_at(stack, busy, job_id) is None]
    assert sum(call["accepted"] for call in simulator.calls()) == JOBS + 1
