"""Forecasts of Prophet: `ds`, `yhat`, `yhat_lower`, `yhat_upper`, one series per file.

The interval is central: with `interval_width` 0.8, Prophet's default, `yhat_upper` is not exceeded with probability 0.9. Source: Prophet's
manual, columns of `predict`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.forecasts import Told
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.table import Table

NAME = "prophet"
DESCRIPTION = "ds, yhat, yhat_lower, yhat_upper"
TIME = "ds"
SERIES: str | None = None

DECIMALS = 12
"""(1 + 0.9) / 2 must be 0.95 to the last bit, by which a scenario names it."""


def matches(columns: Iterable[str]) -> bool:
    """Tell whether a table with these columns is Prophet's."""
    return {"ds", "yhat"} <= set(columns)


def parse(table: Table, told: Told, faults: Faults) -> dict[float | None, NDArray[np.float64]]:
    """Values of every row, by probability."""
    names: dict[float | None, str] = {None: "yhat"}
    if "yhat_upper" in table.columns:
        names[round((1.0 + told.interval) / 2.0, DECIMALS)] = "yhat_upper"
    return {level: table.numbers(name, faults) for level, name in names.items()}
