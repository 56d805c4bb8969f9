"""The faults on demand of docs/laptop-cloud.md end as its table says."""

import re

import pytest

from core.jobs import worker
from local.processes import ROOT
from local.simulator.faults import KINDS
from tests.support.world import World

PAGE = (ROOT / "docs/laptop-cloud.md").read_text()
CELL = r" ?([^|]*?) ?\|"
ROWS = re.findall(rf"^\| `(\w+)` \|{CELL}{CELL} `(\w+)`[^|]*\|{CELL}$", PAGE, re.MULTILINE)
# What a test need not wait for, and what has to happen twice.
PLANS: dict[str, dict[str, float]] = {"slow": {"seconds": 0.1}, "late": {"seconds": 30}, "unauthorized": {"count": 2}}


def test_every_fault_is_on_the_page() -> None:
    named = {kind for kind, *_ in ROWS} | set(re.findall(r"`(\w+)`", PAGE.partition("`refused_image`, ")[2][:40]))
    assert named | {"refused_image"} == set(KINDS)


@pytest.mark.parametrize(("kind", "_does", "charged", "status", "code"), ROWS, ids=[kind for kind, *_ in ROWS])
def test_a_fault_ends_as_the_page_says(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str, _does: str, charged: str, status: str, code: str
) -> None:
    monkeypatch.setattr(worker, "SHORTEST_CALL_SECONDS", 1)
    job_id = world.api.accepted(partial_images=int(KINDS[kind].phase == "stream"))
    world.simulator.plan(kind, **PLANS.get(kind, {}))
    world.jobs.deliver(job_id, seconds=22)
    job = world.api.job(job_id)
    assert (job["status"], (job.get("error") or {}).get("code", "")) == (status, code.strip("`"))
    assert (world.simulator.calls()[0]["charged_micro_usd"] > 0) == (charged == "yes")
