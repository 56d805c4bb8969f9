"""Masks are held to the provider's rules, and black and white ones are converted."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from core.errors import InvalidRequest
from core.images import masks
from core.images.inspection import Inspected
from core.images.masks import MAX_MASK_BYTES, check_markup, prepare_mask
from tests.support.pictures import encoded
from tests.unit.images.pictures import PNG_SIGNATURE, chunk, picture, png_header

SIZE = (40, 20)
BOX = (10, 5, 29, 14)

Colour = int | tuple[int, ...] | str


def drawn(mode: str, ground: Colour, hole: Colour) -> Image.Image:
    """An image of one colour with a box of another one in its middle."""
    image = Image.new(mode, SIZE, ground)
    ImageDraw.Draw(image).rectangle(BOX, fill=hole)
    return image


def palette_with_transparency() -> bytes:
    image = Image.new("P", SIZE, 0)
    image.putpalette([200, 30, 30, 0, 0, 0])
    ImageDraw.Draw(image).rectangle(BOX, fill=1)
    return encoded(image, transparency=1)


def alpha_of(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    assert image.format == "PNG"
    return image.getchannel("A")


def photo(width: int, height: int, *, turned: bool = False) -> Inspected:
    """What is known of the image that a mask or markup belongs to, when it is stored in these dimensions."""
    upright = (height, width) if turned else (width, height)
    return Inspected("image/jpeg", "jpg", 1000, width, height, *upright)


def refusal(data: bytes, width: int = 40, height: int = 20) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        prepare_mask(data, photo(width, height))
    assert caught.value.problem.param == "mask"
    return caught.value.problem.code, caught.value.problem.message


def markup_refusal(data: bytes, width: int = 40, height: int = 20) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        check_markup(data, photo(width, height))
    assert caught.value.problem.param == "markup"
    return caught.value.problem.code, caught.value.problem.message


@pytest.mark.parametrize(
    "data",
    [
        encoded(drawn("RGBA", (9, 9, 9, 255), (0, 0, 0, 0))),
        encoded(drawn("LA", (9, 255), (0, 0))),
        encoded(drawn("RGB", (200, 30, 30), (1, 2, 3)), transparency=(1, 2, 3)),
        palette_with_transparency(),
    ],
    ids=["RGBA", "LA", "RGB with a transparent colour", "palette"],
)
def test_a_mask_with_transparency_passes_untouched(data: bytes) -> None:
    mask = prepare_mask(data, photo(*SIZE))
    assert mask.data is data
    assert not mask.converted


@pytest.mark.parametrize(
    "image",
    [
        drawn("1", 0, 1),
        drawn("L", 0, 255),
        drawn("L", 16, 239),
        drawn("RGB", "black", "white"),
        drawn("RGB", (5, 9, 0), (250, 255, 248)),
        drawn("RGB", "black", "white").convert("P"),
        drawn("RGBA", (0, 0, 0, 255), (255, 255, 255, 255)),
        drawn("LA", (0, 255), (255, 255)),
    ],
    ids=["1 bit", "grey", "nearly black and white", "RGB", "slightly tinted", "palette", "opaque RGBA", "opaque LA"],
)
def test_a_black_and_white_mask_is_edited_where_it_is_black(image: Image.Image) -> None:
    mask = prepare_mask(encoded(image), photo(*SIZE))
    alpha = alpha_of(mask.data)
    assert mask.converted
    assert alpha.getpixel((0, 0)) == 0
    assert alpha.getpixel((20, 10)) == 255
    assert set(alpha.tobytes()) == {0, 255}


def test_soft_edges_stay_soft() -> None:
    image = Image.new("L", (400, 200), 0)
    ImageDraw.Draw(image).ellipse((100, 50, 300, 150), fill=255)
    mask = prepare_mask(encoded(image.filter(ImageFilter.GaussianBlur(2))), photo(400, 200))
    assert len(set(alpha_of(mask.data).tobytes())) > 10


@pytest.mark.parametrize(
    "image",
    [
        Image.new("L", SIZE, 0),
        Image.new("L", SIZE, 255),
        Image.linear_gradient("L").resize(SIZE),
        drawn("RGB", "black", "yellow"),
        drawn("L", 0, 128),
        drawn("I;16", 0, 65535),
    ],
    ids=["all black", "all white", "gradient", "coloured", "half grey", "16 bits"],
)
def test_an_opaque_mask_that_is_not_black_and_white_is_refused(image: Image.Image) -> None:
    code, message = refusal(encoded(image))
    assert code == "invalid_mask_image_format"
    assert "has no alpha channel" in message
    assert "To make one" in message


def test_a_mask_that_edits_nothing_is_refused() -> None:
    code, message = refusal(encoded(drawn("RGBA", (200, 30, 30, 255), (0, 0, 0, 255))))
    assert code == "invalid_mask_image_format"
    assert "fully opaque, so it edits nothing" in message


def test_a_mask_of_other_dimensions_is_refused() -> None:
    code, message = refusal(encoded(drawn("RGBA", (0, 0, 0, 255), (0, 0, 0, 0))), 20, 40)
    assert code == "invalid_mask_image_format"
    assert "40x20" in message
    assert "20x40" in message


def test_messages_about_a_turned_photo_speak_of_both_dimensions() -> None:
    """People see it upright, 20x40; as it is stored it has 40x20 pixels."""
    upright = encoded(drawn("RGBA", (0, 0, 0, 255), (0, 0, 0, 0)).resize((20, 40)))
    with pytest.raises(InvalidRequest) as refused:
        prepare_mask(upright, photo(40, 20, turned=True))
    message = refused.value.problem.message
    assert "is 20x40 pixels; the first image is stored as 40x20, shown as 20x40 (EXIF orientation)" in message
    assert "The mask must be 40x20" in message
    with pytest.raises(InvalidRequest) as refused:
        check_markup(encoded(drawn("RGBA", (0, 0, 0, 0), (255, 0, 0, 255))), photo(40, 20, turned=True))
    assert "is 40x20 pixels; the first image is stored as 40x20, shown as 20x40" in refused.value.problem.message
    check_markup(upright, photo(40, 20, turned=True))


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_a_mask_that_is_no_png_is_refused(format: str) -> None:
    assert refusal(picture(format))[0] == "invalid_mask_image_format"


def test_a_mask_of_4_megabytes_is_refused() -> None:
    assert refusal(picture() + b"\0" * MAX_MASK_BYTES)[0] == "image_file_too_large"


def test_a_converted_mask_of_4_megabytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(drawn("1", 0, 1))
    monkeypatch.setattr(masks, "MAX_MASK_BYTES", len(data) + 1)
    assert "too large after conversion" in refusal(data)[1]


def test_a_mask_too_large_to_decode_is_refused_from_its_header() -> None:
    assert refusal(png_header(9000, 9000), 9000, 9000)[0] == "image_too_large"


@pytest.mark.parametrize(
    "data",
    [
        png_header(*SIZE),
        encoded(drawn("RGBA", (0, 0, 0, 255), (0, 0, 0, 0)))[:-40],
        PNG_SIGNATURE + png_header(*SIZE)[8:33] + png_header(400, 200)[8:],
        PNG_SIGNATURE + png_header(*SIZE)[8:33] + png_header(40_000, 40_000)[8:],
    ],
    ids=["no pixels", "truncated", "two headers", "two headers, the second of a bomb"],
)
def test_a_broken_mask_is_refused(data: bytes) -> None:
    assert refusal(data)[0] == "invalid_image_file"


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_mask_never_crashes(data: st.DataObject) -> None:
    file = bytearray(palette_with_transparency())
    for _ in range(data.draw(st.integers(1, 3))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    try:
        prepare_mask(bytes(file), photo(*SIZE))
    except InvalidRequest as error:
        assert error.problem.param == "mask"


def test_a_markup_with_transparent_pixels_passes() -> None:
    check_markup(encoded(drawn("RGBA", (0, 0, 0, 0), (255, 0, 0, 255))), photo(*SIZE))


def test_an_opaque_markup_is_refused() -> None:
    for image in (drawn("RGB", "white", "red"), drawn("RGBA", "white", "red")):
        code, message = markup_refusal(encoded(image))
        assert code == "invalid_markup_image"
        assert "no transparent pixels" in message


def test_a_markup_of_other_dimensions_is_refused() -> None:
    data = encoded(drawn("RGBA", (0, 0, 0, 0), (255, 0, 0, 255)))
    assert markup_refusal(data, 20, 40)[0] == "invalid_markup_image"


def test_a_markup_that_is_no_png_is_refused() -> None:
    assert markup_refusal(picture("JPEG"))[0] == "invalid_markup_image"


def test_a_broken_markup_is_refused() -> None:
    assert markup_refusal(PNG_SIGNATURE + png_header(*SIZE)[8:] + chunk(b"IEND", b""))[0] == "invalid_image_file"
