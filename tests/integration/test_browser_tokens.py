"""Browser tokens: what a page may do with one, and how every other one is refused."""

import base64
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import pytest

from cli import keys, tokens
from core.callers.model import Caller
from core.jobs.store import JobStore
from core.ledger.model import Budget
from core.ledger.store import LedgerStore
from tests.support.moved_time import Clock
from tests.support.world import World, aws
from tests.support.world.http_api import Answer

SHOP = "https://shop.example"
SIGNING_SECRET = "0" * 64


def mint(world: World, key: str | None = None, **body: Any) -> Any:
    """A new token's document."""
    answer = world.api.call("POST", "/tokens", {"images": 3, "origins": [SHOP]} | body, key=key)
    assert answer.status == 201, answer.text
    return answer.json()


def buy(world: World, token: str, origin: str | None = SHOP, **body: Any) -> Answer:
    body = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"} | body
    headers = {"prefer": "respond-async"} | ({"origin": origin} if origin else {})
    return world.api.call("POST", "/images/generations", body, key=token, headers=headers)


def assert_refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["charged"] is False
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["x-should-retry"] == "false"


def signed(claims: dict[str, Any], secret: str = SIGNING_SECRET, algorithm: str = "HS256", kid: str = "") -> str:
    return jwt.encode(claims, secret, algorithm, headers={"kid": kid})


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of a real token, to be forged from."""
    return jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})


def limited_key(world: World, models: list[str] | None = None, origins: list[str] | None = None) -> tuple[str, Caller]:
    return keys.create(world.stack, "limited", None, models or [], origins or [])


# ---------------------------------------------------------------- what a page may do


def test_a_page_buys_an_image_and_reads_its_job_and_image(world: World) -> None:
    token = mint(world)["token"]
    job_id = buy(world, token).json()["id"]
    world.jobs.work()
    job = world.api.call("GET", f"/jobs/{job_id}", key=token, headers={"origin": SHOP}).json()
    assert job["status"] == "succeeded"
    image_id = job["result"]["data"][0]["id"]
    assert world.api.call("GET", f"/images/{image_id}", key=token, headers={"origin": SHOP}).status == 200
    assert world.api.call("DELETE", f"/images/{image_id}", key=token, headers={"origin": SHOP}).status == 200


def test_a_page_asks_for_a_price_uploads_and_cancels(world: World) -> None:
    page = {"key": mint(world)["token"], "headers": {"origin": SHOP}}
    assert world.api.call("POST", "/images/quote", {"prompt": "an otter"}, **page).status == 200
    upload = world.api.call("POST", "/uploads", {"content_type": "image/png"}, **page)
    assert world.api.call("GET", f"/uploads/{upload.json()['id']}", **page).status == 200
    job_id = buy(world, page["key"]).json()["id"]
    assert world.api.call("POST", f"/jobs/{job_id}/cancel", {}, **page).json()["status"] == "canceled"


def test_what_a_page_makes_belongs_to_its_key(world: World) -> None:
    job_id = buy(world, mint(world)["token"]).json()["id"]
    world.jobs.work()
    image_id = world.api.job(job_id)["result"]["data"][0]["id"]
    assert job_id in [job["id"] for job in world.api.call("GET", "/jobs").json()["data"]]
    assert image_id in [image["id"] for image in world.api.call("GET", "/images").json()["data"]]


def test_a_page_sees_nothing_of_its_key_or_of_another_token(world: World) -> None:
    mine, token, other = world.api.accepted(), mint(world)["token"], mint(world)["token"]
    theirs = buy(world, other).json()["id"]
    world.jobs.work()
    page = {"key": token, "headers": {"origin": SHOP}}
    image_id = world.api.job(mine)["result"]["data"][0]["id"]
    upload = world.api.call("POST", "/uploads", {"content_type": "image/png"}).json()["id"]
    paths = [f"/jobs/{mine}", f"/jobs/{theirs}", f"/images/{image_id}", f"/uploads/{upload}"]
    assert [world.api.call("GET", path, **page).status for path in paths] == [404] * 4
    assert world.api.call("DELETE", f"/images/{image_id}", **page).status == 404
    edit = {"prompt": "at night", "model": "gpt-image-2.6-flare", "images": [{"file_id": image_id}]}
    assert world.api.call("POST", "/images/edits", edit, **page).status == 404


def test_pages_do_not_meet_each_others_idempotency_keys(world: World) -> None:
    body = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"}
    sent = {"origin": SHOP, "idempotency-key": "1", "prefer": "respond-async"}
    tokens_ = [mint(world)["token"], mint(world)["token"], world.api.key]
    answers = [world.api.call("POST", "/images/generations", body, key=token, headers=sent) for token in tokens_]
    assert len({answer.json()["id"] for answer in answers}) == 3
    again = world.api.call("POST", "/images/generations", body, key=tokens_[0], headers=sent)
    assert again.json()["id"] == answers[0].json()["id"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/tokens"),
        ("GET", "/tokens"),
        ("DELETE", "/tokens/tok_1"),
        ("GET", "/jobs"),
        ("GET", "/images"),
        ("GET", "/usage"),
    ],
)
def test_a_page_may_neither_list_nor_make_tokens(world: World, method: str, path: str) -> None:
    answer = world.api.call(method, path, {}, key=mint(world)["token"], headers={"origin": SHOP})
    assert_refused(answer, 403, "token_not_allowed")


# ---------------------------------------------------------------- what is refused


def test_without_an_origin_nothing_is_changed_but_read(world: World) -> None:
    token = mint(world)["token"]
    job_id = buy(world, token).json()["id"]
    assert_refused(buy(world, token, origin=None), 403, "origin_required")
    assert world.api.call("GET", f"/jobs/{job_id}", key=token).status == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "https://shop.example.evil.example", "null"])
def test_another_origin_is_refused(world: World, origin: str) -> None:
    token = mint(world)["token"]
    assert_refused(buy(world, token, origin), 403, "origin_not_allowed")
    assert_refused(world.api.call("GET", "/models", key=token, headers={"origin": origin}), 403, "origin_not_allowed")


def test_another_model_is_refused(world: World) -> None:
    token = mint(world, models=["gpt-image-2"])["token"]
    assert_refused(buy(world, token), 403, "model_not_allowed")
    assert buy(world, token, model="gpt-image-2").status == 202


def test_a_model_that_its_key_loses_is_refused(world: World) -> None:
    key, _ = limited_key(world, models=["gpt-image-2"])
    assert_refused(buy(world, mint(world, key)["token"]), 403, "model_not_allowed")


def test_an_expired_one_is_refused(world: World, clock: Clock) -> None:
    token = mint(world, expires_in=30)["token"]
    clock.forward(29)
    assert buy(world, token).status == 202
    clock.forward(6)
    assert_refused(buy(world, token), 401, "token_expired")


def test_one_of_the_future_is_refused(world: World) -> None:
    header, claims = parts(mint(world)["token"])
    for claim in ("nbf", "iat"):
        early = signed(claims | {claim: int(time.time()) + 60}, kid=header["kid"])
        assert_refused(buy(world, early), 401, "token_not_active")


@pytest.mark.parametrize(
    "change", [{"iss": "somebody"}, {"aud": "something"}, {"exp": None}, {"jti": None}, {"nbf": "now"}, {"exp": "soon"}]
)
def test_claims_that_easel_would_not_make_are_refused(world: World, change: dict[str, Any]) -> None:
    header, claims = parts(mint(world)["token"])
    claims = {name: value for name, value in (claims | change).items() if value is not None}
    forged = signed(claims, kid=header["kid"])
    assert_refused(buy(world, forged), 401, "invalid_token")


def test_one_signed_with_another_secret_is_refused(world: World) -> None:
    header, claims = parts(mint(world)["token"])
    assert_refused(buy(world, signed(claims, "1" * 64, kid=header["kid"])), 401, "invalid_token")
    assert_refused(buy(world, signed(claims, kid="another")), 401, "invalid_token")


def test_a_changed_one_is_refused(world: World) -> None:
    head, _, signature = mint(world)["token"].split(".")
    _, claims = parts(mint(world)["token"])
    body = base64.urlsafe_b64encode(json.dumps(claims | {"exp": 2**33}).encode()).rstrip(b"=").decode()
    assert_refused(buy(world, f"{head}.{body}.{signature}"), 401, "invalid_token")


@pytest.mark.parametrize("algorithm", ["none", "None", "RS256", "HS384", "HS512", "ES256"])
def test_no_other_algorithm_is_believed(world: World, algorithm: str) -> None:
    token = mint(world)["token"]
    header, _ = parts(token)
    head = base64.urlsafe_b64encode(json.dumps(header | {"alg": algorithm}).encode()).rstrip(b"=").decode()
    _, body, signature = token.split(".")
    for end in (signature, ""):
        assert_refused(buy(world, f"{head}.{body}.{end}"), 401, "invalid_token")


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_not_even_with_the_right_secret(world: World, algorithm: str) -> None:
    header, claims = parts(mint(world)["token"])
    assert_refused(buy(world, signed(claims, algorithm=algorithm, kid=header["kid"])), 401, "invalid_token")


@pytest.mark.parametrize(
    "text", ["a.b.c", "e30.e30.", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "x." * 5000 + "y", "..", "ÿ.a.b"]
)
def test_nonsense_is_refused(world: World, text: str) -> None:
    answer = buy(world, text)
    assert answer.status == 401
    assert answer.json()["error"]["code"] in ("invalid_token", "invalid_api_key")


def test_a_refusal_repeats_nothing_of_the_token(world: World) -> None:
    token = mint(world)["token"]
    assert token not in buy(world, token, "https://evil.example").text
    assert token[:-4] not in buy(world, token[:-4] + "AAAA").text


# ---------------------------------------------------------------- what a token may buy


def assert_used_up(answer: Answer) -> None:
    assert_refused(answer, 402, "token_used_up")
    assert "budget" not in answer.json()["error"]


def test_a_token_buys_its_images_and_no_more(world: World) -> None:
    token = mint(world, images=3)["token"]
    assert buy(world, token, n=2).status == 202
    assert_used_up(buy(world, token, n=2))
    assert buy(world, token).status == 202
    assert_used_up(buy(world, token))
    world.jobs.work()
    assert len(world.api.call("GET", "/images").json()["data"]) == 3


def test_more_images_at_once_than_a_token_is_for_are_refused(world: World) -> None:
    assert_used_up(buy(world, mint(world, images=1)["token"], n=2))


def test_what_is_not_bought_is_given_back(world: World) -> None:
    token = mint(world, images=1)["token"]
    world.simulator.plan("moderation_blocked")
    buy(world, token)
    world.jobs.work()
    job_id = buy(world, token).json()["id"]
    world.api.call("POST", f"/jobs/{job_id}/cancel", {}, key=token, headers={"origin": SHOP})
    assert buy(world, token).status == 202


def test_the_last_image_may_be_asked_for_again_by_its_idempotency_key(world: World) -> None:
    token = mint(world, images=1)["token"]
    body = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"}
    sent = {"origin": SHOP, "idempotency-key": "1", "prefer": "respond-async"}
    first, again = (world.api.call("POST", "/images/generations", body, key=token, headers=sent) for _ in range(2))
    assert (again.status, again.json()["id"]) == (202, first.json()["id"])


def test_a_token_spends_no_more_than_its_budget(world: World) -> None:
    quoted = world.api.call("POST", "/images/quote", {"prompt": "an otter", "quality": "low"}).json()
    most = quoted["upper_bound_micro_usd"]
    token = mint(world, budget_micro_usd=most)["token"]
    bought = buy(world, token)
    assert bought.json()["easel"]["cost"]["budget_left_micro_usd"] == 0
    refused = buy(world, token)
    assert_refused(refused, 402, "budget_exceeded")
    assert refused.json()["error"]["budget"]["scope"] == "token"


def test_a_page_does_not_learn_what_its_key_may_spend(world: World) -> None:
    quoted = world.api.call("POST", "/images/quote", {"prompt": "an otter", "quality": "low"}).json()
    budget = Budget(day=quoted["upper_bound_micro_usd"])
    key, _ = keys.create(world.stack, "limited", None, [], [], budget)
    token = mint(world, key)["token"]
    bought = buy(world, token)
    assert (bought.status, bought.json()["easel"]["cost"]["budget_left_micro_usd"]) == (202, None)
    refused = buy(world, token)
    assert_refused(refused, 402, "budget_exceeded")
    assert "budget" not in refused.json()["error"]
    assert "$" not in refused.text


# ---------------------------------------------------------------- making and revoking


def test_a_key_never_gives_what_it_has_not(world: World) -> None:
    key, _ = limited_key(world, models=["gpt-image-2"], origins=[SHOP])
    more_models = world.api.call("POST", "/tokens", {"images": 1, "origins": [SHOP], "models": ["dall-e-3"]}, key=key)
    assert_refused(more_models, 403, "model_not_allowed")
    more_origins = world.api.call("POST", "/tokens", {"images": 1, "origins": ["https://other.example"]}, key=key)
    assert_refused(more_origins, 403, "origin_not_allowed")


def test_a_token_ends_with_its_key(world: World) -> None:
    key, caller = keys.create(world.stack, "short", 3600, [], [])
    assert mint(world, key, expires_in=86400)["expires_at"] == caller.expires_at


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "images", "missing_required_parameter"),
        ({"images": "3", "origins": [SHOP]}, "images", "invalid_type"),
        ({"images": 0, "origins": [SHOP]}, "images", "invalid_value"),
        ({"images": 1}, "origins", "missing_required_parameter"),
        ({"images": 1, "origins": []}, "origins", "invalid_value"),
        ({"images": 1, "origins": ["*"]}, "origins", "invalid_value"),
        ({"images": 1, "origins": [SHOP + "/"]}, "origins", "invalid_value"),
        ({"images": 1, "origins": [SHOP + ":443"]}, "origins", "invalid_value"),
        ({"images": 1, "origins": ["null"]}, "origins", "invalid_value"),
        ({"images": 1, "origins": [SHOP], "expires_in": 86401}, "expires_in", "invalid_value"),
        ({"images": 1, "origins": [SHOP], "expires_in": 29}, "expires_in", "invalid_value"),
        ({"images": 1, "origins": [SHOP], "budget_micro_usd": 0}, "budget_micro_usd", "invalid_value"),
        ({"images": 1, "origins": [SHOP], "models": ["no-such-model"]}, "models", "invalid_value"),
        ({"images": 1, "origins": [SHOP], "n": 1}, "n", "unknown_parameter"),
    ],
)
def test_a_wrong_body_is_refused(world: World, body: dict[str, Any], param: str, code: str) -> None:
    error = world.api.call("POST", "/tokens", body).json()["error"]
    assert (error["param"], error["code"]) == (param, code)


def test_tokens_are_listed_without_their_text_and_revoked_one_by_one(world: World) -> None:
    first, second = mint(world, label="first"), mint(world)
    listed = world.api.call("GET", "/tokens?limit=1")
    assert [each["id"] for each in listed.json()["data"]] in ([first["id"]], [second["id"]])
    assert listed.json()["has_more"] is True
    assert "eyJ" not in listed.text
    assert world.api.call("GET", f"/tokens/{first['id']}").json()["label"] == "first"
    assert world.api.call("DELETE", f"/tokens/{first['id']}").json()["deleted"] is True
    assert_refused(buy(world, first["token"]), 401, "token_revoked")
    assert buy(world, second["token"]).status == 202
    assert [each["id"] for each in world.api.call("GET", "/tokens").json()["data"]] == [second["id"]]
    assert world.api.call("DELETE", f"/tokens/{first['id']}").status == 404


def test_another_keys_token_is_404(world: World) -> None:
    key, _ = limited_key(world)
    token_id = mint(world)["id"]
    assert world.api.call("GET", f"/tokens/{token_id}", key=key).status == 404
    assert world.api.call("DELETE", f"/tokens/{token_id}", key=key).status == 404


def test_revoking_the_key_ends_its_tokens_at_once(world: World) -> None:
    key, caller = limited_key(world)
    token = mint(world, key)["token"]
    assert buy(world, token).status == 202
    world.stack.callers().revoke(caller.id, int(time.time()))
    assert_refused(buy(world, token), 401, "token_revoked")


# ---------------------------------------------------------------- the secret


@pytest.fixture
def signing_stack(world: World) -> Any:
    """The stack as the CLI sees it, with the secret's ARN among its outputs."""
    world.stack.outputs["TokenSecretArn"] = aws.secretsmanager().describe_secret(SecretId="tokens")["ARN"]
    return world.stack


