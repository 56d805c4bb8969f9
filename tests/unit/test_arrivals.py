"""Images are stored while the next ones arrive: few at a time, each once, and without holding up what was paid for."""

import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from core.images.model import Image
from core.jobs import arrivals
from core.jobs.arrivals import Arrivals
from core.jobs.model import Job, new_job
from core.pricing import Quote
from core.requests import Request
from tests.support.pictures import picture

COLOURS = ("red", "green", "blue", "teal")
PICTURES = [picture(colour) for colour in COLOURS]
LONGEST_SECONDS = 10


def job_of(images: int) -> Job:
    request = Request("generation", "an otter", "gpt-image-2", {"n": images}, {"model": "gpt-image-2"})
    job = new_job(
        request,
        Quote(0, 0, "2026-11-22"),
        job_id="job_0",
        fingerprint="f",
        caller_id="c",
        request_id="r",
        now=1.0,
        retention_seconds=60,
    )
    return job.claimed("lease", 300, 1).calling()


class Bucket:
    """Stores an image when it is let; says which are being stored."""

    def __init__(self) -> None:
        self.begun: SimpleQueue[str] = SimpleQueue()
        self.kept: dict[str, bytes] = {}
        self.open = threading.Semaphore(0)

    def put(self, image: Image, data: bytes | bytearray) -> None:
        self.begun.put(image.id)
        assert self.open.acquire(timeout=LONGEST_SECONDS)
        self.kept[image.id] = bytes(data)


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    bucket = Bucket()
    yield bucket
    bucket.open.release(len(PICTURES))


def test_two_are_stored_while_the_third_waits_and_all_keep_their_order(bucket: Bucket) -> None:
    job = job_of(len(PICTURES))
    coming = Arrivals(job, bucket.put)

    def arrive() -> None:
        for data in PICTURES:
            coming.take(data)

    provider = threading.Thread(target=arrive)
    provider.start()
    assert {bucket.begun.get(timeout=LONGEST_SECONDS) for _ in range(2)} == set(job.image_ids[:2])
    assert provider.is_alive()
    assert bucket.begun.empty()
    bucket.open.release(len(PICTURES))
    provider.join()
    assert coming.ids == job.image_ids
    assert [image.id for image in coming.stored()] == list(job.image_ids)
    assert [bucket.kept[each] for each in job.image_ids] == PICTURES


def test_a_bucket_that_hangs_does_not_hold_up_the_provider(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "_PATIENCE_SECONDS", 0)
    coming = Arrivals(job_of(len(PICTURES)), bucket.put)
    for data in PICTURES:
        coming.take(data)
    bucket.open.release(len(PICTURES))
    assert len(coming.stored()) == len(PICTURES)


def test_what_was_not_asked_for_is_stored_once_the_job_knows_its_name(bucket: Bucket) -> None:
    bucket.open.release(len(PICTURES))
    coming = Arrivals(job_of(1), bucket.put)
    for data in PICTURES[:3]:
        coming.take(data)
    assert bucket.begun.get(timeout=LONGEST_SECONDS) == coming.ids[0]
    assert bucket.begun.empty()
    assert [image.id for image in coming.stored()] == list(coming.ids)
    assert len(set(coming.ids)) == 3


def test_what_is_no_image_is_left_out(bucket: Bucket) -> None:
    bucket.open.release(len(PICTURES))
    coming = Arrivals(job_of(2), bucket.put)
    coming.take(b"no image")
    coming.take(PICTURES[0])
    (image,) = coming.stored()
    assert (image.id, image.size) == (coming.ids[1], len(PICTURES[0]))


def test_what_fails_in_the_background_is_raised_at_the_end() -> None:
    def fail(_: Image, __: bytes | bytearray) -> None:
        raise OSError("the bucket is gone")

    coming = Arrivals(job_of(3), fail)
    for data in PICTURES[:3]:
        coming.take(data)
    with pytest.raises(OSError, match="the bucket is gone"):
        coming.stored()
