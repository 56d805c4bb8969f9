"""What callers send is bounded before it costs anything; all of the hostile set is in tests/campaigns."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from core import aws as clients
from tests.support.hostile.report import attacked
from tests.support.hostile.requests import HttpRequest, requests
from tests.support.hostile.senders import GATEWAYS, Senders
from tests.support.world import World, aws

SAMPLE_STEP = 197


def test_a_sample_of_the_hostile_set_breaks_nothing_and_costs_little(tmp_path: Path) -> None:
    outcomes = attacked(tmp_path, step=SAMPLE_STEP)
    assert len(outcomes) > 50
    assert [str(outcome) for outcome in outcomes if outcome.failed] == []


SHAPED = re.compile(r"(job|img|file|tok)_[0-9a-f]{32}")


def _with_ids() -> list[HttpRequest]:
    found = (request for request in requests() if isinstance(request, HttpRequest) and request.kind == "ids")
    # A body or a query with half a character is not one.
    return [
        each
        for each in found
        if "/models" not in each.path and not ((each.body or each.query) and each.what == "half a character")
    ]


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_misshapen_id_is_answered_like_one_that_does_not_exist_and_never_looked_up(
    world: World, gateway: str
) -> None:
    senders = Senders(world)
    looked_up: list[str] = []

    def note(params: Any, **_: Any) -> None:
        looked_up.extend(key["S"] for key in params["Key"].values())

    clients.dynamodb().meta.events.register("provide-client-params.dynamodb.GetItem", note)
    for request in _with_ids():
        answer = senders.http(request, gateway)
        assert answer["statusCode"] == 404, str(request)
        code = json.loads(answer["body"] or "{}").get("error", {}).get("code")
        assert code == "not_found", (str(request), answer["body"])
    ids = [each for each in looked_up if each.startswith(("job_", "img_", "file_", "tok_"))]
    assert ids
    assert [each for each in ids if not SHAPED.fullmatch(each)] == []


NAMES = ["\x1b[2J", "9\n", "A", "é", "9" * 119, " "]


@pytest.mark.parametrize("name", [f"gpt-image-{tail}" for tail in NAMES], ids=ascii)
@pytest.mark.parametrize("place", ["generation", "token", "path"])
def test_the_name_of_a_model_has_only_plain_characters(world: World, name: str, place: str) -> None:
    match place:
        case "generation":
            answer = world.api.generate(model=name)
        case "token":
            body = {"images": 1, "origins": ["https://shop.example"], "models": [name]}
            answer = world.api.call("POST", "/tokens", body)
        case _:
            answer = world.api.call("GET", f"/models/{name}")
    assert answer.status in (400, 404), answer.text
    assert aws.dynamodb().scan(TableName="jobs")["Items"] == []


def test_a_new_model_works_on_its_first_day(world: World) -> None:
    assert world.api.generate(model="gpt-image-99.5-nova-2027-01-31").status == 202