def test_a_token_outlives_one_rotation_of_the_secret(world: World, signing_stack: Any, clock: Clock) -> None:
    token = mint(world)["token"]
    tokens.rotate(signing_stack, end_all=False)
    clock.forward(400)
    assert mint(world)["token"].split(".")[0] != token.split(".")[0]
    assert buy(world, token).status == 202


def test_a_new_secret_is_believed_before_the_old_one_is_forgotten(
    world: World, signing_stack: Any, clock: Clock
) -> None:
    mint(world)
    tokens.rotate(signing_stack, end_all=False)
    version = aws.secretsmanager().get_secret_value(SecretId="tokens")
    header, claims = parts(mint(world)["token"])
    assert header["kid"] != version["VersionId"]
    clock.forward(11)
    fresh = signed(claims, version["SecretString"], kid=version["VersionId"])
    assert buy(world, fresh).status == 202


def test_every_token_ends_when_the_operator_says_so(world: World, signing_stack: Any, clock: Clock) -> None:
    token = mint(world)["token"]
    tokens.rotate(signing_stack, end_all=True)
    clock.forward(301)
    assert_refused(buy(world, token), 401, "invalid_token")


def test_an_old_secret_is_worth_nothing_after_the_longest_life_of_a_token(
    world: World, signing_stack: Any, clock: Clock
) -> None:
    header, claims = parts(mint(world)["token"])
    tokens.rotate(signing_stack, end_all=False)
    clock.forward(86400 + 301)
    lasting = signed(claims | {"exp": claims["exp"] + 2 * 86400}, kid=header["kid"])
    assert_refused(buy(world, lasting), 401, "invalid_token")


