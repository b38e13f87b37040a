"""Numbers that no quantity of this kind can have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.table import Table


def check_positive(
    code: str, table: Table, column: str, values: NDArray[np.float64], unit: str, mend: str, faults: Faults
) -> None:
    """Every value is above 0; NaN has been reported where it matters."""
    faults.add_rows(
        code,
        table,
        column,
        np.flatnonzero(values <= 0),
        lambda row: f"{values[row]:g}{unit} is {'below 0' if values[row] < 0 else '0'}",
        f"{column} must be positive",
        mend,
    )


def check_not_negative(
    code: str, table: Table, column: str, values: NDArray[np.float64], unit: str, mend: str, faults: Faults
) -> None:
    """No value is below 0."""
    faults.add_rows(
        code,
        table,
        column,
        np.flatnonzero(values < 0),
        lambda row: f"{values[row]:g}{unit} is below 0",
        f"{column} must be 0 or more",
        mend,
    )


def check_count(code: str, table: Table, column: str, values: NDArray[np.float64], faults: Faults) -> None:
    """Every value is a whole number from 1 on."""
    with np.errstate(invalid="ignore"):
        wrong = np.isfinite(values) & ((values < 1) | (values != np.rint(values)))
    faults.add_rows(
        code,
        table,
        column,
        np.flatnonzero(wrong),
        lambda row: f"{values[row]:g} is not a count",
        f"{column} must be a whole number, 1 or more",
        "Correct the cell",
    )
