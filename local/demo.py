"""`make demo`: images through the real template on this machine; leaves nothing running.

A step is a function that takes the demo and does one thing that a user would do; STEPS lists them.
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

from local.cloud import OUT, running_stack
from local.processes import ROOT, LocalCloudError
from local.progress import Progress
from local.providers import Provider
from local.stack import Stack

Json = dict[str, Any]

# 196 output tokens at $30 per million, and a few tokens for the prompt. Source: the provider's calculator.
ONE_REAL_IMAGE = {"model": "gpt-image-2", "size": "1024x1024", "quality": "low"}
COST_OF_ONE_REAL_IMAGE = "$0.006"
DROP_TIMEOUT_SECONDS = 60

NEXT = """
What to try next: keep it running, and call it yourself

  make up                       starts all of this again and leaves it running; make down stops it
  source out/stack.env          $EASEL_URL and $EASEL_KEY, as in the commands above

  An application written for OpenAI works unchanged:

    OPENAI_BASE_URL=$EASEL_DIRECT_URL OPENAI_API_KEY=$EASEL_KEY python your_program.py

  docs/quick-start.md goes on from here.
"""


class DemoError(Exception):
    """A step did not do what it should; the message says what was expected."""


@dataclass(frozen=True)
class SavedImage:
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
    images: list[SavedImage] = field(default_factory=list)
    image_ids: list[str] = field(default_factory=list)
    headings: int = 0

    def heading(self, text: str) -> None:
        """Begin a numbered part."""
        self.headings += 1
        say(f"\n{self.headings}. {text}")

    def post(self, body: Json, *headers: str, route: str = "/images/generations") -> httpx.Response:
        """POST to a route, printed as the equivalent curl command."""
        options = "".join(f" -H '{header}'" for header in headers)
        say(f'  $ curl -sS "$EASEL_URL{route}" -H "Authorization: Bearer $EASEL_KEY"{options} \\')
        say(f"      -H 'Content-Type: application/json' -d '{json.dumps(body)}'")
        answer = self.http.post(
            f"{self.stack.api_url}{route}", json=body, headers=dict(header.split(": ", 1) for header in headers)
        )
        return succeeded(answer)

    def save(self, name: str, body: Json, result: Json, seconds: float) -> None:
        """Save a result's image in out/, check it and its permalink, and note what it cost."""
        data, easel = result["data"][0], result["easel"]
        content = succeeded(httpx.get(data["url"], trust_env=False)).content
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            size, kind = f"{image.width}x{image.height}", str(image.format).lower()
        expect(size == body["size"], f"an image of {body['size']}, not {size}")
        expected = body.get("output_format", "png")
        expect(kind == expected, f"an image in the format {expected}, not {kind}")

        redirect = httpx.get(data["link"], trust_env=False)
        expect(redirect.status_code == 302, f"a redirect from {data['link']}, not {redirect.status_code}")
        again = succeeded(httpx.get(redirect.headers["location"], trust_env=False)).content
        expect(again == content, "the same image behind its permalink")

        path = OUT / f"demo-{name}.{kind}"
        path.write_bytes(content)
        file = str(path.relative_to(ROOT))
        cost = easel["cost"]["actual_micro_usd"]
        say(f"  saved         {file} ({size} {kind}, {len(content) // 1000} kB)")
        say(f"  permalink     $EASEL_URL/i/{data['id']} redirects to a freshly signed URL")
        for warning in easel["warnings"]:
            say(f"  warning       {warning['message']}")
        self.image_ids.append(data["id"])
        self.images.append(SavedImage(file, easel["applied"]["model"], size, seconds, cost))


def one_call(demo: Demo) -> None:
    """The usual case: the call returns the image."""
    demo.heading("An image in one call")
    prompt = "a lighthouse at dawn, gouache, gulls over calm water"
    body = {"model": "gpt-image-2.6-flare", "prompt": prompt, "size": "1536x1024"}
    with stopwatch() as seconds:
        answer = demo.post(body)
        result = finished(demo, answer)
    demo.save("1-lighthouse", body, result, seconds())


def job_to_poll(demo: Demo) -> None:
    """A job at once, and the image when it is ready."""
    demo.heading("An image as a job: 202 at once, then GET /v1/jobs/{id}")
    prompt = "a rocket over a small planet, screen print, bold shapes"
    body = {"model": "gpt-image-2", "prompt": prompt, "size": "1024x1536", "output_format": "jpeg"}
    with stopwatch() as seconds:
        answer = demo.post(body, "Prefer: respond-async")
        expect(answer.status_code == 202, f"202 for a job, not {answer.status_code}")
        result = finished(demo, answer)
    demo.save("2-rocket", body, result, seconds())


def retired_model(demo: Demo) -> None:
    """An application that still asks for a retired model."""
    demo.heading("A retired model: its successor is used, and the answer says so")
    prompt = "a cup of coffee as a hand-drawn icon"
    body = {"model": "gpt-image-1", "prompt": prompt, "size": "1024x1024", "quality": "low"}
    with stopwatch() as seconds:
        result = finished(demo, demo.post(body))
    expect(bool(result["easel"]["warnings"]), "a warning about the retired model")
    demo.save("3-coffee", body, result, seconds())


