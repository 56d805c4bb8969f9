"""Reading a provider's answer: extracting images from the stream, compared with parsing the whole JSON.

    python -m bench.provider_body [RUNS]

Time is CPU time; memory is the peak beyond the chunks of the body. Each measurement has a process of its own.
"""

import base64
import json
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable

from core.providers.image_stream import ImagesBody, starts_after

CASES = {"1 x 3 MB": (1, 3_000_000), "10 x 4 MB": (10, 4_000_000)}
CHUNK = 64 * 1024


def whole(chunks: Iterable[bytes]) -> list[bytes]:
    """The baseline: the whole body in memory, parsed and decoded by the standard library."""
    document = json.loads(b"".join(chunks))
    return [base64.b64decode(row["b64_json"]) for row in document["data"]]


def streamed(chunks: Iterable[bytes]) -> list[bytes | bytearray]:
    """What the worker does."""
    body = ImagesBody(starts_after("b64_json"))
    for chunk in chunks:
        body.feed(chunk)
    return list(body.parse().images)


METHODS: dict[str, Callable[[Iterable[bytes]], object]] = {"whole": whole, "streamed": streamed}


def body_of(images: int, size: int) -> bytes:
    """An ImagesResponse with images of random bytes."""
    rows = [{"b64_json": base64.b64encode(os.urandom(size)).decode()} for _ in range(images)]
    return json.dumps({"created": 1, "data": rows}).encode()


def measure(method: str, images: int, size: int) -> tuple[float, float]:
    """CPU milliseconds and peak megabytes of reading a body once."""
    body = body_of(images, size)
    chunks = [body[start : start + CHUNK] for start in range(0, len(body), CHUNK)]
    started = time.process_time()
    METHODS[method](chunks)
    seconds = time.process_time() - started
    tracemalloc.start()
    METHODS[method](chunks)
    return seconds * 1000, tracemalloc.get_traced_memory()[1] / 1e6


def main() -> None:
    """Print the table or, with three arguments, one measurement for it."""
    if len(sys.argv) == 4:
        print(*measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
        return
    runs = int(sys.argv[1]) if len(sys.argv) == 2 else 5
    print(f"{'ANSWER':12}{'METHOD':10}{'CPU ms':>8}{'x whole':>9}{'PEAK MB':>9}{'x whole':>9}")
    for case, (images, size) in CASES.items():
        results: dict[str, list[tuple[float, float]]] = {method: [] for method in METHODS}
        for _ in range(runs):
            for method, rows in results.items():
                command = [sys.executable, "-m", "bench.provider_body", method, str(images), str(size)]
                output = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
                rows.append((float(output[0]), float(output[1])))
        medians = {
            method: [statistics.median(column) for column in zip(*rows, strict=True)]
            for method, rows in results.items()
        }
        for method, (cpu, peak) in medians.items():
            base_cpu, base_peak = medians["whole"]
            print(f"{case:12}{method:10}{cpu:8.1f}{cpu / base_cpu:9.2f}{peak:9.1f}{peak / base_peak:9.2f}")


if __name__ == "__main__":
    main()
