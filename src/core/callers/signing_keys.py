"""The secret that browser tokens are signed with: its current version, and for a while the previous one.

The id of a version is the `kid` of the tokens that it signed. The secret is rotated by putting a new version: Secrets
Manager then moves the labels AWSCURRENT and AWSPREVIOUS, and tokens of the previous version stay valid for the overlap.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CACHE_SECONDS = 300
# An unknown `kid` makes the secret be read again, but not more often than this.
_REFRESH_SECONDS = 10


class SigningUnavailable(Exception):
    """The secret cannot be read."""


@dataclass(frozen=True)
class SigningKey:
    """A version of the secret; `created_at` in Unix seconds."""

    id: str
    secret: str
    created_at: float


class SigningSecret:
    """Reads the secret's versions and caches them for five minutes."""

    def __init__(self, client: "SecretsManagerClient", arn: str, overlap_seconds: int) -> None:
        self._client = client
        self._arn = arn
        self._overlap_seconds = overlap_seconds
        self._keys: tuple[SigningKey, ...] = ()
        self._read_at = float("-inf")

    def current(self) -> SigningKey:
        """The version to sign with.

        Raises:
            SigningUnavailable: it cannot be read.
        """
        return self._fresh(CACHE_SECONDS)[0]

    def find(self, key_id: str) -> SigningKey | None:
        """The version with that id, if the tokens it signed are still accepted.

        Raises:
            SigningUnavailable: the secret cannot be read.
        """
        for max_age in (CACHE_SECONDS, _REFRESH_SECONDS):
            current, *previous = self._fresh(max_age)
            if current.id == key_id:
                return current
            for key in previous:
                if key.id == key_id and time.time() < current.created_at + self._overlap_seconds + CACHE_SECONDS:
                    return key
        return None

    def _fresh(self, max_age: int) -> tuple[SigningKey, ...]:
        """The versions, current first, read at most `max_age` seconds ago."""
        if not self._keys or time.time() - self._read_at >= max_age:
            current, previous = self._read("AWSCURRENT"), self._read("AWSPREVIOUS")
            if current is None:
                raise SigningUnavailable("the secret has no value")
            self._keys = (current, previous) if previous else (current,)
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
