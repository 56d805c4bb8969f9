"""Sends the hostile set to a world, in a process of its own that has a limit of memory.

python -m tests.support.hostile.process FILE KIND STEP: the requests of a kind ("all" for all), every STEP-th of them.
Each goes through one of the gateways, in turn. Writes one line of JSON for each to the file.
"""

import json
import os
import sys
from itertools import islice
from pathlib import Path

from tests.support.hostile.cost import limit_memory, measured
from tests.support.hostile.requests import requests
from tests.support.hostile.senders import GATEWAYS, Senders, be_quiet
from tests.support.world import deployed, simulated

# Stops a request before the machine suffers; what it may really cost, the tests say.
_MORE_BYTES = 3 * 2**30


def main(file: Path, kind: str, step: int) -> None:
    """Send them."""
    chosen = (request for request in requests() if kind in ("all", request.kind))
    be_quiet()
    with file.open("w") as lines, simulated() as simulator, deployed(simulator) as world:
        os.environ["EASEL_MAX_WAIT_SECONDS"] = "0"
        world.restart()
        senders = Senders(world)
        limit_memory(_MORE_BYTES)
        for number, request in enumerate(islice(chosen, 0, None, step)):
            call = senders.prepared(request, GATEWAYS[number % len(GATEWAYS)])
            fault, cost = measured(call)
            lines.write(json.dumps([str(request), fault, cost.bytes, cost.seconds]) + "\n")
            lines.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
