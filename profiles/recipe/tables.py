"""Write the shipped tables: the canonical profile as Parquet, the mixing table as CSV."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recipe.cells import Cell, Row
from recipe.figures import BUCKETS, Instance
from recipe.lengths import Workload
from recipe.mixing import Mix

TEXT = ("model", "gpu", "dtype", "provenance", "source")
INTEGER = ("tp", "pp", "frequency_mhz", "input_tokens", "output_tokens")


def write_profile(path: Path, rows: Sequence[Row]) -> None:
    """Write profile rows as Parquet, in the given order."""
    columns = {}
    for field in fields(Row):
        kind = pa.string() if field.name in TEXT else pa.int64() if field.name in INTEGER else pa.float64()
        columns[field.name] = pa.array([getattr(row, field.name) for row in rows], type=kind)
    pq.write_table(pa.table(columns), path, compression="zstd")


def read_llama_cells(path: Path, workload: Workload) -> list[Cell]:
    """Cells of a Llama profile that `write_profile` wrote."""
    lengths = {tuple(map(round, workload.lengths[b].mean)): b for b in BUCKETS}
    rows: dict[tuple[str, Instance], list[Row]] = defaultdict(list)
    for values in pq.read_table(path).to_pylist():
        row = Row(**values)
        rows[lengths[row.input_tokens, row.output_tokens], Instance(row.tp, row.frequency_mhz)].append(row)
    return [Cell.of_rows(bucket, instance, group) for (bucket, instance), group in rows.items()]


def write_mixing(path: Path, mixes: Sequence[Mix]) -> None:
    """Write the mixing table as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Mix)])
        writer.writerows(astuple(mix) for mix in mixes)
