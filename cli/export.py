"""easel export: jobs, usage or images of all keys, as JSON lines or CSV, to keep or to load elsewhere."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cli import images, jobs
from cli.errors import CommandError
from cli.options import day
from cli.output import Result, Table, csv_lines, progress
from cli.session import Context
from cli.spending import DEFAULT_BY, added_up, check_span
from cli.stack import Stack, deployment
from core.jobs.filters import Filters

app = typer.Typer()

What = Literal["jobs", "usage", "images"]


@app.command("export")
def _export(
    ctx: Context,
    what: Annotated[What, typer.Argument(help="What to export, of all keys.")],
    kind: Annotated[
        Literal["jsonl", "csv"], typer.Option("--format", help="A document, or a row, on each line.")
    ] = "jsonl",
    file: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", show_default="standard output", help="A new file.")
    ] = None,
    first: Annotated[
        date | None, typer.Option("--from", parser=day, metavar="DAY", help="First UTC day of creation.")
    ] = None,
    last: Annotated[
        date | None, typer.Option("--to", parser=day, metavar="DAY", show_default="today", help="Last UTC day.")
    ] = None,
) -> Result:
    """Export jobs, usage or images of all keys, as JSON lines or CSV.

    Neither prompts nor metadata are exported, and of images only what is stored about them. Jobs and images are those
    whose records still exist; usage needs --from, and has at most 366 days.
    """
    last = last or datetime.now(UTC).date()
    if first and first > last:
        raise typer.BadParameter(f"--from {first} is after --to {last}")
    if what == "usage":
        if first is None:
            raise typer.BadParameter("usage needs --from DAY")
        check_span(first, last)
    if ctx.obj.json:
        raise typer.BadParameter("--json cannot be combined with export; its --format jsonl is JSON on each line")
    if file and file.exists():
        raise CommandError(f"{file} exists; name a new file")
    stack = deployment(ctx)
    documents = list(_documents(stack, what, first, last))
    lines = _csv(documents) if kind == "csv" else map(json.dumps, documents)
    if file is None:
        return Result(documents, *lines)
    try:
        file.write_text("".join(f"{line}\n" for line in lines))
    except OSError as error:
        with suppress(OSError):
            file.unlink(missing_ok=True)
        raise CommandError(f"cannot write {file}: {error.strerror}") from None
    return Result({"file": str(file), "entries": len(documents)}, f"{len(documents)} entries are in {file}.")


def _documents(stack: Stack, what: What, first: date | None, last: date) -> Iterator[dict[str, Any]]:
    names = {caller.id: caller.name for caller in stack.callers().list_all()}
    if what == "usage":
        yield from added_up(stack, first or last, last, DEFAULT_BY, None, None, names)
        return
    wanted = Filters(created_after=_start(first) if first else 0, created_before=_start(last) + 86400)
    for owner in progress(list(names), f"Reading {what} of keys"):
        if what == "jobs":
            yield from map(jobs.document, stack.jobs().all_of(owner, wanted))
        else:
            yield from map(images.document, stack.jobs().all_images_of(owner, time.time(), wanted))


def _start(of: date) -> int:
    """The Unix seconds at which a UTC day begins."""
    return int(datetime(of.year, of.month, of.day, tzinfo=UTC).timestamp())


def _csv(documents: list[dict[str, Any]]) -> Iterator[str]:
    if documents:
        yield from csv_lines(Table(list(documents[0]), [list(each.values()) for each in documents]))
