"""Data URLs carry images inside a request."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.images.data_urls import MAX_CHARACTERS, decode_data_url, is_data_url

PARAM = "images[0].image_url"


def refusal(url: str) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        decode_data_url(url, param=PARAM)
    problem = caught.value.problem
    assert problem.param == PARAM
    assert PARAM in problem.message
    return problem.code, problem.message


@given(st.binary())
def test_plain_base64_is_decoded(data: bytes) -> None:
    assert decode_data_url("data:image/png;base64," + base64.b64encode(data).decode(), param=PARAM) == data


@given(st.binary())
def test_url_safe_base64_is_decoded_without_padding(data: bytes) -> None:
    payload = base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert decode_data_url("DATA:image/webp;BASE64," + payload, param=PARAM) == data


@pytest.mark.parametrize("url", ["data:,AAAA", "data:image/png,AAAA", "data:image/png;base64", "https://a.test/a.png"])
def test_other_urls_are_refused(url: str) -> None:
    assert refusal(url)[0] == "invalid_image_url"


@pytest.mark.parametrize("payload", ["A", "AAAAA", "AA AA", "AAAA\n", "AA=A", "%41AAA", "ÄAAA", "AA!A"])
def test_broken_base64_is_refused_without_an_echo(payload: str) -> None:
    code, message = refusal("data:image/png;base64," + payload)
    assert code == "invalid_base64_image"
    assert payload + " " not in message


def test_a_data_url_beyond_the_limit_is_refused_before_decoding() -> None:
    code, message = refusal("data:image/png;base64," + "!" * MAX_CHARACTERS)
    assert code == "image_file_too_large"
    assert f"at most {MAX_CHARACTERS} are allowed" in message


def test_a_data_url_is_known_by_its_scheme() -> None:
    assert is_data_url("Data:image/png;base64,AA==")
    assert not is_data_url("https://a.test/data:")
