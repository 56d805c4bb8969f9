"""The OpenAPI document."""

import inspect
import re
from collections.abc import Callable
from typing import Any

from core import __version__
from openapi.errors import ErrorCode, errors_of
from openapi.examples import examples
from openapi.operations import (
    HEADERS,
    OPERATIONS,
    PARAMETERS,
    PATH_PARAMETERS,
    ROUTERS,
    UNDESCRIBED,
    Answer,
    Operation,
)
from openapi.samples import SampleCall, samples
from openapi.schemas import Schema, reference, schemas

_ABOUT = """\
The OpenAI Images API on your own AWS account: requests are validated, images bought once, stored in S3, and returned \
as URLs instead of base64. An application written for OpenAI works after changing its base URL and its key. What Easel \
adds to OpenAI's answers is under `easel`."""

_TAGS = {
    "Buy images": "Requests as OpenAI's Images API accepts them. What a model does not support is refused before money "
    "is spent; nothing is rewritten silently.",
    "Jobs": "A job is one paid unit of work. It can be polled, waited for, and canceled until its purchase starts.",
    "Images": "Stored images belong to the key that bought them. The permalink needs no key.",
    "Uploads": "Inputs that are too large for a request body are sent directly to the bucket, up to 50 MB.",
    "Browser tokens": "A web page gets a token instead of a key: short-lived, for a few images, from its own origin.",
    "Models": "The values of `model`: what each model accepts, what it costs, and when it is shut down.",
    "Usage": "What a key spent, and what remains of its budgets.",
    "Pages": "This description, the playground, and the JavaScript client for pages of your own.",
    "Service": "About the deployment itself.",
}

_REGION = {"default": "eu-central-1", "description": "The region of the deployment."}
_SERVERS = [
    {
        "url": "https://{api}.execute-api.{region}.amazonaws.com/v1",
        "description": "API Gateway: the stack's output ApiUrl. Waits up to 25 seconds for an image.",
        "variables": {"api": {"default": "abc123", "description": "The id of the API."}, "region": _REGION},
    },
    {
        "url": "https://{function}.lambda-url.{region}.on.aws/v1",
        "description": "Direct: the stack's output DirectUrl with v1 added. Waits up to 14 minutes.",
        "variables": {"function": {"default": "abc123", "description": "The id of the URL."}, "region": _REGION},
    },
    {
        "url": "https://{host}/v1",
        "description": "Behind a domain of your own.",
        "variables": {"host": {"default": "images.example.com", "description": "Your domain."}},
    },
]


def describe() -> dict[str, Any]:
    """The OpenAPI document of all routes."""
    failures = _Failures()
    paths = _paths(failures)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Easel",
            "summary": "The OpenAI Images API on your own AWS account.",
            "description": _ABOUT,
            "version": __version__,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": _SERVERS,
        "security": [{"key": []}],
        "tags": [{"name": name, "description": _TAGS[name]} for name in ROUTERS],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "parameters": PARAMETERS,
            "responses": failures.responses,
            "headers": HEADERS,
            "examples": {name: {"value": value} for name, value in examples().items()},
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key of Easel, `ek_…`, made by the operator with `easel keys create`; "
                    "in a web page a browser token, made with a key by `POST /tokens`.",
                }
            },
        },
    }


def _paths(failures: "_Failures") -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for tag, router in ROUTERS.items():
        for (rule, methods, *_), handler in router._routes.items():
            if handler in UNDESCRIBED:
                continue
            path = re.sub(r"<(\w+)>", r"{\1}", re.sub(r"\(\?!.*\$\)", "", rule))
            for method in methods:
                paths.setdefault(path, {})[method.lower()] = _operation(tag, path, method, handler, failures)
    return paths


def _operation(tag: str, path: str, method: str, handler: Callable[..., Any], failures: "_Failures") -> dict[str, Any]:
    of = OPERATIONS[handler]
    head = method == "HEAD"
    described: dict[str, Any] = {
        "operationId": f"{of.id}Head" if head else of.id,
        "tags": [tag],
        "summary": of.summary,
        "description": " ".join((inspect.getdoc(handler) or "").split()),
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": PATH_PARAMETERS[name]} for name in _names(path)),
            *({"$ref": f"#/components/parameters/{name}"} for name in of.parameters),
        ],
    }
    if of.body:
        described["requestBody"] = {"required": True, "content": _body(of)}
    described["responses"] = {
        **{status: _answer(answer) for status, answer in of.answers.items()},
        **{status: failures.reference(status, codes, head) for status, codes in _errors(of).items()},
    }
    if not of.needs_key:
        described["security"] = []
    if not head:
        described["x-codeSamples"] = samples(_sample_call(method, path, of))
    return described


def _sample_call(method: str, path: str, of: Operation) -> SampleCall:
    values = {name: PATH_PARAMETERS[name]["examples"][0] for name in _names(path)}
    return SampleCall(
        method=method,
        path=path.format(**values) + (f"?{of.query}" if of.query else ""),
        needs_key=of.needs_key,
        body=None if of.form else of.example,
        form=of.form,
        saved_as=of.saved_as,
    )


def _names(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)


def _body(of: Operation) -> dict[str, Any]:
    content: dict[str, Any] = {kind: {"schema": schema} for kind, schema in of.body.items()}
    content["application/json"]["example"] = of.example
    return content


def _answer(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": answer.description,
        "headers": _headers("X-Request-Id", *answer.headers),
    }
    schema: Schema = reference(answer.schema) if answer.schema else {"type": "object"}
    if answer.media_type != "application/json":
        schema = {"type": "string"}
    content: dict[str, Any] = {"schema": schema}
    if answer.example:
        content["examples"] = {"sample": {"$ref": f"#/components/examples/{answer.example}"}}
    described["content"] = {answer.media_type: content}
    if answer.events:
        streamed: dict[str, Any] = {"schema": {"type": "string", "description": answer.events}}
        streamed["examples"] = {"sample": {"$ref": "#/components/examples/Stream"}}
        described["content"]["text/event-stream"] = streamed
    if answer.links:
        described["links"] = {
            name: {"operationId": name, "parameters": dict(values)} for name, values in answer.links.items()
        }
    return described


def _errors(of: Operation) -> dict[str, list[ErrorCode]]:
    """The errors of an operation; what is about keys, bodies and other methods only where it can come up."""
    found = errors_of(of.errors)
    found.pop("405", None)
    if not of.needs_key:
        found.pop("401", None)
    return found


class _Failures:
    """Collects error answers, since many operations share them."""

    def __init__(self) -> None:
        self.responses: dict[str, Any] = {}

    def reference(self, status: str, codes: list[ErrorCode], head: bool) -> dict[str, str]:
        """A reference to the error answer of that status with those codes."""
        described = _error(status, codes, head)
        number = 1
        while self.responses.setdefault(name := f"Error{status}-{number}", described) != described:
            number += 1
        return {"$ref": f"#/components/responses/{name}"}


def _error(status: str, codes: list[ErrorCode], head: bool) -> dict[str, Any]:
    meanings: dict[str, list[str]] = {}
    for error in codes:
        meanings.setdefault(error.code, []).append(error.when)
    described: dict[str, Any] = {
        "description": "\n".join(f"- `{code}`: {'; or '.join(when)}" for code, when in meanings.items())
    }
    if "X" not in status:
        described["headers"] = _headers("X-Request-Id", "x-should-retry")
    if not head:
        described["content"] = {"application/json": {"schema": reference("ErrorResponse")}}
    return described


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
