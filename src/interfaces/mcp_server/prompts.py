"""Ten prompts that make good images for common needs, ready for generate_image.

Getting one costs nothing; the model that reads it decides to buy. The texts are in prompts.json.
"""

from collections.abc import Mapping
from pathlib import Path

from mcp.types import GetPromptResult, PromptArgument, PromptMessage, TextContent
from mcp.types import Prompt as Description
from pydantic import BaseModel, ConfigDict, TypeAdapter

from core.errors import InvalidRequest

_ARGUMENT_MAX = 4000
_MODEL = PromptArgument(name="model", description="Which model to use (the default model if omitted)", required=False)


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Argument(_Row):
    """What an argument means; without a default it is required."""

    about: str
    default: str | None = None


class Prompt(_Row):
    """A template: `words` with the arguments in braces, and the settings to use."""

    name: str
    title: str
    about: str
    words: str
    size: str
    settings: str | None = None
    arguments: dict[str, Argument]

    @property
    def description(self) -> Description:
        """The prompt as prompts/list shows it."""
        known = [
            PromptArgument(
                name=name,
                description=f"{what.about} ({what.default.strip()} if omitted)" if what.default else what.about,
                required=what.default is None,
            )
            for name, what in self.arguments.items()
        ]
        return Description(name=self.name, title=self.title, description=self.about, arguments=[*known, _MODEL])


def render(name: str, given: Mapping[str, str]) -> GetPromptResult:
    """A prompt's message.

    Raises:
        InvalidRequest: there is no such prompt, or an argument is missing, unknown or too long.
    """
    prompt = PROMPTS.get(name)
    if prompt is None:
        raise InvalidRequest(f"There is no prompt '{name[:64]}'. The prompts are: {', '.join(PROMPTS)}.")
    known = (*prompt.arguments, _MODEL.name)
    for argument, value in given.items():
        if argument not in known:
            raise InvalidRequest(f"'{name}' has no argument '{argument[:64]}'. It has: {', '.join(known)}.")
        if len(value) > _ARGUMENT_MAX:
            raise InvalidRequest(f"'{argument}' has more than {_ARGUMENT_MAX} characters.")
    values = {argument: given.get(argument, "").strip() or what.default for argument, what in prompt.arguments.items()}
    if missing := [argument for argument, value in values.items() if value is None]:
        raise InvalidRequest(f"'{name}' needs: {', '.join(missing)}.")
    settings = ", ".join(
        setting
        for setting in (f"size {prompt.size}", prompt.settings, given.get("model") and f"model {given['model']}")
        if setting
    )
    text = (
        f"Make an image with the generate_image tool: {settings}, and this prompt:\n\n"
        f"{prompt.words.format_map(values)}\n\n"
        "Show me the url of the image exactly as it is."
    )
    message = PromptMessage(role="user", content=TextContent(type="text", text=text))
    return GetPromptResult(description=prompt.about, messages=[message])


_rows = TypeAdapter(list[Prompt]).validate_json(Path(__file__).with_suffix(".json").read_bytes())
PROMPTS = {prompt.name: prompt for prompt in _rows}
