"""The provider's API key, from Secrets Manager through Powertools' cache."""

import json
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CACHE_SECONDS = 300


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


class KeyUnavailable(Exception):
    """The key cannot be read; the message says why, without the key. `may_pass`: whether a retry can help."""

    def __init__(self, message: str, *, may_pass: bool) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class ProviderKey:
    """Reads the key, caches it for five minutes, and reads it again once the provider has refused it."""

    def __init__(self, client: "SecretsManagerClient", secret_arn: str) -> None:
        self._secrets = SecretsProvider(boto3_client=client)
        self._arn = secret_arn

    def read(self, *, again: bool = False) -> str:
        """The key: the secret's text, or `api_key` of its JSON.

        Args:
            again: ask Secrets Manager even if a value is cached.

        Raises:
            KeyUnavailable: no permission, no such secret, or nothing usable in it.
        """
        try:
            text = self._secrets.get(self._arn, max_age=CACHE_SECONDS, force_fetch=again)
        except GetParameterError as error:
            cause = error.__context__  # Powertools raises without `from`.
            code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else type(cause).__name__
            raise KeyUnavailable(
                f"the provider's secret cannot be read ({code})", may_pass=code not in _LASTING
            ) from error
        return _key_in(str(text or "").strip())


def _key_in(text: str) -> str:
    if text.startswith("{"):
        try:
            text = str(json.loads(text).get("api_key", ""))
        except json.JSONDecodeError:
            text = ""
    if not text:
        raise KeyUnavailable('the provider\'s secret is neither a key nor JSON like {"api_key": "..."}', may_pass=False)
    return text
