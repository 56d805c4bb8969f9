"""The whole fault campaign (see tests/support/faults and docs/faults.md)."""

from tests.support.faults.campaign import run_all
from tests.support.faults.scenarios import Outcome


def violations(outcomes: list[Outcome]) -> list[str]:
    return [
        f"{outcome.family}: {outcome.name}: {', '.join(outcome.verdict.violations)}"
        for outcome in outcomes
        if outcome.verdict.violations
    ]


def test_no_fault_buys_twice_leaves_a_job_behind_or_lies() -> None:
    outcomes = run_all()
    assert violations(outcomes) == []
    assert len({(outcome.family, outcome.name) for outcome in outcomes}) == len(outcomes) >= 300
