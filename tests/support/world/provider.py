"""The provider beyond the wire, and the function that looks at what it offers."""

from dataclasses import dataclass
from typing import Any

import pytest

from handlers import models_check
from local.simulator import Simulator
from tests.support.world import aws
from tests.support.world.invocations import Context, sample_event


@dataclass
class Provider:
    """The simulator, asked what reached it."""

    simulator: Simulator

    def bought(self) -> int:
        """How many calls the provider accepted."""
        return sum(call["accepted"] for call in self.simulator.calls())

    def check_models(self) -> Any:
        """Invoke the daily check of models: how many were looked at."""
        return models_check.handler(sample_event("model_check"), Context())["models"]

    def offer_all(self, environment: pytest.MonkeyPatch) -> None:
        """Give the deployment every provider that Easel knows; its functions have to be restarted then."""
        secret = aws.secretsmanager().create_secret(Name="easel/gemini", SecretString="AIza-simulated")
        environment.setenv("EASEL_PROVIDERS", "openai gemini bedrock")
        environment.setenv("PROVIDERS__GEMINI__SECRET_ARN", secret["ARN"])
        environment.setenv("PROVIDERS__GEMINI__BASE_URL", f"{self.simulator.url}/v1beta")
        environment.setenv("PROVIDERS__BEDROCK__REGION", "us-west-2")
        environment.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", self.simulator.url)
