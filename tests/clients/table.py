"""The programs that tests/clients runs, and how each is told to reach Easel."""

from dataclasses import dataclass
from typing import Literal

# Where a program is installed: requirements/clients.txt, requirements/litellm.txt, or node/package.json.
Environment = Literal["clients", "litellm", "node"]


@dataclass(frozen=True)
class Program:
    """One program: `answers` is the setting of its key in Easel, `edits` whether it can edit, too.

    `real` is False for programs whose requests are rebuilt after their published source. `in_make_test` are those that
    `make test` runs, too, not only the nightly `make test-clients`.
    """

    name: str
    environment: Environment
    answers: str = "url"
    edits: bool = False
    real: bool = True
    model: str = "gpt-image-2"
    in_make_test: bool = False


PROGRAMS = (
    Program("Vercel AI SDK, @ai-sdk/openai", "node", answers="b64_json", edits=True, in_make_test=True),
    Program("Vercel AI SDK, @ai-sdk/openai-compatible", "node", answers="b64_json", edits=True),
    Program("Vercel AI SDK with an Idempotency-Key", "node", answers="b64_json", edits=True),
    Program("LangChain.js, DallEAPIWrapper", "node", model="dall-e-3"),
    Program("LiteLLM", "litellm", edits=True, in_make_test=True),
    Program("LiteLLM Router", "litellm"),
    Program("LiteLLM Router, async", "litellm", edits=True),
    Program("LangChain, DallEAPIWrapper", "clients", model="dall-e-3"),
    Program("Haystack, OpenAIImageGenerator", "clients", answers="b64_json"),
    Program("Agno, OpenAITools", "clients", answers="b64_json"),
    Program("requests with urllib3's Retry", "clients"),
    Program("an image gateway that reads urls", "clients", real=False),
    Program("Open WebUI", "clients", answers="link", real=False),
    Program("LibreChat", "clients", answers="b64_json", edits=True, real=False),
    Program("n8n", "clients", answers="b64_json", edits=True, real=False),
    Program("Dify", "clients", answers="b64_json", real=False),
    Program("Cherry Studio", "clients", real=False),
)
