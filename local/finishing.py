"""Finishes what `sam build` made: python -m local.finishing BUILD_FOLDER

All functions share one CodeUri, so `make build` lets SAM build one of them: it would copy the same files for each.
Here, they lose what no function loads, and get the files for browsers and the bytecode, without which a cold start
takes twice as long. Each function's package is then made of links to them, and has only the distributions that this
function can reach (ADR 34).
"""

import compileall
import gzip
import json
import os
import py_compile
import re
import shutil
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Set
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import grimp
import yaml
from botocore import xform_name
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local import web
from local.processes import ROOT

SOURCES = ROOT / "src"

# The packages of our own modules.
OWN = ("handlers", "composition", "core", "interfaces")
# Whoever imports it may import any of its modules by its name.
ADAPTERS = "core.providers"
# What makes AWS clients for the functions: one module, and the adapters of providers that are services of AWS.
CLIENTS = [SOURCES / "core/aws.py", *(SOURCES / "core/providers").glob("*.py")]
# What botocore itself uses, besides what our code calls: to find out the region of a bucket, and to sign forms.
CALLED_BY_BOTOCORE = {"CreateBucket", "HeadBucket"}
# What distributions require for parts that we do not use: cffi its compiler, and MCP's SDK its clients and a web
# server, which sse-starlette would load if it were there.
DONE_WITHOUT = {"httpx2", "jsonschema", "pycparser", "uvicorn"}
# Large parts of distributions that nothing loads; and packages' own modules that import all of the package, while we
# import what we use from where it is.
UNUSED = [
    "aws_lambda_powertools/event_handler/__init__.py",
    "mcp/__init__.py",
    "mcp/server/__init__.py",
    "PIL/_avif.*",
    "PIL/_imagingcms.*",
    "PIL/_imagingft.*",
    "PIL/_imagingtk.*",
    "pillow.libs/libavif-*",
    "pillow.libs/libbrotli*",
    "pillow.libs/libfreetype-*",
    "pillow.libs/libharfbuzz-*",
    "pillow.libs/liblcms2-*",
    "pillow.libs/libpng16-*",
    "aws_lambda_powertools/event_handler/*appsync*",
    "aws_lambda_powertools/event_handler/bedrock_agent*",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui",
    "aws_lambda_powertools/utilities/auth_alpha",
    "aws_lambda_powertools/utilities/batch",
    "aws_lambda_powertools/utilities/circuit_breaker",
    "aws_lambda_powertools/utilities/data_masking",
    "aws_lambda_powertools/utilities/feature_flags",
    "aws_lambda_powertools/utilities/idempotency",
    "aws_lambda_powertools/utilities/kafka",
    "aws_lambda_powertools/utilities/parameters",
    "aws_lambda_powertools/utilities/parser",
    "aws_lambda_powertools/utilities/streaming",
    "aws_lambda_powertools/utilities/validation",
    "cffi",  # cryptography needs only what it compiled, which is beside it
    "dateutil/zoneinfo",
    "mcp/cli",
    "mcp/client",
    "mcp/server/mcpserver",
    "pydantic/v1",
    "requirements.txt",
]


