"""Requests at random for the providers that are not OpenAI's, judged by Easel's rules and by the simulator's.

What Easel lets through is bought by its adapter, for what it books and at most for what it quoted. What Easel refuses
is said to the provider in the provider's own words, which are written here from its documents, not with the adapter.
"""

import base64
import io
import json
import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from core import aws, catalog
from core.catalog import Model, Option
from core.errors import EaselError
from core.images.inspection import inspect
from core.pricing import actual_cost, quote
from core.providers import ImageProvider, InputFile, NotBought, Order, Refused, Tools, connect
from core.providers.http import HttpClient
from core.requests.bodies import edit_of_json, generation_of_json
from core.requests.resolver import ModelPolicy, Resolver
from local.simulator import Simulator
from local.simulator.bedrock.models import MODELS as BEDROCK
from local.simulator.bedrock.models import RATIOS
from local.simulator.gemini.rules import MODELS as GEMINI
from tests.support.pictures import overlay, picture
from tests.support.world import aws as fake

TODAY = date(2026, 11, 27)
Wish = dict[str, Any]

# What no model of these providers takes, or not all of them, and what is wrong for all.
_ODD: dict[str, list[Any]] = {
    "n": [1, 0, 2, -1, "1", 1.5],
    "size": ["auto", "1024x1024", "1000x1000", "2048x2048", "1344x768", "1024", "0x0", "1024X1024", ""],
    "quality": ["low", "best", ""],
    "background": ["transparent"],
    "output_compression": [50, "50"],
    "moderation": ["low"],
    "style": ["vivid"],
    "svg": [{"model": "gpt-5.6"}],
    "user": ["u-1"],
    "colour": ["red"],
    "model": ["gemini-none", "stable-none", "imagen-4"],
}
_ODD_OPTIONS: list[tuple[str, Any]] = [("left", 5), ("sharpness", 1), ("prompt", "x"), ("image", "x"), ("mode", "x")]


@dataclass
class Count:
    """What came of the requests."""

    outcomes: Counter[str] = field(default_factory=Counter)
    disagreements: list[Any] = field(default_factory=list)


class Api(ABC):
    """A provider as Easel and as others see it.

    Easel wants a prompt with every edit, as OpenAI does, also of a model that `draws_without_a_prompt`.
    """

    draws_without_a_prompt = False

    def __init__(self, name: str, simulator: Simulator, adapter: ImageProvider, unlike: dict[str, list[Any]]) -> None:
        self.adapter = adapter
        self._simulator = simulator
        self._unlike = unlike
        self._catalog = catalog.load(name)
        first = next(iter(self._catalog.models))
        self._resolver = Resolver(self._catalog, ModelPolicy(first, "forward"))
        self._models = list(self._catalog.models.values())

    def compare(self, number: int, seed: int) -> Count:
        """Compare so many requests."""
        chance, count = random.Random(seed), Count()
        for _ in range(number):
            wish = self._wish(chance)
            agreed, said = self._judge(wish)
            count.outcomes[said.partition(":")[0]] += 1
            if not agreed:
                count.disagreements.append((_shown(wish), said))
        return count

    @abstractmethod
    def takes(self, wish: Wish) -> bool:
        """Whether the provider takes a request in its own words."""

    def _judge(self, wish: Wish) -> tuple[bool, str]:
        """Whether both judge alike, and what Easel said."""
        try:
            order = self._order(wish)
        except EaselError as refusal:
            return not self.takes(wish), f"refused: {refusal.problem.message}"
        try:
            result = self.adapter.buy(order)
        except (Refused, NotBought) as outcome:
            return False, f"accepted: {outcome}"
        (image,), charged = result.images, self._simulator.calls()[-1]["charged_micro_usd"]
        rules = order.model.rules
        booked = actual_cost(result.report.usage, order.request, rules.prices)
        if not booked == charged <= quote(order.request, rules, len(wish["images"])).upper_bound:
            return False, f"accepted: for {charged}, booked {booked}"
        made, size = inspect(bytes(image), name="it", param="it"), order.request.parameters.get("size", "auto")
        return size in ("auto", f"{made.width}x{made.height}"), "accepted"

    def _order(self, wish: Wish) -> Order:
        body = dict(wish)
        images, mask = body.pop("images"), body.pop("mask")
        if images:
            body["images"] = [{"image_url": _data_url(image)} for image in images]
            body |= {"mask": {"image_url": _data_url(mask)}} if mask else {}
            checked = self._resolver.check("edit", edit_of_json(body), TODAY)
        else:
            checked = self._resolver.check("generation", generation_of_json(body), TODAY)
        files = [InputFile("image", "image.png", "image/png", io.BytesIO(image)) for image in images]
        files += [InputFile("mask", "mask.png", "image/png", io.BytesIO(mask))] if mask else []
        return Order(checked.request, checked.model, files, "r-1", "pseudonym", 60)

    def _wish(self, chance: random.Random) -> Wish:
        """Mostly right, and often wrong in one way."""
        model = chance.choice(self._models)
        rules, inputs = model.rules, model.rules.inputs
        edits = inputs is not None and ("generation" not in rules.operations or chance.random() < 0.4)
        count = chance.randint(inputs.min_count, min(2, inputs.max_count)) if inputs and edits else 0
        wish: Wish = {
            "model": model.name,
            "prompt": "an otter",
            "images": [picture()] * count,
            "mask": overlay() if inputs and inputs.mask and edits else None,
        }
        if rules.size and chance.random() < 0.6:
            wish["size"] = _size(chance, model)
        for name, parameter in rules.parameters.items():
            if chance.random() < 0.4:
                wish[name] = chance.choice(parameter.values)
        options = {
            name: _value(chance, option)
            for name, option in rules.options.items()
            if option.required or chance.random() < 0.3
        }
        if options:
            wish["options"] = options
        if chance.random() < 0.5:
            self._spoil(chance, wish, model)
        return wish

    def _spoil(self, chance: random.Random, wish: Wish, model: Model) -> None:
        inputs = model.rules.inputs
        options = dict(wish.get("options", {}))
        match chance.choice(["parameter", "option", "a new option", "no option", "prompt", "images", "mask", "format"]):
            case "parameter":
                name = chance.choice(list(_ODD))
                wish[name] = chance.choice(_ODD[name])
            case "option" if model.rules.options:
                name = chance.choice(list(model.rules.options))
                wish["options"] = options | {name: chance.choice(_wrong(model.rules.options[name]))}
            case "a new option":
                name, value = chance.choice(_ODD_OPTIONS)
                wish["options"] = options | {name: value}
            case "no option" if options:
                options.pop(chance.choice(list(options)))
                wish["options"] = options
                if not options:
                    del wish["options"]
            case "prompt" if not (wish["images"] and self.draws_without_a_prompt):
                wish["prompt"] = chance.choice(self._unlike["prompt"])
            case "images" if inputs and wish["images"]:
                wish["images"] = [picture()] * chance.choice([1, 2, inputs.max_count, inputs.max_count + 1])
            case "images":
                wish["images"] = [picture()] * chance.choice(self._unlike["images"])
            case "mask" if wish["images"]:
                wish["mask"] = None if wish["mask"] else overlay()
            case "format":
                wish["output_format"] = chance.choice(self._unlike["output_format"])


