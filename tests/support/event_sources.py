"""SQS and Lambda's event source mappings as AWS documents them, in virtual time, with the real handlers behind them.

What no emulator does is done here: chains of invocations are counted and refused, queues are fair, a message stays
hidden after a failure and becomes a dead letter. Settings are read from the template.
"""

import itertools
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from moto.backends import get_backend
from urllib3.connection import HTTPConnection

from core import aws
from tests.support.template import TEMPLATE
from tests.support.virtual_time import VirtualTime
from tests.support.world.invocations import Context, fresh_handler, message, sample_event

# Source: AWS Lambda, recursive loop detection
LONGEST_CHAIN = 16
# Source: Amazon SQS, how fair queues work
NOISY_SHARE, NOISY_IN_FLIGHT, RECENT_SECONDS = 0.1, 30, 300
# What a warm function takes for a message that only has to be put back.
OVERHEAD_SECONDS = 0.1

Chain = Counter[str]


class _Invocation(threading.local):
    """What led to the invocation that runs in this thread."""

    def __init__(self) -> None:
        self.chain: Chain = Counter()


_invocation = _Invocation()


@contextmanager
def _invoked_by(chain: Chain) -> Iterator[None]:
    _invocation.chain = chain
    yield
    _invocation.chain = Counter()


class _Remaining(Context):
    """A context whose time runs by the clock."""

    def __init__(self, ends_at: float) -> None:
        super().__init__()
        self._ends_at = ends_at

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]  # static in Powertools, not in Lambda
        return int((self._ends_at - time.time()) * 1000)


@dataclass(eq=False)
class Message:
    """A message in a queue. `chain` counts the invocations of each function that led to it."""

    body: str
    group: str | None
    visible_at: float
    chain: Chain
    receives: int = 0


@dataclass
class Mapping:
    """A queue with the function that takes its messages, one at a time, and what is left of those that fail."""

    function: str
    handler: str
    concurrency: int
    hidden_seconds: float
    max_receives: int | None = None
    dead_letters: "Mapping | None" = None
    messages: list[Message] = field(default_factory=list)
    in_flight: list[Message] = field(default_factory=list)
    # When and for how long messages of a group were processed.
    processed: list[tuple[float, str | None, float]] = field(default_factory=list)

    @property
    def loops_are_allowed(self) -> bool:
        """Whether the template lets the function be invoked by its own messages for as long as it likes."""
        return bool(TEMPLATE["Resources"][self.function]["Properties"].get("RecursiveLoop") == "Allow")

    def next_visible(self) -> Message | None:
        """The next message to receive: of a quiet group if there is one, otherwise of the least busy group."""
        visible = [each for each in self.messages if each.visible_at <= time.time() and each not in self.in_flight]
        if not visible:
            return None
        noisy = self._noisy()
        in_flight = Counter(each.group for each in self.in_flight)
        return min(visible, key=lambda each: (in_flight[each.group] if each.group in noisy else -1, each.visible_at))

    def _noisy(self) -> set[str | None]:
        self.processed = [entry for entry in self.processed if entry[0] > time.time() - RECENT_SECONDS]
        spent: defaultdict[str | None, float] = defaultdict(float)
        for _, group, seconds in self.processed:
            spent[group] += seconds
        in_flight = Counter(each.group for each in self.in_flight)
        total = sum(spent.values())
        return {group for group in spent if spent[group] > NOISY_SHARE * total} | {
            group
            for group, count in in_flight.items()
            if count >= NOISY_IN_FLIGHT and count > NOISY_SHARE * len(self.in_flight)
        }


