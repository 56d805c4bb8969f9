"""An SVG whose scripts a browser would run: as a picture it is shown, as a page it is only saved."""

import re
import subprocess
from html import escape
from pathlib import Path

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support import wire

from .test_browser_tokens import BROWSER_SECONDS, CHROMIUM, MODEL, QUIETLY, needs_chromium

ACTIVE = b"""<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30">
  <rect width="40" height="30"/>
  <script>parent.postMessage(location.search.includes("inline") ? "inline" : "as served", "*")</script>
</svg>"""
PAGE = """<!doctype html><title>A page</title>
<script>addEventListener("message", event => document.body.append(`[ran: ${{event.data}}]`))</script>
<body><img src="{link}" onload="document.body.append(`[shown: ${{this.naturalWidth}}]`)">
<iframe src="{link}"></iframe><iframe src="{inline}"></iframe>"""


def read_by_browser(page: Path, profile: Path) -> set[str]:
    """What the page wrote about itself once all of it was loaded."""
    assert CHROMIUM
    # The virtual time passes only while nothing is being loaded.
    command = [CHROMIUM, *QUIETLY, f"--user-data-dir={profile}", "--virtual-time-budget=5000", "--dump-dom"]
    dom = subprocess.run(
        [*command, page.as_uri()], capture_output=True, text=True, timeout=BROWSER_SECONDS, check=True
    ).stdout
    return set(re.findall(r"\[(?:ran|shown): [^$\]]+\]", dom))


@needs_chromium
def test_an_svg_is_shown_in_a_page_and_runs_no_script_when_it_is_opened(
    stack: Stack, key: Key, simulator: SimulatorControl, tmp_path: Path
) -> None:
    wish = {"model": MODEL, "prompt": "an otter", "output_format": "svg", "svg": {"model": "gpt-5.2"}}
    answer = wire.post(f"{stack.direct_url}/images/generations", json=wish, headers=key.headers)
    (image,) = answer.json()["data"]
    s3, name = stack.client("s3"), f"images/{image['id']}.svg"
    s3.put_object(Bucket=stack.images_bucket, Key=name, Body=ACTIVE, ContentType="image/svg+xml")
    where = {"Bucket": stack.images_bucket, "Key": name, "ResponseContentDisposition": "inline"}
    inline = s3.generate_presigned_url("get_object", Params=where)
    for number, link in enumerate((image["url"], image["link"])):
        page = tmp_path / f"{number}.html"
        page.write_text(PAGE.format(link=escape(link), inline=escape(inline)))
        assert read_by_browser(page, tmp_path / f"profile-{number}") == {"[shown: 40]", "[ran: inline]"}
