"""The providers of the operator's own: the file that docs/providers.md prints, used as it is."""

import base64
import json
from typing import Any

import pytest

from core import aws as clients
from tests.integration.conftest import OwnProviders
from tests.support.internet import Internet, Reply, Request
from tests.support.pages import file_in
from tests.support.pictures import picture
from tests.support.world import World

PRINTED: dict[str, Any] = json.loads(file_in("providers.md", "Providers of your own").text)
BODY = {"prompt": "an otter", "size": "1024x1024"}
ASYNC = {"prefer": "respond-async"}
UNCOUNTED = {"created": 1, "data": [{"b64_json": base64.b64encode(picture(size=(1024, 1024))).decode()}]}
COUNTED = UNCOUNTED | {
    "usage": {"input_tokens": 8, "output_tokens": 196, "input_tokens_details": {"text_tokens": 8, "image_tokens": 0}},
}


@pytest.fixture
def printed(world: World, own_providers: OwnProviders) -> World:
    """A deployment with that file; its secrets have names in place of ARNs, whose numbers moto makes up."""
    providers = json.loads(json.dumps(PRINTED))
    for name, provider in providers.items():
        if "secret_arn" in provider:
            provider["secret_arn"] = f"easel/{name}"
            clients.secretsmanager().create_secret(Name=f"easel/{name}", SecretString=f"key of {name}")
    own_providers(**providers)
    return world


def bought(
    world: World, internet: Internet, provider: str, model: str, answer: dict[str, Any], **body: Any
) -> tuple[Any, Request]:
    """The job of a purchase, and what the provider was sent."""
    internet.post(f"{PRINTED[provider]['base_url']}/images/generations", Reply.of(json=answer))
    accepted = world.api.call("POST", "/images/generations", BODY | {"model": model} | body, headers=ASYNC)
    world.jobs.work()
    return world.api.job(accepted.json()["id"]), internet.last


def test_azure_beside_openai_gets_its_deployments_name_and_its_header(printed: World, internet: Internet) -> None:
    job, sent = bought(printed, internet, "azure", "azure/gpt-image-2", COUNTED)
    assert job["status"] == "succeeded", job
    assert sent.json()["model"] == "my-deployment"
    assert (sent.headers["api-key"], "authorization" in sent.headers) == ("key of azure", False)
    assert job["easel"]["applied"]["model"] == "azure/gpt-image-2"
    assert job["easel"]["cost"]["actual_micro_usd"] == 8 * 5 + 196 * 30
    assert printed.simulator.calls() == []
    printed.api.accepted(model="gpt-image-2")
    printed.jobs.work()
    assert [call["model"] for call in printed.simulator.calls()] == ["gpt-image-2"]


def test_azures_models_end_on_days_of_their_own(printed: World) -> None:
    ends = {
        name: printed.api.call("GET", f"/models/{name}").json()["lifecycle"]["retired_on"]
        for name in ("azure/gpt-image-2", "azure/gpt-image-2.5-flare", "gpt-image-2")
    }
    assert ends == {"azure/gpt-image-2": "2027-10-21", "azure/gpt-image-2.5-flare": "2027-09-09", "gpt-image-2": None}


def test_a_proxy_is_paid_by_the_image_and_gets_its_key_in_a_header_of_its_own(
    printed: World, internet: Internet
) -> None:
    job, sent = bought(printed, internet, "proxy", "house-style", UNCOUNTED, quality="high")
    assert job["status"] == "succeeded", job
    assert (sent.headers["x-api-key"], "authorization" in sent.headers) == ("key of proxy", False)
    assert job["easel"]["cost"]["actual_micro_usd"] == job["easel"]["cost"]["upper_bound_micro_usd"] == 60_000


def test_a_server_without_a_key_is_free_and_gets_only_what_it_knows(printed: World, internet: Internet) -> None:
    job, sent = bought(printed, internet, "studio", "qwen-image", UNCOUNTED)
    assert job["status"] == "succeeded", job
    assert {"authorization", "api-key", "x-api-key"}.isdisjoint(sent.headers)
    assert sent.json() == {"model": "qwen-image", **BODY}
    assert job["easel"]["cost"]["actual_micro_usd"] == 0


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"size": "512x512"}, "size"),
        ({"n": 5}, "n"),
        ({"quality": "low"}, "quality"),
        ({"prompt": "x" * 4001}, "prompt"),
    ],
)
def test_what_it_does_not_have_is_refused(printed: World, wish: dict[str, Any], param: str) -> None:
    answer = printed.api.call("POST", "/images/generations", BODY | {"model": "qwen-image"} | wish)
    assert (answer.status, answer.json()["error"]["param"]) == (400, param)
