"""Checks of the AWS account: who asks, the stack's state, the clock, and how many functions may run."""

import re
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from cli.doctor.deployment import Deployment
from cli.doctor.findings import Finding, broken, fine, warning

# AWS refuses a signature that is off by more than five minutes.
_SKEW_SECONDS = 60
# Source: the stack status codes of CloudFormation.
_HEALTHY = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
# Enough for the workers, the queues' other functions and a few dozen waiting calls.
_COMFORTABLE = 100
_USUAL = 1000


def identity(deployment: Deployment) -> Iterator[Finding]:
    """Whose credentials these are."""
    arn = str(deployment.client("sts").get_caller_identity()["Arn"])
    yield fine(f"{arn}, in {deployment.region}")
    if arn.endswith(":root"):
        yield warning(
            "these are the credentials of the account's root user",
            "use a role or user of its own: https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",
        )


def clock(deployment: Deployment) -> Iterator[Finding]:
    """Whether this machine's clock agrees with AWS's: signed URLs and signatures depend on it."""
    before = time.time()
    answer = deployment.client("sts").get_caller_identity()
    here = (before + time.time()) / 2
    there = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
    if there and abs(ahead := here - parsedate_to_datetime(there).timestamp()) > _SKEW_SECONDS:
        yield warning(
            f"this machine's clock is {abs(round(ahead))} seconds {'ahead of' if ahead > 0 else 'behind'} AWS's; from "
            "300 on, AWS refuses its signatures",
            "set it by NTP, for example: sudo timedatectl set-ntp true",
        )


def stack_state(deployment: Deployment) -> Iterator[Finding]:
    """Whether CloudFormation has finished, and well."""
    name = deployment.stack.name
    stack = deployment.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    status, why = stack["StackStatus"], stack.get("StackStatusReason", "")
    said = f"the stack is {status}{f' ({why})' if why else ''}"
    events = f"aws cloudformation describe-stack-events --stack-name {name}"
    if status in _HEALTHY:
        yield fine(status)
    elif status == "UPDATE_ROLLBACK_COMPLETE":
        yield warning(f"{said}: the last deployment failed, and the version before it runs", f"see why: {events}")
    elif status == "UPDATE_ROLLBACK_FAILED":
        yield broken(
            said, f"aws cloudformation continue-update-rollback --stack-name {name}, after a look at: {events}"
        )
    elif status.endswith("_IN_PROGRESS"):
        yield warning(f"{said}: what follows may change", f"wait for it, and run this again; to watch it: {events}")
    else:
        yield broken(said, f"see why: {events}; then easel --stack {name} remove, and make deploy")


def concurrency(deployment: Deployment) -> Iterator[Finding]:
    """Whether the account lets enough functions run for the workers and the calls that wait for them."""
    limits = deployment.client("lambda").get_account_settings()["AccountLimit"]
    total, free = limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]
    workers, waiting = (_whole(deployment.parameter(name)) for name in ("WorkerConcurrency", "CallerWaitingCalls"))
    needed = workers + waiting + 1
    raise_it = (
        "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
        f"--desired-value {_USUAL} --region {deployment.region}"
    )
    counted = f"{free} functions can run at the same time ({total} in the account, {total - free} reserved)"
    if free <= workers:
        yield broken(f"{counted}: WorkerConcurrency={workers} alone uses them up, and no call is answered", raise_it)
    elif free < needed:
        yield warning(
            f"{counted}, but {workers} workers, {waiting} waiting calls of one caller and the sweep need {needed}",
            f"{raise_it}; until then, deploy with CallerWaitingCalls=2 WorkerConcurrency=3 CallerConcurrency=2",
        )
    elif total < _COMFORTABLE:
        yield warning(f"{counted}: a few callers that wait use them up", raise_it)
    else:
        yield fine(counted)


def _whole(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]+", text) else 0


def trouble_of_access(code: str, message: str) -> tuple[str, str] | None:
    """What is wrong if AWS cannot be asked at all, and the fix, from the error's code or class; None if it is new."""
    for codes, what, fix in _ACCESS:
        if code in codes:
            return what.format(message=message), fix
    return None


_ACCESS: tuple[tuple[frozenset[str], str, str], ...] = (
    (
        frozenset({"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}),
        "there are no AWS credentials here ({message})",
        "log in with `aws login` or `aws sso login`, or name a profile: easel --profile NAME doctor",
    ),
    (
        frozenset(
            {
                "ExpiredToken",
                "ExpiredTokenException",
                "UnauthorizedSSOTokenError",
                "SSOTokenLoadError",
                "TokenRetrievalError",
            }
        ),
        "the AWS credentials have expired",
        "log in again with `aws login` or `aws sso login`",
    ),
    (
        frozenset({"InvalidClientTokenId", "UnrecognizedClientException"}),
        "AWS does not know these credentials: they were deleted, or belong to another partition",
        "create new ones, and store them with `aws configure`",
    ),
    (
        frozenset({"RequestTimeTooSkewed", "RequestExpired", "SignatureDoesNotMatch", "InvalidSignatureException"}),
        "AWS refuses the signature: this machine's clock is off, or the secret access key is wrong ({message})",
        "set the clock by NTP, for example: sudo timedatectl set-ntp true; else store the key again: aws configure",
    ),
    (
        frozenset({"NoRegionError"}),
        "no AWS region is chosen",
        "name the region of the stack: easel --region eu-central-1 doctor, or set AWS_REGION",
    ),
    (
        frozenset({"AccessDenied", "AccessDeniedException"}),
        "these credentials are not allowed to read the stack ({message})",
        "let their role call cloudformation:DescribeStacks, or use others with --profile",
    ),
    (
        frozenset({"EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ProxyConnectionError"}),
        "AWS cannot be reached ({message})",
        "check this machine's network and proxy (HTTPS_PROXY), and that the region exists",
    ),
)
