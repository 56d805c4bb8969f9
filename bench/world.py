"""What the benchmarks share: a local deployment, the other ends of the wire, and the functions of the built package."""

import contextlib
import json
import os
import re
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.process import Function, Process, running
from local.build import FOLDER
from local.certificate import make_certificate
from local.cloud import OUT, PYTHON, running_stack
from local.ministack import CREDENTIALS
from local.processes import ROOT, service, wait_until
from local.providers import Provider
from local.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

BENCH_PYTHON = ROOT / ".venv-bench/bin/python"
PEERS_PYTHON = ROOT / ".venv-peers/bin/python"
PACKAGES = FOLDER / "build"
LOGS = OUT / "logs/bench"
# The upstream that one paced measurement has: what S3 and a provider reach from one function.
PACED_BYTES_PER_SECOND = 75e6
PACED_PUT_SECONDS = 0.04
_KEY = "sk-bench"
_VAR_TASK = "/var/task"


@dataclass(frozen=True)
class World:
    """Addresses of what runs. `aws`, `provider`, `s3` and `s3_paced` speak TLS with `certificate`."""

    stack: Stack
    certificate: Path
    aws: str
    provider: str
    provider_plain: str
    s3: str
    s3_plain: str
    s3_paced: str
    queue_url: str
    naive_table: str
    secret_arn: str
    _functions: dict[str, Function] = field(default_factory=dict)

    def function(self, logical_id: str, **variables: str) -> Function:
        """A deployed function with its own package and variables.

        It reaches AWS and the provider through TLS, which it trusts besides whatever it trusts in Lambda. Jobs that it
        accepts wait in a queue that no other function polls.
        """
        if logical_id not in self._functions:
            self._functions[logical_id] = self._deployed(logical_id)
        return self._functions[logical_id].with_variables(**variables)

    def memory(self, logical_id: str) -> int:
        """A deployed function's memory in MB."""
        return int(self._configuration(logical_id)["MemorySize"])

    def peer(self, module: str, *, python: Path = BENCH_PYTHON, **variables: str) -> Function:
        """A handler of `bench.peers` in the environment of what Easel is compared with."""
        site = next(python.parents[1].glob("lib/python3*/site-packages"))
        environment = _trusting(self.certificate, site, {}) | {
            **CREDENTIALS,
            "AWS_DEFAULT_REGION": self.stack.region,
            "AWS_ENDPOINT_URL": self.aws,
            "AWS_ENDPOINT_URL_S3": self.s3,
            "POWERTOOLS_SERVICE_NAME": "naive",
            # The tracer works only in Lambda, where this is set; it sends nothing of a call that is not sampled.
            "LAMBDA_TASK_ROOT": _VAR_TASK,
            "_X_AMZN_TRACE_ID": "Root=1-6921a000-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0",
            "NAIVE_TABLE": self.naive_table,
            "NAIVE_BUCKET": self.stack.images_bucket,
            "NAIVE_QUEUE_URL": self.queue_url,
            "NAIVE_SECRET": self.secret_arn,
            "NAIVE_PROVIDER": self.provider,
        }
        return Function(python, [site, ROOT], f"bench.peers.{module}", environment | variables)

    def sample(self, name: str, **body: Any) -> dict[str, Any]:
        """The sample event of a function in events/, with the time and key of now, and these in its body."""
        text = (ROOT / f"events/{name}.json").read_text()
        event: dict[str, Any] = json.loads(re.sub(r"ek_0{43}", self.stack.api_key, text))
        if requested := event.get("requestContext"):
            requested["timeEpoch" if "timeEpoch" in requested else "requestTimeEpoch"] = int(time.time() * 1000)
        if body:
            event["body"] = json.dumps(json.loads(event["body"]) | body)
        return event

    def accepting(self, name: str, **body: Any) -> dict[str, Any]:
        """The sample event of a door of the HTTP API, which accepts the job and does not wait for it."""
        event = self.sample(name, **body)
        event["headers"]["Prefer" if name == "api" else "prefer"] = "respond-async"
        if "multiValueHeaders" in event:
            event["multiValueHeaders"]["Prefer"] = ["respond-async"]
        return event

    def accept(self, door: Process, **body: Any) -> str:
        """Let a running API function accept a job; returns the job's id."""
        answer = door.answer(self.accepting("api", **body))["answer"]
        if answer["statusCode"] != 202:
            raise RuntimeError(f"not accepted: {answer['statusCode']} {answer['body']}")
        return str(json.loads(answer["body"])["id"])

    def performing(self, job_id: str) -> dict[str, Any]:
        """The event with which the queue gives a job to the worker."""
        event = self.sample("worker")
        event["Records"][0]["body"] = job_id
        return event

    @contextlib.contextmanager
    def door(self) -> Iterator[Process]:
        """A warm API function that accepts the jobs of a measurement."""
        with running(self.function("ApiFunction")) as process:
            yield process

    def _deployed(self, logical_id: str) -> Function:
        configuration = self._configuration(logical_id)
        package = PACKAGES / logical_id
        variables = {
            name: value.replace(_VAR_TASK, str(package))
            for name, value in configuration["Environment"]["Variables"].items()
        }
        variables |= _trusting(self.certificate, package, variables) | {
            **CREDENTIALS,
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "AWS_REGION": self.stack.region,
            "AWS_DEFAULT_REGION": self.stack.region,
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
            "AWS_ENDPOINT_URL": self.aws,
            "AWS_ENDPOINT_URL_S3": self.s3,
            "EASEL_JOBS_QUEUE_URL": self.queue_url,
            "PROVIDERS__OPENAI__BASE_URL": self.provider,
        }
        return Function(BENCH_PYTHON, [package], configuration["Handler"], variables)

    def _configuration(self, logical_id: str) -> Any:
        functions: LambdaClient = self.stack.client("lambda")
        return functions.get_function_configuration(FunctionName=self.stack.physical_id(logical_id))


