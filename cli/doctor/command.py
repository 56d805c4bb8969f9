"""The command `easel doctor`: examines a deployment, and shows what was found and what fixes it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import httpx
import typer
from botocore.exceptions import ClientError

from cli.doctor import Examined, examine
from cli.doctor.account import trouble_of_access
from cli.doctor.deployment import Deployment
from cli.doctor.findings import SEVERITIES, broken
from cli.errors import CommandError
from cli.output import Result, progress
from cli.session import Context
from cli.stack import deployment
from core.providers.http import HttpClient

app = typer.Typer()


@app.command("doctor")
def _doctor(ctx: Context) -> Result:
    """Find what is broken, and what fixes it.

    Changes nothing and buys nothing. Exits with 1 if anything is broken.
    """
    try:
        with httpx.Client() as http, closing(HttpClient()) as providers:
            examined = examine(Deployment(deployment(ctx), http, providers), lambda names: progress(names, "examining"))
    except CommandError as error:
        examined = [_no_access(error)]
    return report(examined)


def report(examined: Sequence[Examined]) -> Result:
    """What is shown of an examination; it fails if anything is broken."""
    count = Counter(each.severity for each in examined)
    document = {
        "healthy": not count["broken"],
        "counts": {severity: count[severity] for severity in SEVERITIES},
        "checks": [_document(each) for each in examined],
    }
    summary = ", ".join(f"{count[severity]} {severity}" for severity in reversed(SEVERITIES) if count[severity])
    number = count["broken"]
    failure = f"{number} check{'' if number == 1 else 's'} found something broken" if number else None
    return Result(document, *(line for each in examined for line in _lines(each)), "", summary, failure=failure)


def _document(examined: Examined) -> dict[str, Any]:
    findings = [{"severity": each.severity, "what": each.what, "fix": each.fix or None} for each in examined.findings]
    return {"check": examined.check, "severity": examined.severity, "findings": findings}


def _lines(examined: Examined) -> Iterator[str]:
    if not examined.findings:
        yield f"{'ok':9}{examined.check}"
    for finding in examined.findings:
        yield f"{finding.severity:9}{examined.check:21}{finding.what}"
        if finding.fix:
            yield f"{'':30}fix: {finding.fix}"


def _no_access(error: CommandError) -> Examined:
    """The one finding if the stack cannot be read: no check can run."""
    cause = error.__cause__
    code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else type(cause).__name__
    what, fix = trouble_of_access(code, str(cause)) or (
        str(error),
        "choose the deployment with --stack, --region and --profile, or --local",
    )
    return Examined("access", (broken(what, fix),))
