"""Delivery of webhook messages: signed, to public addresses only, retried for a day."""

import http.client
import logging
import socket
import ssl
import time
from contextlib import closing

from core.dynamodb import ItemUnreadable
from core.metrics import measure
from core.outbound.addresses import TrustedHosts
from core.outbound.connection import CheckedConnection
from core.outbound.urls import ForbiddenUrl, HttpsUrl
from core.queues import MAX_DELAY_SECONDS, JobQueue, QueueUnavailable
from core.webhooks.message import PATIENCE_SECONDS, Message, sign
from core.webhooks.secret_store import SecretStore
from core.webhooks.store import MessageChanged, MessageStore

log = logging.getLogger(__name__)

# For the whole call; each of its steps, such as waiting for the answer, has core.outbound.connection.STEP_SECONDS.
TIMEOUT_SECONDS = 12.0
# A lease outlives the attempt it covers.
LEASE_SECONDS = 60
SWEEP_LIMIT = 200


class Deliverer:
    """Delivers messages, one attempt at a time."""

    def __init__(
        self,
        messages: MessageStore,
        secrets: SecretStore,
        queue: JobQueue,
        trusted_hosts: TrustedHosts,
    ) -> None:
        self._messages = messages
        self._secrets = secrets
        self._queue = queue
        self._trusted_hosts = trusted_hosts

    def deliver(self, message_id: str) -> None:
        """Attempt to deliver a message if it is due. Safe to call any number of times, by any number of functions."""
        message = self._messages.get(message_id)
        now = int(time.time())
        if message is None or not message.is_due(now):
            log.info("nothing to deliver", extra={"message_id": message_id})
            return
        try:
            message = self._messages.save(message.attempted(now, now + LEASE_SECONDS))
        except MessageChanged:
            log.info("another attempt was faster", extra={"message_id": message_id})
            return
        message = self._messages.save(self.attempt(message))
        log.info(
            "webhook attempted",
            extra={
                "message_id": message.id,
                "job_id": message.job_id,
                "state": message.state,
                "attempts": message.attempts,
                "outcome": message.outcome,
            },
        )
        if message.state == "failed":
            measure("WebhooksFailed", 1)
        pause = message.next_at - int(time.time())
        if message.state == "pending" and pause <= MAX_DELAY_SECONDS:
            # The sweep queues what waits longer or fails here.
            self._queue.send(message.id, max(0, pause), group=message.caller_id)

    def attempt(self, message: Message) -> Message:
        """Send a message once; returns it as it then is, for the caller to store."""
        now = int(time.time())
        secrets = self._secrets.of(message.caller_id)
        if secrets is None:
            return message.failed("no_secret", now)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Easel",
            "webhook-id": message.id,
            "webhook-timestamp": str(now),
            "webhook-signature": sign(secrets.valid(now), message.id, now, message.body),
        }
        try:
            status = self._post(message, headers)
        except (ForbiddenUrl, OSError, http.client.HTTPException) as error:
            return message.failed(_fault(error), int(time.time()))
        return message.answered(status, int(time.time()))

    def _post(self, message: Message, headers: dict[str, str]) -> int:
        """The status of the receiver's answer. Its body is not read, and a redirect is not followed."""
        url = HttpsUrl.parse(message.url)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        with closing(CheckedConnection(url, self._trusted_hosts, deadline)) as connection:
            connection.request("POST", url.target, body=message.body.encode(), headers=headers)
            with connection.getresponse() as response:
                return response.status


class Redelivery:
    """Finds messages whose next attempt was lost, or was too far ahead for the delay of a queue."""

    def __init__(self, messages: MessageStore, queue: JobQueue) -> None:
        self._messages = messages
        self._queue = queue

    def sweep(self) -> int:
        """Queue every message that is due; returns how many."""
        queued = 0
        for message_id in self._messages.due(time.time(), SWEEP_LIMIT):
            now = int(time.time())
            try:
                message = self._messages.get(message_id)
                if message is None or not message.is_due(now):
                    continue
                self._messages.save(message.rescheduled(now + max(PATIENCE_SECONDS, now - message.next_at)))
                self._queue.send(message_id, group=message.caller_id)
                queued += 1
            except (ItemUnreadable, MessageChanged, QueueUnavailable) as error:
                log.warning(
                    "webhook left for the next sweep", extra={"message_id": message_id, "error": type(error).__name__}
                )
        return queued


def _fault(error: Exception) -> str:
    """Why there was no answer, as a code, without any part of the URL."""
    match error:
        case ForbiddenUrl():
            return "forbidden_address"
        case TimeoutError():
            return "timeout"
        case socket.gaierror():
            return "unresolvable_host"
        case ssl.SSLError():
            return "tls_failed"
        case http.client.HTTPException():
            return "broken_answer"
    return "connection_failed"
