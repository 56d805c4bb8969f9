"""An SVG whose scripts a browser would run: in a page it is drawn, and opened it is saved instead of run."""

from html import escape

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support import wire
from tests.support.chromium import OpenPage, serving

from .test_browser_tokens import MODEL

ACTIVE = """<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="40" height="30"/>
<script>console.log("ran " + location.pathname.split("/").pop())</script></svg>"""
FRAMES = """<img src="{url}" onload="console.log(`drew ${{this.naturalWidth}}`)"><iframe src="{url}"></iframe>"""


def test_an_svg_is_drawn_in_a_page_and_runs_no_script_when_it_is_opened(
    stack: Stack, key: Key, simulator: SimulatorControl, open_page: OpenPage
) -> None:
    body = {"model": MODEL, "prompt": "an otter", "output_format": "svg", "svg": {"model": "gpt-5.2"}}
    answer = wire.post(f"{stack.direct_url}/images/generations", json=body, headers=key.headers)
    (image,) = answer.json()["data"]
    s3, bucket = stack.client("s3"), stack.images_bucket
    inline = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "images/inline.svg"})
    for name in (f"{image['id']}.svg", "inline.svg"):
        s3.put_object(Bucket=bucket, Key=f"images/{name}", Body=ACTIVE.encode(), ContentType="image/svg+xml")
    frames = "".join(FRAMES.format(url=escape(image[form])) for form in ("url", "link"))
    with serving({"/": "<title>A page</title>"}) as origin:
        page = open_page(origin, allowed=[inline, image["link"]])
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text) if message.type == "log" else None)
        page.set_content(frames, wait_until="load")
        # This shows that the browser runs such scripts, well after it would have run those of the first frames.
        with page.expect_console_message(lambda message: message.text == "ran inline.svg"):
            page.evaluate(
                "(src) => document.body.append(Object.assign(document.createElement('iframe'), {src}))", inline
            )
    assert sorted(said) == ["drew 40", "drew 40", "ran inline.svg"]
