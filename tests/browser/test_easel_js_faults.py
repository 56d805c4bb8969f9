"""easel.js in a browser, where the network breaks, tokens end and a deployment is busy."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.chromium import OpenPage
from tests.support.scripted import BREAK, Reply, Script, scripted

if TYPE_CHECKING:
    from playwright.sync_api import Page

GENERATE, POLL, CANCEL = "POST /images/generations", "GET /jobs/job_1", "POST /jobs/job_1/cancel"
AT_ONCE = {"Retry-After": "0"}
RESULT = {"data": [{"id": "img_1", "url": "https://bucket.example/img_1.png"}]}


def job(status: str, **fields: Any) -> dict[str, Any]:
    return {"id": "job_1", "object": "job", "status": status, "result": None, "error": None} | fields


def refusal(status: int, code: str, headers: dict[str, str] | None = None, **fields: Any) -> Reply:
    error = {"message": f"This is {code}.", "code": code, "retryable": False, "charged": False, "request_id": "r-1"}
    return Reply(status, {"error": error | fields}, headers or {})


ACCEPTED = Reply(202, job("queued"), AT_ONCE)
RUNNING = Reply(200, job("running"), AT_ONCE)
SUCCEEDED = Reply(200, job("succeeded", result=RESULT))
CANCELED = Reply(200, job("canceled"))


@dataclass
class Client:
    """A page with `easel`, a client whose tokens are `token 1`, `token 2` …, and the deployment's script."""

    page: "Page"
    script: Script

    def run(self, code: str, argument: Any = None) -> Any:
        """The value of an expression, or the fields of the error that it rejects with."""
        return self.page.evaluate(
            "async ([code, argument]) => { try { return await eval(code) } catch (error) {"
            " return { error: { name: error.name, message: error.message, ...error } } } }",
            [code, argument],
        )

    def generate(self) -> Any:
        return self.run("easel.generate({ prompt: 'an otter' })")

    def authorizations(self, route: str) -> list[str]:
        return [request.headers["Authorization"] for request in self.script.sent(route)]

    def keys(self) -> list[str]:
        """The Idempotency-Keys of purchases."""
        return [request.headers["Idempotency-Key"] for request in self.script.sent(GENERATE)]


@pytest.fixture
def client(open_page: OpenPage) -> Iterator[Client]:
    with scripted() as (origin, script):
        page = open_page(origin)
        page.evaluate("""async () => {
          const { Easel, EaselError } = await import("/easel.js")
          Object.assign(globalThis, { Easel, EaselError, tokens: 0 })
          globalThis.easel = new Easel({ token: async () => `token ${++tokens}` })
        }""")
        yield Client(page, script)


# ---------------------------------------------------------------- a purchase


def test_a_purchase_is_followed_until_it_has_its_images(client: Client) -> None:
    client.script.on(GENERATE, ACCEPTED)
    client.script.on(POLL, RUNNING, RUNNING, SUCCEEDED)
    found = client.run("""(async () => {
      const seen = []
      const options = { onProgress: (job) => seen.push(job.status), idempotencyKey: "order-17" }
      return { seen, result: await easel.generate({ prompt: "an otter", n: 2 }, options) }
    })()""")
    assert found == {"seen": ["queued", "running", "running", "succeeded"], "result": RESULT}
    (sent,) = client.script.sent(GENERATE)
    assert sent.json() == {"prompt": "an otter", "n": 2}
    assert (sent.headers["Idempotency-Key"], sent.headers["Prefer"]) == ("order-17", "respond-async")


def test_each_call_is_a_purchase_of_its_own(client: Client) -> None:
    client.script.on(GENERATE, Reply(200, RESULT))
    assert [client.generate(), client.generate()] == [RESULT, RESULT]
    first, second = client.keys()
    assert first != second


@pytest.mark.parametrize(
    "hitch",
    [
        BREAK,
        Reply(502, "Internal Server Error"),
        refusal(500, "internal_error", charged="unknown"),
        refusal(504, "gateway_failure", charged="unknown"),
        refusal(429, "rate_limit_exceeded", AT_ONCE, retryable=True),
        refusal(503, "deployment_busy", AT_ONCE, retryable=True),
    ],
    ids=["break", "no document", "internal_error", "gateway_failure", "rate_limit_exceeded", "deployment_busy"],
)
def test_what_got_no_answer_is_sent_again_as_the_same_purchase(client: Client, hitch: Reply) -> None:
    client.script.on(GENERATE, hitch, ACCEPTED)
    client.script.on(POLL, hitch, SUCCEEDED)
    assert client.generate() == RESULT
    assert len(client.keys()) == 2
    assert len(set(client.keys())) == 1


