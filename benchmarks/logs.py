"""A week of 27.3 million requests in the schema of Azure's trace, counted by this project, by DuckDB and by Polars.

As a program it is one side of the comparison, in a process of its own: `python -m benchmarks.logs SIDE FILE`. Every side counts the same
table: requests per half-hour and bucket, nine buckets; it prints the counts.
"""

from __future__ import annotations

import csv
import json
import math
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from benchmarks.processes import Ended, reason, run
from benchmarks.tables import Bench, Row, Table, seconds

ROWS, SEED = 27_303_999, 20240512
"""Rows of Azure's conversation week of 2024; drawn anew here, for the trace itself is not in its repository."""

FEW_ROWS = ROWS // 8
"""Memory must not grow from here on."""

CHUNK_ROWS = 1 << 20
START, WEEK_S = np.datetime64("2024-05-12", "us"), 7 * 86_400
INPUT_EDGES, OUTPUT_EDGES = (256, 1024), (100, 350)
WINDOW_MINUTES = 30
MOST_MIB = 1024.0
MOST_GROWTH = 1.1
"""Of the peak memory from the few rows to all: what allocators do by chance."""

MOST_RATIO = 1.0
"""Promised: our wall time over that of the faster of the others."""


def write(path: Path, rows: int) -> None:
    """A trace whose rate follows the day, with log-normal lengths; one request in ten thousand is late by up to a second."""
    dice = np.random.default_rng(SEED)
    day = np.arange(7 * 48 + 1) * 1800.0
    share = np.cumsum(1.0 + 0.4 * np.sin(2.0 * np.pi * (day - 32_400.0) / 86_400.0))
    share = (share - share[0]) / (share[-1] - share[0])
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    with path.open("wb") as file:
        file.write(b"TIMESTAMP,ContextTokens,GeneratedTokens\n")
        for first in range(0, rows, CHUNK_ROWS):
            count = min(CHUNK_ROWS, rows - first)
            place = np.sort(dice.uniform(first / rows, (first + count) / rows, count))
            offset_us = np.interp(place, share, day) * 1e6 + (dice.random(count) < 1e-4) * dice.uniform(0, 1e6, count)
            stamps = pa.array(START + offset_us.astype("timedelta64[us]")).cast(pa.string())
            texts = pc.binary_join_element_wise(stamps, "+00:00", "")
            lengths = [
                pa.array(np.minimum(dice.lognormal(mean, deviation, count).astype(np.int64) + 1, most))
                for mean, deviation, most in ((6.9, 1.0, 7_999), (3.9, 1.3, 1_500))
            ]
            pyarrow.csv.write_csv(pa.table([texts, *lengths], names=list("tio")), file, options)


def duckdb(path: Path) -> list[int]:
    """Counts by DuckDB: its columns typed, the window from the text, which it compares sooner than it parses times."""
    import duckdb

    table = f"read_csv('{path}', header=true, columns={{'t': 'VARCHAR', 'i': 'INTEGER', 'o': 'INTEGER'}})"
    return _by_duckdb(duckdb, "left(t, 13) AS hour, substr(t, 15, 1) >= '3' AS half", table, "hour, half")


def duckdb_times(path: Path) -> list[int]:
    """Counts by DuckDB with times parsed."""
    import duckdb

    table = f"read_csv('{path}', header=true, columns={{'t': 'TIMESTAMPTZ', 'i': 'INTEGER', 'o': 'INTEGER'}})"
    return _by_duckdb(duckdb, f"time_bucket(INTERVAL '{WINDOW_MINUTES} minutes', t) AS slot", table, "slot")


def _by_duckdb(engine: object, window: str, table: str, keys: str) -> list[int]:
    classes = [
        f"({column} >= {edges[0]})::INT + ({column} >= {edges[1]})::INT AS {column}c"
        for column, edges in (("i", INPUT_EDGES), ("o", OUTPUT_EDGES))
    ]
    query = f"SELECT {window}, {', '.join(classes)}, count(*) AS n FROM {table} GROUP BY ALL"
    connection = engine.connect()  # type: ignore[attr-defined]
    connection.execute("SET timezone = 'UTC'")
    return [int(row[0]) for row in connection.execute(f"SELECT n FROM ({query}) ORDER BY {keys}, ic, oc").fetchall()]


def polars(path: Path) -> list[int]:
    """Counts by Polars, streaming: columns typed, only the minute of the time parsed."""
    import polars as pl

    slot = pl.col("TIMESTAMP").str.slice(0, 16).str.to_datetime("%Y-%m-%d %H:%M", time_unit="us").dt.truncate("30m")
    return _by_polars(path, [slot.alias("slot")])


def polars_text(path: Path) -> list[int]:
    """Counts by Polars with the window as text."""
    import polars as pl

    time = pl.col("TIMESTAMP")
    return _by_polars(path, [time.str.slice(0, 13).alias("hour"), (time.str.slice(14, 1) >= "3").alias("half")])


