"""A webhook announces the end of a job: signed, only to its receiver, and retried for a day if necessary."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sqs.models import sqs_backends
from standardwebhooks.webhooks import Webhook

from cli import webhooks
from core import aws
from core.dynamodb import ItemUnreadable
from core.jobs.store import JobStore
from core.ledger.store import LedgerStore
from core.logs import logger
from core.outbound.connection import tls_context
from core.webhooks.message import PAUSES_SECONDS, Message, message_id
from core.webhooks.store import MessageStore
from tests.support.command_line import Easel
from tests.support.tls_server import SERVER_ADDRESS, Server, make_certificate, serving
from tests.support.world import World
from tests.support.world import aws as moto
from tests.support.world.invocations import PUBLIC_URL

OK = b"HTTP/1.1 204 No Content\r\n\r\n"
BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
ELSEWHERE = "https://receiver.example/hook"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def receiver(world: World, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A receiver on loopback, which the operator trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("EASEL_TRUSTED_WEBHOOK_HOSTS", f"{SERVER_ADDRESS}/32")
    tls_context.cache_clear()
    with serving(certificate) as server:
        yield server
    tls_context.cache_clear()


@pytest.fixture
def secret(world: World) -> str:
    return secret_of(world)


def secret_of(world: World, *, rotate: bool = False, overlap_seconds: int = 3600) -> str:
    secrets = webhooks.secret(world.stack, caller_id(), rotate=rotate, overlap_seconds=overlap_seconds)
    assert secrets
    return secrets.current


def caller_id() -> str:
    items = moto.dynamodb().scan(TableName="callers")["Items"]
    return next(item["id"]["S"] for item in items if "id" in item)


def url_of(server: Server) -> str:
    return f"https://{SERVER_ADDRESS}:{server.port}/hook?token=s3cr3t"


def accepted(world: World, url: str, **body: Any) -> str:
    answer = world.api.generate(headers={"easel-webhook": url}, **body)
    assert answer.status == 202, answer.text
    return str(answer.json()["id"])


def ended(world: World, url: str, **body: Any) -> str:
    """A job that ended, whose message waits to be attempted for the first time."""
    job_id = accepted(world, url, **body)
    world.jobs.work()
    world.ends.announce()
    return job_id


def message_of(job_id: str) -> Message:
    job = JobStore(aws.dynamodb(), "jobs", LedgerStore(aws.dynamodb(), "ledger")).get(job_id)
    assert job
    message = MessageStore(aws.dynamodb(), "jobs").get(message_id(job))
    assert message
    return message


def pass_time(world: World, job_id: str) -> None:
    """Let the next attempt, and the sweep's next look, come due."""
    past = int(time.time()) - 1
    world.jobs.set_numbers(message_of(job_id).id, next_at=past, check_at=past)


def headers_of(request: str) -> dict[str, str]:
    lines = request.partition("\r\n\r\n")[0].split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


def verified(server: Server, secret: str, number: int = -1) -> Any:
    """What the receiver got, if the reference library of Standard Webhooks takes it for genuine."""
    request = server.requests[number].encode()
    head = headers_of(server.requests[number])
    body = server.bodies[number]
    assert request.startswith(b"POST /hook?token=s3cr3t HTTP/1.1")
    Webhook(secret).verify(body, head)
    return json.loads(body)


# What a receiver gets


def test_the_end_of_a_job_reaches_its_receiver(world: World, receiver: Server, secret: str) -> None:
    receiver.replies = [OK]
    job_id = ended(world, url_of(receiver), prompt="a secret otter", metadata={"order": "17"})
    world.webhooks.deliver()
    event = verified(receiver, secret)
    assert event["type"] == "job.succeeded"
    assert event["timestamp"].endswith("Z")
    job = world.api.job(job_id)
    (image,) = event["data"]["result"]["data"]
    (shown,) = job["result"]["data"]
    assert image["url"] == f"{PUBLIC_URL}/i/{shown['id']}", "a lasting link, not a signed URL"
    assert image["expires_at"] > shown["expires_at"]
    assert event["data"]["easel"]["cost"] == job["easel"]["cost"]
    assert event["data"]["id"] == job_id
    assert event["data"]["metadata"] == {"order": "17"}
    assert b"otter" not in receiver.bodies[0]
    assert b"X-Amz" not in receiver.bodies[0]
    assert headers_of(receiver.requests[0])["content-type"] == "application/json"
    assert job["webhook"]["state"] == "delivered"
    assert job["webhook"]["outcome"] == "status_204"
    assert job["webhook"]["id"] == headers_of(receiver.requests[0])["webhook-id"]


