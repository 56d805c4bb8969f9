"""Deploys the built template to MiniStack with `sam deploy`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from local import deviations
from local.build import ARCHITECTURE, Package
from local.ministack import CREDENTIALS
from local.processes import ROOT, clean_environment, run_logged
from local.providers import Providers
from local.stack import aws_client

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient

SAM = ROOT / ".venv-sam/bin/sam"
REGION = "us-east-1"
ARTIFACTS = "easel-artifacts"


def api_url(aws_endpoint_url: str) -> str:
    """The base URL of the REST API, which is known before the deployment."""
    return f"{aws_endpoint_url}/_aws/execute-api/{deviations.API_ID}/v1"


def store_secret(aws_endpoint_url: str, provider: str, key: str) -> str:
    """Create a provider's secret; returns its ARN."""
    secrets: SecretsManagerClient = aws_client("secretsmanager", aws_endpoint_url, REGION)
    return secrets.create_secret(Name=f"easel/{provider}", SecretString=key)["ARN"]


def deploy(
    package: Package, aws_endpoint_url: str, stack_name: str, providers: Providers, logs: Path
) -> dict[str, str]:
    """Deploy a package as a stack that buys from these providers; returns the stack's outputs.

    Raises:
        LocalCloudError: the deployment fails.
    """
    parameters = {"Architecture": ARCHITECTURE, "PublicUrl": api_url(aws_endpoint_url), **providers.parameters}
    code = _upload(package.archives, aws_endpoint_url)
    deviations.apply(package.template, parameters, code, providers.bedrock_url)
    template = logs / "template.local.json"
    template.write_text(json.dumps(package.template, indent=2))

    environment = clean_environment(
        **CREDENTIALS,
        AWS_DEFAULT_REGION=REGION,
        AWS_ENDPOINT_URL=aws_endpoint_url,
        SAM_CLI_TELEMETRY="0",
    )
    options = ["--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--s3-bucket", ARTIFACTS]
    tags = [f"{key}={value}" for key, value in deviations.STACK_TAGS.items()]
    overrides = [f"{key}={value}" for key, value in parameters.items()]
    # fmt: off
    run_logged(
        [SAM, "deploy", "--template-file", template, "--stack-name", stack_name, *options,
         "--tags", *tags, "--parameter-overrides", *overrides],
        logs / "deploy.log", environment, cwd=logs,
    )
    # fmt: on
    cloudformation: CloudFormationClient = aws_client("cloudformation", aws_endpoint_url, REGION)
    stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _upload(archives: Mapping[str, Path], aws_endpoint_url: str) -> dict[str, str]:
    s3: S3Client = aws_client("s3", aws_endpoint_url, REGION)
    s3.create_bucket(Bucket=ARTIFACTS)
    for archive in set(archives.values()):
        s3.upload_file(str(archive), ARTIFACTS, archive.name)
    return {function: f"s3://{ARTIFACTS}/{archive.name}" for function, archive in archives.items()}
