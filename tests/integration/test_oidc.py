"""Access tokens of the operator's own sign-in: a real issuer over TLS, whose users are callers with default limits."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from composition import services
from tests.support.issuer import AUDIENCE, EC_KEY, RSA_KEYS, Issuer, answered, published
from tests.support.moved_time import Clock
from tests.support.tls_server import make_certificate, serving
from tests.support.world import World
from tests.support.world.http_api import Answer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("issuer"))


@pytest.fixture
def issuer(world: World, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    with serving(certificate) as server:
        found = Issuer(server)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        monkeypatch.setenv("EASEL_OIDC_ISSUER", found.url)
        monkeypatch.setenv("EASEL_OIDC_AUDIENCE", AUDIENCE)
        world.restart()
        yield found


def jobs(world: World, token: str) -> Answer:
    return world.api.call("GET", "/jobs", key=token)


def assert_refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.json()["error"]["code"]) == (status, code)


def test_a_user_of_the_sign_in_is_a_caller(world: World, issuer: Issuer) -> None:
    issuer.publish(*published(first=RSA_KEYS["first"]))
    token = issuer.token()
    body = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"}
    bought = world.api.call("POST", "/images/generations", body, key=token, headers={"prefer": "respond-async"})
    assert bought.status == 202
    world.jobs.work()
    assert [job["id"] for job in jobs(world, issuer.token()).json()["data"]] == [bought.json()["id"]]
    assert jobs(world, issuer.token(sub="user-43")).json()["data"] == []
    assert len(issuer.server.requests) == 2  # discovery and keys, once


def test_elliptic_curves_will_do(world: World, issuer: Issuer) -> None:
    issuer.publish(*published(curve=EC_KEY))
    assert jobs(world, issuer.token(EC_KEY, "curve", "ES256")).status == 200


def test_the_audience_may_be_one_of_several(world: World, issuer: Issuer) -> None:
    issuer.publish(*published(first=RSA_KEYS["first"]))
    assert jobs(world, issuer.token(aud=["https://other.example", AUDIENCE])).status == 200


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": 1}, "token_expired"),
        ({"nbf": 2**33}, "token_not_active"),
        ({"aud": "https://other.example"}, "invalid_token"),
        ({"aud": None}, "invalid_token"),
        ({"iss": "https://evil.example"}, "invalid_token"),
        ({"sub": None}, "invalid_token"),
        ({"sub": ""}, "invalid_token"),
        ({"sub": " \t"}, "invalid_token"),
        ({"exp": None}, "invalid_token"),
    ],
)
def test_a_token_for_something_else_is_refused(world: World, issuer: Issuer, claims: dict[str, Any], code: str) -> None:
    issuer.publish(*published(first=RSA_KEYS["first"]))
    assert_refused(jobs(world, issuer.token(**claims)), 401, code)


def test_a_clock_that_is_a_little_late_is_forgiven(world: World, issuer: Issuer) -> None:
    issuer.publish(*published(first=RSA_KEYS["first"]))
    assert jobs(world, issuer.token(exp=int(time.time()) - 10)).status == 200


def test_a_token_that_somebody_else_signed_is_refused(world: World, issuer: Issuer) -> None:
    issuer.publish(*published(first=RSA_KEYS["first"]))
    assert_refused(jobs(world, issuer.token(RSA_KEYS["second"])), 401, "invalid_token")
    assert_refused(jobs(world, issuer.token(EC_KEY, algorithm="ES256")), 401, "invalid_token")


def test_a_published_key_is_no_shared_secret(world: World, issuer: Issuer) -> None:
    """The classic confusion: HS256 with the issuer's public key as the secret."""
    issuer.publish(*published(first=RSA_KEYS["first"]))
    assert jobs(world, issuer.token()).status == 200
    public = RSA_KEYS["first"].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    now = int(time.time())
    claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "user-42", "iat": now, "exp": now + 300}
    head, body = (_part(each) for each in ({"alg": "HS256", "kid": "first"}, claims))
    digest = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = jwt.utils.base64url_encode(digest.sign(f"{head}.{body}".encode(), pem)).decode()
    assert_refused(jobs(world, f"{head}.{body}.{signature}"), 401, "invalid_token")


def _part(document: dict[str, Any]) -> str:
    return jwt.utils.base64url_encode(json.dumps(document).encode()).decode()