def test_the_message_about_a_failure_has_its_error(world: World, receiver: Server, secret: str) -> None:
    receiver.replies = [OK]
    world.simulator.plan("moderation_blocked")
    ended(world, url_of(receiver))
    world.webhooks.deliver()
    event = verified(receiver, secret)
    assert event["type"] == "job.failed"
    assert event["data"]["error"]["code"] == "moderation_blocked"


def test_a_canceled_job_sends_a_message_too(world: World, receiver: Server, secret: str) -> None:
    receiver.replies = [OK]
    job_id = accepted(world, url_of(receiver))
    world.api.call("POST", f"/jobs/{job_id}/cancel")
    world.ends.announce()
    world.webhooks.deliver()
    assert verified(receiver, secret)["type"] == "job.canceled"


def test_a_forged_body_is_found_out(world: World, receiver: Server, secret: str) -> None:
    receiver.replies = [OK]
    ended(world, url_of(receiver))
    world.webhooks.deliver()
    receiver.bodies[0] = receiver.bodies[0].replace(b"succeeded", b"failed")
    with pytest.raises(Exception, match="signature"):
        verified(receiver, secret)


def test_a_job_without_a_webhook_sends_no_message(world: World) -> None:
    job_id = world.api.accepted()
    world.jobs.work()
    world.ends.announce()
    assert world.webhooks.deliver() == []
    assert "webhook" not in world.api.job(job_id)


# Once, but certainly


def test_an_end_that_is_announced_twice_sends_one_message(world: World, receiver: Server, secret: str) -> None:
    receiver.replies = [OK]
    job_id = ended(world, url_of(receiver))
    world.webhooks.deliver()
    job = JobStore(aws.dynamodb(), "jobs", LedgerStore(aws.dynamodb(), "ledger")).get(job_id)
    assert job
    moto.dynamodb().update_item(
        TableName="jobs",
        Key={"id": {"S": job_id}},
        UpdateExpression="SET #open = :mark, check_at = :past",
        ExpressionAttributeNames={"#open": "open"},
        ExpressionAttributeValues={":mark": {"S": "unannounced"}, ":past": {"N": "1"}},
    )
    world.ends.announce()
    world.webhooks.deliver()
    assert len(receiver.requests) == 1


def test_a_queue_message_that_comes_twice_is_attempted_once(world: World, receiver: Server, secret: str) -> None:
    receiver.replies = [BROKEN, OK]
    job_id = ended(world, url_of(receiver))
    world.webhooks.deliver()
    world.webhooks.attempt(message_of(job_id).id)
    assert len(receiver.requests) == 1, "the second attempt is not due"


def test_a_failed_message_is_retried_with_the_same_id(world: World, receiver: Server, secret: str) -> None:
    receiver.replies = [BROKEN, b"HTTP/1.1 302 Found\r\nLocation: https://169.254.169.254/\r\n\r\n", OK]
    job_id = ended(world, url_of(receiver))
    world.webhooks.deliver()
    for outcome in ("status_500", "status_302", "status_204"):
        assert world.api.job(job_id)["webhook"]["outcome"] == outcome
        pass_time(world, job_id)
        world.webhooks.attempt(message_of(job_id).id)
    assert world.api.job(job_id)["webhook"]["attempts"] == 3
    assert len({headers_of(request)["webhook-id"] for request in receiver.requests}) == 1
    assert len(set(receiver.bodies)) == 1
    verified(receiver, secret)


