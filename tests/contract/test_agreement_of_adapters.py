"""Easel's rules for the other providers and the simulator's, written apart from the same reference, agree.

A sample; tests/campaigns/test_agreement.py draws thousands.
"""

import pytest

from tests.support.agreement import APIS

DRAWN = 150


@pytest.mark.parametrize("provider", APIS)
def test_what_is_let_through_is_taken_and_what_is_refused_is_not(provider: str) -> None:
    with APIS[provider]() as api:
        count = api.compare(DRAWN, seed=20261127)
    assert not count.disagreements, f"{len(count.disagreements)} disagreements: {count.disagreements[:5]}"
    assert min(count.outcomes["accepted"], count.outcomes["refused"]) > DRAWN // 6, count.outcomes
