"""The life of jobs after they were accepted: their queue, the worker, the upkeep, and their items in the table."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core import aws as clients
from core.jobs.model import Job
from core.jobs.store import JobStore
from core.ledger.store import LedgerStore
from handlers import dead_letter, sweep, worker
from tests.support.world import aws
from tests.support.world.invocations import Context, message, sample_event
from tests.support.world.queues import taken


def store() -> JobStore:
    """The jobs as the functions read and write them."""
    return JobStore(clients.dynamodb(), "jobs", LedgerStore(clients.dynamodb(), "ledger"))


def stored(job_id: str) -> Job:
    """A job, which must be there."""
    job = store().get(job_id)
    assert job
    return job


class Jobs:
    """Has jobs worked on, and reads and changes their items."""

    def messages(self) -> list[str]:
        """Take what waits in the queue: the bodies of its messages."""
        return taken("jobs")

    def deliver(self, job_id: str, seconds: float = 60.0) -> Any:
        """Invoke the worker with a message that names the job."""
        return worker.handler(message("worker", job_id), Context(seconds))

    def work(self) -> None:
        """Let the worker take all that waits."""
        for job_id in self.messages():
            self.deliver(job_id)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Meanwhile a worker takes what waits, as the event source mapping does."""
        stop = threading.Event()

        def loop() -> None:
            while not stop.wait(0.05):
                self.work()

        thread = threading.Thread(target=loop)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def fail_undeliverable(self, job_id: str) -> Any:
        """Invoke the dead-letter function with a message that names the job."""
        return dead_letter.handler(message("dead_letter", job_id), Context())

    def sweep(self) -> Any:
        """Invoke the sweep, which a schedule does each minute."""
        return sweep.handler(sample_event("sweep"), Context())

    def item(self, item_id: str) -> Any:
        """An item of the jobs table as it is stored."""
        return aws.dynamodb().get_item(TableName="jobs", Key={"id": {"S": item_id}})["Item"]

    def set_numbers(self, item_id: str, **numbers: int) -> None:
        """Change numbers of an item; let time pass for a job by moving its times."""
        self._set(item_id, {name: {"N": str(value)} for name, value in numbers.items()})

    def set_texts(self, item_id: str, **texts: str) -> None:
        """Change texts of an item."""
        self._set(item_id, {name: {"S": value} for name, value in texts.items()})

    def _set(self, item_id: str, values: dict[str, Any]) -> None:
        aws.dynamodb().update_item(
            TableName="jobs",
            Key={"id": {"S": item_id}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )
