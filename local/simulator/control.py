"""The control plane: recorded calls, planned faults, accepted keys, and the date."""

import json
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.simulator.calls import error_response, state_of
from local.simulator.errors import ApiError
from local.simulator.faults import InvalidPlan


async def _calls(request: Request) -> Response:
    return JSONResponse(state_of(request).ledger.body())


async def _faults(request: Request) -> Response:
    plan = state_of(request).plan
    if request.method == "POST":
        try:
            plan.add(await _json(request))
        except InvalidPlan as problem:
            return error_response(ApiError(400, str(problem)))
    return JSONResponse(plan.body())


async def _keys(request: Request) -> Response:
    wanted = (await _json(request)).get("keys")
    if not isinstance(wanted, list) or not all(isinstance(k, str) and k for k in wanted):
        return error_response(ApiError(400, 'Expected {"keys": ["sk-..."]}.'))
    state_of(request).keys = frozenset(wanted)
    return JSONResponse({"accepted_keys": len(wanted)})


async def _today(request: Request) -> Response:
    state = state_of(request)
    try:
        state.set_today = date.fromisoformat((await _json(request)).get("today", ""))
    except (TypeError, ValueError):
        return error_response(ApiError(400, 'Expected {"today": "YYYY-MM-DD"}.'))
    return JSONResponse({"today": state.today.isoformat()})


async def _reset(request: Request) -> Response:
    state_of(request).reset()
    return JSONResponse({"reset": True})


async def _json(request: Request) -> dict[str, Any]:
    try:
        parsed = json.loads(await request.body())
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


ROUTES = [
    Route("/_sim/calls", _calls),
    Route("/_sim/faults", _faults, methods=["GET", "POST"]),
    Route("/_sim/keys", _keys, methods=["POST"]),
    Route("/_sim/today", _today, methods=["POST"]),
    Route("/_sim/reset", _reset, methods=["POST"]),
]
