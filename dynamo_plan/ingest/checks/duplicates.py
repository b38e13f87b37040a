"""Rows that say the same thing twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.table import Table


def check_duplicates(
    code: str, table: Table, column: str, key: dict[str, NDArray[Any]], faults: Faults
) -> NDArray[np.bool_]:
    """No two rows share a key; returns which rows repeat an earlier one, shape (row,).

    Parameters
    ----------
    column : str
        Column to point at.
    key : dict of str to array, shape (row,)
        What identifies a row; the names are for the message.
    """
    first = first_of_each(list(key.values()))
    repeats: NDArray[np.bool_] = first != np.arange(len(table))
    for values in key.values():
        repeats &= values == values  # noqa: PLR0124  NaN and NaT, reported already, are the same as nothing
    faults.add_rows(
        code,
        table,
        column,
        np.flatnonzero(repeats),
        lambda row: f"the row repeats {table.line_name(int(first[row]))}",
        f"One row per {', '.join(key)}",
        "Drop one of the two, or average them",
    )
    return repeats


def first_of_each(key: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Index of the first row with the same key, for every row."""
    code = np.zeros(key[0].size, dtype=np.int64)
    for values in key:
        kinds, inverse = np.unique(values, return_inverse=True)
        # Compressed after every column, so that the product of the columns' sizes cannot overflow.
        code = np.unique(code * (kinds.size + 1) + inverse, return_inverse=True)[1]
    _, first = np.unique(code, return_index=True)
    return np.asarray(first[code], dtype=np.int64)
