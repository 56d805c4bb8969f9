"""The template as it is deployed: what the SAM transform makes of template.yaml, without network or credentials."""

import json
from pathlib import Path
from typing import Any

import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:easel/openai-AbCdEf"


@pytest.fixture(scope="session")
def transformed() -> dict[str, Any]:
    """The transformed template, with parameters at their defaults where the transform needs them."""
    template = yaml_parse((ROOT / "template.yaml").read_text())  # type: ignore[no-untyped-call]
    # What `sam package` does; the transform takes no local folder.
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        result = Translator({}, Parser()).translate(template, {"OpenAiSecretArn": SECRET_ARN})
    plain: dict[str, Any] = json.loads(json.dumps(result))
    return plain


@pytest.fixture(scope="session")
def transformed_file(transformed: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The transformed template as a file, for the linters."""
    path = tmp_path_factory.mktemp("template") / "transformed.json"
    path.write_text(json.dumps(transformed, indent=2))
    return path
