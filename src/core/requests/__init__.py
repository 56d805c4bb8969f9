"""Image requests: parsing them, checking them against the model's rules, and their checked form.

multipart   from a form's bytes to its fields and files
bodies      from JSON and form fields to an ImageRequest, not yet checked against a model
rules       the rules of a model, one function each
resolver    from an ImageRequest to a CheckedRequest: model, lifecycle, translation, rules
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from core.catalog import Model, Operation

Role = Literal["image", "mask", "markup"]
# Parameters are JSON: strings, whole numbers, and the nested settings of SVG.
Parameters = dict[str, Any]
# What a caller notes about a request for itself, by key.
Metadata = dict[str, str]


@dataclass(frozen=True)
class RequestWarning:
    """Tells the caller what Easel did differently than requested, or what may be surprising."""

    code: str
    message: str
    param: str | None = None


@dataclass(frozen=True)
class Input:
    """An input image, stored with the job; `size` in bytes."""

    role: Role
    key: str
    content_type: str
    size: int
    width: int
    height: int


@dataclass(frozen=True)
class Request:
    """A request that has passed all checks.

    `requested` has the parameters as the caller sent them, without the prompt; `model` and `parameters` are what is
    sent to the provider. `metadata` is the caller's own, and is not sent. A caller can delete prompt and metadata, with
    the last image or with the job: both are empty then.
    """

    operation: Operation
    prompt: str
    model: str
    parameters: Parameters = field(default_factory=dict)
    requested: Parameters = field(default_factory=dict)
    warnings: tuple[RequestWarning, ...] = ()
    inputs: tuple[Input, ...] = ()
    metadata: Metadata = field(default_factory=dict)

    @property
    def n(self) -> int:
        """How many images are requested."""
        return int(self.parameters.get("n", 1))

    def applied(self) -> Parameters:
        """The parameters that are sent to the provider, without the prompt."""
        return {"model": self.model, **self.parameters}


@dataclass(frozen=True)
class CheckedRequest:
    """A request with the model that runs it, the model that was requested, and a fingerprint.

    `requested_model` differs from `model` if a retired model is translated to its successor. The fingerprint, a
    SHA-256, is the same for requests with the same parameters and the same inputs, by their bytes or by their names.
    """

    request: Request
    model: Model
    requested_model: Model
    fingerprint: str

    @property
    def priced(self) -> bool:
        """Whether the upper bound of its price is certain.

        The price of an unknown model is a guess, and Easel has no prices for the models that write SVGs.
        """
        return self.model.known and "svg" not in self.request.parameters