class EventSources:
    """The queues of a deployment, the functions that they invoke, and the sweep of every minute."""

    def __init__(self, virtual: VirtualTime, purchase_seconds: float) -> None:
        self._time = virtual
        self._purchase_seconds = purchase_seconds
        self._ids = itertools.count(1)
        self.sent: Counter[str] = Counter()  # messages that a function put into its own queue
        self.refused: Counter[str] = Counter()  # invocations that loop detection refused
        self.dead: Counter[str] = Counter()
        timeout = TEMPLATE["Parameters"]["WorkerTimeout"]["Default"]
        workers = TEMPLATE["Parameters"]["WorkerConcurrency"]["Default"]
        hidden = TEMPLATE["Mappings"]["WorkerTimeouts"][timeout]["Visibility"]
        self._worker_seconds = float(timeout)
        dead_jobs = Mapping("DeadLetterFunction", "dead_letter", 5, 180)
        self.jobs = Mapping("WorkerFunction", "worker", workers, hidden, _max_receives("JobsQueue"), dead_jobs)
        drops = TEMPLATE["Resources"]["DropsQueue"]["Properties"]["VisibilityTimeout"]
        self.drops = Mapping("DropFunction", "drop", 5, drops, _max_receives("DropsQueue"), Mapping("", "", 0, drops))
        self._queues = {"jobs": self.jobs, "drops": self.drops}
        # What the handlers send goes through the one client of this process.
        aws.sqs().meta.events.register("provide-client-params.sqs.SendMessage", self._on_send)
        virtual.at(time.time() + 60, self._sweep)

    def send(
        self, queue: Mapping, body: str, group: str | None = None, delay: float = 0, chain: Chain | None = None
    ) -> None:
        """Put a message into a queue."""
        queue.messages.append(Message(body, group, time.time() + delay, chain or Counter()))
        self._time.at(time.time() + delay, lambda: self._poll(queue))

    def _on_send(self, params: dict[str, Any], **_: Any) -> None:
        queue = self._queues.get(params["QueueUrl"].rpartition("/")[2])
        if queue is not None:
            chain = _invocation.chain
            self.sent[queue.function] += chain[queue.function] > 0
            delay = params.get("DelaySeconds", 0)
            self.send(queue, params["MessageBody"], params.get("MessageGroupId"), delay, Counter(chain))

    def _poll(self, queue: Mapping) -> None:
        while len(queue.in_flight) < queue.concurrency and (received := queue.next_visible()):
            self._receive(queue, received)

    def _receive(self, queue: Mapping, received: Message) -> None:
        received.receives += 1
        if queue.max_receives is not None and received.receives > queue.max_receives:
            queue.messages.remove(received)
            self.dead[queue.function] += 1
            assert queue.dead_letters
            self.send(queue.dead_letters, received.body, received.group, chain=received.chain)
            return
        received.visible_at = time.time() + queue.hidden_seconds
        self._time.at(received.visible_at, lambda: self._poll(queue))
        chain = received.chain + Counter({queue.function: 1})
        if chain[queue.function] > LONGEST_CHAIN and not queue.loops_are_allowed:
            self.refused[queue.function] += 1
            return
        queue.in_flight.append(received)
        self._time.start(lambda: self._work(queue, received, chain))

    def _work(self, queue: Mapping, received: Message, chain: Chain) -> None:
        began = time.time()
        event = message(queue.handler, received.body)
        event["Records"][0]["messageId"] = f"message-{next(self._ids)}"
        with _invoked_by(chain):
            answer = fresh_handler(queue.handler)(event, _Remaining(began + self._worker_seconds))
        self._time.sleep(OVERHEAD_SECONDS)
        queue.in_flight.remove(received)
        queue.processed.append((time.time(), received.group, time.time() - began))
        if not answer["batchItemFailures"]:
            queue.messages.remove(received)
        self._time.at(time.time(), lambda: self._poll(queue))

    def _sweep(self) -> None:
        def sweep() -> None:
            with _invoked_by(Counter()):
                fresh_handler("sweep")(sample_event("sweep"), Context())

        self._time.start(sweep)
        self._time.at(time.time() + 60, self._sweep)
        # Nobody reads what moto keeps of them, and it copies the stream for each transaction.
        get_backend("dynamodb")["123456789012"]["us-east-1"].tables["jobs"].stream_shard.items.clear()  # type: ignore[union-attr]  # it has a stream
        for queue in get_backend("sqs")["123456789012"]["us-east-1"].queues.values():
            queue._messages.clear()

    def buying(self) -> None:
        """A purchase takes its time."""
        self._time.sleep(self._purchase_seconds)


def _max_receives(queue: str) -> int:
    return int(TEMPLATE["Resources"][queue]["Properties"]["RedrivePolicy"]["maxReceiveCount"])


@contextmanager
def event_sources(virtual: VirtualTime, purchase_seconds: float) -> Iterator[EventSources]:
    """Event sources for the functions of this process. They know the world that was deployed before."""
    sources = EventSources(virtual, purchase_seconds)
    answer = HTTPConnection.getresponse

    # Between a connection's choice and the request on it, no time may pass: the provider closes what is idle.
    def take_its_time(connection: HTTPConnection) -> Any:
        sources.buying()
        return answer(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HTTPConnection, "getresponse", take_its_time)
        yield sources
