"""easel.js against a deployed stack, in a page on another origin that holds a browser token."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from PIL import Image

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import wire
from tests.support.chromium import OpenPage, serving
from tests.support.pictures import encoded, overlay

if TYPE_CHECKING:
    from playwright.sync_api import Page

WISH = {"model": "gpt-image-2", "prompt": "an otter", "quality": "low", "size": "1024x1024"}


@dataclass
class Shop:
    """A page that has `easel`, whose tokens come from the test, one after the other."""

    page: "Page"
    stack: Stack
    key: Key
    origin: str

    def token(self, **limits: Any) -> str:
        """A new token for this page."""
        body = {"images": 5, "origins": [self.origin]} | limits
        made = wire.post(f"{self.stack.api_url}/tokens", json=body, headers=self.key.headers)
        return str(made.raise_for_status().json()["token"])

    def give(self, *tokens: str) -> None:
        """What the page's server answers when the page asks for a token; the last one again and again."""
        self.page.evaluate("(tokens) => { globalThis.tokens = tokens }", tokens)

    def run(self, code: str, argument: Any = None) -> Any:
        """The value of an expression, or the fields of the error that it rejects with."""
        return self.page.evaluate(
            "async ([code, argument]) => { try { return await eval(code) } catch (error) {"
            " return { error: { name: error.name, message: error.message, ...error } } } }",
            [code, argument],
        )


@pytest.fixture
def shop(stack: Stack, make_key: MakeKey, simulator: SimulatorControl, open_page: OpenPage) -> Iterator[Shop]:
    with serving({"/": "<title>A shop</title>"}) as origin:
        page = open_page(origin, allowed=[stack.api_url])
        page.evaluate(
            """async (url) => {
              const { Easel } = await import(url)
              const token = async () => (tokens.length > 1 ? tokens.shift() : tokens[0])
              globalThis.easel = new Easel({ token })
            }""",
            f"{stack.api_url}/easel.js",
        )
        shop = Shop(page, stack, make_key(), origin)
        shop.give(shop.token())
        yield shop


def noise(side: int) -> bytes:
    """A PNG of about three bytes a pixel."""
    pixels = Image.frombytes("RGB", (side, side), os.urandom(3 * side * side))
    return encoded(pixels, compress_level=0)


def choose(page: "Page", name: str, content: bytes) -> None:
    """Let a visitor choose a file, as `chosen`."""
    page.set_content("<input type=file>")
    page.set_input_files("input", {"name": name, "mimeType": "image/png", "buffer": content})
    page.evaluate("globalThis.chosen = document.querySelector('input').files[0]")


def test_a_page_buys_an_image_and_shows_it(shop: Shop) -> None:
    found = shop.run(
        """(async () => {
          const seen = []
          const result = await easel.generate(argument, { onProgress: (job) => seen.push(job.status) })
          const image = new Image()
          image.src = result.data[0].url
          await image.decode()
          return { seen, width: image.naturalWidth, job: await easel.job(result.easel.job_id) }
        })()""",
        WISH,
    )
    assert found["seen"][-1] == "succeeded"
    assert (found["width"], found["job"]["prompt"]) == (1024, "an otter")


def test_a_large_file_of_a_visitor_is_uploaded_and_edited(shop: Shop) -> None:
    content = noise(1500)
    choose(shop.page, "photo.png", content)
    found = shop.run(
        """(async () => {
          const seen = []
          const body = { ...argument, image: chosen }
          const result = await easel.edit(body, { onUpload: (progress) => seen.push(progress) })
          return { seen, data: result.data }
        })()""",
        WISH,
    )
    assert found["seen"][-1] == {"loaded": len(content), "total": len(content)}
    assert len(found["data"]) == 1


def test_a_small_file_goes_along_with_its_mask(shop: Shop) -> None:
    choose(shop.page, "mask.png", overlay())
    found = shop.run("easel.edit({ ...argument, image: chosen, mask: chosen })", WISH)
    assert len(found["data"]) == 1
    again = shop.run("easel.edit({ ...argument[0], image: argument[1] })", [WISH, found["data"][0]["id"]])
    assert len(again["data"]) == 1


