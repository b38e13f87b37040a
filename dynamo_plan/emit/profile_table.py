"""The canonical profile as CSV or Parquet (docs/reference/files.md), from measurements or made of another one.

Rows of measurements have, beside the columns that the planner reads, the means of the latencies, where the tools give only these, and the
verdict on each row with its reasons. A profile that was fitted or composed has its prediction errors, where they are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dynamo_plan.emit.atomic import write_new_file
from dynamo_plan.emit.table_file import COUNT, NUMBER, TEXT, table_bytes
from dynamo_plan.schema.measurement import Measurement
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ, ProfileTable

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


type Column = NDArray[np.float64] | NDArray[np.int64] | NDArray[np.str_]


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


def write_profile(table: ProfileTable, path: Path, *, force: bool = False) -> None:
    """Write a profile, whole or not at all; what a row does not state is an empty cell.

    Raises
    ------
    InputError
        The file exists and `force` is not given, or it cannot be written.
    UsageError
        The path's suffix names no format.
    """
    columns = profile_columns(table)
    arrays = {
        name: pa.array(values.tolist(), COLUMNS.get(name, NUMBER), from_pandas=True) for name, values in columns.items()
    }
    write_new_file(path, table_bytes(path, pa.table(arrays)), force=force)


def profile_columns(table: ProfileTable) -> dict[str, Column]:
    """Columns of the file; NaN is an empty cell."""
    nothing = np.full(len(table), np.nan)
    concurrency = nothing if table.concurrency is None else table.concurrency
    columns: dict[str, Column] = {name: getattr(table, name) for name in ("model", "gpu", "tp", "pp", "dtype")}
    columns |= {
        "frequency_mhz": np.where(table.frequency_mhz == NOT_LOCKED_MHZ, np.nan, table.frequency_mhz),
        "input_tokens": table.input_tokens,
        "output_tokens": table.output_tokens,
        "request_rate_rps": np.where(np.isnan(concurrency), table.rate_rps, np.nan),
        "concurrency": concurrency,
        "throughput_rps": table.rate_rps,
        "ttft_p99_ms": table.ttft_p99_ms,
        "tbt_p99_ms": table.tbt_p99_ms,
        "power_w": table.power_w if table.states_power else nothing,
    }
    columns |= table.errors or {}
    return columns | {"provenance": table.provenance, "source": table.source}


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
