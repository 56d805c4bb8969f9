"""The server and the page of docs/web-front-ends.md, as they are printed there, with a visitor who clicks."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import jwt
import pytest

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support.chromium import OpenPage
from tests.support.pages import program_in

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

GUIDE = "web-front-ends.md"
UNAVAILABLE = "No pictures can be drawn at the moment."


@contextmanager
def guide_site(folder: Path, stack: Stack, key: str) -> Iterator[str]:
    """The guide's server, on a free port; yields its origin."""
    (folder / "page.html").write_text(program_in(GUIDE, "html", "page.html"))
    with httpx.Client(trust_env=False) as client:
        port = _free_port()
        (folder / "server.py").write_text(program_in(GUIDE, "python", "server.py").replace("8000", str(port)))
        environment = os.environ | {"EASEL_URL": stack.api_url, "EASEL_KEY": key, "NO_PROXY": "*"}
        server = subprocess.Popen([sys.executable, "server.py"], cwd=folder, env=environment, stderr=subprocess.DEVNULL)
        origin = f"http://localhost:{port}"
        try:
            while not _answers(client, origin):
                assert server.poll() is None
                time.sleep(0.1)
            yield origin
        finally:
            server.kill()
            server.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _answers(client: httpx.Client, origin: str) -> bool:
    try:
        return client.get(origin).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def page(stack: Stack, key: Key, simulator: SimulatorControl, open_page: OpenPage, tmp_path: Path) -> Iterator["Page"]:
    with guide_site(tmp_path, stack, key.key) as origin:
        yield open_page(origin, allowed=[stack.api_url])


def draw(page: "Page") -> None:
    page.get_by_role("button", name="Draw").click()


def shows_a_picture(page: "Page") -> bool:
    """Whether the page has one, once it says that it is done."""
    page.get_by_role("status").get_by_text("done").wait_for()
    return bool(page.evaluate("document.querySelector('img').decode().then(() => true)"))


def test_a_visitor_draws_one_picture_after_the_other(page: "Page") -> None:
    draw(page)
    assert shows_a_picture(page)
    first = page.locator("img").get_attribute("src")
    draw(page)
    page.wait_for_function("(first) => document.querySelector('img').src !== first", arg=first)
    assert shows_a_picture(page)


def test_an_early_click_is_not_lost(page: "Page") -> None:
    held: list[Route] = []

    def hold(route: "Route") -> None:
        held.append(route)

    page.route("**/easel.js*", hold)
    page.reload(wait_until="commit")
    draw(page)
    page.get_by_text("connecting").wait_for()
    assert page.get_by_role("button", name="Draw").is_disabled()
    assert "?" not in page.url
    held[0].continue_()
    assert shows_a_picture(page)


def test_a_server_without_a_valid_key_leaves_a_page_that_says_so(
    stack: Stack, simulator: SimulatorControl, open_page: OpenPage, tmp_path: Path
) -> None:
    with guide_site(tmp_path, stack, "ek_wrong") as origin:
        page = open_page(origin, allowed=[stack.api_url])
        draw(page)
        page.get_by_text(UNAVAILABLE).wait_for()
        assert page.get_by_role("button", name="Draw").is_enabled()


def test_a_token_that_failed_once_is_asked_for_again(page: "Page") -> None:
    page.route("**/token", lambda route: route.abort(), times=1)
    draw(page)
    page.get_by_text(UNAVAILABLE).wait_for()
    draw(page)
    assert shows_a_picture(page)


def test_an_expired_token_is_replaced_unseen(page: "Page", stack: Stack) -> None:
    token = httpx.post(f"{page.url}token", trust_env=False).text
    secret = stack.client("secretsmanager").get_secret_value(SecretId=stack.token_secret_arn)
    claims = jwt.decode(token, options={"verify_signature": False}) | {"exp": int(time.time()) - 100}
    claims |= {"iat": claims["exp"] - 600, "nbf": claims["exp"] - 600}
    expired = jwt.encode(claims, secret["SecretString"], "HS256", headers={"kid": secret["VersionId"]})
    page.route("**/token", lambda route: route.fulfill(body=expired), times=1)
    draw(page)
    assert shows_a_picture(page)


def test_a_click_without_a_network_says_so_and_the_next_one_draws(page: "Page") -> None:
    page.context.set_offline(True)
    draw(page)
    page.get_by_text("That did not work").wait_for()
    page.context.set_offline(False)
    draw(page)
    assert shows_a_picture(page)


def test_a_slow_network_and_a_slow_picture_are_waited_for(page: "Page", simulator: SimulatorControl) -> None:
    simulator.plan("slow", seconds=3)
    slow = {"offline": False, "latency": 800, "downloadThroughput": 60_000, "uploadThroughput": 20_000}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    page.reload()
    draw(page)
    assert shows_a_picture(page)
    assert len(simulator.calls()) == 1
