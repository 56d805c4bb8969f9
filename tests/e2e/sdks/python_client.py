"""Does with the official Python client what each line on standard input asks for, and prints what a user would see.

Runs in environments with nothing but some version of `openai`. A line is a JSON object:

do          generate, edit, models (lists them), post or get
client      the client's options: base_url, api_key, and others by their names
arguments   those of the method; {"file": PATH, "given_as": "open" | "named" | "bytes"} stands for a file
mode        plain, async, raw for `.with_raw_response`, or streaming for `.with_streaming_response`
closes      whether a stream is closed before any of it is read

The answer is a line, too: {"response": {...}} or {"error": {...}}. Of a stream, it has all events.
"""

import asyncio
import contextlib
import json
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import openai
from openai.types import ImagesResponse


def main() -> None:
    """Serve until standard input ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(done(json.loads(line))) + "\n")
        sys.stdout.flush()


def done(task: Any) -> dict[str, Any]:
    """Do one task with a client of its own."""
    try:
        with contextlib.ExitStack() as opened:
            arguments = with_files(task["arguments"], opened)
            if task["mode"] == "async":
                answer = asyncio.run(asynchronously(task, arguments))
            else:
                client = opened.enter_context(openai.OpenAI(**task["client"]))
                answer = method(client, task)(**arguments)
                if task["mode"] == "streaming":
                    answer = opened.enter_context(answer)
                if arguments.get("stream"):
                    answer = read(answer, closes=task["closes"])
            return {"response": seen(answer)}
    except openai.OpenAIError as error:
        return {"error": caught(error)}


async def asynchronously(task: Any, arguments: dict[str, Any]) -> Any:
    """Do a task with the asynchronous client."""
    async with openai.AsyncOpenAI(**task["client"]) as client:
        answer = await method(client, task)(**arguments)
        if not arguments.get("stream"):
            return answer
        if task["closes"]:
            await answer.response.aclose()
            return {"closed": answer.response.is_closed}
        return {"events": [as_dictionary(event) async for event in answer]}


def read(answer: Any, *, closes: bool) -> dict[str, Any]:
    """What comes of a stream."""
    stream = answer if isinstance(answer, openai.Stream) else answer.parse()
    if closes:
        stream.close()
        return {"closed": stream.response.is_closed}
    return {"events": [as_dictionary(event) for event in stream]}


def as_dictionary(event: Any) -> dict[str, Any]:
    """An event with the name of its class, and with what the client has no attribute for."""
    return {"class": type(event).__name__, **event.to_dict()}


def method(client: Any, task: Any) -> Callable[..., Any]:
    """What the task calls. Routes that are Easel's own go through the client's `post` and `get`."""
    if task["do"] == "models":
        return lambda: [{"type": type(model).__name__, "id": model.id} for model in client.models.list()]
    if task["do"] in ("post", "get"):
        request: Callable[..., Any] = getattr(client, task["do"])
        # The client wants to know which type to parse the answer into.
        return lambda path, **rest: request(
            path, cast_to=ImagesResponse if path.startswith("/images/") else object, **rest
        )
    images = client.images
    if task["mode"] in ("raw", "streaming"):
        images = getattr(images, {"raw": "with_raw_response", "streaming": "with_streaming_response"}[task["mode"]])
    named: Callable[..., Any] = getattr(images, task["do"])
    return named


def with_files(value: Any, opened: contextlib.ExitStack) -> Any:
    """The arguments, with each file given in the asked way; {"omit": true} takes away what the client would send."""
    if isinstance(value, list):
        return [with_files(item, opened) for item in value]
    if not isinstance(value, dict):
        return value
    if value == {"omit": True}:
        return openai.Omit()
    if "given_as" not in value:
        return {name: with_files(item, opened) for name, item in value.items()}
    path = pathlib.Path(value["file"])
    if value["given_as"] == "open":
        return opened.enter_context(path.open("rb"))
    if value["given_as"] == "named":
        return (path.name, path.read_bytes(), "image/png")
    return path.read_bytes()


def seen(answer: Any) -> Any:
    """What a user reads from an answer, attribute by attribute."""
    if isinstance(answer, dict | list):
        return answer
    headers = None
    if not isinstance(answer, ImagesResponse):
        headers = {name.lower(): value for name, value in answer.headers.items()}
        answer = answer.parse()
    usage = answer.usage
    return {
        "headers": headers,
        "type": type(answer).__name__,
        "created": getattr(answer, "created", None),
        "data": answer.data
        and [{"url": image.url, "b64_json": image.b64_json, **extra(image)} for image in answer.data],
        "size": answer.size,
        "quality": answer.quality,
        "output_format": answer.output_format,
        "background": answer.background,
        "usage": usage
        and {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
            "text_tokens": usage.input_tokens_details.text_tokens,
            "image_tokens": usage.input_tokens_details.image_tokens,
        },
        "request_id": answer._request_id,
        "extra": extra(answer),
    }


def extra(model: Any) -> dict[str, Any]:
    """Fields that the client has no attribute for: they are attributes nevertheless."""
    return {name: getattr(model, name) for name in model.model_extra}


def caught(error: openai.OpenAIError) -> dict[str, Any]:
    """What a user reads from an exception."""
    names = ("status_code", "code", "param", "type", "request_id", "body", "message")
    return {"class": type(error).__name__, **{name: getattr(error, name, None) for name in names}}


if __name__ == "__main__":
    main()
