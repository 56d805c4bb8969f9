"""Forms are read as the OpenAI SDK and others write them, and broken ones are refused with what is expected."""

import string
from typing import Any

import httpx
import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.requests.multipart import MAX_PARTS, MAX_TEXT_BYTES, File, Form, parse_form
from tests.unit.images.pictures import picture

PNG = picture()
HEAD = b'--B\r\nContent-Disposition: form-data; name="a"'
FORM_TYPE = "multipart/form-data; boundary=B"


def sent_by_openai(**arguments: Any) -> Form:
    """The form that the OpenAI SDK sends for an edit."""
    forms = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        forms.append(parse_form(request.read(), request.headers["content-type"]))
        return httpx2.Response(200, json={"created": 0})

    with openai.OpenAI(
        base_url="https://easel.test/v1",
        api_key="ek",
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    ) as client:
        client.images.edit(**arguments)
    return forms[0]


def sent_by_httpx(**arguments: Any) -> Form:
    request = httpx.Request("POST", "https://easel.test", **arguments)
    return parse_form(request.read(), request.headers["content-type"])


def refusal(body: bytes, content_type: str = FORM_TYPE) -> str:
    with pytest.raises(InvalidRequest) as caught:
        parse_form(body, content_type)
    assert caught.value.problem.code == "invalid_multipart"
    assert "multipart/form-data with a boundary" in str(caught.value)
    return str(caught.value)


def test_the_sdk_sends_one_image_as_image() -> None:
    form = sent_by_openai(image=("otter.png", PNG, "image/png"), prompt="a hat", model="m")
    assert form.files == (File("image", "otter.png", "image/png", PNG),)


def test_the_sdk_sends_several_images_as_image_brackets_in_order() -> None:
    form = sent_by_openai(image=[("1.png", PNG), ("2.jpg", b"\xff\xd8\xff")], prompt="a hat", model="m")
    assert [(file.name, file.filename, file.data) for file in form.files] == [
        ("image[]", "1.png", PNG),
        ("image[]", "2.jpg", b"\xff\xd8\xff"),
    ]


def test_the_sdk_sends_raw_bytes_as_upload() -> None:
    form = sent_by_openai(image=PNG, prompt="a hat", model="m")
    assert form.files == (File("image", "upload", "application/octet-stream", PNG),)


def test_the_sdk_sends_numbers_and_booleans_as_text() -> None:
    form = sent_by_openai(image=PNG, prompt="ein Hut für Ünal 🎩", model="m", n=2, mask=("mask.png", PNG))
    assert ("prompt", "ein Hut für Ünal 🎩") in form.fields
    assert ("n", "2") in form.fields
    assert [file.name for file in form.files] == ["image", "mask"]


def test_repeated_fields_are_all_kept_in_order() -> None:
    form = sent_by_httpx(data={"a": ["1", "2"], "b": "3"}, files={"f": b""})
    assert form.fields == (("a", "1"), ("a", "2"), ("b", "3"))


NAMES = st.text(st.characters(exclude_categories=("C", "Zl", "Zp"), exclude_characters='"\\%'), min_size=1, max_size=30)
CONTENT = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from([b"\r", b"\n", b"--", b"\r\n--B", b"B", b"\r\n"]), max_size=12).map(b"".join),
)
BOUNDARIES = st.text(string.ascii_letters + string.digits + "'()+_,-./:=?", min_size=12, max_size=70)


@given(
    fields=st.lists(st.tuples(NAMES, st.text(st.characters(exclude_categories=["Cs"]), max_size=50)), max_size=5),
    files=st.lists(st.tuples(NAMES, NAMES, CONTENT), min_size=1, max_size=5),
    boundary=BOUNDARIES,
)
def test_what_httpx_writes_is_read_back(
    fields: list[tuple[str, str]], files: list[tuple[str, str, bytes]], boundary: str
) -> None:
    form = sent_by_httpx(
        files=[(name, (None, value)) for name, value in fields] + [(name, (file, data)) for name, file, data in files],
        headers={"content-type": f'multipart/form-data; boundary="{boundary}"'},
    )
    # httpx guesses a type for every file; a field has none.
    assert form.fields == tuple(fields)
    assert [(file.name, file.filename, file.data) for file in form.files] == files


@given(st.binary(max_size=300))
def test_garbage_is_refused_and_never_crashes(body: bytes) -> None:
    refusal(body)


@given(st.integers(min_value=0, max_value=200))
def test_a_truncated_form_is_refused(length: int) -> None:
    body = HEAD + b"\r\n\r\n" + b"x" * 120 + b"\r\n--B--\r\n"
    refusal(body[: min(length, len(body) - 3)])


@pytest.mark.parametrize("boundary", ["boundary=B", 'boundary="B"', "charset=utf-8; Boundary=B"])
def test_a_boundary_may_be_quoted_or_not(boundary: str) -> None:
    form = parse_form(HEAD + b"\r\n\r\n1\r\n--B--", f"Multipart/Form-Data; {boundary}")
    assert form.fields == (("a", "1"),)


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ('filename="café ☕.png"', "café ☕.png"),
        ('filename="a;b=c.png"', "a;b=c.png"),
        ('filename="say \\"hi\\".png"', 'say "hi".png'),
        ("filename=plain.png", "plain.png"),
        ("filename*=UTF-8''caf%C3%A9.png", "café.png"),
        ("filename=\"x.png\"; filename*=utf-8''y.png", "x.png"),
    ],
)
def test_file_names_are_read_in_every_notation(disposition: str, filename: str) -> None:
    head = f'--B\r\ncontent-disposition: form-data; name="image"; {disposition}\r\n\r\n'.encode()
    assert parse_form(head + PNG + b"\r\n--B--", FORM_TYPE).files == (File("image", filename, "", PNG),)


