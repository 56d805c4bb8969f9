"""easel generate and edit: buy images through the deployment's own API, as any client does, and save them.

The key comes from EASEL_API_KEY or a file, never from the command line, where other users of the machine can see it. A
request has one idempotency key for all its attempts, so that a broken connection never buys twice.
"""

import mimetypes
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from cli.errors import CommandError
from cli.output import Result, waiting
from cli.session import Context
from cli.stack import deployment
from core.callers.model import looks_like_key
from core.jobs.filters import STATUSES
from core.ledger.dollars import usd

_ATTEMPTS = 3
_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 2.0
_WAITING = STATUSES[:2]

app = typer.Typer()

_KeyFile = Annotated[
    Path | None,
    typer.Option("--api-key-file", metavar="FILE", help="A file with the API key, instead of EASEL_API_KEY."),
]
_Model = Annotated[str | None, typer.Option(metavar="MODEL", help="The model; without it, the deployment's default.")]
_Size = Annotated[str | None, typer.Option(metavar="WIDTHxHEIGHT", help="Such as 1024x1024, or `auto`.")]
_Quality = Annotated[str | None, typer.Option(metavar="QUALITY", help="Such as low, medium or high.")]
_Count = Annotated[int, typer.Option("-n", min=1, metavar="N", help="How many images.")]
_Folder = Annotated[
    Path, typer.Option("--output", metavar="FOLDER", help="Where the images are saved, each under its id.")
]
_Prompt = Annotated[str, typer.Argument(metavar="PROMPT", help="What the images show.")]


@app.command("generate")
def _generate(
    ctx: Context,
    prompt: _Prompt,
    model: _Model = None,
    size: _Size = None,
    quality: _Quality = None,
    n: _Count = 1,
    output: _Folder = Path(),
    api_key_file: _KeyFile = None,
) -> Result:
    """Generate images through the API of the deployment, and save them.

    It costs money, as any request does.
    """
    body = _given(prompt=prompt, model=model, size=size, quality=quality, n=n)
    with _client(ctx, api_key_file, output) as client:
        return _bought(client, "/images/generations", {"json": body}, output)


@app.command("edit")
def _edit(
    ctx: Context,
    prompt: _Prompt,
    image: Annotated[
        list[Path], typer.Option("--image", metavar="FILE", help="The image to edit; repeat for several.")
    ],
    mask: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A PNG whose transparent pixels say where to edit.")
    ] = None,
    model: _Model = None,
    size: _Size = None,
    quality: _Quality = None,
    n: _Count = 1,
    output: _Folder = Path(),
    api_key_file: _KeyFile = None,
) -> Result:
    """Edit images through the API of the deployment, and save the results.

    It costs money, as any request does.
    """
    fields = {
        name: str(value) for name, value in _given(prompt=prompt, model=model, size=size, quality=quality, n=n).items()
    }
    files = [("image[]", _file(path)) for path in image]
    files += [("mask", _file(mask))] if mask else []
    with _client(ctx, api_key_file, output) as client:
        return _bought(client, "/images/edits", {"data": fields, "files": files}, output)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _file(path: Path) -> tuple[str, bytes, str]:
    try:
        return path.name, path.read_bytes(), mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from None


def _client(ctx: Context, key_file: Path | None, folder: Path) -> httpx.Client:
    if not folder.is_dir():
        raise CommandError(f"{folder} is not a folder")
    try:
        key = (key_file.read_text() if key_file else os.environ.get("EASEL_API_KEY", "")).strip()
    except (OSError, UnicodeDecodeError):
        raise CommandError(f"cannot read the API key in {key_file}") from None
    if not looks_like_key(key):
        raise CommandError(
            "set EASEL_API_KEY to an API key, or give --api-key-file a file with one; `easel keys create` makes one"
        )
    url = deployment(ctx).output("ApiUrl")
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT_SECONDS)


def _bought(client: httpx.Client, path: str, body: dict[str, Any], folder: Path) -> Result:
    with waiting("Asking for the images") as say:
        images = _finished(client, _purchase(client, path, body), say)
        say("Saving the images")
        saved = [str(_saved(image["url"], image["id"], folder)) for image in images["data"]]
    job_id, cost = images["easel"]["job_id"], images["easel"]["cost"]["actual_micro_usd"]
    paid = f"; {job_id} cost {usd(cost)}" if cost is not None else f"; the job is {job_id}"
    return Result({"job": job_id, "files": saved, "cost_micro_usd": cost}, f"saved {', '.join(saved)}{paid}")


def _purchase(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer to a purchase; a broken connection is tried again, as the same purchase."""
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    return _asked(lambda: client.post(path, headers=headers, **body))


def _finished(client: httpx.Client, answer: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """The images of a purchase: those of the answer, or of its job once that has ended."""
    began = time.monotonic()
    while "data" not in answer:
        if answer["status"] == "succeeded":
            return dict(answer["result"])
        if answer["status"] not in _WAITING:
            raise CommandError(_message(answer))
        job_id = answer["id"]
        say(f"{job_id} is {answer['status']}, {time.monotonic() - began:.0f} s")
        time.sleep(_POLL_SECONDS)
        answer = _asked(lambda: client.get(f"/jobs/{job_id}"))  # noqa: B023 - called before the next round
    return answer


def _asked(ask: Callable[[], httpx.Response]) -> dict[str, Any]:
    """The document that the API answers, however often it takes to get through."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _document(ask())
        except httpx.TransportError as error:
            if attempt == _ATTEMPTS:
                raise CommandError(
                    f"the API does not answer ({type(error).__name__}); what was asked for may be bought, see "
                    "`easel jobs list`"
                ) from None
            time.sleep(_POLL_SECONDS)
    raise AssertionError("unreachable")


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        raise CommandError(f"the API answered {answer.status_code} without JSON") from None
    if answer.is_error:
        raise CommandError(_message(document))
    return dict(document)


def _message(document: dict[str, Any]) -> str:
    error = document.get("error") or {}
    return f"{error.get('message', 'the job has failed')} ({error.get('code', document.get('status'))})"


def _saved(url: str, image_id: str, folder: Path) -> Path:
    """Download an image, under its id; a file of that name is never replaced."""
    path = folder / f"{image_id}{Path(httpx.URL(url).path).suffix}"
    bought = "the image is bought and stored, see `easel images list`"
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT_SECONDS) as answer:
            answer.raise_for_status()
            with path.open("xb") as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)
    except FileExistsError:
        raise CommandError(f"{path} exists; {bought}") from None
    except (OSError, httpx.HTTPError) as error:
        raise CommandError(f"cannot save {path} ({type(error).__name__}); {bought}") from None
    return path
