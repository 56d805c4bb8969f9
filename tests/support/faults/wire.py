"""The last layer before the network: every request that a function sends passes here, and a fault may strike at it.

Beneath botocore and what sends to providers, so that their own retries and time-outs take part. A function runs as a
process, which is dead after a crash: whatever its `finally` blocks still try to send is lost, as it would be.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from http.client import RemoteDisconnected
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import pytest
import time_machine
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import (
    BotoCoreError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.httpsession import URLLib3Session
from moto.core.botocore_stubber import BotocoreStubber
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError as NotConnected
from urllib3.response import HTTPResponse

if TYPE_CHECKING:
    from tests.support.faults.cloud import Cloud

Moment = Literal["before", "after"]

# A picture takes its time; so does a request that nobody answers.
PURCHASE_SECONDS = 10
# As the header X-Amz-Target calls them.
_SERVICES = {"DynamoDB": "dynamodb", "AmazonSQS": "sqs", "AWSEvents": "events"}
_real_sleep, _real_monotonic = time.sleep, time.monotonic


class Crash(BaseException):
    """The process is gone. No code of a function may catch it, as none catches SIGKILL."""


@dataclass(frozen=True)
class Step:
    """One request of a function: `service` such as dynamodb or provider, `operation` such as PutItem."""

    function: str
    service: str
    operation: str

    def __str__(self) -> str:
        """As tables show it."""
        return f"{self.service} {self.operation}"


@dataclass
class Process:
    """One invocation of a function, with the seconds it may take."""

    function: str
    ends_at: float
    job_id: str = ""  # of a worker
    dead: bool = False
    # Service and operation of calls that fail until the process ends, and the way they do.
    failing: "dict[tuple[str, str], Mishap]" = field(default_factory=dict)

    def time_left(self) -> float:
        return self.ends_at - time.time()


# Sends a request and returns its answer, in the terms of the transport that is used.
CarryOut = Callable[[], Any]


@dataclass(frozen=True)
class Mishap:
    """Something that happens at one request: `strike` decides whether it is carried out and what is answered.

    `lasts` is "once", "call" (whenever this process tries the same call again), or the seconds for which all requests
    to the service meet it. `unsent`: it keeps the connection from being made.
    """

    name: str
    strike: "Callable[[Cloud, Process, Step, CarryOut], Any]"
    lasts: Literal["once", "call"] | int = "once"
    unsent: bool = False


@dataclass(frozen=True)
class Planned:
    """A mishap and where it strikes: at a function's `number`-th request, counted from 1 over all its processes."""

    function: str
    number: int
    mishap: Mishap


@dataclass
class Purchase:
    """What a worker sent to a provider, with the provider's own record of it.

    `received` once Easel has read the answer to its end.
    """

    job_id: str
    calls: list[Any] = field(default_factory=list)
    received: bool = False


