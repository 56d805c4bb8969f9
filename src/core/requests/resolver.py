"""From an ImageRequest to a CheckedRequest: finds the model, translates retired ones, and checks all rules."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from core.callers.model import Caller
from core.catalog import Catalog, Model, Operation, Successor
from core.errors import InvalidRequest, ModelNotFound
from core.requests import CheckedRequest, Choice, Parameters, Request, RequestWarning
from core.requests.bodies import ImageRequest
from core.requests.rules import (
    PARTIAL_IMAGES,
    check,
    check_inputs,
    check_shown_while_made,
    has_parameter,
    options_as_numbers,
)
from core.settings import RetiredPolicy


@dataclass(frozen=True)
class ModelPolicy:
    """How model names are resolved: the default, and what happens to retired models.

    `translate` runs the successor and says so, `reject` refuses and names it, `forward` sends the name unchanged.
    `defaults` are the deployment's quality and size for requests that name none, `fallbacks` its models that run
    instead of one that cannot be had.
    """

    default_model: str
    retired: RetiredPolicy
    defaults: Mapping[str, str] = field(default_factory=dict)
    fallbacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resolver:
    """Checks requests against the catalog."""

    catalog: Catalog
    policy: ModelPolicy

    def check(
        self, operation: Operation, image_request: ImageRequest, today: date, caller: Caller | None = None
    ) -> CheckedRequest:
        """The request, still without its inputs, and the model that runs it.

        What it leaves out is what the caller's key or the deployment has a default for, and else the provider's.

        Raises:
            InvalidRequest: a rule is broken; it names the parameter and what is allowed.
            ModelNotFound: there is no such model, or it is retired and the policy is `reject`.
        """
        given = dict(image_request.parameters)
        if given.get(PARTIAL_IMAGES) == 0:  # As if it had been left out, also for the fingerprint.
            del given[PARTIAL_IMAGES]
        prompt: str | None = given.pop("prompt", None)
        name: str = given.pop("model", (caller and caller.only_model) or self.policy.default_model)
        asked = self.find(name, today)
        if "options" in given:
            given["options"] = options_as_numbers(given["options"], asked)
        check(operation, asked, prompt, given)
        model = self._running(asked, today)
        successor = None if model is asked else asked.successor
        parameters, changes = _translated(successor, given) if successor else (given, [])
        parameters, warnings = self._with_defaults(operation, model, prompt, parameters, caller)
        if successor:
            changes += _set_old_defaults(successor, given, parameters)
        check(operation, model, prompt, parameters)
        if operation == "edit":
            for each in (asked, model):
                _check_inputs(each, image_request, parameters)
        if image_request.stream:
            check_shown_while_made("stream", parameters)
        parameters, previews = _without_missing_previews(operation, model, parameters)
        request = Request(
            operation=operation,
            prompt=prompt or "",
            model=model.name,
            parameters=parameters,
            requested={"model": name, **given},
            warnings=(
                *self._lifecycle_warnings(asked, model, changes, today),
                *warnings,
                *previews,
                *_provider_warnings(model, prompt, parameters),
            ),
            metadata=image_request.metadata,
        )
        checked = CheckedRequest(request, model, asked, _fingerprint(request, image_request))
        return self._with_fallbacks(checked, image_request, given, today, caller)

    def _with_fallbacks(
        self,
        checked: CheckedRequest,
        image_request: ImageRequest,
        given: Parameters,
        today: date,
        caller: Caller | None,
    ) -> CheckedRequest:
        """The request with the models that can run it instead. One that cannot is left out, with a warning.

        Raises:
            ModelNotFound: the request itself names one that does not exist.
        """
        request = checked.request
        names = image_request.fallbacks
        if names is None:
            names = (caller and caller.fallbacks) or self.policy.fallbacks
        choices: list[Choice] = []
        models: list[Model] = []
        warnings: list[RequestWarning] = []
        for name in names:
            try:
                model = self._running(self.find(name, today), today)
                if model.name in (checked.model.name, *(each.name for each in models)):
                    continue
                choices.append(self._choice(checked, model, image_request, given, caller))
                models.append(model)
            except (InvalidRequest, ModelNotFound) as error:
                if image_request.fallbacks is not None and isinstance(error, ModelNotFound):
                    raise ModelNotFound(error.problem.message, param="fallbacks", code=error.problem.code) from None
                text = f"'{name}' is no fallback for this request: {error.problem.message}"
                warnings.append(RequestWarning("fallback_not_used", text, "fallbacks"))
        request = replace(request, warnings=(*request.warnings, *warnings), fallbacks=tuple(choices))
        return replace(checked, request=request, fallback_models=tuple(models))

    def _choice(
        self,
        checked: CheckedRequest,
        model: Model,
        image_request: ImageRequest,
        given: Parameters,
        caller: Caller | None,
    ) -> Choice:
        """What a fallback is sent: what was requested, as far as it has these parameters.

        Raises:
            InvalidRequest: it cannot run the request, or the caller is not allowed to use it.
        """
        operation, prompt = checked.request.operation, image_request.parameters.get("prompt")
        if caller and caller.allowed_models(model.name):
            raise InvalidRequest(f"the key is not allowed to use '{model.name}'.")
        parameters = {name: value for name, value in given.items() if has_parameter(operation, name, model)}
        check(operation, model, prompt, parameters)
        if operation == "edit":
            _check_inputs(model, image_request, parameters)
        parameters, _ = self._with_defaults(operation, model, prompt, parameters, caller)
        left_out = [name for name in given if name not in parameters]
        details = f" without {', '.join(left_out)}" if left_out else ""
        text = f"'{checked.model.name}' was not to be had; '{model.name}' ran instead{details}."
        warning = RequestWarning("fallback_used", text, "model")
        return Choice(model.name, parameters, (warning, *_provider_warnings(model, prompt, parameters)))

    def find(self, name: str, today: date) -> Model:
        """The model with that name.

        Raises:
            ModelNotFound: there is no such model.
        """
        model = self.catalog.find(name)
        if model is None:
            raise no_such_model(name, self.catalog, today)
        return model

    def _running(self, asked: Model, today: date) -> Model:
        """The model that runs: the one that was requested or, if it was shut down, its successor.

        Raises:
            ModelNotFound: it was shut down, and no successor may run instead.
        """
        if asked.lifecycle(today) != "retired" or self.policy.retired == "forward":
            return asked
        if self.policy.retired == "reject" or asked.successor is None:
            raise ModelNotFound(
                f"The model '{asked.name}' was shut down on {asked.retired_on}.{_successor(asked)}",
                param="model",
                code="model_retired",
            )
        return self.find(asked.successor.model, today)

    def _lifecycle_warnings(
        self, asked: Model, model: Model, changes: list[str], today: date
    ) -> tuple[RequestWarning, ...]:
        if model is not asked:
            details = f" ({'; '.join(changes)})" if changes else ""
            text = f"'{asked.name}' was shut down on {asked.retired_on}; '{model.name}' ran instead{details}."
            return (RequestWarning("model_translated", text, "model"),)
        if asked.lifecycle(today) == "retiring" and self.policy.retired != "forward":
            text = f"'{asked.name}' will be shut down on {asked.retired_on}.{_successor(asked)}"
            return (RequestWarning("model_retiring", text, "model"),)
        return ()

    def _with_defaults(
        self, operation: Operation, model: Model, prompt: str | None, given: Parameters, caller: Caller | None
    ) -> tuple[Parameters, tuple[RequestWarning, ...]]:
        """The parameters with the defaults of the caller's key or the deployment, where the request names none.

        A default that the model does not accept in this request is left out, with a warning.
        """
        parameters, warnings = dict(given), []
        for name, value in {**self.policy.defaults, **(caller.defaults if caller else {})}.items():
            if name in given:
                continue
            try:
                check(operation, model, prompt, {**parameters, name: value})
            except InvalidRequest:
                text = f"The default {name} '{value}' was not used: '{model.name}' does not accept it in this request."
                warnings.append(RequestWarning("default_not_used", text, name))
            else:
                parameters[name] = value
        return parameters, tuple(warnings)


def _check_inputs(model: Model, image_request: ImageRequest, parameters: Parameters) -> None:
    check_inputs(
        model,
        len(image_request.images),
        param=image_request.images_param,
        mask=image_request.mask is not None,
        markup=image_request.markup is not None,
        output_format=parameters.get("output_format"),
    )


def _successor(model: Model) -> str:
    return f" Use '{model.successor.model}' instead." if model.successor else ""


def no_such_model(name: str, catalog: Catalog, today: date) -> ModelNotFound:
    """Says which models there are instead."""
    return ModelNotFound(
        f"The model '{name[:64]}' does not exist. Models that can be used: {', '.join(catalog.live_models(today))}.",
        param="model",
    )


def _fingerprint(request: Request, image_request: ImageRequest) -> str:
    """Of what the caller said, without any default: a request sent again is the same when a default has changed."""
    sources = [(source.role, source.image.name) for source in image_request.sources]
    requested = {name: value for name, value in request.requested.items() if name in image_request.parameters}
    content: list[object] = [request.operation, request.prompt, requested, sources]
    if request.metadata:  # Without any, the fingerprint is that of versions that did not know it.
        content.append(request.metadata)
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
    return parameters, changes


def _set_old_defaults(successor: Successor, given: Parameters, parameters: Parameters) -> list[str]:
    """Set what a retired model did where nothing else says, and return what was set."""
    missing = {name: value for name, value in successor.defaults.items() if name not in {**given, **parameters}}
    parameters.update(missing)
    return [f"'{name}' was set to {value}" for name, value in missing.items()]


def _without_missing_previews(
    operation: Operation, model: Model, parameters: Parameters
) -> tuple[Parameters, tuple[RequestWarning, ...]]:
    """The parameters without partial images, with a warning, if the model has none."""
    if PARTIAL_IMAGES not in parameters or has_parameter(operation, PARTIAL_IMAGES, model):
        return parameters, ()
    rest = {name: value for name, value in parameters.items() if name != PARTIAL_IMAGES}
    text = f"'{model.name}' sends no partial images, so the job will list no previews."
    return rest, (RequestWarning("no_previews", text, PARTIAL_IMAGES),)


def _provider_warnings(model: Model, prompt: str | None, parameters: Parameters) -> tuple[RequestWarning, ...]:
    """Warnings about what the provider may refuse, or is not told."""
    warnings: tuple[RequestWarning, ...] = ()
    if not model.known:
        text = f"'{model.name}' is not in Easel's catalog; it was checked against the rules of {model.family_name}."
        warnings += (RequestWarning("unknown_model", text, "model"),)
    if prompt and model.rules.prompt == "unused":
        text = f"'{model.name}' works without a prompt; yours was not used."
        warnings += (RequestWarning("prompt_not_used", text, "prompt"),)
    for name, values in model.rules.preview.items():
        if parameters.get(name) in values:
            text = f"{name} {parameters[name]} is a preview feature of '{model.name}'; the provider may refuse it."
            warnings += (RequestWarning("may_be_refused", text, name),)
    return warnings
