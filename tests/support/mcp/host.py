"""A host of MCP Apps in a browser: a page with the MCP project's own client, bridge and sandbox, for Easel's viewer."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from tests.support.chromium import running, serving
from tests.support.mcp.programs import FOLDER, MODULES, node

# The sandbox of the project's Inspector: a frame of another origin, whose inner one has none.
SANDBOX = MODULES / "@modelcontextprotocol/inspector/clients/web/static/sandbox_proxy.html"
_PAGE = """<!doctype html><html lang="en"><head><title>Host</title></head>
<body style="margin: 0"><script src="/host.js"></script></body></html>"""
_PASSED_ON = ("accept", "content-type", "mcp-")
_PATIENCE_SECONDS = 100


@cache
def _program() -> str:
    """host.mjs with what it imports, in one file for a browser."""
    with TemporaryDirectory() as folder:
        bundle = Path(folder, "host.js")
        rolldown: list[str | Path] = [node(), MODULES / "rolldown/bin/cli.mjs", "host.mjs", "--file", bundle]
        options = ["--format", "iife", "--platform", "browser"]
        subprocess.run([*rolldown, *options], cwd=FOLDER, check=True, capture_output=True)
        return bundle.read_text()


@contextmanager
def host_page(mcp_url: str = "", key: str = "") -> Iterator[tuple[str, str]]:
    """The URL of a host's page, and its sandbox's origin. What the page sends to /mcp goes to a server with a key."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match self.path:
                case "/host.js":
                    self._answer(200, {"Content-Type": "text/javascript; charset=utf-8"}, _program().encode())
                case "/mcp":  # Older clients look here for a stream of notifications.
                    self._answer(405, {}, b"")
                case _:
                    self._answer(200, {"Content-Type": "text/html; charset=utf-8"}, _PAGE.encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent = {name: value for name, value in self.headers.items() if name.lower().startswith(_PASSED_ON)}
            sent["Authorization"] = f"Bearer {key}"
            with httpx.Client(trust_env=False, timeout=_PATIENCE_SECONDS) as http:
                answered = http.post(mcp_url, content=body, headers=sent)
            kept = {
                name: answered.headers[name] for name in ("content-type", "mcp-session-id") if name in answered.headers
            }
            self._answer(answered.status_code, kept, answered.content)

        def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Requests are not logged."""

    with serving({"/": SANDBOX.read_text()}) as sandbox, running(Handler) as origin:
        yield f"{origin}/?sandbox={sandbox}/", sandbox
