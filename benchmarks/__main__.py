"""What the project promises in numbers, measured: `python -m benchmarks [GROUP ...]`.

Groups: `promises` (the shipped examples, the default), `fleet` (invented fleets up to 27,000 GPUs), `methods` (the same problems by this
project, by one compact MILP in HiGHS and in CBC, and by the paper's small MILPs, side by side), `partition` (pools: auto), `melange`
(its cases), `caps` (where the fleets' caps come from), `profile` (prediction errors), `forecast` (forecasting methods on public load),
`logs` (27.3 million requests, counted), `engine` (errors on measured rows, speed), `replay` (a day of 3.9 million requests), `compare`
(the systems of the paper beside this planner), `ingest` (a telemetry CSV of five million rows beside pandas), `whatif` (a sweep of two
hundred scenarios).

Every case runs in a process of its own; short ones are repeated there and their times are medians. Times depend on the machine and
on what else runs on it; gaps do not. Exit code 1 where a promise is not kept.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys

from rich.console import Console

from benchmarks import compare, groups
from benchmarks.cases import CASES
from benchmarks.tables import Bench, as_json, render

DEFAULT = ("promises",)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what the project promises.")
    parser.add_argument("group", nargs="*", help=f"of {', '.join(groups.GROUPS)}; by default {' '.join(DEFAULT)}")
    parser.add_argument("--case", action="append", choices=[*CASES, *compare.CASES], help="only this case (repeatable)")
    parser.add_argument("--repeats", type=int, default=3, help="measurements of a short case")
    parser.add_argument("--limit", type=float, default=30.0, help="time limit of every MILP method [s]")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.group) - set(groups.GROUPS))
    if unknown:
        parser.error(f"no group {', '.join(unknown)}; there are {', '.join(groups.GROUPS)}")
    return options


def main() -> int:
    """Run the groups and print their tables."""
    options = parse()
    console, progress = Console(width=170), Console(stderr=True)
    bench = Bench(options.repeats, options.limit, options.case, lambda line: progress.print(line, style="dim"))
    tables = [groups.GROUPS[name](bench) for name in options.group or DEFAULT]
    machine = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "limit_s": options.limit,
        "repeats": options.repeats,
    }
    if options.output == "json":
        print(json.dumps({"machine": machine, "tables": [as_json(table) for table in tables]}, indent=2))
    else:
        for table in tables:
            console.print(render(table))
        console.print(", ".join(f"{name} {value}" for name, value in machine.items()))
    return 0 if all(row.kept is not False for table in tables for row in table.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
