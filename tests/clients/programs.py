"""Does with other people's programs what each line on standard input asks for, as their users would see it.

Runs in environments of their own (requirements/clients.txt and litellm.txt), with the frameworks as they are published;
programs that are not libraries are small clients here, written after what their published source sends and reads. A
line is a JSON object: `program`, `base_url`, `key`, `model`, `prompt`, `wish` (a word for this purchase), and for an
edit `image`, the path of a PNG. The answer is a line, too: {"image": BASE64} or {"error": TEXT}.
"""

import asyncio
import base64
import contextlib
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

Task = dict[str, Any]

_PROGRAMS: dict[str, Callable[[Task], bytes]] = {}


def _program(name: str) -> Callable[[Callable[[Task], bytes]], Callable[[Task], bytes]]:
    def register(does: Callable[[Task], bytes]) -> Callable[[Task], bytes]:
        _PROGRAMS[name] = does
        return does

    return register


def main() -> None:
    """Serve until standard input ends. What frameworks print themselves does not count as an answer."""
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        task = json.loads(line)
        answer: dict[str, str]
        try:
            answer = {"image": base64.b64encode(_PROGRAMS[task["program"]](task)).decode()}
        except Exception as error:  # noqa: BLE001 - whatever its user would see
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


@_program("LiteLLM")
def _litellm(task: Task) -> bytes:
    import litellm

    told = {"model": f"openai/{task['model']}", "api_base": task["base_url"], "api_key": task["key"]}
    if task.get("image"):
        with Path(task["image"]).open("rb") as image:
            answer = litellm.image_edit(image=[image], prompt=task["prompt"], **told)
    else:
        answer = litellm.image_generation(prompt=task["prompt"], **told)
    return _downloaded_or_decoded(answer.data[0])


@_program("LiteLLM Router")
def _litellm_router(task: Task) -> bytes:
    answer = _router(task).image_generation(model="images", prompt=task["prompt"])
    return _downloaded_or_decoded(answer.data[0])


@_program("LiteLLM Router, async")
def _litellm_router_async(task: Task) -> bytes:
    router, told = _router(task), {"model": "images", "prompt": task["prompt"]}
    if task.get("image"):
        with Path(task["image"]).open("rb") as image:
            answer = asyncio.run(router.aimage_edit(image=[image], **told))
    else:
        answer = asyncio.run(router.aimage_generation(**told))
    return _downloaded_or_decoded(answer.data[0])


def _router(task: Task) -> Any:
    from litellm import Router

    told = {"model": f"openai/{task['model']}", "api_base": task["base_url"], "api_key": task["key"]}
    return Router(model_list=[{"model_name": "images", "litellm_params": told}])


def _downloaded_or_decoded(image: Any) -> bytes:
    """LiteLLM hands both forms on, and its users read whichever is there."""
    return base64.b64decode(image.b64_json) if image.b64_json else httpx.get(image.url).raise_for_status().content


@_program("LangChain, DallEAPIWrapper")
def _langchain(task: Task) -> bytes:
    from langchain_community.utilities.dalle_image_generator import DallEAPIWrapper

    wrapper = DallEAPIWrapper(model="dall-e-3", api_key=task["key"], base_url=task["base_url"])
    return httpx.get(wrapper.run(task["prompt"])).raise_for_status().content


@_program("Haystack, OpenAIImageGenerator")
def _haystack(task: Task) -> bytes:
    from haystack.components.generators import OpenAIImageGenerator
    from haystack.utils import Secret

    key = Secret.from_token(task["key"])
    generator = OpenAIImageGenerator(model=task["model"], quality="low", api_base_url=task["base_url"], api_key=key)
    generator.warm_up()
    return base64.b64decode(generator.run(prompt=task["prompt"])["images"][0], validate=True)


@_program("Agno, OpenAITools")
def _agno(task: Task) -> bytes:
    from agno.tools.openai import OpenAITools

    os.environ["OPENAI_BASE_URL"] = task["base_url"]  # the only way to tell it
    answer = OpenAITools(api_key=task["key"], image_model=task["model"]).generate_image(task["prompt"])
    if not getattr(answer, "images", None):
        raise ValueError(str(getattr(answer, "content", answer)))
    return bytes(answer.images[0].content)


