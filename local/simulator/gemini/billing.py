"""What a call costs: tokens of text, of input images, of the picture and its drafts, and of thoughts."""

import hashlib
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from local.simulator.billing import text_tokens
from local.simulator.gemini.rules import Wish

# Dollars per million tokens: text and images in, images out, text and thoughts out.
_PRICES = {
    "gemini-nano-banana-2.1": ("1.50", "30", "7.50"),
    "gemini-3-pro-image": ("2", "120", "12"),
    "gemini-3.1-flash-image": ("0.50", "60", "3"),
    "gemini-3.1-flash-lite-image": ("0.25", "30", "1.50"),
    "gemini-2.5-flash-image": ("0.30", "30", "2.50"),
}
_IMAGE_TOKENS = {
    "gemini-nano-banana-2.1": {"1K": 1120, "2K": 1680, "4K": 3780},
    "gemini-3-pro-image": {"1K": 1120, "2K": 1120, "4K": 2000},
    "gemini-3.1-flash-image": {"1K": 1120, "2K": 1680, "4K": 2520},
    "gemini-3.1-flash-lite-image": {"1K": 1120},
    "gemini-2.5-flash-image": {"1K": 1290},
}
_INPUT_TOKENS = {"gemini-3-pro-image": 560, "gemini-2.5-flash-image": 258}
_USUAL_INPUT_TOKENS = 1120
_MOST_THOUGHTS = 4096


@dataclass(frozen=True)
class Tokens:
    """The tokens of a call."""

    text_in: int
    image_in: int
    image_out: int = 0
    thoughts: int = 0

    def charge(self, model: str) -> int:
        """Micro-dollars, rounded up."""
        price_in, image_out, text_out = map(Decimal, _PRICES[model])
        total = (self.text_in + self.image_in) * price_in + self.image_out * image_out + self.thoughts * text_out
        return int(total.to_integral_value(ROUND_CEILING))

    def body(self) -> dict[str, Any]:
        """`usageMetadata`."""
        prompt = [("TEXT", self.text_in), ("IMAGE", self.image_in)]
        usage: dict[str, Any] = {
            "promptTokenCount": self.text_in + self.image_in,
            "promptTokensDetails": _details(prompt),
            "totalTokenCount": self.text_in + self.image_in + self.image_out + self.thoughts,
        }
        if self.image_out:
            usage["candidatesTokenCount"] = self.image_out
            usage["candidatesTokensDetails"] = _details([("IMAGE", self.image_out)])
        if self.thoughts:
            usage["thoughtsTokenCount"] = self.thoughts
        return usage


def tokens_of(wish: Wish) -> Tokens:
    """The tokens of a picture. How many drafts count and how long a model thinks differs from prompt to prompt."""
    asked = _asked(wish)
    draws = hashlib.sha256(wish.prompt.encode(errors="replace")).digest()
    drafts = draws[0] % 3 if wish.thinks else 0
    thoughts = int.from_bytes(draws[1:3]) % (_MOST_THOUGHTS + 1) if wish.thinks else 0
    image = _IMAGE_TOKENS[wish.model][wish.scale]
    return Tokens(asked.text_in, asked.image_in, image * (1 + drafts), thoughts)


def tokens_of_refusal(wish: Wish) -> Tokens:
    """The tokens of a call that ends without a picture: what was asked, and what was thought about it."""
    return _asked(wish)


def _asked(wish: Wish) -> Tokens:
    each = _INPUT_TOKENS.get(wish.model, _USUAL_INPUT_TOKENS)
    return Tokens(text_tokens(wish.prompt), each * len(wish.images))


def _details(counts: list[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"modality": modality, "tokenCount": count} for modality, count in counts if count]
