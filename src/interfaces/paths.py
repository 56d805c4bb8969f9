"""Paths as clients write them. They are put together by hand in many places, with a slash too many here and there."""

import re
from typing import Any


def drop_spare_slashes(event: dict[str, Any]) -> None:
    """Take the slashes at the end of an event's path from it, and doubled ones, wherever the event has the path.

    The path as it was sent, with the stage, stays under `sentPath` in the request context.
    """
    context = event["requestContext"]
    context["sentPath"] = context.get("path") or event["rawPath"]
    for place, name in ((event, "rawPath"), (event, "path"), (context, "path"), (context.get("http", {}), "path")):
        if name in place:
            place[name] = re.sub("/{2,}", "/", place[name]).rstrip("/") or "/"
