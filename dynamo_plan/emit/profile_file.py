"""A profile that was made of another (fitted, composed) as CSV or Parquet (docs/reference/files.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dynamo_plan.emit.atomic import write_new_file
from dynamo_plan.emit.profile_table import table_bytes
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ, ProfileTable

type Column = NDArray[np.float64] | NDArray[np.int64] | NDArray[np.str_]


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
        name: pa.array(values.tolist(), _arrow_type(values), from_pandas=True) for name, values in columns.items()
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


def _arrow_type(values: Column) -> pa.DataType:
    """Type of a column, also where all its cells are empty."""
    types: dict[str, pa.DataType] = {"f": pa.float64(), "i": pa.int64()}
    return types.get(values.dtype.kind, pa.string())
