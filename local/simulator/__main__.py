"""Simulates the APIs of image providers: python -m local.simulator [OPTIONS]"""

import argparse
import signal
import threading
from datetime import date
from pathlib import Path

from local.simulator.server import Simulator


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    options = _parser().parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    simulator = Simulator(
        port=options.port,
        keys=options.key,
        today=options.today,
        serve_retired=options.serve_retired,
        plain=options.plain,
    )
    with simulator:
        if options.port_file is not None:
            draft = options.port_file.with_name(options.port_file.name + ".new")
            draft.write_text(simulator.url + "\n")
            draft.replace(options.port_file)
        print(simulator.url, flush=True)
        stop.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.simulator", description="Simulate the APIs of image providers on 127.0.0.1."
    )
    parser.add_argument(
        "--port", type=int, default=8765, help="port to listen on; 0 picks a free one (default: %(default)s)"
    )
    parser.add_argument("--port-file", type=Path, help="write the base URL to this file once the server listens")
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        help="accept only this API key; repeat for several (default: any that starts with sk-, or AIza for Gemini)",
    )
    parser.add_argument(
        "--today", type=date.fromisoformat, metavar="YYYY-MM-DD", help="the date that decides which models are retired"
    )
    parser.add_argument("--serve-retired", action="store_true", help="keep serving retired models")
    parser.add_argument("--plain", action="store_true", help="draw simple images, which is faster")
    return parser


if __name__ == "__main__":
    main()
