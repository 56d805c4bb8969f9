"""How long jobs usually take, from counts in buckets: never further from the truth than a bucket is wide."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.jobs.durations import FEWEST, Usual, bounds_of, bucket_of, percentile, usual_of
from core.jobs.progress import Progress

durations = st.lists(st.integers(0, 5000), min_size=1, max_size=200)
shares = st.floats(0.01, 1)


def counted(seconds: list[int]) -> Counter[int]:
    return Counter(bucket_of(each) for each in seconds)


@given(st.floats(0, 100_000))
def test_a_duration_is_within_the_bounds_of_its_bucket(seconds: float) -> None:
    low, high = bounds_of(bucket_of(seconds))
    assert low * 0.999999 <= max(1, seconds) <= high * 1.000001
    assert high / low < 1.2


@given(durations, shares)
def test_a_percentile_is_as_exact_as_its_bucket(seconds: list[int], share: float) -> None:
    exact = sorted(seconds)[math.ceil(share * len(seconds)) - 1]
    low, high = bounds_of(bucket_of(exact))
    assert low <= percentile(counted(seconds), share) <= high


@given(durations, shares, shares)
def test_a_larger_share_takes_no_less_time(seconds: list[int], one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert percentile(counted(seconds), low) <= percentile(counted(seconds), high)


@given(durations)
def test_what_is_usual_is_whole_seconds_in_order_once_enough_is_known(seconds: list[int]) -> None:
    usual = usual_of(counted(seconds))
    assert (usual is None) == (len(seconds) < FEWEST)
    if usual:
        assert 1 <= usual.p50 <= usual.p90


def test_nothing_counted_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile({}, 0.5)


USUAL = Usual(14, 31)
SUCH = "such jobs usually take 14 s"


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress("calling", 12, USUAL), f"running for 12 s; {SUCH}, 9 of 10 within 31 s"),
        (Progress("calling", 31, USUAL), f"running for 31 s; {SUCH}, 9 of 10 within 31 s"),
        (Progress("calling", 32, USUAL), "running for 32 s, longer than usual; 9 of 10 such jobs take at most 31 s"),
        (Progress("claimed", 0), "running for 0 s, being prepared"),
        (Progress("storing", 13, USUAL), f"running for 13 s, being stored; {SUCH}, 9 of 10 within 31 s"),
        (Progress("queued", 2), "waiting for 2 s"),
        (Progress("queued", 2, None, 0), "waiting for 2 s, with no job ahead"),
        (Progress("queued", 2, None, 1), "waiting for 2 s, with roughly 1 job ahead"),
        (
            Progress("queued", 99, USUAL, 3),
            f"waiting for 99 s, with roughly 3 jobs ahead; {SUCH} once started, 9 of 10 within 31 s",
        ),
    ],
)
def test_progress_in_words_says_what_the_numbers_say(progress: Progress, words: str) -> None:
    assert progress.in_words() == words
