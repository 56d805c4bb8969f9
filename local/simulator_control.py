"""Controls a simulator in another process, through its control plane."""

from typing import Any

import httpx


class SimulatorControl:
    """The control plane of the simulator at `url` (without /v1)."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False)

    def calls(self) -> list[dict[str, Any]]:
        """The image calls since the last reset, with path, model, accepted, charged_micro_usd and more."""
        calls: list[dict[str, Any]] = self._http.get("/_sim/calls").raise_for_status().json()["calls"]
        return calls

    def plan(self, kind: str, **details: float) -> None:
        """Plan a fault for the next call; `details` are count, seconds, retry_after and after."""
        self._post("/_sim/faults", {"faults": [{"kind": kind, **details}]})

    def accept_keys(self, *keys: str) -> None:
        """Accept only these API keys from now on."""
        self._post("/_sim/keys", {"keys": keys})

    def reset(self) -> None:
        """Forget calls and faults; restore keys."""
        self._post("/_sim/reset", {})

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _post(self, path: str, body: dict[str, Any]) -> None:
        answer = self._http.post(path, json=body)
        if answer.is_error:
            raise ValueError(answer.text)
