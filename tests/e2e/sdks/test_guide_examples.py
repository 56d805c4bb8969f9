"""The examples of the guide that Easel follows run with nothing changed but the host and the key.

They name gpt-image-1, which OpenAI has retired: Easel runs its successor and says so. The Python example decodes
`b64_json`, so its key is one that is answered in base64.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from local.processes import clean_environment
from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey

from .conftest import PYTHONS, Pictures, downloaded

GENERATE = """
curl https://api.openai.com/v1/images/generations \\
-H "Content-Type: application/json" \\
-H "Authorization: Bearer $PROVIDERS__OPENAI__API_KEY" \\
-d '{
"model": "gpt-image-1",
"prompt": "A cute baby sea otter",
"n": 1,
"size": "1024x1024"
}'
"""

EDIT = """
curl -X POST "https://api.openai.com/v1/images/edits" \\
-H "Authorization: Bearer $PROVIDERS__OPENAI__API_KEY" \\
-F "model=gpt-image-1" \\
-F "image[]=@body-lotion.png" \\
-F "image[]=@bath-bomb.png" \\
-F 'prompt=Create a lovely gift basket with these items'
"""

PYTHON = """
import base64
from openai import OpenAI
client = OpenAI()
img = client.images.generate(
model="gpt-image-1",
prompt="A cute baby sea otter",
n=1,
size="1024x1024"
)
image_bytes = base64.b64decode(img.data[0].b64_json)
with open("output.png", "wb") as f:
    f.write(image_bytes)
"""


def run(command: list[str | Path], folder: Path, **environment: str) -> str:
    environment = clean_environment(**environment)
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(params=["direct_url", "api_url"])
def base_url(request: pytest.FixtureRequest, stack: Stack) -> str:
    return str(getattr(stack, request.param))


@pytest.mark.parametrize(("example", "inputs"), [(GENERATE, 0), (EDIT, 2)], ids=["generate", "edit"])
def test_the_curl_examples_answer_a_url_and_name_the_successor(
    base_url: str, key: Key, pictures: Pictures, simulator: SimulatorControl, example: str, inputs: int
) -> None:
    command = example.replace("https://api.openai.com/v1", base_url)
    answer: Any = json.loads(run(["bash", "-c", command], pictures.folder, PROVIDERS__OPENAI__API_KEY=key.key))
    (image,) = answer["data"]
    downloaded(image).verify()
    (warning,) = answer["easel"]["warnings"]
    assert warning["code"] == "model_translated"
    assert "'gpt-image-2.5-flare' ran instead" in warning["message"]
    (call,) = simulator.calls()
    assert (call["model"], call["input_images"]) == ("gpt-image-2.5-flare", inputs)


@pytest.mark.parametrize("python", PYTHONS)
def test_the_python_example_saves_a_picture(
    stack: Stack, make_key: MakeKey, simulator: SimulatorControl, python: str, tmp_path: Path
) -> None:
    key = make_key("--answers", "b64_json")
    environment = {"OPENAI_BASE_URL": stack.direct_url, "OPENAI_API_KEY": key.key}
    run([PYTHONS[python], "-I", "-c", PYTHON], tmp_path, **environment)
    with Image.open(tmp_path / "output.png") as picture:
        assert picture.size == (1024, 1024)
    assert len(simulator.calls()) == 1
