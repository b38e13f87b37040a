"""The canonical profile as CSV or Parquet (docs/reference/files.md), from measurements.

Beside the columns that the planner reads stand the means of the latencies, where the tools give only these, and the verdict on each row
with its reasons.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.schema.measurement import Measurement

TEXT, COUNT, NUMBER = pa.string(), pa.int64(), pa.float64()
COLUMNS = {
    "model": TEXT,
    "gpu": TEXT,
    "tp": COUNT,
    "pp": COUNT,
    "dtype": TEXT,
    "frequency_mhz": NUMBER,
    "input_tokens": NUMBER,
    "output_tokens": NUMBER,
    "request_rate_rps": NUMBER,
    "concurrency": NUMBER,
    "throughput_rps": NUMBER,
    "ttft_mean_ms": NUMBER,
    "ttft_p50_ms": NUMBER,
    "ttft_p99_ms": NUMBER,
    "tbt_mean_ms": NUMBER,
    "tbt_p50_ms": NUMBER,
    "tbt_p99_ms": NUMBER,
    "power_w": NUMBER,
    "duration_s": NUMBER,
    "provenance": TEXT,
    "source": TEXT,
    "verdict": TEXT,
    "verdict_reason": TEXT,
}
"""Columns and their types, in order."""

SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """A measurement on its way into a profile.

    Attributes
    ----------
    measurement : Measurement
    verdict : str
        What the checks say of it altogether; empty where none was made.
    reason : str
        Why.
    """

    measurement: Measurement
    verdict: str = ""
    reason: str = ""


def profile_bytes(path: Path, rows: Sequence[ProfileRow], *, with_p99: bool) -> bytes:
    """Content of a profile in the format that the path's suffix names.

    Parameters
    ----------
    with_p99 : bool
        Whether the table states 99th percentiles, which it does of all its loaded rows or of none.

    Raises
    ------
    UsageError
        The suffix names no format.
    """
    cells = [_cells(row, with_p99=with_p99) for row in rows]
    return table_bytes(
        path, pa.table({name: pa.array([row[name] for row in cells], kind) for name, kind in COLUMNS.items()})
    )


def table_bytes(path: Path, table: pa.Table) -> bytes:
    """Content of a file in the format that the path's suffix names.

    Raises
    ------
    UsageError
        The suffix names no format.
    """
    content = io.BytesIO()
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, content)
    elif path.suffix == ".csv":
        pyarrow.csv.write_csv(table, content)
    else:
        what = f"a profile is written as {' or '.join(SUFFIXES)}, not as {path.suffix or 'a file without suffix'}"
        raise UsageError(Fault("output-suffix", str(path), what, "", "Choose one of the suffixes"))
    return content.getvalue()


def _cells(row: ProfileRow, *, with_p99: bool) -> dict[str, object]:
    found = row.measurement
    own = {name: getattr(found, name) for name in COLUMNS if hasattr(found, name)}
    return own | {
        "request_rate_rps": found.offered_rps,
        "ttft_mean_ms": found.ttft.mean_ms,
        "ttft_p50_ms": found.ttft.p50_ms,
        "ttft_p99_ms": found.ttft.p99_ms if with_p99 else None,
        "tbt_mean_ms": found.tbt.mean_ms,
        "tbt_p50_ms": found.tbt.p50_ms,
        "tbt_p99_ms": found.tbt.p99_ms if with_p99 else None,
        "provenance": found.provenance.value,
        "verdict": row.verdict,
        "verdict_reason": row.reason,
    }
