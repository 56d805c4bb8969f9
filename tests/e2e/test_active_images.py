"""An SVG whose scripts a browser would run: in a page it is drawn, and opened it is saved instead of run."""

from html import escape
from pathlib import Path

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support import wire
from tests.support.browser import needs_chromium, serving

from .test_browser_tokens import MODEL

# Both reports go to the page's own server, since the bucket is another origin.
ACTIVE = """<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="40" height="30"/>
<script>new Image().src = "{site}/ran?" + location.pathname.split("/").pop()</script></svg>"""
# The last frame shows that this browser runs such scripts, well after it would have run those of the first frames.
FRAMES = """<img src="{url}" onload="fetch(`/drawn?${{this.naturalWidth}}`)"><iframe src="{url}"></iframe>"""
PAGE = """<!doctype html><title>A page</title>
{frames}
<script>
  setTimeout(() => document.body.append(Object.assign(document.createElement("iframe"), {{src: "{inline}"}})), 3000)
</script>"""


@needs_chromium
def test_an_svg_is_drawn_in_a_page_and_runs_no_script_when_it_is_opened(
    stack: Stack, key: Key, simulator: SimulatorControl, tmp_path: Path
) -> None:
    body = {"model": MODEL, "prompt": "an otter", "output_format": "svg", "svg": {"model": "gpt-5.2"}}
    answer = wire.post(f"{stack.direct_url}/images/generations", json=body, headers=key.headers)
    (image,) = answer.json()["data"]
    s3, bucket = stack.client("s3"), stack.images_bucket
    inline = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "images/inline.svg"})
    with serving() as site:
        active = ACTIVE.format(site=site.origin).encode()
        for name in (f"{image['id']}.svg", "inline.svg"):
            s3.put_object(Bucket=bucket, Key=f"images/{name}", Body=active, ContentType="image/svg+xml")
        frames = "".join(FRAMES.format(url=escape(image[form])) for form in ("url", "link"))
        site.page = PAGE.format(frames=frames, inline=inline)
        reports = site.visit(tmp_path, lambda report: report == "/ran?inline.svg")
    assert sorted(reports) == ["/drawn?40", "/drawn?40", "/ran?inline.svg"]
