"""The playground in a real browser, with real clicks, against a deployed stack."""

import base64
import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, expect

from local.processes import ROOT
from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import wire
from tests.support.accessibility import assert_accessible
from tests.support.chromium import OpenPage, origin_of, serving
from tests.support.tokens import forged, mint

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

expect.set_options(timeout=60_000)

OpenPlayground = Callable[..., "Page"]
EVERYTHING_STORED = """async () => [
  ...Object.values(localStorage), ...Object.values(sessionStorage), document.cookie,
  ...(await indexedDB.databases()).map(({ name }) => name), ...await caches.keys(), location.href,
].join()"""


@pytest.fixture
def playground(stack: Stack, simulator: SimulatorControl, open_page: OpenPage) -> OpenPlayground:
    """Opens the playground with a key or token; it may call its deployment and the bucket, and nothing else."""

    def open_it(credential: str = "", base_url: str = f"{stack.api_url}/playground", **options: Any) -> "Page":
        url = f"{base_url}#key={credential}" if credential else base_url
        page = open_page(url, allowed=[stack.api_url, stack.aws_endpoint_url], **options)
        if credential:
            expect(page.locator("#price b")).to_be_visible()
        return page

    return open_it


def test_the_key_that_make_up_puts_into_the_address_is_taken_once_and_stored_nowhere(
    playground: OpenPlayground, stack: Stack, key: Key
) -> None:
    page = playground(base_url=stack.playground_url)
    expect(page.locator("#price b")).to_be_visible()
    assert stack.api_key not in page.evaluate(EVERYTHING_STORED)
    assert stack.api_key not in page.content()
    page.reload()
    expect(page.get_by_role("button", name="Connect", exact=True)).to_be_visible()
    connect(page, "ek_unknown")
    expect(page.get_by_role("dialog")).to_contain_text("This key does not work")
    connect(page, key.key)
    expect(page.locator("#price b")).to_be_visible()


def test_the_first_picture_comes_with_its_price_and_the_code_behind_it(
    playground: OpenPlayground, make_key: MakeKey, simulator: SimulatorControl
) -> None:
    key = make_key()
    page = playground(key.key)
    expect(page.locator("#stage")).to_contain_text("Your first picture")
    page.get_by_label("Prompt").fill("an otter's first day")
    expect(page.locator("#price")).to_have_text(re.compile(r"≈ \$0\.0\d{3} +at most \$0\.0\d{3}"))
    page.get_by_role("button", name="Generate", exact=True).click()
    assert_drawn(page.locator("#stage img"))
    expect(page.locator("#stage")).to_contain_text("$0.0")
    expect(page.locator("#spend")).to_contain_text(re.compile(r"\$0\.0\d{3} spent this month"))
    for language, command in {"curl": ["bash", "-c"], "Python": [sys.executable, "-W", "ignore", "-c"]}.items():
        page.get_by_role("radio", name=language).check()
        code = page.get_by_role("region", name="Code", exact=True).inner_text()
        environment = os.environ | {"EASEL_KEY": key.key}
        ran = subprocess.run([*command, code], capture_output=True, text=True, check=False, env=environment)
        assert "images/img_" in ran.stdout, (code, ran.stderr)
    assert [call["accepted"] for call in simulator.calls()] == [True] * 3


@pytest.mark.parametrize("impatience", ["double click", "Enter held on the button", "Ctrl+Enter held in the prompt"])
def test_an_impatient_hand_buys_once(
    playground: OpenPlayground, make_key: MakeKey, simulator: SimulatorControl, impatience: str
) -> None:
    page = playground(make_key().key)
    page.get_by_label("Prompt").fill("an otter")
    if impatience == "double click":
        page.locator("#buy").dblclick()
    else:
        page.locator("#prompt" if "prompt" in impatience else "#buy").focus()
        if "Ctrl" in impatience:
            page.keyboard.down("Control")
        for _ in range(4):
            page.keyboard.down("Enter")
            page.wait_for_timeout(400)
        page.keyboard.up("Enter")
    assert_drawn(page.locator("#stage .picture img"))
    assert [call["accepted"] for call in simulator.calls()] == [True]


