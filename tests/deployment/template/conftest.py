"""The template as it is deployed: what the SAM transform makes of template.yaml."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.template import with_all_statements

ROOT = Path(__file__).parents[3]
SAM_PYTHON = ROOT / ".venv-sam/bin/python"


@pytest.fixture(scope="session")
def transformed_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The transformed template as a file, for the linters."""
    path = tmp_path_factory.mktemp("template") / "transformed.json"
    command = [SAM_PYTHON, Path(__file__).with_name("transform.py"), ROOT / "template.yaml"]
    path.write_bytes(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return path


@pytest.fixture(scope="session")
def transformed(transformed_file: Path) -> dict[str, Any]:
    """The transformed template, with every statement that a deployment can have."""
    template: dict[str, Any] = with_all_statements(json.loads(transformed_file.read_text()))
    return template
