"""An SVG whose scripts a browser would run: in a page it is drawn, and opened it is saved instead of run."""

import subprocess
import threading
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support import wire

from .test_browser_tokens import BROWSER_SECONDS, CHROMIUM, MODEL, QUIETLY, needs_chromium

# Both reports go to the page's own server, since the bucket is another origin.
ACTIVE = """<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="40" height="30"/>
<script>new Image().src = "{site}/ran?" + location.pathname.split("/").pop()</script></svg>"""
# The last frame shows that this browser runs such scripts, well after it would have run those of the first frames.
FRAMES = """<img src="{url}" onload="fetch(`/drawn?${{this.naturalWidth}}`)"><iframe src="{url}"></iframe>"""
PAGE = """<!doctype html><title>A page</title>
{frames}
<script>
  setTimeout(() => document.body.append(Object.assign(document.createElement("iframe"), {{src: "{inline}"}})), 3000)
</script>"""


class Site(ThreadingHTTPServer):
    """Serves one page, and keeps what it and its frames report."""

    page = ""

    def __init__(self) -> None:
        self.reports: list[str] = []
        self.inline_ran = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        body = self.server.page.encode() if self.path == "/" else b""
        if self.path.startswith(("/ran", "/drawn")):
            self.server.reports.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if self.path == "/ran?inline.svg":
            self.server.inline_ran.set()

    def log_message(self, *_: Any) -> None:
        pass


@needs_chromium
def test_an_svg_is_drawn_in_a_page_and_runs_no_script_when_it_is_opened(
    stack: Stack, key: Key, simulator: SimulatorControl, tmp_path: Path
) -> None:
    body = {"model": MODEL, "prompt": "an otter", "output_format": "svg", "svg": {"model": "gpt-5.2"}}
    answer = wire.post(f"{stack.direct_url}/images/generations", json=body, headers=key.headers)
    (image,) = answer.json()["data"]
    s3, bucket = stack.client("s3"), stack.images_bucket
    inline = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "images/inline.svg"})
    with Site() as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        active = ACTIVE.format(site=site.origin).encode()
        for name in (f"{image['id']}.svg", "inline.svg"):
            s3.put_object(Bucket=bucket, Key=f"images/{name}", Body=active, ContentType="image/svg+xml")
        frames = "".join(FRAMES.format(url=escape(image[form])) for form in ("url", "link"))
        site.page = PAGE.format(frames=frames, inline=inline)
        assert CHROMIUM
        command = [CHROMIUM, *QUIETLY, "--remote-debugging-port=0", f"--user-data-dir={tmp_path}", site.origin]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert site.inline_ran.wait(BROWSER_SECONDS), site.reports
        finally:
            browser.kill()
            browser.wait()
            site.shutdown()
        assert sorted(site.reports) == ["/drawn?40", "/drawn?40", "/ran?inline.svg"]
