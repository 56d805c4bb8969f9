"""`make demo`: pictures through the real template, on this machine; leaves nothing running.

A step is a function that takes the demo and does one thing a user would do; STEPS lists them.
"""

import asyncio
import hashlib
import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from local.cloud import OUT, Progress, Provider, running_stack
from local.processes import ROOT, LocalCloudError
from local.stack import Stack

Json = dict[str, Any]

# 196 output tokens at $30 per million, and a few for the prompt. Source: the provider's calculator.
ONE_REAL_IMAGE = {"model": "gpt-image-2", "size": "1024x1024", "quality": "low"}
COST_OF_ONE_REAL_IMAGE = "$0.006"
DROP_PATIENCE_SECONDS = 60

NEXT = """
What to try next

  make up       keeps all of this running and prints a URL and a key; make down ends it
  make help     the rest

  With `make up`, an application written for OpenAI works as it is:

    from openai import OpenAI
    client = OpenAI(base_url=DIRECT_URL, api_key=API_KEY)   # both are in out/stack.json
    print(client.images.generate(model="gpt-image-2.6-flare", prompt="a lighthouse").data[0].url)
"""


class DemoError(Exception):
    """Something did not work as it should; the message says what."""


@dataclass(frozen=True)
class Picture:
    """A line of the summary."""

    file: str
    model: str
    size: str
    seconds: float
    micro_usd: int


@dataclass
class Demo:
    """What the steps share."""

    stack: Stack
    http: httpx.Client
    pictures: list[Picture] = field(default_factory=list)
    image_ids: list[str] = field(default_factory=list)
    headings: int = 0

    def heading(self, text: str) -> None:
        """Begin a numbered part."""
        self.headings += 1
        say(f"\n{self.headings}. {text}")

    def ask(self, wish: Json, *headers: str, route: str = "/images/generations") -> httpx.Response:
        """POST to a route, shown as the curl line that does the same."""
        url = f"{self.stack.api_url}{route}"
        options = "".join(f" -H '{header}'" for header in headers)
        say(f'  $ curl -sS {url} -H "Authorization: Bearer $KEY"{options} \\')
        say(f"      -H 'Content-Type: application/json' -d '{json.dumps(wish)}'")
        answer = self.http.post(url, json=wish, headers=dict(header.split(": ", 1) for header in headers))
        return succeeded(answer)

    def keep(self, name: str, wish: Json, result: Json, seconds: float) -> None:
        """Download a result's picture into out/, check it, check its lasting link, and note its cost."""
        data, easel = result["data"][0], result["easel"]
        content = succeeded(httpx.get(data["url"], trust_env=False)).content
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            size, kind = f"{image.width}x{image.height}", str(image.format).lower()
        expect(size == wish["size"], f"a picture of {wish['size']}, not of {size}")
        expect(kind == wish.get("output_format", "png"), f"a {wish.get('output_format', 'png')}, not a {kind}")

        redirect = httpx.get(data["link"], trust_env=False)
        expect(redirect.status_code == 302, f"a redirect from {data['link']}, not {redirect.status_code}")
        again = succeeded(httpx.get(redirect.headers["location"], trust_env=False)).content
        expect(again == content, "the same picture behind its lasting link")

        path = OUT / f"demo-{name}.{kind}"
        path.write_bytes(content)
        file = str(path.relative_to(ROOT))
        cost = easel["cost"]["actual_micro_usd"]
        say(f"  saved         {file} ({size} {kind}, {len(content) // 1000} kB)")
        say(f"  lasting link  {data['link']} (302 to a URL signed at that moment)")
        for warning in easel["warnings"]:
            say(f"  warning       {warning['message']}")
        self.image_ids.append(data["id"])
        self.pictures.append(Picture(file, easel["applied"]["model"], size, seconds, cost))


def one_call(demo: Demo) -> None:
    """The usual case: the answer comes in the call."""
    demo.heading("A picture in one call")
    prompt = "a lighthouse at dawn, gouache, gulls over calm water"
    wish = {"model": "gpt-image-2.6-flare", "prompt": prompt, "size": "1536x1024"}
    with stopwatch() as seconds:
        answer = demo.ask(wish)
        result = finished(demo, answer)
    demo.keep("1-lighthouse", wish, result, seconds())


