"""The programs that tests/clients runs, and how each is told to reach Easel."""

from dataclasses import dataclass
from typing import Literal

Runtime = Literal["python", "node"]


@dataclass(frozen=True)
class Program:
    """One program: `answers` is the setting of its key in Easel, `edits` whether it can edit, too.

    `real` is False for programs whose requests are rebuilt after their published source.
    """

    name: str
    runtime: Runtime
    answers: str = "url"
    edits: bool = False
    real: bool = True
    model: str = "gpt-image-2"


PROGRAMS = (
    Program("Vercel AI SDK, @ai-sdk/openai", "node", answers="b64_json", edits=True),
    Program("Vercel AI SDK, @ai-sdk/openai-compatible", "node", answers="b64_json", edits=True),
    Program("Vercel AI SDK with an Idempotency-Key", "node", answers="b64_json"),
    Program("LangChain.js, DallEAPIWrapper", "node", model="dall-e-3"),
    Program("LiteLLM", "python", edits=True),
    Program("LiteLLM Router", "python"),
    Program("LiteLLM Router, async", "python"),
    Program("LangChain, DallEAPIWrapper", "python", model="dall-e-3"),
    Program("Haystack, OpenAIImageGenerator", "python", answers="b64_json"),
    Program("Agno, OpenAITools", "python", answers="b64_json"),
    Program("requests with urllib3's Retry", "python"),
    Program("an image gateway that reads urls", "python", real=False),
    Program("Open WebUI", "python", answers="link", real=False),
    Program("LibreChat", "python", answers="b64_json", edits=True, real=False),
    Program("n8n", "python", answers="b64_json", edits=True, real=False),
    Program("Dify", "python", answers="b64_json", real=False),
    Program("Cherry Studio", "python", real=False),
)
