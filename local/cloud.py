"""A local deployment that runs as long as a block: MiniStack, the provider, and the deployed template."""

import contextlib
import fcntl
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from local.build import package
from local.deployment import REGION, api_url, deploy, store_secret
from local.ministack import DEFAULT_PORT, function_url, ministack
from local.processes import ROOT, LocalCloudError, service, wait_until
from local.progress import Progress
from local.providers import Keys, Provider, bedrock_alone, real_openai, simulated
from local.stack import Stack

PYTHON = ROOT / ".venv/bin/python"
OUT = ROOT / "out"


@contextlib.contextmanager
def running_stack(
    name: str = "local",
    *,
    port: int = DEFAULT_PORT,
    provider: Provider | None = None,
    only_bedrock: bool = False,
    plain_simulator: bool = False,
    progress: Progress | None = None,
) -> Iterator[Stack]:
    """Start, build and deploy everything; yields where it is, and stops all of it when the block ends.

    Stacks of different names can run side by side; logs are in out/logs/NAME. Without a `provider`, the simulator plays
    all of them, or `only_bedrock`; `plain_simulator` makes it draw simple images, which is faster.

    Raises:
        LocalCloudError: something did not start, or a stack of that name is running.
    """
    progress = progress or Progress(io.StringIO())
    logs = OUT / "logs" / name
    with contextlib.ExitStack() as running:
        running.enter_context(_only_one(name, logs))
        with progress.step("starting MiniStack, the local AWS, with IAM enforced"):
            aws = running.enter_context(ministack(logs / "ministack.log", port))
        store = partial(store_secret, aws)
        simulator_url = None
        if provider is not None:
            providers = real_openai(provider, store)
        else:
            keys = Keys()
            with progress.step("starting the simulator of the providers"):
                simulator_url = running.enter_context(
                    simulator(logs / "simulator.log", keys.all, plain=plain_simulator)
                )
            providers = bedrock_alone(simulator_url) if only_bedrock else simulated(simulator_url, keys, store)
        with progress.step("building the functions"):
            built = package(name, logs, providers.own)
        with progress.step("deploying template.yaml"):
            outputs = deploy(built, aws, f"easel-{name}", providers, logs)
        stack = Stack(
            stack_name=f"easel-{name}",
            region=REGION,
            aws_endpoint_url=aws,
            api_url=api_url(aws),
            direct_url=function_url(aws, outputs["DirectUrl"]) + "/v1",
            mcp_url=function_url(aws, outputs["McpUrl"]) + "/mcp",
            api_key="",
            simulator_url=simulator_url,
            parameters=dict(providers.parameters),
            token_secret_arn=outputs["TokenSecretArn"],
            images_bucket=outputs["ImagesBucketName"],
            inbox_bucket=outputs["InboxBucket"],
            jobs_table=outputs["JobsTableName"],
            callers_table=outputs["CallersTableName"],
            ledger_table=outputs["LedgerTableName"],
            jobs_queue_url=outputs["JobsQueueUrl"],
            jobs_dead_letter_queue_url=outputs["JobsDeadLetterQueueUrl"],
            event_bus=outputs["EventBusName"],
            worker_function=outputs["WorkerFunctionName"],
            mcp_function=outputs["McpFunctionName"],
            model_check_function=outputs["ModelCheckFunctionName"],
            sweep_function=outputs["SweepFunctionName"],
            drops_queue_url=outputs["DropsQueueUrl"],
            drops_dead_letter_queue_url=outputs["DropsDeadLetterQueueUrl"],
            drop_function=outputs["DropFunctionName"],
            pid=os.getpid(),
        )
        with progress.step(f"creating an API key: easel keys create --name {name}"):
            stack = replace(stack, api_key=stack.create_key(name))
        yield stack


@contextlib.contextmanager
def simulator(log: Path, keys: Iterable[str], *, plain: bool) -> Iterator[str]:
    """Run the simulator inside the block; it accepts only these keys. Yields its URL, without /v1."""
    address = log.with_suffix(".url")
    address.unlink(missing_ok=True)
    options: list[str | Path] = ["--port", "0", "--port-file", address, *(["--plain"] if plain else [])]
    options += [option for key in keys for option in ("--key", key)]
    with service([PYTHON, "-m", "local.simulator", *options], log) as guard:
        wait_until(address.exists, guard, log)
        yield address.read_text().strip()
        address.unlink(missing_ok=True)


@contextlib.contextmanager
def _only_one(name: str, logs: Path) -> Iterator[None]:
    """Two stacks of the same name would write the same files. The lock is released when its process ends."""
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalCloudError(f"The stack '{name}' is already running, started by another process.") from None
        yield
