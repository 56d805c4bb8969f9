"""What `make deploy` says first: python -m local.before_deploy PROFILE

Notes go to stderr. Printed are the options that `sam deploy` needs: the operator's own settings, if there are some, and
until a profile configures a provider, that SAM asks for every parameter.
"""

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from core import catalog
from core.catalog import operator
from core.catalog.operator import OperatorFileError, own_providers
from core.providers import Tools, connect
from core.providers.http import HttpClient
from core.settings import SettingsError
from local.processes import ROOT

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

# Source: AWS Lambda quotas; new accounts have fewer concurrent executions
USUAL_LIMIT = 1000
# Source: AWS Lambda, reserved concurrency
ALWAYS_UNRESERVED = 100
# Enough for the workers, the queues' other functions and a few dozen waiting calls.
_COMFORTABLE = 100
# The operator's own copy of samconfig.toml, which git ignores, takes its place.
SETTINGS, OWN_SETTINGS = "samconfig.toml", "samconfig.local.toml"
# Each configures a provider.
_PROVIDER_PARAMETERS = {"OpenAiSecretArn", "GeminiSecretArn", "BedrockEnabled"}
_RESERVING = ("DirectConcurrency", "McpConcurrency")


def main() -> None:
    """Read the profile's settings, and print what is to be said before its deployment."""
    file = settings_file(ROOT)
    settings = profile_settings((ROOT / file).read_text(), sys.argv[1])
    parameters = parameters_of(settings)
    try:
        check_own_providers()
    except OperatorFileError as error:
        sys.exit(f"src/{error}")
    guided = not own_providers() and not parameters.keys() & _PROVIDER_PARAMETERS
    if guided:
        print(
            "SAM will ask for every parameter, and then whether functions without authentication are okay: answer y. "
            "Easel checks the keys of callers itself.",
            file=sys.stderr,
        )
    for note in concurrency_notes(settings, parameters):
        print(note, file=sys.stderr)
    print(f"--config-file {file}", "--guided" if guided else "")


def settings_file(folder: Path) -> str:
    """The name of the file with the profiles, in the folder of the clone."""
    return OWN_SETTINGS if (folder / OWN_SETTINGS).exists() else SETTINGS


def check_own_providers() -> None:
    """Check the operator's providers as their functions will: what they sell, and how each is reached.

    Raises:
        OperatorFileError: something is not valid.
    """
    providers = catalog.load().providers
    tools = Tools(HttpClient(), boto3.client("secretsmanager", region_name="us-east-1"))
    for name, provider in own_providers().items():
        try:
            connect(providers[name].adapter, provider.settings(), tools)
        except SettingsError as error:
            raise OperatorFileError(f"{operator.FILE.name} is not valid: {name}: {error}") from None


def profile_settings(samconfig: str, profile: str) -> dict[str, Any]:
    """The settings of `sam deploy` for a profile."""
    found: dict[str, Any] = tomllib.loads(samconfig)[profile]["deploy"]["parameters"]
    return found


def parameters_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """The parameters that a profile overrides, which SAM takes as one text or as a list."""
    overrides = settings.get("parameter_overrides", "")
    text = overrides if isinstance(overrides, str) else " ".join(overrides)
    return dict(re.findall(r"(\w+)=\"?([^\s\"]*)", text))


def concurrency_notes(settings: Mapping[str, Any], parameters: Mapping[str, str]) -> list[str]:
    """What the account's concurrency means for a deployment. Without access to AWS, a note that it is not known."""
    try:
        session = boto3.Session(profile_name=settings.get("profile"), region_name=settings.get("region"))
        client = session.client("lambda", config=Config(connect_timeout=5, read_timeout=5, retries={"max_attempts": 1}))
        return notes_of(client, parameters)
    except (BotoCoreError, ClientError) as error:
        return [f"The account's concurrency cannot be read ({type(error).__name__}); see docs/operations.md."]


def notes_of(client: "LambdaClient", parameters: Mapping[str, str]) -> list[str]:
    """As above, read by this client."""
    limit = client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    region = client.meta.region_name
    notes = [f"In {region}, this account can run {limit} functions at the same time, those of other stacks included."]
    if limit < _COMFORTABLE:
        notes.append(
            "Each waiting call and each purchase takes one, so a few callers use them up, and then calls are refused "
            f"and jobs wait. Raise the quota L-B99A9384 (usually {USUAL_LIMIT}) before you let callers in:\n"
            "  aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
            f"--desired-value {USUAL_LIMIT} --region {region}"
        )
    reserved = sum(int(parameters[name]) for name in _RESERVING if parameters.get(name, "").isdecimal())
    if reserved and limit - reserved < min(limit, ALWAYS_UNRESERVED):
        notes.append(
            f"{' and '.join(_RESERVING)} reserve {reserved} of them, but AWS keeps {min(limit, ALWAYS_UNRESERVED)} "
            "unreserved, so this deployment will fail. Leave them empty, or raise the quota first."
        )
    return notes


if __name__ == "__main__":
    main()
