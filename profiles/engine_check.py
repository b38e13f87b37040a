"""Capacities and mixing derates by the engine beside those of the shipped profile, which come from a queue in closed form.

python profiles/engine_check.py           # rewrite the tables in docs/explanation/shipped-profile.md; minutes
python profiles/engine_check.py --print   # only print them
python profiles/engine_check.py --all     # print every clock: one CSV line per cell
python profiles/engine_check.py --mixing 4 -d FOLDER   # write mixing tables for pools of at least 4 instances, beside a
                                                     # profile made by `compose.py -d FOLDER --engine`
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from compose import FILE_NAMES
from crosscheck import PAGE, as_table, with_table
from recipe.engine_capacity import ALONE, EngineCapacities, Fleet
from recipe.engine_costs import engine_table
from recipe.figures import (
    BUCKETS,
    FREQUENCIES_MHZ,
    MAX_FREQUENCY_MHZ,
    PROFILES,
    TENSOR_PARALLEL,
    Instance,
    read_figures,
    read_table,
)
from recipe.lengths import read_workloads
from recipe.mixing import INPUT_CLASS_SETS
from recipe.tables import read_llama_cells, write_mixing

from dynamo_plan.engine import Router

SHOWN = [Instance(tp, mhz) for mhz in (FREQUENCIES_MHZ[-1], FREQUENCIES_MHZ[0]) for tp in TENSOR_PARALLEL]
FLEETS = {
    "alone": ALONE,
    "4, prompt tokens": Fleet(4),
    "16, prompt tokens": Fleet(16),
    "16, requests": Fleet(16, Router.LEAST_REQUESTS),
    "16, round robin": Fleet(16, Router.ROUND_ROBIN),
}
"""Instances, and what the router balances."""

type Cells = dict[tuple[str, Instance], float]


def shipped_rps(name: str) -> Cells:
    """Capacities [1/s] of the shipped profile of a workload."""
    cells = read_llama_cells(PROFILES / f"{FILE_NAMES[name]}.parquet", read_workloads()[name])
    return {(cell.bucket, cell.instance): cell.capacity_rps for cell in cells}


def capacity_table(engine: EngineCapacities, shipped: Cells) -> str:
    """Capacity by the engine [1/s], and over that of the profile."""
    header = ("bucket", *(f"TP{one.tp}, {one.frequency_mhz} MHz" for one in SHOWN))
    rows = [(b, *(_compared(engine.capacity_rps(one, (b,)), shipped[b, one]) for one in SHOWN)) for b in BUCKETS]
    return as_table(header, rows)


def _compared(found_rps: float, shipped_rps: float) -> str:
    if shipped_rps == 0.0:
        return "none" if found_rps == 0.0 else f"{found_rps:.2f}/s (none)"
    return f"{found_rps:.2f}/s ({found_rps / shipped_rps:.2f})"


def derate_table(name: str, engine: EngineCapacities) -> str:
    """Derates at full clock: of the mixing table, and by the engine for several fleets."""
    table = read_table(PROFILES / f"{FILE_NAMES[name]}.mixing.csv")
    shipped = {(r["input_classes"], int(r["tp"]), int(r["frequency_mhz"])): float(r["derate"]) for r in table}
    rows = []
    for classes in INPUT_CLASS_SETS:
        for tp in TENSOR_PARALLEL:
            instance = Instance(tp, MAX_FREQUENCY_MHZ)
            found = [engine.derate(instance, classes, fleet) for fleet in FLEETS.values()]
            listed = shipped[classes, tp, MAX_FREQUENCY_MHZ]
            rows.append((classes, str(tp), f"{listed:.2f}", *(f"{one:.2f}" for one in found)))
    return as_table(("classes", "TP", "mixing table", *FLEETS), rows)


def tables() -> Iterator[tuple[str, str]]:
    """Tables of the page by name, as they are done."""
    figures, machines = read_figures(), engine_table(read_figures())
    for name, workload in read_workloads().items():
        engine = EngineCapacities(figures, machines, workload)
        yield f"engine-capacities-{name}", capacity_table(engine, shipped_rps(name))
        yield f"engine-derates-{name}", derate_table(name, engine)


def print_all() -> None:
    """Every cell as CSV, and the quantiles of the ratios on stderr."""
    figures, machines = read_figures(), engine_table(read_figures())
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("workload", "bucket", "tp", "frequency_mhz", "engine_rps", "profile_rps"))
    for name, workload in read_workloads().items():
        engine, ratios = EngineCapacities(figures, machines, workload), []
        for (bucket, instance), shipped in shipped_rps(name).items():
            found = engine.capacity_rps(instance, (bucket,))
            writer.writerow((name, bucket, instance.tp, instance.frequency_mhz, f"{found:.6g}", f"{shipped:.6g}"))
            if shipped > 0.0:
                ratios.append(found / shipped)
        low, median, high = np.quantile(ratios, (0.1, 0.5, 0.9))
        print(f"{name}: engine over profile, P10 {low:.2f}, median {median:.2f}, P90 {high:.2f}", file=sys.stderr)


def write_mixing_tables(instances: int, folder: Path) -> None:
    """Mixing tables of both services for pools of at least so many instances, whose router balances prompt tokens."""
    figures, machines = read_figures(), engine_table(read_figures())
    folder.mkdir(parents=True, exist_ok=True)
    for name, workload in read_workloads().items():
        rows = EngineCapacities(figures, machines, workload).mixing_rows(Fleet(instances))
        write_mixing(folder / f"{FILE_NAMES[name]}.mixing.csv", rows)


def main(arguments: Sequence[str]) -> None:
    """Print the tables, or write them where the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--print", action="store_true", help="only print the tables")
    parser.add_argument("--all", action="store_true", help="print every cell as CSV")
    parser.add_argument("--mixing", type=int, metavar="INSTANCES", help="write mixing tables into the folder -d")
    parser.add_argument("-d", "--directory", type=Path, help="where to write mixing tables")
    asked = parser.parse_args(arguments)
    if (asked.mixing is None) != (asked.directory is None):
        parser.error("--mixing and -d go together")
    if asked.mixing is not None:
        write_mixing_tables(asked.mixing, asked.directory)
    elif asked.all:
        print_all()
    else:
        write_page(only_print=asked.print)


def write_page(*, only_print: bool) -> None:
    """Compute the tables of the page and put them in, or print them."""
    found = {}
    for name, table in tables():
        found[name] = table
        print(f"{name}\n{table}\n" if only_print else name, flush=True)
    if not only_print:
        page = PAGE.read_text(encoding="utf-8")
        for name, table in found.items():
            page = with_table(page, name, table)
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
