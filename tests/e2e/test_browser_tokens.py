"""A page in a real browser, on another origin than the API: what it can do with a token, and what it reads when not."""

import base64
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import wire
from tests.support.chromium import OpenPage, serving
from tests.support.tokens import forged, mint

MODEL = "gpt-image-2.6-flare"
WISH = {"model": MODEL, "prompt": "an otter", "quality": "low"}


# What a page can read of each answer; a "CORS error" would throw instead.
CALLING = """async (calls) => {
  const answers = {}
  for (const { name, url, token, body } of calls) {
    const answer = await fetch(url, {
      method: body ? "POST" : "GET",
      headers: {
        Authorization: `Bearer ${token}`,
        ...(body && { "Content-Type": "application/json", Prefer: "respond-async", "Idempotency-Key": name }),
      },
      ...(body && { body: JSON.stringify(body) }),
    }).catch((error) => { throw new Error(`${name}: ${error}`) })
    answers[name] = {
      status: answer.status,
      document: await answer.json(),
      request_id: answer.headers.get("X-Request-Id"),
      should_retry: answer.headers.get("X-Should-Retry"),
      location: answer.headers.get("Location"),
    }
  }
  return answers
}"""


def read_by_page(open_page: OpenPage, origin: str, *calls: dict[str, Any]) -> dict[str, Any]:
    """What a page of this origin reads of these calls, by their names."""
    page = open_page(origin, allowed=[call["url"] for call in calls])
    return dict(page.evaluate(CALLING, calls))


def unsigned(token: str) -> str:
    header = jwt.get_unverified_header(token) | {"alg": "none"}
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


@pytest.mark.parametrize("door", ["api_url", pytest.param("direct_url", marks=pytest.mark.nightly)])
def test_a_page_on_another_origin_reads_every_refusal(
    stack: Stack, make_key: MakeKey, simulator: SimulatorControl, open_page: OpenPage, door: str
) -> None:
    url = f"{getattr(stack, door)}/images/generations"
    key, gone = make_key(), make_key()
    with serving({"/": "<title>A shop</title>"}) as origin:
        token = mint(stack, key, origin)
        revoked = mint(stack, gone, origin)
        stack.easel("keys", "revoke", gone.id)
        tokens = {
            "forged": (token[:-6] + "AAAAAA", 401, "invalid_token"),
            "unsigned": (unsigned(token), 401, "invalid_token"),
            "expired": (forged(stack, token, exp=int(time.time()) - 60), 401, "token_expired"),
            "revoked": (revoked, 401, "token_revoked"),
            "wrong-origin": (mint(stack, key, "https://shop.example"), 403, "origin_not_allowed"),
            "wrong-model": (mint(stack, key, origin, models=["gpt-image-2"]), 403, "model_not_allowed"),
        }
        calls = [{"name": name, "url": url, "token": sent, "body": WISH} for name, (sent, *_) in tokens.items()]
        calls.append({"name": "list", "url": f"{getattr(stack, door)}/jobs", "token": token})
        answers = read_by_page(open_page, origin, *calls)
    for name, (_, status, code) in (tokens | {"list": (None, 403, "token_not_allowed")}).items():
        error = answers[name]["document"]["error"]
        assert (name, answers[name]["status"], error["code"]) == (name, status, code)
        assert error["charged"] is False
        assert answers[name]["should_retry"] == "false"
        assert answers[name]["request_id"] == error["request_id"]


def test_a_page_on_another_origin_buys_as_many_images_as_its_token_allows(
    stack: Stack, key: Key, simulator: SimulatorControl, open_page: OpenPage
) -> None:
    url = f"{stack.api_url}/images/generations"
    with serving({"/": "<title>A shop</title>"}) as origin:
        token = mint(stack, key, origin)
        calls = [{"name": f"image-{number}", "url": url, "token": token, "body": WISH} for number in (1, 2, 3)]
        answers = read_by_page(open_page, origin, *calls)
    assert [answers[f"image-{number}"]["status"] for number in (1, 2, 3)] == [202, 202, 402]
    assert answers["image-1"]["location"].endswith(answers["image-1"]["document"]["id"])
    error = answers["image-3"]["document"]["error"]
    assert (error["code"], error["charged"], answers["image-3"]["should_retry"]) == ("token_used_up", False, "false")


def test_many_calls_at_once_buy_no_more_than_a_token_is_for(
    stack: Stack, key: Key, simulator: SimulatorControl
) -> None:
    token = mint(stack, key, "https://shop.example", images=3)
    headers = {"Authorization": f"Bearer {token}", "Origin": "https://shop.example", "Prefer": "respond-async"}

    def ask(_: int) -> tuple[bool, str | None]:
        answer = wire.post(f"{stack.api_url}/images/generations", json=WISH, headers=headers)
        return answer.is_success, (answer.json().get("error") or {}).get("code")

    # Each starts a function of its own; on a slow machine, more of them would not be there before the gateway gives up.
    with ThreadPoolExecutor(6) as page:
        answers = Counter(page.map(ask, range(6)))
    assert answers == {(True, None): 3, (False, "token_used_up"): 3}
