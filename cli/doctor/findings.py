"""What a check finds, and the words for how bad it is."""

from dataclasses import dataclass
from typing import Literal

# From good to bad. `unknown` could not be checked; `warning` works now, but may cost money, time or data later.
Severity = Literal["ok", "unknown", "warning", "broken"]
SEVERITIES: tuple[Severity, ...] = ("ok", "unknown", "warning", "broken")

# A deployment of an unchanged template changes nothing, so it does not undo this.
UNDO_DRIFT = "undo what was changed outside CloudFormation: docs/doctor.md#undoing-drift"


@dataclass(frozen=True)
class Finding:
    """Something that a check has found: what it is, and the command or console step that fixes it."""

    severity: Severity
    what: str
    fix: str = ""


def fine(what: str) -> Finding:
    """Something good that is worth knowing."""
    return Finding("ok", what)


def unknown(what: str, fix: str) -> Finding:
    """What could not be checked, and how it can be."""
    return Finding("unknown", what, fix)


def warning(what: str, fix: str) -> Finding:
    """What works now, but may cost money, time or data later."""
    return Finding("warning", what, fix)


def broken(what: str, fix: str) -> Finding:
    """What does not work."""
    return Finding("broken", what, fix)


def worst(findings: tuple[Finding, ...]) -> Severity:
    """The worst severity among findings; `ok` if there are none."""
    return max((finding.severity for finding in findings), key=SEVERITIES.index, default="ok")