def test_what_a_model_cannot_do_is_disabled_with_the_reason(playground: OpenPlayground, key: Key) -> None:
    page = playground(key.key)
    assert "retired" in page.get_by_role("option", name="dall-e-3").inner_text()
    expect(page.get_by_role("option", name="dall-e-3")).to_be_disabled()
    page.get_by_label("Model").select_option("stable-image-core")
    for label in ("Quality", "Background", "Pictures"):
        field = page.locator("#settings").get_by_label(label)
        expect(field).to_be_disabled()
        expect(field).to_have_accessible_description(re.compile("with stable-image-core"))
    page.get_by_label("Model").select_option("gpt-image-2.6-flare")
    page.get_by_label("Background").select_option("transparent")
    expect(page.get_by_role("option", name="jpeg")).to_be_disabled()
    page.get_by_label("Size").select_option("custom")
    page.get_by_label("Width in pixels").fill("1281")
    expect(page.locator("#price")).to_contain_text("multiples of 16")


def test_a_painted_part_is_edited_and_compared_with_what_was_there(
    playground: OpenPlayground, make_key: MakeKey, simulator: SimulatorControl
) -> None:
    page = playground(make_key().key)
    generate(page, "a quiet sea")
    page.get_by_role("button", name="Edit", exact=True).first.click()
    page.get_by_label("Prompt").fill("a boat")
    page.get_by_role("button", name="Paint a mask").click()
    paint_with_pointer_and_keys(page)
    page.get_by_role("button", name="Use this mask").click()
    expect(page.get_by_text("Only what you painted changes.")).to_be_visible()
    with page.expect_request("**/images/edits") as sent:
        page.locator("#buy").click()
    assert sent.value.post_data_json
    mask = image_of(sent.value.post_data_json["mask"]["image_url"])
    transparent, opaque, middle, corner = 0, 255, (512, 512), (1000, 100)
    assert (mask.size, mask.mode) == ((1024, 1024), "RGBA")
    assert [mask.getchannel("A").getpixel(at) for at in (middle, corner)] == [transparent, opaque]
    page.get_by_role("button", name="Compare").click()
    seam = page.get_by_role("slider", name="Before and after")
    seam.press("ArrowLeft")
    assert_drawn(page.locator(".compare img.after"))
    assert [call["path"] for call in simulator.calls()][-1].endswith("edits")


