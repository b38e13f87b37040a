"""The canonical forecast table, CSV or Parquet (docs/reference/files.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from dynamo_plan.emit.atomic import write_new_file
from dynamo_plan.emit.table_file import table_bytes
from dynamo_plan.schema.load import Forecast
from dynamo_plan.units import PERCENT_PER_ONE


@dataclass(frozen=True, slots=True)
class Stated:
    """The forecast of one service, and in a word how it was made."""

    service: str
    forecast: Forecast
    method: str


def quantile_column(level: float) -> str:
    """Name of a quantile's column: 0.95 is ``rate_p95_rps``, 0.999 is ``rate_p99.9_rps``."""
    return f"rate_p{level * PERCENT_PER_ONE:.10g}_rps"


def write_forecast(path: Path, services: Sequence[Stated], *, force: bool = False) -> None:
    """Write forecasts of one or several services with the same quantiles, whole or not at all; `method` is one more column.

    Raises
    ------
    InputError
        The file exists and `force` is not set, or it cannot be written.
    UsageError
        The path's suffix names no format.
    """
    table = pa.concat_tables([_rows(one) for one in services])
    write_new_file(path, table_bytes(path, table), force=force)


def _rows(stated: Stated) -> pa.Table:
    """One row per window and bucket."""
    forecast = stated.forecast
    windows, buckets = forecast.rate_rps.shape
    starts = [forecast.windows.label(window) for window in range(windows)]
    columns: dict[str, object] = {
        "window_start": np.repeat(starts, buckets).tolist(),
        "service": [stated.service] * (windows * buckets),
        "bucket": list(forecast.buckets) * windows,
        "rate_rps": forecast.rate_rps.ravel(),
    }
    for level, rates in sorted(forecast.quantile_rate_rps.items()):
        columns[quantile_column(level)] = rates.ravel()
    return pa.table({**columns, "method": [stated.method] * (windows * buckets)})
