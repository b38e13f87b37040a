"""Forecasts that other libraries made: one module per library; `find_forecasts` finds them.

A module has ``NAME``, ``DESCRIPTION``, the columns of times and of series, ``TIME`` and ``SERIES`` (None: there is one series),
``matches(columns)``, which tells its tables by their columns, and ``parse(table, told, faults)``, which reads each row's values.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.checks.duplicates import check_duplicates
from dynamo_plan.ingest.checks.spacing import check_spacing, usual_step_s
from dynamo_plan.ingest.gathered import Faults, listed
from dynamo_plan.ingest.source import read_source
from dynamo_plan.ingest.table import Labels, Table
from dynamo_plan.ingest.table_file import read_table
from dynamo_plan.ingest.utc_column import STAMP, read_utc
from dynamo_plan.schema.load import Forecast, Windows


@dataclass(frozen=True, slots=True)
class Told:
    """What such files do not say.

    Attributes
    ----------
    interval : float
        Probability of Prophet's interval (`interval_width`) [1].
    model : str or None
        Column of the model to take, where a file holds several.
    is_utc : bool
        Whether times without a zone are UTC.
    counts : bool
        Whether values are requests per window instead of requests per second.
    """

    interval: float = 0.8
    model: str | None = None
    is_utc: bool = False
    counts: bool = False


type Columns = Mapping[float | None, NDArray[np.float64]]
"""Mean under None and quantiles by probability, each of shape (row,)."""


class ForecastFormat(Protocol):
    """What a module offers."""

    NAME: str
    DESCRIPTION: str
    TIME: str
    SERIES: str | None

    def matches(self, columns: Iterable[str]) -> bool:
        """Tell whether a table with these columns is of this sort."""

    def parse(self, table: Table, told: Told, faults: Faults) -> Columns:
        """Values of every row, by probability; faults are noted."""


def find_forecasts() -> dict[str, ForecastFormat]:
    """Every format by its name, sorted."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    formats = [cast(ForecastFormat, module) for module in modules]
    return {one.NAME: one for one in sorted(formats, key=lambda one: one.NAME)}


@dataclass(frozen=True, slots=True)
class Foreign:
    """Forecasts of another library.

    Attributes
    ----------
    format : str
    forecast : Forecast
        Series stand for buckets; a single series without a name is bucket ``all``.
    below_zero : int
        Values below 0, which were set to 0: such libraries do not know that rates are not negative.
    """

    format: str
    forecast: Forecast
    below_zero: int


ONE_SERIES = "all"


def read_foreign(path: Path, told: Told) -> Foreign:
    """Read a forecast of any format found here.

    Raises
    ------
    InputError
        With all faults of the file.
    """
    faults = Faults()
    source = read_source(path, faults)
    table = read_table(source, faults) if source is not None else None
    found = _parsed(table, told, faults) if table is not None else None
    faults.raise_if_any()
    if found is None:
        raise AssertionError("a forecast that cannot be read has no fault")
    return found


def _parsed(table: Table, told: Told, faults: Faults) -> Foreign | None:
    formats = find_forecasts()
    format_ = next((one for one in formats.values() if one.matches(table.columns)), None)
    if format_ is None:
        faults.add(
            "forecast-format",
            table.shown,
            f"columns {listed(table.columns, 8)} are of no forecast that is known",
            f"Known are {'; '.join(f'{one.NAME}: {one.DESCRIPTION}' for one in formats.values())}",
            "A table with window_start, service, bucket and rate_rps needs no import",
        )
        return None
    known = len(faults)
    table = _with_zone(table, format_.TIME) if told.is_utc else table
    start = read_utc(table, format_.TIME, faults)
    series = (
        table.labels(format_.SERIES, faults)
        if format_.SERIES
        else Labels((ONE_SERIES,), np.zeros(len(table), np.int64))
    )
    columns = format_.parse(table, told, faults)
    check_duplicates("forecast-duplicate", table, format_.TIME, {format_.TIME: start, "series": series.codes}, faults)
    if len(faults) > known:
        return None
    edges, first = np.unique(start, return_index=True)
    step_s = usual_step_s(edges)
    if step_s is None:
        faults.add("history-window", table.shown, "there is a single window", "A forecast has two windows or more")
        return None
    check_spacing("forecast", table, first, edges, step_s, faults)
    if edges.size * len(series.values) != len(table):
        faults.add(
            "forecast-row-missing",
            table.shown,
            f"{len(table)} rows are not {len(series.values)} series at {edges.size} times",
            "Every series has a row at every time",
            "Write 0 where nothing is expected",
        )
    if len(faults) > known:
        return None
    return _by_window(table, format_.NAME, Windows(edges, step_s), start, series, columns, told)


def _by_window(
    table: Table,
    name: str,
    windows: Windows,
    start: NDArray[np.datetime64],
    series: Labels,
    columns: Columns,
    told: Told,
) -> Foreign:
    cell = np.zeros((len(windows), len(series.values)), dtype=np.int64)
    cell[np.searchsorted(windows.start, start), series.codes] = np.arange(len(table))
    per = windows.window_s if told.counts else 1
    rates = {level: np.maximum(values, 0.0)[cell] / per for level, values in columns.items()}
    below = sum(int((values < 0).sum()) for values in columns.values())
    quantiles = {level: rates[level] for level in sorted(level for level in rates if level is not None)}
    forecast = Forecast(table.shown, windows, series.values, rates[None], quantiles)
    return Foreign(name, forecast, below)


def _with_zone(table: Table, column: str) -> Table:
    """The table with a Z behind every time that has no zone."""
    found = table.columns[column]
    if not isinstance(found, Labels):
        return table
    bare = (STAMP.fullmatch(text) for text in found.values)
    values = tuple(
        f"{text}Z" if match and not match["zone"] else text for text, match in zip(found.values, bare, strict=True)
    )
    return replace(table, columns={**table.columns, column: Labels(values, found.codes)})
