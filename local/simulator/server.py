"""The simulator as a server on the loopback interface, in a thread of the calling process."""

import socket
import threading
import time
from collections.abc import Collection
from datetime import date
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from local.simulator.app import build_app
from local.simulator.delivery import TRANSPORT
from local.simulator.state import Settings, State

_BACKLOG = 512
_STOP_SECONDS = 1


class _Protocol(H11Protocol):
    """Passes the transport of the connection to the application, for faults that need it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner: ASGIApp = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await inner({**scope, TRANSPORT: self.transport}, receive, send)

        self.app = app


class Simulator:
    """A simulator that runs inside a `with` block.

    >>> with Simulator(plain=True) as sim:
    ...     sim.plan("rate_limit", retry_after=1)
    ...     client = OpenAI(base_url=sim.url + "/v1", api_key="sk-test")

    The arguments are the fields of Settings, and `port`, for which 0 picks a free one.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        keys: Collection[str] = (),
        today: date | None = None,
        serve_retired: bool = False,
        plain: bool = False,
    ) -> None:
        self._port = port
        app = build_app(Settings(keys, today, serve_retired, plain))
        self._state: State = app.state.simulator
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None
        self.url = ""

    def __enter__(self) -> Self:
        """Bind, start serving, and set `url` (scheme, host and port, no path)."""
        # Only if the protocol is given explicitly does asyncio turn off Nagle's algorithm on the connections.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        listener.listen(_BACKLOG)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="simulator", daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop serving; calls in progress are cut off after a second."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()

    def calls(self) -> list[dict[str, Any]]:
        """The image calls so far, as in GET /_sim/calls."""
        return self._state.ledger.body()["calls"]

    def plan(self, kind: str, **details: float) -> None:
        """Plan a fault; `details` are count, seconds, retry_after and after. Raises InvalidPlan."""
        self._state.plan.add({"faults": [{"kind": kind, **details}]})

    def planned(self) -> list[dict[str, Any]]:
        """The faults that are still planned."""
        return self._state.plan.body()["faults"]

    def accept_keys(self, *keys: str) -> None:
        """Accept only these API keys from now on; none means any that starts with `sk-`."""
        self._state.keys = frozenset(keys)

    def move_to(self, today: date) -> None:
        """Change the date that decides which models are retired."""
        self._state.set_today = today

    def reset(self) -> None:
        """Forget calls and faults; restore keys and date."""
        self._state.reset()