def logical_ids() -> list[str]:
    """The functions of the built package."""
    return sorted(path.name for path in PACKAGES.iterdir() if path.is_dir())


@contextlib.contextmanager
def world() -> Iterator[World]:
    """Build, deploy and start everything; ends it with the block."""
    LOGS.mkdir(parents=True, exist_ok=True)
    _compile(BENCH_PYTHON)
    _compile(PEERS_PYTHON)
    certificate = make_certificate(LOGS / "server.pem", names=["localhost"], addresses=["127.0.0.1"])
    with contextlib.ExitStack() as running_services:

        def upstream(name: str, kind: str, *options: str | Path) -> str:
            return running_services.enter_context(_upstream(name, kind, *options))

        tls = ("--certificate", certificate)
        provider_plain = upstream("provider-plain", "provider")
        paced = ("--delay", str(PACED_PUT_SECONDS), "--rate", str(PACED_BYTES_PER_SECOND))
        bought = Provider(_KEY, f"http://{provider_plain}/v1")
        stack = running_services.enter_context(running_stack("bench", port=0, provider=bought))
        port = stack.aws_endpoint_url.rpartition(":")[2]
        table = "naive"
        stack.client("dynamodb").create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )
        stack.client("dynamodb").put_item(TableName=table, Item={"id": {"S": "key"}, "enabled": {"BOOL": True}})
        yield World(
            stack=stack,
            certificate=certificate,
            aws=f"https://{upstream('aws', 'tls', *tls, '--to', port)}",
            provider=f"https://{upstream('provider', 'provider', *tls)}/v1",
            provider_plain=bought.base_url,
            s3=f"https://{upstream('s3', 's3', *tls)}",
            s3_plain=f"http://{upstream('s3-plain', 's3')}",
            s3_paced=f"https://{upstream('s3-paced', 's3', *tls, *paced)}",
            queue_url=stack.client("sqs").create_queue(QueueName="bench")["QueueUrl"],
            naive_table=table,
            secret_arn=stack.parameters["OpenAiSecretArn"],
        )


@contextlib.contextmanager
def _upstream(name: str, kind: str, *options: str | Path) -> Iterator[str]:
    log = LOGS / f"{name}.log"
    address = log.with_suffix(f".{uuid.uuid4().hex}.port")
    command: list[str | Path] = [PYTHON, "-m", "bench.upstream", kind, address, *options]
    with service(command, log, {"PYTHONPATH": str(ROOT)}) as guard:
        wait_until(lambda: address.exists() and bool(address.read_text()), guard, log)
        port = address.read_text()
        address.unlink()
        yield f"127.0.0.1:{port}"


def _trusting(certificate: Path, package: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Variables that let a function trust the certificate besides the roots that it loads in Lambda."""
    trusted = {}
    for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE"):
        roots = Path(
            variables.get(name) or next(package.glob("certifi/cacert.pem"), "/etc/ssl/certs/ca-certificates.crt")
        )
        bundle = LOGS / f"{package.name}.{name.lower()}.pem"
        text = certificate.read_text()
        bundle.write_text(roots.read_text() + text[text.index("-----BEGIN CERTIFICATE") :])
        trusted[name] = str(bundle)
    return trusted


def _compile(python: Path) -> None:
    """Bytecode for an environment: the packages of Easel have it, and without it a start takes twice as long."""
    site = next(python.parents[1].glob("lib/python3*/site-packages"))
    environment = {"PATH": os.environ["PATH"]}
    subprocess.run(
        [python, "-m", "compileall", "-q", "-j", "0", site], env=environment, capture_output=True, check=False
    )
