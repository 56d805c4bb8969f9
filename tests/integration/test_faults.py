"""A sample of the fault campaign (see tests/support/faults): each write of one generation meets the worst."""

from tests.support.faults.cloud import clouds
from tests.support.faults.scenarios import run, sample


def test_every_write_of_a_generation_survives_the_worst() -> None:
    with clouds() as cloud:
        scenarios = list(sample(cloud))
        outcomes = [run(cloud, scenario) for scenario in scenarios]
    assert len(outcomes) > 25
    assert not [outcome for outcome in outcomes if outcome.verdict.violations or not outcome.struck]