def test_a_purchase_survives_a_time_without_a_network(shop: Shop, simulator: SimulatorControl) -> None:
    simulator.plan("slow", seconds=4)
    shop.page.evaluate(
        "(wish) => { globalThis.bought = easel.generate(wish, { onProgress: () => { globalThis.begun = true } }) }",
        WISH,
    )
    shop.page.wait_for_function("globalThis.begun")
    shop.page.context.set_offline(True)
    shop.page.wait_for_timeout(3000)
    shop.page.context.set_offline(False)
    assert len(shop.run("bought")["data"]) == 1
    assert len(simulator.calls()) == 1


def test_a_purchase_that_is_begun_without_a_network_is_made_when_there_is_one(
    shop: Shop, simulator: SimulatorControl
) -> None:
    shop.run("easel.models()")  # so that the page has its token
    shop.page.context.set_offline(True)
    shop.page.evaluate("(wish) => { globalThis.bought = easel.generate(wish) }", WISH)
    shop.page.wait_for_timeout(1500)
    shop.page.context.set_offline(False)
    assert len(shop.run("bought")["data"]) == 1
    assert len(simulator.calls()) == 1


def _expired(shop: Shop) -> str:
    secret = shop.stack.client("secretsmanager").get_secret_value(SecretId=shop.stack.token_secret_arn)
    claims = jwt.decode(shop.token(), options={"verify_signature": False})
    claims |= {"iat": int(time.time()) - 700, "nbf": int(time.time()) - 700, "exp": int(time.time()) - 100}
    return jwt.encode(claims, secret["SecretString"], "HS256", headers={"kid": secret["VersionId"]})


def _used_up(shop: Shop) -> str:
    token = shop.token(images=1)
    headers = {"Authorization": f"Bearer {token}", "Origin": shop.origin, "Prefer": "respond-async"}
    wire.post(f"{shop.stack.api_url}/images/generations", json=WISH, headers=headers).raise_for_status()
    return token


@pytest.mark.parametrize("ended", [_expired, _used_up], ids=["expired", "used up"])
def test_a_page_goes_on_with_a_new_token(shop: Shop, ended: Callable[[Shop], str]) -> None:
    shop.give(ended(shop), shop.token())
    assert len(shop.run("easel.generate(argument)", WISH)["data"]) == 1


def test_a_page_reads_why_it_is_refused(shop: Shop) -> None:
    shop.give(shop.token(budget_micro_usd=100))
    error = shop.run("easel.generate(argument)", WISH)["error"]
    assert (error["name"], error["status"], error["code"]) == ("EaselError", 402, "budget_exceeded")
    assert (error["charged"], error["budget"]["scope"]) == (False, "token")
    assert error["requestId"]


def test_a_page_knows_the_price_before(shop: Shop) -> None:
    quote = shop.run("easel.quote(argument)", WISH)
    assert 0 < quote["quote_micro_usd"] <= quote["upper_bound_micro_usd"]


def test_a_page_deletes_what_it_made(shop: Shop) -> None:
    result = shop.run("easel.generate(argument)", WISH)
    assert shop.run("easel.delete(argument)", result["data"][0]["id"])["deleted"] is True
    assert shop.run("easel.delete(argument)", result["easel"]["job_id"])["deleted"] is True


def test_an_aborted_purchase_is_not_made(shop: Shop, simulator: SimulatorControl) -> None:
    simulator.plan("slow", seconds=3)
    error = shop.run("easel.generate(argument, { signal: AbortSignal.timeout(1) })", WISH)["error"]
    assert error["name"] == "TimeoutError"
    headers = shop.key.headers

    def jobs() -> Any:
        return wire.get(f"{shop.stack.api_url}/jobs", headers=headers).json()["data"]

    shop.page.wait_for_timeout(1500)
    # Too late to cancel it, if a worker was faster; then it is made as if nobody had left.
    assert [job["status"] in ("canceled", "running", "succeeded") for job in jobs()] in ([], [True])
