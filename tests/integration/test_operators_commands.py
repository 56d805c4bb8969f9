"""What an operator reads and does besides keys and jobs: tokens, usage, models, images, webhooks, logs, exports."""

import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import boto3
import pytest

from cli import keys, webhooks
from core.jobs.model import Job
from tests.support.command_line import Easel, accepted
from tests.support.world import World

PRIVATE = "an otter"
SHOP = "https://shop.example"
TODAY = time.strftime("%Y-%m-%d", time.gmtime())


def done(world: World, key: str | None = None) -> Job:
    """A job that has succeeded."""
    job_id = accepted(world, key)
    world.jobs.deliver(job_id)
    job = world.stack.jobs().get(job_id)
    assert job
    assert job.cost
    return job


def token(world: World, label: str) -> dict[str, Any]:
    body = {"images": 2, "origins": [SHOP], "expires_in": 600, "label": label, "budget_micro_usd": 1_000_000}
    answer = world.api.call("POST", "/tokens", body)
    assert answer.status == 201, answer.text
    return dict(answer.json())


def by_token(world: World, text: str) -> Job:
    body = {"model": "gpt-image-2", "prompt": PRIVATE, "quality": "low", "size": "1024x1024"}
    headers = {"prefer": "respond-async", "origin": SHOP}
    answer = world.api.call("POST", "/images/generations", body, key=text, headers=headers)
    assert answer.status == 202, answer.text
    world.jobs.deliver(answer.json()["id"])
    job = world.stack.jobs().get(answer.json()["id"])
    assert job
    return job


# ---------------------------------------------------------------- browser tokens


def test_tokens_are_listed_with_what_they_bought_and_revoked_by_their_id(world: World, easel: Easel) -> None:
    made = token(world, "spring")
    job = by_token(world, made["token"])
    (listed,) = easel.document("tokens", "list", "--key", world.caller_id)
    assert (listed["id"], listed["label"], listed["images_bought"]) == (made["id"], "spring", 1)
    assert listed["spent_micro_usd"] == job.cost
    _, table, _ = easel("tokens", "list")
    assert "1 of 2" in table
    assert made["token"] not in table
    assert easel.document("tokens", "revoke", made["id"])["key"] == world.caller_id
    assert easel.document("tokens", "list") == []


@pytest.mark.parametrize("arguments", [["list", "--key", "key_none"], ["revoke", "tok_none"], ["revoke", "eyJhbGciOi"]])
def test_a_token_or_key_that_does_not_exist_is_an_error(easel: Easel, arguments: list[str]) -> None:
    code, out, err = easel("tokens", *arguments)
    assert (code, out) == (1, "")
    assert "does not exist" in err


# ---------------------------------------------------------------- usage


def test_usage_is_added_up_by_what_is_asked_for(world: World, easel: Easel) -> None:
    other, caller = keys.create(world.stack, "shop", None, [], [])
    mine, its = [done(world), done(world)], done(world, other)
    cost = mine[0].cost or 0
    by_key = {row["name"]: row["images"] for row in easel.document("usage", "--by", "key")}
    assert by_key == {"tests": 2, "shop": 1}
    (row,) = easel.document("usage", "--by", "day")
    assert row == {"date": TODAY, "images": 3, "spent_micro_usd": 2 * cost + (its.cost or 0), "reserved_micro_usd": 0}
    (row,) = easel.document("usage", "--by", "model", "--key", caller.id)
    assert (row["model"], row["images"]) == ("gpt-image-2", 1)
    _, table, _ = easel("usage", "--by", "model")
    assert table.splitlines()[-1].split()[:2] == ["TOTAL", "3"]


def test_usage_by_token_names_its_label_and_adds_up_to_all(world: World, easel: Easel) -> None:
    made = token(world, "=cmd()")
    by_token(world, made["token"])
    done(world)
    rows = easel.document("usage", "--by", "token")
    assert {(row["token"], row["label"], row["images"]) for row in rows} == {(made["id"], "=cmd()", 1), (None, None, 1)}
    (total,) = easel.document("usage", "--by", "day")
    assert sum(row["spent_micro_usd"] for row in rows) == total["spent_micro_usd"]
    code, text, _ = easel("usage", "--by", "token", "--csv")
    read = list(csv.DictReader(io.StringIO(text)))
    assert code == 0
    assert {row["label"] for row in read} == {"'=cmd()", ""}, "a spreadsheet runs no label as a formula"
    assert sum(round(float(row["spent"]) * 1_000_000) for row in read) == total["spent_micro_usd"]


