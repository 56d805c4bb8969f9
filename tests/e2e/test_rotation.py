"""The provider's key is replaced while jobs run: no deployment, no failed job."""

from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key
from tests.support import wire

BODY = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"}


def test_a_rotated_provider_key_is_picked_up(stack: Stack, key: Key, simulator: SimulatorControl) -> None:
    def buy() -> int:
        url = f"{stack.api_url}/images/generations"
        return wire.post(url, json=BODY, headers=key.headers | {"Prefer": "wait=20"}).status_code

    secrets = stack.client("secretsmanager")
    before = secrets.get_secret_value(SecretId=stack.parameters["OpenAiSecretArn"])["SecretString"]
    try:
        assert buy() == 200  # Some worker knows the old key by now.
        secrets.put_secret_value(SecretId=stack.parameters["OpenAiSecretArn"], SecretString="sk-renewed")
        simulator.accept_keys("sk-renewed")
        assert [buy() for _ in range(3)] == [200, 200, 200]
    finally:
        secrets.put_secret_value(SecretId=stack.parameters["OpenAiSecretArn"], SecretString=before)
        # A worker that remembers the other key would have a call refused in another test.
        stack.restart_functions(stack.worker_function)
    accepted = [call["accepted"] for call in simulator.calls()]
    assert (accepted.count(True), False in accepted) == (4, True)
