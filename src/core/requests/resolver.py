"""From an ImageRequest to a CheckedRequest: finds the model, translates retired ones, and checks all rules."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date

from core.catalog import Catalog, Model, Operation, Successor
from core.errors import InvalidRequest, ModelNotFound
from core.requests import CheckedRequest, Parameters, Request, RequestWarning
from core.requests.bodies import ImageRequest
from core.requests.rules import check, check_inputs
from core.settings import RetiredPolicy


@dataclass(frozen=True)
class ModelPolicy:
    """How model names are resolved: the default, and what happens to retired models.

    `translate` runs the successor and says so, `reject` refuses and names it, `forward` sends the name unchanged.
    """

    default_model: str
    retired: RetiredPolicy


@dataclass(frozen=True)
class Resolver:
    """Checks requests against the catalog."""

    catalog: Catalog
    policy: ModelPolicy

    def check(self, operation: Operation, image_request: ImageRequest, today: date) -> CheckedRequest:
        """The request, still without its inputs, and the model that runs it.

        Raises:
            InvalidRequest: a rule is broken; it names the parameter and what is allowed.
            ModelNotFound: there is no such model, or it is retired and the policy is `reject`.
        """
        given = dict(image_request.parameters)
        _refuse_streaming(given)
        if "prompt" not in given:
            raise InvalidRequest(
                "Missing required parameter: 'prompt'.", param="prompt", code="missing_required_parameter"
            )
        prompt: str = given.pop("prompt")
        name: str = given.pop("model", self.policy.default_model)
        asked = self.find(name, today)
        check(operation, asked, prompt, given)
        model, parameters, warnings = self._apply_lifecycle(asked, given, today)
        if model.name != asked.name:
            check(operation, model, prompt, parameters)
        if operation == "edit":
            for each in (asked, model):
                check_inputs(
                    each,
                    len(image_request.images),
                    mask=image_request.mask is not None,
                    markup=image_request.markup is not None,
                    output_format=parameters.get("output_format"),
                )
        request = Request(
            operation=operation,
            prompt=prompt,
            model=model.name,
            parameters=parameters,
            requested={"model": name, **given},
            warnings=warnings + _provider_warnings(model, parameters),
        )
        return CheckedRequest(request, model, asked, _fingerprint(request, image_request))

    def find(self, name: str, today: date) -> Model:
        """The model with that name.

        Raises:
            ModelNotFound: there is no such model.
        """
        model = self.catalog.find(name)
        if model is None:
            raise no_such_model(name, self.catalog, today)
        return model

    def _apply_lifecycle(
        self, asked: Model, given: Parameters, today: date
    ) -> tuple[Model, Parameters, tuple[RequestWarning, ...]]:
        """The model that actually runs, its parameters, and warnings about it."""
        if asked.retired_on is None or self.policy.retired == "forward":
            return asked, dict(given), ()
        successor = f" Use '{asked.successor.model}' instead." if asked.successor else ""
        if asked.lifecycle(today) == "retiring":
            warning = RequestWarning(
                "model_retiring", f"'{asked.name}' will be shut down on {asked.retired_on}.{successor}", "model"
            )
            return asked, dict(given), (warning,)
        if self.policy.retired == "reject" or asked.successor is None:
            raise ModelNotFound(
                f"The model '{asked.name}' was shut down on {asked.retired_on}.{successor}",
                param="model",
                code="model_retired",
            )
        model = self.find(asked.successor.model, today)
        parameters, changes = _translated(asked.successor, given)
        details = f" ({'; '.join(changes)})" if changes else ""
        warning = RequestWarning(
            "model_translated",
            f"'{asked.name}' was shut down on {asked.retired_on}; '{model.name}' ran instead{details}.",
            "model",
        )
        return model, parameters, (warning,)


def no_such_model(name: str, catalog: Catalog, today: date) -> ModelNotFound:
    """Says which models there are instead."""
    return ModelNotFound(
        f"The model '{name[:64]}' does not exist. Models that can be used: {', '.join(catalog.live_models(today))}.",
        param="model",
    )


def _fingerprint(request: Request, image_request: ImageRequest) -> str:
    sources = [(source.role, source.image.name) for source in image_request.sources]
    content = [request.operation, request.prompt, request.requested, sources]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _translated(successor: Successor, given: Parameters) -> tuple[Parameters, list[str]]:
    """A retired model's parameters for its successor, and what was changed."""
    parameters: Parameters = {}
    changes = []
    for name, value in given.items():
        if name in successor.drop:
            changes.append(f"'{name}' was dropped")
            continue
        parameters[name] = successor.values.get(name, {}).get(str(value), value)
        if parameters[name] != value:
            changes.append(f"'{name}' was changed from {value} to {parameters[name]}")
    for name, value in successor.defaults.items():
        if name not in given:
            parameters[name] = value
            changes.append(f"'{name}' was set to {value}")
    return parameters, changes


def _provider_warnings(model: Model, parameters: Parameters) -> tuple[RequestWarning, ...]:
    """Warnings about what the provider may refuse."""
    warnings: tuple[RequestWarning, ...] = ()
    if not model.known:
        text = f"'{model.name}' is not in Easel's catalog; it was checked against the rules of {model.family_name}."
        warnings += (RequestWarning("unknown_model", text, "model"),)
    for name, values in model.rules.preview.items():
        if parameters.get(name) in values:
            text = f"{name} {parameters[name]} is a preview feature of '{model.name}'; the provider may refuse it."
            warnings += (RequestWarning("may_be_refused", text, name),)
    return warnings


def _refuse_streaming(given: Parameters) -> None:
    if given.pop("stream", None):
        raise InvalidRequest(
            "Easel does not stream images. Omit 'stream'; to follow a long job, send the header 'Prefer: "
            "respond-async' and poll the job.",
            param="stream",
        )
    if given.pop("partial_images", None):
        raise InvalidRequest(
            "'partial_images' requires streaming, which Easel does not support. Omit it or send 0.",
            param="partial_images",
        )
