"""Sends the hostile set to a world, in a process of its own that has a limit of memory.

python -m tests.support.hostile.process FILE KIND STEP: the requests of a kind ("all" for all), every STEP-th of them.
Each goes through one of the gateways, in turn. Writes one line of JSON for each to the file.
"""

import json
import os
import sys
from collections.abc import Iterable
from itertools import batched, cycle, islice
from pathlib import Path
from typing import TextIO

from local.simulator import Simulator
from tests.support.hostile.cost import limit_memory, measured
from tests.support.hostile.requests import Request, requests
from tests.support.hostile.senders import GATEWAYS, Senders, be_quiet
from tests.support.world import deployed, simulated

# Stops a request before the machine suffers; what it may really cost, the tests say.
_MORE_BYTES = 3 * 2**30
_IN_ONE_WORLD = 60


def main(file: Path, kind: str, step: int) -> None:
    """Send them."""
    chosen = (request for request in requests() if kind in ("all", request.kind))
    be_quiet()
    with file.open("w") as lines, simulated() as simulator:
        limit_memory(_MORE_BYTES)
        for some in batched(islice(chosen, 0, None, step), _IN_ONE_WORLD, strict=False):
            _attack(some, simulator, lines)


def _attack(some: Iterable[Request], simulator: Simulator, lines: TextIO) -> None:
    """Send some requests to a world of their own: moto copies a table whenever it is written."""
    with deployed(simulator) as world:
        os.environ["EASEL_MAX_WAIT_SECONDS"] = "0"
        world.restart()
        senders = Senders(world)
        for request, gateway in zip(some, cycle(GATEWAYS)):
            call = senders.prepared(request, gateway)
            fault, cost = measured(call)
            lines.write(json.dumps([str(request), fault, cost.bytes, cost.seconds]) + "\n")
            lines.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