class GeminiApi(Api):
    """Google's, asked as its documents say."""

    draws_without_a_prompt = True

    def __init__(self, simulator: Simulator, http: httpx.Client, adapter: ImageProvider) -> None:
        unlike: dict[str, list[Any]] = {
            "prompt": ["", None, 7, "x" * 32_000],
            "images": [1, 2],
            "output_format": ["png", "jpeg", "bmp"],
        }
        super().__init__("gemini", simulator, adapter, unlike)
        self._http, self._url = http, simulator.url

    def takes(self, wish: Wish) -> bool:
        config = {name: value for name, value in wish.items() if name in ("quality", "background", "svg", "options")}
        image: dict[str, Any] = {"outputMimeType": wish["output_format"]} if "output_format" in wish else {}
        image |= {name: wish[name] for name in ("output_compression", "moderation", "style", "colour") if name in wish}
        if wish.get("size", "auto") not in ("auto", ""):
            image |= _ratio_and_scale(wish["model"], wish["size"])
        config |= {"imageConfig": image} if image else {}
        config |= {"candidateCount": wish["n"]} if "n" in wish else {}
        inline = [{"mimeType": "image/png", "data": base64.b64encode(data).decode()} for data in wish["images"]]
        parts: list[Any] = [{"inlineData": each} for each in inline]
        parts += [{"mask": "x"}] if wish["mask"] else []
        parts += [{"text": wish["prompt"]}] if wish["prompt"] is not None else []
        body = {"contents": [{"parts": parts}], "generationConfig": {"responseModalities": ["IMAGE"], **config}}
        headers = {"x-goog-api-key": "AIza-simulated"}
        call = f"{self._url}/v1beta/models/{wish['model']}:generateContent"
        return self._http.post(call, json=body, headers=headers, timeout=60).status_code == 200


