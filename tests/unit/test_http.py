"""What errors of transport mean for the money, proved by servers that break each call at another moment."""

import gzip
import inspect
import io
import json
import socket
import ssl
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from urllib3 import exceptions
from urllib3.connection import HTTPConnection

from core.providers import InDoubt, InputFile, NotBought, Refused
from core.providers.http import Body, GetFailed, HttpClient, chunks, form_body, json_body
from core.providers.image_stream import read_images, starts_after
from local.certificate import make_certificate

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nDone"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ASKED = json_body({"prompt": "an otter"})
RESET = (socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

Scene = Callable[[socket.socket], None]


@dataclass
class Server:
    """Plays a scene with each connection in turn, the last one again and again, and counts what arrived."""

    port: int
    scenes: list[Scene]
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)

    def url(self, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}/v1/images"

    def asked(self, line: socket.socket) -> bytes:
        """The next request, whole; empty if the client has gone."""
        request = b""
        while b"\r\n\r\n" not in request:
            if not (some := line.recv(65536)):
                return b""
            request += some
        head, _, body = request.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        while len(body) < length and (some := line.recv(65536)):
            body += some
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]


@contextmanager
def serving(*scenes: Scene) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener.getsockname()[1], list(scenes))

        def play(line: socket.socket, scene: Scene) -> None:
            with line, suppress(OSError):
                scene(line)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    line, _ = listener.accept()
                    server.connections += 1
                    scene = server.scenes.pop(0) if len(server.scenes) > 1 else server.scenes[0]
                    threading.Thread(target=play, args=(line, scene), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def http() -> Iterator[HttpClient]:
    client = HttpClient()
    yield client
    client.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls") / "server.pem", addresses=["127.0.0.1"])


@pytest.fixture
def trusting(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpClient]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    client = HttpClient()
    yield client
    client.close()


def bought(http: HttpClient, url: str, body: Body = ASKED, seconds: float = 5, **headers: str) -> bytes:
    with http.post(url, headers, body, time.monotonic() + seconds) as answer:
        return b"".join(chunks(answer))


def read(http: HttpClient, url: str) -> None:
    """A purchase, read as adapters read it."""
    with http.post(url, {}, ASKED, time.monotonic() + 1) as answer:
        read_images(chunks(answer), starts_after("b64_json"))


def encrypted(certificate: Path, scene: Scene) -> Scene:
    """The scene behind TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    def play(line: socket.socket) -> None:
        with context.wrap_socket(line, server_side=True) as private:
            scene(private)

    return play


def silence(line: socket.socket) -> None:
    """Nothing is said until the client has gone."""
    while line.recv(65536):
        pass


# Nothing was sent.


def hello_then(*what: Any) -> Scene:
    """A handshake that breaks after the client's first message."""

    def scene(line: socket.socket) -> None:
        line.recv(65536)
        for each in what:
            line.setsockopt(*each) if isinstance(each, tuple) else line.sendall(each)

    return scene


@pytest.mark.parametrize(
    "scene",
    [
        lambda line: None,
        lambda line: line.setsockopt(*RESET),
        hello_then(),
        hello_then(RESET),
        hello_then(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        hello_then(b"\x15\x03\x03\x00\x02\x02\x28"),
        silence,
    ],
    ids=["closed", "reset", "closed in it", "reset in it", "not TLS", "alert", "silence"],
)
def test_a_handshake_that_fails_has_bought_nothing(http: HttpClient, scene: Scene) -> None:
    with serving(scene) as server, pytest.raises(NotBought) as outcome:
        bought(http, server.url("https"), seconds=1)
    assert outcome.value.problem.code == "provider_unreachable"
    assert server.connections == 1


def test_only_a_certificate_that_is_trusted_and_of_this_host_is_sent_anything(
    http: HttpClient, trusting: HttpClient, certificate: Path
) -> None:
    def scene(line: socket.socket) -> None:
        if server.asked(line):
            line.sendall(OK)

    with serving(encrypted(certificate, scene)) as server:
        for client, host in ((http, "127.0.0.1"), (trusting, "localhost")):
            with pytest.raises(NotBought):
                bought(client, server.url("https", host))
        assert server.requests == []
        assert bought(trusting, server.url("https")) == b"Done"


def refused() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.mark.parametrize("url", [refused(), "http://nobody.invalid/"], ids=["refused", "no such host"])
def test_a_connection_that_cannot_be_made_has_bought_nothing(http: HttpClient, url: str) -> None:
    with pytest.raises(NotBought):
        bought(http, url)


def test_a_connection_that_takes_too_long_has_bought_nothing(http: HttpClient) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        # Linux lets one more wait than the backlog says, and answers no further one.
        waiting = [socket.socket() for _ in range(2)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        with pytest.raises(NotBought):
            bought(http, f"http://127.0.0.1:{full.getsockname()[1]}/", seconds=1)
        for each in waiting:
            each.close()


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("ftp://127.0.0.1/", {}),
        ("http://", {}),
        ("http://[::1", {}),
        (f"http://{'a' * 64}.example/", {}),
        ("http://127.0.0.1:99999/", {}),
        ("http://127.0.0.1/", {"x-key": "a\nb"}),
        ("http://127.0.0.1/", {"x-key": "schlüssel"}),
        ("http://127.0.0.1/", {"x key": "a"}),
        ("http://127.0.0.1/", {"": "a"}),
    ],
)
def test_what_cannot_be_sent_is_refused(http: HttpClient, url: str, headers: dict[str, str]) -> None:
    with pytest.raises(Refused) as outcome:
        bought(http, url, ASKED, 5, **headers)
    assert outcome.value.problem.code == "provider_misconfigured"
    assert "schlüssel" not in str(outcome.value)


# Something was sent, once.


def answering(*pieces: bytes, reset: bool = False) -> Scene:
    """The request is read, and answered by that much."""

    def scene(line: socket.socket) -> None:
        Server(0, []).asked(line)
        for piece in pieces:
            line.sendall(piece)
        if reset:
            line.setsockopt(*RESET)

    return scene


def trickling(line: socket.socket) -> None:
    line.recv(65536)
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        line.sendall(b"x")
        time.sleep(0.05)


BREAKS = {
    "closed": answering(),
    "reset": answering(reset=True),
    "silence": silence,
    "half a status": answering(b"HTTP/1.1 20"),
    "no HTTP": answering(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "no status": answering(b"HTTP/1.1 fine\r\n\r\n"),
    "half a header": answering(OK[:20]),
    "endless header": answering(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 100_000),
    "too many headers": answering(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 200, b"\r\n"),
    "two lengths": answering(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nDone"),
    "half a body": answering(OK[:-2]),
    "reset in the body": answering(OK[:-2], reset=True),
    "half a chunk": answering(CHUNKED + b"5\r\nDo"),
    "no last chunk": answering(CHUNKED + b"4\r\nDone\r\n"),
    "broken chunk": answering(CHUNKED + b"many\r\nDone\r\n"),
    "broken gzip": answering(OK.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")),
    "trickling": trickling,
}


@pytest.mark.parametrize("scene", BREAKS.values(), ids=BREAKS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_call_that_breaks_after_it_was_sent_is_in_doubt_and_never_repeated(
    trusting: HttpClient, certificate: Path, scene: Scene, scheme: str
) -> None:
    scene = encrypted(certificate, scene) if scheme == "https" else scene
    begun = time.monotonic()
    with serving(scene) as server, pytest.raises(InDoubt):
        read(trusting, server.url(scheme))
    assert server.connections == 1
    assert time.monotonic() - begun < 5, "it was cut off"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("scene", [lambda line: line.recv(10), lambda line: time.sleep(2)], ids=["closed", "not read"])
def test_a_request_that_is_not_read_to_its_end_is_in_doubt(
    trusting: HttpClient, certificate: Path, scene: Scene, scheme: str
) -> None:
    scene = encrypted(certificate, scene) if scheme == "https" else scene
    large = InputFile("image", "x.png", "image/png", io.BytesIO(bytes(30_000_000)))
    with serving(scene) as server, pytest.raises(InDoubt):
        bought(trusting, server.url(scheme), form_body([], [("image", large)]), seconds=1)
    assert server.connections == 1


@pytest.mark.parametrize(
    "error",
    [
        each
        for each in [*vars(exceptions).values(), OSError, TimeoutError, ssl.SSLError, ssl.SSLEOFError, BrokenPipeError]
        if inspect.isclass(each) and issubclass(each, exceptions.HTTPError | OSError)
    ],
)
@pytest.mark.parametrize(
    ("moment", "outcome"), [("connect", NotBought), ("request", InDoubt), ("getresponse", InDoubt)]
)
def test_whatever_urllib3_raises_the_moment_decides(
    http: HttpClient,
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
    moment: str,
    outcome: type[Exception],
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error.__new__(error)

    monkeypatch.setattr(HTTPConnection, moment, fail)
    unusable = issubclass(error, exceptions.LocationValueError | exceptions.InvalidHeader)
    with serving(answering()) as server, pytest.raises(Refused if unusable and moment == "connect" else outcome):
        bought(http, server.url())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 408, 425, 429, 500, 502, 503, 504])
def test_no_answer_is_followed_or_asked_for_again(http: HttpClient, status: int) -> None:
    def scene(line: socket.socket) -> None:
        while server.asked(line):
            head = f"HTTP/1.1 {status} X\r\nLocation: /else\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"
            line.sendall(head.encode())

    with serving(scene) as server:
        with http.post(server.url(), {}, ASKED, time.monotonic() + 5) as answer:
            assert answer.status == status
        with pytest.raises(GetFailed) as failed:
            http.get(server.url(), {}, time.monotonic() + 5)
    assert failed.value.status == status
    assert [each.partition(b" ")[0] for each in server.requests] == [b"POST", b"GET"]


def test_an_answer_that_comes_before_all_was_sent_counts(http: HttpClient) -> None:
    def scene(line: socket.socket) -> None:
        line.recv(10)
        line.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nNo")

    large = InputFile("image", "x.png", "image/png", io.BytesIO(bytes(30_000_000)))
    body = form_body([], [("image", large)])
    with serving(scene) as server, http.post(server.url(), {}, body, time.monotonic() + 5) as answer:
        assert (answer.status, b"".join(chunks(answer))) == (413, b"No")


# Connections.


def test_a_connection_is_used_again_at_once(trusting: HttpClient, certificate: Path) -> None:
    def scene(line: socket.socket) -> None:
        while server.asked(line):
            line.sendall(OK)

    with serving(encrypted(certificate, scene)) as server:
        assert [bought(trusting, server.url("https")) for _ in range(3)] == [b"Done"] * 3
    assert server.connections == 1


@pytest.mark.parametrize(
    "scene",
    [
        answering(OK),
        answering(OK, reset=True),
        answering(OK + b"HTTP/1.1 408 Request Timeout\r\n\r\n"),
        answering(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")),
        answering(OK.replace(b"1.1", b"1.0")),
        answering(OK.replace(b"Content-Length: 4\r\n", b"")),
    ],
    ids=["closed", "reset", "told so", "announced", "HTTP/1.0", "no length"],
)
def test_an_idle_connection_that_the_server_has_closed_is_replaced_without_doubt(
    http: HttpClient, scene: Scene
) -> None:
    with serving(scene) as server:
        for _ in range(3):
            assert bought(http, server.url()) == b"Done"
            time.sleep(0.02)
    assert server.connections == 3


def test_a_connection_that_was_idle_for_long_is_not_used(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def scene(line: socket.socket) -> None:
        while server.asked(line):
            line.sendall(OK)

    with serving(scene) as server:
        bought(http, server.url())
        monkeypatch.setattr("core.providers.http.IDLE_SECONDS", 0)
        bought(http, server.url())
    assert server.connections == 2


def test_an_answer_that_is_not_read_to_its_end_leaves_no_connection_behind(http: HttpClient) -> None:
    def scene(line: socket.socket) -> None:
        server.asked(line)
        line.sendall(OK)
        silence(line)

    with serving(scene) as server:
        for _ in range(2):
            with http.post(server.url(), {}, ASKED, time.monotonic() + 5):
                pass
    assert server.connections == 2


def test_a_connection_that_is_lost_when_used_again_is_in_doubt_and_nothing_is_sent_twice(http: HttpClient) -> None:
    def scene(line: socket.socket) -> None:
        server.asked(line)
        line.sendall(OK)
        server.asked(line)

    with serving(scene) as server:
        bought(http, server.url())
        with pytest.raises(InDoubt):
            bought(http, server.url())
    assert (server.connections, len(server.requests)) == (1, 2)


def test_connections_are_kept_alive_while_the_provider_is_silent(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[Any] = []
    connect = HTTPConnection.connect

    def watched(connection: HTTPConnection) -> None:
        connect(connection)
        lines.append(connection.sock)

    monkeypatch.setattr(HTTPConnection, "connect", watched)
    with serving(answering(OK)) as server, http.post(server.url(), {}, ASKED, time.monotonic() + 5):
        (line,) = lines
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
        assert 60 + line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) < 120


# What is sent, and how it is read.


def test_a_request_says_who_asks_and_wants_no_compression(http: HttpClient) -> None:
    def scene(line: socket.socket) -> None:
        server.asked(line)
        line.sendall(OK)

    with serving(scene) as server:
        bought(http, server.url() + "?a=1", Authorization="Bearer k")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /v1/images?a=1 http/1.1"
    assert {
        f"host: 127.0.0.1:{server.port}",
        "user-agent: easel",
        "accept-encoding: identity",
        "authorization: bearer k",
        "content-type: application/json",
        f"content-length: {len(body)}",
    } == set(lines[1:])
    assert json.loads(body) == {"prompt": "an otter"}


def test_files_are_sent_without_being_held_in_memory(http: HttpClient) -> None:
    size = 20_000_000
    received = 0

    def scene(line: socket.socket) -> None:
        nonlocal received
        while received < size:
            received += len(line.recv(1 << 16))
        line.sendall(OK)

    with tempfile.TemporaryFile() as file, serving(scene) as server:
        file.truncate(size)
        image = InputFile("image", "x.png", "image/png", file)
        tracemalloc.start()
        assert bought(http, server.url(), form_body([("n", "1")], [("image", image)])) == b"Done"
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < size / 10


def test_a_body_that_is_compressed_all_the_same_is_read(http: HttpClient) -> None:
    content = gzip.compress(b"Done" * 1000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    with serving(answering(head + content)) as server:
        assert bought(http, server.url()) == b"Done" * 1000


def test_what_has_come_is_given_before_the_rest(http: HttpClient) -> None:
    def scene(line: socket.socket) -> None:
        line.recv(65536)
        line.sendall(CHUNKED + b"4\r\nDone\r\n")
        silence(line)

    with serving(scene) as server, http.post(server.url(), {}, ASKED, time.monotonic() + 5) as answer:
        assert next(chunks(answer)) == b"Done"
