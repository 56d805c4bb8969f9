"""python transform.py TEMPLATE: prints what the SAM transform makes of a template, as JSON.

SAM's own environment runs it, for that has the newest transform; it needs neither network nor credentials.
"""

import json
import os
import sys
from pathlib import Path

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:easel/openai-AbCdEf"


def main() -> None:
    """Transform with parameters at their defaults, where the transform needs their values."""
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    template = yaml_parse(Path(sys.argv[1]).read_text())
    # What `sam package` does; the transform takes no local folder.
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
    transformed = Translator({}, Parser()).translate(template, {"OpenAiSecretArn": SECRET_ARN})
    json.dump(transformed, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
