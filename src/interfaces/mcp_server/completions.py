"""What an argument of a prompt or a resource may be: names of models, ids of pictures."""

from mcp.types import Completion

from composition.services import doors
from interfaces.mcp_server.session import Visit

_MOST = 100


def of(visit: Visit, argument: str, beginning: str) -> Completion:
    """The values of an argument that begin so."""
    match argument:
        case "model":
            values = doors().catalog.live_models(visit.today)
        case "image_id":
            values = [image.id for image in doors().library.list_of(visit.caller, _MOST, None)[0]]
        case _:
            values = []
    fitting = [value for value in values if value.startswith(beginning)]
    return Completion(values=fitting[:_MOST], total=len(fitting), has_more=len(fitting) > _MOST)