def test_a_purchase_without_any_answer_can_be_sent_again_as_the_same(client: Client) -> None:
    client.script.on(GENERATE, BREAK)
    client.page.clock.install()
    client.page.evaluate("() => { globalThis.bought = easel.generate({ prompt: 'an otter' }) }")
    client.page.evaluate("() => { bought.catch((error) => { globalThis.failure = { ...error } }) }")
    while not client.page.evaluate("globalThis.failure"):
        client.page.clock.run_for(10_000)
    error = client.run("failure")
    assert (error["code"], error["charged"], error["retryable"]) == ("network_error", "unknown", True)
    client.script.on(GENERATE, Reply(200, RESULT))
    assert client.run("easel.generate({ prompt: 'an otter' }, failure)") == RESULT
    assert set(client.keys()) == {error["idempotencyKey"]}
    assert len(client.keys()) > 5


@pytest.mark.parametrize(
    "refused",
    [
        refusal(400, "invalid_value", param="n"),
        refusal(402, "budget_exceeded", budget={"left_micro_usd": 17}),
        refusal(503, "buying_stopped"),
        refusal(502, "outcome_unknown", charged="unknown", job_id="job_1"),
        refusal(503, "provider_overloaded", AT_ONCE, retryable=True, job_id="job_1"),
    ],
    ids=["invalid_value", "budget_exceeded", "buying_stopped", "outcome_unknown", "provider_overloaded"],
)
def test_a_refusal_and_the_failure_of_a_job_are_final(client: Client, refused: Reply) -> None:
    client.script.on(GENERATE, refused)
    error, said = client.generate()["error"], refused.document["error"]
    assert error["name"] == "EaselError"
    assert error["status"] == refused.status
    fields = {"requestId": "request_id", "jobId": "job_id"}
    for name in ("message", "code", "param", "charged", "retryable", "requestId", "jobId", "budget"):
        assert error[name] == said.get(fields.get(name, name)), name
    assert len(client.keys()) == 1


def test_a_job_that_fails_says_why(client: Client) -> None:
    said = {"message": "Refused.", "code": "moderation_blocked", "charged": False, "moderation": {"stage": "input"}}
    client.script.on(GENERATE, ACCEPTED)
    client.script.on(POLL, Reply(200, job("failed", error=said | {"job_id": "job_1", "retryable": False})))
    error = client.generate()["error"]
    assert (error["message"], error["code"], error["charged"]) == ("Refused.", "moderation_blocked", False)
    assert (error["moderation"], error["jobId"]) == ({"stage": "input"}, "job_1")


def test_a_job_that_somebody_canceled_is_an_error(client: Client) -> None:
    client.script.on(GENERATE, ACCEPTED)
    client.script.on(POLL, CANCELED)
    error = client.generate()["error"]
    assert (error["code"], error["charged"], error["jobId"]) == ("job_canceled", False, "job_1")


def test_a_job_is_awaited_again_after_a_reload(client: Client) -> None:
    client.script.on(POLL, RUNNING, SUCCEEDED)
    assert client.run("easel.wait('job_1')") == RESULT


# ---------------------------------------------------------------- tokens


def test_calls_at_the_same_time_share_a_token(client: Client) -> None:
    client.script.on(GENERATE, Reply(200, RESULT))
    client.run("Promise.all([1, 2, 3].map(() => easel.generate({ prompt: 'an otter' })))")
    assert client.authorizations(GENERATE) == ["Bearer token 1"] * 3


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "token_expired"), (401, "token_revoked"), (401, "invalid_token"), (402, "token_used_up")],
)
def test_a_token_that_has_ended_is_replaced_once(client: Client, status: int, code: str) -> None:
    client.script.on(GENERATE, refusal(status, code), Reply(200, RESULT))
    assert client.generate() == RESULT
    assert client.authorizations(GENERATE) == ["Bearer token 1", "Bearer token 2"]
    client.script.on(GENERATE, refusal(status, code))
    assert client.generate()["error"]["code"] == code
    assert client.authorizations(GENERATE)[2:] == ["Bearer token 2", "Bearer token 3"]


