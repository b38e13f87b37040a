"""Prediction errors of a profile in a few numbers per kind: mean, median, P90, worst, and the row that is worst."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.profile.fit.held_out import HeldOut, LeftOut, held_out
from dynamo_plan.profile.fit.loads import Quantity
from dynamo_plan.profile.fit.surface import surfaces
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import ProfileTable, mean_column, worst_column

NAMES = {Quantity.RESIDENCE: "rate", Quantity.TTFT: "ttft", Quantity.TBT: "tbt", Quantity.POWER: "power"}
"""What users call the quantities; the time that a request stays is told as the rate at equal requests in flight."""

HIGH_SHARE = 0.9
"""Share of the rows whose error is at most the P90."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well one quantity of one kind is predicted; errors are relative and absolute in value [1].

    Attributes
    ----------
    rows, not_predicted : int
        Rows compared, and rows that nothing else in the profile says anything about.
    worst_row : int
        Index into the table.
    """

    model: str
    kind: Kind
    quantity: str
    left_out: LeftOut
    rows: int
    not_predicted: int
    mean: float
    median: float
    p90: float
    worst: float
    worst_row: int


def accuracies(
    table: ProfileTable, concurrency: float | None = None, left_out: Iterable[LeftOut] = LeftOut
) -> list[Accuracy]:
    """Errors of every kind and quantity that can be predicted, by model, kind and what is left out.

    Parameters
    ----------
    concurrency : float, optional
        Compare only rows with so many requests in flight, by their own word.
    left_out : iterable of LeftOut
        What to leave out; by default each in turn.
    """
    return accuracies_of(table, every_held_out(table, left_out), concurrency)


def accuracies_of(table: ProfileTable, tested: list[HeldOut], concurrency: float | None = None) -> list[Accuracy]:
    """What `accuracies` returns, of rows that are predicted already."""
    return [
        found
        for one in tested
        for index in range(len(one.quantities))
        if (found := _accuracy(table, one, index, concurrency)) is not None
    ]


def every_held_out(table: ProfileTable, left_out: Iterable[LeftOut] = LeftOut) -> list[HeldOut]:
    """Every kind's rows, predicted with loads, clocks and lengths left out, or with what of these is asked for."""
    axes = (table.input_tokens, table.output_tokens, table.frequency_mhz)
    ways = tuple(left_out)
    return [held_out(points, way, axes) for points in surfaces(table) for way in ways]


def _accuracy(table: ProfileTable, one: HeldOut, index: int, concurrency: float | None) -> Accuracy | None:
    error = abs(one.error[index])
    asked = np.ones(error.size, dtype=bool)
    if concurrency is not None:
        asked = np.zeros_like(asked) if table.concurrency is None else table.concurrency[one.rows] == concurrency
    known = asked & ~np.isnan(error)
    if not known.any():
        return None
    worst = int(np.flatnonzero(known)[np.argmax(error[known])])
    return Accuracy(
        model=one.model,
        kind=one.kind,
        quantity=NAMES[one.quantities[index]],
        left_out=one.left_out,
        rows=int(known.sum()),
        not_predicted=int(asked.sum() - known.sum()),
        mean=float(error[known].mean()),
        median=float(np.median(error[known])),
        p90=float(np.quantile(error[known], HIGH_SHARE)),
        worst=float(error[worst]),
        worst_row=int(one.rows[worst]),
    )


def error_columns(table: ProfileTable, found: list[Accuracy]) -> dict[str, NDArray[np.float64]]:
    """Mean and worst leave-one-clock-out errors as columns of the profile, every row with its kind's; NaN where there is none."""
    columns: dict[str, NDArray[np.float64]] = {}
    for one in found:
        if one.left_out is LeftOut.CLOCK:
            rows = table.rows_of(one.model, one.kind)
            for name, error in ((mean_column(one.quantity), one.mean), (worst_column(one.quantity), one.worst)):
                columns.setdefault(name, np.full(len(table), np.nan))[rows] = error
    return columns
