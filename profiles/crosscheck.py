"""Compute capacities and cross-checks of the shipped profile and write them into its page, between their markers.

python profiles/crosscheck.py           # rewrite the tables in docs/explanation/shipped-profile.md
python profiles/crosscheck.py --print   # only print them
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from compose import FILE_NAMES
from recipe.cells import Cell
from recipe.check import Check
from recipe.crosschecks import cross_checks
from recipe.engine_costs import engine_table
from recipe.engine_serving import EngineServer
from recipe.figures import (
    BUCKETS,
    FREQUENCIES_MHZ,
    MAX_FREQUENCY_MHZ,
    PROFILES,
    TENSOR_PARALLEL,
    Figures,
    Instance,
    read_figures,
    read_table,
)
from recipe.lengths import read_workloads
from recipe.slo import slo_of
from recipe.tables import read_llama_cells

from dynamo_plan.profile.capacity import capacity_at_slo

PAGE = PROFILES.parent / "docs" / "explanation" / "shipped-profile.md"
CODING_LOAD = PROFILES.parent / "examples" / "azure-week" / "load-coding.csv"
# Each table stands between <!-- NAME --> and <!-- end of NAME -->.
CHECKS, CAPACITIES, CODING_CAPACITIES, TBT_CHOICES = "cross-checks", "capacities", "coding-capacities", "tbt-choices"
TBT_CHOICES_MS = (100, 150, 200, 300)
VERDICTS = {True: "holds", False: "**misses**", None: "not comparable"}


def as_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows))


def check_table(checks: Sequence[Check]) -> str:
    """The cross-checks as a table."""
    rows = [(c.name, c.target, c.ours, c.status, VERDICTS[c.holds]) for c in checks]
    return as_table(("check", "target", "ours", "status", "verdict"), rows)


def capacity_table(cells: Sequence[Cell]) -> str:
    """Capacity [requests/s] and energy per request there [J], at the highest and the lowest clock."""
    by_key = {(c.bucket, c.instance): c for c in cells}
    instances = [Instance(tp, mhz) for mhz in (FREQUENCIES_MHZ[-1], FREQUENCIES_MHZ[0]) for tp in TENSOR_PARALLEL]
    header = ("bucket", *(f"TP{i.tp}, {i.frequency_mhz} MHz" for i in instances))
    return as_table(header, [(b, *(_capacity(by_key[b, i]) for i in instances)) for b in BUCKETS])


def _capacity(cell: Cell) -> str:
    if cell.capacity_rps == 0.0:
        return "none"
    return f"{cell.capacity_rps:.2f}/s, {cell.energy_per_request_j():,.0f} J"


def peak_rates_rps() -> dict[str, float]:
    """Mean rate [1/s] per bucket in the busiest window of the coding service of ``examples/azure-week``."""
    windows: dict[str, dict[str, float]] = defaultdict(dict)
    for row in read_table(CODING_LOAD):
        windows[row["window_start"]][row["bucket"]] = float(row["rate_rps"])
    return max(windows.values(), key=lambda rates: sum(rates.values()))


def choice_table(figures: Figures, coding: Sequence[Cell]) -> str:
    """What the coding workload would need under other limits on TBT: TP8 instances at full clock, every bucket alone."""
    cells = {c.bucket: c for c in coding if c.instance == Instance(8, MAX_FREQUENCY_MHZ)}
    rates_rps = peak_rates_rps()
    rows = []
    for tbt_ms in TBT_CHOICES_MS:
        capacities = {b: planned_rps(cells[b], slo_of(figures, "coding", b[0]).ttft_ms, tbt_ms) for b in BUCKETS}
        instances = sum(rates_rps[b] / capacities[b] for b in BUCKETS)
        rows.append((f"{tbt_ms} ms", f"{capacities['LS']:.2f}/s", f"{instances:.0f}"))
    return as_table(("TBT P99", "capacity of LS", f"instances for {sum(rates_rps.values()):.1f}/s"), rows)


def planned_rps(cell: Cell, ttft_ms: float, tbt_ms: float) -> float:
    """Capacity [1/s] at any limits [ms], as the planner reads it from the rows."""
    loaded = [row for row in cell.rows if row.request_rate_rps > 0.0]
    rate_rps = np.array([row.request_rate_rps for row in loaded])
    limits = (([row.ttft_p99_ms for row in loaded], ttft_ms), ([row.tbt_p99_ms for row in loaded], tbt_ms))
    return min(capacity_at_slo(rate_rps, np.array(values, dtype=np.float64), limit) for values, limit in limits)


def tables() -> dict[str, str]:
    """All tables of the page by name, of the Llama profiles as they are shipped."""
    figures, workloads = read_figures(), read_workloads()
    chat, coding = (
        read_llama_cells(PROFILES / f"{file_name}.parquet", workloads[name]) for name, file_name in FILE_NAMES.items()
    )
    return {
        CAPACITIES: capacity_table(chat),
        CODING_CAPACITIES: capacity_table(coding),
        TBT_CHOICES: choice_table(figures, coding),
        CHECKS: check_table(cross_checks(figures, chat, EngineServer(engine_table(figures)))),
    }


def with_table(page: str, name: str, table: str) -> str:
    """The page with the text between the markers of ``name`` replaced.

    Raises
    ------
    ValueError
        If a marker is missing.
    """
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found_start, rest = page.partition(start)
    _, found_end, after = rest.partition(end)
    if not found_start or not found_end:
        raise ValueError(f"{PAGE.name} lacks {start} or {end}")
    return f"{before}{start}\n\n{table}\n\n{end}{after}"


def main(arguments: Sequence[str]) -> None:
    """Print the tables, or write them into the page."""
    page = PAGE.read_text(encoding="utf-8")
    for name, table in tables().items():
        page = with_table(page, name, table)
        if "--print" in arguments:
            print(f"{name}\n{table}\n")
    if "--print" not in arguments:
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
