"""What callers wish for: bodies as they come in, rules they are held to, and requests that passed them.

multipart  from a form's bytes to its fields and files
bodies     JSON and form fields as typed wishes; nothing is checked against a model yet
rules      the rules of a model, one function each
resolver   from a wish to a Request: model, lifecycle, translation, rules
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from core.catalog import Operation

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
    """An image to work on, kept with the job. `source` says where the caller took it from; `size` in bytes."""

    role: Role
    key: str
    content_type: str
    size: int
    width: int
    height: int
    source: str


@dataclass(frozen=True)
class Request:
    """A wish that has passed every check.

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

    def fingerprint(self) -> str:
        """SHA-256 over what the caller asked for: equal wishes have equal fingerprints."""
        sources = [(image.role, image.source) for image in self.inputs]
        wish = [self.operation, self.prompt, self.requested, sources]
        return hashlib.sha256(json.dumps(wish, sort_keys=True).encode()).hexdigest()

    def applied(self) -> Parameters:
        """The parameters that reach the provider, without the prompt."""
        return {"model": self.model, **self.parameters}
