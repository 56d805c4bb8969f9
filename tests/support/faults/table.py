"""The campaign's result as a table."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from tests.support.faults.scenarios import Outcome

_ENDS = ("succeeded", "failed", "failed, paid", "unknown", "canceled", "no job")

_SINGLE = ("crash", "function time-out", "AWS error", "outage")


def families(outcomes: Iterable[Outcome]) -> str:
    """One row for each family of scenarios, in Markdown."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        for name in (outcome.family, "**all**"):
            row, verdict = rows[name], outcome.verdict
            row["scenarios"] += 1
            row["purchases"] += verdict.purchases
            row["bought twice"] += verdict.purchases > 1
            row["lost"] += verdict.lost
            row["violations"] += len(verdict.violations)
            row.update(verdict.ended)
    rows["**all**"] = rows.pop("**all**", Counter())
    columns = ("scenarios", "purchases", "bought twice", *_ENDS, "lost", "violations")
    heads = {"lost": "images lost", "failed": "failed, free"}
    lines = ["| family | " + " | ".join(heads.get(column, column) for column in columns) + " |"]
    lines.append("|---|" + "---:|" * len(columns))
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(str(row[column]) for column in columns) + " |")
    return "\n".join(lines)


def losses(outcomes: Iterable[Outcome]) -> str:
    """Where a paid image that was received can be lost by one fault, in Markdown."""
    rows: Counter[tuple[str, str]] = Counter()
    images: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        if outcome.verdict.lost and outcome.family in _SINGLE:
            key = (outcome.struck[0] if outcome.struck else "", ", ".join(sorted(outcome.verdict.ended)))
            rows[key] += 1
            images[key] += outcome.verdict.lost
    lines = ["| what struck | the job says | scenarios | images lost |", "|---|---|---:|---:|"]
    lines += [
        f"| {struck} | {says} | {count} | {images[struck, says]} |" for (struck, says), count in sorted(rows.items())
    ]
    return "\n".join(lines)
