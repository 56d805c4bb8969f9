"""What a local deployment buys from: the real OpenAI, or every kind of provider, all played by the simulator."""

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Stores a key under a name; returns the ARN of its secret.
Store = Callable[[str, str], str]


@dataclass(frozen=True)
class Provider:
    """Where images are bought for money: an API key and a base URL."""

    key: str
    base_url: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Provider | None":
        """The real provider, if OPENAI_API_KEY or PROVIDERS__OPENAI__API_KEY has a key for it."""
        key = environment.get("OPENAI_API_KEY") or environment.get("PROVIDERS__OPENAI__API_KEY")
        url = environment.get("PROVIDERS__OPENAI__BASE_URL") or "https://api.openai.com/v1"
        return cls(key, url) if key else None


@dataclass(frozen=True)
class Keys:
    """Keys that the simulator accepts."""

    openai: str = field(default_factory=lambda: f"sk-simulated-{secrets.token_hex(16)}")
    gemini: str = field(default_factory=lambda: f"AIza-simulated-{secrets.token_hex(16)}")
    azure: str = field(default_factory=lambda: f"azure-simulated-{secrets.token_hex(16)}")

    @property
    def all(self) -> tuple[str, ...]:
        """Every one of them."""
        return self.openai, self.gemini, self.azure


@dataclass(frozen=True)
class Providers:
    """The providers of a deployment: parameters of the template, and what is packed in place of src/providers.json.

    `bedrock_url` takes the place of Amazon Bedrock.
    """

    parameters: Mapping[str, str]
    own: Mapping[str, Any] | None = None
    bedrock_url: str | None = None


def real_openai(provider: Provider, store: Store) -> Providers:
    """OpenAI, or a server that speaks its API, with a real key."""
    return Providers({"OpenAiSecretArn": store("openai", provider.key), "OpenAiBaseUrl": provider.base_url})


def simulated(url: str, keys: Keys, store: Store) -> Providers:
    """Every provider that Easel knows, and two of the operator's own.

    `azure` has the same model as OpenAI, with a key in a header of its own; `self-hosted` is small and takes no key.
    """
    azure = store("azure", keys.azure)
    return Providers(
        parameters={
            "OpenAiSecretArn": store("openai", keys.openai),
            "OpenAiBaseUrl": f"{url}/v1",
            "GeminiSecretArn": store("gemini", keys.gemini),
            "GeminiBaseUrl": f"{url}/v1beta",
            "BedrockEnabled": "true",
            "OwnProviderSecretArns": azure,
        },
        own={
            "azure": {
                "adapter": "openai",
                "base_url": f"{url}/openai/v1",
                "secret_arn": azure,
                "key_header": "api-key",
                "models": {"gpt-image-2": {"like": "gpt-image-2"}},
            },
            "self-hosted": {
                "adapter": "openai",
                "base_url": f"{url}/self-hosted/v1",
                "leave_out": ["user"],
                "models": {"small-diffusion": {"sizes": ["512x512", "768x512"], "micro_usd_per_image": 2000}},
            },
        },
        bedrock_url=url,
    )


def bedrock_alone(url: str) -> Providers:
    """Amazon Bedrock and no other, so no key and no secret."""
    return Providers({"BedrockEnabled": "true"}, own={}, bedrock_url=url)
