"""Models in use that are going to be shut down are found a while before."""

import io
from datetime import UTC, datetime, timedelta

import pytest

from core.logs import logger
from core.metrics import NAMESPACE
from tests.support.internet import CLOSED, REFUSED, Internet, Reply
from tests.support.moved_time import Clock
from tests.support.world import World, aws

LIST = "https://provider.example/v1/models"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


def test_a_model_that_lives_is_no_news(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.provider.check_models() == []
    assert '"RetiringModels":[0.0]' in capsys.readouterr().out


def test_a_model_in_use_that_the_catalog_gives_up_is_found(
    world: World, clock: Clock, capsys: pytest.CaptureFixture[str], written: io.StringIO
) -> None:
    clock.stop_at(datetime(2026, 11, 22, tzinfo=UTC).timestamp())
    world.api.accepted(model="gpt-image-1.5")
    world.jobs.work()
    (end,) = world.provider.check_models()
    assert (end["model"], end["shut_down_on"]) == ("gpt-image-1.5", "2026-12-01")
    assert '"RetiringModels":[1.0]' in capsys.readouterr().out
    assert "model is shut down soon" in written.getvalue()


def test_a_date_that_only_the_provider_knows_counts(
    world: World,
    internet: Internet,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    written: io.StringIO,
) -> None:
    monkeypatch.setenv("PROVIDERS__OPENAI__BASE_URL", "https://provider.example/v1")
    soon = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
    rows = [{"id": "gpt-image-2.6-flare", "shutdown_date": soon}, {"id": "gpt-image-2", "shutdown_date": soon}]
    internet.get(LIST, Reply.of(json={"object": "list", "data": rows}))
    (end,) = world.provider.check_models()
    assert internet.last.headers["Authorization"] == "Bearer sk-simulated"
    assert (end["model"], end["days_left"]) == ("gpt-image-2.6-flare", 30), "the other is not in use"
    measured = capsys.readouterr().out
    assert NAMESPACE in measured
    assert '"ModelDaysLeft":[30.0]' in measured
    assert "another date" in written.getvalue()


def test_a_distant_shutdown_is_measured_without_an_alarm(
    world: World, internet: Internet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROVIDERS__OPENAI__BASE_URL", "https://provider.example/v1")
    far = (datetime.now(UTC).date() + timedelta(days=300)).isoformat()
    internet.get(LIST, Reply.of(json={"data": [{"id": "gpt-image-2.6-flare", "shutdown_date": far}]}))
    assert len(world.provider.check_models()) == 1
    assert '"RetiringModels":[0.0]' in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer",
    [
        REFUSED,
        CLOSED,
        Reply.of(500),
        Reply.of(401),
        Reply.of(text="no JSON"),
        Reply.of(json=[]),
        Reply.of(json={"data": [7]}),
    ],
)
def test_without_the_providers_list_the_catalog_counts(
    world: World, monkeypatch: pytest.MonkeyPatch, written: io.StringIO, internet: Internet, answer: Reply
) -> None:
    monkeypatch.setenv("PROVIDERS__OPENAI__BASE_URL", "https://provider.example/v1")
    internet.get(LIST, answer)
    assert world.provider.check_models() == []
    assert "list of models cannot be read" in written.getvalue()


def test_a_key_that_cannot_be_read_is_no_crash(world: World, written: io.StringIO) -> None:
    aws.secretsmanager().delete_secret(SecretId="easel/openai", ForceDeleteWithoutRecovery=True)
    assert world.provider.check_models() == []
    assert "provider_key_unavailable" in written.getvalue()
