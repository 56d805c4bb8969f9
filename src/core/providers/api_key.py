"""The provider's API key, from Secrets Manager."""

import json
import time
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import Problem
from core.providers import NotBought, Refused

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CACHE_SECONDS = 300
_CODE = "provider_key_unavailable"

# Only the operator can fix these. Source: errors of Secrets Manager's GetSecretValue.
_LASTING = frozenset(
    {
        "AccessDeniedException",
        "DecryptionFailure",
        "InvalidParameterException",
        "InvalidRequestException",
        "ResourceNotFoundException",
        "UnrecognizedClientException",
    }
)


class ProviderKey:
    """Reads the key, caches it for five minutes, and reads it again once the provider has refused it."""

    def __init__(self, client: "SecretsManagerClient", secret_arn: str) -> None:
        self._client = client
        self._arn = secret_arn
        self._text = ""
        self._read_at = float("-inf")

    def read(self, *, again: bool = False) -> str:
        """The key: the secret's text, or `api_key` of its JSON; empty if the provider has no secret.

        Args:
            again: ask Secrets Manager even if a value is cached.

        Raises:
            NotBought: Secrets Manager does not answer now.
            Refused: no permission, no such secret, or nothing usable in it.
        """
        if not self._arn:
            return ""
        if again or time.time() - self._read_at >= CACHE_SECONDS:
            self._text = self._fetch()
            self._read_at = time.time()
        return _key_in(self._text)

    def _fetch(self) -> str:
        try:
            secret = self._client.get_secret_value(SecretId=self._arn)
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            why = f"the provider's secret cannot be read ({code})"
            if code in _LASTING:
                raise _lasting(why) from error
            problem = Problem(503, "server_error", _CODE, f"Try again: {why}.", retryable=True)
            raise NotBought(problem) from error
        return secret.get("SecretString", "").strip()


def _key_in(text: str) -> str:
    if text.startswith("{"):
        try:
            text = str(json.loads(text).get("api_key", ""))
        except json.JSONDecodeError:
            text = ""
    if not text:
        raise _lasting('the provider\'s secret is neither a key nor JSON like {"api_key": "..."}')
    return text


def _lasting(why: str) -> Refused:
    """What only the operator can mend; `why` without the key."""
    message = f"The operator has to repair this deployment: {why}. Nothing was bought."
    return Refused(Problem(502, "server_error", _CODE, message), elsewhere=True)
