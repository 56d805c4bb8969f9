"""easel images: list, show and delete stored images, whoever bought them. Prompts stay with their callers."""

import time
from itertools import islice
from typing import Annotated, Any

import typer

from cli.errors import CommandError, no_such_key
from cli.options import duration
from cli.output import Result, Table, show_warning, when
from cli.session import Context
from cli.stack import Stack, deployment
from core.callers.model import Caller
from core.images.model import Image, is_image_id
from core.images.storage import ImageStore
from core.jobs.filters import Filters
from core.jobs.library import ImageLibrary
from core.jobs.lookup import JobLookup

_MOST = 100

app = typer.Typer()
_images = typer.Typer(no_args_is_help=True)
app.add_typer(_images, name="images")

_Id = Annotated[str, typer.Argument(metavar="IMAGE", help="The image's id, img_....")]


@_images.command("list")
def _list(
    ctx: Context,
    key: Annotated[
        str | None, typer.Option(metavar="ID", help="Only images of this key, key_..., or user, sub_....")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="Only images of this model.")] = None,
    since: Annotated[
        int | None,
        typer.Option(parser=duration, metavar="DURATION", help="Only images of the last 12h or 4w, say."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many at most of each key.")] = _MOST,
) -> Result:
    """List stored images, of each key the newest first."""
    stack = deployment(ctx)
    owners = [caller.id for caller in stack.callers().list_all()]
    if key and not key.startswith("sub_") and key not in owners:
        raise no_such_key(key)
    now = time.time()
    wanted = Filters(model=model, created_after=int(now) - since if since else 0)
    documents = []
    for owner in [key] if key else owners:
        found = [document(image) for image in islice(stack.jobs().all_images_of(owner, now, wanted), limit)]
        if len(found) == limit:
            show_warning(f"{owner} may have more than these {limit} images; see --limit and --since")
        documents += found
    rows = [
        (
            each["image"],
            when(each["created_at"]),
            when(each["expires_at"]),
            each["key"],
            each["model"],
            f"{each['width']}x{each['height']}",
            each["bytes"],
            each["cost_micro_usd"],
        )
        for each in documents
    ]
    headings = ("IMAGE", "CREATED", "EXPIRES", "KEY", "MODEL", "SIZE", "BYTES", "COST")
    return Result(documents, Table(headings, rows, numbers=("BYTES",), money=("COST",)))


@_images.command("show")
def _show(ctx: Context, image: _Id) -> Result:
    """Show what is stored about an image, without its prompt."""
    found = document(_found(deployment(ctx), image))
    return Result(found, Table(("FIELD", "VALUE"), [(name, _readable(name, value)) for name, value in found.items()]))


@_images.command("delete")
def _delete(ctx: Context, image: _Id) -> Result:
    """Delete an image for good: its bytes, its record and its permalink. Its cost stays in the ledger."""
    stack = deployment(ctx)
    found = _found(stack, image)
    store = ImageStore(stack.client("s3"), stack.output("ImagesBucketName"))
    owner = Caller(id=found.caller_id, name="", created_at=0)
    ImageLibrary(stack.jobs(), store, JobLookup(stack.jobs(), stack.durations())).delete(owner, image)
    return Result({"image": image, "key": found.caller_id, "job": found.job_id}, f"{image} is deleted.")


def document(image: Image) -> dict[str, Any]:
    """What an operator may see of an image: neither its prompt nor its metadata."""
    bought = image.purchase
    return {
        "image": image.id,
        "job": image.job_id,
        "key": image.caller_id,
        "token": image.token_id,
        "model": bought.model if bought else None,
        "quality": bought.quality if bought else None,
        "content_type": image.content_type,
        "width": image.width,
        "height": image.height,
        "bytes": image.size,
        "sha256": image.sha256,
        "cost_micro_usd": bought.cost if bought else None,
        "created_at": image.created_at,
        "expires_at": image.expires_at,
        "object": image.key,
    }


def _found(stack: Stack, image_id: str) -> Image:
    image = stack.jobs().image(image_id) if is_image_id(image_id) else None
    if image is None or image.gone(time.time()):
        raise CommandError(f"image '{image_id}' does not exist, or is no longer stored; see `easel images list`")
    return image


def _readable(name: str, value: Any) -> Any:
    return when(value) if name.endswith("_at") else value
