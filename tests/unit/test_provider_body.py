"""Images are cut out of a body that arrives in any pieces."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.providers.image_stream import BrokenBody, ImagesBody, ParsedBody, starts_after


def parse(text: bytes, sizes: list[int]) -> ParsedBody:
    """Feed the text in chunks of these sizes, over and over."""
    body, place, turn = ImagesBody(starts_after("b64_json")), 0, 0
    while place < len(text):
        size = sizes[turn % len(sizes)]
        body.feed(text[place : place + size])
        place, turn = place + size, turn + 1
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
