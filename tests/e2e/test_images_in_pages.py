"""What a page in a real browser can do with the URL of an image: draw it, and then read its bytes."""

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support import wire

from .test_browser_tokens import BROWSER_SECONDS, CHROMIUM, QUIETLY, WISH, needs_chromium

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


class Site(ThreadingHTTPServer):
    """Serves one page, and waits for what it has seen."""

    page = ""

    def __init__(self) -> None:
        self.seen = ""
        self.done = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        body = self.server.page.encode() if self.path == "/" else b""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if self.path.startswith("/seen"):
            self.server.seen = self.path.partition("?")[2]
            self.server.done.set()

    def log_message(self, *_: Any) -> None:
        pass


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
    with Site() as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        site.page = PAGE.format(urls=[image["url"], image["link"]])
        assert CHROMIUM
        origin = f"http://127.0.0.1:{site.server_address[1]}"
        command = [CHROMIUM, *QUIETLY, "--remote-debugging-port=0", f"--user-data-dir={tmp_path}", origin]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert site.done.wait(BROWSER_SECONDS), "the page said nothing"
        finally:
            browser.kill()
            browser.wait()
            site.shutdown()
        expected = [image["width"], image["bytes"]] * 2
        assert site.seen == "%2C".join(map(str, expected))