def test_what_was_never_bought_is_not_in_the_usage(world: World, easel: Easel) -> None:
    world.simulator.plan("moderation_blocked")
    world.jobs.deliver(accepted(world))
    assert easel.document("usage") == []
    assert easel("usage", "--csv")[1] == "images,spent,reserved\n"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--key", "nope"], 1, "key 'nope' does not exist"),
        (["--from", "0001-01-01"], 2, "is more than 366 days"),
        (["--key", "web shop"], 1, "key 'web shop' does not exist"),
        (["--model", "gpt-image-99"], 1, "easel models"),
        (["--by", "colour"], 2, "'colour' is not one of"),
        (["--csv", "--json"], 2, "--csv cannot be combined"),
        (["--from", "tomorrow"], 2, "YYYY-MM-DD"),
    ],
)
def test_a_wrong_question_about_usage_is_not_an_empty_table(
    easel: Easel, arguments: list[str], code: int, says: str
) -> None:
    answered, out, err = easel("usage", *arguments)
    assert (answered, out) == (code, "")
    assert says in err


# ---------------------------------------------------------------- models and images


def test_models_are_listed_with_their_prices_and_their_end(easel: Easel) -> None:
    models = {model["id"]: model for model in easel.document("models")}
    flare = models["gpt-image-2.6-flare"]
    assert 0 < flare["expected_micro_usd"] < flare["upper_bound_micro_usd"]
    assert models["dall-e-2"]["lifecycle"]["state"] == "retired"
    assert models["dall-e-2"]["expected_micro_usd"] is None
    code, table, _ = easel("models")
    assert code == 0
    assert len(table.splitlines()) == 1 + len(models)


def test_images_are_listed_shown_and_deleted_without_their_prompts(world: World, easel: Easel) -> None:
    job = done(world)
    (image,) = easel.document("images", "list", "--key", world.caller_id, "--since", "1h")
    assert (image["job"], image["cost_micro_usd"]) == (job.id, job.cost)
    assert easel.document("images", "list") == [easel.document("images", "show", image["image"])]
    for command in (["images", "list"], ["images", "show", image["image"]]):
        code, out, _ = easel(*command)
        assert (code, PRIVATE in out) == (0, False)
    assert easel("images", "list", "--limit", "1")[2].startswith("easel: warning: ")
    assert easel.document("images", "delete", image["image"])["job"] == job.id
    assert easel.document("images", "list") == []
    assert world.api.call("GET", f"/images/{image['image']}").status == 404


@pytest.mark.parametrize(
    "arguments", [["list", "--key", "key_none"], ["show", "img_none"], ["delete", "img_none"], ["show", "../x"]]
)
def test_an_image_that_does_not_exist_is_an_error(easel: Easel, arguments: list[str]) -> None:
    code, out, err = easel("images", *arguments)
    assert (code, out) == (1, "")
    assert "does not exist" in err


# ---------------------------------------------------------------- webhooks


def test_webhooks_are_listed_with_their_outcome_and_without_the_path_of_their_url(world: World, easel: Easel) -> None:
    webhooks.secret(world.stack, world.caller_id, rotate=False, overlap_seconds=0)
    world.restart()
    body = {"model": "gpt-image-2", "prompt": PRIVATE, "quality": "low", "size": "1024x1024"}
    headers = {"prefer": "respond-async", "easel-webhook": "https://hooks.example.com/secret-path"}
    answer = world.api.call("POST", "/images/generations", body, headers=headers)
    assert answer.status == 202, answer.text
    world.jobs.deliver(answer.json()["id"])
    world.ends.announce()
    (listed,) = easel.document("webhooks", "list", "--failed")
    assert (listed["job"], listed["host"], listed["state"]) == (answer.json()["id"], "hooks.example.com", "pending")
    code, out, _ = easel("webhooks", "list", "--key", world.caller_id, "--since", "1h")
    assert (code, "secret-path" in out) == (0, False)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["list", "--key", "key_none"], 1, "does not exist"),
        (["test", "key_none", "https://hooks.example.com/"], 1, "does not exist"),
        (["test", "KEY", "https://hooks.example.com/"], 1, "easel webhooks secret"),
        (["secret", "KEY", "--overlap", "1h"], 2, "--overlap needs --rotate"),
        (["secret", "key_none"], 1, "does not exist"),
        (["replay", "job_none"], 1, "does not exist"),
    ],
)
def test_a_webhook_that_cannot_be_is_an_error(
    world: World, easel: Easel, arguments: list[str], code: int, says: str
) -> None:
    given = [world.caller_id if word == "KEY" else word for word in arguments]
    answered, out, err = easel("webhooks", *given)
    assert (answered, out) == (code, "")
    assert says in err


