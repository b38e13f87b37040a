"""What the shipped capacities hang on: a second opinion in closed form, how surely windows keep them, what larger pools add.

python profiles/engine_check.py           # rewrite the tables in docs/explanation/shipped-profile.md; a quarter of an hour
python profiles/engine_check.py --print   # only print them
python profiles/engine_check.py --all     # print the second opinion for every clock: one CSV line per cell
python profiles/engine_check.py --mixing 4 -d FOLDER   # write mixing tables for pools of at least 4 instances
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
from recipe.cells import SEED, bucket_requests, capacity_rps
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
from recipe.fleets import Alone, Fleet, Fleets
from recipe.lengths import Workload, read_workloads
from recipe.mixing import INPUT_CLASS_SETS
from recipe.serving import ClosedForm, draw_requests, prepare
from recipe.slo import slo_of
from recipe.tables import read_llama_cells, write_mixing

from dynamo_plan.engine import Router

SHOWN = [Instance(tp, mhz) for mhz in (FREQUENCIES_MHZ[-1], FREQUENCIES_MHZ[0]) for tp in TENSOR_PARALLEL]
FLEETS = {
    "4, prompt tokens": Fleet(4),
    "16, prompt tokens": Fleet(16),
    "16, requests": Fleet(16, Router.LEAST_REQUESTS),
    "16, round robin": Fleet(16, Router.ROUND_ROBIN),
}
"""Instances, and what the router balances."""

GAINS = {name: FLEETS[name] for name in ("4, prompt tokens", "16, prompt tokens")}
WINDOW_REQUESTS = (100, 1_000, 10_000)
WINDOWS_RUN = 600_000  # requests: 600 windows of the middle size
PROMISED = 0.99
"""Share of a window's requests that a P99 asks to be in time."""


def shipped_rps(name: str) -> Alone:
    """Capacities [1/s] of the shipped profile of a workload."""
    cells = read_llama_cells(PROFILES / f"{FILE_NAMES[name]}.parquet", read_workloads()[name])
    return {(cell.bucket, cell.instance): cell.capacity_rps for cell in cells}


def closed_form_rps(figures: Figures, workload: Workload, bucket: str, instance: Instance) -> float:
    """Capacity [1/s] of a cell by the queue in closed form, for the same stream and SLO."""
    prepared = prepare(figures, instance, bucket_requests(workload, bucket))
    return capacity_rps(prepared, slo_of(figures, workload.name, bucket[0]), ClosedForm())


def second_opinion_table(figures: Figures, workload: Workload, shipped: Alone) -> str:
    """Capacity in closed form [1/s], and over that of the profile."""
    header = ("bucket", *(f"TP{one.tp}, {one.frequency_mhz} MHz" for one in SHOWN))
    rows = [
        (b, *(_compared(closed_form_rps(figures, workload, b, one), shipped[b, one]) for one in SHOWN)) for b in BUCKETS
    ]
    return as_table(header, rows)


def _compared(found_rps: float, shipped_rps: float) -> str:
    if shipped_rps == 0.0:
        return "none" if found_rps == 0.0 else f"{found_rps:.2f}/s (none)"
    return f"{found_rps:.2f}/s ({found_rps / shipped_rps:.2f})"


