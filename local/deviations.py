"""Every difference between the local deployment and the template, each with its reason.

`apply` changes the template that `sam build` made; template.yaml itself stays as it is. Three more differences are
outside the template: the stack has the tags STACK_TAGS, some parameters have local values (local/deployment.py), and
the packages have a providers.json of their own (local/providers.py), since src/ has the operator's.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from local.build import Template

API_ID = "easel"
# MiniStack takes the id of a REST API from this tag. So its URL is known before the deployment, like that of a custom
# domain, and can be passed as PublicUrl.
STACK_TAGS = {"ms-custom-id": API_ID}

_BEDROCK_ENDPOINT = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"

# The methods that ANY includes.
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def apply(
    template: Template, parameters: Mapping[str, str], code: Mapping[str, str], bedrock_url: str | None = None
) -> None:
    """Adapt a built template to MiniStack, in place.

    `parameters` are those of the deployment; `code` maps a function to the S3 URI of its archive; `bedrock_url` takes
    the place of Amazon Bedrock.
    """
    _use_packed_code(template, code)
    if bedrock_url is not None:
        _call_bedrock_at(template, bedrock_url)
    _spell_out_any_methods(template)
    _make_maximum_concurrency_literal(template, parameters)
    _make_environment_variables_strings(template)


def _use_packed_code(template: Template, code: Mapping[str, str]) -> None:
    """All functions share one package; `sam deploy` would zip it once per function, at two seconds each."""
    template["Globals"]["Function"].pop("CodeUri", None)
    for name, function in _of_type(template, "AWS::Serverless::Function"):
        function["CodeUri"] = code[name]


def _call_bedrock_at(template: Template, url: str) -> None:
    """MiniStack's own Bedrock has no image models. botocore reads this variable, so Easel's code needs no setting."""
    template["Resources"]["WorkerFunction"]["Properties"]["Environment"]["Variables"][_BEDROCK_ENDPOINT] = url


def _spell_out_any_methods(template: Template) -> None:
    """MiniStack's OpenAPI import ignores x-amazon-apigateway-any-method, which SAM makes of ANY."""
    for _, function in _of_type(template, "AWS::Serverless::Function"):
        events = function.get("Events", {})
        for name, event in list(events.items()):
            if event["Type"] == "Api" and event["Properties"]["Method"] == "ANY":
                del events[name]
                for method in METHODS:
                    properties = event["Properties"] | {"Method": method}
                    events[name + method.title()] = {"Type": "Api", "Properties": properties}


def _make_maximum_concurrency_literal(template: Template, parameters: Mapping[str, str]) -> None:
    """MiniStack passes a number from a parameter to its queue poller as a string, which stops the poller."""
    for _, function in _of_type(template, "AWS::Serverless::Function"):
        for event in function.get("Events", {}).values():
            scaling = event["Properties"].get("ScalingConfig", {})
            match scaling.get("MaximumConcurrency"):
                case {"Ref": parameter}:
                    default = template["Parameters"][parameter].get("Default")
                    scaling["MaximumConcurrency"] = int(parameters.get(parameter, default))


def _make_environment_variables_strings(template: Template) -> None:
    """CloudFormation converts numbers to strings; MiniStack does not, and cannot start the function."""
    for _, function in _of_type(template, "AWS::Serverless::Function"):
        variables = function.get("Environment", {}).get("Variables", {})
        for name, value in variables.items():
            if isinstance(value, int):
                variables[name] = str(value)


def _of_type(template: Template, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource["Properties"]
