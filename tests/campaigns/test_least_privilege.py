"""Every statement of every role is needed: without it, what it is for stops working. And no role can do more.

What a role must not be able to do is in tests/support/powers.py; each such call is made inside a function that has the
role, so with the function's own credentials.
"""

import io
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from PIL import Image

from local.processes import ROOT
from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support import dropping, wire
from tests.support.assistant import ask
from tests.support.pictures import picture
from tests.support.powers import ALL, FORBIDDEN, Attempt
from tests.support.probe import Probe, probing

Check = Callable[[Stack, Key, SimulatorControl], bool]

# MiniStack polls queues, follows streams and writes logs by itself, not with the function's role. The simulator plays
# Bedrock, and cannot know policies. tests/deployment/template holds these.
NOT_ENFORCED_LOCALLY = {
    "TakeJobs",
    "TakeDeadLetters",
    "FollowJobs",
    "TakeDrops",
    "TakeWebhooks",
    "WriteApiLogs",
    "WriteMcpLogs",
    "WriteWorkerLogs",
    "WriteDeadLetterLogs",
    "WriteSweepLogs",
    "WriteModelCheckLogs",
    "WriteAnnouncerLogs",
    "WriteWebhookLogs",
    "WriteDropLogs",
    "BuyFromBedrock",
    "BuyThroughBedrocksProfiles",
    "RunOnSchedule",
    "LetAlarmsPublish",
    "DenyInsecureTransport",
}


def post(
    stack: Stack,
    key: Key,
    prefer: str = "wait=6",
    prompt: str | None = None,
    model: str = "gpt-image-2.6-flare",
    **more: Any,
) -> httpx.Response:
    """Ask for an image; by default of a new prompt, since an equal one would find a job that was lost."""
    prompt = prompt or f"an otter {secrets.token_hex(4)}"
    body = {"model": model, "prompt": prompt, **more} | ({"quality": "low"} if "gpt" in model else {})
    return wire.post(
        f"{stack.api_url}/images/generations", json=body, headers=key.headers | {"Prefer": prefer}, timeout=60
    )


def item_of(stack: Stack, job_id: str) -> Any:
    return stack.client("dynamodb").get_item(TableName=stack.jobs_table, Key={"id": {"S": job_id}})["Item"]


def status_of(stack: Stack, job_id: str) -> str:
    return str(item_of(stack, job_id)["status"]["S"])


def becomes(stack: Stack, job_id: str, status: str, seconds: float = 8) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if status_of(stack, job_id) == status:
            return True
        time.sleep(0.3)
    return False


def becomes_announced(stack: Stack, job_id: str, seconds: float = 8) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (
            "open"
            not in stack.client("dynamodb").get_item(TableName=stack.jobs_table, Key={"id": {"S": job_id}})["Item"]
        ):
            return True
        time.sleep(0.3)
    return False


def change(stack: Stack, job_id: str, expression: str, **values: Any) -> None:
    stack.client("dynamodb").update_item(
        TableName=stack.jobs_table,
        Key={"id": {"S": job_id}},
        UpdateExpression=expression,
        ExpressionAttributeNames={"#status": "status", "#open": "open"},
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
    )


def finished_job(stack: Stack, key: Key) -> str:
    return str(post(stack, key, "wait=20").json()["easel"]["job_id"])


def stuck_in_the_queue(stack: Stack, job_id: str) -> None:
    """Make a job look as if its message had been lost."""
    change(
        stack,
        job_id,
        "SET #status = :queued, #open = :yes, check_at = :past REMOVE stage, lease_id, lease_until",
        queued={"S": "queued"},
        yes={"S": "yes"},
        past={"N": "1"},
    )


def sweeps(stack: Stack) -> bool:
    """Whether the sweep runs without an error of its function."""
    return "FunctionError" not in stack.client("lambda").invoke(FunctionName=stack.sweep_function)


