"""Who called and what was refused: noted once, and then in every log line of the invocation.

With the door's last line, `answered`, this makes the record of authentication and authorization that OWASP ASVS 16.3
asks for: who, from where, which code. Never a credential.
"""

from core.errors import EaselError, PermissionDenied, Unauthenticated
from core.logs import logger
from core.metrics import measure


def note_caller(caller_id: str | None, token_id: str | None = None) -> None:
    """The caller, and its browser token, as far as they are known, even if they are refused next."""
    logger.append_keys(caller_id=caller_id, token_id=token_id)


def note_refusal(error: EaselError) -> None:
    """The code of an error; refused credentials and permissions are also measured."""
    logger.append_keys(code=error.problem.code)
    if isinstance(error, (Unauthenticated, PermissionDenied)):
        measure("AccessRefused", 1)