def finish(build: Path) -> None:
    """Make each function's package out of the one that SAM has built, and name it in the built template."""
    template = yaml.safe_load((build / "template.yaml").read_text())
    functions = {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    (built,) = build.glob("*/")
    whole = built.rename(build / "whole")
    drop_unused(whole)
    trim_descriptions(whole / "botocore/data")
    web.pack(whole / web.PLACE)
    compileall.compile_dir(whole, quiet=1, workers=0, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    for name, function in functions.items():
        link(whole, build / name, unneeded_by(function["Handler"].rpartition(".")[0], whole))
        function["CodeUri"] = name
    shutil.rmtree(whole)
    (build / "template.yaml").write_text(yaml.safe_dump(template, sort_keys=False))


def link(whole: Path, package: Path, without: set[str]) -> None:
    """Make a package of links to the files of the whole one, without the top-level entries of those names.

    Lists of files, which only installers read, stay behind, too.
    """

    def left_out(folder: str, names: list[str]) -> Iterable[str]:
        return {"RECORD"} | (without & set(names) if Path(folder) == whole else set())

    shutil.copytree(whole, package, copy_function=os.link, ignore=left_out)


def unneeded_by(handler: str, package: Path) -> set[str]:
    """The package's top-level files and folders of distributions that a handler cannot reach."""
    installed: dict[str, Distribution] = {
        canonicalize_name(found.name): found for found in distributions(path=[str(package)])
    }
    entries = {
        name: {path.parts[0] for path in found.files or () if path.parts[0] != ".."}
        for name, found in installed.items()
    }
    imported = {name for name in reachable(handler) if not name.startswith(OWN)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {_name(wanted.name): wanted.extras for wanted in map(Requirement, project["dependencies"])}
    needed: set[str] = set()
    for name, contents in entries.items():
        if imported & {entry.partition(".")[0] for entry in contents}:
            needed |= required(name, extras.get(name, set()), installed)
    return set().union(*entries.values()) - set().union(*(entries[name] for name in needed))


def required(name: str, extras: Set[str], installed: Mapping[str, Distribution]) -> set[str]:
    """A distribution with all that it requires, and that these extras of it require."""
    found: set[str] = set()
    more = [(name, extras)]
    while more:
        name, extras = more.pop()
        found.add(name)
        for wanted in map(Requirement, installed[name].requires or ()):
            applies = wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras))
            if applies and _name(wanted.name) not in found | DONE_WITHOUT:
                more.append((_name(wanted.name), wanted.extras))
    return found


def _name(distribution: str) -> str:
    return canonicalize_name(distribution)  # of which it is a string


def reachable(handler: str) -> set[str]:
    """The modules that a handler imports at its start or ever: ours, and of others the top-level names."""
    graph = _graph()
    found: set[str] = set()
    more = {handler}
    while more:
        module = more.pop()
        found.add(module)
        if module.startswith(OWN):
            parent = module.rpartition(".")[0]
            named = graph.find_children(module) if module == ADAPTERS else set()
            more |= ({parent} - {""} | named | graph.find_modules_directly_imported_by(module)) - found
    return found


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph(*OWN, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None)


def drop_unused(package: Path) -> None:
    """Remove what UNUSED lists.

    Raises:
        FileNotFoundError: there is no such thing, so that the list is out of date.
    """
    for pattern in UNUSED:
        found = list(package.glob(pattern))
        if not found:
            raise FileNotFoundError(f"{pattern}: correct UNUSED in local/finishing.py")
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def trim_descriptions(data: Path) -> None:
    """Leave of botocore's descriptions of AWS what our calls need: else reading them takes a tenth of a cold start."""
    prefixes = set()
    for service in [path for path in data.iterdir() if path.is_dir()]:
        if service.name in called_services():
            *outdated, newest = sorted(service.iterdir())
            prefixes.add(trim_service(newest))
        else:
            outdated = [service]
        for folder in outdated:
            shutil.rmtree(folder)
    endpoints = json.loads((data / "endpoints.json").read_text())
    for partition in endpoints["partitions"]:
        partition["services"] = {name: of for name, of in partition["services"].items() if name in prefixes}
    _write(data / "endpoints.json", endpoints)


def trim_service(folder: Path) -> str:
    """Leave of one service's description the operations that are called, without prose; its name in endpoints.json."""
    description = json.loads(gzip.decompress((folder / "service-2.json.gz").read_bytes()))
    called = {name for name in description["operations"] if xform_name(name) in _words()} | CALLED_BY_BOTOCORE
    operations = {name: of for name, of in description["operations"].items() if name in called}
    shapes: dict[str, Any] = {}
    more = set(_shapes_in(operations))
    while more:
        name = more.pop()
        shapes[name] = description["shapes"][name]
        more |= set(_shapes_in(shapes[name])) - shapes.keys()
    for path in folder.iterdir():
        if not path.name.startswith(("service-2.sdk-extras", "endpoint-rule-set", "paginators")):
            path.unlink()
    kept = _without_prose(description | {"operations": operations, "shapes": shapes})
    # Of these, botocore reads the prose, too.
    kept["clientContextParams"] = description.get("clientContextParams", {})
    _write(folder / "service-2.json", kept)
    return str(description["metadata"]["endpointPrefix"])


def _shapes_in(description: Any) -> Iterator[str]:
    """The names of shapes that a part of a description refers to."""
    match description:
        case {"shape": str(name)}:
            yield name
    match description:
        case dict():
            for value in description.values():
                yield from _shapes_in(value)
        case list():
            for value in description:
                yield from _shapes_in(value)


def _without_prose(description: Any) -> Any:
    match description:
        case dict():
            return {
                name: _without_prose(value)
                for name, value in description.items()
                if not (name == "documentation" and isinstance(value, str))
            }
        case list():
            return [_without_prose(value) for value in description]
        case _:
            return description


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, separators=(",", ":")))


@cache
def _words() -> set[str]:
    """Every word of the functions' code, the names of the operations that it calls among them."""
    return {word for path in SOURCES.rglob("*.py") for word in re.findall(r"\w+", path.read_text())}


def called_services() -> set[str]:
    """The AWS services for which the functions have clients, by botocore's names."""
    made = re.compile(r'(?:_client|aws\.buying)\("([a-z0-9-]+)"')
    return {service for module in CLIENTS for service in made.findall(module.read_text())}


if __name__ == "__main__":
    finish(Path(sys.argv[1]))
