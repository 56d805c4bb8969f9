"""What a page in a real browser can do with the URL of an image: draw it, and then read its bytes."""

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support import wire
from tests.support.chromium import OpenPage, serving

from .test_browser_tokens import WISH

# Draws first, then reads the same URL: a gallery with a download button, an editor, a canvas.
DRAWING_AND_READING = """async (urls) => {
  const seen = []
  for (const url of urls) {
    const image = document.body.appendChild(new Image())
    image.src = url
    await image.decode()
    seen.push(image.naturalWidth, (await (await fetch(url)).blob()).size)
  }
  return seen
}"""


def test_an_image_that_a_page_draws_can_be_read_by_it_afterwards(
    stack: Stack, key: Key, simulator: SimulatorControl, open_page: OpenPage
) -> None:
    """Although S3 sends CORS headers only to a request with an Origin, which an <img> does not send."""
    answer = wire.post(f"{stack.direct_url}/images/generations", json=WISH, headers=key.headers)
    (image,) = answer.raise_for_status().json()["data"]
    without_origin, with_origin = (
        wire.get(image["url"], headers=headers) for headers in ({}, {"Origin": "https://a.example"})
    )
    assert "access-control-allow-origin" not in without_origin.headers, "as S3 does; else this shows nothing"
    assert with_origin.headers["access-control-allow-origin"] == "*"
    urls = [image["url"], image["link"]]
    with serving({"/": "<title>A gallery</title>"}) as origin:
        seen = open_page(origin, allowed=urls).evaluate(DRAWING_AND_READING, urls)
    assert seen == [image["width"], image["bytes"]] * 2
