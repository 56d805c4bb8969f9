"""What each function loads before its first request: time, modules and memory, compared with boto3 alone.

    python -m bench.cold_start [RUNS]

Each figure is a median over RUNS processes. The cases take turns, so that a slow moment of the machine affects all.
"""

import statistics
import subprocess
import sys
from pathlib import Path

SRC = Path(__file__).parents[1] / "src"
REPORT = (
    "import resource, sys, time; "
    "print(time.perf_counter() - started, len(sys.modules), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
)
CASES = {
    "bare interpreter": "",
    "boto3 alone": "import boto3; boto3.client('dynamodb', 'us-east-1')",
    "api": "import handlers.api",
    "direct": "import streaming_runtime, handlers.direct",
    "mcp": "import handlers.mcp",
    "worker": "import handlers.worker, core.providers.openai",
    "drop": "import handlers.drop",
    "sweep": "import handlers.sweep",
    "webhook": "import handlers.webhook",
    "announcer": "import handlers.announcer",
    "dead letter": "import handlers.dead_letter",
    "models check": "import handlers.models_check",
}


def measure(code: str) -> tuple[float, int, int]:
    """Seconds to import, modules loaded, and peak memory in MB of one new process."""
    script = f"import time; started = time.perf_counter(); {code or 'pass'}; {REPORT}"
    environment = {"PYTHONPATH": str(SRC), "POWERTOOLS_SERVICE_NAME": "easel", "AWS_DEFAULT_REGION": "us-east-1"}
    output = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    ).stdout
    seconds, modules, megabytes = output.split()
    return float(seconds), int(modules), int(megabytes)


def main() -> None:
    """Print the table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    results: dict[str, list[tuple[float, int, int]]] = {name: [] for name in CASES}
    for run in range(runs + 1):
        for name, code in CASES.items():
            measured = measure(code)
            if run:  # The first run warms the disk cache.
                results[name].append(measured)
    baseline = statistics.median(seconds for seconds, *_ in results["boto3 alone"])
    print(f"{'FUNCTION':20}{'IMPORT ms':>10}{'x boto3':>9}{'MODULES':>9}{'PEAK MB':>9}")
    for name, rows in results.items():
        seconds = statistics.median(row[0] for row in rows)
        print(f"{name:20}{seconds * 1000:10.0f}{seconds / baseline:9.2f}{rows[0][1]:9}{rows[0][2]:9}")


if __name__ == "__main__":
    main()