def test_an_attempt_that_was_lost_is_found_by_the_sweep(world: World, receiver: Server, secret: str) -> None:
    receiver.replies = [OK]
    job_id = ended(world, url_of(receiver))
    queue_url = moto.sqs().get_queue_url(QueueName="webhooks")["QueueUrl"]
    moto.sqs().purge_queue(QueueUrl=queue_url)
    assert world.jobs.sweep() == {}
    pass_time(world, job_id)
    assert world.jobs.sweep() == {"webhooks": 1}
    assert world.jobs.sweep() == {}, "it waits in the queue"
    world.webhooks.deliver()
    assert world.api.job(job_id)["webhook"]["state"] == "delivered"


def test_a_function_that_dies_in_an_attempt_leaves_it_to_another(world: World, receiver: Server, secret: str) -> None:
    receiver.replies = [OK]
    job_id = ended(world, url_of(receiver))
    message = message_of(job_id)
    now = int(time.time())
    MessageStore(aws.dynamodb(), "jobs").save(message.attempted(now, now + 60))
    world.webhooks.deliver()
    assert receiver.requests == [], "the other one may still be at it"
    pass_time(world, job_id)
    world.jobs.sweep()
    world.webhooks.deliver()
    assert world.api.job(job_id)["webhook"]["state"] == "delivered"
    assert world.api.job(job_id)["webhook"]["attempts"] == 2


def test_410_ends_the_attempts(world: World, receiver: Server, secret: str) -> None:
    receiver.replies = [b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"]
    job_id = ended(world, url_of(receiver))
    world.webhooks.deliver()
    assert world.api.job(job_id)["webhook"] | {"attempted_at": 0} == {
        "id": message_of(job_id).id,
        "state": "gone",
        "attempts": 1,
        "attempted_at": 0,
        "outcome": "status_410",
        "next_attempt_at": None,
    }
    pass_time(world, job_id)
    assert world.jobs.sweep() == {}


def test_after_a_day_of_attempts_it_has_failed_and_can_be_replayed(world: World, receiver: Server, secret: str) -> None:
    job_id = ended(world, url_of(receiver))
    pauses = []
    for _ in range(len(PAUSES_SECONDS) + 1):
        receiver.replies = [BROKEN]
        pass_time(world, job_id)
        world.webhooks.attempt(message_of(job_id).id)
        if next_at := world.api.job(job_id)["webhook"]["next_attempt_at"]:
            pauses.append(next_at - world.api.job(job_id)["webhook"]["attempted_at"])
    assert world.api.job(job_id)["webhook"]["state"] == "failed"
    assert 82_800 < sum(pauses) <= 86_400
    receiver.replies = [OK]
    assert webhooks.replay(world.stack, job_id).id == message_of(job_id).id
    world.jobs.messages()
    world.webhooks.attempt(message_of(job_id).id)
    assert world.api.job(job_id)["webhook"]["state"] == "delivered"
    assert len({headers_of(request)["webhook-id"] for request in receiver.requests}) == 1


def test_only_a_job_that_had_a_webhook_can_be_replayed(world: World, receiver: Server, secret: str) -> None:
    with pytest.raises(webhooks.NothingToReplay, match="named no webhook"):
        webhooks.replay(world.stack, world.api.accepted())
    with pytest.raises(webhooks.NothingToReplay, match="no webhook yet"):
        webhooks.replay(world.stack, accepted(world, url_of(receiver)))
    with pytest.raises(webhooks.NothingToReplay, match="does not exist"):
        webhooks.replay(world.stack, "job_of_nobody")


# Secrets


def test_while_secrets_change_both_sign(world: World, receiver: Server, secret: str) -> None:
    receiver.replies = [OK, OK]
    newer = secret_of(world, rotate=True)
    assert newer != secret
    ended(world, url_of(receiver))
    world.webhooks.deliver()
    verified(receiver, secret)
    verified(receiver, newer)
    newest = secret_of(world, rotate=True, overlap_seconds=-1)
    ended(world, url_of(receiver))
    world.webhooks.deliver()
    verified(receiver, newest)
    with pytest.raises(Exception, match="signature"):
        verified(receiver, newer)


def test_a_secret_is_shown_again_and_none_is_made_for_others(world: World, secret: str) -> None:
    assert secret_of(world) == secret
    assert webhooks.secret(world.stack, "key_of_nobody", rotate=False, overlap_seconds=0) is None
    assert {caller.name for caller in world.stack.callers().list_all()} == {"tests"}


def test_without_a_secret_no_webhook_is_accepted(world: World) -> None:
    answer = world.api.generate(headers={"easel-webhook": ELSEWHERE})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "webhook_secret_missing")
    assert f"easel webhooks secret {caller_id()}" in answer.json()["error"]["message"]
    assert world.jobs.messages() == []


