"""Thousands of requests for each provider, judged by Easel and by the simulator (see tests/support/agreement.py)."""

import pytest

from tests.support.agreement import APIS

DRAWN = 2_000


@pytest.mark.parametrize("provider", APIS)
def test_thousands_of_requests_are_judged_alike(provider: str) -> None:
    with APIS[provider]() as api:
        count = api.compare(DRAWN, seed=13)
    assert not count.disagreements, f"{len(count.disagreements)} disagreements: {count.disagreements[:5]}"
    assert min(count.outcomes["accepted"], count.outcomes["refused"]) > DRAWN // 5, count.outcomes