def edit_by_id(demo: Demo) -> None:
    """An image made from an earlier one, which the caller need not download and send."""
    demo.heading("An edit of the first image, by its id")
    body = {
        "model": "gpt-image-2.6-flare",
        "prompt": "the same place at night, with stars",
        "images": [{"file_id": demo.image_ids[0]}],
        "size": "1536x1024",
    }
    with stopwatch() as seconds:
        result = finished(demo, demo.post(body, route="/images/edits"))
    demo.save("4-night", body, result, seconds())


def assistant(demo: Demo) -> None:
    """What an assistant does: it calls tools of the MCP server, here with the official client."""
    demo.heading("An assistant's call, with the official MCP client")
    arguments = {"prompt": "a paper kite over a green hill, watercolour", "size": "1024x1024"}
    say(f'  $ session.call_tool("generate_image", {json.dumps(arguments)})   # at $EASEL_MCP_URL')

    async def talk() -> Json:
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {demo.stack.api_key}"}, timeout=90) as transport,
            Client(streamable_http_client(demo.stack.mcp_url, http_client=transport)) as session,
        ):
            tools = (await session.list_tools()).tools
            say(f"  tools         {', '.join(tool.name for tool in tools)}")
            answer = (await session.call_tool("generate_image", arguments)).structured_content or {}
            while answer.get("status") in ("queued", "running"):
                answer = (
                    await session.call_tool("get_image_job", {"job_id": answer["job_id"]})
                ).structured_content or {}
            return answer

    with stopwatch() as seconds:
        answer = asyncio.run(talk())
    expect(answer.get("status") == "succeeded", f"a job that succeeds, not {answer}")
    job = succeeded(demo.http.get(f"{demo.stack.api_url}/jobs/{answer['job_id']}")).json()
    say(f"  succeeded     {answer['job_id']}, also at GET /v1/jobs/{{id}}")
    demo.save("6-kite", arguments, job["result"], seconds())


def drop_into_bucket(demo: Demo) -> None:
    """An image copied into a bucket appears edited in another: no client, no polling."""
    demo.heading("A drop: an image copied into the inbox, edited as its metadata says")
    stack, s3 = demo.stack, demo.stack.client("s3")
    caller_id = json.loads(stack.easel("keys", "create", "--name", "drops", "--json"))["id"]
    say(f"  $ easel --local drops map demo/ {caller_id}")
    stack.easel("drops", "map", "demo/", caller_id)

    file, prompt = demo.images[0].file, "the same place in deep snow"
    say(f"  $ aws s3 cp {file} s3://{stack.inbox_bucket}/demo/lighthouse.png \\")
    say(f'      --metadata prompt="{prompt}",size=1536x1024')
    with stopwatch() as seconds:
        metadata = {"prompt": prompt, "size": "1536x1024"}
        body = (ROOT / file).read_bytes()
        s3.put_object(Bucket=stack.inbox_bucket, Key="demo/lighthouse.png", Body=body, Metadata=metadata)
        result = dropped(demo, "drops/demo/lighthouse/")
    (image,) = result["images"]
    content = s3.get_object(Bucket=stack.images_bucket, Key=image["key"])["Body"].read()
    expect(hashlib.sha256(content).hexdigest() == image["sha256"], "the image that the manifest names")
    path = OUT / "demo-5-snow.png"
    path.write_bytes(content)
    say(f"  found         s3://{stack.images_bucket}/{image['key']}, saved as {path.relative_to(ROOT)}")
    say("  manifest      result.json beside it: job, recipe, cost, sha256, permalink")
    cost, size = result["easel"]["cost"]["actual_micro_usd"], f"{image['width']}x{image['height']}"
    model = result["easel"]["applied"]["model"]
    demo.images.append(SavedImage(str(path.relative_to(ROOT)), model, size, seconds(), cost))


def dropped(demo: Demo, folder: str) -> Json:
    """The result.json in a folder of results; waits until it is there."""
    s3, bucket = demo.stack.client("s3"), demo.stack.images_bucket
    deadline = time.monotonic() + DROP_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=folder).get("Contents", [])]
        expect(f"{folder}error.json" not in keys, f"a result in {folder}, not an error.json")
        if f"{folder}result.json" in keys:
            result: Json = json.loads(s3.get_object(Bucket=bucket, Key=f"{folder}result.json")["Body"].read())
            return result
        time.sleep(0.5)
    raise DemoError(f"The demo expected a result.json in {folder} within {DROP_TIMEOUT_SECONDS} seconds")


def image_of_another_provider(demo: Demo) -> None:
    """The model decides where an image is bought."""
    demo.heading("Another provider: a model of Gemini")
    prompt = "a paper boat on a puddle, low sun, shallow depth of field"
    body = {"model": "gemini-nano-banana-2.1", "prompt": prompt, "size": "1376x768"}
    with stopwatch() as seconds:
        result = finished(demo, demo.post(body))
    demo.save("7-boat", body | {"output_format": "jpeg"}, result, seconds())


