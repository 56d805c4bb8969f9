"""Completions for the arguments of prompts and resources: names of models, ids of images."""

from mcp.types import Completion

from composition.services import services
from interfaces.mcp_server.session import Session

_MAX_VALUES = 100


def of(session: Session, argument: str, prefix: str) -> Completion:
    """The values of an argument that start with the prefix."""
    match argument:
        case "model":
            values = services().catalog.live_models(session.today)
        case "image_id":
            values = [image.id for image in services().images.list_of(session.caller, _MAX_VALUES, None)[0]]
        case _:
            values = []
    matching = [value for value in values if value.startswith(prefix)]
    return Completion(values=matching[:_MAX_VALUES], total=len(matching), has_more=len(matching) > _MAX_VALUES)