def an_image_is_made(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    return post(stack, key).status_code == 200


def an_image_of_gemini_is_made(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    return post(stack, key, model="gemini-nano-banana-2.1").status_code == 200


def an_image_of_an_own_provider_is_made(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    return post(stack, key, model="azure/gpt-image-2").status_code == 200


def running_jobs_are_counted(stack: Stack, key: Key, simulator: SimulatorControl) -> bool:
    client, place = stack.client("dynamodb"), {"id": {"S": f"turns#{key.id}"}}
    client.delete_item(TableName=stack.jobs_table, Key=place)
    an_image_is_made(stack, key, simulator)
    return "Item" in client.get_item(TableName=stack.jobs_table, Key=place)


def a_failure_of_a_provider_is_noted(stack: Stack, key: Key, simulator: SimulatorControl) -> bool:
    def failed_at() -> int:
        place = {"owner": {"S": "health"}, "name": {"S": "gemini"}}
        found = stack.client("dynamodb").get_item(TableName=stack.ledger_table, Key=place).get("Item", {})
        return int(found.get("failed_at", {"N": "0"})["N"])

    before = failed_at()
    time.sleep(1)  # It is noted to the second.
    simulator.plan("server_error")
    post(stack, key, model="gemini-nano-banana-2.1")
    return failed_at() > before


def an_image_can_be_downloaded(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    return wire.get(post(stack, key, "wait=20").json()["data"][0]["url"]).status_code == 200


def drafted(stack: Stack, key: Key) -> Any:
    """A finished job that was bought with a preview."""
    job_id = post(stack, key, "wait=20", partial_images=1).json()["easel"]["job_id"]
    return wire.get(f"{stack.api_url}/jobs/{job_id}", headers=key.headers).json()


def a_preview_is_listed(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    return bool(drafted(stack, key)["previews"])


def a_preview_can_be_downloaded(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    return wire.get(drafted(stack, key)["previews"][0]["url"]).status_code == 200


def a_job_with_previews_can_be_deleted(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    return wire.delete(drafted(stack, key)["url"], headers=key.headers).status_code == 200


def an_assistant_gets_previews(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    job = call_tool(stack, key, "get_image_job", job_id=drafted(stack, key)["id"])
    return wire.get(job["previews"][0]["url"]).status_code == 200


def jobs_can_be_listed(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    return wire.get(f"{stack.api_url}/jobs", headers=key.headers).status_code == 200


def a_job_that_cannot_be_queued_is_withdrawn(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    with stack.without_statement("EnqueueJobs"):
        return post(stack, key).status_code == 503


def a_limited_job_is_tried_again(stack: Stack, key: Key, simulator: SimulatorControl) -> bool:
    simulator.plan("rate_limit", retry_after=1)
    return post(stack, key, "wait=12").status_code == 200


def stored_images_are_found_after_a_crash(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    job_id = finished_job(stack, key)
    change(
        stack,
        job_id,
        "SET #status = :running, #open = :yes, lease_until = :past, check_at = :past",
        running={"S": "running"},
        yes={"S": "yes"},
        past={"N": "1"},
    )
    stack.client("sqs").send_message(QueueUrl=stack.jobs_queue_url, MessageBody=job_id)
    return becomes(stack, job_id, "succeeded")


def a_lost_job_is_swept_up(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    job_id = finished_job(stack, key)
    stuck_in_the_queue(stack, job_id)
    # Whether this sweep or the scheduled one of that minute came first does not matter.
    return sweeps(stack) and becomes(stack, job_id, "succeeded")


def the_end_of_a_job_is_announced(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    return becomes_announced(stack, finished_job(stack, key))


def an_end_is_announced_again(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    job_id = finished_job(stack, key)
    assert becomes_announced(stack, job_id)
    functions = stack.client("lambda")
    (mapping,) = (
        each
        for each in functions.list_event_source_mappings()["EventSourceMappings"]
        if ":dynamodb:" in each["EventSourceArn"]
    )
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        expression = "SET #status = :status, #open = :mark, check_at = :past"
        change(stack, job_id, expression, status={"S": "succeeded"}, mark={"S": "unannounced"}, past={"N": "1"})
        swept = sweeps(stack)
    finally:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    return swept and becomes_announced(stack, job_id)


def job_with_webhook(stack: Stack, key: Key) -> str:
    """A job whose webhook is refused at each attempt, since its host is this machine."""
    stack.easel("webhooks", "secret", key.id)
    headers = key.headers | {"Prefer": "wait=20", "Easel-Webhook": "https://localhost/"}
    body = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"}
    answer = wire.post(f"{stack.api_url}/images/generations", json=body, headers=headers)
    return str(answer.json()["easel"]["job_id"])


def becomes_attempted(stack: Stack, key: Key, job_id: str, times: int, seconds: float = 10) -> bool:
    """Whether a job's webhook was attempted so many times, each to its end."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        seen = wire.get(f"{stack.api_url}/jobs/{job_id}", headers=key.headers).json().get("webhook")
        if seen and seen["attempts"] >= times and seen["outcome"]:
            return True
        time.sleep(0.3)
    return False


def a_webhook_is_attempted(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    return becomes_attempted(stack, key, job_with_webhook(stack, key), 1)


def a_webhook_is_attempted_twice(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    return becomes_attempted(stack, key, job_with_webhook(stack, key), 2, 15)


def a_lost_webhook_is_swept_up(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    job_id = job_with_webhook(stack, key)
    assert becomes_attempted(stack, key, job_id, 2, 30)
    seen = wire.get(f"{stack.api_url}/jobs/{job_id}", headers=key.headers).json()["webhook"]
    stack.client("dynamodb").update_item(
        TableName=stack.jobs_table,
        Key={"id": {"S": seen["id"]}},
        UpdateExpression="SET next_at = :past, check_at = :past",
        ExpressionAttributeValues={":past": {"N": "1"}},
    )
    return sweeps(stack) and becomes_attempted(stack, key, job_id, 3)


def the_sweep_works(stack: Stack, _: Key, __: SimulatorControl) -> bool:
    return sweeps(stack)


def the_check_of_models_hears_the_provider(stack: Stack, _: Key, __: SimulatorControl) -> bool:
    """Without the provider's list it goes on with the catalog, and says so in the log, which comes a little later."""

    def logged() -> tuple[int, int]:
        """How many checks have come to their end, and how many lists were missed."""
        lines = stack.logs(of="ModelCheckLogs")
        return sum("RetiringModels" in line for line in lines), sum("models cannot be read" in line for line in lines)

    ended, missed = logged()
    answer = stack.client("lambda").invoke(FunctionName=stack.model_check_function)
    if "FunctionError" in answer:
        return False
    until = time.monotonic() + 60
    while logged()[0] == ended:
        assert time.monotonic() < until, "the check's log never came"
        time.sleep(0.5)
    return logged()[1] == missed


def the_check_of_models_hears_gemini(stack: Stack, key: Key, simulator: SimulatorControl) -> bool:
    """It asks the providers of models in use."""
    assert post(stack, key, "wait=20", model="gemini-nano-banana-2.1").status_code == 200
    return the_check_of_models_hears_the_provider(stack, key, simulator)


def the_check_of_models_hears_an_own_provider(stack: Stack, key: Key, simulator: SimulatorControl) -> bool:
    assert post(stack, key, "wait=20", model="azure/gpt-image-2").status_code == 200
    return the_check_of_models_hears_the_provider(stack, key, simulator)


def a_dead_letter_ends_its_job(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    job_id = finished_job(stack, key)
    stuck_in_the_queue(stack, job_id)
    stack.client("sqs").send_message(QueueUrl=stack.jobs_dead_letter_queue_url, MessageBody=job_id)
    return becomes(stack, job_id, "failed")


def an_equal_request_finds_a_charged_end(stack: Stack, key: Key, simulator: SimulatorControl) -> bool:
    simulator.plan("empty_data")
    prompt = secrets.token_hex(8)
    first, again = (post(stack, key, prompt=prompt).json().get("error", {}) for _ in range(2))
    return again.get("joined") is True and again["job_id"] == first["job_id"]


def a_job_past_its_deadline_is_ended(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    job_id = finished_job(stack, key)
    # Before it is open again: the scheduled sweep must not give it to a worker, which could end it as well.
    stack.client("dynamodb").update_item(
        TableName=stack.jobs_table,
        Key={"id": {"S": job_id}},
        UpdateExpression="SET deadline = :past",
        ExpressionAttributeValues={":past": {"N": "1"}},
    )
    stuck_in_the_queue(stack, job_id)
    return sweeps(stack) and becomes(stack, job_id, "failed")


def an_image_can_be_deleted(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    image = post(stack, key, "wait=20").json()["data"][0]
    return wire.delete(f"{stack.api_url}/images/{image['id']}", headers=key.headers).status_code == 200


def an_earlier_image_is_edited(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    image = post(stack, key, "wait=20").json()["data"][0]
    body = {"model": "gpt-image-2.6-flare", "prompt": "in winter", "images": [{"file_id": image["id"]}]}
    headers = key.headers | {"Prefer": "wait=8"}
    return wire.post(f"{stack.api_url}/images/edits", json=body, headers=headers, timeout=60).status_code == 200


def usage_can_be_reported(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    return wire.get(f"{stack.api_url}/usage", headers=key.headers).status_code == 200


def an_upload_arrives(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    upload = wire.post(f"{stack.api_url}/uploads", json={"content_type": "image/png"}, headers=key.headers).json()
    sent = wire.post(upload["url"], data=upload["fields"], files={"file": b"some bytes"})
    found = wire.get(f"{stack.api_url}/uploads/{upload['id']}", headers=key.headers).json()
    return sent.status_code == 204 and bool(found["status"] == "ready")


def an_upload_can_be_deleted(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    upload = wire.post(f"{stack.api_url}/uploads", json={"content_type": "image/png"}, headers=key.headers).json()
    return wire.delete(f"{stack.api_url}/uploads/{upload['id']}", headers=key.headers).status_code == 200


def the_inputs_of_a_job_can_be_deleted(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    job_id = finished_job(stack, key)
    described = {"role": "image", "key": f"inputs/{job_id}", "content_type": "image/png"}
    item = {name: {"S": value} for name, value in described.items()}
    item |= {name: {"N": "1"} for name in ("size", "width", "height")}
    stack.client("dynamodb").update_item(
        TableName=stack.jobs_table,
        Key={"id": {"S": job_id}},
        UpdateExpression="SET #request.inputs = :inputs",
        ExpressionAttributeNames={"#request": "request"},
        ExpressionAttributeValues={":inputs": {"L": [{"M": item}]}},
    )
    return wire.delete(f"{stack.api_url}/jobs/{job_id}/inputs", headers=key.headers).status_code == 200


def dropped_folder(stack: Stack, key: Key, data: bytes, **metadata: str) -> str:
    """Drop an object for the caller, under a prefix of its own: where its results go."""
    folder = f"least-{secrets.token_hex(4)}"
    dropping.own(stack, folder, key.id)
    dropping.drop(stack, f"{folder}/photo.png", data, **metadata)
    return f"{folder}/photo"


def a_drop_becomes_a_result(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    folder = dropped_folder(stack, key, picture(), prompt="an otter", quality="low")
    found = dropping.manifest(stack, folder, 12)
    return bool(found and found["object"] == "drop.result" and found["images"])


def a_newer_drop_takes_the_place_of_an_older(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    folder = dropped_folder(stack, key, b"text")
    dropping.manifest(stack, folder, 12)
    dropping.drop(stack, f"{folder}.png", picture(), prompt="an otter", quality="low")
    return dropping.left_within(stack, folder, ["photo.png", "result.json"], 12)


def an_older_result_makes_room_for_an_error(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    folder = dropped_folder(stack, key, picture(), prompt="an otter", quality="low")
    dropping.manifest(stack, folder, 12)
    dropping.drop(stack, f"{folder}.png", b"text")
    return dropping.left_within(stack, folder, ["error.json"], 12)


def a_repeated_notification_brings_a_result_back(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    folder = dropped_folder(stack, key, picture(), prompt="an otter", quality="low")
    dropping.manifest(stack, folder, 12)
    version = dropping.lose_results(stack, folder)
    body = dropping.notification(stack, f"{folder}.png", version)
    stack.client("sqs").send_message(QueueUrl=stack.drops_queue_url, MessageBody=body)
    return dropping.left_within(stack, folder, ["photo.png", "result.json"], 12)


def waiting_drop(stack: Stack, key: Key) -> str | None:
    """The folder of a drop that waits for its recipe; None if it does not."""
    before = dropping.depth(stack, stack.drops_queue_url)["Delayed"]
    folder = dropped_folder(stack, key, picture())
    until = time.monotonic() + 12
    while time.monotonic() < until:
        if dropping.depth(stack, stack.drops_queue_url)["Delayed"] > before:
            return folder
        time.sleep(0.3)
    return None


def a_late_sidecar_is_followed(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    folder = waiting_drop(stack, key)
    if folder is None:
        return False
    dropping.drop(stack, f"{folder}.json", b'{"prompt": "an otter", "quality": "low"}')
    found = dropping.manifest(stack, folder, 20)
    return bool(found and found["object"] == "drop.result")


def a_drop_without_a_recipe_waits(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    return waiting_drop(stack, key) is not None


def a_broken_drop_leaves_an_error(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    found = dropping.manifest(stack, dropped_folder(stack, key, b"text"), 12)
    return bool(found and found["object"] == "drop.error")


def a_refused_drop_leaves_the_queue(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    folder = dropped_folder(stack, key, b"text")
    dropping.manifest(stack, folder, 12)
    time.sleep(1)
    return dropping.depth(stack, stack.drops_queue_url)["NotVisible"] == 0


def a_drop_that_cannot_be_queued_leaves_no_job(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    caller = json.loads(stack.easel("keys", "create", "--name", "withdrawn", "--json"))
    with stack.without_statement("EnqueueDrops"):
        dropped_folder(stack, Key(caller["key"], caller["id"]), picture(), prompt="an otter")
        time.sleep(6)
        answer = wire.get(f"{stack.api_url}/jobs", headers={"Authorization": f"Bearer {caller['key']}"})
    return bool(answer.json()["data"] == [])


def stored_inputs(stack: Stack) -> set[str]:
    """The keys of all stored inputs."""
    pages = stack.client("s3").get_paginator("list_objects_v2").paginate(Bucket=stack.images_bucket, Prefix="inputs/")
    return {found["Key"] for page in pages for found in page.get("Contents", [])}


def a_drop_that_cannot_be_queued_leaves_no_inputs(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    before = stored_inputs(stack)
    with stack.without_statement("EnqueueDrops"):
        dropped_folder(stack, key, picture(), prompt="an otter")
        time.sleep(6)
        # It is tried again every few seconds: between two visits there is nothing.
        for _look in range(5):
            if stored_inputs(stack) <= before:
                return True
            time.sleep(0.2)
        return False


def call_tool(stack: Stack, key: Key, name: str, **arguments: Any) -> Any:
    """What a tool of the MCP server answers; None if it does not."""
    answer = ask(stack.mcp_url, key.key, "tools/call", name, params={"name": name, "arguments": arguments})
    # A call that waited is answered as a stream, whose last event is the result.
    text = answer.text.rpartition("data: ")[2] if answer.status_code == 200 else "{}"
    return json.loads(text).get("result", {}).get("structuredContent")


def an_assistant_makes_an_image(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    told = call_tool(stack, key, "generate_image", prompt="an otter", quality="low", request_id=secrets.token_hex(8))
    return told is not None and bool(told["status"] == "succeeded")


def an_assistant_makes_an_image_without_a_request_id(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    told = call_tool(stack, key, "generate_image", prompt=f"an otter {secrets.token_hex(4)}", quality="low")
    return told is not None and bool(told["status"] == "succeeded")


def an_assistant_lists_its_images(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    return call_tool(stack, key, "list_images") is not None


def an_assistant_gets_a_quote(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    return call_tool(stack, key, "quote_image", prompt="an otter") is not None


def an_assistant_edits_an_earlier_image(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    image = post(stack, key, "wait=20").json()["data"][0]
    return call_tool(stack, key, "edit_image", prompt="in winter", images=[image["id"]], wait_seconds=0) is not None


def an_assistant_edits_an_upload(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    picture = io.BytesIO()
    Image.new("RGB", (1024, 1024), "linen").save(picture, "PNG")
    upload = call_tool(stack, key, "create_upload", content_type="image/png")
    sent = wire.post(upload["url"], data=upload["fields"], files={"file": picture.getvalue()})
    images = [upload["upload_id"]]
    edited = sent.status_code == 204 and call_tool(
        stack, key, "edit_image", prompt="in winter", images=images, wait_seconds=0
    )
    return bool(edited)


def an_assistants_job_that_cannot_be_queued_is_withdrawn(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    with stack.without_statement("EnqueueForAssistants"):
        arguments = {"prompt": "an otter", "request_id": secrets.token_hex(8)}
        params = {"name": "generate_image", "arguments": arguments}
        answer = ask(stack.mcp_url, key.key, "tools/call", "generate_image", params=params)
        return "could not be queued" in answer.text


def an_assistants_edit_that_cannot_be_queued_leaves_no_inputs(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    image = post(stack, key, "wait=20").json()["data"][0]
    before = stored_inputs(stack)
    with stack.without_statement("EnqueueForAssistants"):
        arguments = {"prompt": "in winter", "images": [image["id"]], "request_id": secrets.token_hex(8)}
        params = {"name": "edit_image", "arguments": arguments}
        answer = ask(stack.mcp_url, key.key, "tools/call", "edit_image", params=params)
        return "could not be queued" in answer.text and stored_inputs(stack) <= before


@contextmanager
def others_waiting(stack: Stack, key: Key) -> Iterator[None]:
    """Meanwhile as many calls of the key wait as may."""
    table, item_id = stack.jobs_table, {"id": {"S": f"uses#{key.id}"}}
    places = [f"{int(time.time()) + 300:010d}#{number}" for number in range(1000)]
    stack.client("dynamodb").put_item(TableName=table, Item={**item_id, "places": {"SS": places}})
    try:
        yield
    finally:
        stack.client("dynamodb").delete_item(TableName=table, Key=item_id)


def a_call_beyond_the_bound_may_not_wait(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    with others_waiting(stack, key):
        return post(stack, key, "wait=2").status_code == 429


def an_assistant_beyond_the_bound_does_not_wait(stack: Stack, key: Key, simulator: SimulatorControl) -> bool:
    simulator.plan("slow", seconds=3)
    with others_waiting(stack, key):
        job = call_tool(stack, key, "generate_image", prompt="an otter", request_id=secrets.token_hex(8))
        return job is not None and job["status"] in ("queued", "running")


def a_queued_job_tells_how_many_wait(stack: Stack, key: Key, simulator: SimulatorControl) -> bool:
    simulator.plan("rate_limit", retry_after=30)
    job_id = post(stack, key, "respond-async").json()["id"]
    time.sleep(2)
    job = wire.get(f"{stack.api_url}/jobs/{job_id}", headers=key.headers).json()
    wire.post(f"{stack.api_url}/jobs/{job_id}/cancel", headers=key.headers)
    return job["status"] == "queued" and job["queue"] is not None


def durations_item(model: str) -> str:
    return f"durations#{int(time.time()) // (7 * 86400)}#{model}#low"


def durations_are_known(stack: Stack) -> str:
    """A model that nobody has used yet, as if many of its jobs had ended."""
    model = f"gpt-image-{secrets.token_hex(4)}"
    item = {"id": {"S": durations_item(model)}, "14": {"N": "50"}}
    stack.client("dynamodb").put_item(TableName=stack.jobs_table, Item=item)
    return model


def counted_durations(stack: Stack) -> int:
    """How many jobs of the usual model and quality were counted this week."""
    key = {"id": {"S": durations_item("gpt-image-2.6-flare")}}
    item = stack.client("dynamodb").get_item(TableName=stack.jobs_table, Key=key).get("Item", {})
    return sum(int(value["N"]) for name, value in item.items() if name.isdecimal())


def a_job_tells_how_long_such_jobs_take(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    job = post(stack, key, "respond-async", model=durations_are_known(stack)).json()
    return job["progress"]["usual_seconds"] is not None


def an_assistant_hears_how_long_such_jobs_take(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    arguments = {"model": durations_are_known(stack), "quality": "low", "prompt": "an otter", "wait_seconds": 0}
    job = call_tool(stack, key, "generate_image", **arguments)
    return job["progress"]["usual_seconds"] is not None


def an_assistant_hears_how_many_wait(stack: Stack, key: Key, simulator: SimulatorControl) -> bool:
    simulator.plan("rate_limit", retry_after=30)
    job = call_tool(stack, key, "generate_image", prompt="an otter", request_id=secrets.token_hex(8), wait_seconds=3)
    call_tool(stack, key, "cancel_image_job", job_id=job["job_id"])
    return job["status"] == "queued" and job["progress"]["position"] is not None


def a_duration_is_counted(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    before = counted_durations(stack)
    announced = becomes_announced(stack, finished_job(stack, key))
    until = time.monotonic() + 3
    while announced and time.monotonic() < until:  # It is counted just after that.
        if counted_durations(stack) > before:
            return True
        time.sleep(0.3)
    return False


def a_browser_token_is_made(stack: Stack, key: Key, _: SimulatorControl) -> bool:
    body = {"images": 1, "origins": ["https://shop.example"]}
    return wire.post(f"{stack.api_url}/tokens", json=body, headers=key.headers).status_code == 201


CHECKS: dict[str, Check] = {
    "AcceptAndReadJobs": an_image_is_made,
    "FindEqualRequestsForAssistants": an_assistant_makes_an_image_without_a_request_id,
    "RememberChargedEnds": an_equal_request_finds_a_charged_end,
    "ReadOutcomesOfWebhooks": a_webhook_is_attempted,
    "CountUses": a_call_beyond_the_bound_may_not_wait,
    "CountWaitingAssistants": an_assistant_beyond_the_bound_does_not_wait,
    "DeleteRecords": a_job_that_cannot_be_queued_is_withdrawn,
    "ListJobsAndImagesOfCaller": jobs_can_be_listed,
    "RecogniseCallers": jobs_can_be_listed,
    "ReadBalancesAndOrders": an_image_is_made,
    "ReserveAndRelease": an_image_is_made,
    "RecordMovements": an_image_is_made,
    "ReportUsage": usage_can_be_reported,
    "ReadTheSwitch": an_image_is_made,
    "BookPurchases": an_image_is_made,
    "RecordPurchases": an_image_is_made,
    "ReleaseWhatEnds": a_dead_letter_ends_its_job,
    "RecordReleasesOfEnds": a_dead_letter_ends_its_job,
    "ReleaseWhatIsStuck": a_job_past_its_deadline_is_ended,
    "RecordReleasesOfStuckJobs": a_job_past_its_deadline_is_ended,
    "SignBrowserTokens": a_browser_token_is_made,
    "TellHowManyJobsWait": a_queued_job_tells_how_many_wait,
    "TellAssistantsHowManyJobsWait": an_assistant_hears_how_many_wait,
    "ReadUsualDurations": a_job_tells_how_long_such_jobs_take,
    "ReadUsualDurationsForAssistants": an_assistant_hears_how_long_such_jobs_take,
    "CountDurations": a_duration_is_counted,
    "EnqueueJobs": an_image_is_made,
    "SignImageUrls": an_image_can_be_downloaded,
    "DeleteImages": an_image_can_be_deleted,
    "StorePreviews": a_preview_is_listed,
    "SignPreviewUrls": a_preview_can_be_downloaded,
    "DeletePreviews": a_job_with_previews_can_be_deleted,
    "SignPreviewUrlsForAssistants": an_assistant_gets_previews,
    "SignUploadForms": an_upload_arrives,
    "FindUploads": an_upload_arrives,
    "DeleteUploads": an_upload_can_be_deleted,
    "KeepInputs": an_earlier_image_is_edited,
    "ReadInputs": an_earlier_image_is_edited,
    "DeleteInputsOfJobs": the_inputs_of_a_job_can_be_deleted,
    "PutJobsBackToWait": a_limited_job_is_tried_again,
    "ReadJobsToPerform": an_image_is_made,
    "MoveJobsAlong": an_image_is_made,
    "CountRunningJobs": running_jobs_are_counted,
    "ReadProviderKey": an_image_is_made,
    "ReadGeminiKey": an_image_of_gemini_is_made,
    "ReadKeysOfOwnProviders": an_image_of_an_own_provider_is_made,
    "NoteProvidersHealth": a_failure_of_a_provider_is_noted,
    "StoreImages": an_image_is_made,
    "FindImagesStoredBeforeACrash": stored_images_are_found_after_a_crash,
    "FindStuckJobs": a_lost_job_is_swept_up,
    "DecideStuckJobs": a_lost_job_is_swept_up,
    "EnqueueAgain": a_lost_job_is_swept_up,
    "AnnounceAgain": an_end_is_announced_again,
    "ReadEndedJobs": the_end_of_a_job_is_announced,
    "MarkJobsAnnounced": the_end_of_a_job_is_announced,
    "PublishEvents": the_end_of_a_job_is_announced,
    "MeasureBudgets": the_sweep_works,
    "ReadProviderKeyToListModels": the_check_of_models_hears_the_provider,
    "ReadGeminiKeyToListModels": the_check_of_models_hears_gemini,
    "ReadKeysOfOwnProvidersToListModels": the_check_of_models_hears_an_own_provider,
    "FindModelsInUse": the_check_of_models_hears_the_provider,
    "KeepWebhookMessages": a_webhook_is_attempted,
    "EnqueueWebhooks": a_webhook_is_attempted,
    "DeliverWebhookMessages": a_webhook_is_attempted,
    "ReadSigningSecrets": a_webhook_is_attempted,
    "RetryWebhooks": a_webhook_is_attempted_twice,
    "SendWebhooksAgain": a_lost_webhook_is_swept_up,
    "EndJobs": a_dead_letter_ends_its_job,
    "AcceptForAssistants": an_assistant_makes_an_image,
    "FindImagesForAssistants": an_assistant_edits_an_earlier_image,
    "WithdrawForAssistants": an_assistants_job_that_cannot_be_queued_is_withdrawn,
    "ListForAssistants": an_assistant_lists_its_images,
    "RecogniseAssistants": an_assistant_gets_a_quote,
    "ReadBalancesForAssistants": an_assistant_gets_a_quote,
    "ReserveForAssistants": an_assistant_makes_an_image,
    "RecordMovementsForAssistants": an_assistant_makes_an_image,
    "EnqueueForAssistants": an_assistant_makes_an_image,
    "ReadImagesForAssistants": an_assistant_edits_an_earlier_image,
    "SignUploadFormsForAssistants": an_assistant_edits_an_upload,
    "FindUploadsForAssistants": an_assistant_edits_an_upload,
    "KeepInputsForAssistants": an_assistant_edits_an_earlier_image,
    "DiscardInputsForAssistants": an_assistants_edit_that_cannot_be_queued_leaves_no_inputs,
    "ReadDrops": a_drop_becomes_a_result,
    "FindOwnersOfDrops": a_drop_becomes_a_result,
    "ReadBalancesOfOwners": a_drop_becomes_a_result,
    "ReserveForDrops": a_drop_becomes_a_result,
    "RecordMovementsOfDrops": a_drop_becomes_a_result,
    "AcceptDrops": a_drop_becomes_a_result,
    "EnqueueDrops": a_drop_becomes_a_result,
    "KeepInputsOfDrops": a_drop_becomes_a_result,
    "DiscardInputsOfDrops": a_drop_that_cannot_be_queued_leaves_no_inputs,
    "CopyImagesOfDrops": a_drop_becomes_a_result,
    "LeaveResultsOfDrops": a_drop_becomes_a_result,
    "FindPayersOfDrops": a_drop_becomes_a_result,
    "ReadBalancesOfPayers": a_drop_becomes_a_result,
    "ReplaceResultsOfDrops": a_newer_drop_takes_the_place_of_an_older,
    "FindImagesOfSidecars": a_late_sidecar_is_followed,
    "LetDropsWait": a_drop_without_a_recipe_waits,
    "FindResultsToReplace": a_drop_becomes_a_result,
    "OrderDrops": a_newer_drop_takes_the_place_of_an_older,
    "LeaveErrors": a_broken_drop_leaves_an_error,
    "FindOlderResults": a_broken_drop_leaves_an_error,
    "ClearOlderResults": an_older_result_makes_room_for_an_error,
    "CopyImagesOfEndedDrops": a_repeated_notification_brings_a_result_back,
    "PublishRefusals": a_refused_drop_leaves_the_queue,
    "WithdrawDrops": a_drop_that_cannot_be_queued_leaves_no_job,
}
# Statements of resource policies; tests/campaigns/test_drops.py takes them away and looks.
OF_RESOURCES = {"DenyWritesOfFunctions", "LetInboxTellOfDrops"}


def test_every_statement_has_its_check() -> None:
    written = set(re.findall(r"Sid: (\w+)", (ROOT / "template.yaml").read_text()))
    assert written == CHECKS.keys() | NOT_ENFORCED_LOCALLY | OF_RESOURCES


@pytest.mark.parametrize("check", dict.fromkeys(CHECKS.values()))
def test_with_all_statements_it_works(stack: Stack, key: Key, simulator: SimulatorControl, check: Check) -> None:
    assert check(stack, key, simulator)


@pytest.mark.parametrize("sid", CHECKS)
def test_without_the_statement_it_does_not(stack: Stack, key: Key, simulator: SimulatorControl, sid: str) -> None:
    with stack.without_statement(sid):
        assert not CHECKS[sid](stack, key, simulator)


def outcomes(probe: Probe, attempts: list[Attempt]) -> dict[str, str]:
    """What AWS answers to each attempt: an error's code, or `allowed`."""
    return dict(zip((each.what for each in attempts), probe.tries(attempts), strict=True))


@pytest.mark.parametrize("role", ALL)
def test_what_a_role_does_not_need_is_denied_to_its_function(stack: Stack, role: str) -> None:
    attempts = [each for each in FORBIDDEN if each.role == role]
    with probing(stack, role) as probe:
        found = outcomes(probe, attempts)
    assert attempts
    assert {what: code for what, code in found.items() if not code.startswith("AccessDenied")} == {}


@pytest.mark.parametrize(
    ("role", "what"),
    [("WebhookRole", "read a job"), ("ApiRole", "read who owns the inbox"), ("ApiRole", "read the entries")],
)
def test_a_statement_without_its_condition_is_noticed(stack: Stack, role: str, what: str) -> None:
    """Statements that only their conditions narrow; what they would allow then changes nothing."""
    (attempt,) = [each for each in FORBIDDEN if (each.role, each.what) == (role, what)]
    with probing(stack, role) as probe, stack.without_conditions(role):
        assert not outcomes(probe, [attempt])[what].startswith("AccessDenied")