def test_a_file_of_20_mb_is_uploaded_with_progress_and_edited_by_a_tool(
    playground: OpenPlayground, make_key: MakeKey, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    Image.frombytes("RGB", (2048, 2048), os.urandom(2048 * 2048 * 3)).resize((2600, 2600), 0).save(
        photo, compress_level=0
    )
    assert photo.stat().st_size > 20_000_000
    page = playground(make_key().key)
    limit_bandwidth(page, 15_000_000)
    watch_progress(page)
    page.get_by_role("radio", name="Edit").check()
    page.get_by_label("Upload a picture").set_input_files(photo)
    page.get_by_label("Prompt").fill("the same at night")
    expect(page.locator("#announcer")).to_have_text("photo.png is uploaded.")
    assert any(0 < share < 1 for share in page.evaluate("window.shares"))
    page.locator("#buy").click()
    assert_drawn(page.locator("#stage .picture img"))
    page.get_by_label("Upload a picture").set_input_files(
        FilePayload(name="a.heic", mimeType="image/heic", buffer=b"0")
    )
    expect(page.locator("#inputs")).to_contain_text("HEIC has to be converted")


def test_a_tool_takes_its_own_options_and_inputs(playground: OpenPlayground, make_key: MakeKey) -> None:
    page = playground(make_key().key)
    generate(page, "a tree")
    page.get_by_role("radio", name="Tools").check()
    page.get_by_label("Model").select_option("stable-style-transfer")
    page.get_by_role("button", name="Add the shown picture").click()
    expect(page.locator("#price")).to_contain_text("Add 2 pictures.")
    page.get_by_label("Model").select_option("stable-outpaint")
    page.get_by_text("More settings").click()
    page.get_by_label("Left").first.fill("128")
    page.locator("#buy").click()
    expect(page.locator("#stage dl")).to_contain_text("stable-outpaint")
    expect(page.locator("#stage pre")).to_contain_text("options[left]=128")


def test_a_budget_that_is_too_small_refuses_in_plain_words_and_buys_nothing(
    playground: OpenPlayground, make_key: MakeKey, simulator: SimulatorControl
) -> None:
    page = playground(make_key("--budget-day", "0.01").key)
    expect(page.locator("#price")).to_contain_text("would be refused")
    expect(page.locator("#spend")).to_contain_text("$0.0100 left today")
    page.get_by_label("Prompt").fill("an otter")
    page.locator("#buy").click()
    alert = page.get_by_role("alert").filter(has_text="Not enough budget left")
    expect(alert).to_contain_text("$0.0100 of $0.0100 is left")
    expect(alert).to_contain_text("Nothing was charged.")
    expect(alert).to_contain_text("budget_exceeded")
    assert simulator.calls() == []


@pytest.mark.parametrize("reason", ["expired", "used up"])
def test_a_token_that_ended_is_replaced_without_losing_the_picture(
    playground: OpenPlayground, stack: Stack, key: Key, simulator: SimulatorControl, reason: str
) -> None:
    token, fresh = (mint(stack, key, origin_of(stack.api_url), images=1) for _ in range(2))
    page = playground(token)
    expect(page.locator("#history-hint")).to_contain_text("cannot list")
    generate(page, "an otter")
    if reason == "expired":
        page = playground(base_url=f"{stack.api_url}/playground")
        connect(page, forged(stack, token, exp=int(time.time()) - 60))
    else:
        page.locator("#buy").click()
    expect(page.get_by_role("dialog")).to_contain_text(
        f"The token {'has expired' if reason == 'expired' else 'is used up'}"
    )
    connect(page, fresh)
    expect(page.locator("#price b")).to_be_visible()
    if reason == "expired":
        generate(page, "an otter")
    expect(page.locator("#pictures li")).to_have_count(1 if reason == "expired" else 2)
    assert [call["accepted"] for call in simulator.calls()] == [True] * 2


def test_a_slow_provider_and_a_lost_network_cost_patience_only(
    playground: OpenPlayground, make_key: MakeKey, simulator: SimulatorControl
) -> None:
    simulator.plan("slow", seconds=5)
    page = playground(make_key().key)
    page.get_by_label("Prompt").fill("an otter")
    page.locator("#buy").click()
    card = page.get_by_role("article", name="an otter")
    expect(card).to_contain_text(re.compile(r"Making the picture, [1-9]\d* s"))
    page.context.set_offline(True)
    expect(page.locator("#notice")).to_contain_text("You are offline")
    time.sleep(2)  # some polls fail
    page.context.set_offline(False)
    expect(page.locator("#notice")).to_be_hidden()
    assert_drawn(page.locator("#stage .picture img"))
    expect(card).to_have_count(0)
    assert [call["accepted"] for call in simulator.calls()] == [True]


def test_a_job_that_waits_is_canceled_and_one_of_an_earlier_visit_is_followed(
    playground: OpenPlayground, make_key: MakeKey, simulator: SimulatorControl
) -> None:
    key = make_key()
    simulator.plan("rate_limit", retry_after=20)
    page = playground(key.key)
    page.get_by_label("Prompt").fill("an otter")
    page.locator("#buy").click()
    expect(page.get_by_role("article", name="an otter")).to_contain_text(re.compile("queue|wait"))
    again = playground(key.key)
    card = again.get_by_role("article", name="an otter")
    expect(card).to_contain_text(re.compile("to go|so far"))
    card.get_by_role("button", name="Cancel").click()
    expect(again.locator("#announcer")).to_have_text(re.compile("Cancel"))
    for each in (page, again):
        expect(each.locator(".job")).to_have_count(0)
    assert [call["accepted"] for call in simulator.calls()] == [False]


def test_a_refusal_of_the_provider_is_told_with_the_request_and_can_be_tried_again(
    playground: OpenPlayground, make_key: MakeKey, simulator: SimulatorControl
) -> None:
    simulator.plan("moderation_blocked")
    page = playground(make_key().key)
    page.get_by_label("Prompt").fill("an otter")
    page.locator("#buy").click()
    card = page.locator(".job")
    expect(card).to_contain_text("safety system refused")
    expect(card).to_contain_text("Nothing was charged.")
    card.get_by_text("Details").click()
    expect(card).to_contain_text(re.compile(r"moderation_blocked · request \S+"))
    card.get_by_role("button", name="Try again").click()
    assert_drawn(page.locator("#stage .picture img"))
    page.get_by_role("radio", name="Jobs").check()
    expect(page.get_by_role("row")).to_have_count(3)
    expect(page.get_by_role("row").nth(2)).to_contain_text("failed: The provider's safety system refused")


def test_the_history_has_prompts_costs_and_notes_and_a_picture_can_be_deleted(
    playground: OpenPlayground, stack: Stack, make_key: MakeKey
) -> None:
    key = make_key()
    for number, prompt in enumerate(["an otter", "a <b>boat</b>"]):
        body = {
            "prompt": prompt,
            "model": "gpt-image-2",
            "quality": "low",
            "size": "1024x1024",
            "metadata": {"order": f"no. {number}"},
        }
        wire.post(f"{stack.direct_url}/images/generations", json=body, headers=key.headers).raise_for_status()
    page = playground(key.key)
    expect(page.locator("#pictures li")).to_have_count(2)
    page.locator("#pictures").get_by_role("button", name="an otter").click()
    for text in ("an otter", "no. 0", "gpt-image-2", "$0.00"):
        expect(page.locator("#stage .facts")).to_contain_text(text)
    assert '"model": "gpt-image-2"' in page.locator("#stage pre").inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert re.fullmatch(r"img_\w{32}\.png", download.value.suggested_filename)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete for good?").click()
    expect(page.locator("#pictures li")).to_have_count(1)
    expect(page.locator("#stage .facts")).to_contain_text("a <b>boat</b>")


def test_a_copy_on_another_origin_makes_and_edits_pictures(playground: OpenPlayground, stack: Stack, key: Key) -> None:
    files = {
        f"/{path.relative_to(ROOT / 'web')}": path.read_text()
        for path in [ROOT / "web/easel.js", *(ROOT / "web/playground").iterdir()]
    }
    page_file = files["/playground/index.html"].replace(
        'name="easel-api" content=""', f'name="easel-api" content="{stack.api_url}"'
    )
    with serving(files | {"/playground/": page_file}) as origin:
        page = playground(mint(stack, key, origin), base_url=f"{origin}/playground/")
        generate(page, "an otter")
        page.get_by_role("button", name="Edit", exact=True).first.click()
        page.get_by_role("button", name="Paint a mask").click()
        page.get_by_role("button", name="Mark").click()
        page.get_by_role("button", name="Use this mask").click()
        page.locator("#buy").click()
        expect(page.get_by_role("button", name="Compare")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_people_with_a_keyboard_a_screen_reader_or_a_phone_can_use_it(
    playground: OpenPlayground, key: Key, scheme: str
) -> None:
    page = playground(key.key, color_scheme=scheme, viewport={"width": 390, "height": 844})
    page.get_by_text("More settings").click()
    generate(page, "an otter")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("radio", name="Jobs").check()
    assert_accessible(page)
    page.get_by_role("button", name="Edit", exact=True).first.click()
    page.get_by_role("button", name="Paint a mask").click()
    expect(page.get_by_label("Mask", exact=True)).to_be_focused()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Paint a mask")).to_be_focused()


def connect(page: "Page", credential: str) -> None:
    if not page.locator("#connect").is_visible():
        page.locator("#connection").click()
    page.get_by_label("API key or browser token").fill(credential)
    page.locator("#connect").get_by_role("button", name="Connect").click()


def generate(page: "Page", prompt: str) -> None:
    """Fill in the prompt, buy, and wait for the picture."""
    page.get_by_label("Prompt").fill(prompt)
    page.locator("#buy").click()
    expect(page.locator("#stage .prompt")).to_have_text(prompt)
    assert_drawn(page.locator("#stage .picture img"))


def assert_drawn(image: "Locator") -> None:
    expect(image).to_be_visible()
    assert image.evaluate("async (image) => { await image.decode(); return image.naturalWidth }") > 0


def paint_with_pointer_and_keys(page: "Page") -> None:
    canvas = page.get_by_label("Mask", exact=True)
    expect(canvas).to_be_visible()
    box = canvas.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 40, y)
    page.mouse.down()
    page.mouse.move(x + 40, y)
    page.mouse.up()
    page.get_by_role("button", name="Undo").click()
    canvas.focus()
    for stroke in ("]", " ", "ArrowRight", "ArrowDown", "ArrowLeft", " "):
        canvas.press(stroke if stroke != " " else "Space")
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text(
        "Brush at 50 % from the left, 52 % from the top"
    )


def image_of(data_url: str) -> Image.Image:
    """The image in a data URL."""
    return Image.open(io.BytesIO(base64.b64decode(data_url.partition(",")[2])))


def limit_bandwidth(page: "Page", bytes_per_second: int) -> None:
    """Let the page send no faster than this."""
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", conditions)


def watch_progress(page: "Page") -> None:
    """Note each share that a progress bar shows."""
    page.evaluate("""() => {
      window.shares = []
      const note = ({ value }) => shares.push(value)
      new MutationObserver(() => document.querySelectorAll("#sources progress").forEach(note))
        .observe(document.querySelector("#sources"), { attributes: true, subtree: true })
    }""")