def test_calls_that_fail_at_the_same_time_share_the_new_token(client: Client) -> None:
    client.script.on(GENERATE, *[refusal(401, "token_expired")] * 3, Reply(200, RESULT))
    client.run("Promise.all([1, 2, 3].map(() => easel.generate({ prompt: 'an otter' })))")
    assert client.run("tokens") == 2


def test_a_token_that_is_a_text_is_not_replaced(client: Client) -> None:
    client.script.on(GENERATE, refusal(401, "token_expired"))
    error = client.run("new Easel({ token: 'fixed' }).generate({ prompt: 'an otter' })")["error"]
    assert (error["code"], len(client.keys())) == ("token_expired", 1)


def test_nothing_is_bought_with_another_token_while_a_purchase_is_in_doubt(client: Client) -> None:
    """An Idempotency-Key holds for one token: with another one, the same request would be a second purchase."""
    client.script.on(GENERATE, BREAK, refusal(401, "token_expired"))
    error = client.generate()["error"]
    assert (error["code"], error["charged"]) == ("token_expired", "unknown")
    assert client.authorizations(GENERATE) == ["Bearer token 1"] * 2


def test_a_token_that_could_not_be_made_is_asked_for_at_the_next_call(client: Client) -> None:
    client.script.on(GENERATE, Reply(200, RESULT))
    error, found = client.run("""(async () => {
      const answers = [() => { throw new Error("HTTP 500") }, () => ({ not: "a text" }), () => "good"]
      const easel = new Easel({ token: async () => answers.shift()() })
      const ask = () => easel.generate({ prompt: "an otter" }).catch((error) => error.code)
      return [[await ask(), await ask()], await ask()]
    })()""")
    assert (error, found) == (["token_unavailable"] * 2, RESULT)
    assert client.authorizations(GENERATE) == ["Bearer good"]


@pytest.mark.parametrize(("seconds", "fetched"), [(60, 2), (3600, 1)])
def test_a_token_that_ends_soon_is_replaced_before_it_buys(client: Client, seconds: int, fetched: int) -> None:
    """An image can be read only with the token that bought it. The clock of a visitor may be wrong."""
    long_ago = int(time.time()) - 1_000_000
    claims = json.dumps({"iat": long_ago, "exp": long_ago + seconds}).encode()
    token = f"h.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.s"
    client.script.on(GENERATE, Reply(200, RESULT))
    asked = client.run(
        """(async () => {
          let asked = 0
          const easel = new Easel({ token: () => { asked += 1; return argument } })
          await easel.generate({ prompt: "an otter" })
          return asked
        })()""",
        token,
    )
    assert asked == fetched


# ---------------------------------------------------------------- aborting


def test_aborting_ends_the_wait_and_cancels_the_job(client: Client) -> None:
    client.script.on(GENERATE, ACCEPTED)
    client.script.on(POLL, RUNNING)
    client.script.on(CANCEL, CANCELED)
    error = client.run("""(async () => {
      const abort = new AbortController()
      const onProgress = (job) => job.status === "running" && abort.abort()
      await easel.generate({ prompt: "an otter" }, { signal: abort.signal, onProgress })
    })()""")["error"]
    assert error["name"] == "AbortError"
    client.page.wait_for_timeout(500)
    assert len(client.script.sent(CANCEL)) == 1


def test_aborting_before_the_purchase_was_answered_cancels_its_job(client: Client) -> None:
    client.script.on(GENERATE, BREAK, ACCEPTED)
    client.script.on(POLL, RUNNING)
    client.script.on(CANCEL, CANCELED)
    error = client.run("easel.generate({ prompt: 'an otter' }, { signal: AbortSignal.timeout(300) })")["error"]
    assert error["name"] == "TimeoutError"
    client.page.wait_for_timeout(1500)
    assert len(client.script.sent(CANCEL)) == 1


def test_nothing_is_sent_for_a_signal_that_was_aborted_before(client: Client) -> None:
    error = client.run("easel.generate({ prompt: 'an otter' }, { signal: AbortSignal.abort() })")["error"]
    assert (error["name"], client.script.requests) == ("AbortError", [])


# ---------------------------------------------------------------- files

# `argument` is its length, less that of its signature.
PNG = "new File([new Uint8Array([137, 80, 78, 71, 13, 10]), 'x'.repeat(argument)], 'a.png')"
EDIT, UPLOADS, BUCKET = "POST /images/edits", "POST /uploads", "POST /bucket"


