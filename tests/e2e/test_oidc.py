"""Users of the operator's own sign-in at the deployed doors: a real issuer over TLS, whose tokens stand for callers."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from mcp import Client

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support import wire
from tests.support.assistant import ask, use
from tests.support.issuer import AUDIENCE, RSA_KEYS, Issuer, published
from tests.support.tls_server import make_certificate, serving

# At most some two cents.
BODY = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low", "size": "1024x1024"}


@pytest.fixture(scope="module")
def issuer(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    """The sign-in, which the doors trust, and whose users may buy one image a day."""
    certificate = make_certificate(tmp_path_factory.mktemp("issuer"))
    with serving(certificate) as server:
        issuer = Issuer(server)
        issuer.keep_publishing(*published(first=RSA_KEYS["first"]))
        variables = {
            "SSL_CERT_FILE": str(certificate),
            "EASEL_OIDC_ISSUER": issuer.url,
            "EASEL_OIDC_AUDIENCE": AUDIENCE,
            "EASEL_OIDC_DAILY_BUDGET_USD": "0.03",
        }
        with stack.with_variables(variables, "ApiFunction", "DirectFunction", "McpFunction"):
            yield issuer


def buy(url: str, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Prefer": "respond-async"}
    return wire.post(f"{url}/images/generations", json=BODY, headers=headers)


def job(url: str, token: str, job_id: str) -> httpx.Response:
    return wire.get(f"{url}/jobs/{job_id}?wait=50", headers={"Authorization": f"Bearer {token}"})


def test_a_user_is_a_caller_at_every_door(stack: Stack, issuer: Issuer, simulator: SimulatorControl) -> None:
    token = issuer.token(sub="at every door")
    bought = buy(stack.api_url, token)
    assert bought.status_code == 202, bought.text
    job_id = bought.json()["id"]
    assert job(stack.direct_url, token, job_id).json()["status"] == "succeeded"

    async def steps(client: Client) -> Any:
        return (await client.call_tool("get_image_job", {"job_id": job_id})).structured_content

    assert use(stack.mcp_url, token, steps)["status"] == "succeeded"
    assert job(stack.api_url, issuer.token(sub="somebody else"), job_id).status_code == 404
    assert len(simulator.calls()) == 1


def test_each_user_has_the_budget_of_the_sign_in(stack: Stack, issuer: Issuer, simulator: SimulatorControl) -> None:
    first, second = (issuer.token(sub=f"thrifty {number}") for number in (1, 2))
    answers = [buy(stack.direct_url, token) for token in (first, first, second)]
    assert [answer.status_code for answer in answers] == [202, 402, 202]
    assert answers[1].json()["error"]["code"] == "budget_exceeded"


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": 1}, "token_expired"),
        ({"aud": "https://other.example"}, "invalid_token"),
        ({"iss": "https://evil.example"}, "invalid_token"),
        ({"key": RSA_KEYS["second"]}, "invalid_token"),
    ],
)
def test_every_door_refuses_a_token_for_something_else(
    stack: Stack, issuer: Issuer, claims: dict[str, Any], code: str
) -> None:
    token = issuer.token(**claims)
    answers = [buy(stack.api_url, token), buy(stack.direct_url, token), ask(stack.mcp_url, token, "tools/list")]
    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in answers] == [(401, code)] * 3


def test_keys_of_easel_work_beside_the_sign_in(stack: Stack, issuer: Issuer, key: Key) -> None:
    assert wire.get(f"{stack.api_url}/jobs", headers=key.headers).status_code == 200


def test_an_assistant_finds_where_to_sign_in(stack: Stack, issuer: Issuer) -> None:
    refused = ask(stack.mcp_url, "of nobody", "tools/list")
    assert refused.status_code == 401
    (place,) = [
        part for part in refused.headers["x-amzn-remapped-www-authenticate"].split('"') if part.startswith("http")
    ]
    assert place.endswith("/.well-known/oauth-protected-resource/mcp")
    described = wire.get(stack.mcp_url.removesuffix("/mcp") + "/.well-known/oauth-protected-resource/mcp").json()
    assert described["authorization_servers"] == [issuer.url]
