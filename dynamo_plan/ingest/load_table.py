"""A load table whose services, buckets and windows are not known beforehand: a history or a forecast, to be looked at."""

from __future__ import annotations

from pathlib import Path

from dynamo_plan.ingest.forecast_table import parse_forecast
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.history_table import parse_history
from dynamo_plan.ingest.source import read_source
from dynamo_plan.schema.history import History
from dynamo_plan.schema.load import Forecast


def read_load(path: Path) -> dict[str, Forecast]:
    """Read every service of a table, by name; quantiles only where the file has any.

    Raises
    ------
    InputError
        With all faults of the file.
    """
    faults = Faults()
    source = read_source(path, faults)
    found = parse_history(source, frozenset(), faults, fill_gaps=False) if source is not None else None
    faults.raise_if_any()
    if source is None or found is None:
        raise AssertionError("a table that cannot be read has no fault")
    loads = {}
    for history in found[0]:
        if history.rate_rps.shape[1] > len(history.buckets):  # told apart by client: a history, which has no quantiles
            loads[history.service] = _as_forecast(history)
            continue
        window_s = history.windows.window_s
        forecast = parse_forecast(source, history.service, history.buckets, window_s, faults)
        if forecast is not None:
            loads[history.service] = forecast
    faults.raise_if_any()
    return loads


def _as_forecast(history: History) -> Forecast:
    return Forecast(history.path, history.windows, history.buckets, history.bucket_rate_rps, {})
