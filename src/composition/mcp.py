"""What the MCP server needs besides the common services: its settings, and who may call it."""

from typing import TYPE_CHECKING

from composition.process import once
from composition.services import access_tokens, services
from core import aws
from core.callers.authentication import Authenticator
from core.callers.store import CallerStore
from core.settings import McpSettings

if TYPE_CHECKING:
    from core.callers.signed_tokens import SignedTokens


@once
def settings() -> McpSettings:
    """The settings, read from the environment."""
    return McpSettings.from_environment()


@once
def authenticator() -> Authenticator:
    """Recognises callers with a key or an access token. This function cannot read what signs browser tokens."""
    return Authenticator(CallerStore(aws.dynamodb(), services().settings.callers_table), _signed_tokens)


@once
def _signed_tokens() -> "SignedTokens":
    from core.callers.signed_tokens import NoBrowserTokens, SignedTokens  # noqa: PLC0415 - loads PyJWT

    return SignedTokens(NoBrowserTokens(), access_tokens())
