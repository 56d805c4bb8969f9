"""A page in a real browser, on an origin of its own, and what it reports to its server."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_PATIENCE_SECONDS = 90

# Whoever has no browser may do without these tests; CI may not.
needs_chromium = pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="needs Chromium")
# A browser that talks to nobody but the page and Easel.
_QUIETLY = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Site(ThreadingHTTPServer):
    """Serves `page` at its root and `data` as JSON elsewhere. A GET with a query and the body of a POST are reports."""

    page = ""
    data: Any = None

    def __init__(self) -> None:
        self.reports: Queue[str] = Queue()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def visit(self, profile: Path, is_last: Callable[[str], bool] = lambda _: True) -> list[str]:
        """What the page in a browser reports, up to the last report; `profile` is an empty folder for the browser."""
        assert CHROMIUM, "these tests need Chromium"
        command = [CHROMIUM, *_QUIETLY, "--remote-debugging-port=0", f"--user-data-dir={profile}", self.origin]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found: list[str] = []
        try:
            while not found or not is_last(found[-1]):
                found.append(self.reports.get(timeout=_PATIENCE_SECONDS))
        except Empty:
            pytest.fail(f"the page has only reported: {found}")
        finally:
            browser.kill()
            browser.wait()
        return found


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        if self.path == "/":
            self._send(self.server.page.encode(), "text/html")
        else:
            self._send(json.dumps(self.server.data).encode(), "application/json")
        if "?" in self.path:
            self.server.reports.put(self.path)

    def do_POST(self) -> None:
        report = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._send(b"", "text/plain")
        self.server.reports.put(report)

    def _send(self, body: bytes, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[Site]:
    """A site until the end of the block."""
    with Site() as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()
