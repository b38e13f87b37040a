"""Forecasts of Nixtla's libraries: `unique_id`, `ds`, a column per model, `<Model>-lo-90` and `<Model>-hi-90` for its interval.

The interval is central: `-hi-90` is not exceeded with probability 0.95. Lower ends are of no use to a plan. Source: statsforecast's
manual, columns of `forecast`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.forecasts import Told
from dynamo_plan.ingest.gathered import Faults, did_you_mean, listed
from dynamo_plan.ingest.table import Table

NAME = "nixtla"
DESCRIPTION = "unique_id, ds, <Model>, <Model>-lo-90, <Model>-hi-90"
TIME = "ds"
SERIES: str | None = "unique_id"

BOUND = re.compile(r"(?P<model>.+)-(?P<side>lo|hi)-(?P<percent>\d{1,2}(\.\d+)?)")
OTHERS = {"unique_id", "ds", "y", "cutoff", "index", ""}
"""Columns that are no model's."""


def matches(columns: Iterable[str]) -> bool:
    """Tell whether a table with these columns is Nixtla's."""
    return {"unique_id", "ds"} <= set(columns)


def parse(table: Table, told: Told, faults: Faults) -> dict[float | None, NDArray[np.float64]]:
    """Values of every row of the model asked for, by probability."""
    models = [name for name in table.columns if name not in OTHERS and not BOUND.fullmatch(name)]
    model = told.model or (models[0] if len(models) == 1 else None)
    if model is None or model not in models:
        asked = "no model was asked for" if told.model is None else f"{told.model} is no model of this file"
        mend = did_you_mean(told.model or "", models) or "Name one with --model"
        faults.add("forecast-model", table.shown, asked, f"Its models are {listed(models) or 'none'}", mend)
        return {}
    names: dict[float | None, str] = {None: model}
    for name in table.columns:
        match = BOUND.fullmatch(name)
        if match and match["model"] == model and match["side"] == "hi":
            names[float((1 + Decimal(match["percent"]) / 100) / 2)] = name
    return {level: table.numbers(name, faults) for level, name in names.items()}
