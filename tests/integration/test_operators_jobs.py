"""The operator finds the jobs that need a person, and sees the life of one without its caller's words."""

import json
from typing import Any

import pytest

from cli import keys
from cli import main as cli
from cli.stack import Stack
from tests.support.moved_time import Clock
from tests.support.world import World, aws

PRIVATE = "an otter nobody may read of"


def easel(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(Stack, "find", lambda *_, **__: world.stack)
    return cli.main(list(arguments))


def unknown(world: World, **body: Any) -> str:
    job_id = world.api.accepted(prompt=PRIVATE, metadata={"note": PRIVATE}, **body)
    world.simulator.plan("reset")
    world.jobs.deliver(job_id)
    return job_id


def done(world: World) -> str:
    job_id = world.api.accepted(prompt=PRIVATE)
    world.jobs.deliver(job_id)
    return job_id


@pytest.fixture
def listed(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> list[str]:
        capsys.readouterr()
        assert easel(world, monkeypatch, "jobs", "list", "--json", *arguments) == 0
        text = capsys.readouterr().out
        assert PRIVATE not in text
        return [each["job"] for each in json.loads(text)]

    return run


def test_jobs_are_listed_by_what_an_operator_looks_for(world: World, clock: Clock, listed: Any) -> None:
    finished, doubtful = done(world), unknown(world, model="gpt-image-2")
    clock.forward(1)
    waiting = world.api.accepted()
    key = world.stack.callers().list_all()[0].id
    assert listed() == [waiting, doubtful]
    assert listed("--status", "unknown") == [doubtful]
    assert listed("--status", "unknown", "--key", "sub_other") == []
    assert listed("--status", "succeeded") == listed("--key", key, "--status", "succeeded") == [finished]
    assert set(listed("--key", key)) == {finished, doubtful, waiting}
    assert listed("--key", key, "--model", "gpt-image-2") == listed("--model", "gpt-image-2") == [doubtful]
    clock.forward(7200)
    assert listed("--since", "1h") == listed("--key", key, "--since", "1h") == []
    assert listed("--since", "3h", "--status", "unknown") == [doubtful]


def test_a_resolved_job_needs_nobody(world: World, listed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = unknown(world)
    assert easel(world, monkeypatch, "jobs", "resolve", job_id, "--free") == 0
    assert listed("--status", "unknown") == []


def test_a_list_that_is_cut_says_so(
    world: World, listed: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        world.api.accepted()
    assert easel(world, monkeypatch, "jobs", "list", "--limit", "1") == 0
    table = capsys.readouterr()
    assert len(table.out.splitlines()) == 2
    assert "--limit" in table.err
    key = world.stack.callers().list_all()[0].id
    monkeypatch.setattr("core.jobs.store._PAGE", 1)
    assert len(listed("--key", key, "--limit", "9")) == 2


def test_the_life_of_a_job_says_what_to_do_and_nothing_private(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = unknown(world)
    job = world.stack.jobs().get(job_id)
    assert job
    capsys.readouterr()
    assert easel(world, monkeypatch, "jobs", "show", job_id) == 0
    shown = capsys.readouterr().out
    assert PRIVATE not in shown
    for part in (job.request_id, "unknown", f'filter job_id = "{job_id}"', f"easel jobs resolve {job_id} --free"):
        assert part in shown
    assert easel(world, monkeypatch, "ledger", "check") == 0
    assert job_id in capsys.readouterr().out


def test_jobs_of_older_versions_are_listed_and_shown(
    world: World, listed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = unknown(world)
    aws.dynamodb().update_item(
        TableName="jobs",
        Key={"id": {"S": job_id}},
        UpdateExpression="REMOVE #request.metadata, deadline_seconds",
        ExpressionAttributeNames={"#request": "request"},
    )
    assert listed("--status", "unknown") == [job_id]
    assert easel(world, monkeypatch, "jobs", "show", job_id) == 0
    assert world.api.job(job_id)["metadata"] == {}


def test_a_key_that_does_not_exist_is_not_an_empty_list(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert easel(world, monkeypatch, "jobs", "list", "--key", "key_0000") == 1
    _, other = keys.create(world.stack, "other", None, [], [])
    assert easel(world, monkeypatch, "jobs", "list", "--key", other.id) == 0
