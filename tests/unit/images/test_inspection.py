"""Input images are judged by their bytes, before anything is decoded."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.errors import InvalidRequest
from core.images.inspection import (
    MAX_BLOCKS,
    MAX_BYTES,
    MAX_EDGE,
    MAX_HEADER_BYTES,
    HeaderIncomplete,
    Inspected,
    inspect,
)
from tests.support.pictures import encoded
from tests.unit.images.pictures import PNG_SIGNATURE, chunk, picture, png_header


def inspected(data: bytes, size: int | None = None) -> Inspected:
    return inspect(data, name="image 2", param="image", size=size)


def refusal(data: bytes, size: int | None = None) -> str:
    """The code of the refusal, whose message says which image is meant and what is allowed."""
    with pytest.raises(InvalidRequest) as caught:
        inspected(data, size)
    problem = caught.value.problem
    assert "image 2" in problem.message
    assert any(allowed in problem.message for allowed in ("PNG, JPEG and WebP", "at most"))
    assert problem.param == "image"
    return problem.code


@pytest.mark.parametrize(
    ("format", "content_type", "extension"),
    [("PNG", "image/png", "png"), ("JPEG", "image/jpeg", "jpg"), ("WEBP", "image/webp", "webp")],
)
def test_type_and_dimensions_are_read_from_the_bytes(format: str, content_type: str, extension: str) -> None:
    data = picture(format)
    assert inspected(data) == Inspected(content_type, extension, len(data), 40, 20, 40, 20)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_upright_dimensions_only(format: str, orientation: int) -> None:
    found = inspected(picture(format, orientation=orientation))
    assert (found.width, found.height) == (40, 20)
    assert (found.upright_width, found.upright_height) == ((20, 40) if orientation >= 5 else (40, 20))


def test_a_lossless_webp_is_measured() -> None:
    found = inspected(encoded(Image.new("RGBA", (41, 23)), "WEBP", lossless=True))
    assert (found.width, found.height) == (41, 23)


@pytest.mark.parametrize(
    ("width", "height"), [(60_000, 60_000), (MAX_EDGE + 1, 1), (1, MAX_EDGE + 1), (10_001, 10_000)]
)
def test_a_pixel_bomb_is_refused_from_its_header(width: int, height: int) -> None:
    assert refusal(png_header(width, height)) == "image_too_large"


def test_the_largest_allowed_dimensions_pass() -> None:
    assert inspected(png_header(10_000, 10_000)).width == 10_000


def test_an_empty_file_is_refused() -> None:
    assert refusal(b"") == "empty_image_file"


def test_a_file_of_too_many_bytes_is_refused() -> None:
    assert refusal(picture(), size=MAX_BYTES) == "image_file_too_large"


@pytest.mark.parametrize("data", [picture("GIF"), b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_other_image_formats_are_refused(data: bytes) -> None:
    assert refusal(data) == "unsupported_image_media_type"


@pytest.mark.parametrize("data", [b"hello", b"%PDF-1.7", picture("BMP"), b"\0" * 100])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    assert refusal(data) == "invalid_image_file"


@pytest.mark.parametrize(
    "data",
    [
        PNG_SIGNATURE,
        PNG_SIGNATURE + chunk(b"IDAT", b"\0" * 40),
        b"\xff\xd8\xff\xe0",
        b"RIFF\0\0\0\0WEBPVP8",
        png_header(0, 5),
    ],
)
def test_a_broken_header_is_refused(data: bytes) -> None:
    assert refusal(data) == "invalid_image_file"


def test_the_beginning_of_an_image_is_enough() -> None:
    assert inspected(picture()[:64], size=12_345).size == 12_345


def test_a_beginning_without_the_dimensions_asks_for_more() -> None:
    data = encoded(Image.new("RGB", (40, 20)), "JPEG", icc_profile=b"x" * 60_000)
    with pytest.raises(HeaderIncomplete):
        inspected(data[:1000], size=len(data))


@given(st.sampled_from(["PNG", "JPEG", "WEBP"]), st.integers(1, 8), st.data())
def test_damaged_files_are_measured_or_refused_and_never_crash(
    format: str, orientation: int, data: st.DataObject
) -> None:
    file = bytearray(picture(format, orientation=orientation))
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    del file[data.draw(st.integers(1, len(file))) :]
    try:
        inspected(bytes(file))
    except InvalidRequest as error:
        assert error.problem.code


def test_a_jpeg_with_a_damaged_segment_is_refused() -> None:
    """Found by a client: the library raises ValueError on it instead of measuring nothing."""
    file = bytearray(picture("JPEG"))
    for position in range(2, len(file)):
        damaged = bytearray(file)
        damaged[position] = 0
        with suppress(InvalidRequest):
            inspected(bytes(damaged))


def test_dimensions_are_not_looked_for_without_end() -> None:
    empty_segments = b"\xff\xe1\0\2" * (MAX_HEADER_BYTES // 4)
    assert refusal(b"\xff\xd8" + empty_segments + picture("JPEG")[2:]) == "invalid_image_file"


@pytest.mark.parametrize("block", [b"\xff\xe1\0\2", b"\xff\xd0"], ids=["segments", "restarts"])
def test_the_blocks_before_the_dimensions_are_counted(block: bytes) -> None:
    """Each costs time, and four megabytes hold a million of them."""
    photo = picture("JPEG")
    assert inspected(b"\xff\xd8" + block * (MAX_BLOCKS - 100) + photo[2:]).width == 40
    assert refusal(b"\xff\xd8" + block * MAX_BLOCKS + photo[2:]) == "invalid_image_file"


def test_a_photo_with_filling_between_its_segments_is_measured() -> None:
    photo = picture("JPEG", orientation=6)
    found = inspected(photo.replace(b"\xff\xe1", b"\xff" * 1000 + b"\xe1", 1))
    assert (found.width, found.upright_width) == (40, 20)
