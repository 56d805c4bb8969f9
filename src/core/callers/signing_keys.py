"""The secret that browser tokens are signed with: its current version, and for a while the one before.

The id of a secret's version is the `kid` of the tokens that it signed. To rotate, somebody puts a new version; Secrets
Manager then moves the labels AWSCURRENT and AWSPREVIOUS, and tokens of the older version stay good for the overlap.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CACHE_SECONDS = 300
# A forged `kid` must not cost a call each time.
_LOOK_AGAIN_SECONDS = 10


class SigningUnavailable(Exception):
    """The secret cannot be read."""


@dataclass(frozen=True)
class SigningKey:
    """A version of the secret; `created_at` in Unix seconds."""

    id: str
    secret: str
    created_at: float


class SigningSecret:
    """Reads the secret's versions and keeps them for five minutes."""

    def __init__(self, client: "SecretsManagerClient", arn: str, overlap_seconds: int) -> None:
        self._client = client
        self._arn = arn
        self._overlap_seconds = overlap_seconds
        self._keys: tuple[SigningKey, ...] = ()
        self._read_at = float("-inf")

    def current(self) -> SigningKey:
        """The version that signs.

        Raises:
            SigningUnavailable: it cannot be read.
        """
        return self._fresh(CACHE_SECONDS)[0]

    def find(self, key_id: str) -> SigningKey | None:
        """The version of that id, if what it signed is still to be believed.

        Raises:
            SigningUnavailable: the secret cannot be read.
        """
        for most in (CACHE_SECONDS, _LOOK_AGAIN_SECONDS):
            current, *before = self._fresh(most)
            if current.id == key_id:
                return current
            for key in before:
                if key.id == key_id and time.time() < current.created_at + self._overlap_seconds + CACHE_SECONDS:
                    return key
        return None

    def _fresh(self, most: int) -> tuple[SigningKey, ...]:
        """The versions, current first, as they were at most so many seconds ago."""
        if not self._keys or time.time() - self._read_at >= most:
            current, before = self._read("AWSCURRENT"), self._read("AWSPREVIOUS")
            if current is None:
                raise SigningUnavailable("the secret has no value")
            self._keys = (current, before) if before else (current,)
            self._read_at = time.time()
        return self._keys

    def _read(self, stage: str) -> SigningKey | None:
        try:
            value = self._client.get_secret_value(SecretId=self._arn, VersionStage=stage)
        except self._client.exceptions.ResourceNotFoundException:
            return None
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            raise SigningUnavailable(code) from error
        return SigningKey(value["VersionId"], value["SecretString"], value["CreatedDate"].timestamp())