def _by_polars(path: Path, slots: list[Any]) -> list[int]:
    import polars as pl

    types = {"TIMESTAMP": pl.String, "ContextTokens": pl.Int32, "GeneratedTokens": pl.Int32}
    classes = [
        ((pl.col(name) >= edges[0]).cast(pl.Int8) + (pl.col(name) >= edges[1]).cast(pl.Int8)).alias(short)
        for name, edges, short in (("ContextTokens", INPUT_EDGES, "ic"), ("GeneratedTokens", OUTPUT_EDGES, "oc"))
    ]
    keys = [*slots, *classes]
    names = [key.meta.output_name() for key in keys]
    lazy = pl.scan_csv(path, schema=types).group_by(keys).len().sort(names)
    return [int(count) for count in lazy.collect(engine="streaming")["len"]]


SIDES: dict[str, Callable[[Path], list[int]]] = {
    "DuckDB": duckdb,
    "DuckDB, times": duckdb_times,
    "Polars": polars,
    "Polars, text": polars_text,
}
"""The others' queries; the fastest of them is what we are compared with."""

OURS, WRITE = "dynamo-plan", "write"


def logs(bench: Bench) -> Table:
    """The same counts by this project and by two engines made for it."""
    table = Table(
        "Request logs: 27.3 million rows",
        "Wall time [s] and peak memory of a whole process, medians of rounds in which every side has its turn; the file is in the page "
        "cache. Ours is the command: it also adds up tokens and squares, sub-windows and pairs of lengths, and writes its files.",
    )
    with tempfile.TemporaryDirectory() as folder:
        few, whole = Path(folder) / "few.csv", Path(folder) / "week.csv"
        bench.say(f"write {ROWS:,} rows")
        for path, rows in ((few, FEW_ROWS), (whole, ROWS)):
            # In a process of its own: what this one holds in memory would count as the peak of those that it starts.
            ended = run("benchmarks.logs", WRITE, str(path), str(rows))
            if ended.exit_code:
                table.rows.append(
                    Row({"method": WRITE, "note": reason(ended)}, False, {"method": WRITE, "note": reason(ended)})
                )
                return table
        calls: dict[str, list[Ended]] = {name: [] for name in (OURS, *SIDES)}
        small = _ours(few)
        for turn in range(bench.repeats):
            for name, made in calls.items():
                bench.say(f"round {turn + 1}: {name}")
                made.append(_ours(whole) if name == OURS else run("benchmarks.logs", name, str(whole)))
        counts = _counted(whole)
    table.rows += [_row(name, calls, counts, small.peak_mib) for name in calls]
    return table


def _ours(path: Path) -> Ended:
    edges = "/".join(f"{','.join(map(str, one))},null" for one in (INPUT_EDGES, OUTPUT_EDGES))
    target = str(path.with_suffix(".load.csv"))
    window = f"{WINDOW_MINUTES}min"
    return run(
        "dynamo_plan", "forecast", "build", str(path), "-o", target, "--window", window, "--buckets", edges, "--force"
    )


def _counted(path: Path) -> list[int]:
    """Our counts in the order of the others', from the table that was written."""
    with path.with_suffix(".load.csv").open(encoding="utf-8") as file:
        return [int(row["requests"]) for row in csv.DictReader(file) if row["requests"] != "0"]


def _row(name: str, all_calls: dict[str, list[Ended]], counts: list[int], few_mib: float) -> Row:
    calls = all_calls[name]
    wall_s, peak = statistics.median(one.seconds for one in calls), max(one.peak_mib for one in calls)
    failed = [one for one in calls if one.exit_code]
    agree = name == OURS or (not failed and json.loads(calls[-1].stdout) == counts)
    others = [
        statistics.median(one.seconds for one in all_calls[side])
        for side in SIDES
        if not any(one.exit_code for one in all_calls[side])
    ]
    ratio = wall_s / min(others, default=math.nan)
    cells = {
        "method": name,
        "all": seconds(wall_s),
        "x fastest": f"{ratio:.2f}" if math.isfinite(ratio) else "-",
        "MiB": f"{peak:.0f}",
        "MiB at 1/8": f"{few_mib:.0f}" if name == OURS else "",
        "promise": f"<= {MOST_RATIO:g} x the fastest other, < {MOST_MIB:g} MiB, flat" if name == OURS else "",
        "note": reason(failed[0]) if failed else "" if agree else "other counts than ours",
    }
    # A side that is not installed (`pip install '.[bench]'`) is no broken promise.
    absent = bool(failed) and "ModuleNotFoundError" in reason(failed[0])
    kept = None if absent or (agree and not failed) else False
    if name == OURS:
        kept = (
            not failed
            and (ratio <= MOST_RATIO or not others)
            and peak < MOST_MIB
            and peak <= MOST_GROWTH * few_mib
            and sum(counts) == ROWS
        )
    data = {"method": name, "rows": ROWS, "wall_s": wall_s, "ratio": ratio, "peak_mib": peak, "few_mib": few_mib}
    return Row(cells, kept, data)


def main() -> None:
    """Print one side's counts of a file, or write it."""
    name, path, *rows = sys.argv[1:]
    if name == WRITE:
        write(Path(path), int(rows[0]))
        return
    print(json.dumps(SIDES[name](Path(path))))


if __name__ == "__main__":
    main()