def job_to_poll(demo: Demo) -> None:
    """The patient case: a job at once, the picture when it is ready."""
    demo.heading("A picture as a job: 202 at once, then GET /v1/jobs/{id}")
    prompt = "poster for a jazz night in a small town, bold shapes, two colours"
    wish = {"model": "gpt-image-2", "prompt": prompt, "size": "1024x1536", "output_format": "jpeg"}
    with stopwatch() as seconds:
        answer = demo.ask(wish, "Prefer: respond-async")
        expect(answer.status_code == 202, f"202 for a job, not {answer.status_code}")
        result = finished(demo, answer)
    demo.keep("2-jazz", wish, result, seconds())


def retired_model(demo: Demo) -> None:
    """An application that still asks for a model that is gone."""
    demo.heading("A model that was retired: its successor runs, and the answer says so")
    prompt = "a cup of coffee as a hand-drawn icon"
    wish = {"model": "gpt-image-1", "prompt": prompt, "size": "1024x1024", "quality": "low"}
    with stopwatch() as seconds:
        result = finished(demo, demo.ask(wish))
    expect(bool(result["easel"]["warnings"]), "a warning about the retired model")
    demo.keep("3-coffee", wish, result, seconds())


def edit_by_id(demo: Demo) -> None:
    """A picture made from another, which never leaves the account for it."""
    demo.heading("An edit of the first picture, by its id")
    wish = {
        "model": "gpt-image-2.6-flare",
        "prompt": "the same place at night, with stars",
        "images": [{"file_id": demo.image_ids[0]}],
        "size": "1536x1024",
    }
    with stopwatch() as seconds:
        result = finished(demo, demo.ask(wish, route="/images/edits"))
    demo.keep("4-night", wish, result, seconds())


def assistant(demo: Demo) -> None:
    """What an assistant does: tools of the MCP server, called by the protocol's official client."""
    demo.heading("An assistant's call, by the official MCP client")
    wish = {"prompt": "a paper kite over a green hill, watercolour", "size": "1024x1024"}
    say(f'  server        {demo.stack.mcp_url}\n  $ session.call_tool("generate_image", {json.dumps(wish)})')

    async def talk() -> Json:
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {demo.stack.api_key}"}, timeout=90) as transport,
            Client(streamable_http_client(demo.stack.mcp_url, http_client=transport)) as session,
        ):
            tools = (await session.list_tools()).tools
            say(f"  tools         {', '.join(tool.name for tool in tools)}")
            told = (await session.call_tool("generate_image", wish)).structured_content or {}
            while told.get("status") in ("queued", "running"):
                told = (await session.call_tool("get_image_job", {"job_id": told["job_id"]})).structured_content or {}
            return told

    with stopwatch() as seconds:
        told = asyncio.run(talk())
    expect(told.get("status") == "succeeded", f"a job that succeeds, not {told}")
    job = succeeded(demo.http.get(f"{demo.stack.api_url}/jobs/{told['job_id']}")).json()
    say(f"  succeeded     {told['job_id']}, the same job as GET /v1/jobs/{{id}} shows")
    demo.keep("6-kite", wish, job["result"], seconds())


def drop_into_bucket(demo: Demo) -> None:
    """A picture copied into a bucket, and found edited in another: no client, no polling."""
    demo.heading("A drop: a picture copied into the inbox, edited as its metadata says")
    stack, s3 = demo.stack, demo.stack.client("s3")
    caller_id = json.loads(stack.easel("keys", "create", "--name", "drops", "--json"))["id"]
    say(f"  $ easel --local drops map demo/ {caller_id}")
    stack.easel("drops", "map", "demo/", caller_id)

    picture, prompt = demo.pictures[0].file, "the same place in deep snow"
    say(f"  $ aws s3 cp {picture} s3://{stack.inbox_bucket}/demo/lighthouse.png \\")
    say(f'      --metadata prompt="{prompt}",size=1536x1024')
    with stopwatch() as seconds:
        metadata = {"prompt": prompt, "size": "1536x1024"}
        body = (ROOT / picture).read_bytes()
        s3.put_object(Bucket=stack.inbox_bucket, Key="demo/lighthouse.png", Body=body, Metadata=metadata)
        result = dropped(demo, "drops/demo/lighthouse/")
    (image,) = result["images"]
    content = s3.get_object(Bucket=stack.images_bucket, Key=image["key"])["Body"].read()
    expect(hashlib.sha256(content).hexdigest() == image["sha256"], "the image that the manifest names")
    path = OUT / "demo-5-snow.png"
    path.write_bytes(content)
    say(f"  found         s3://{stack.images_bucket}/{image['key']}, saved as {path.relative_to(ROOT)}")
    say("  manifest      result.json beside it: job, recipe, cost, sha256, lasting link")
    cost, size = result["easel"]["cost"]["actual_micro_usd"], f"{image['width']}x{image['height']}"
    model = result["easel"]["applied"]["model"]
    demo.pictures.append(Picture(str(path.relative_to(ROOT)), model, size, seconds(), cost))


