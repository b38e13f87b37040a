"""A telemetry CSV of five million rows, read by this project and by pandas.

As a program it is one side of the comparison, in a process of its own: `python -m benchmarks.telemetry SIDE FILE`.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.processes import reason, run
from benchmarks.tables import Bench, Row, Table, seconds
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.telemetry import read_telemetry

ROWS, GPUS, SEED = 5_000_000, 8, 20260419
PERIOD_MS = 100
CHUNK_ROWS = 400_000
"""Written at a time; a multiple of `GPUS`."""

MOST_MIB = 1024.0
"""Promised peak memory of our reading [MiB]."""

NAMES = ("timestamp", "index", "power.draw", "clocks.current.sm", "temperature.gpu", "utilization.gpu")
UNITS = ("", "", "W", "MHz", "", "%")
REASONS = "clocks_event_reasons.active"
FORMS = {"units": "csv", "nounits": "csv,nounits"}
"""How nvidia-smi is asked for each case."""


def write(path: Path, rows: int, *, with_units: bool) -> None:
    """A file as `nvidia-smi --format=csv` writes it: GPUs in turn, ten times a second."""
    dice = np.random.default_rng(SEED)
    with path.open("w", encoding="ascii") as file:
        titles = [f"{name} [{unit}]" if unit else name for name, unit in zip(NAMES, UNITS, strict=True)]
        file.write(", ".join([*titles, REASONS]) + "\n")
        behind = [f" {unit}" if unit and with_units else "" for unit in UNITS]
        for first in range(0, rows, CHUNK_ROWS):
            _write_chunk(file.write, dice, first, min(CHUNK_ROWS, rows - first), behind)


def _write_chunk(put: object, dice: np.random.Generator, first: int, count: int, behind: list[str]) -> None:
    assert callable(put)
    polls = (first + np.arange(count)) // GPUS * PERIOD_MS
    times = np.datetime64("2026-04-19T00:00:00", "ms") + polls.astype("timedelta64[ms]")
    stamps = [text.replace("-", "/").replace("T", " ") for text in np.datetime_as_string(times).tolist()]
    powers = dice.normal(400.0, 60.0, count).clip(60.0, 700.0).tolist()
    clocks = np.where(dice.random(count) < 0.01, 1575, 1590).tolist()
    temperatures, loads = dice.integers(45, 75, count).tolist(), dice.integers(80, 101, count).tolist()
    masks = np.where(dice.random(count) < 0.01, 4, 2).tolist()
    columns = zip(stamps, powers, clocks, temperatures, loads, masks, strict=True)
    _, _, watts, megahertz, _, percent = behind
    put(
        "".join(
            f"{stamp}, {row % GPUS}, {power:.2f}{watts}, {clock}{megahertz}, {heat}, {load}{percent}, 0x{mask:016x}\n"
            for row, (stamp, power, clock, heat, load, mask) in enumerate(columns)
        )
    )


def ours(path: Path) -> int:
    """Rows that this project reads, cleaned, in UTC, sorted by GPU and time."""
    faults = Faults()
    found = read_telemetry([path], faults, zone="UTC")
    faults.raise_if_any()
    return 0 if found is None else len(found)


def pandas(path: Path) -> int:
    """Rows that pandas reads, cells as they stand."""
    import pandas  # type: ignore[import-untyped]

    return len(pandas.read_csv(path))


SIDES = {"ours": ours, "pandas": pandas}


def telemetry(bench: Bench) -> Table:
    """Both readers on both forms of the file."""
    table = Table(
        f"Telemetry: {ROWS:,} rows of nvidia-smi",
        f"Median wall time of {bench.repeats} [s], the sides in turn, each in a process of its own and after a small file, so that imports "
        "and compiled kernels are there; x pandas: median of the ratios of neighbouring runs, which what else runs on the machine slows "
        "down alike. Ours ends in numbers by GPU and UTC time, pandas' in the cells as they stand (times, and "
        "numbers with units, as texts).",
    )
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.csv"
        for case, form in FORMS.items():
            if not bench.wants(case):
                continue
            path = Path(folder) / f"{case}.csv"
            bench.say(f"telemetry {case}: write")
            for target, rows in ((small, GPUS), (path, ROWS)):
                write(target, rows, with_units=case == "units")
            table.rows += _compared(case, form, path, small, bench)
            path.unlink()
    return table


def _compared(case: str, form: str, path: Path, small: Path, bench: Bench) -> list[Row]:
    times: dict[str, list[float]] = {side: [] for side in SIDES}
    peaks: dict[str, list[float]] = {side: [] for side in SIDES}
    note = ""
    for _ in range(bench.repeats):
        for side in SIDES:
            bench.say(f"telemetry {case}: {side}")
            ended = run("benchmarks.telemetry", side, str(path), str(small))
            if ended.exit_code:
                note = reason(ended)
                continue
            told = json.loads(ended.stdout)
            note = "" if told["rows"] == ROWS else f"{told['rows']} rows"
            times[side].append(told["seconds"])
            peaks[side].append(ended.peak_mib)
    ratios = [mine / theirs for mine, theirs in zip(times["ours"], times["pandas"], strict=False)]
    ratio = statistics.median(ratios) if ratios else float("nan")
    rows = []
    for side in SIDES:
        typical = statistics.median(times[side]) if times[side] else float("nan")
        peak = max(peaks[side], default=float("nan"))
        kept = None
        if side == "ours":
            kept = not note and ratio <= 1.0 and peak < MOST_MIB
        cells = {
            "case": f"--format={form}",
            "method": side,
            "read": seconds(typical),
            "x pandas": f"{ratio:.2f}" if side == "ours" else "",
            "MB/s": f"{path.stat().st_size / 1e6 / typical:.0f}",
            "MiB": f"{peak:.0f}",
            "promise": f"no slower than pandas, < {MOST_MIB:.0f} MiB" if side == "ours" else "",
            "note": note,
        }
        data = {"case": case, "method": side, "seconds": times[side], "peak_mib": peak, "note": note}
        rows.append(Row(cells, kept, data))
    return rows


def main(side: str, path: str, small: str) -> None:
    """Read the file and print how many rows it has and how long that took [s]."""
    SIDES[side](Path(small))
    begin = time.perf_counter()
    rows = SIDES[side](Path(path))
    print(json.dumps({"rows": rows, "seconds": time.perf_counter() - begin}))


if __name__ == "__main__":
    main(*sys.argv[1:])
