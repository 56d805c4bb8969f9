"""The page of GET /docs on a deployed stack: search, samples, and calls that are tried on the page."""

from typing import TYPE_CHECKING, Any

import pytest

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support.accessibility import assert_accessible
from tests.support.chromium import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Page

DOORS = pytest.mark.parametrize("door", ["api_url", "direct_url"])


def opened(open_page: OpenPage, url: str, part: str = "", **options: Any) -> "Page":
    """The page, at a part of it."""
    page = open_page(f"{url}/docs#{part}", **options)
    page.get_by_text("Authentication").first.wait_for()
    return page


@DOORS
def test_a_call_is_tried_with_a_key(
    stack: Stack, key: Key, simulator: SimulatorControl, open_page: OpenPage, door: str
) -> None:
    url = getattr(stack, door)
    page = opened(open_page, url, "auth")
    page.get_by_placeholder("api-token").fill(key.key)
    page.get_by_role("button", name="SET").click()
    page.locator("[id='link-post-/images/generations']").click()
    with page.expect_response(f"{url}/images/generations") as answer:
        page.get_by_role("button", name="TRY").click()
    assert answer.value.status == 200
    assert [each["model"] for each in simulator.calls()] == ["gpt-image-2"]
    assert key.key not in page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }])")


def test_samples_have_the_address_of_the_deployment(stack: Stack, open_page: OpenPage) -> None:
    page = opened(open_page, stack.api_url, "post-/images/generations")
    for language in ("curl", "Python", "JavaScript"):
        page.get_by_role("button", name=language, exact=True).click()
        sample = page.locator("pre:visible").first.inner_text()
        assert f"{stack.api_url}/images/generations" in sample
        assert "EASEL_URL" not in sample


def test_a_call_is_found_by_a_word(stack: Stack, open_page: OpenPage) -> None:
    page = opened(open_page, stack.api_url)
    page.get_by_placeholder("Filter").fill("permalink")
    page.keyboard.press("Enter")
    page.get_by_text("Generate images").wait_for(state="hidden")
    assert page.get_by_text("Open an image by its permalink").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_reference_fits_a_phone(stack: Stack, open_page: OpenPage, scheme: str) -> None:
    page = opened(open_page, stack.api_url, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("rapi-doc").get_attribute("theme") == scheme


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("part", ["auth", "post-/images/generations", "post-/images/edits", "get-/usage"])
def test_the_reference_is_read_by_everybody(stack: Stack, open_page: OpenPage, part: str, scheme: str) -> None:
    page = opened(open_page, stack.api_url, part, color_scheme=scheme)
    page.get_by_text("No API key applied" if part == "auth" else "TRY").first.wait_for()
    assert_accessible(page)
