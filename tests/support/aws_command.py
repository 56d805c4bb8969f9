"""A few commands of the AWS CLI, for machines that do not have it: aws s3 cp, with --metadata and --recursive."""

import argparse
import json
import sys
from pathlib import Path

import boto3


def main() -> None:
    """Copy a file into a bucket, or what a bucket holds under a prefix into a folder."""
    parser = argparse.ArgumentParser(prog="aws")
    parser.add_argument("service", choices=["s3"])
    parser.add_argument("command", choices=["cp"])
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--metadata", type=_metadata, default={})
    parser.add_argument("--recursive", action="store_true")
    options = parser.parse_args()
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


def _metadata(text: str) -> dict[str, str]:
    """A map as the CLI takes it: JSON, or NAME=VALUE with commas between."""
    if text.startswith("{"):
        found: dict[str, str] = json.loads(text)
        return found
    return dict(pair.split("=", 1) for pair in text.split(","))


if __name__ == "__main__":
    main()
