"""A MILP written as arrays, straight into HiGHS: no modelling layer whose time would count against the solver."""

from __future__ import annotations

from dataclasses import dataclass, field

import highspy
import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(slots=True)
class Columns:
    """Columns and rows as they grow; a block of either is an array of indices in any shape."""

    cost: list[Values] = field(default_factory=list)
    upper: list[Values] = field(default_factory=list)
    whole: list[NDArray[np.bool_]] = field(default_factory=list)
    low: list[Values] = field(default_factory=list)
    high: list[Values] = field(default_factory=list)
    nonzeros: list[tuple[Indices, Indices, Values]] = field(default_factory=list)
    columns: int = 0
    rows: int = 0

    def add(self, cost: Values, upper: float | Values = np.inf, *, whole: bool = False) -> Indices:
        """New columns of these costs, at least 0, whole or not; their indices in the shape of `cost`."""
        index = np.arange(self.columns, self.columns + cost.size).reshape(cost.shape)
        self.cost.append(cost.ravel())
        self.upper.append(np.broadcast_to(upper, cost.shape).ravel())
        self.whole.append(np.full(cost.size, whole))
        self.columns += cost.size
        return index

    def between(self, low: float | Values, high: float | Values, shape: tuple[int, ...]) -> Indices:
        """New rows with these bounds; their indices in this shape."""
        index = np.arange(self.rows, self.rows + int(np.prod(shape))).reshape(shape)
        self.low.append(np.broadcast_to(low, shape).ravel())
        self.high.append(np.broadcast_to(high, shape).ravel())
        self.rows += index.size
        return index

    def put(self, row: Indices, column: Indices, value: Values | float) -> None:
        """Coefficients; the three are broadcast against each other."""
        rows, columns, values = np.broadcast_arrays(row, column, np.asarray(value, dtype=np.float64))
        self.nonzeros.append((rows.ravel(), columns.ravel(), values.ravel()))

    def load(self, offset: float = 0.0) -> highspy.Highs:
        """The model in a silent HiGHS."""
        from scipy.sparse import csc_array

        rows, columns, values = (np.concatenate(parts) for parts in zip(*self.nonzeros, strict=True))
        matrix = csc_array((values, (rows, columns)), shape=(self.rows, self.columns))
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_, lp.offset_ = self.columns, self.rows, offset
        lp.col_cost_, lp.col_lower_ = np.concatenate(self.cost), np.zeros(self.columns)
        lp.col_upper_ = np.concatenate(self.upper)
        lp.row_lower_, lp.row_upper_ = np.concatenate(self.low), np.concatenate(self.high)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
        lp.integrality_ = [kinds[int(whole)] for whole in np.concatenate(self.whole)]
        highs = highspy.Highs()  # type: ignore[no-untyped-call]
        highs.setOptionValue("output_flag", False)
        highs.passModel(lp)
        return highs