def upload(origin: str) -> Reply:
    return Reply(201, {"id": "file_1", "url": f"{origin}/bucket", "fields": {"key": "uploads/file_1"}})


def test_small_files_go_along_and_references_stay(client: Client) -> None:
    client.script.on(EDIT, Reply(200, RESULT))
    body = f"{{ prompt: 'x', image: [{PNG}, 'img_1', 'file_2', 'https://a.example/b.png'], mask: {PNG} }}"
    assert client.run(f"easel.edit({body})", 100) == RESULT
    sent = client.script.sent(EDIT)[0].json()
    inline = {"image_url": "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n" + b"x" * 100).decode()}
    others = [{"file_id": "img_1"}, {"file_id": "file_2"}, {"image_url": "https://a.example/b.png"}]
    assert sent == {"prompt": "x", "images": [inline, *others], "mask": inline}


def test_a_large_file_is_uploaded_before_with_progress_and_again_after_a_break(client: Client) -> None:
    origin = client.page.url.rstrip("/")
    client.script.on(UPLOADS, upload(origin))
    client.script.on(BUCKET, BREAK, Reply(204))
    client.script.on(EDIT, Reply(200, RESULT))
    seen = client.run(
        f"""(async () => {{
          const seen = []
          await easel.edit({{ prompt: "x", image: {PNG} }}, {{ onUpload: (progress) => seen.push(progress) }})
          return seen
        }})()""",
        2_000_000,
    )
    assert seen[-1] == {"loaded": 2_000_006, "total": 2_000_006}
    assert client.script.sent(UPLOADS)[0].json() == {
        "content_type": "image/png",
        "bytes": 2_000_006,
        "filename": "a.png",
    }
    assert client.script.sent(EDIT)[0].json()["images"] == [{"file_id": "file_1"}]
    assert len(client.script.sent(BUCKET)) == 2


def test_a_bucket_that_refuses_a_file_is_an_error(client: Client) -> None:
    client.script.on(UPLOADS, upload(client.page.url.rstrip("/")))
    client.script.on(BUCKET, Reply(403, "<Error/>"))
    error = client.run(f"easel.upload({PNG})", 10)["error"]
    assert (error["code"], error["status"]) == ("upload_failed", 403)


@pytest.mark.parametrize("call", ["easel.upload(argument)", "easel.edit({ prompt: 'x', image: argument })"])
def test_a_file_that_no_model_reads_is_refused_before_anything_is_sent(client: Client, call: str) -> None:
    error = client.run(call.replace("argument", "new File(['....ftypheic'], 'IMG_1.png', { type: 'image/png' })"))[
        "error"
    ]
    assert (error["code"], error["param"]) == ("unsupported_image_media_type", "image")
    assert "IMG_1.png" in error["message"]
    assert client.script.requests == []


def test_a_quote_sends_no_files(client: Client) -> None:
    client.script.on("POST /images/quote", Reply(200, {"object": "quote"}))
    assert client.run(f"easel.quote({{ prompt: 'x', image: {PNG} }})", 10)["error"]["code"] == "file_not_sent"
    client.run("easel.quote({ prompt: 'x', image: 'img_1' })")
    assert client.script.sent("POST /images/quote")[0].json() == {"prompt": "x", "images": [{"file_id": "img_1"}]}


# ---------------------------------------------------------------- other calls


@pytest.mark.parametrize(
    ("call", "route"),
    [
        (
            "easel.jobs({ status: 'failed', metadata: { order: '17' }, after: undefined })",
            "GET /jobs?status=failed&metadata%5Border%5D=17",
        ),
        ("easel.images()", "GET /images"),
        ("easel.usage({ from: '2026-11-01' })", "GET /usage?from=2026-11-01"),
        ("easel.models()", "GET /models"),
        ("easel.delete('img_1')", "DELETE /images/img_1"),
        ("easel.delete('job_1')", "DELETE /jobs/job_1"),
        ("easel.delete('file_1')", "DELETE /uploads/file_1"),
        ("easel.cancel('../tokens')", "POST /jobs/..%2Ftokens/cancel"),
    ],
)
def test_each_method_calls_its_route(client: Client, call: str, route: str) -> None:
    client.script.on(route, Reply(200, {"object": "list"}))
    assert client.run(call) == {"object": "list"}
