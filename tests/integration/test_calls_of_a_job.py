"""What a job costs at AWS: each call that is made for it, in order, as docs/performance.md lists them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from core import aws
from local.processes import ROOT
from tests.support.capacity import Item, read_units, write_units
from tests.support.template import TEMPLATE
from tests.support.world import World
from tests.support.world import aws as moto
from tests.support.world.aws import handled

TABLES = {"jobs": "JobsTable", "ledger": "LedgerTable", "callers": "CallersTable"}
STEPS: dict[str, Callable[[World], object]] = {
    "accept": lambda world: world.api.accepted(),
    "perform": lambda world: world.jobs.work(),
    "announce": lambda world: world.ends.announce(),
}


def contents(table: str) -> dict[str, Item]:
    """The items of a table, by their keys as text."""
    keys = [key["AttributeName"] for key in TEMPLATE["Resources"][TABLES[table]]["Properties"]["KeySchema"]]
    items: list[Any] = moto.dynamodb().scan(TableName=table)["Items"]
    return {json.dumps([item[key] for key in keys]): item for item in items}


def everything() -> dict[str, dict[str, Item]]:
    return {table: contents(table) for table in TABLES}


def indexes(table: str) -> list[Any]:
    found: list[Any] = TEMPLATE["Resources"][TABLES[table]]["Properties"].get("GlobalSecondaryIndexes", [])
    return found


def written(before: dict[str, dict[str, Item]], after: dict[str, dict[str, Item]], *, in_transaction: bool) -> int:
    """Write units of what differs."""
    return sum(
        write_units(
            before[table].get(key, {}), after[table].get(key, {}), indexes(table), in_transaction=in_transaction
        )
        for table in TABLES
        for key in before[table].keys() | after[table].keys()
        if before[table].get(key) != after[table].get(key)
    )


def read(body: Mapping[str, Any]) -> int:
    """Read units of a GetItem or BatchGetItem."""
    asked = body.get("RequestItems") or {body["TableName"]: {"Keys": [body["Key"]]}}
    held = everything()
    return sum(
        read_units(held[table].get(json.dumps(list(key.values())), {}))
        for table, request in asked.items()
        for key in request["Keys"]
    )


@contextmanager
def calls() -> Iterator[list[tuple[str, int, int]]]:
    """Meanwhile, notes each call of the functions: the operation, and DynamoDB's write and read units."""
    noted: list[tuple[str, int, int]] = []
    held: dict[str, Any] = {}

    def before(**_: Any) -> None:
        held.update(before=everything())

    def after(model: Any, **_: Any) -> None:
        name = model.name
        writes = written(held["before"], everything(), in_transaction=name == "TransactWriteItems")
        noted.append((name, writes, held.pop("reads", 0)))

    def other(model: Any, **_: Any) -> None:
        noted.append((model.name, 0, 0))

    def reading(params: Any, **_: Any) -> None:
        held["reads"] = read(json.loads(params["body"]))

    with ExitStack() as noting:
        for client in (aws.sqs(), aws.s3(), aws.events(), aws.secretsmanager()):
            service = client.meta.service_model.service_id.hyphenize()
            noting.enter_context(handled(client, f"before-call.{service}", other))
        noting.enter_context(handled(aws.dynamodb(), "before-call.dynamodb", before))
        noting.enter_context(handled(aws.dynamodb(), "after-call.dynamodb", after))
        for operation in ("GetItem", "BatchGetItem"):
            noting.enter_context(handled(aws.dynamodb(), f"before-call.dynamodb.{operation}", reading))
        yield noted


def documented() -> dict[str, list[tuple[str, int, int]]]:
    """The rows of the page's table, by step."""
    page = (ROOT / "docs/performance.md").read_text()
    rows = re.findall(r"^\| (\w+) \| `(\w+)` \|[^|]*\| *(\d*) *\| *(\d*) *\|", page, re.MULTILINE)
    return {step: [(name, int(w or 0), int(r or 0)) for of, name, w, r in rows if of == step] for step in STEPS}


def test_the_page_lists_every_call_that_a_job_makes_and_its_units(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_CALLER_CONCURRENCY", "4")
    world.restart()
    for step in STEPS.values():
        step(world)  # What a process reads once, such as the provider's key, is not part of a job.
    made = {}
    with calls() as noted:
        for name, step in STEPS.items():
            noted.clear()
            step(world)
            made[name] = [each for each in noted if each[0] not in ("ReceiveMessage", "DeleteMessage")]
    assert in_order(made) == in_order(documented())


def in_order(steps: dict[str, list[tuple[str, int, int]]]) -> dict[str, list[tuple[str, int, int]]]:
    """Images, which are stored meanwhile, last."""
    return {name: sorted(rows, key=lambda row: row[0] == "PutObject") for name, rows in steps.items()}
