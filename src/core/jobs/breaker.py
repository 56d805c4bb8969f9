"""The circuit breaker: a provider that is down is left alone for a while, so that it costs no job a second.

What the workers know of a provider's health is in the ledger table, beside the stop switch that they read anyway.
"""

import logging
import time

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import Problem
from core.ledger.store import Health, LedgerStore
from core.metrics import measure
from core.providers import InDoubt, NotBought, Outcome

log = logging.getLogger(__name__)

# So many failures, each within so many seconds of the one before, mean that a provider is down.
THRESHOLD = 5
FORGET_AFTER_SECONDS = 60
# Then one job tries it again each time that so many seconds have passed.
PAUSE_SECONDS = 30
_SIGNS = frozenset({"provider_unreachable", "provider_overloaded"})


class Breaker:
    """Knows which providers are down."""

    def __init__(self, ledger: LedgerStore) -> None:
        self._ledger = ledger

    def check(self, provider: str, health: Health) -> None:
        """Let a job pass, unless the provider is down and it is not this job's turn to try it.

        Raises:
            NotBought: the provider is down.
        """
        now = int(time.time())
        if health.failures < THRESHOLD:
            return
        if now >= health.closed_until and self._ledger.begin_trial(provider, health, now + PAUSE_SECONDS):
            log.info("trying a provider that was down", extra={"provider": provider})
            return
        measure("ProviderDown", 1, provider)
        problem = Problem(
            503,
            "server_error",
            "provider_down",
            "The provider has not answered for a while; it is tried again soon. Nothing was bought.",
            retryable=True,
        )
        raise NotBought(
            problem, retry_after=max(1, health.closed_until - now) if now < health.closed_until else PAUSE_SECONDS
        )

    def note(self, provider: str, health: Health, outcome: Outcome) -> None:
        """Learn from a call that was made. That must not endanger its result, so a failure to write is only logged."""
        try:
            self._note(provider, health, outcome, int(time.time()))
        except (BotoCoreError, ClientError) as error:
            log.warning("a provider's health was not written", extra={"error": type(error).__name__})

    def _note(self, provider: str, health: Health, outcome: Outcome, now: int) -> None:
        if isinstance(outcome, InDoubt) or (isinstance(outcome, NotBought) and outcome.problem.code in _SIGNS):
            recent = health.failures if now - health.failed_at <= FORGET_AFTER_SECONDS else 0
            if self._ledger.note_failure(provider, now, anew=not recent, closed_until=now + PAUSE_SECONDS) == THRESHOLD:
                measure("ProviderDown", 1, provider)
                log.warning("a provider is down", extra={"provider": provider})
        elif health.failures:
            self._ledger.note_recovery(provider)
            if health.failures >= THRESHOLD:
                measure("ProviderDown", 0, provider)
                log.info("a provider is back", extra={"provider": provider})
