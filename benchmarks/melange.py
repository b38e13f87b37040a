"""Mélange's cases: the least cost of GPUs that carry one load, every bucket on any GPU type. `python -m benchmarks.melange` prints JSON.

Build and solve together, as the solver does them; the reading of the case is timed apart.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from dynamo_plan.assemble import assemble
from dynamo_plan.ingest import read_inputs
from dynamo_plan.ingest.melange import Unstated, read_melange, scenario_files
from dynamo_plan.schema.kind import NumberFormat
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.solve.routing import solve_routed
from tests.melange_cases import CASES, Known


def measure(known: Known, repeats: int) -> dict[str, Any]:
    """One case: medians of the phases [s], cost found, proven bound and least cost known [USD]."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begin = perf_counter()
        case = read_melange(known.write(folder))
        for file, text in scenario_files(case, Unstated(case.name, NumberFormat.FP16, Provenance.MODELLED)).items():
            Path(folder, file).write_text(text, encoding="utf-8")
        problem = assemble(read_inputs(folder / "scenario.yaml"))
        read_s = perf_counter() - begin
    solve_s = []
    for _ in range(repeats):
        begin = perf_counter()
        found = solve_routed(problem, []).solution
        solve_s.append(perf_counter() - begin)
    phases = {"assemble": read_s, "solve": statistics.median(solve_s)}
    return {
        "case": known.name,
        "phases_s": phases,
        "cost_usd": found.objective,
        "bound_usd": found.bound,
        "least_known_usd": known.least_usd,
    }


def main() -> int:
    """Measure all cases; the first once before, so that libraries are there."""
    repeats = int(sys.argv[1])
    measure(CASES[0], 1)
    print(json.dumps([measure(known, repeats) for known in CASES]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