class BedrockApi(Api):
    """Amazon's, asked as its documents say."""

    def __init__(self, simulator: Simulator, adapter: ImageProvider) -> None:
        unlike: dict[str, list[Any]] = {
            "prompt": ["", None, 7, "x" * 10_000, "x" * 10_001],
            "images": [1, 2, 3],
            "output_format": ["webp", "bmp", "PNG"],
        }
        super().__init__("bedrock", simulator, adapter, unlike)
        self._names = {name: model.sent_as for name, model in self._catalog.models.items()}
        self._client = aws.buying("bedrock-runtime", "us-west-2", 60)

    def takes(self, wish: Wish) -> bool:
        name = self._names.get(wish["model"]) or str(wish["model"])
        model = BEDROCK.get(name)
        others = (
            "quality",
            "background",
            "output_compression",
            "moderation",
            "style",
            "svg",
            "colour",
            "output_format",
        )
        body = {each: wish[each] for each in others if each in wish} | _own_words(wish.get("options", {}))
        body |= {"n": wish["n"]} if wish.get("n", 1) != 1 else {}
        if wish["prompt"] is not None and (wish["prompt"] or not model or model.prompt):
            body["prompt"] = wish["prompt"]
        if "size" in wish:
            ratios = {f"{width}x{height}": ratio for ratio, (width, height) in RATIOS.items()}
            body["aspect_ratio"] = ratios.get(wish["size"], wish["size"])
        body |= {"mode": "image-to-image"} if model and "mode" in model.fields and wish["images"] else {}
        names = [*(model.images if model else ()), "image", "image_2", "image_3"]
        for image_name, data in zip(dict.fromkeys(names), wish["images"], strict=False):
            body[image_name] = base64.b64encode(data).decode()
        body |= {"mask": base64.b64encode(wish["mask"]).decode()} if wish["mask"] else {}
        try:
            self._client.invoke_model(modelId=name, body=json.dumps(body).encode())
        except ClientError:
            return False
        return True


@contextmanager
def gemini() -> Iterator[Api]:
    """The simulator's Gemini."""
    with _simulator() as simulator, httpx.Client() as http, closing(HttpClient()) as client, fake.played():
        fake.secretsmanager().create_secret(Name="gemini", SecretString="AIza-simulated")
        settings = {"BASE_URL": f"{simulator.url}/v1beta", "SECRET_ARN": "gemini"}
        yield GeminiApi(simulator, http, connect("gemini", settings, Tools(client, fake.secretsmanager())))


@contextmanager
def bedrock() -> Iterator[Api]:
    """The simulator's Bedrock."""
    fake.session()
    tools: Any = None
    with _simulator() as simulator, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", simulator.url)
        yield BedrockApi(simulator, connect("bedrock", {"REGION": "us-west-2"}, tools))


APIS: dict[str, Callable[[], Any]] = {"gemini": gemini, "bedrock": bedrock}


def _own_words(options: Wish) -> Wish:
    """Options, without hiding what the body has under the same name."""
    return {
        f"options.{name}" if name in ("prompt", "image", "mode") else name: value for name, value in options.items()
    }


def _simulator() -> Simulator:
    return Simulator(plain=True, today=TODAY, serve_retired=True)


def _data_url(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def _size(chance: random.Random, model: Model) -> str:
    """One of the model's; seldom one of the largest, which take long to draw."""
    assert model.rules.size
    small = list(model.rules.size.ratios.values())
    return chance.choice(small if chance.random() < 0.9 else list(model.rules.size.listed))


def _value(chance: random.Random, option: Option) -> Any:
    """A right one, in any of its spellings."""
    if option.kind == "text":
        return chance.choice(option.values or ("the sky",))
    number = chance.choice([option.min, option.max, min(option.max, option.min + 10)])
    number = int(number) if option.kind == "integer" else number
    return chance.choice([number, number, float(number), str(number)])


def _wrong(option: Option) -> list[Any]:
    anything: list[Any] = [True, False, None, [], {}, {"a": 1}, "", "x" * 10_001]
    if option.kind == "text":
        return [*anything, 7, 0.5, *(["none of them"] if option.values else [])]
    more = [option.max + 1, option.min - 1, 10**30, -(10**30), 1e300, "many", "1e3", "0x10", f"{option.max + 1:f}"]
    return [*anything, *more, *([option.min + 0.5] if option.kind == "integer" else [])]


def _ratio_and_scale(model: str, size: str) -> dict[str, str]:
    """As the provider names them; a size that it does not have stays what it is."""
    known = GEMINI.get(model)
    for scale, factor in {"1K": 1, "2K": 2, "4K": 4}.items():
        for ratio, (width, height) in (known.sizes if known else {}).items():
            if size == f"{width * factor}x{height * factor}" and known and scale in (known.scales or ("1K",)):
                return {"aspectRatio": ratio, **({"imageSize": scale} if known.scales else {})}
    return {"aspectRatio": size}


def _shown(wish: Wish) -> Wish:
    return {
        **{name: str(value)[:60] for name, value in wish.items()},
        "images": len(wish["images"]),
        "mask": bool(wish["mask"]),
    }
