"""What the playground shows of a job that runs, by what the API says of it: never more than it can know."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from core import catalog
from core.responses.models import model_list
from tests.support.chromium import OpenPage
from tests.support.pictures import encoded
from tests.support.scripted import Reply, Script, scripted

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

GENERATE, POLL = "POST /images/generations", "GET /jobs/job_1"
EMPTY = Reply(200, {"object": "list", "data": [], "has_more": False})
SOON = {"Retry-After": "1"}
USUAL = {"p50": 14, "p90": 31}


def job(stage: str, elapsed: int, usual: Any = None, **fields: Any) -> Any:
    """A job that has not ended, as the API answers it."""
    position = fields.pop("position", None)
    return {
        "id": "job_1",
        "object": "job",
        "status": "queued" if stage == "queued" else "running",
        "model": "gpt-image-2",
        "metadata": {},
        "previews": [],
        "progress": {
            "stage": stage,
            "elapsed_seconds": elapsed,
            "usual_seconds": usual,
            "position": position,
        },
    } | fields


def preview(index: int, color: str) -> dict[str, Any]:
    data = base64.b64encode(encoded(Image.new("RGB", (96, 64), color))).decode()
    url = f"data:image/png;base64,{data}"
    return {"index": index, "url": url, "expires_at": 0, "content_type": "image/png", "width": 96, "height": 64}


@dataclass
class Playground:
    """The page, the card of its only job, and the deployment's script."""

    page: "Page"
    script: Script

    @property
    def card(self) -> "Locator":
        return self.page.get_by_role("article", name="an otter")

    @property
    def bar(self) -> "Locator":
        return self.card.get_by_role("progressbar")

    def buy(self, now: Any) -> None:
        """Ask for a picture whose job is like this."""
        self.script.on(GENERATE, Reply(202, now, SOON))
        self.hear(now)
        self.page.get_by_label("Prompt").fill("an otter")
        self.page.locator("#buy").click()

    def hear(self, now: Any) -> None:
        """From now on, the job is like this."""
        self.script.on(POLL, Reply(200, now, SOON))


@pytest.fixture
def playground(open_page: OpenPage) -> Iterator[Playground]:
    with scripted() as (origin, script):
        script.on("GET /models", Reply(200, model_list(catalog.load(), date(2026, 11, 22))))
        quote = {"model": "gpt-image-2", "quote_micro_usd": 6000, "upper_bound_micro_usd": 6010}
        quote |= {"budget_left_micro_usd": None, "easel": {"warnings": []}}
        script.on("POST /images/quote", Reply(200, quote))
        script.otherwise(EMPTY)
        yield Playground(open_page(f"{origin}/playground/index.html#key=ek_a"), script)


def test_a_job_that_waits_shows_its_place_and_no_share(playground: Playground) -> None:
    queue = {"jobs_waiting": 4, "eta_seconds": 40}
    playground.buy(job("queued", 5, USUAL, position=3, queue=queue))
    words = re.compile(r"In the queue, roughly 3 jobs ahead, about 40 s to go; \d+ s so far\.")
    expect(playground.card).to_contain_text(words)
    assert playground.bar.get_attribute("value") is None
    playground.hear(job("queued", 9, None, position=0))
    expect(playground.card).to_contain_text("Next in the queue,")
    playground.hear(job("queued", 12))
    expect(playground.card).to_contain_text("In the queue, ")


def test_a_job_that_runs_shows_its_time_beside_the_usual_one(playground: Playground) -> None:
    playground.buy(job("claimed", 0))
    expect(playground.card).to_contain_text("Getting ready, under 1 s so far.")
    assert playground.bar.get_attribute("value") is None, "nobody knows how long it takes"
    playground.hear(job("calling", 7, USUAL))
    expect(playground.card).to_contain_text(
        re.compile(r"Making the picture, [78] s so far; usually 14 s, 9 of 10 within")
    )
    assert 0.2 <= float(playground.bar.get_attribute("value") or 0) <= 0.4
    playground.hear(job("storing", 30, USUAL))
    expect(playground.card).to_contain_text("Storing the picture, 30 s so far; usually 14 s")
    assert 0.8 <= float(playground.bar.get_attribute("value") or 0) <= 0.9


def test_a_job_beyond_nine_of_ten_takes_longer_than_usual(playground: Playground) -> None:
    playground.buy(job("calling", 31, USUAL))
    late = re.compile(r"3\d s so far, longer than usual: 9 of 10 take at most 31 s\. Nothing is lost")
    expect(playground.card).to_contain_text(late)
    expect(playground.bar).to_have_class("late")
    assert playground.bar.get_attribute("value") == "0.9"


def test_previews_appear_as_they_come(playground: Playground) -> None:
    playground.buy(job("calling", 3))
    shown = playground.card.get_by_role("img")
    expect(playground.card).to_contain_text("Making the picture")
    expect(shown).to_have_count(0)
    for index, color in enumerate(("linen", "teal")):
        previews = [preview(each, color) for each in range(index + 1)]
        playground.hear(job("calling", 5, previews=previews))
        expect(shown).to_have_accessible_name(f"Preview {index + 1}: the picture is not finished yet")
        expect(shown).to_have_count(1)


def test_previews_are_asked_for_where_the_model_has_them(playground: Playground) -> None:
    page = playground.page
    settings = page.locator("#settings")
    previews = settings.get_by_label("Previews")
    page.get_by_label("Model").select_option("stable-image-core")
    expect(previews).to_be_disabled()
    expect(previews).to_have_accessible_description(re.compile("Not with stable-image-core"))
    page.get_by_label("Model").select_option("gpt-image-2.6-flare")
    with page.expect_request("**/images/quote") as asked:
        previews.select_option("2")
    assert asked.value.post_data_json
    assert asked.value.post_data_json["partial_images"] == 2
    settings.get_by_label("Format").select_option("gif")
    expect(previews).to_have_accessible_description(re.compile("Not with gif or svg"))
    settings.get_by_label("Format").select_option("png")
    settings.get_by_label("Pictures").fill("3")
    expect(previews).to_have_accessible_description(re.compile("single picture"))
    settings.get_by_label("Pictures").fill("1")
    expect(previews).to_have_value("2")
