"""Easel's viewer in a host of MCP Apps: in Chromium, by the MCP project's own bridge, client and sandbox.

EASEL_SCREENSHOTS=FOLDER keeps what it looks like, for people.
"""

import base64
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from interfaces.mcp_server import apps
from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import MakeKey
from tests.support.chromium import OpenPage
from tests.support.mcp.host import host_page

if TYPE_CHECKING:
    from playwright.sync_api import Frame, Page

expect.set_options(timeout=60_000)

JOB = "job_" + "0" * 32
WISH = {"prompt": "An otter floats on its back", "size": "1536x1024"}
CALL = {"model": "gpt-image-2.6-flare", "quality": "low", "partial_images": 2, "wait_seconds": 45}

ShowViewer = Callable[..., "Viewer"]


class Viewer:
    """The viewer in a host's page, whose side of the protocol the test plays."""

    def __init__(self, page: "Page") -> None:
        self.page = page

    @property
    def frame(self) -> "Frame":
        """The innermost frame, in which the viewer runs."""
        return self.page.frames[-1]

    def host(self, doing: str, *given: Any) -> Any:
        """Let the host do something."""
        return self.page.evaluate(f"given => host.{doing}(...given)", given)

    def answers(self, *results: Any) -> None:
        """What its looks at the job find, one after the other; the last one again and again."""
        self.page.evaluate("results => { host.answers = results }", results)

    def seen(self, kind: str) -> list[dict[str, Any]]:
        """What it asked the host for."""
        seen: list[dict[str, Any]] = self.page.evaluate(f"host.seen.{kind}")
        return seen

    @property
    def status(self) -> Any:
        return self.frame.locator("#status")

    def button(self, name: str) -> Any:
        return self.frame.get_by_role("button", name=name, exact=True)


@pytest.fixture
def show(open_page: OpenPage) -> Iterator[ShowViewer]:
    """Shows the viewer in a host of which nothing but the protocol is there; `given` is for host.show."""
    html = Path(apps.__file__).with_name("viewer.html").read_text()

    with host_page() as (url, sandbox):

        def show_it(width: int = 720, **given: Any) -> Viewer:
            viewer = Viewer(open_page(url, allowed=[sandbox], viewport={"width": width, "height": 900}))
            viewer.host("show", {"html": html, **given})
            return viewer

        yield show_it


def result(**told: Any) -> dict[str, Any]:
    """A tool's result about a job."""
    cost = {"quote": "$0.0400", "upper_bound": "$0.0600", "actual": None, "budget_left": "$2.34"}
    job: dict[str, Any] = {
        "job_id": JOB,
        "status": "running",
        "images": [],
        "warnings": [],
        "prompt": WISH["prompt"],
        "charged": None,
    }
    document = {**job, "cost": cost, "error": None, "next_step": "", **told}
    return {"content": [{"type": "text", "text": json.dumps(document)}], "structuredContent": document}


def image(number: int = 0, size: tuple[int, int] = (360, 240), color: str = "teal") -> dict[str, Any]:
    written = io.BytesIO()
    Image.new("RGB", size, color).save(written, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"
    return {
        "id": f"img_{number:032x}",
        "url": url,
        "content_type": "image/png",
        "width": size[0],
        "height": size[1],
    }


def done(*images: dict[str, Any], **more: Any) -> dict[str, Any]:
    cost = {"quote": "$0.0400", "upper_bound": "$0.0600", "actual": "$0.0412", "budget_left": "$2.30"}
    return result(status="succeeded", images=[*(images or [image()])], charged=True, cost=cost, **more)


def drawn(viewer: Viewer) -> None:
    """The images are there, as wide and as high as they are, or smaller but not stretched."""
    for shown in viewer.frame.locator("#images img").all():
        width, height = shown.evaluate(
            "async image => (await image.decode(), [image.naturalWidth, image.naturalHeight])"
        )
        box = shown.bounding_box()
        assert box
        assert width >= box["width"] > 100
        assert abs(box["width"] / box["height"] - width / height) < 0.01


def assert_accessible(viewer: Viewer) -> None:
    """No finding of axe that is serious or critical."""
    found = Axe().run(viewer.frame).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    assert not serious, json.dumps([(each["id"], [node["html"] for node in each["nodes"]]) for each in serious])


def screenshot(viewer: Viewer, name: str) -> None:
    if folder := os.environ.get("EASEL_SCREENSHOTS"):
        viewer.page.wait_for_timeout(500)  # for the frame's height
        viewer.page.screenshot(path=Path(folder, f"{name}.png"), full_page=True)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 720])