@pytest.mark.parametrize("algorithm", ["none", "RS384", "PS256"])
def test_no_other_algorithm_is_believed(world: World, issuer: Issuer, algorithm: str) -> None:
    issuer.publish(*published(first=RSA_KEYS["first"]))
    _, body, signature = issuer.token().split(".")
    head = _part({"alg": algorithm, "kid": "first"})
    assert_refused(jobs(world, f"{head}.{body}.{'' if algorithm == 'none' else signature}"), 401, "invalid_token")


@pytest.mark.parametrize("claims", [{}, {"scope": "openid"}, {"scp": ["openid"]}, {"scope": "images:buyer"}])
def test_a_scope_may_be_required(
    world: World, issuer: Issuer, claims: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_OIDC_SCOPE", "images:buy")
    world.restart()
    issuer.publish(*published(first=RSA_KEYS["first"]))
    assert_refused(jobs(world, issuer.token(**claims)), 403, "insufficient_scope")
    assert jobs(world, issuer.token(scope="openid images:buy")).status == 200
    assert jobs(world, issuer.token(scp=["images:buy"])).status == 200


@pytest.mark.parametrize("claim", ["scope", "scp"])
@pytest.mark.parametrize("value", [5, True, 1.5, [], [5, None], {"images:buy": True}, [["images:buy"]]])
def test_a_scope_of_another_type_grants_nothing(
    world: World, issuer: Issuer, claim: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_OIDC_SCOPE", "images:buy")
    world.restart()
    issuer.publish(*published(first=RSA_KEYS["first"]))
    assert_refused(jobs(world, issuer.token(**{claim: value})), 403, "insufficient_scope")


@pytest.mark.parametrize("subject", ["\ud800", "a" * 3000, "key_1", "\u202e\n"])
def test_any_other_name_of_a_user_will_do(world: World, issuer: Issuer, subject: str) -> None:
    issuer.publish(*published(first=RSA_KEYS["first"]))
    assert jobs(world, issuer.token(sub=subject)).status == 200


@pytest.mark.parametrize("claim", ["iat", "nbf", "exp", "aud", "iss"])
@pytest.mark.parametrize("value", [[], {}, float("inf"), "soon", [None]])
def test_a_claim_of_another_type_is_never_a_fault_of_ours(world: World, issuer: Issuer, claim: str, value: Any) -> None:
    issuer.publish(*published(first=RSA_KEYS["first"]))
    claims = json.dumps({"iss": issuer.url, "aud": AUDIENCE, "sub": "user", "iat": 1, "exp": 2**33} | {claim: value})
    token = jwt.PyJWS().encode(claims.encode(), RSA_KEYS["first"], "RS256", headers={"kid": "first"})
    assert_refused(jobs(world, token), 401, "invalid_token")


def test_users_have_the_default_limits_each(world: World, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_OIDC_IMAGES_PER_MINUTE", "1")
    monkeypatch.setenv("EASEL_OIDC_DAILY_BUDGET_USD", "5")
    world.restart()
    issuer.publish(*published(first=RSA_KEYS["first"]))
    body = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"}

    def buy(user: str) -> Answer:
        headers = {"prefer": "respond-async"}
        return world.api.call("POST", "/images/generations", body, key=issuer.token(sub=user), headers=headers)

    first = buy("one")
    assert first.json()["easel"]["cost"]["budget_left_micro_usd"] < 5_000_000
    assert [first.status, buy("one").status, buy("two").status] == [202, 429, 202]


def test_a_user_cannot_make_browser_tokens(world: World, issuer: Issuer) -> None:
    issuer.publish(*published(first=RSA_KEYS["first"]))
    wish = {"images": 1, "origins": ["https://shop.example"]}
    assert_refused(world.api.call("POST", "/tokens", wish, key=issuer.token()), 403, "api_key_required")


# ---------------------------------------------------------------- the issuer's keys


def test_a_new_key_is_looked_for(world: World, issuer: Issuer, clock: Clock) -> None:
    issuer.publish(*published(first=RSA_KEYS["first"]))
    assert jobs(world, issuer.token()).status == 200
    clock.forward(31)
    issuer.publish(*published(second=RSA_KEYS["second"]))
    assert jobs(world, issuer.token(RSA_KEYS["second"], "second")).status == 200
    assert_refused(jobs(world, issuer.token()), 401, "invalid_token")


def test_made_up_key_ids_cost_one_look_in_half_a_minute(world: World, issuer: Issuer, clock: Clock) -> None:
    issuer.publish(*published(first=RSA_KEYS["first"]))
    for number in range(5):
        assert_refused(jobs(world, issuer.token(kid=f"made up {number}")), 401, "invalid_token")
    assert len(issuer.server.requests) == 2


@pytest.mark.parametrize(
    "reply",
    [
        answered({}, "500 Internal Server Error"),
        answered(b"<html>"),
        answered({"jwks_uri": "http://127.0.0.1/keys"}),
        answered({"keys": []}),
        answered(b"[" * 100_000),
        answered(b"{" + b" " * 300_000 + b"}"),
        b"",
    ],
)
def test_an_issuer_out_of_order_refuses_its_users_but_no_keys(world: World, issuer: Issuer, reply: bytes) -> None:
    issuer.server.replies += [reply, reply]
    answer = jobs(world, issuer.token())
    assert (answer.status, answer.json()["error"]["retryable"], answer.headers["Retry-After"]) == (503, True, "30")
    assert world.api.call("GET", "/jobs").status == 200


def discovered(issuer: Issuer, keys: Any, /, **changes: Any) -> list[bytes]:
    """What an issuer answers to a look for its keys, with changes of its discovery document."""
    document = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"} | changes
    return [answered(document), answered({"keys": keys})]


@pytest.mark.parametrize("named", ["https://evil.example", None, 5, ["https://evil.example"]])
def test_a_discovery_document_of_another_issuer_is_not_believed(world: World, issuer: Issuer, named: Any) -> None:
    issuer.server.replies += discovered(issuer, published(first=RSA_KEYS["first"]), issuer=named)
    assert jobs(world, issuer.token()).status == 503


@pytest.mark.parametrize("place", [5, None, "https://", "https://\u2603." + "a" * 70, ["https://x"]])
def test_a_place_of_keys_that_is_none_is_no_fault_of_ours(world: World, issuer: Issuer, place: Any) -> None:
    issuer.server.replies += discovered(issuer, [], jwks_uri=place)
    assert jobs(world, issuer.token()).status == 503


@pytest.mark.parametrize("entries", [5, None, "keys", {"kty": "RSA"}])
def test_keys_that_are_no_list_are_none(world: World, issuer: Issuer, entries: Any) -> None:
    issuer.server.replies += discovered(issuer, entries)
    assert jobs(world, issuer.token()).status == 503


@pytest.mark.parametrize(
    "entry",
    [
        5,
        None,
        [],
        {},
        {"kty": 5},
        {"kty": "RSA"},
        {"kty": "RSA", "n": 5, "e": []},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": None},
        {"kty": "oct", "k": "AA", "alg": "HS256"},
        published(second=RSA_KEYS["second"])[0] | {"kid": ["second"]},
        published(second=RSA_KEYS["second"])[0] | {"kid": 5},
    ],
)
def test_an_odd_key_leaves_the_others_usable(world: World, issuer: Issuer, entry: Any) -> None:
    issuer.server.replies += discovered(issuer, [entry, *published(first=RSA_KEYS["first"])])
    assert jobs(world, issuer.token()).status == 200


def test_keys_that_are_known_outlast_an_outage(world: World, issuer: Issuer, clock: Clock) -> None:
    issuer.publish(*published(first=RSA_KEYS["first"]))
    assert jobs(world, issuer.token()).status == 200
    clock.forward(3601)
    issuer.server.replies += [answered({}, "500 Internal Server Error")]
    assert jobs(world, issuer.token()).status == 200


def test_an_issuer_whose_certificate_nobody_vouches_for_is_not_believed(
    world: World, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    world.restart()
    assert jobs(world, issuer.token()).status == 503


def test_without_an_issuer_access_tokens_are_refused(
    world: World, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_OIDC_ISSUER", "")
    world.restart()
    assert_refused(jobs(world, issuer.token()), 401, "invalid_token")


def test_an_issuer_needs_an_audience(world: World, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_OIDC_AUDIENCE", "")
    world.restart()
    with pytest.raises(Exception, match="EASEL_OIDC_AUDIENCE"):
        services.services()


def test_users_do_not_learn_what_all_others_spend(
    world: World, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_DAILY_BUDGET_USD", "0.77")
    world.restart()
    issuer.keep_publishing(*published(first=RSA_KEYS["first"]))
    usage = world.api.call("GET", "/usage", key=issuer.token())
    assert {budget["scope"] for budget in usage.json()["budgets"]} == {"key"}
    assert "deployment" in world.api.call("GET", "/usage").text