def dropped(demo: Demo, folder: str) -> Json:
    """The result.json in a folder of results, once it is there."""
    s3, bucket = demo.stack.client("s3"), demo.stack.images_bucket
    until = time.monotonic() + DROP_PATIENCE_SECONDS
    while time.monotonic() < until:
        keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=folder).get("Contents", [])]
        expect(f"{folder}error.json" not in keys, f"a result in {folder}, not an error.json")
        if f"{folder}result.json" in keys:
            result: Json = json.loads(s3.get_object(Bucket=bucket, Key=f"{folder}result.json")["Body"].read())
            return result
        time.sleep(0.5)
    raise DemoError(f"The demo expected a result.json in {folder} within {DROP_PATIENCE_SECONDS} seconds")


def one_real_image(demo: Demo) -> None:
    """All that is bought when a real key is there."""
    demo.heading(f"One real image for about {COST_OF_ONE_REAL_IMAGE}; nothing else is bought")
    wish = ONE_REAL_IMAGE | {"prompt": "a lighthouse at dawn, gouache, gulls over calm water"}
    with stopwatch() as seconds:
        result = finished(demo, demo.ask(wish))
    demo.keep("real", wish, result, seconds())


STEPS: list[Callable[[Demo], None]] = [one_call, job_to_poll, retired_model, edit_by_id, drop_into_bucket, assistant]
STEPS_THAT_COST_MONEY: list[Callable[[Demo], None]] = [one_real_image]


def finished(demo: Demo, answer: httpx.Response) -> Json:
    """The result of a call: its own body, or that of the job it answered with once that has ended."""
    body: Json = answer.json()
    if answer.status_code == 200:
        say(f"  200           {body['easel']['job_id']}")
        return body
    say(f"  202           {body['id']}, polled at {answer.headers['location']}")
    while body["status"] in ("queued", "running"):
        body = succeeded(demo.http.get(answer.headers["location"], params={"wait": 10})).json()
    expect(body["status"] == "succeeded", f"a job that succeeds; it ended as {body['status']}: {body['error']}")
    result: Json = body["result"]
    return result


def succeeded(answer: httpx.Response) -> httpx.Response:
    """The answer, unless it is an error."""
    expect(not answer.is_error, f"an answer without error, not {answer.status_code}: {answer.text}")
    return answer


def expect(truth: bool, what: str) -> None:
    """Raises DemoError unless it is true."""
    if not truth:
        raise DemoError(f"The demo expected {what}")


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Seconds that the block took."""
    started = time.monotonic()
    ended: list[float] = []
    yield lambda: ended[0]
    ended.append(time.monotonic() - started)


def summary(pictures: list[Picture], real: bool) -> None:
    """The table at the end."""
    say(f"\n  {'PICTURE':<26}{'MODEL':<22}{'SIZE':<12}{'TIME':>7}{'COST':>11}")
    for picture in pictures:
        cost = f"${picture.micro_usd / 1_000_000:.4f}"
        say(f"  {picture.file:<26}{picture.model:<22}{picture.size:<12}{picture.seconds:>5.1f} s{cost:>11}")
    total = f"${sum(picture.micro_usd for picture in pictures) / 1_000_000:.4f}"
    say(f"  {'':<60}{'':>7}{total:>11}{'' if real else '  simulated: nothing was charged'}")


def main() -> int:
    """Run the demo; returns the exit code."""
    provider = Provider.from_environment()
    steps = STEPS_THAT_COST_MONEY if provider else STEPS
    say("Easel: the OpenAI Images API on your own AWS account, here on this machine alone.")
    say(
        f"\nImages are bought at {provider.base_url}." if provider else "\nNo OPENAI_API_KEY is set: a simulator draws."
    )
    try:
        say("\nThe laptop cloud")
        with (
            stopwatch() as seconds,
            running_stack("demo", provider=provider, progress=Progress()) as stack,
            httpx.Client(timeout=60, trust_env=False) as http,
        ):
            demo = Demo(stack, http)
            http.headers["Authorization"] = f"Bearer {stack.api_key}"
            say(f"  KEY={stack.api_key}")
            for step in steps:
                step(demo)
    except (LocalCloudError, DemoError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    summary(demo.pictures, real=provider is not None)
    say(f"\nDone in {seconds():.0f} s. Everything that was started has ended again.")
    say(NEXT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