def test_an_image_is_seen_while_it_is_made_and_then_as_it_is(show: ShowViewer, width: int, theme: str) -> None:
    viewer = show(width, context={"theme": theme})
    progress = {"stage": "calling", "elapsed_seconds": 9, "usual_seconds": {"p50": 14, "p90": 31}, "position": None}
    preview = image(color="slategray")
    viewer.answers(
        result(status="queued", progress={**progress, "stage": "queued", "position": 3}),
        result(progress=progress, previews=[]),
        result(progress=progress, previews=[preview]),
        done(),
    )
    viewer.host("input", WISH)
    expect(viewer.status).to_have_text("Waiting for its turn…")
    expect(viewer.frame.locator("#time")).to_contain_text(
        re.compile(r"\d+ s so far · usually 14 to 31 s · about 3 ahead of it")
    )
    expect(viewer.status).to_have_text("Making the image…")
    expect(viewer.frame.get_by_alt_text("Preview: An otter floats on its back")).to_be_visible()
    expect(viewer.frame.locator("#cost")).to_have_text("About $0.0400, at most $0.0600 · $2.34 left of the budget")
    screenshot(viewer, f"making-{width}-{theme}")
    assert_accessible(viewer)
    expect(viewer.status).to_have_text("The image is ready.")
    viewer.host("result", done())
    drawn(viewer)
    expect(viewer.frame.locator("#cost")).to_have_text("Cost $0.0412 · $2.30 left of the budget")
    expect(viewer.frame.locator("#frame")).to_be_hidden()
    screenshot(viewer, f"ready-{width}-{theme}")
    assert_accessible(viewer)
    calls = viewer.seen("calls")
    assert {call["name"] for call in calls} == {"view_image_job"}
    assert [set(call["arguments"]) for call in calls] == [{"call"}, {"job_id"}, {"job_id"}, {"job_id"}]
    assert json.loads(calls[0]["arguments"]["call"]) == WISH
    viewer.page.wait_for_timeout(4000)
    assert len(viewer.seen("calls")) == len(calls), "a finished job is not looked at again"


def test_its_height_follows_its_content(show: ShowViewer) -> None:
    viewer = show()
    viewer.host("result", done(image(size=(1024, 1536))))
    drawn(viewer)
    viewer.page.wait_for_timeout(300)
    content, window = viewer.frame.evaluate("[document.body.getBoundingClientRect().height, innerHeight]")
    assert abs(content - window) <= 1
    assert content > 450


def test_the_theme_follows_the_host(show: ShowViewer) -> None:
    viewer = show(context={"theme": "light"})
    ground = "getComputedStyle(document.body).backgroundColor"
    assert viewer.frame.evaluate(ground) == "rgb(255, 255, 255)"
    viewer.host("adapt", {"theme": "dark"})
    viewer.frame.wait_for_function(f"{ground} === 'rgb(27, 27, 30)'")
    own = {"--color-background-primary": "light-dark(#fff, #102030)"}
    viewer.host("adapt", {"theme": "dark", "styles": {"variables": own}})
    viewer.frame.wait_for_function(f"{ground} === 'rgb(16, 32, 48)'")


def test_an_image_is_downloaded_edited_and_varied_by_keyboard(show: ShowViewer) -> None:
    viewer = show()
    viewer.host("result", done(image(7)))
    expect(viewer.status).to_have_text("The image is ready.")
    viewer.button("Download: image").press("Enter")
    ((download,),) = [each["contents"] for each in viewer.seen("downloads")]
    assert (download["type"], download["name"], download["mimeType"]) == ("resource_link", image(7)["id"], "image/png")
    edit = viewer.button("Edit: image")
    edit.press("Enter")
    field = viewer.frame.get_by_label("What to change in the image")
    expect(field).to_be_focused()
    expect(edit).to_have_attribute("aria-expanded", "true")
    field.press("Escape")
    expect(edit).to_be_focused()
    expect(field).to_be_hidden()
    edit.press("Enter")
    assert_accessible(viewer)
    screenshot(viewer, "editing")
    field.fill("make it winter")
    field.press("Enter")
    expect(viewer.frame.locator("#answer")).to_have_text("Sent to the conversation.")
    viewer.button("Variants: image").press("Space")
    viewer.page.wait_for_function("host.seen.messages.length === 2")
    said = [message["content"][0]["text"] for message in viewer.seen("messages")]
    assert said[0] == f"Edit the image {image(7)['id']}: make it winter"
    assert said[1].startswith(f"Make 2 variants of the image {image(7)['id']}")
    assert viewer.seen("calls") == [], "the viewer itself buys nothing"


