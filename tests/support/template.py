"""template.yaml as written, before the SAM transform."""

from typing import Any

import yaml

from local.processes import ROOT


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as the long ones."""


def _long_form(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    key = name if name == "Ref" else f"Fn::{name}"
    if isinstance(node, yaml.ScalarNode):
        return {key: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {key: loader.construct_sequence(node, deep=True)}
    raise TypeError(node)


_Loader.add_multi_constructor("!", _long_form)


def with_all_statements(value: Any) -> Any:
    """A template with the statements that only some deployments have, as if all conditions of statements held."""
    if isinstance(value, list):
        return [with_all_statements(each) for each in value]
    if not isinstance(value, dict):
        return value
    plain = {name: with_all_statements(each) for name, each in value.items()}
    if isinstance(plain.get("Statement"), list):
        plain["Statement"] = [each["Fn::If"][1] if "Fn::If" in each else each for each in plain["Statement"]]
    return plain


def read(text: str) -> dict[str, Any]:
    """A template, or a part of one, with all statements."""
    found: dict[str, Any] = with_all_statements(yaml.load(text, _Loader))
    return found


TEMPLATE = read((ROOT / "template.yaml").read_text())