def image_without_key(demo: Demo) -> None:
    """Amazon Bedrock is called with the worker's own rights."""
    demo.heading("A provider without a key: Amazon Bedrock, called with the worker's own rights")
    body = {"model": "stable-image-core", "prompt": "a tin toy robot, product photo", "size": "1024x1024"}
    with stopwatch() as seconds:
        result = finished(demo, demo.post(body))
    demo.save("8-robot", body, result, seconds())


def background_removed(demo: Demo) -> None:
    """A tool that needs no prompt."""
    demo.heading("The background of that image removed, by a model that does nothing else")
    body = {"model": "stable-remove-background", "images": [{"file_id": demo.image_ids[-1]}]}
    with stopwatch() as seconds:
        result = finished(demo, demo.post(body, route="/images/edits"))
    demo.save("9-cutout", body | {"size": "1024x1024"}, result, seconds())
    with Image.open(OUT / "demo-9-cutout.png") as image:
        transparent = image.convert("RGBA").getchannel("A").histogram()[0]
        expect(transparent > 0, "transparent pixels where the background was")
    say(f"  transparent   {transparent * 100 // (image.width * image.height)} % of the pixels")


def one_real_image(demo: Demo) -> None:
    """The only purchase when there is a real key."""
    demo.heading(f"One real image, for about {COST_OF_ONE_REAL_IMAGE}; nothing else is bought")
    body = ONE_REAL_IMAGE | {"prompt": "a lighthouse at dawn, gouache, gulls over calm water"}
    with stopwatch() as seconds:
        result = finished(demo, demo.post(body))
    demo.save("real", body, result, seconds())


STEPS: list[Callable[[Demo], None]] = [
    one_call,
    job_to_poll,
    retired_model,
    edit_by_id,
    drop_into_bucket,
    assistant,
    image_of_another_provider,
    image_without_key,
    background_removed,
]
STEPS_THAT_COST_MONEY: list[Callable[[Demo], None]] = [one_real_image]


def finished(demo: Demo, answer: httpx.Response) -> Json:
    """The result of a call: its body or, if that is a job, the result of the job once it has ended."""
    body: Json = answer.json()
    if answer.status_code == 200:
        say(f"  200           {body['easel']['job_id']}")
        return body
    say(f"  202           {body['id']}, polled at $EASEL_URL/jobs/{body['id']}")
    while body["status"] in ("queued", "running"):
        body = succeeded(demo.http.get(answer.headers["location"], params={"wait": 10})).json()
    expect(body["status"] == "succeeded", f"a job that succeeds, not {body['status']}: {body['error']}")
    result: Json = body["result"]
    return result


def succeeded(answer: httpx.Response) -> httpx.Response:
    """The answer, which must not be an error."""
    expect(not answer.is_error, f"an answer without an error, not {answer.status_code}: {answer.text}")
    return answer


def expect(condition: bool, what: str) -> None:
    """Raise DemoError unless the condition holds."""
    if not condition:
        raise DemoError(f"The demo expected {what}")


def say(text: str) -> None:
    """Print, without buffering."""
    print(text, flush=True)


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Yields a function that returns the seconds the block took, once it has ended."""
    started = time.monotonic()
    ended: list[float] = []
    yield lambda: ended[0]
    ended.append(time.monotonic() - started)


def summary(images: list[SavedImage], real: bool) -> None:
    """The table at the end."""
    say(f"\n  {'IMAGE':<26}{'MODEL':<26}{'SIZE':<12}{'TIME':>7}{'COST':>11}")
    for image in images:
        cost = f"${image.micro_usd / 1_000_000:.4f}"
        say(f"  {image.file:<26}{image.model:<26}{image.size:<12}{image.seconds:>5.1f} s{cost:>11}")
    total = f"${sum(image.micro_usd for image in images) / 1_000_000:.4f}"
    say(f"  {'':<64}{'':>7}{total:>11}{'' if real else '  simulated; nothing was charged'}")


def main() -> int:
    """Run the demo; returns the exit code."""
    provider = Provider.from_environment()
    steps = STEPS_THAT_COST_MONEY if provider else STEPS
    say("Easel: the OpenAI Images API on your own AWS account. For this demo, AWS is emulated on this machine.")
    say(
        f"\nThe images come from {provider.base_url}, which charges for them."
        if provider
        else "\nOPENAI_API_KEY is not set: a simulator plays the providers, and nothing is charged."
    )
    try:
        say("\nStarting the local deployment")
        with (
            stopwatch() as seconds,
            running_stack("demo", provider=provider, progress=Progress()) as stack,
            httpx.Client(timeout=60, trust_env=False) as http,
        ):
            demo = Demo(stack, http)
            http.headers["Authorization"] = f"Bearer {stack.api_key}"
            for step in steps:
                step(demo)
    except (LocalCloudError, DemoError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    summary(demo.images, real=provider is not None)
    say(f"\nDone in {seconds():.0f} s. Nothing is left running.")
    say(NEXT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