def windows_table(figures: Figures, workload: Workload, shipped: Alone) -> str:
    """At full clock and capacity: share of all requests that are late, their clusters, and share of windows that keep the P99.

    A cluster is the variance of the number of late requests in a window of the middle size over its mean: 1 where they are late
    independently of each other.
    """
    server, rows = EngineServer(engine_table(figures)), []
    for bucket in BUCKETS:
        for tp in TENSOR_PARALLEL:
            instance, slo = Instance(tp, MAX_FREQUENCY_MHZ), slo_of(figures, workload.name, bucket[0])
            # Other draws than those which the capacity was found with.
            stream, _ = draw_requests([workload.lengths[bucket]], [1.0], WINDOWS_RUN, SEED - 1)
            outcome = server(prepare(figures, instance, stream), shipped[bucket, instance])
            late = (outcome.ttft_ms > slo.ttft_ms) | (outcome.tbt_ms > slo.tbt_ms)
            counts = {n: late[: late.size // n * n].reshape(-1, n).sum(axis=1) for n in WINDOW_REQUESTS}
            middle = counts[WINDOW_REQUESTS[1]]
            kept = [f"{np.mean(found <= (1.0 - PROMISED) * n):.1%}" for n, found in counts.items()]
            rows.append((bucket, str(tp), f"{late.mean():.2%}", f"{middle.var() / middle.mean():.1f}", *kept))
    return as_table(("bucket", "TP", "late", "clusters of", *(f"windows of {n:,}" for n in WINDOW_REQUESTS)), rows)


def gain_table(fleets: Fleets, shipped: Alone) -> str:
    """At full clock: capacity per instance of a bucket in a fleet, over that of an instance alone."""
    instances = [Instance(tp, MAX_FREQUENCY_MHZ) for tp in TENSOR_PARALLEL]
    columns = [(one, fleet) for fleet in GAINS.values() for one in instances]
    header = ("bucket", *(f"TP{one.tp}, {fleet.instances} instances" for one, fleet in columns))
    rows = [
        (b, *(f"{fleets.capacity_rps(one, (b,), fleet) / shipped[b, one]:.2f}" for one, fleet in columns))
        for b in BUCKETS
    ]
    return as_table(header, rows)


def derate_table(name: str, fleets: Fleets) -> str:
    """Derates at full clock: of the mixing table, which is for an instance alone, and for several fleets."""
    table = read_table(PROFILES / f"{FILE_NAMES[name]}.mixing.csv")
    shipped = {(r["input_classes"], int(r["tp"]), int(r["frequency_mhz"])): float(r["derate"]) for r in table}
    rows = []
    for classes in INPUT_CLASS_SETS:
        for tp in TENSOR_PARALLEL:
            found = [fleets.derate(Instance(tp, MAX_FREQUENCY_MHZ), classes, fleet) for fleet in FLEETS.values()]
            listed = shipped[classes, tp, MAX_FREQUENCY_MHZ]
            rows.append((classes, str(tp), f"{listed:.2f}", *(f"{one:.2f}" for one in found)))
    return as_table(("classes", "TP", "mixing table", *FLEETS), rows)


def tables() -> Iterator[tuple[str, str]]:
    """Tables of the page by name, as they are done."""
    figures, machines = read_figures(), engine_table(read_figures())
    for name, workload in read_workloads().items():
        shipped = shipped_rps(name)
        fleets = Fleets(figures, machines, workload, shipped)
        yield f"second-opinion-{name}", second_opinion_table(figures, workload, shipped)
        yield f"derates-{name}", derate_table(name, fleets)
        if name == "conversation":
            yield "windows", windows_table(figures, workload, shipped)
            yield "gains", gain_table(fleets, shipped)


def print_all() -> None:
    """Every cell as CSV, and the quantiles of the ratios on stderr."""
    figures = read_figures()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("workload", "bucket", "tp", "frequency_mhz", "closed_form_rps", "profile_rps"))
    for name, workload in read_workloads().items():
        ratios = []
        for (bucket, instance), shipped in shipped_rps(name).items():
            found = closed_form_rps(figures, workload, bucket, instance)
            writer.writerow((name, bucket, instance.tp, instance.frequency_mhz, f"{found:.6g}", f"{shipped:.6g}"))
            if shipped > 0.0:
                ratios.append(found / shipped)
        low, median, high = np.quantile(ratios, (0.1, 0.5, 0.9))
        print(f"{name}: closed form over profile, P10 {low:.2f}, median {median:.2f}, P90 {high:.2f}", file=sys.stderr)


def write_mixing_tables(instances: int, folder: Path) -> None:
    """Mixing tables of both services for pools of at least so many instances, whose router balances prompt tokens."""
    figures, machines = read_figures(), engine_table(read_figures())
    folder.mkdir(parents=True, exist_ok=True)
    for name, workload in read_workloads().items():
        rows = Fleets(figures, machines, workload, shipped_rps(name)).mixing_rows(Fleet(instances))
        write_mixing(folder / f"{FILE_NAMES[name]}.mixing.csv", rows)


def main(arguments: Sequence[str]) -> None:
    """Print the tables, or write them where the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--print", action="store_true", help="only print the tables")
    parser.add_argument("--all", action="store_true", help="print the second opinion on every cell as CSV")
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
    """Compute the tables of the page and put each in as it is done, or print them."""
    for name, table in tables():
        if only_print:
            print(f"{name}\n{table}\n", flush=True)
            continue
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), name, table), encoding="utf-8")
        print(name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
