"""A little of the AWS CLI, for machines that do not have it.

`aws s3 cp` with --metadata and --recursive, and the operations of the services as botocore describes them: their
parameters as options, JSON for what is not text, with --query and --output text.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import boto3
import jmespath
from botocore import xform_name
from botocore.model import Shape


def main() -> None:
    """Run one command."""
    if sys.argv[1:3] == ["s3", "cp"]:
        copy(sys.argv[3:])
    else:
        call(sys.argv[1], sys.argv[2], sys.argv[3:])


def copy(arguments: list[str]) -> None:
    """Copy a file into a bucket, or what a bucket holds under a prefix into a folder."""
    parser = argparse.ArgumentParser(prog="aws s3 cp")
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--metadata", type=_metadata, default={})
    parser.add_argument("--recursive", action="store_true")
    options = parser.parse_args(arguments)
    s3 = boto3.client("s3")
    if options.target.startswith("s3://"):
        bucket, _, key = options.target.removeprefix("s3://").partition("/")
        s3.upload_file(options.source, bucket, key, ExtraArgs={"Metadata": options.metadata})
        return
    bucket, _, prefix = options.source.removeprefix("s3://").partition("/")
    if not options.recursive:
        sys.exit("only --recursive is known here")
    for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
        path = Path(options.target) / entry["Key"].removeprefix(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, entry["Key"], str(path))


def call(service: str, operation: str, arguments: list[str]) -> None:
    """Call an operation and print what it answers; a body, such as that of `lambda invoke`, goes into a file."""
    client: Any = boto3.client(service)  # type: ignore[call-overload] # a name at run time
    method = operation.replace("-", "_")
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    parser = argparse.ArgumentParser(prog=f"aws {service} {operation}", allow_abbrev=False)
    for name, shape in model.input_shape.members.items():
        option = xform_name(name, "-")
        if shape.type_name == "boolean":
            parser.add_argument(f"--{option}", dest=name, action=argparse.BooleanOptionalAction)
        else:
            parser.add_argument(f"--{option}", dest=name, type=_converter(shape))
    parser.add_argument("--query")
    parser.add_argument("--output", choices=["json", "text"], default="json")
    if model.has_streaming_output:
        parser.add_argument("outfile")
    options = vars(parser.parse_args(arguments))
    query, output, file = options.pop("query"), options.pop("output"), options.pop("outfile", None)
    answer = getattr(client, method)(**{name: value for name, value in options.items() if value is not None})
    answer.pop("ResponseMetadata")
    if file:
        Path(file).write_bytes(answer.pop(model.output_shape.serialization["payload"]).read())
    found = jmespath.search(query, answer) if query else answer  # type: ignore[no-untyped-call] # jmespath has no types
    sys.stdout.write(f"{found if output == 'text' else json.dumps(found, indent=4, default=str)}\n")


def _converter(shape: Shape) -> Any:
    return {"string": str, "integer": int, "long": int, "float": float, "double": float}.get(
        shape.type_name, json.loads
    )


def _metadata(text: str) -> dict[str, str]:
    """A map as the CLI takes it: JSON, or NAME=VALUE with commas between."""
    if text.startswith("{"):
        found: dict[str, str] = json.loads(text)
        return found
    return dict(pair.split("=", 1) for pair in text.split(","))


if __name__ == "__main__":
    main()
