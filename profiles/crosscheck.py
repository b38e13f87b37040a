"""Compute capacities and cross-checks of the shipped profile and write them into its page, between their markers.

python profiles/crosscheck.py           # rewrite the tables in docs/explanation/shipped-profile.md
python profiles/crosscheck.py --print   # only print them
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from recipe.cells import Cell
from recipe.check import Check
from recipe.crosschecks import cross_checks
from recipe.figures import BUCKETS, FREQUENCIES_MHZ, PROFILES, TENSOR_PARALLEL, Instance, read_figures
from recipe.lengths import read_workloads
from recipe.tables import read_llama_cells

PAGE = PROFILES.parent / "docs" / "explanation" / "shipped-profile.md"
CHECKS, CAPACITIES = "cross-checks", "capacities"  # each table stands between <!-- NAME --> and <!-- end of NAME -->
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


def tables() -> dict[str, str]:
    """All tables of the page by name, of the chat profile as it is shipped."""
    cells = read_llama_cells(PROFILES / "llama-2-70b-h100.parquet", read_workloads()["conversation"])
    return {CAPACITIES: capacity_table(cells), CHECKS: check_table(cross_checks(read_figures(), cells))}


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
