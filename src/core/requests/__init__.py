"""What callers ask for: bodies as they come in, the rules they are held to, and requests that passed them.

multipart   from a form's bytes to its fields and files
bodies      JSON and form fields as an ImageRequest; nothing is checked against a model yet
rules       the rules of a model, one function each
resolver    from an ImageRequest to a CheckedRequest: model, lifecycle, translation, rules
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from core.catalog import Model, Operation

Role = Literal["image", "mask", "markup"]
# Parameters are JSON: strings, whole numbers, and the nested settings of SVG.
Parameters = dict[str, Any]


@dataclass(frozen=True)
class Warning:
    """Something Easel did differently from what was asked, or that may surprise; never silent."""

    code: str
    message: str
    param: str | None = None


@dataclass(frozen=True)
class Input:
    """An image to work on, stored with the job; `size` in bytes."""

    role: Role
    key: str
    content_type: str
    size: int
    width: int
    height: int


@dataclass(frozen=True)
class Request:
    """A request that has passed every check.

    `requested` holds the parameters as the caller gave them (without the prompt), `model` and `parameters` what is
    sent to the provider.
    """

    operation: Operation
    prompt: str
    model: str
    parameters: Parameters = field(default_factory=dict)
    requested: Parameters = field(default_factory=dict)
    warnings: tuple[Warning, ...] = ()
    inputs: tuple[Input, ...] = ()

    @property
    def n(self) -> int:
        """How many images are asked for."""
        return int(self.parameters.get("n", 1))

    def applied(self) -> Parameters:
        """The parameters that reach the provider, without the prompt."""
        return {"model": self.model, **self.parameters}


@dataclass(frozen=True)
class CheckedRequest:
    """A request with the model that runs it, the model that was named, and the fingerprint of what was asked for.

    `asked` differs from `model` where a retired model is translated into its successor. Requests that ask for the same
    have the same fingerprint, a SHA-256: the same parameters and the same inputs, by their bytes or by their names.
    """

    request: Request
    model: Model
    asked: Model
    fingerprint: str

    @property
    def priced(self) -> bool:
        """Whether the upper bound of its price is certain.

        An unknown model is priced by a guess, and the author of an SVG by a list that Easel does not have.
        """
        return self.model.known and "svg" not in self.request.parameters
