"""Each function's package is complete: it runs in the real runtime interface client, with nothing else installed.

The emulator and the other tests can import the packages of their own environment; a function in AWS cannot.
"""

import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from local import finishing
from local.build import Package, package
from tests.support.lambda_service import LambdaService, managed_command, running

ROOT = Path(__file__).parents[3]
# Only awslambdaric is installed there.
BARE_PYTHON = ROOT / ".venv-lambda/bin/python"
FUNCTIONS = re.findall(r"^  (\w+Function):$", (ROOT / "template.yaml").read_text(), re.MULTILINE)

_SERVICES = {"bedrock-runtime", "dynamodb", "events", "s3", "secretsmanager", "sqs"}


@pytest.fixture(scope="module")
def built() -> Package:
    return package("package", ROOT / "out/logs/package")


@pytest.fixture(scope="module")
def unpacked(built: Package, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each function's code, unpacked as in Lambda."""
    folders: dict[Path, Path] = {}
    for archive in set(built.archives.values()):
        folders[archive] = tmp_path_factory.mktemp("task")
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(folders[archive])
            for entry in zipped.infolist():  # which zipfile itself leaves out
                (folders[archive] / entry.filename).chmod(entry.external_attr >> 16)
    return {function: folders[archive] for function, archive in built.archives.items()}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_answers_its_sample_event(function: str, built: Package, unpacked: dict[str, Path]) -> None:
    answer = invoke(function, built.template, unpacked[function])
    match function:
        case "ApiFunction" | "DirectFunction" | "McpFunction":  # the key of the sample is unknown
            assert answer["statusCode"] == 401
            assert json.loads(answer["body"])["error"]["code"] == "invalid_api_key"
        case "DropFunction":  # the bucket of the sample is not of this stack
            assert answer == {"batchItemFailures": []}
        case "WorkerFunction" | "DeadLetterFunction":  # the job of the sample is unknown, so there is nothing to do
            assert answer == {"batchItemFailures": []}
        case _:
            assert isinstance(answer, dict)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_package_holds_bytecode(function: str, unpacked: dict[str, Path]) -> None:
    compiled = {path.parent.parent / path.name.split(".")[0] for path in unpacked[function].rglob("*.pyc")}
    sources = {path.with_suffix("") for path in (unpacked[function] / "core").rglob("*.py")}
    assert sources <= compiled


def test_package_describes_the_aws_services_that_are_called_and_no_others(unpacked: dict[str, Path]) -> None:
    making = re.compile(r"boto3\.client\(|aws\.buying\(")
    assert {path for path in (ROOT / "src").rglob("*.py") if making.search(path.read_text())} <= {*finishing.CLIENTS}
    for code in set(unpacked.values()):
        described = {path.name for path in (code / "botocore/data").iterdir() if path.is_dir()}
        assert described == finishing.called_services() == _SERVICES


def invoke(function: str, template: dict[str, Any], code: Path) -> Any:
    """The function's answer to events/NAME.json, in a process that has only its package."""
    properties = template["Resources"][function]["Properties"]
    event = json.loads((ROOT / "events" / f"{snake_case(function.removesuffix('Function'))}.json").read_text())
    environment = {"AWS_LAMBDA_FUNCTION_NAME": function, "_HANDLER": properties["Handler"]}
    environment |= dict(variables(template, properties))
    command: Sequence[str | Path] = [BARE_PYTHON, "-s", "-m", "awslambdaric", properties["Handler"]]
    if "AWS_LAMBDA_EXEC_WRAPPER" in environment:
        command = managed_command(BARE_PYTHON, environment, code)
    with LambdaService(event) as service, running(command, service, code, environment):
        report = service.report(seconds=30)
    assert report.path == "invocation/1/response", report.content
    return report.document


def variables(template: dict[str, Any], properties: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The function's environment variables; a parameter is replaced by its default, a resource by its name.

    The providers are all that a deployment can have.
    """
    own = properties.get("Environment", {}).get("Variables", {})
    for name, value in (template["Globals"]["Function"]["Environment"]["Variables"] | own).items():
        match value:
            case {"Ref": str(secret)} if name.endswith("__SECRET_ARN"):
                yield name, secret
            case {"Ref": reference}:
                yield name, str(template["Parameters"].get(reference, {}).get("Default", reference))
            case {"Fn::Join": [str(separator), list(parts)]}:
                yield name, separator.join(part["Fn::If"][1] for part in parts)
            case _:
                yield name, str(value)


def snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
