"""How many purchases can be booked at once: callers who all ask at the same moment, in a model of DynamoDB.

    python -m bench.acceptance [CALLERS ...]

Each caller reserves the price of an image and, a second later, settles it, three times, through the stores that the
functions use. The first purchases meet accounts of one item, as after midnight; the last ones meet what that has made
of them. Time is that of the model (see tests.support.contention): what is printed depends on no machine.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cli.audit import audit
from core.callers.model import Caller
from core.ledger.model import Budget
from core.ledger.parts import LimitReached
from core.ledger.transactions import StoreBusy
from tests.support.bookings import Buyer
from tests.support.contention import contended

CALLERS = (1, 10, 50, 200, 1000)
ROUNDS = 3
PRICE, CHARGE = 50_000, 20_000
LONGEST_SECONDS = 600.0


@dataclass
class Outcome:
    """What became of the purchases; `waits` are of those accepted, by round, in seconds."""

    waits: list[list[float]] = field(default_factory=lambda: [[] for _ in range(ROUNDS)])
    settled: int = 0
    refused: int = 0
    busy: int = 0
    seconds: float = 0.0
    canceled: int = 0
    differences: int = 0
    committed: int = 0

    @property
    def accepted(self) -> int:
        """How many purchases were accepted."""
        return sum(map(len, self.waits))

    @property
    def lost(self) -> int:
        """Purchases without an end, differences in the books, and micro-dollars that are not what was charged."""
        return self.accepted - self.settled + self.differences + abs(self.committed - CHARGE * self.settled)


def ask_at_once(callers: int, budget: Budget, *, keys: int) -> Outcome:
    """Let so many callers of so many keys buy at once."""
    outcome = Outcome()
    chance = random.Random(callers)
    with contended() as (virtual, dynamodb):
        began = time.time()

        def asking(payer: Caller) -> Callable[[], None]:
            def ask() -> None:
                buyer = Buyer(dynamodb, budget)
                for waits in outcome.waits:
                    buy(buyer, payer, outcome, waits, chance)

            return ask

        for number in range(callers):
            virtual.start(asking(Caller(f"key_{number % keys}", "a key", 0)))
        wanted = callers * ROUNDS
        virtual.run(lambda: outcome.settled + outcome.refused + outcome.busy == wanted, LONGEST_SECONDS)
        outcome.seconds = time.time() - began
        outcome.canceled = dynamodb.calls["canceled"]
        anyone = Buyer(dynamodb, budget)
        outcome.differences = len(audit(anyone.ledger, anyone.jobs).differences)
        outcome.committed = anyone.budgets.states(None)[0].balance.committed
    return outcome


def buy(buyer: Buyer, caller: Caller, outcome: Outcome, waits: list[float], chance: random.Random) -> None:
    """Accept a job and, about a second later, settle it."""
    began = time.time()
    try:
        job = buyer.accept(caller, PRICE)
    except LimitReached:
        outcome.refused += 1
        return
    except StoreBusy:
        outcome.busy += 1
        return
    waits.append(time.time() - began)
    time.sleep(chance.uniform(0.5, 1.5))
    while True:  # As the queue delivers a job again whose end could not be written.
        try:
            buyer.settle(job, CHARGE)
        except StoreBusy:
            continue
        outcome.settled += 1
        return


def main() -> None:
    """Print the table."""
    print("                               first purchases      later ones   bookings  meetings")
    print("  keys  callers  busy           p50      p99     p50      p99    a second  canceled  lost")
    callers = [int(argument) for argument in sys.argv[1:]] or CALLERS
    for keys in (100, 1):
        for number in callers:
            outcome = ask_at_once(number, Budget(day=10**12), keys=min(keys, number))
            first, *later = outcome.waits
            times = [*_spread(first), *_spread([wait for each in later for wait in each])]
            rate = (outcome.accepted + outcome.settled) / outcome.seconds
            print(
                f"{keys:6}{number:9}{outcome.busy:6}   ms  {times[0]:8.0f}{times[1]:9.0f}{times[2]:8.0f}{times[3]:9.0f}"
                f"{rate:12.0f}{outcome.canceled:10}{outcome.lost:6}",
                flush=True,
            )


def _spread(waits: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile, in milliseconds."""
    waits = sorted(waits)
    return statistics.median(waits) * 1000, waits[int(len(waits) * 0.99)] * 1000


if __name__ == "__main__":
    main()