class Wire:
    """Watches the requests of all functions, and carries out what is planned for them."""

    def __init__(self, cloud: "Cloud", clock: time_machine.Traveller) -> None:
        self._clock = clock
        self._start = time.time()
        self._passed = 0.0
        self._process: ContextVar[Process | None] = ContextVar("process", default=None)
        self.cloud = cloud
        self.reset(())

    def reset(self, planned: tuple[Planned, ...]) -> None:
        """Forget everything and plan anew."""
        self._planned = {(plan.function, plan.number): plan.mishap for plan in planned}
        self._counts: Counter[str] = Counter()
        self._outages: dict[str, tuple[float, Mishap]] = {}
        self.steps: list[Step] = []
        self.struck: list[str] = []  # where mishaps struck, for people
        self.purchases: list[Purchase] = []
        self.died: list[str] = []  # functions whose process ended on the spot
        # Whether a worker's threads begin only when their work is waited for, or have done it before anything else.
        self.threads_are_late = False

    @contextmanager
    def process(self, function: str, seconds: float, job_id: str = "") -> Iterator[Process]:
        """Inside, requests are those of one invocation of a function; of a worker's, for this job."""
        process = Process(function, time.time() + seconds, job_id)
        token = self._process.set(process)
        try:
            yield process
        finally:
            self._process.reset(token)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Inside, requests are nobody's: the tests' own."""
        token = self._process.set(None)
        try:
            yield
        finally:
            self._process.reset(token)

    def missed(self) -> list[tuple[str, int]]:
        """What was planned and never came to pass, because no such request was sent."""
        return list(self._planned)

    def start_over(self) -> None:
        """Set the clock back to where it was at first, so that each scenario meets the same day."""
        self._clock.move_to(self._start)

    def was_out(self, *services: str) -> bool:
        """Whether one of these services failed for everybody."""
        return not self._outages.keys().isdisjoint(services)

    def outage_until(self) -> float:
        """When the last outage ends or ended."""
        return max((until for until, _ in self._outages.values()), default=0.0)

    def let_pass(self, seconds: float) -> None:
        """Move the clock."""
        self._clock.shift(seconds)
        self._passed += seconds

    def monotonic(self) -> float:
        """What time.monotonic is meanwhile."""
        return _real_monotonic() + (self._passed if self._process.get() else 0.0)

    def sleep(self, seconds: float) -> None:
        """What time.sleep is meanwhile: a function's pauses take no real time, but may outlast the function."""
        process = self._process.get()
        if process is None:
            _real_sleep(seconds)
            return
        self.let_pass(seconds)
        if process.time_left() <= 0:
            self.kill(process)
        if process.function == "api":  # Others work while a door waits.
            with self.outside():
                self.cloud.deliver()

    def in_thread(self, work: Callable[[], Any]) -> Future[Any] | None:
        """What a thread of a worker does: at once, or late, but the same each time. None for other functions."""
        process = self._process.get()
        if process is None or process.function != "worker":
            return None
        late = _Late(work)
        if not self.threads_are_late:
            late.begin()
        return late

    def kill(self, process: Process) -> None:
        """End a process on the spot."""
        process.dead = True
        self.died.append(process.function)
        raise Crash

    def aws(self, request: AWSPreparedRequest, carry_out: CarryOut) -> Any:
        """A request to AWS."""
        process = self._process.get()
        if process is None:
            return carry_out()
        return self._meet(process, Step(process.function, *_aws_operation(request)), carry_out)

    def connect(self, carry_out: CarryOut) -> Any:
        """A connection to a provider on the web, over which its request will be the next."""
        process = self._process.get()
        planned = process and self._planned.get((process.function, self._counts[process.function] + 1))
        if process is None or not planned or not planned.unsent:
            return carry_out()
        return self._meet(process, Step(process.function, "provider", "connection"), carry_out)

    def http(self, method: str, url: str, carry_out: CarryOut) -> Any:
        """A request to a provider on the web."""
        return self._provider(f"{method} {urlsplit(url).path}", carry_out, _watched_response)

    def bedrock(self, request: AWSPreparedRequest, carry_out: CarryOut) -> Any:
        """A request to Bedrock, whose connection breaks in botocore's words."""
        try:
            return self._provider(f"{request.method} {urlsplit(request.url).path}", carry_out, _watched_answer)
        except (*_IN_BOTOCORES_WORDS,) as error:
            raise _IN_BOTOCORES_WORDS[type(error)](endpoint_url=request.url, error=error) from None

    def _provider(self, operation: str, carry_out: CarryOut, watched: "Callable[[Any, Purchase], Any]") -> Any:
        process = self._process.get()
        if process is None:
            return carry_out()
        purchase = Purchase(process.job_id)

        def buy() -> Any:
            self.purchases.append(purchase)
            earlier = len(self.cloud.world.simulator.calls())
            try:
                answer = carry_out()
            finally:
                purchase.calls = self.cloud.world.simulator.calls()[earlier:]
            self.let_pass(PURCHASE_SECONDS)
            return watched(answer, purchase)

        return self._meet(process, Step(process.function, "provider", operation), buy)

    def _meet(self, process: Process, step: Step, carry_out: CarryOut) -> Any:
        if process.dead:
            raise Crash
        self._counts[process.function] += 1
        before = next(
            (str(earlier) for earlier in reversed(self.steps) if earlier.function == step.function), "its start"
        )
        self.steps.append(step)
        mishap = self._mishap_at(process, step)
        if mishap is None:
            return carry_out()
        self.struck.append(f"{step.function}, after {before}: {step}: {mishap.name}")
        return mishap.strike(self.cloud, process, step, carry_out)

    def _mishap_at(self, process: Process, step: Step) -> Mishap | None:
        planned = self._planned.pop((process.function, self._counts[process.function]), None)
        if planned is not None:
            if planned.lasts == "call":
                process.failing[step.service, step.operation] = planned
            elif planned.lasts != "once":
                self._outages[step.service] = (time.time() + planned.lasts, planned)
            return planned
        until, outage = self._outages.get(step.service, (0.0, None))
        if time.time() < until:
            return outage
        return process.failing.get((step.service, step.operation))


