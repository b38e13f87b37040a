r"""A profile composed of a measured baseline and measured ratios along an axis.

.. math:: x(k, f', n) = x(k, f, n) \cdot \frac{\hat x(f', n)}{\hat x(f, n)}

x: TTFT, TBT, time that a request stays, or power of the baseline at n requests in flight; \hat x: the same of the reference, which
was measured along the axis (clock, tensor parallelism or number format). A ratio is only read inside what the reference
measured: clocks between its clocks, lengths and loads between its own, tensor parallel degrees and number formats that it has.
Every row says ``composed`` and names both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.profile.fit.loads import Quantity
from dynamo_plan.profile.ratios import Ratios, RefusedRatioError, ratios_of
from dynamo_plan.profile.rows import joined, rows_of_table
from dynamo_plan.schema.profile import ProfileTable, Provenance
from dynamo_plan.schema.recipe import Axis, AxisValue, Match, RatioSpec, RecipeInputs


@dataclass(frozen=True, slots=True)
class Composed:
    """A composed profile, how many of its rows are composed, and what has to be known of it."""

    table: ProfileTable
    composed: int
    notes: tuple[str, ...]


def compose(inputs: RecipeInputs) -> Composed:
    """The baseline's rows, and the rows that the ratios make of them, axis after axis.

    Raises
    ------
    InputError
        The baseline has no row that is asked for, or a ratio lies outside what was measured.
    """
    of = inputs.recipe.baseline.of
    table = rows_of_table(inputs.baseline, np.flatnonzero(matching(inputs.baseline, of)))
    if not len(table):
        what = f"no row of {inputs.baseline.path} is {_words(of)}"
        raise InputError(Fault("compose-no-row", "baseline.of", what, "The baseline is measured rows", "Correct `of:`"))
    measured, notes = len(table), list[str]()
    for spec, reference, place in zip(inputs.recipe.ratios, inputs.references, inputs.places, strict=True):
        parts = [table]
        based = _at_base(table, spec, place)
        for value in spec.to:
            try:
                ratios = ratios_of(spec, value, based, reference)
            except RefusedRatioError as error:
                fault = Fault("compose-range", place, str(error), "Ratios hold where they were measured", error.mend)
                raise InputError(fault) from error
            parts.append(_scaled(based, spec, value, ratios))
            if np.isnan(ratios[Quantity.POWER][based.rate_rps == 0]).any():
                notes.append(
                    f"{spec.axis.value} {_shown(value)}: no ratio of the idle draw is known; its idle rows are left out"
                )
        table = joined(parts)
    return Composed(table, len(table) - measured, tuple(notes))


def matching(table: ProfileTable, of: Match) -> NDArray[np.bool_]:
    """Rows that agree with all that is given, shape (row,)."""
    found = np.ones(len(table), dtype=bool)
    for name, value in of.model_dump(exclude_none=True).items():
        found &= getattr(table, name) == value
    return found


def _words(of: Match) -> str:
    given = of.model_dump(exclude_none=True)
    return ", ".join(f"{name} {value}" for name, value in given.items()) or "there"


def _at_base(table: ProfileTable, spec: RatioSpec, place: str) -> ProfileTable:
    """The rows that a ratio starts from."""
    column = getattr(table, spec.axis.value)
    found = np.flatnonzero(column == spec.base)
    if not found.size:
        known = ", ".join(_shown(value) for value in np.unique(column).tolist())
        what = f"the baseline has no row at {spec.axis.value} {_shown(spec.base)}"
        raise InputError(Fault("compose-no-row", place, what, f"It has {known}", "Set `base:` to one of these"))
    return rows_of_table(table, found)


def _scaled(based: ProfileTable, spec: RatioSpec, value: AxisValue, ratios: Ratios) -> ProfileTable:
    """Rows at the new value of the axis; an idle row whose ratio is not known is left out."""
    kept = np.flatnonzero(~np.isnan(ratios[Quantity.POWER]) | (based.rate_rps > 0))
    table = rows_of_table(based, kept)
    at: Mapping[Quantity, NDArray[np.float64]] = {name: column[kept] for name, column in ratios.items()}
    step = f"{spec.axis.value} {_shown(spec.base)} to {_shown(value)} of {spec.source or spec.profile}"
    is_word = spec.axis is Axis.DTYPE
    changed = np.repeat(str(value), len(table)) if is_word else np.full_like(getattr(table, spec.axis.value), value)
    moved: dict[str, Any] = {spec.axis.value: changed}
    return replace(
        table,
        **moved,
        rate_rps=np.where(table.rate_rps > 0, table.rate_rps / at[Quantity.RESIDENCE], 0.0),
        ttft_p99_ms=table.ttft_p99_ms * at[Quantity.TTFT],
        tbt_p99_ms=table.tbt_p99_ms * at[Quantity.TBT],
        power_w=table.power_w * at[Quantity.POWER] if table.states_power else table.power_w,
        provenance=np.repeat(Provenance.COMPOSED.value, len(table)),
        source=np.array([f"{text} x {step}" for text in table.source.tolist()]),
    )


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
