"""The worker is killed between any two steps of performing; the provider counts at most one purchase for each job.

The worker runs as a process whose every request, to AWS and to the provider, passes a proxy. The proxy kills the
process at one request: before it goes on, or after it was carried out and before its answer comes back. Instead of a
death, something else can happen at that moment, such as a cancellation.
"""

import http.client
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import pytest

from local.processes import ROOT
from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import wire

Moment = Literal["before", "after"]

# In this order: job read, slot taken, secret, the switch, claimed and stage calling, purchase, stage storing and image
# put (either may be first), finish, slot given back.
STEPS = 10
STEPS_BEFORE_BUYING = 5
STEPS_BEFORE_STORING = 7
STEPS_BEFORE_THE_END = 9


@pytest.fixture
def key(make_key: MakeKey) -> Key:
    """A key for each test: a killed worker keeps its turn until its lease is over."""
    return make_key()


@dataclass
class Assassin:
    """Kills a process at one of its requests, or lets something happen meanwhile."""

    step: int
    moment: Moment
    meanwhile: Callable[[], None] | None = None
    victim: "subprocess.Popen[bytes] | None" = None
    seen: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def strikes(self) -> bool:
        with self.lock:
            self.seen += 1
            return self.seen == self.step

    def strike(self) -> bool:
        """Whether the process lives on."""
        if self.meanwhile:
            self.meanwhile()
            return True
        assert self.victim
        self.victim.send_signal(signal.SIGKILL)
        self.victim.wait()
        return False


