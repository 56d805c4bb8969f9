"""What the functions of the deployed stack log, and what they never do."""

import json
import time

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import wire


def test_logs_hold_no_prompt_key_token_or_signed_url(
    stack: Stack, key: Key, make_key: MakeKey, simulator: SimulatorControl
) -> None:
    """Looks through all that was logged since the stack came up, this test's own calls included."""
    secret = "an otter nobody may hear of"
    headers = key.headers | {"Prefer": "wait=20"}
    url = f"{stack.api_url}/images/generations"
    answered = wire.post(url, json={"prompt": secret}, headers=headers, timeout=60)
    wire.post(url, json={"prompt": secret, "n": 11}, headers=headers)
    wire.post(url, content='{"prompt": "' + secret, headers=headers)
    for fault in ("moderation_blocked", "reset", "wrong_bytes", "server_error"):
        simulator.plan(fault)
        wire.post(url, json={"prompt": f"{secret} {fault}"}, headers=headers, timeout=60)
    (image,) = answered.json()["data"]
    wire.get(image["link"])
    time.sleep(1)

    lines = stack.logs()
    request_id = answered.headers["x-request-id"]
    assert any(request_id in line for line in lines), "the request is in the logs"
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    traced = [line for line in logged if line.get("request_id") == request_id]
    assert {"answered", "job moved"} <= {line["message"] for line in traced}, "one id from the door to the worker"
    assert request_id in [call["client_request_id"] for call in simulator.calls()], "and to the provider"
    text = "\n".join(lines)
    vault = stack.client("secretsmanager")
    arns = [value for name, value in stack.parameters.items() if "SecretArn" in name]
    provider_keys = [vault.get_secret_value(SecretId=arn)["SecretString"] for arn in arns]
    for hidden in (secret, "otter", key.key, "ek_", *provider_keys, "X-Amz-Signature", image["url"], image["id"]):
        assert hidden not in text
    for line in lines:
        if line.startswith("{"):
            json.loads(line)
