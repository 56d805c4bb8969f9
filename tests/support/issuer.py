"""A sign-in that speaks OpenID Connect over TLS: it publishes keys and gives out access tokens."""

import json
import time
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.support.tls_server import SERVER_ADDRESS, Server

AUDIENCE = "https://images.example"
RSA_KEYS = {name: rsa.generate_private_key(65537, 2048) for name in ("first", "second")}
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def published(**keys: Any) -> list[dict[str, Any]]:
    """The public halves of keys as an issuer publishes them."""
    found = []
    for name, key in keys.items():
        algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
        found.append(json.loads(algorithm.to_jwk(key.public_key())) | {"kid": name, "use": "sig"})
    return found


def answered(document: Any, status: str = "200 OK") -> bytes:
    """An answer of the issuer, as it is on the wire."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


@dataclass
class Issuer:
    """The sign-in at a server."""

    server: Server

    @property
    def url(self) -> str:
        return f"https://{SERVER_ADDRESS}:{self.server.port}"

    def publish(self, *keys: dict[str, Any]) -> None:
        """What the next look for keys finds."""
        self.server.replies += self._documents(*keys).values()

    def keep_publishing(self, *keys: dict[str, Any]) -> None:
        """What every look for keys finds, of however many processes."""
        self.server.pages |= self._documents(*keys)

    def _documents(self, *keys: dict[str, Any]) -> dict[str, bytes]:
        return {
            "/.well-known/openid-configuration": answered({"issuer": self.url, "jwks_uri": f"{self.url}/keys"}),
            "/keys": answered({"keys": list(keys)}),
        }

    def token(self, key: Any = RSA_KEYS["first"], kid: str = "first", algorithm: str = "RS256", **claims: Any) -> str:
        """An access token; a claim of None is left out."""
        now = int(time.time())
        usual = {"iss": self.url, "aud": AUDIENCE, "sub": "user-42", "iat": now, "exp": now + 300}
        named = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode(named, key, algorithm, headers={"kid": kid})
