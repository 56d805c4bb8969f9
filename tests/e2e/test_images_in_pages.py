"""What a page in a real browser can do with the URL of an image: draw it, and then read its bytes."""

from pathlib import Path

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support import wire
from tests.support.browser import needs_chromium, serving

from .test_browser_tokens import WISH

# Draws first, then reads the same URL: a gallery with a download button, an editor, a canvas.
PAGE = """<!doctype html><title>A gallery</title><script>
  const drawn = (url) => new Promise((resolve) => {{
    const image = document.body.appendChild(new Image());
    image.onload = () => resolve(image.naturalWidth);
    image.src = url;
  }});
  addEventListener("load", async () => {{
    const seen = [];
    for (const url of {urls}) {{
      seen.push(await drawn(url));
      seen.push(await fetch(url).then(async (answer) => (await answer.blob()).size, String));
    }}
    fetch("/seen?" + encodeURIComponent(seen));
  }});
</script><body>"""


@needs_chromium
def test_an_image_that_a_page_draws_can_be_read_by_it_afterwards(
    stack: Stack, key: Key, simulator: SimulatorControl, tmp_path: Path
) -> None:
    """Although S3 sends CORS headers only to a request with an Origin, which an <img> does not send."""
    answer = wire.post(f"{stack.direct_url}/images/generations", json=WISH, headers=key.headers)
    (image,) = answer.raise_for_status().json()["data"]
    without_origin, with_origin = (
        wire.get(image["url"], headers=headers) for headers in ({}, {"Origin": "https://a.example"})
    )
    assert "access-control-allow-origin" not in without_origin.headers, "as S3 does; else this shows nothing"
    assert with_origin.headers["access-control-allow-origin"] == "*"
    with serving() as site:
        site.page = PAGE.format(urls=[image["url"], image["link"]])
        (report,) = site.visit(tmp_path)
    expected = [image["width"], image["bytes"]] * 2
    assert report == "/seen?" + "%2C".join(map(str, expected))