def test_several_images_have_their_own_names_and_buttons(show: ShowViewer) -> None:
    viewer = show()
    viewer.host("result", done(*(image(n, color=color) for n, color in enumerate(["teal", "salmon", "gold"]))))
    expect(viewer.status).to_have_text("3 images are ready.")
    drawn(viewer)
    viewer.button("Download: image 2").click()
    assert viewer.seen("downloads")[0]["contents"][0]["name"] == image(1)["id"]
    assert_accessible(viewer)
    screenshot(viewer, "several")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            result(
                status="failed",
                charged=False,
                error={"message": "The provider's safety system refused the prompt.", "code": "moderation_blocked"},
            ),
            "The provider's safety system refused the prompt. Nothing was charged.",
        ),
        (result(status="canceled"), "The job was canceled. Nothing was bought."),
        (result(status="unknown", charged="unknown"), "It is not known whether"),
        (
            {"isError": True, "content": [{"type": "text", "text": '{"error": {"message": "Too expensive."}}'}]},
            "Too expensive.",
        ),
        ({"isError": True, "content": [{"type": "text", "text": "Something broke."}]}, "Something broke."),
        ({"isError": True, "content": []}, "The assistant's call failed."),
        (result(status="succeeded"), "The images were deleted."),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_what_was_not_made_is_said_in_words(show: ShowViewer, told: dict[str, Any], said: str) -> None:
    viewer = show()
    viewer.host("input", WISH)
    viewer.host("result", told)
    expect(viewer.status).to_contain_text(said)
    expect(viewer.frame.locator("#frame")).to_be_hidden()
    assert_accessible(viewer)
    screenshot(viewer, f"said-{said[:12]}")


def test_a_host_that_passes_on_only_text_shows_the_image_as_well(show: ShowViewer) -> None:
    viewer = show()
    viewer.host("result", {"content": done()["content"]})
    expect(viewer.status).to_have_text("The image is ready.")


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (done(image(7)), f"has ended: succeeded. The user sees this already.\n{image(7)['id']} data:"),
        (result(status="failed"), "has ended: failed."),
    ],
    ids=["succeeded", "failed"],
)
def test_a_model_that_got_an_unfinished_job_learns_of_its_end(
    show: ShowViewer, end: dict[str, Any], words: str
) -> None:
    viewer = show()
    viewer.answers(end)
    viewer.host("result", result())
    viewer.page.wait_for_function("host.seen.contexts.length === 1")
    assert words in viewer.seen("contexts")[0]["content"][0]["text"]


def test_a_host_that_refuses_or_can_do_nothing_leaves_the_words_and_the_link(show: ShowViewer) -> None:
    viewer = show(able={})
    viewer.page.evaluate("host.refuses = true")
    viewer.host("result", done(image(7)))
    answer = viewer.frame.locator("#answer")
    viewer.button("Download: image").click()
    expect(answer).to_contain_text("did not open the image. Its link: data:image/png")
    assert viewer.seen("links") == [{"url": image()["url"]}]
    viewer.button("Variants: image").click()
    expect(answer).to_contain_text(f"Write it yourself: Make 2 variants of the image {image(7)['id']}")


def test_looking_at_the_job_ends_and_can_begin_again(show: ShowViewer) -> None:
    viewer = show()
    viewer.answers({"isError": True, "content": [{"type": "text", "text": "no"}]}, {"content": []})
    viewer.host("result", result())
    expect(viewer.status).to_contain_text("has stopped checking")
    assert len(viewer.seen("calls")) == 5
    viewer.answers(done())
    viewer.button("Check again").click()
    expect(viewer.status).to_have_text("The image is ready.")