@pytest.mark.parametrize("content_type", ["image/png", "application/octet-stream"])
def test_bytes_without_a_file_name_are_a_file(content_type: str) -> None:
    body = HEAD + f"\r\nContent-Type: {content_type}\r\n\r\n".encode() + PNG + b"\r\n--B--"
    assert parse_form(body, FORM_TYPE).files == (File("a", "", content_type, PNG),)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_image_is_a_file_even_if_nothing_says_so(kind: str) -> None:
    data = picture(kind)
    assert parse_form(HEAD + b"\r\n\r\n" + data + b"\r\n--B--", FORM_TYPE).files == (File("a", "", "", data),)


@pytest.mark.parametrize(
    ("charset", "data"),
    [
        ("utf-8", "café".encode()),
        ("UTF-8", "café".encode()),
        ('"utf-8"', "café".encode()),
        ("us-ascii", "café".encode()),
        ("ISO-8859-1", b"caf\xe9"),
        ("latin1", b"caf\xe9"),
        ("windows-1252", b"caf\xe9"),
    ],
)
def test_a_text_is_read_in_the_charset_that_it_declares(charset: str, data: bytes) -> None:
    body = HEAD + f"\r\nContent-Type: text/plain; charset={charset}\r\n\r\n".encode() + data + b"\r\n--B--"
    assert parse_form(body, FORM_TYPE).fields == (("a", "café"),)


@pytest.mark.parametrize("before", [b"", b"\r\n", b"This is a form.\r\n", b"--not the boundary\r\n\r\n"])
@pytest.mark.parametrize("after", [b"", b"\r\n", b"\r\nThat was a form."])
def test_what_surrounds_the_parts_is_ignored(before: bytes, after: bytes) -> None:
    assert parse_form(before + HEAD + b"\r\n\r\n1\r\n--B--" + after, FORM_TYPE).fields == (("a", "1"),)


@pytest.mark.parametrize("content_type", ["text/plain; charset=utf-8", "application/json"])
def test_a_typed_text_part_is_a_field(content_type: str) -> None:
    body = HEAD + f"\r\nContent-Type: {content_type}\r\n\r\n1\r\n--B--".encode()
    assert parse_form(body, FORM_TYPE).fields == (("a", "1"),)


@pytest.mark.parametrize("filename", [b'; filename=""', b""])
def test_a_file_input_left_empty_is_absent(filename: bytes) -> None:
    body = HEAD + filename + b"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--B--"
    assert parse_form(body, FORM_TYPE) == Form(())


def test_an_empty_file_with_a_name_is_kept_for_its_own_error() -> None:
    body = HEAD + b'; filename="a.png"\r\n\r\n\r\n--B--'
    assert parse_form(body, FORM_TYPE).files == (File("a", "a.png", "", b""),)


def test_a_form_without_parts_is_empty() -> None:
    assert parse_form(b"--B--\r\n", FORM_TYPE) == Form(())


@pytest.mark.parametrize(
    ("content_type", "fault"),
    [
        ("", "not multipart/form-data"),
        ("application/json", "not multipart/form-data"),
        ("multipart/mixed; boundary=B", "not multipart/form-data"),
        ("multipart/form-data", "has no boundary"),
        ("multipart/form-data; boundary=", "has no boundary"),
        ("multipart/form-data; boundary=\u4e2d", "not in Latin-1"),
        ("multipart/form-data; \U0001f9a6=1; boundary=B", "not in Latin-1"),
        ("multipart/form-data; boundary=C", "does not match its boundary"),
        (f"multipart/form-data; boundary={'B' * 300}", "does not match its boundary"),
    ],
)
def test_a_wrong_content_type_is_refused(content_type: str, fault: str) -> None:
    assert fault in refusal(HEAD + b"\r\n\r\n1\r\n--B--", content_type)


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        (b"\r\n1", "has no name"),
        (b"Content-Disposition: form-data\r\n\r\n1", "has no name"),
        (b'Content-Disposition: attachment; name="a"\r\n\r\n1', "has no name"),
        (b'Content-Disposition: form-data; name="\xff"\r\n\r\n1', "is not UTF-8"),
        (b'Content-Disposition: form-data; name="a"\r\n\r\n\xff', "The text field 'a' is not UTF-8"),
        (b'Content-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=x\r\n\r\n\xff', "UTF-8"),
        (
            b'Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\nAA==',
            "has a transfer encoding",
        ),
    ],
)
def test_a_part_that_cannot_be_understood_is_refused(part: bytes, fault: str) -> None:
    assert fault in refusal(b"--B\r\n" + part + b"\r\n--B--")


def test_an_empty_body_is_refused() -> None:
    assert "is empty" in refusal(b"")


def test_too_many_parts_are_refused() -> None:
    body = (HEAD + b"\r\n\r\n1\r\n") * (MAX_PARTS + 1) + b"--B--"
    assert f"more than {MAX_PARTS} parts" in refusal(body)


def test_a_huge_text_field_is_refused() -> None:
    body = HEAD + b"\r\n\r\n" + b"x" * (MAX_TEXT_BYTES + 1) + b"\r\n--B--"
    assert "send it as a file" in refusal(body)
