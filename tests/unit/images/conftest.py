"""A TLS server on an address of its own, with a certificate that only these tests trust."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.outbound.connection import tls_context
from tests.support.tls_server import Server, make_certificate, serving


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def untrusted_server(certificate: Path) -> Iterator[Server]:
    """The server, whose certificate nobody trusts yet."""
    with serving(certificate) as server:
        yield server


@pytest.fixture
def server(untrusted_server: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server, with its certificate in the trust store."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_context.cache_clear()
    yield untrusted_server
    tls_context.cache_clear()
