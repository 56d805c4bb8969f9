"""Images are cut out of a body that arrives in any pieces."""

import base64
import json
import re
from collections.abc import Iterator
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.providers.image_stream import BrokenBody, EventStream, ImagesBody, ParsedBody, starts_after


def chunks_of(text: bytes, sizes: list[int]) -> Iterator[bytes]:
    """The text in chunks of these sizes, over and over."""
    place = 0
    for size in cycle(sizes):
        if place >= len(text):
            return
        yield text[place : place + size]
        place += size


def parse(text: bytes, sizes: list[int]) -> ParsedBody:
    """The body that arrives in chunks of these sizes, over and over."""
    body = ImagesBody(starts_after("b64_json"))
    for chunk in chunks_of(text, sizes):
        body.feed(chunk)
    return body.parse()


def document(images: list[bytes], prompt: str) -> dict[str, object]:
    rows = [{"b64_json": base64.b64encode(image).decode(), "revised_prompt": prompt} for image in images]
    return {"created": 7, "data": rows, "usage": {"output_tokens": 196}}


@given(
    images=st.lists(st.binary(max_size=300), max_size=4),
    prompt=st.text(max_size=40) | st.just('"b64_json": "QUJD"'),
    sizes=st.lists(st.integers(1, 200), min_size=1, max_size=5),
    escape=st.sampled_from(["plain", "slashes", "unicode"]),
)
def test_images_come_out_as_they_went_in(images: list[bytes], prompt: str, sizes: list[int], escape: str) -> None:
    text = json.dumps(document(images, prompt))
    if escape == "slashes":
        text = text.replace("/", "\\/")
    elif escape == "unicode":
        text = text.replace("/", "\\u002F").replace("+", "\\u002b")
    parsed = parse(text.encode(), sizes)
    assert [bytes(image) for image in parsed.images] == images
    assert parsed.document["created"] == 7
    assert [row["revised_prompt"] for row in parsed.document["data"]] == [prompt] * len(images)


@given(images=st.lists(st.binary(max_size=90), max_size=4), cut=st.integers(0, 600), size=st.integers(1, 200))
def test_each_image_is_handed_over_as_soon_as_it_is_complete(images: list[bytes], cut: int, size: int) -> None:
    text = json.dumps(document(images, "x")).encode()
    taken: list[bytearray] = []
    body = ImagesBody(starts_after("b64_json"), taken.append)
    for chunk in chunks_of(text[:cut], [size]):
        body.feed(chunk)
    complete = len(re.findall(rb'"b64_json": "[^"]*"', text[:cut]))
    assert [bytes(image) for image in taken] == images[:complete]
    body.feed(text[cut:])
    parsed = body.parse()
    assert (parsed.images, parsed.count, len(taken)) == ((), len(images), len(images))


def test_a_large_image_is_decoded_on_the_way() -> None:
    image = bytes(range(256)) * 4096
    text = json.dumps(document([image], "x")).replace("/", "\\u002f").encode()
    assert bytes(parse(text, [70_001]).images[0]) == image


@given(cut=st.integers(1, 180), sizes=st.lists(st.integers(1, 50), min_size=1, max_size=3))
def test_a_body_that_ends_too_early_is_broken(cut: int, sizes: list[int]) -> None:
    text = json.dumps(document([b"x" * 60], "an otter")).encode()
    with pytest.raises(BrokenBody):
        parse(text[: -min(cut, len(text) - 1)], sizes)


@pytest.mark.parametrize("text", [b"", b"[]", b"<html>", b'{"data": [{"b64_json": "@@@@"}]}', b'{"b64_json": "QUJ"}'])
def test_what_is_no_answer_is_broken(text: bytes) -> None:
    with pytest.raises(BrokenBody):
        parse(text, [7])


def events_of(text: bytes, sizes: list[int]) -> list[ParsedBody]:
    """The events of a stream that arrives in chunks of these sizes, over and over."""
    stream = EventStream(starts_after("b64_json"))
    found: list[ParsedBody] = []
    for chunk in chunks_of(text, sizes):
        found += stream.feed(chunk)
    return found


ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@given(
    images=st.lists(st.binary(max_size=300), max_size=4),
    prompt=st.text(max_size=40),
    sizes=st.lists(st.integers(1, 200), min_size=1, max_size=5),
    end=ENDS,
    noise=st.sampled_from(
        ["", ": keep-alive\n\n", "data: [DONE]\n\n", "event: ping\ndata: {}x\n\n", "id: 7\nretry: 9\n"]
    ),
)
def test_events_come_out_as_they_went_in(
    images: list[bytes], prompt: str, sizes: list[int], end: str, noise: str
) -> None:
    text = ""
    for number, image in enumerate(images):
        data = {"b64_json": base64.b64encode(image).decode(), "number": number, "revised_prompt": prompt}
        text += f"{noise}event: x\ndata:{' ' * (number % 2)}{json.dumps(data)}\n\n"
    events = events_of((text + noise).replace("\n", end).encode(), sizes)
    assert [bytes(event.images[0]) for event in events] == images
    assert [event.document["number"] for event in events] == list(range(len(images)))
    assert all(event.document["revised_prompt"] == prompt for event in events)


@given(cut=st.integers(1, 1000), sizes=st.lists(st.integers(1, 50), min_size=1, max_size=3), end=ENDS)
def test_a_cut_stream_gives_the_events_that_are_whole(cut: int, sizes: list[int], end: str) -> None:
    event = f'data: {{"b64_json": "{base64.b64encode(b"x" * 60).decode()}"}}{end}{end}'.encode()
    text = (event * 3)[:cut]
    # The first character of a line's end is enough.
    assert len(events_of(text, sizes)) == (len(text) + len(end) - 1) // len(event)


@pytest.mark.parametrize(
    "broken", [b'{"b64_json": "@@@@"}', b'{"b64_json": "QUJ"}', b'{"b64_json": "QUJD', b"<html>", b"[]"]
)
def test_a_broken_event_does_not_hide_the_next(broken: bytes) -> None:
    text = b"data: " + broken + b'\n\ndata: {"b64_json": "QUJD"}\n\n'
    assert [bytes(event.images[0]) for event in events_of(text, [7])] == [b"ABC"]