@pytest.mark.parametrize(("has_secret", "outcome"), [(True, "status_204"), (False, "no_secret")])
def test_a_key_of_an_older_version_is_not_refused_before_its_secret_is_looked_for(
    world: World, receiver: Server, has_secret: bool, outcome: str
) -> None:
    """Its record does not say whether there is a secret, and whoever takes requests cannot read secrets."""
    if has_secret:
        secret_of(world)
    key = moto.dynamodb().scan(TableName="callers", FilterExpression="attribute_exists(id)")["Items"][0]
    moto.dynamodb().put_item(
        TableName="callers", Item={name: value for name, value in key.items() if name != "signs_webhooks"}
    )
    receiver.replies = [OK]
    job_id = ended(world, url_of(receiver))
    world.webhooks.deliver()
    assert world.api.job(job_id)["webhook"]["outcome"] == outcome


# Where it may go


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example/hook",
        "https://169.254.169.254/latest/meta-data/",
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://2130706433/hook",
        "https://10.0.0.1/hook",
        "https://receiver.example:8443/hook",
        "https://user:word@receiver.example/hook",
        "https://receiver.example/hook\\@10.0.0.1",
        "receiver.example",
        "",
        "https://receiver.example/" + "a" * 2048,
    ],
)
def test_urls_that_lead_nowhere_good_are_refused_at_once(world: World, secret: str, url: str) -> None:
    answer = world.api.generate(headers={"easel-webhook": url})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "invalid_webhook_url"), answer.text
    assert answer.json()["error"]["param"] == "Easel-Webhook"
    assert world.jobs.messages() == []