def test_a_call_that_was_stopped_still_shows_what_it_bought(show: ShowViewer) -> None:
    viewer = show()
    nothing = {
        "isError": True,
        "content": [{"type": "text", "text": '{"error": {"code": "not_found", "message": "x"}}'}],
    }
    viewer.answers(nothing, nothing, done())
    viewer.host("input", WISH)
    viewer.host("cancelled")
    expect(viewer.status).to_contain_text("The call was stopped")
    expect(viewer.status).to_have_text("The image is ready.")


def test_a_torn_down_viewer_asks_for_nothing_more(show: ShowViewer) -> None:
    viewer = show()
    viewer.answers(result())
    viewer.host("result", result())
    viewer.page.wait_for_function("host.seen.calls.length > 0")
    viewer.host("teardown")
    calls = len(viewer.seen("calls"))
    viewer.page.wait_for_timeout(4000)
    assert len(viewer.seen("calls")) == calls


def test_what_a_prompt_or_a_result_says_is_only_ever_text(show: ShowViewer) -> None:
    viewer = show()
    evil = '<img src=x onerror="parent.postMessage(1)"><script>document.body.remove()</script>'
    viewer.answers(result(prompt=evil, warnings=[evil]))
    viewer.host("input", {"prompt": evil, "size": evil})
    expect(viewer.frame.locator("#warnings")).to_have_text(evil)
    expect(viewer.frame.locator("#prompt")).to_have_text(evil)
    viewer.host("result", done({**image(), "url": "javascript:document.body.remove()", "id": evil}, prompt=evil))
    expect(viewer.frame.locator("#images")).to_contain_text("cannot be shown here")
    viewer.button("Variants: image").click()
    expect(viewer.frame.locator("#answer")).to_have_text("Sent to the conversation.")
    assert viewer.frame.locator("script").count() == 1
    assert viewer.frame.locator("img").count() == 0


def test_only_its_host_is_heard(show: ShowViewer) -> None:
    viewer = show()
    told = {"jsonrpc": "2.0", "method": "ui/notifications/tool-result", "params": done()}
    viewer.frame.evaluate("told => window.postMessage(told, '*')", told)
    viewer.page.wait_for_timeout(500)
    expect(viewer.status).to_have_text("Waiting for the assistant…")


def test_an_image_that_cannot_be_shown_leaves_its_link(show: ShowViewer) -> None:
    viewer = show()
    viewer.host("result", done({**image(), "url": "data:image/png,broken"}))
    expect(viewer.frame.locator("#images")).to_contain_text("cannot be shown here. Its link: data:image/png,broken")


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_an_assistant_shows_what_it_buys_on_a_deployed_stack(
    stack: Stack, make_key: MakeKey, simulator: SimulatorControl, open_page: OpenPage, mode: str
) -> None:
    simulator.plan("slow", seconds=15)
    with host_page(stack.mcp_url, make_key("--budget-day", "5").key) as (url, sandbox):
        allowed = [sandbox, stack.api_url, stack.aws_endpoint_url]
        viewer = Viewer(open_page(url, allowed=allowed, viewport={"width": 720, "height": 900}))
        viewer.host("connect", mode)
        assert "view_image_job" not in viewer.host("toolsOfModel")
        viewer.page.evaluate("([name, given]) => { host.call(name, given) }", ["generate_image", WISH | CALL])
        viewer.page.wait_for_function("host.seen.calls.length > 0")
        expect(viewer.status).to_have_text("Making the image…")
        preview = viewer.frame.get_by_alt_text(f"Preview: {WISH['prompt']}")
        expect(preview).to_be_visible()
        assert preview.evaluate("async image => (await image.decode(), image.naturalWidth)") > 0
        screenshot(viewer, f"deployed-making-{mode}")
        expect(viewer.status).to_have_text("The image is ready.")
        drawn(viewer)
        assert {call["name"] for call in viewer.seen("calls")} == {"view_image_job"}
        expect(viewer.frame.locator("#cost")).to_contain_text("left of the budget")
        screenshot(viewer, f"deployed-{mode}")
        assert_accessible(viewer)
    assert [call["accepted"] for call in simulator.calls()] == [True]
