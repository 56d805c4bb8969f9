"""easel generate and edit: buy images through the deployment's own API, as any client does, and save them.

The key comes from the environment, a file or `make up`, never from the command line, where other users of the machine
can see it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from cli.client import IN_DOUBT, Client, check_file, goes_on
from cli.errors import CommandError
from cli.options import dollars
from cli.output import Result, show_note, show_warning, waiting
from cli.session import Context
from cli.stack import deployment
from core.callers.model import looks_like_key
from core.ledger.dollars import usd

_KEYS = ("EASEL_API_KEY", "EASEL_KEY")

app = typer.Typer()

_KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--api-key-file", metavar="FILE", help="A file with the API key, instead of EASEL_API_KEY or EASEL_KEY."
    ),
]
_Model = Annotated[str | None, typer.Option(metavar="MODEL", help="The model; without it, the deployment's default.")]
_Size = Annotated[str | None, typer.Option(metavar="WIDTHxHEIGHT", help="Such as 1024x1024, or `auto`.")]
_Quality = Annotated[str | None, typer.Option(metavar="QUALITY", help="Such as low, medium or high.")]
_Count = Annotated[int, typer.Option("-n", min=1, metavar="N", help="How many images.")]
_Folder = Annotated[
    Path, typer.Option("--output", metavar="FOLDER", help="Where the images are saved, each under its id.")
]
_Format = Annotated[str | None, typer.Option("--format", metavar="FORMAT", help="png, jpeg or webp, if the model can.")]
_Background = Annotated[str | None, typer.Option(metavar="BACKGROUND", help="transparent or opaque, if the model can.")]
_MaxCost = Annotated[
    int | None, typer.Option(parser=dollars, metavar="USD", help="Buy nothing if it can cost more than this.")
]
_QuoteOnly = Annotated[bool, typer.Option("--quote", help="Say what it would cost, and buy nothing.")]
_Prompt = Annotated[str, typer.Argument(metavar="PROMPT", help="What the images show.")]


@app.command("generate")
def _generate(
    ctx: Context,
    prompt: _Prompt,
    model: _Model = None,
    size: _Size = None,
    quality: _Quality = None,
    output_format: _Format = None,
    background: _Background = None,
    n: _Count = 1,
    max_cost: _MaxCost = None,
    quote: _QuoteOnly = False,
    output: _Folder = Path(),
    api_key_file: _KeyFile = None,
) -> Result:
    """Generate images through the API of the deployment, and save them.

    It costs money, as any request does.
    """
    body = _body(prompt, model, size, quality, output_format, background, n)
    with _client(ctx, api_key_file, output) as client:
        return _bought(client, "/images/generations", body, output, max_cost, quote=quote)


@app.command("edit")
def _edit(
    ctx: Context,
    prompt: _Prompt,
    image: Annotated[
        list[str],
        typer.Option(
            "--image",
            metavar="FILE",
            help="The image to edit, or the id of an earlier one, img_... or file_...; repeat for several.",
        ),
    ],
    mask: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A PNG whose transparent pixels say where to edit, or the id of one."),
    ] = None,
    model: _Model = None,
    size: _Size = None,
    quality: _Quality = None,
    output_format: _Format = None,
    background: _Background = None,
    n: _Count = 1,
    max_cost: _MaxCost = None,
    quote: _QuoteOnly = False,
    output: _Folder = Path(),
    api_key_file: _KeyFile = None,
) -> Result:
    """Edit images through the API of the deployment, and save the results.

    Files of up to 50 MB are uploaded first. It costs money, as any request does.
    """
    body = _body(prompt, model, size, quality, output_format, background, n)
    names = [*image, *([mask] if mask else [])]
    for name in names:
        if not _is_id(name):
            check_file(Path(name))
    with _client(ctx, api_key_file, output) as client:
        with waiting("Uploading") as say:
            sources = []
            for name in names:
                say(f"Uploading {name}")
                sources.append({"file_id": name if _is_id(name) else client.upload(Path(name))})
        body["images"] = sources[: len(image)]
        if mask:
            body["mask"] = sources[-1]
        return _bought(client, "/images/edits", body, output, max_cost, quote=quote)


def _body(
    prompt: str,
    model: str | None,
    size: str | None,
    quality: str | None,
    output_format: str | None,
    background: str | None,
    n: int,
) -> dict[str, Any]:
    """The body of a request, with what was given; the rest is up to the key and the deployment."""
    given = {
        "prompt": prompt,
        "model": model,
        "size": size,
        "quality": quality,
        "output_format": output_format,
        "background": background,
        "n": n,
        "response_format": "url",  # In base64, images would go through Lambda, which limits them.
    }
    return {name: value for name, value in given.items() if value is not None}


def _is_id(name: str) -> bool:
    """Whether this is an image that the deployment has already."""
    return name.startswith(("img_", "file_")) and not Path(name).exists()


def _client(ctx: Context, key_file: Path | None, folder: Path) -> Client:
    """A client of the deployment that the options name or, without any, EASEL_URL."""
    if not folder.is_dir():
        raise CommandError(f"{folder} is not a folder")
    url = os.environ.get("EASEL_URL", "").strip()
    stack = None if url and not ctx.obj.chooses_stack else deployment(ctx)
    key = _key(key_file, stack.api_key if stack else None)
    return Client(stack.output("ApiUrl") if stack else url, key)


def _key(file: Path | None, local: str | None) -> str:
    """The API key: of a file, or else of the local deployment, or else of the environment."""
    try:
        given = file.read_text() if file else local or next(filter(None, map(os.environ.get, _KEYS)), "")
    except (OSError, UnicodeDecodeError):
        raise CommandError(f"cannot read the API key in {file}") from None
    key = given.strip()
    if not looks_like_key(key):
        raise CommandError(
            "set EASEL_API_KEY to an API key, or give --api-key-file a file with one; `easel keys create` makes one"
        )
    return key


def _bought(
    client: Client, path: str, body: dict[str, Any], folder: Path, max_cost: int | None, *, quote: bool
) -> Result:
    if quote or max_cost is not None:
        quoted = client.quote(body)
        expected, most = quoted["quote_micro_usd"], quoted["upper_bound_micro_usd"]
        text = f"{quoted['n']} of {quoted['model']}: {usd(expected)} expected, at most {usd(most)}"
        if quote:
            return Result(quoted, text)
        if max_cost is not None and most > max_cost:
            raise CommandError(f"{text}, which is more than {usd(max_cost)}; nothing was bought")
    with _if_interrupted(IN_DOUBT), waiting("Asking for the images"):
        answer = client.buy(path, body)
    job_id = answer["easel"]["job_id"] if "data" in answer else answer["id"]
    with _if_interrupted(goes_on(job_id)), waiting("Waiting for the images") as say:
        images = client.finished(answer, say)
        say("Saving the images")
        saved = [str(_saved(client, image["url"], image["id"], folder)) for image in images["data"]]
    for warning in images["easel"]["warnings"]:
        show_warning(warning["message"])
    cost = images["easel"]["cost"]["actual_micro_usd"]
    paid = f"; {job_id} cost {usd(cost)}" if cost is not None else f"; the job is {job_id}"
    return Result({"job": job_id, "files": saved, "cost_micro_usd": cost}, f"saved {', '.join(saved)}{paid}")


@contextmanager
def _if_interrupted(note: str) -> Iterator[None]:
    """Say what Ctrl-C does not undo."""
    try:
        yield
    except KeyboardInterrupt:
        show_note(note)
        raise


def _saved(client: Client, url: str, image_id: str, folder: Path) -> Path:
    """Download an image, under its id; a file of that name is never replaced."""
    path = folder / f"{image_id}{Path(httpx.URL(url).path).suffix}"
    bought = "the image is bought and stored, see `easel images list`"
    try:
        data = client.download(url)
        with path.open("xb") as file:
            file.write(data)
    except CommandError as error:
        raise CommandError(f"cannot download {image_id}: {error}; {bought}") from None
    except FileExistsError:
        raise CommandError(f"{path} exists; {bought}") from None
    except OSError as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise CommandError(f"cannot write {path}: {error.strerror}; {bought}") from None
    return path
