"""Messages of the core are neutral; each interface says in its own words what to do."""

import ast

import pytest

from core.drops.results import DROP_HINTS
from core.errors import Hint, Hints, NotFound, Problem
from core.responses.builders import HTTP_HINTS
from interfaces.mcp_server.errors import MCP_HINTS
from local.processes import ROOT

ROUTE_OR_HEADER = ("/v1/", "Idempotency-Key", "Retry-After")


@pytest.mark.parametrize("hints", [HTTP_HINTS, MCP_HINTS, DROP_HINTS])
def test_every_interface_has_words_for_every_hint(hints: Hints) -> None:
    for hint in Hint:
        assert NotFound("Gone.", hint=hint, job_id="job_1").text(hints).removeprefix("Gone. ")


def test_tools_are_not_told_of_routes() -> None:
    assert not any(name in text for text in MCP_HINTS.values() for name in ROUTE_OR_HEADER)


def test_messages_of_the_core_name_no_route_and_no_header() -> None:
    """A message that needs one has a hint instead."""
    assert len(_messages()) > 100
    assert not [text for text in _messages() if any(name in text for name in ROUTE_OR_HEADER)]


def test_a_hint_names_the_job() -> None:
    problem = Problem(409, "invalid_request_error", "already_finished", "It ended.", hint=Hint.READ_JOB)
    assert problem.text(HTTP_HINTS, "job_1") == "It ended. Read it with GET /v1/jobs/job_1."
    assert problem.text(MCP_HINTS, "job_1") == "It ended. Read it with get_image_job, job_id job_1."


def test_a_message_without_a_hint_stays_as_it_was_stored() -> None:
    problem = Problem(502, "server_error", "outcome_unknown", "Whatever {an} older version said.")
    assert problem.text(HTTP_HINTS, "job_1") == "Whatever {an} older version said."


def _messages() -> list[str]:
    """Every text that a call in the core makes an error of."""
    return [
        text.value
        for path in (ROOT / "src/core").rglob("*.py")
        if path.name != "browser_tokens.py"  # which only the HTTP API offers
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and (call.func.id[0].isupper() or call.func.id == "_problem")
        for text in ast.walk(call)
        if isinstance(text, ast.Constant) and isinstance(text.value, str)
    ]