@pytest.mark.parametrize("address", ["169.254.169.254", "127.0.0.1", "10.0.0.1", "::1", "::ffff:10.0.0.1"])
def test_a_name_that_leads_inside_is_never_connected_to(
    world: World, secret: str, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """The name was fine when the request was accepted, or was not checked: what counts is where it leads now."""
    job_id = ended(world, ELSEWHERE)
    monkeypatch.setattr(
        "socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("93.184.216.34", 0)), (2, 1, 6, "", (address, 0))]
    )
    tried: list[Any] = []
    monkeypatch.setattr("core.outbound.connection.socket.socket.connect", lambda _, where: tried.append(where))
    world.webhooks.deliver()
    assert world.api.job(job_id)["webhook"]["outcome"] == "forbidden_address"
    assert tried == []


def test_a_redirect_is_not_followed(world: World, receiver: Server, secret: str) -> None:
    there = f"https://{SERVER_ADDRESS}:{receiver.port}/elsewhere"
    receiver.replies = [f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {there}\r\n\r\n".encode(), OK]
    job_id = ended(world, url_of(receiver))
    world.webhooks.deliver()
    assert world.api.job(job_id)["webhook"]["outcome"] == "status_307"
    assert len(receiver.requests) == 1


def test_a_slow_receiver_is_not_waited_for(
    world: World, receiver: Server, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.outbound.connection.STEP_SECONDS", 0.2)
    receiver.replies = [lambda _: time.sleep(0.5)]
    job_id = ended(world, url_of(receiver))
    world.webhooks.deliver()
    assert world.api.job(job_id)["webhook"]["outcome"] == "timeout"


def test_an_untrusted_receiver_gets_nothing(
    world: World, certificate: Path, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_TRUSTED_WEBHOOK_HOSTS", f"{SERVER_ADDRESS}/32")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    tls_context.cache_clear()
    with serving(certificate) as stranger:
        job_id = ended(world, url_of(stranger))
        world.webhooks.deliver()
        assert stranger.requests == []
    assert world.api.job(job_id)["webhook"]["outcome"] == "tls_failed"


def test_logs_hold_neither_url_nor_secret(
    world: World, receiver: Server, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)
    receiver.replies = [BROKEN]
    ended(world, url_of(receiver))
    world.webhooks.deliver()
    logged = written.getvalue()
    assert "webhook attempted" in logged
    for hidden in (secret, "whsec_", "s3cr3t", SERVER_ADDRESS):
        assert hidden not in logged


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize(("first", "second"), [(None, ELSEWHERE), (ELSEWHERE, None), (ELSEWHERE, ELSEWHERE + "/2")])
def test_the_same_key_with_another_webhook_is_another_request(
    world: World, first: str | None, second: str | None
) -> None:
    """The second receiver would never be notified."""

    def send(url: str | None) -> Any:
        headers = {"idempotency-key": "1"} | ({"easel-webhook": url} if url else {})
        return world.api.generate(headers=headers)

    accepted_one, again, other = send(first), send(first), send(second)
    assert (again.status, again.json()["id"]) == (202, accepted_one.json()["id"])
    assert (other.status, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert "another webhook" in other.json()["error"]["message"]


def groups() -> list[str | None]:
    """The groups of the messages that wait, which leave the queue."""
    queue = sqs_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].queues["webhooks"]
    found = [message.group_id for message in queue._messages]
    queue._messages.clear()
    return found


def test_whoever_queues_a_message_says_whose_it_is(world: World, secret: str, receiver: Server) -> None:
    """SQS is fair among groups, so a receiver that keeps its sender waiting costs only its own caller."""
    job_id = ended(world, url_of(receiver))
    assert groups() == [caller_id()], "the announcer"
    receiver.replies = [BROKEN]
    world.webhooks.attempt(message_of(job_id).id)
    assert groups() == [caller_id()], "another attempt"
    pass_time(world, job_id)
    world.jobs.sweep()
    assert groups() == [caller_id()], "the sweep"
    webhooks.replay(world.stack, job_id)
    assert groups() == [caller_id()], "the operator"


@pytest.mark.parametrize("broken", [{"attempts": "many"}, {"state": "unheard of"}, {"created_at": "today"}])
def test_a_stored_message_that_cannot_be_read_is_not_quoted(
    world: World, secret: str, broken: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = ended(world, f"{ELSEWHERE}?token=s3cr3t", prompt="an otter nobody may read of")
    message = message_of(job_id)
    world.jobs.set_numbers(message.id, check_at=1)
    world.jobs.set_texts(message.id, **broken)
    capsys.readouterr()
    with pytest.raises(ItemUnreadable) as failed:
        world.webhooks.attempt(message.id)
    world.jobs.sweep()
    logged = "".join(capsys.readouterr()) + repr(failed.value)
    assert "ItemUnreadable" in logged
    assert message.id in logged
    assert "s3cr3t" not in logged
    assert "job.succeeded" not in logged


@pytest.mark.usefixtures("secret")
def test_a_message_lists_no_previews_whose_urls_would_expire(world: World) -> None:
    job_id = ended(world, ELSEWHERE, partial_images=1)
    assert len(world.api.job(job_id)["previews"]) == 1
    assert json.loads(message_of(job_id).body)["data"]["previews"] == []


# ---------------------------------------------------------------- a test of a receiver


@pytest.mark.parametrize(
    ("reply", "code", "delivered", "outcome"), [(OK, 0, True, "status_204"), (BROKEN, 1, False, "status_500")]
)
def test_a_test_message_is_signed_and_sent_once_to_a_receiver_that_the_deployment_trusts(
    world: World,
    easel: Easel,
    receiver: Server,
    secret: str,
    reply: bytes,
    code: int,
    delivered: bool,
    outcome: str,
) -> None:
    world.stack.parameters["TrustedWebhookHosts"] = f"10.0.0.0/8, {SERVER_ADDRESS}/32"
    receiver.replies = [reply]
    answered, out, err = easel("--json", "webhooks", "test", world.caller_id, url_of(receiver))
    result = json.loads(out)
    assert (answered, result["delivered"], result["outcome"]) == (code, delivered, outcome)
    assert outcome in err or delivered
    assert verified(receiver, secret)["type"] == "easel.test"
    assert headers_of(receiver.requests[0])["webhook-id"] == result["webhook"]
    assert len(receiver.requests) == 1
    assert world.webhooks.deliver() == [], "it is not tried again"
    assert "s3cr3t" not in out + err
