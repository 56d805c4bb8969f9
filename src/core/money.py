"""What an image costs. Money is counted in whole micro-dollars."""

from dataclasses import dataclass

from core.catalog import Prices

_MILLION = 1_000_000


@dataclass(frozen=True)
class Usage:
    """Tokens a provider reports for a purchase. Source: `usage` of OpenAI's ImagesResponse."""

    input_tokens: int
    output_tokens: int
    text_input_tokens: int
    image_input_tokens: int

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens


def cost_of(usage: Usage, prices: Prices) -> int:
    """Micro-dollars that the usage costs, rounded up."""
    parts = (
        usage.text_input_tokens * prices.text_in
        + usage.image_input_tokens * prices.image_in
        + usage.output_tokens * prices.image_out
    )
    return -(-parts // _MILLION)
