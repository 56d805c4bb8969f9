"""Each function's package is complete: it runs in the real runtime interface client, with nothing else installed.

The emulator and the other tests can import the packages of their own environment; a function in AWS cannot.
"""

import ast
import json
import re
import subprocess
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session

from local import finishing
from local.build import Package, package
from tests.support.lambda_service import LambdaService, managed_command, running

ROOT = Path(__file__).parents[3]
# Only awslambdaric is installed there.
BARE_PYTHON = ROOT / ".venv-lambda/bin/python"
FUNCTIONS = re.findall(r"^  (\w+Function):$", (ROOT / "template.yaml").read_text(), re.MULTILINE)

# What Lambda does in a function's place to its queue, and what no function can do.
_OF_OTHERS = {"ReceiveMessage", "DeleteMessage", "RestoreObject"}
_SERVICES = {"bedrock-runtime", "dynamodb", "events", "s3", "secretsmanager", "sqs"}


# Calls each of a service's `operations` with the least that it requires, up to the moment when it would be sent.
_CALLS = """
from botocore import xform_name
from botocore.session import Session

class Sent(Exception):
    pass

def send(**_):
    raise Sent

def least(shape):
    if shape.type_name == "structure":
        names = [*shape.members][:1] if shape.is_tagged_union else shape.required_members
        return {name: least(shape.members[name]) for name in names}
    if shape.type_name in ("list", "map"):
        return [least(shape.member)] if shape.type_name == "list" else {}
    return {"string": "abc", "blob": b"abc", "boolean": True}.get(shape.type_name, 1)

session = Session()
session.set_credentials("key", "secret")
client = session.create_client(service, region_name="eu-west-1")
client.meta.events.register("before-send", send)
for operation in operations:
    needed = least(client.meta.service_model.operation_model(operation).input_shape)
    try:
        getattr(client, xform_name(operation))(**needed)
    except Sent:
        continue
    raise AssertionError(operation)
"""


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


@pytest.mark.parametrize("function", FUNCTIONS)
def test_package_holds_all_that_its_function_can_import(
    function: str, built: Package, unpacked: dict[str, Path]
) -> None:
    """Whatever the graph of imports reaches from its handler, in a function's body as well as at its start."""
    modules = {name for name in finishing.reachable(handler(function, built)) if name.startswith(finishing.OWN)}
    program = {f"import {module}" for module in modules} | {each for name in modules for each in imports(name)}
    run(unpacked[function], "\n".join(sorted(program)))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_package_holds_only_what_its_function_can_import(
    function: str, built: Package, unpacked: dict[str, Path]
) -> None:
    large = {"PIL": "PIL", "cryptography": "jwt", "mcp": "mcp", "pybase64": "pybase64"}
    reached = finishing.reachable(handler(function, built))
    for distribution, imported in large.items():
        assert (unpacked[function] / distribution).exists() == (imported in reached), distribution


def test_packages_can_check_signatures(unpacked: dict[str, Path]) -> None:
    """PyJWT does without cryptography, until a token is signed with a key pair."""
    run(
        unpacked["ApiFunction"],
        """
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt import decode, encode
for algorithm, key in (
    ("RS256", rsa.generate_private_key(65537, 2048)),
    ("ES256", ec.generate_private_key(ec.SECP256R1())),
    ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
):
    decode(encode({}, key, algorithm), key.public_key(), [algorithm])
""",
    )


def test_packages_can_read_and_write_the_kinds_of_images_that_are_served(unpacked: dict[str, Path]) -> None:
    """Pillow tells only those who open a file that it lacks a library."""
    run(
        unpacked["McpFunction"],
        """
import io
from PIL import Image
for kind in ("JPEG", "PNG", "WEBP"):
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, kind)
    Image.open(file, formats=[kind]).convert("RGBA").resize((4, 4)).load()
""",
    )


def test_packages_can_sign_urls_and_forms(unpacked: dict[str, Path]) -> None:
    """Botocore signs by the description of an operation, which for a form is one that nobody calls."""
    run(
        unpacked["ApiFunction"],
        """
from botocore.session import get_session
session = get_session()
session.set_credentials("a", "b")
s3 = session.create_client("s3", "us-east-1")
assert s3.generate_presigned_url("get_object", {"Bucket": "b", "Key": "k"})
assert s3.generate_presigned_post("b", "k")["fields"]
""",
    )


def test_packages_describe_the_aws_services_that_are_called_and_no_others(unpacked: dict[str, Path]) -> None:
    making = re.compile(r"\bcreate_client\(|aws\.buying\(")
    assert {path for path in (ROOT / "src").rglob("*.py") if making.search(path.read_text())} <= {*finishing.CLIENTS}
    for code in set(unpacked.values()):
        described = {path.name for path in (code / "botocore/data").iterdir() if path.is_dir()}
        assert described == finishing.called_services() == _SERVICES


@pytest.mark.parametrize("service", sorted(_SERVICES))
def test_packages_can_call_the_operations_that_functions_are_permitted(service: str, unpacked: dict[str, Path]) -> None:
    """The statements of the template say independently of the code what is called."""
    prefix = {"bedrock-runtime": "bedrock"}.get(service, service)
    permitted = set(re.findall(rf"\b{prefix}:(\w+)", (ROOT / "template.yaml").read_text())) - _OF_OTHERS
    expected = permitted.intersection(Session().get_service_model(service).operation_names)
    assert expected
    run(unpacked["WorkerFunction"], f"service, operations = {service!r}, {sorted(expected)!r}\n{_CALLS}")


def handler(function: str, built: Package) -> str:
    """The module of a function's handler."""
    return str(built.template["Resources"][function]["Properties"]["Handler"]).rpartition(".")[0]


def imports(module: str) -> Iterator[str]:
    """The import statements of one of our modules, wherever in it; those for the type checker left out."""
    path = ROOT / "src" / module.replace(".", "/")
    more: list[ast.AST] = [ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())]
    while more:
        match more.pop():
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=run_instead):
                more += run_instead
            case ast.Import() | ast.ImportFrom() as statement:
                yield ast.unparse(statement)
            case node:
                more += ast.iter_child_nodes(node)


def run(code: Path, program: str) -> None:
    """Run a program in a process that has only a function's package."""
    done = subprocess.run(
        [BARE_PYTHON, "-s", "-W", "error", "-c", program],
        cwd=code,
        env={"POWERTOOLS_SERVICE_NAME": "easel"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


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
