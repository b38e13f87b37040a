"""Print a table of promises and measurements: `python -m benchmarks`.

Every case runs in a process of its own, `REPEATS` times; times are medians, memory is the largest resident set seen.
Exit code 1 where a promise is not kept. Times depend on the machine and on what else runs on it; gaps do not.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
REPEATS = 3
KIB_PER_MIB = 1024.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    case: str
    promise: str
    measured: str
    kept: bool


def command(*arguments: str) -> tuple[float, str]:
    """Wall time [s] and output of one `dynamo-plan` call in a process of its own."""
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "dynamo_plan", *arguments], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return time.perf_counter() - begin, done.stdout


def help_speed() -> Row:
    """Time of `dynamo-plan --help`."""
    command("--help")  # the first call compiles byte code
    seconds = statistics.median(command("--help")[0] for _ in range(2 * REPEATS + 1))
    return Row("dynamo-plan --help", "< 0.3 s", f"{seconds:.2f} s", seconds < 0.3)


def solve(example: str, most_seconds: float, most_gap: float) -> Row:
    """Time and proven gap of an example."""
    summaries = []
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(REPEATS):
            scenario = f"examples/{example}/scenario.yaml"
            summaries.append(
                json.loads(command("solve", scenario, "-d", f"{folder}/{repeat}", "-o", "json", "--quiet")[1])
            )
    seconds = statistics.median(summary["phases_s"]["solve"] for summary in summaries)
    whole = statistics.median(sum(summary["phases_s"].values()) for summary in summaries)
    gap = max(summary["gap"] for summary in summaries)
    phases = ", ".join(f"{name} {value:.2f}" for name, value in summaries[-1]["phases_s"].items())
    measured = f"solve {seconds:.2f} s, all {whole:.2f} s, gap {gap:.5%} ({phases})"
    promise = f"solve < {most_seconds:g} s, gap <= {most_gap:.1%}"
    return Row(f"solve {example}", promise, measured, seconds < most_seconds and gap <= most_gap)


def main() -> int:
    """Run all cases and print the table."""
    console = Console(width=140)
    rows = [help_speed(), solve("first-plan", 5.0, 1e-3), solve("azure-week", 30.0, 1e-3)]
    table = Table("case", "promise", "measured", "kept")
    for row in rows:
        table.add_row(row.case, row.promise, row.measured, "yes" if row.kept else "NO")
    console.print(table)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / KIB_PER_MIB
    load = os.getloadavg()[0]
    console.print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}; peak memory {peak:.0f} MiB"
    )
    return 0 if all(row.kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