def test_a_secret_that_is_out_of_reach_refuses_tokens_but_not_keys(world: World) -> None:
    token = mint(world)["token"]
    world.restart()
    aws.secretsmanager().delete_secret(SecretId="tokens", ForceDeleteWithoutRecovery=True)
    answer = buy(world, token)
    assert (answer.status, answer.json()["error"]["retryable"]) == (503, True)
    assert world.api.generate().status == 202


def test_a_door_loads_what_only_tokens_need_when_one_comes() -> None:
    heavy = {"jwt", "cryptography", "httpx", "mcp"}
    code = f"import handlers.api, sys; print(sorted({heavy} & set(sys.modules)))"
    source = Path(__file__).parents[2] / "src"
    environment = {"PYTHONPATH": str(source), "POWERTOOLS_SERVICE_NAME": "easel"}
    loaded = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert loaded.stdout == "[]\n"


def test_the_provider_can_tell_apart_the_visitors_of_a_page_without_knowing_them(world: World) -> None:
    tokens_ = [mint(world), mint(world)]
    jobs = [buy(world, token["token"]).json()["id"] for token in (tokens_[0], tokens_[0], tokens_[1])]
    store = JobStore(aws.dynamodb(), "jobs", LedgerStore(aws.dynamodb(), "ledger"))
    first, again, other = [job.pseudonym for job_id in jobs if (job := store.get(job_id))]
    assert first == again != other
    assert tokens_[0]["id"].removeprefix("tok_") not in first


