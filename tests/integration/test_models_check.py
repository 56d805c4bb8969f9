"""Models in use that are going to be shut down are found a while before."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import respx

from core.logs import logger
from core.metrics import NAMESPACE
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
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], written: io.StringIO
) -> None:
    monkeypatch.setenv("PROVIDERS__OPENAI__BASE_URL", "https://provider.example/v1")
    soon = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
    with respx.mock() as provider:
        rows = [{"id": "gpt-image-2.6-flare", "shutdown_date": soon}, {"id": "gpt-image-2", "shutdown_date": soon}]
        call = provider.get(LIST).respond(json={"object": "list", "data": rows})
        (end,) = world.provider.check_models()
    assert call.calls.last.request.headers["Authorization"] == "Bearer sk-simulated"
    assert (end["model"], end["days_left"]) == ("gpt-image-2.6-flare", 30), "the other is not in use"
    measured = capsys.readouterr().out
    assert NAMESPACE in measured
    assert '"ModelDaysLeft":[30.0]' in measured
    assert "another date" in written.getvalue()


def test_a_distant_shutdown_is_measured_without_an_alarm(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROVIDERS__OPENAI__BASE_URL", "https://provider.example/v1")
    far = (datetime.now(UTC).date() + timedelta(days=300)).isoformat()
    with respx.mock() as provider:
        provider.get(LIST).respond(json={"data": [{"id": "gpt-image-2.6-flare", "shutdown_date": far}]})
        assert len(world.provider.check_models()) == 1
    assert '"RetiringModels":[0.0]' in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer", [{"status_code": 500}, {"status_code": 401}, {"text": "no JSON"}, {"json": []}, {"json": {"data": [7]}}]
)
def test_without_the_providers_list_the_catalog_counts(
    world: World, monkeypatch: pytest.MonkeyPatch, written: io.StringIO, answer: dict[str, Any]
) -> None:
    monkeypatch.setenv("PROVIDERS__OPENAI__BASE_URL", "https://provider.example/v1")
    with respx.mock() as provider:
        provider.get(LIST).respond(**answer)
        assert world.provider.check_models() == []
    assert "list of models cannot be read" in written.getvalue()


def test_a_key_that_cannot_be_read_is_no_crash(world: World, written: io.StringIO) -> None:
    aws.secretsmanager().delete_secret(SecretId="easel/openai", ForceDeleteWithoutRecovery=True)
    assert world.provider.check_models() == []
    assert "provider_key_unavailable" in written.getvalue()
