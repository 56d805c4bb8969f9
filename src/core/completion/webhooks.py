"""The webhook message about the end of a job, if its request asked for one."""

import json
import time
from datetime import UTC, datetime

from core.jobs.model import Job
from core.queues import JobQueue
from core.responses.builders import Answers
from core.webhooks.message import new_message
from core.webhooks.store import MessageStore


class Notifier:
    """Creates the messages about the ends of jobs, and queues them for delivery."""

    def __init__(self, messages: MessageStore, queue: JobQueue, answers: Answers) -> None:
        self._messages = messages
        self._queue = queue
        self._answers = answers

    def notify(self, job: Job) -> None:
        """Store the message about a job's end, once, and queue it.

        Raises:
            QueueUnavailable: the message is stored, and the sweep queues it.
        """
        if job.webhook is None:
            return
        document = self._answers.job(job)
        document.pop("prompt", None)  # The receiver may be anybody's; who holds the key can read it.
        ended_at = datetime.fromtimestamp(job.finished_at or job.created_at, UTC)
        event = {
            "type": f"job.{job.status}",
            "timestamp": ended_at.isoformat().replace("+00:00", "Z"),
            "data": document,
        }
        message = new_message(job, job.webhook, json.dumps(event, separators=(",", ":")), int(time.time()))
        self._messages.add(message)
        self._queue.send(message.id, group=message.caller_id)