class _Late(Future[Any]):
    """Begins when it is waited for, if not before. A crash ends the process, not only the thread."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self._work = work

    def begin(self) -> None:
        if not self.done():
            try:
                self.set_result(self._work())
            except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
                self.set_exception(error)

    def result(self, timeout: float | None = None) -> Any:
        self.begin()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self.begin()
        return super().exception(timeout)


_IN_BOTOCORES_WORDS: dict[type[Exception], type[BotoCoreError]] = {
    ConnectionRefusedError: EndpointConnectionError,
    NotConnected: ConnectTimeoutError,
    BrokenPipeError: ConnectionClosedError,
    TimeoutError: ReadTimeoutError,
    ConnectionResetError: ConnectionClosedError,
    RemoteDisconnected: ConnectionClosedError,
}


def _watched_response(answer: HTTPResponse, purchase: Purchase) -> HTTPResponse:
    """Notes when the last byte was read, or the event that brings the image: nobody reads on after it."""
    read1, read = answer.read1, b""

    def watched(*amount: Any, **options: Any) -> bytes:
        nonlocal read
        chunk = read1(*amount, **options)
        read += chunk
        purchase.received = not chunk or (b".completed" in read and read.endswith(b"\n\n"))
        return chunk

    answer.read1 = watched  # type: ignore[method-assign] # only this answer is watched
    return answer


def _watched_answer(answer: AWSResponse, purchase: Purchase) -> AWSResponse:
    answer.raw = _WatchedRaw(answer.raw, purchase)
    return answer


class _WatchedRaw:
    """As above, of an answer that botocore reads."""

    def __init__(self, raw: Any, purchase: Purchase) -> None:
        self._raw = raw
        self._purchase = purchase

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def read(self, amt: int | None = None) -> bytes:
        data: bytes = self._raw.read(amt)
        self._purchase.received = self._purchase.received or not data
        return data


def _aws_operation(request: AWSPreparedRequest) -> tuple[str, str]:
    target = request.headers.get("X-Amz-Target", "")
    target = target.decode() if isinstance(target, bytes) else target
    if target:
        version, _, operation = target.partition(".")
        return _SERVICES.get(version.split("_")[0], version), operation
    url = urlsplit(request.url)
    if ".s3." in url.netloc or url.netloc.startswith("s3."):
        copied = "x-amz-copy-source" in {name.lower() for name in request.headers}
        folder = url.path.strip("/").partition("/")[0]
        return "s3", f"{'COPY' if copied else request.method} {folder}"
    return url.netloc.partition(".")[0], f"{request.method} {url.path}"


def _is_bedrock(request: AWSPreparedRequest) -> bool:
    return urlsplit(request.url).path.startswith("/model/")


def _is_botocores(connection: HTTPConnection) -> bool:
    return type(connection) is not HTTPConnection


@contextmanager
def watching(wire: Wire) -> Iterator[None]:
    """Meanwhile the wire stands between the functions and the network, and time.sleep is its own."""
    answer, send, submit = BotocoreStubber.process_request, URLLib3Session.send, ThreadPoolExecutor.submit
    connect, request, getresponse = HTTPConnection.connect, HTTPConnection.request, HTTPConnection.getresponse
    asked: dict[HTTPConnection, tuple[tuple[Any, ...], dict[str, Any]]] = {}

    def process_request(stubber: BotocoreStubber, request: AWSPreparedRequest) -> Any:
        if _is_bedrock(request):  # The simulator plays it, not moto.
            return None
        return wire.aws(request, lambda: answer(stubber, request))

    def connect_to(connection: HTTPConnection) -> None:
        if _is_botocores(connection):
            connect(connection)
        else:
            wire.connect(lambda: connect(connection))

    def ask(connection: HTTPConnection, *given: Any, **options: Any) -> None:
        if _is_botocores(connection):
            request(connection, *given, **options)
        else:
            asked[connection] = given, options

    def answer_of(connection: HTTPConnection) -> HTTPResponse:
        if _is_botocores(connection):
            return getresponse(connection)
        given, options = asked.pop(connection)

        def carry_out() -> HTTPResponse:
            request(connection, *given, **options)
            return getresponse(connection)

        response: HTTPResponse = wire.http(given[0], given[1], carry_out)
        return response

    def send_request(session: URLLib3Session, request: AWSPreparedRequest) -> Any:
        if not _is_bedrock(request):
            return send(session, request)
        return wire.bedrock(request, lambda: send(session, request))

    def submit_to(pool: ThreadPoolExecutor, work: Callable[..., Any], *args: Any, **more: Any) -> Future[Any]:
        return wire.in_thread(lambda: work(*args, **more)) or submit(pool, work, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ThreadPoolExecutor, "submit", submit_to)
        patch.setattr(URLLib3Session, "send", send_request)
        patch.setattr(BotocoreStubber, "process_request", process_request)
        patch.setattr(HTTPConnection, "connect", connect_to)
        patch.setattr(HTTPConnection, "request", ask)
        patch.setattr(HTTPConnection, "getresponse", answer_of)
        patch.setattr(HTTPConnection, "is_connected", False)  # so that each purchase makes a connection
        patch.setattr(time, "sleep", wire.sleep)
        patch.setattr(time, "monotonic", wire.monotonic)
        yield
