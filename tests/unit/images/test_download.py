"""Images are fetched from the public internet only, from the address that was checked, and never without bounds."""

import io
import socket
import time
from typing import Any

import pytest

from core.errors import InvalidRequest
from core.images.download import fetch
from core.outbound import connection as connecting
from core.outbound.addresses import TrustedHosts
from tests.support.tls_server import SERVER_ADDRESS, SERVER_NAME, Server
from tests.unit.images.pictures import picture

PNG = picture()
PARAM = "images[0].image_url"
TRUSTED = TrustedHosts.parse([SERVER_ADDRESS])
SECRET = "/path?X-Amz-Signature=s3cr3t"

Names = dict[str, list[str]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """What the name server knows; tests add to it. The lookups it answered stand under ""."""
    known: Names = {SERVER_NAME: [SERVER_ADDRESS], "": []}

    def lookup(host: str, port: object, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        known[""].append(host)
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))
            for address in known[host]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return known


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The connections that were tried; none of them comes about."""
    tried: list[tuple[str, int]] = []

    def connect(self: socket.socket, address: tuple[str, int]) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    return tried


def fetched(url: str, **options: Any) -> bytes:
    file = io.BytesIO()
    fetch(url, file, **{"max_bytes": 1_000_000, "timeout": 5, **options})
    return file.getvalue()


def ok(body: bytes, *headers: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *headers, "", ""]).encode() + body


def with_length(body: bytes, length: int | None = None) -> bytes:
    return ok(body, f"Content-Length: {len(body) if length is None else length}")


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def refusal(url: str, **options: Any) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        fetched(url, **{"param": PARAM, "trusted_hosts": TRUSTED, **options})
    problem = caught.value.problem
    assert problem.param == PARAM
    for secret in ("s3cr3t", "path", "someone", "127.0.0", "169.254", "internal"):
        assert secret not in problem.message
    return problem.code, problem.message


# What comes back


def test_an_image_is_fetched(server: Server, names: Names) -> None:
    server.replies = [with_length(PNG)]
    assert fetched(server.url + "/a.png?b=c#d", param=PARAM, trusted_hosts=TRUSTED) == PNG
    assert server.requests[0].startswith("GET /a.png?b=c HTTP/1.1\r\n")


def test_the_server_is_asked_by_its_name_and_told_nothing_of_us(server: Server, names: Names) -> None:
    server.replies = [with_length(PNG)]
    fetched(server.url, param=PARAM, trusted_hosts=TRUSTED)
    headers = dict(line.split(": ", 1) for line in server.requests[0].strip().split("\r\n")[1:])
    assert server.names == [SERVER_NAME]
    assert headers == {
        "Host": f"{SERVER_NAME}:{server.port}",
        "Accept": "image/png, image/jpeg, image/webp",
        "Accept-Encoding": "identity",
        "User-Agent": "Easel",
    }


def test_an_address_in_a_url_needs_no_name_server(server: Server, names: Names) -> None:
    server.replies = [with_length(PNG)]
    assert fetched(f"https://{SERVER_ADDRESS}:{server.port}/", param=PARAM, trusted_hosts=TRUSTED) == PNG
    assert names[""] == []


@pytest.mark.parametrize(
    "reply",
    [
        ok(PNG),
        ok(b"%x\r\n%b\r\n0\r\n\r\n" % (len(PNG), PNG), "Transfer-Encoding: chunked"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + with_length(PNG),
        with_length(PNG + b"more than announced", len(PNG)),
    ],
    ids=["until the end", "chunked", "after a 100", "beyond its length"],
)
def test_an_image_is_read_however_it_is_framed(server: Server, names: Names, reply: bytes) -> None:
    server.replies = [reply]
    assert fetched(server.url, param=PARAM, trusted_hosts=TRUSTED) == PNG


def test_an_image_of_exactly_the_limit_is_read(server: Server, names: Names) -> None:
    server.replies = [with_length(b"x" * 300_000)]
    assert len(fetched(server.url, param=PARAM, trusted_hosts=TRUSTED, max_bytes=300_000)) == 300_000


def test_the_next_address_is_tried_when_one_does_not_answer(server: Server, names: Names) -> None:
    names[SERVER_NAME] = ["127.0.0.3", SERVER_ADDRESS]
    server.replies = [with_length(PNG)]
    assert fetched(server.url, param=PARAM, trusted_hosts=TrustedHosts.parse(["127.0.0.0/8"])) == PNG


# Where it may come from


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://[::]/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[2002:7f00:1::1]/",
        "https://[fd00:ec2::254]/",
        "https://[fe80::1]/",
    ],
)
def test_an_address_off_the_public_internet_is_refused(url: str, connections: list[tuple[str, int]]) -> None:
    code, message = refusal(url, trusted_hosts=TrustedHosts())
    assert code == "invalid_image_url"
    assert "is not on the public internet" in message
    assert connections == []


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::1"], ["2606:4700::1", "::ffff:169.254.169.254"]],
)
def test_a_name_with_any_address_off_the_public_internet_is_refused(
    names: Names, connections: list[tuple[str, int]], addresses: list[str]
) -> None:
    names["rebinding.test"] = addresses
    code, message = refusal("https://rebinding.test/", trusted_hosts=TrustedHosts())
    assert code == "invalid_image_url"
    assert "is not on the public internet" in message
    assert connections == []


def test_localhost_is_refused() -> None:
    assert refusal("https://localhost/", trusted_hosts=TrustedHosts())[0] == "invalid_image_url"


@pytest.mark.parametrize(
    "url",
    ["http://images.test" + SECRET, "https://someone:s3cr3t@images.test/", "https://127.1/", "ftp://images.test/"],
)
def test_a_forbidden_url_is_refused_with_what_is_allowed(url: str, names: Names) -> None:
    code, message = refusal(url)
    assert code == "invalid_image_url"
    assert "Use an https URL" in message
    assert names[""] == []


def test_only_port_443_of_public_hosts_is_spoken_to(names: Names, connections: list[tuple[str, int]]) -> None:
    names["public.test"] = ["8.8.8.8"]
    code, message = refusal("https://public.test:8443/")
    assert code == "invalid_image_url"
    assert "its port is not 443" in message
    assert connections == []


def test_a_public_name_is_connected_to_by_the_address_that_was_checked(
    names: Names, connections: list[tuple[str, int]]
) -> None:
    names["public.test"] = ["8.8.8.8", "2606:4700::1"]
    assert refusal("https://public.test/")[0] == "failed_to_download_image"
    assert connections == [("8.8.8.8", 443), ("2606:4700::1", 443)]
    assert names[""] == ["public.test"]


def test_a_name_is_resolved_once_so_that_it_cannot_change_after_the_check(
    server: Server, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([SERVER_ADDRESS, "127.0.0.1"])
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (next(answers), 0))])
    server.replies = [with_length(PNG)]
    assert fetched(server.url, param=PARAM, trusted_hosts=TRUSTED) == PNG
    assert next(answers) == "127.0.0.1"


def test_a_private_host_may_be_trusted_by_its_name(names: Names, connections: list[tuple[str, int]]) -> None:
    names["assets.test"] = ["10.9.9.9"]
    for entries in ([], ["assets.test"]):
        with pytest.raises(InvalidRequest):
            fetched("https://assets.test:8443/", param=PARAM, trusted_hosts=TrustedHosts.parse(entries))
    assert connections == [("10.9.9.9", 8443)]


@pytest.mark.parametrize("address", ["169.254.169.254", "127.0.0.1", "fd00:ec2::254"])
def test_a_trusted_name_that_turns_to_a_special_address_is_not_connected_to(
    names: Names, connections: list[tuple[str, int]], address: str
) -> None:
    names["assets.test"] = [address]
    with pytest.raises(InvalidRequest):
        fetched("https://assets.test/", param=PARAM, trusted_hosts=TrustedHosts.parse(["assets.test"]))
    assert connections == []


def test_trust_in_one_address_opens_no_other(names: Names, connections: list[tuple[str, int]]) -> None:
    names["mixed.test"] = [SERVER_ADDRESS, "127.0.0.1"]
    assert refusal("https://mixed.test/")[0] == "invalid_image_url"
    assert connections == []


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(server: Server, names: Names, status: int) -> None:
    server.replies = [redirect("/b.png", status), with_length(PNG)]
    assert fetched(server.url + "/a.png", param=PARAM, trusted_hosts=TRUSTED) == PNG
    assert server.requests[1].startswith("GET /b.png HTTP/1.1\r\n")


def test_a_redirect_to_a_name_beyond_ascii_in_its_path_is_followed(server: Server, names: Names) -> None:
    server.replies = [redirect("/bücher.png"), with_length(PNG)]
    assert fetched(server.url, param=PARAM, trusted_hosts=TRUSTED) == PNG
    assert server.requests[1].startswith("GET /b%C3%BCcher.png HTTP/1.1\r\n")


def test_three_redirects_are_the_most(server: Server, names: Names) -> None:
    server.replies = [redirect("/1"), redirect("/2"), redirect("/3"), with_length(PNG)]
    assert fetched(server.url, param=PARAM, trusted_hosts=TRUSTED) == PNG
    server.replies = [redirect("/1"), redirect("/2"), redirect("/3"), redirect("/4")]
    code, message = refusal(server.url + SECRET)
    assert code == "failed_to_download_image"
    assert "more than 3 times" in message


@pytest.mark.parametrize(
    "location",
    [
        "https://169.254.169.254/latest/meta-data/",
        "https://127.0.0.1/",
        "https://internal.test/",
        "http://images.test/",
        "https://someone:s3cr3t@images.test/",
        "file:///etc/passwd",
        "https://[::1",
    ],
)
def test_a_redirect_to_a_forbidden_place_is_refused_without_naming_it(
    server: Server, names: Names, location: str
) -> None:
    names["internal.test"] = ["10.0.0.1"]
    server.replies = [redirect(location)]
    code, message = refusal(server.url + SECRET)
    assert code == "invalid_image_url"
    assert "redirects to a URL that is not allowed" in message
    assert len(server.requests) == 1


def test_a_redirect_to_nowhere_is_refused(server: Server, names: Names) -> None:
    server.replies = [b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"]
    assert "redirects without a location" in refusal(server.url)[1]


# Bounds


def test_an_announced_length_beyond_the_limit_is_refused_before_reading(server: Server, names: Names) -> None:
    def announce(connection: socket.socket) -> None:
        connection.sendall(with_length(b"", 1001))
        wait_until_hung_up(connection)

    server.replies = [announce]
    began = time.monotonic()
    code, message = refusal(server.url + SECRET, max_bytes=1000)
    assert code == "image_file_too_large"
    assert server.url in message
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "head",
    [ok(b""), ok(b"", "Content-Length: nonsense"), ok(b"FFFFFFF\r\n", "Transfer-Encoding: chunked")],
    ids=["no length", "no number", "chunked"],
)
def test_bytes_are_counted_while_they_are_read(server: Server, names: Names, head: bytes) -> None:
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(head)
        while True:
            sent += connection.send(b"x" * 16_384)

    server.replies = [flood]
    assert refusal(server.url, max_bytes=100_000)[0] == "image_file_too_large"
    assert sent < 50_000_000


def wait_until_hung_up(connection: socket.socket) -> None:
    connection.recv(1)


def drip(connection: socket.socket, start: bytes, drop: bytes) -> None:
    connection.sendall(start)
    while True:  # until the other side hangs up
        time.sleep(0.05)
        connection.sendall(drop)


@pytest.mark.parametrize(
    ("start", "drop"),
    [(ok(b""), b"x"), (b"HTTP/1.1 200 OK\r\nX: ", b"x"), (b"HTTP/1.1 100 Continue\r\n", b"X: y\r\n")],
    ids=["body", "headers", "endless continue"],
)
def test_a_server_that_dribbles_meets_the_deadline(server: Server, names: Names, start: bytes, drop: bytes) -> None:
    server.replies = [lambda connection: drip(connection, start, drop)]
    began = time.monotonic()
    code, message = refusal(server.url, timeout=0.5)
    assert code == "failed_to_download_image"
    assert "took too long" in message
    assert time.monotonic() - began < 1.5


def test_redirects_share_one_deadline(server: Server, names: Names) -> None:
    def late(connection: socket.socket) -> None:
        time.sleep(0.3)
        connection.sendall(redirect("/again"))

    server.replies = [late, late, late, late]
    assert "took too long" in refusal(server.url, timeout=0.5)[1]
    assert len(server.requests) == 2


def test_a_silent_server_meets_the_limit_of_one_step(
    server: Server, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "STEP_SECONDS", 0.2)
    server.replies = [wait_until_hung_up]
    began = time.monotonic()
    assert "took too long" in refusal(server.url, timeout=30)[1]
    assert time.monotonic() - began < 2


def slow_lookup(*_: object, **__: object) -> list[object]:
    time.sleep(1)
    return []


def test_a_slow_name_server_meets_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", slow_lookup)
    began = time.monotonic()
    assert "took too long" in refusal("https://slow.test/", timeout=0.1)[1]
    assert time.monotonic() - began < 0.8


# Failures


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "status 204"),
        (b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx", "status 206"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "status 304"),
        (b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", "status 401"),
        (with_length(PNG, len(PNG) + 1), "cut short"),
        (ok(b"ff\r\nabc", "Transfer-Encoding: chunked"), "cut short"),
        (ok(b"zz\r\nabc", "Transfer-Encoding: chunked"), "cut short"),
        (ok(b"\x1f\x8b", "Content-Encoding: gzip"), "compressed"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "is not HTTP"),
        (b"", "is not HTTP"),
    ],
)
def test_an_answer_without_the_image_is_a_failed_download(
    server: Server, names: Names, reply: bytes, reason: str
) -> None:
    server.replies = [reply]
    code, message = refusal(server.url + SECRET)
    assert code == "failed_to_download_image"
    assert reason in message
    assert server.url in message


def test_a_certificate_that_nobody_vouches_for_is_refused(untrusted_server: Server, names: Names) -> None:
    code, message = refusal(untrusted_server.url)
    assert code == "failed_to_download_image"
    assert "certificate" in message
    assert untrusted_server.requests == []


def test_a_certificate_for_another_host_is_refused(server: Server, names: Names) -> None:
    names["other.test"] = [SERVER_ADDRESS]
    assert "certificate" in refusal(f"https://other.test:{server.port}/")[1]
    assert server.requests == []


def test_an_unknown_name_is_a_failed_download(names: Names) -> None:
    code, message = refusal("https://nowhere.test" + SECRET)
    assert code == "failed_to_download_image"
    assert "could not be resolved" in message


def test_a_closed_port_is_a_failed_download(names: Names) -> None:
    with socket.create_server((SERVER_ADDRESS, 0)) as listener:
        port = listener.getsockname()[1]
    assert refusal(f"https://{SERVER_NAME}:{port}/")[0] == "failed_to_download_image"


def test_an_answer_in_tiny_chunks_is_refused(server: Server, names: Names) -> None:
    """A chunk of one byte takes as long to read as one of thousands."""
    server.replies = [ok(b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n", "Transfer-Encoding: chunked")]
    code, message = refusal(server.url)
    assert code == "failed_to_download_image"
    assert "tiny pieces" in message


def test_an_answer_in_usual_chunks_is_read(server: Server, names: Names) -> None:
    data = b"x" * 512
    server.replies = [ok((b"200\r\n" + data + b"\r\n") * 1500 + b"0\r\n\r\n", "Transfer-Encoding: chunked")]
    assert fetched(server.url, param=PARAM, trusted_hosts=TRUSTED) == data * 1500