@contextmanager
def proxy(target: str, assassin: Assassin) -> Iterator[str]:
    """An HTTP proxy to `target` on a port of its own, whose requests the assassin watches."""
    upstream = urlsplit(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_request(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            strikes = assassin.strikes()
            if strikes and assassin.moment == "before" and not assassin.strike():
                self.close_connection = True
                return
            upstream_connection = http.client.HTTPConnection(upstream.hostname or "", upstream.port, timeout=60)
            with closing(upstream_connection) as connection:
                connection.request(self.command, self.path, body, dict(self.headers))  # the signed Host included
                response = connection.getresponse()
                content = response.read()
            if strikes and assassin.moment == "after" and not assassin.strike():
                self.close_connection = True
                return
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "connection", "server", "date"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_HEAD = handle_request  # noqa: N815 - the names BaseHTTPRequestHandler looks for

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Workshop:
    """A deployed stack whose queue feeds nobody: the tests decide when a worker runs."""

    stack: Stack
    variables: dict[str, str]

    def work(
        self, job_id: str, step: int = 0, moment: Moment = "before", meanwhile: Callable[[], None] | None = None
    ) -> int:
        """Let a worker take the job, killed at that step if there is one, unless `meanwhile` happens; its exit code."""
        assassin = Assassin(step, moment, meanwhile)
        provider = self.variables["PROVIDERS__OPENAI__BASE_URL"]
        with proxy(self.stack.aws_endpoint_url, assassin) as aws, proxy(provider, assassin) as watched_provider:
            environment = {
                **self.stack.environment,
                **self.variables,
                "AWS_ENDPOINT_URL": aws,
                "PROVIDERS__OPENAI__BASE_URL": watched_provider + urlsplit(provider).path,
                "PYTHONPATH": str(ROOT / "src"),
            }
            command = [sys.executable, str(Path(__file__).with_name("worker_process.py")), job_id]
            assassin.victim = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
            return assassin.victim.wait(timeout=60)

    def accepted(self, key: Key) -> str:
        prompt = f"an otter in danger {secrets.token_hex(4)}"  # An equal one would find a job that was lost.
        body = {"model": "gpt-image-2.6-flare", "prompt": prompt, "quality": "low"}
        headers = key.headers | {"Prefer": "respond-async"}
        return str(wire.post(f"{self.stack.api_url}/images/generations", json=body, headers=headers).json()["id"])

    def job(self, key: Key, job_id: str) -> Any:
        return wire.get(f"{self.stack.api_url}/jobs/{job_id}", headers=key.headers).json()

    def let_the_lease_run_out(self, job_id: str) -> None:
        """What time does by itself, five minutes later."""
        self.stack.client("dynamodb").update_item(
            TableName=self.stack.jobs_table,
            Key={"id": {"S": job_id}},
            UpdateExpression="SET lease_until = :past, check_at = :past",
            ConditionExpression="attribute_exists(check_at)",
            ExpressionAttributeValues={":past": {"N": "1"}},
        )

    def sweep(self) -> None:
        answer = self.stack.client("lambda").invoke(FunctionName=self.stack.sweep_function)
        assert "FunctionError" not in answer


def kill_processes_of(function: str) -> None:
    """SIGKILL for every process that runs the function."""
    for process in Path("/proc").iterdir():
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if f"AWS_LAMBDA_FUNCTION_NAME={function}".encode() in environment.split(b"\0"):
            os.kill(int(process.name), signal.SIGKILL)


def test_killing_the_deployed_worker_in_mid_call_leaves_the_job_unknown(
    stack: Stack, key: Key, simulator: SimulatorControl
) -> None:
    """The whole way: the queue delivers, MiniStack's function process dies, the sweep has a worker look for images."""
    simulator.plan("slow", seconds=20)
    shop = Workshop(stack, {})
    job_id = shop.accepted(key)
    until = time.monotonic() + 15
    while not simulator.calls():
        assert time.monotonic() < until
        time.sleep(0.1)
    kill_processes_of(stack.worker_function)
    shop.let_the_lease_run_out(job_id)
    shop.sweep()
    until = time.monotonic() + 15
    while (job := shop.job(key, job_id))["status"] == "running":
        assert time.monotonic() < until
        time.sleep(0.1)
    assert (job["status"], job["error"]["charged"]) == ("unknown", "unknown")
    assert len(simulator.calls()) == 1


@pytest.fixture(scope="module")
def workshop(stack: Stack) -> Iterator[Workshop]:
    functions = stack.client("lambda")
    (mapping,) = functions.list_event_source_mappings(FunctionName=stack.worker_function)["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    configuration = functions.get_function_configuration(FunctionName=stack.worker_function)
    yield Workshop(stack, configuration["Environment"]["Variables"])
    stack.client("sqs").purge_queue(QueueUrl=stack.jobs_queue_url)
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def test_a_worker_makes_the_expected_number_of_requests(
    workshop: Workshop, key: Key, simulator: SimulatorControl
) -> None:
    assert workshop.work(workshop.accepted(key), step=STEPS, moment="before") == -signal.SIGKILL
    assert workshop.work(workshop.accepted(key), step=STEPS + 1, moment="before") == 0


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_killed_worker_never_makes_the_job_be_bought_twice(
    workshop: Workshop, key: Key, simulator: SimulatorControl, step: int, moment: Moment
) -> None:
    job_id = workshop.accepted(key)
    assert workshop.work(job_id, step, moment) == -signal.SIGKILL

    if workshop.job(key, job_id)["status"] == "running":
        workshop.work(job_id)  # The message comes again while the lease holds: nothing happens.
        workshop.let_the_lease_run_out(job_id)
        workshop.sweep()
    workshop.work(job_id)
    workshop.work(job_id)

    job, calls = workshop.job(key, job_id), simulator.calls()
    assert len(calls) <= 1
    if job["status"] == "succeeded":
        assert wire.get(job["result"]["data"][0]["url"]).status_code == 200
    else:
        # Only a purchase that was asked for and whose images were not stored may be left without a result.
        assert (step, moment) in {
            (5, "after"),
            (6, "before"),
            (6, "after"),
            (7, "before"),
            (7, "after"),
            (8, "before"),
        }
        assert job["status"] in ("unknown", "failed")
        assert job["error"]["charged"] in ("unknown", True)


def test_two_workers_that_race_buy_once(workshop: Workshop, key: Key, simulator: SimulatorControl) -> None:
    for _ in range(3):
        simulator.reset()
        simulator.plan("slow", seconds=1)
        job_id = workshop.accepted(key)
        workers = [threading.Thread(target=workshop.work, args=(job_id,)) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert len(simulator.calls()) == 1
        assert workshop.job(key, job_id)["status"] == "succeeded"


@pytest.mark.parametrize("step", range(1, STEPS_BEFORE_THE_END + 1))
def test_a_cancellation_between_any_two_steps_is_free_or_refused(
    workshop: Workshop, key: Key, simulator: SimulatorControl, step: int
) -> None:
    """Before the purchase is announced it is certain and free; from then on it is refused and the images come."""
    job_id = workshop.accepted(key)
    answers: list[httpx.Response] = []

    def cancel() -> None:
        url = f"{workshop.stack.api_url}/jobs/{job_id}/cancel"
        answers.append(wire.post(url, headers=key.headers, timeout=30))

    assert workshop.work(job_id, step, "before", cancel) == 0
    (answer,) = answers
    job, calls = workshop.job(key, job_id), simulator.calls()
    if step <= STEPS_BEFORE_BUYING:
        assert (answer.status_code, job["status"], calls) == (200, "canceled", [])
        assert job["easel"]["charged"] is False
    else:
        assert (answer.status_code, job["status"], len(calls)) == (409, "succeeded", 1)
        error = answer.json()["error"]
        assert error["code"] == "too_late_to_cancel"
        # The image may be put before the stage is written, or after.
        charged = {"unknown"} if step < STEPS_BEFORE_STORING else {"unknown", True}
        assert error["charged"] in (charged if step < STEPS_BEFORE_THE_END else {True})
