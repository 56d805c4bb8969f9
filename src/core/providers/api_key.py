"""The provider's API key, from Secrets Manager through Powertools' cache."""

import json
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

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
        self._secrets = SecretsProvider(boto3_client=client)
        self._arn = secret_arn

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
        try:
            found = self._secrets.get(self._arn, max_age=CACHE_SECONDS, force_fetch=again)
        except GetParameterError as error:
            cause = error.__context__  # Powertools raises without `from`.
            code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else type(cause).__name__
            why = f"the provider's secret cannot be read ({code})"
            if code in _LASTING:
                raise _lasting(why) from error
            problem = Problem(503, "server_error", _CODE, f"Try again: {why}.", retryable=True)
            raise NotBought(problem) from error
        return _key_in(str(found or "").strip())


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
