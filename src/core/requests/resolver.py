"""From an ImageRequest to a CheckedRequest: which model runs, what is translated, and that all rules hold."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date

from core.catalog import Catalog, Model, Operation, Successor
from core.errors import InvalidRequest, ModelNotFound
from core.requests import CheckedRequest, Parameters, Request, Warning
from core.requests.bodies import ImageRequest
from core.requests.rules import check, check_inputs, not_allowed
from core.settings import RetiredPolicy

_NAME_MAX = 128


@dataclass(frozen=True)
class ModelPolicy:
    """How model names are resolved: the default, and what a retired name does.

    translate runs the successor and says so, reject refuses and names it, forward sends the name as it is.
    """

    default_model: str
    retired: RetiredPolicy


@dataclass(frozen=True)
class Resolver:
    """Checks requests against the catalog."""

    catalog: Catalog
    policy: ModelPolicy

    def check(self, operation: Operation, image_request: ImageRequest, today: date) -> CheckedRequest:
        """The request, still without its inputs, with the model that runs it.

        Raises:
            InvalidRequest: with the parameter at fault and what is allowed.
            ModelNotFound: there is no such model, or it is retired and the policy rejects.
        """
        given = dict(image_request.parameters)
        _refuse_what_easel_answers_otherwise(given)
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
            warnings=warnings + _doubts(model, parameters),
        )
        return CheckedRequest(request, model, asked, _fingerprint(request, image_request))

    def find(self, name: str, today: date) -> Model:
        """The model of that name.

        Raises:
            ModelNotFound: there is none.
        """
        model = self.catalog.find(name) if len(name) <= _NAME_MAX else None
        if model is None:
            raise ModelNotFound(
                f"The model '{name[:64]}' does not exist. Models that can be used: "
                f"{', '.join(self.catalog.live_models(today))}.",
                param="model",
            )
        return model

    def _apply_lifecycle(
        self, asked: Model, given: Parameters, today: date
    ) -> tuple[Model, Parameters, tuple[Warning, ...]]:
        """The model that really runs, with its parameters, and what has to be said about it."""
        if asked.retired_on is None or self.policy.retired == "forward":
            return asked, dict(given), ()
        successor = f" Use '{asked.successor.model}' instead." if asked.successor else ""
        if asked.lifecycle(today) == "retiring":
            warning = Warning(
                "model_retiring", f"'{asked.name}' is shut down on {asked.retired_on}.{successor}", "model"
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
        told = f" ({'; '.join(changes)})" if changes else ""
        warning = Warning(
            "model_translated",
            f"'{asked.name}' was shut down on {asked.retired_on}; '{model.name}' ran instead{told}.",
            "model",
        )
        return model, parameters, (warning,)


def _fingerprint(request: Request, image_request: ImageRequest) -> str:
    sources = [(source.role, source.image.name) for source in image_request.sources]
    stated = [request.operation, request.prompt, request.requested, sources]
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()


def _translated(successor: Successor, given: Parameters) -> tuple[Parameters, list[str]]:
    """A retired model's parameters in its successor's words, and what changed on the way."""
    parameters: Parameters = {}
    changes = []
    for name, value in given.items():
        if name in successor.drop:
            changes.append(f"'{name}' was dropped")
            continue
        parameters[name] = successor.values.get(name, {}).get(str(value), value)
        if parameters[name] != value:
            changes.append(f"'{name}' {value} became {parameters[name]}")
    for name, value in successor.defaults.items():
        if name not in given:
            parameters[name] = value
            changes.append(f"'{name}' was set to {value}")
    return parameters, changes


def _doubts(model: Model, parameters: Parameters) -> tuple[Warning, ...]:
    """What is sent although the provider may refuse it."""
    doubts: tuple[Warning, ...] = ()
    if not model.known:
        text = f"'{model.name}' is not in Easel's catalog; it was checked by the rules of {model.family_name}."
        doubts += (Warning("unknown_model", text, "model"),)
    for name, values in model.rules.preview.items():
        if parameters.get(name) in values:
            text = f"{name} {parameters[name]} is a preview of '{model.name}'; the provider may still refuse it."
            doubts += (Warning("may_be_refused", text, name),)
    return doubts


def _refuse_what_easel_answers_otherwise(given: Parameters) -> None:
    response_format = given.pop("response_format", None)
    if response_format == "b64_json":
        raise InvalidRequest(
            "Easel answers with URLs instead of base64. Leave 'response_format' out (or send 'url') and download "
            "data[0].url.",
            param="response_format",
        )
    if response_format not in (None, "url"):
        raise not_allowed("response_format", response_format, ("url",))
    if given.pop("stream", None):
        raise InvalidRequest(
            "Easel does not stream images. Leave 'stream' out; to follow a long job send the header "
            "'Prefer: respond-async' and poll the job.",
            param="stream",
        )
    if given.pop("partial_images", None):
        raise InvalidRequest(
            "'partial_images' needs streaming, which Easel does not offer. Leave it out or send 0.",
            param="partial_images",
        )
