"""The provider beyond the wire, and the function that looks at what it offers."""

from dataclasses import dataclass
from typing import Any

from handlers import models_check
from local.simulator import Simulator
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
