"""A door that waits for its job, and the worker that performs it, each in a process; the queue is between them."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.process import Process, Used, running
from bench.world import World

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True)
class Pair:
    """The two processes. This process hands messages from one to the other, as Lambda's poller of the queue does."""

    world: World
    door: Process
    worker: Process
    queue_url: str

    def call(self, event: Mapping[str, Any]) -> tuple[Used, Used]:
        """What the door and the worker used for one event of a caller, who gets an image.

        Raises:
            RuntimeError: no image.
        """
        performed: list[Used] = []

        def perform() -> None:
            performed.append(self.worker.answer(self.world.performing(self._take_message())))

        worker = threading.Thread(target=perform)
        worker.start()
        waited = self.door.answer(event)
        worker.join()
        answer = waited["answer"]
        if answer["statusCode"] != 200 or "job_" not in answer["body"] or not performed:
            raise RuntimeError(f"no image: {answer}")
        return waited, performed[0]

    def _take_message(self) -> str:
        sqs: SQSClient = self.world.stack.client("sqs")
        (message,) = sqs.receive_message(QueueUrl=self.queue_url, WaitTimeSeconds=20)["Messages"]
        sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return message["Body"]


@contextmanager
def waiting_pair(world: World, door: str, **variables: str) -> Iterator[Pair]:
    """A door, by its logical id, and a worker, with these variables and a queue of their own."""
    queue_url: str = world.stack.client("sqs").create_queue(QueueName=f"bench-{door}")["QueueUrl"]
    told = {**variables, "EASEL_JOBS_QUEUE_URL": queue_url}
    with (
        running(world.function(door, **told)) as waiting,
        running(world.function("WorkerFunction", **told)) as performing,
    ):
        yield Pair(world, waiting, performing, queue_url)