# ---------------------------------------------------------------- what is counted besides images


def canceled(world: World, token: str, **body: Any) -> Answer:
    """A purchase that is canceled at once, which costs nothing and gives its image back."""
    answer = buy(world, token, **body)
    if answer.status == 202:
        path = f"/jobs/{answer.json()['id']}/cancel"
        assert world.api.call("POST", path, {}, key=token, headers={"origin": SHOP}).status == 200
    return answer


def test_a_tokens_attempts_end_though_it_buys_nothing(world: World) -> None:
    token = mint(world, images=1)["token"]
    assert [canceled(world, token).status for _ in range(6)] == [202] * 6
    refused = canceled(world, token)
    assert_used_up(refused)
    assert "6 attempts" in refused.json()["error"]["message"]


def test_failures_count_as_attempts(world: World) -> None:
    token = mint(world, images=1)["token"]
    world.simulator.plan("moderation_blocked", count=100)
    for _ in range(6):
        assert buy(world, token).status == 202
        world.jobs.work()
    assert_used_up(buy(world, token))


def test_an_edit_beyond_the_attempts_stores_nothing(world: World) -> None:
    token = mint(world, images=1)["token"]
    for _ in range(6):
        canceled(world, token)
    images = [{"image_url": "data:image/png;base64,AAAA"}]
    body = {"prompt": "at night", "model": "gpt-image-2.6-flare", "images": images}
    page = {"key": token, "headers": {"origin": SHOP, "prefer": "respond-async"}}
    assert_used_up(world.api.call("POST", "/images/edits", body, **page))


