"""Image requests: parsing them, checking them against the model's rules, and their checked form.

multipart   from a form's bytes to its fields and files
bodies      from JSON and form fields to an ImageRequest, not yet checked against a model
rules       the rules of a model, one function each
resolver    from an ImageRequest to a CheckedRequest: model, lifecycle, translation, rules
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
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
class Choice:
    """A model that can run a request, the parameters it would be sent, and the warnings that go with it."""

    model: str
    parameters: Parameters
    warnings: tuple[RequestWarning, ...] = ()


@dataclass(frozen=True)
class Request:
    """A request that has passed all checks.

    `requested` has the parameters as the caller sent them, without the prompt; `model` and `parameters` are what is
    sent to the provider. `fallbacks` can run it instead, in this order. `metadata` is the caller's own, and is not
    sent. A caller can delete prompt and metadata, with the last image or with the job: both are empty then.
    """

    operation: Operation
    prompt: str
    model: str
    parameters: Parameters = field(default_factory=dict)
    requested: Parameters = field(default_factory=dict)
    warnings: tuple[RequestWarning, ...] = ()
    inputs: tuple[Input, ...] = ()
    metadata: Metadata = field(default_factory=dict)
    fallbacks: tuple[Choice, ...] = ()

    @property
    def choices(self) -> tuple[Choice, ...]:
        """All that can run it, the one whose turn it is first."""
        return (Choice(self.model, self.parameters, self.warnings), *self.fallbacks)

    def running(self, choice: Choice) -> "Request":
        """The request as it is sent with one of its choices."""
        return replace(self, model=choice.model, parameters=choice.parameters, warnings=choice.warnings)

    def warned(self, warnings: tuple[RequestWarning, ...]) -> "Request":
        """With more warnings, whichever choice runs."""
        fallbacks = tuple(replace(each, warnings=each.warnings + warnings) for each in self.fallbacks)
        return replace(self, warnings=self.warnings + warnings, fallbacks=fallbacks)

    def with_next_choice(self) -> "Request":
        """The next choice has its turn, and the present one becomes the last."""
        present, following, *others = self.choices
        return replace(self.running(following), fallbacks=(*others, present))

    @property
    def n(self) -> int:
        """How many images are requested."""
        return int(self.parameters.get("n", 1))

    @property
    def partial_images(self) -> int:
        """How many drafts the provider is asked to send before the image is finished."""
        return int(self.parameters.get("partial_images", 0))

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
    fallback_models: tuple[Model, ...] = ()

    @property
    def models(self) -> tuple[Model, ...]:
        """The models of the request's choices, in their order."""
        return (self.model, *self.fallback_models)

    @property
    def priced(self) -> bool:
        """Whether the upper bound of its price is certain.

        The price of an unknown model is a guess, and Easel has no prices for the models that write SVGs.
        """
        return all(model.known for model in self.models) and "svg" not in self.request.parameters

    def only_with(self, suits: Callable[[Model], bool]) -> "CheckedRequest":
        """The request without the fallbacks whose models do not suit."""
        kept = [pair for pair in zip(self.request.fallbacks, self.fallback_models, strict=True) if suits(pair[1])]
        request = replace(self.request, fallbacks=tuple(choice for choice, _ in kept))
        return replace(self, request=request, fallback_models=tuple(model for _, model in kept))
