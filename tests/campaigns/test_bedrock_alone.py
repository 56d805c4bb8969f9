"""A deployment that buys from Amazon Bedrock and from nobody else: it has no key and no secret of a provider."""

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from local.cloud import running_stack
from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.support import wire


@pytest.fixture(scope="module")
def alone() -> Iterator[Stack]:
    with running_stack("bedrock", port=0, only_bedrock=True, plain_simulator=True) as stack:
        yield stack


def test_it_makes_a_picture_without_a_secret_and_with_no_model_named(alone: Stack) -> None:
    secrets = alone.client("secretsmanager").list_secrets()["SecretList"]
    assert [secret["ARN"] for secret in secrets] == [alone.token_secret_arn]

    headers = {"Authorization": f"Bearer {alone.api_key}"}
    answer = wire.post(f"{alone.direct_url}/images/generations", headers=headers, json={"prompt": "an otter"})
    assert answer.status_code == 200, answer.text
    easel, (image,) = answer.json()["easel"], answer.json()["data"]
    assert easel["applied"]["model"] == "stable-image-core"
    content = wire.get(image["url"]).raise_for_status().content
    assert Image.open(io.BytesIO(content)).size == (image["width"], image["height"])

    assert alone.simulator_url
    (call,) = SimulatorControl(alone.simulator_url).calls()
    assert call["path"].startswith("/model/stability.")
    assert call["charged_micro_usd"] == easel["cost"]["actual_micro_usd"]


def test_it_sells_no_models_but_bedrocks(alone: Stack) -> None:
    headers = {"Authorization": f"Bearer {alone.api_key}"}
    models = wire.get(f"{alone.api_url}/models", headers=headers).json()["data"]
    assert {model["owned_by"] for model in models} == {"bedrock"}
    body = {"prompt": "an otter", "model": "gpt-image-2"}
    answer = wire.post(f"{alone.api_url}/images/generations", headers=headers, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