def test_attempts_hold_in_a_race(world: World) -> None:
    token = mint(world, images=1)["token"]
    for _ in range(5):
        canceled(world, token)
    with ThreadPoolExecutor(24) as crowd:
        answers = list(crowd.map(lambda _: buy(world, token), range(24)))
    assert sorted(answer.status for answer in answers) == [202] + [402] * 23


def test_an_account_of_an_older_version_counts_from_now_on(world: World) -> None:
    token = mint(world, images=1)
    canceled(world, token["token"])
    key = {"owner": {"S": token["id"]}, "name": {"S": "total"}}
    aws.dynamodb().update_item(TableName="ledger", Key=key, UpdateExpression="REMOVE attempts")
    assert [canceled(world, token["token"]).status for _ in range(7)] == [202] * 6 + [402]


def test_a_tokens_uploads_are_counted_for_its_life(world: World) -> None:
    token = mint(world, images=1)["token"]
    page = {"key": token, "headers": {"origin": SHOP}}
    for _ in range(18):
        made = world.api.call("POST", "/uploads", {"content_type": "image/png"}, **page)
        assert made.status == 201
        assert world.api.call("DELETE", f"/uploads/{made.json()['id']}", **page).status == 200
    assert_used_up(world.api.call("POST", "/uploads", {"content_type": "image/png"}, **page))
    assert world.api.call("POST", "/uploads", {"content_type": "image/png"}).status == 201


def test_a_used_up_token_does_not_ring_the_operators_alarm(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    token = mint(world, images=1)["token"]
    assert_used_up(buy(world, token, n=2))
    assert "BudgetRefusals" not in capsys.readouterr().out
