"""One image of 3 MB through Easel, LiteLLM's proxy and a plain pass-through: CPU and memory of all their processes.

Over plain HTTP, from a provider that answers at once. The work is not equal: the others answer 4 MB of base64 and keep
no books, Easel stores the image, books it and signs a URL.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from bench.pair import waiting_pair
from bench.process import cpu_seconds
from bench.tables import VERDICTS, Table, median
from bench.world import BENCH_PYTHON, LOGS, PEERS_PYTHON, World
from local.processes import ROOT, free_port, service, wait_until

GOAL, BEFORE = 0.8, 1.23
_ORDER = {"prompt": "An otter size=3000000", "model": "gpt-image-1", "size": "1024x1024", "quality": "low"}
_CALLS_A_ROUND = 5

Call = Callable[[], object]


def measure(world: World, rounds: int) -> list[Table]:
    """Interleaved rounds of some calls each."""
    with contextlib.ExitStack() as all_of_them:
        gateways = {
            "Easel": all_of_them.enter_context(_easel(world)),
            "LiteLLM's proxy": all_of_them.enter_context(_litellm(world)),
            "pass-through": all_of_them.enter_context(_pass_through(world)),
        }
        cpu: dict[str, list[float]] = {name: [] for name in gateways}
        wall: dict[str, list[float]] = {name: [] for name in gateways}
        for each in range(rounds + 1):
            for name, (call, pids) in gateways.items():
                before, started = sum(map(cpu_seconds, pids())), time.monotonic()
                for _ in range(_CALLS_A_ROUND):
                    call()
                if each:  # The first round warms up.
                    cpu[name].append((sum(map(cpu_seconds, pids())) - before) / _CALLS_A_ROUND * 1000)
                    wall[name].append((time.monotonic() - started) / _CALLS_A_ROUND * 1000)
        peaks = {name: sum(map(_peak, pids())) for name, (_, pids) in gateways.items()}
    table = Table(
        "Gateways, one 3 MB image, all their processes", ("gateway", "CPU ms", "x LiteLLM", "wall ms", "peak MB")
    )
    litellm = median(cpu["LiteLLM's proxy"])
    for name in gateways:
        table.add(name, median(cpu[name]), median(cpu[name]) / litellm, median(wall[name]), peaks[name])
    verdicts = Table("Gateway against its goal", VERDICTS)
    verdicts.judge("CPU per 3 MB image, x LiteLLM's proxy", median(cpu["Easel"]) / litellm, GOAL, BEFORE)
    return [table, verdicts]


@contextlib.contextmanager
def _easel(world: World) -> Iterator[tuple[Call, Callable[[], list[int]]]]:
    with waiting_pair(
        world,
        "ApiFunction",
        AWS_ENDPOINT_URL=world.stack.aws_endpoint_url,
        AWS_ENDPOINT_URL_S3=world.s3_plain,
        PROVIDERS__OPENAI__BASE_URL=world.provider_plain,
    ) as pair:
        yield lambda: pair.call(world.sample("api", prompt=_ORDER["prompt"])), lambda: [pair.door.pid, pair.worker.pid]


@contextlib.contextmanager
def _litellm(world: World) -> Iterator[tuple[Call, Callable[[], list[int]]]]:
    settings = LOGS / "litellm.yaml"
    settings.write_text(
        "model_list:\n- model_name: gpt-image-1\n  litellm_params:\n    model: openai/gpt-image-1\n"
        f"    api_base: {world.provider_plain}\n    api_key: sk-bench\n"
    )
    command: list[str | Path] = [
        PEERS_PYTHON.with_name("litellm"),
        "--config",
        settings,
        "--host",
        "127.0.0.1",
        "--port",
    ]
    with _server("litellm", command) as served:
        yield served


@contextlib.contextmanager
def _pass_through(world: World) -> Iterator[tuple[Call, Callable[[], list[int]]]]:
    command: list[str | Path] = [
        BENCH_PYTHON,
        "-m",
        "uvicorn",
        "bench.peers.pass_through:app",
        "--no-access-log",
        "--port",
    ]
    with _server("pass-through", command, UPSTREAM=world.provider_plain) as served:
        yield served


@contextlib.contextmanager
def _server(name: str, command: list[str | Path], **variables: str) -> Iterator[tuple[Call, Callable[[], list[int]]]]:
    port, log = free_port(0), LOGS / f"{name}.log"
    url = f"http://127.0.0.1:{port}"
    with (
        service([*command, str(port)], log, {"PYTHONPATH": str(ROOT), **variables}) as guard,
        httpx.Client(timeout=60, trust_env=False, headers={"Authorization": "Bearer sk-bench"}) as http,
    ):

        def answers() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return http.get(f"{url}/openapi.json").status_code < 500
            return False

        wait_until(answers, guard, log)

        def call() -> None:
            answer = http.post(f"{url}/v1/images/generations", json=_ORDER).raise_for_status()
            if len(answer.content) < 4_000_000:
                raise RuntimeError(f"no image: {answer.text[:500]}")

        yield call, lambda: _below(guard.pid)


def _below(pid: int) -> list[int]:
    """The processes that a process started, and those that they started."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*children, *(each for child in children for each in _below(child))]


def _peak(pid: int) -> float:
    """Peak resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000