@_program("Open WebUI")
def _open_webui(task: Task) -> bytes:
    """Open WebUI 0.6, backend/open_webui/routers/images.py: downloads `url` with the headers of the API's own call."""
    headers = {"Authorization": f"Bearer {task['key']}"}
    body = {"model": task["model"], "prompt": task["prompt"], "n": 1, "size": "1024x1024"}
    answer = httpx.post(f"{task['base_url']}/images/generations", headers=headers, json=body, timeout=120)
    image = answer.raise_for_status().json()["data"][0]
    if "b64_json" in image:
        return base64.b64decode(image["b64_json"])
    found = httpx.get(image["url"], headers=headers)
    if found.is_redirect:
        # aiohttp, which it uses, drops the header where a redirect leads to another host. Here, all of AWS is one host.
        found = httpx.get(found.headers["location"])
    return found.raise_for_status().content


@_program("LibreChat")
def _librechat(task: Task) -> bytes:
    """LibreChat, api/app/clients/tools/structured/OpenAIImageTools.js: reads nothing but `b64_json`."""
    if task.get("image"):
        fields = {"model": task["model"], "prompt": task["prompt"], "quality": "auto", "size": "auto"}
        return _b64_of_edit(task, "image[]", fields)
    body = {"model": task["model"], "prompt": task["prompt"], "n": 1, "background": "auto", "output_format": "png"}
    return _b64_of(task, body | {"quality": "low", "size": "auto"})


@_program("n8n")
def _n8n(task: Task) -> bytes:
    """n8n, nodes-langchain OpenAi v2 image generate and edit: `Buffer.from(b64_json, "base64")`."""
    if task.get("image"):
        fields = {"model": task["model"], "prompt": task["prompt"], "n": "1", "size": "1024x1024", "quality": "low"}
        return _b64_of_edit(task, "image[]", fields)
    return _b64_of(task, {"prompt": task["prompt"], "model": task["model"]})


@_program("Dify")
def _dify(task: Task) -> bytes:
    """dify-official-plugins, tools/openai: skips what has no `b64_json`, and then shows nothing."""
    body = {"model": task["model"], "prompt": task["prompt"], "size": "1024x1024", "quality": "low", "n": 1}
    return _b64_of(task, body | {"background": "auto", "output_format": "png"})


@_program("Cherry Studio")
def _cherry_studio(task: Task) -> bytes:
    """Cherry Studio, and others that always send `response_format: b64_json`."""
    return _b64_of(task, {"model": task["model"], "prompt": task["prompt"], "response_format": "b64_json"})


@_program("an image gateway that reads urls")
def _url_reader(task: Task) -> bytes:
    """What a program does that was written for the answers of dall-e."""
    answer = _posted(task, {"model": task["model"], "prompt": task["prompt"], "quality": "low"})
    return httpx.get(answer["data"][0]["url"]).raise_for_status().content


@_program("requests with urllib3's Retry")
def _urllib3_retry(task: Task) -> bytes:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    retry = Retry(total=3, backoff_factor=0.1, status_forcelist=(500, 502, 503, 504), allowed_methods=None)
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=retry))
        answer = session.post(
            f"{task['base_url']}/images/generations",
            headers={"Authorization": f"Bearer {task['key']}"},
            json={"model": task["model"], "prompt": task["prompt"], "quality": "low"},
            timeout=120,
        )
        answer.raise_for_status()
        return session.get(answer.json()["data"][0]["url"]).content


def _posted(task: Task, body: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {task['key']}"}
    answer = httpx.post(f"{task['base_url']}/images/generations", headers=headers, json=body, timeout=120)
    return answer.raise_for_status().json()


def _b64_of(task: Task, body: dict[str, Any]) -> bytes:
    return base64.b64decode(_posted(task, body)["data"][0]["b64_json"], validate=True)


def _b64_of_edit(task: Task, field: str, fields: dict[str, Any]) -> bytes:
    files = [(field, ("image.png", io.BytesIO(Path(task["image"]).read_bytes()), "image/png"))]
    headers = {"Authorization": f"Bearer {task['key']}"}
    url = f"{task['base_url']}/images/edits"
    answer = httpx.post(url, headers=headers, data=fields, files=files, timeout=120).raise_for_status()
    return base64.b64decode(answer.json()["data"][0]["b64_json"], validate=True)


if __name__ == "__main__":
    os.environ |= {
        "HAYSTACK_TELEMETRY_ENABLED": "false",
        "AGNO_TELEMETRY": "false",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    with contextlib.suppress(KeyboardInterrupt):
        main()
