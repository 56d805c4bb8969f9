"""Browser tokens of a deployed stack."""

from typing import Any

import jwt

from local.stack import Stack
from tests.conftest import Key
from tests.support import wire


def mint(stack: Stack, key: Key, origin: str, **wish: Any) -> str:
    """A token of this key for pages of an origin; for two images, unless the wish says something else."""
    made = wire.post(f"{stack.api_url}/tokens", json={"images": 2, "origins": [origin]} | wish, headers=key.headers)
    assert made.status_code == 201, made.text
    return str(made.json()["token"])


def forged(stack: Stack, token: str, **claims: Any) -> str:
    """The token with other claims, signed with the real secret."""
    secret = stack.client("secretsmanager").get_secret_value(SecretId=stack.token_secret_arn)
    read = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(read | claims, secret["SecretString"], "HS256", headers={"kid": secret["VersionId"]})
