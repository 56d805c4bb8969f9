"""Pages in a real browser: the system's Chromium, driven by Playwright. `tests/conftest.py` makes the fixtures known.

def test_a_page_greets(open_page: OpenPage) -> None:
    with serving({"/": "<p>Hello</p>"}) as origin:
        page = open_page(origin)
        expect(page.get_by_text("Hello")).to_be_visible()
"""

import mimetypes
import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# A browser that talks to nobody but the page and Easel.
_QUIETLY = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking")
_PATIENCE_MILLISECONDS = 30_000


class OpenPage(Protocol):
    """Opens a URL in a fresh context, whose `options` are those of Playwright's Browser.new_context.

    At the end of the test, no page may have had an error that nothing caught, or have broken its own policy, or have
    asked an origin other than its own and those `allowed`. With `allowed=None`, it may ask any.
    """

    def __call__(self, url: str, *, allowed: Iterable[str] | None = (), **options: Any) -> "Page": ...


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """A browser for the tests of a file: no longer, since no test can start an event loop beside Playwright's own."""
    if CHROMIUM is None and not os.environ.get("CI"):
        pytest.skip("needs Chromium")  # whoever has no browser may do without; CI may not
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 # most runs of the tests need no browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_QUIETLY)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: "Browser") -> Iterator[OpenPage]:
    """See `OpenPage`."""
    watches: list[_Watch] = []

    def open_it(url: str, *, allowed: Iterable[str] | None = (), **options: Any) -> "Page":
        context = chromium.new_context(**options)
        context.set_default_timeout(_PATIENCE_MILLISECONDS)
        watches.append(_Watch(context, None if allowed is None else {origin_of(each) for each in (url, *allowed)}))
        page = context.new_page()
        page.goto(url)
        return page

    yield open_it
    for watch in watches:
        watch.context.close()
    assert not [fault for watch in watches for fault in watch.faults]


class _Watch:
    """Notes what no page of a context may do."""

    def __init__(self, context: "BrowserContext", allowed: set[str] | None) -> None:
        self.context = context
        self.faults: list[str] = []
        self._allowed = allowed
        context.on("weberror", lambda error: self.faults.append(f"error in the page: {error.error}"))
        context.on("console", self._check_message)
        context.on("request", self._check_request)

    def _check_message(self, message: "ConsoleMessage") -> None:
        if message.type == "error" and "Content Security Policy" in message.text:
            self.faults.append(message.text)

    def _check_request(self, request: "Request") -> None:
        if self._allowed is not None and request.url.startswith("http") and origin_of(request.url) not in self._allowed:
            self.faults.append(f"request to another origin: {request.method} {request.url}")


def origin_of(url: str) -> str:
    """The origin of a URL, as browsers write it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@contextmanager
def serving(files: Mapping[str, str]) -> Iterator[str]:
    """Serves texts by their paths, where "/" is HTML; yields the origin. The block can change what is served."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            content = files.get(path)
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Type", mimetypes.guess_type(path)[0] or "text/html")
            self.end_headers()
            self.wfile.write((content or "").encode())

        def log_message(self, *_: Any) -> None:
            """Requests are not logged."""

    with running(Handler) as origin:
        yield origin


@contextmanager
def running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server of HTTP on a free port, inside the block; yields its origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