@pytest.mark.parametrize(
    ("url", "code", "says"), [("http://hooks.example.com/", 2, "https"), ("https://127.0.0.1/", 1, "forbidden_address")]
)
def test_a_test_message_goes_to_public_https_receivers_alone(
    world: World, easel: Easel, url: str, code: int, says: str
) -> None:
    webhooks.secret(world.stack, world.caller_id, rotate=False, overlap_seconds=0)
    answered, out, err = easel("webhooks", "test", world.caller_id, url)
    assert (answered, out) == (code, "")
    assert says in err


# ---------------------------------------------------------------- logs


def test_the_log_lines_of_a_job_come_from_all_groups_in_their_order(world: World, easel: Easel) -> None:
    job, logs = done(world), boto3.client("logs")
    resources = {
        name: {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}}
        for name in ("ApiLogs", "WorkerLogs")
    }
    boto3.client("cloudformation").create_stack(
        StackName="easel-dev", TemplateBody=json.dumps({"Resources": resources})
    )
    for group, at, message in (
        ("WorkerLogs", 2, f'{{"message": "bought", "job_id": "{job.id}"}}'),
        ("ApiLogs", 1, f'{{"message": "accepted", "request_id": "{job.request_id}"}}'),
    ):
        logs.create_log_stream(logGroupName=group, logStreamName="one")
        event: Any = {"timestamp": job.created_ms + at, "message": message}
        logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=[event])
    lines = easel.document("jobs", "logs", job.id)
    assert [json.loads(line["message"])["message"] for line in lines] == ["accepted", "bought"]
    code, table, _ = easel("jobs", "logs", job.id)
    assert (code, len(table.splitlines())) == (0, 3)
    assert easel("jobs", "logs", "job_none")[0] == 1


# ---------------------------------------------------------------- export


@pytest.mark.parametrize("what", ["jobs", "images", "usage"])
def test_everything_is_exported_as_json_lines_and_as_csv_without_prompts(
    world: World, easel: Easel, what: str, tmp_path: Path
) -> None:
    job = done(world)
    code, out, _ = easel("export", what, "--from", TODAY)
    (entry,) = [json.loads(line) for line in out.splitlines()]
    assert (code, PRIVATE in out) == (0, False)
    assert job.cost in entry.values()
    file = tmp_path / "out.csv"
    code, out, _ = easel("export", what, "--from", TODAY, "--format", "csv", "--output", str(file))
    assert (code, out) == (0, f"1 entries are in {file}.\n")
    (row,) = csv.DictReader(file.read_text().splitlines())
    assert set(row) == set(entry)
    assert easel("export", what, "--from", TODAY, "--output", str(file))[0] == 1, "no file is replaced"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["usage"], 2, "--from"),
        (["usage", "--from", "0001-01-01"], 2, "is more than 366 days"),
        (["prompts"], 2, "'prompts' is not one of"),
        (["jobs", "--json"], 2, "jsonl"),
        (["jobs", "--from", "2026-11-23", "--to", "2026-11-22"], 2, "is after"),
        (["jobs", "--output", "/nowhere/x"], 1, "cannot write"),
    ],
)
def test_an_export_that_cannot_be_is_refused(easel: Easel, arguments: list[str], code: int, says: str) -> None:
    answered, out, err = easel("export", *arguments)
    assert (answered, out) == (code, "")
    assert says in err
