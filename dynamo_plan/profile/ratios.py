"""Ratios of what an instance does at one value of an axis to what it does at another, for every row of a baseline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.profile.fit.lengths import Lengths
from dynamo_plan.profile.fit.loads import SAME_LOAD, Quantity, in_flight, levels_between
from dynamo_plan.profile.fit.surface import Surface, surfaces
from dynamo_plan.profile.rows import rows_of_table
from dynamo_plan.schema.kind import NumberFormat
from dynamo_plan.schema.profile import ProfileTable, Provenance
from dynamo_plan.schema.recipe import Axis, AxisValue, Match, RatioBy, RatioRow, RatioSpec

type Ratios = dict[Quantity, NDArray[np.float64]]
"""One ratio per row of the baseline, by quantity; NaN for an idle draw of which nothing is known."""

ENDS = np.array([0.0, 1.0])
MEAN_LEVELS = np.linspace(0.0, 1.0, 5)
"""Levels of load over which a mean ratio is taken: the ends, the middle and between."""


class RefusedRatioError(ValueError):
    """A ratio that nothing measured supports; `mend` says what to do."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.mend = mend


def ratios_of(spec: RatioSpec, value: AxisValue, based: ProfileTable, reference: ProfileTable | None) -> Ratios:
    """Ratios from `spec.base` to `value`, each of shape (row,).

    Parameters
    ----------
    based : ProfileTable
        Rows of the baseline at the base.
    reference : ProfileTable or None
        Profile that was measured along the axis; None where the recipe has a table.

    Raises
    ------
    RefusedRatioError
        Outside what was measured.
    """
    if reference is None:
        return _of_table(spec, value, based)
    before, after, clocks = _surfaces(spec, value, reference)
    if spec.by is RatioBy.MEAN:
        mean = _mean(spec, before, after, clocks)
        found = {name: np.full(len(based), ratio) for name, ratio in mean.items()}
    else:
        found = _by_cell(spec, based, before, after, clocks)
    first, second = before.idle_at(clocks[0]), after.idle_at(clocks[1])
    idle = np.nan if first is None or second is None else second / first
    found[Quantity.POWER] = np.where(based.rate_rps > 0, found.get(Quantity.POWER, np.ones(len(based))), idle)
    return found


def _of_table(spec: RatioSpec, value: AxisValue, based: ProfileTable) -> Ratios:
    """Ratios of a recipe's own table: between its clocks interpolated in logs, else exactly as it lists them."""
    rows = spec.table or []
    by_value = {row.value: row for row in rows}
    if spec.axis is Axis.CLOCK:
        by_value.setdefault(spec.base, RatioRow(value=spec.base, idle_power=1.0))
        clocks = sorted(float(clock) for clock in by_value)
        if not clocks[0] <= float(value) <= clocks[-1]:
            raise RefusedRatioError(
                f"{value:g} MHz is outside the {clocks[0]:g} to {clocks[-1]:g} MHz of the table",
                "Drop it from `to:`, or add its ratios",
            )
        listed = [by_value[clock] for clock in clocks]

        def at(name: str) -> float:
            logs = [np.log(np.nan if (found := getattr(row, name)) is None else found) for row in listed]
            return float(np.exp(np.interp(float(value), clocks, logs)))

    else:
        if value not in by_value:
            known = ", ".join(str(known) for known in by_value)
            raise RefusedRatioError(
                f"the table has no {spec.axis.value} {value}; it has {known}", "Add its ratios, or drop it from `to:`"
            )
        own = by_value[value]

        def at(name: str) -> float:
            found = getattr(own, name)
            return np.nan if found is None else float(found)

    count = len(based)
    loaded = {
        Quantity.RESIDENCE: 1.0 / at("rate"),
        Quantity.TTFT: at("ttft"),
        Quantity.TBT: at("tbt"),
    }
    found = {name: np.full(count, ratio) for name, ratio in loaded.items()}
    found[Quantity.POWER] = np.where(based.rate_rps > 0, at("power"), at("idle_power"))
    return found


def _surfaces(
    spec: RatioSpec, value: AxisValue, reference: ProfileTable
) -> tuple[Surface, Surface, tuple[float, float]]:
    """The reference at the base and at the value, and the clocks to read them at [MHz]."""
    if spec.axis is not Axis.CLOCK:
        ends = [one if isinstance(one, NumberFormat) else round(one) for one in (spec.base, value)]
        before, after = (_only(reference, spec, {spec.axis.value: one}) for one in ends)
        common = {clock for one in before.series.values() for clock in one}
        common &= {clock for one in after.series.values() for clock in one}
        if not common:
            raise RefusedRatioError("the reference shares no clock between the two", "Measure both at one clock")
        highest = max(common)
        return before, after, (highest, highest)
    surface = _only(reference, spec, {})
    scale = 1.0 if spec.reference_base is None else spec.reference_base / float(spec.base)
    clocks = (float(spec.base) * scale, float(value) * scale)
    measured = sorted({clock for one in surface.series.values() for clock in one})
    for clock in clocks:
        if not measured[0] <= clock <= measured[-1]:
            raise RefusedRatioError(
                f"{clock:g} MHz is outside the {measured[0]:g} to {measured[-1]:g} MHz measured in {reference.path}",
                "Take clocks inside, or set reference_base to the reference's clock that stands for `base`",
            )
    return surface, surface, clocks


def _only(reference: ProfileTable, spec: RatioSpec, more: dict[str, object]) -> Surface:
    """The one model and kind of the reference that is meant."""
    wanted = Match.model_validate(spec.of.model_dump(exclude_none=True) | more)
    given = wanted.model_dump(exclude_none=True)
    rows = np.ones(len(reference), dtype=bool)
    for name, one in given.items():
        rows &= getattr(reference, name) == one
    found = surfaces(rows_of_table(reference, np.flatnonzero(rows)))
    words = ", ".join(f"{name} {one}" for name, one in given.items()) or "its rows"
    if not found:
        raise RefusedRatioError(f"{reference.path} has no loaded row with {words}", "Correct `of:` or the values")
    if len(found) > 1:
        kinds = ", ".join(f"{one.surface.model} {one.surface.kind}" for one in found)
        raise RefusedRatioError(f"{words} of {reference.path} are several: {kinds}", "Name one with `of:`")
    return found[0].surface


def _by_cell(
    spec: RatioSpec, based: ProfileTable, before: Surface, after: Surface, clocks: tuple[float, float]
) -> Ratios:
    """Ratios at every loaded row's own lengths and requests in flight."""
    load = in_flight(based)
    found = {name: np.ones(len(based)) for name in before.quantities}
    keys = np.stack([based.input_tokens, based.output_tokens], axis=1)
    for key in np.unique(keys[based.rate_rps > 0], axis=0):
        rows = np.flatnonzero((keys == key).all(axis=1) & (based.rate_rps > 0))
        first, second = (
            _values(one, (float(key[0]), float(key[1])), clock, load[rows])
            for one, clock in zip((before, after), clocks, strict=True)
        )
        for index, name in enumerate(before.quantities):
            found[name][rows] = second[index] / first[index]
    return found


def _values(surface: Surface, lengths: Lengths, clock: float, load: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the reference does at a clock, lengths and loads, shape (quantity, load)."""
    where = f"{lengths[0]:g}/{lengths[1]:g} tokens at {clock:g} MHz"
    ends = surface.at(lengths, clock, ENDS)
    if ends is None or ends.provenance is Provenance.MODELLED:
        raise RefusedRatioError(f"{where} are outside what the reference measured", "Set `by: mean`, or measure there")
    low, high = float(ends.in_flight[0]), float(ends.in_flight[1])
    outside = load[(load < low * (1.0 - SAME_LOAD)) | (load > high * (1.0 + SAME_LOAD))]
    if outside.size:
        raise RefusedRatioError(
            f"{outside[0]:.3g} requests in flight of {where} are outside the {low:.3g} to {high:.3g} measured",
            "Set `by: mean`, or measure there",
        )
    found = surface.at(lengths, clock, levels_between(low, high, np.clip(load, low, high)))
    if found is None:
        raise AssertionError("a surface answers at its ends and not between them")
    return found.values


def _mean(spec: RatioSpec, before: Surface, after: Surface, clocks: tuple[float, float]) -> dict[Quantity, float]:
    """Geometric mean of every quantity's ratio over the lengths that both have and over levels of load."""
    logs = []
    for lengths in sorted(set(before.series) & set(after.series)):
        first, second = (
            one.at(lengths, clock, MEAN_LEVELS) for one, clock in zip((before, after), clocks, strict=True)
        )
        if first is not None and second is not None:
            logs.append(np.log(second.values / first.values).mean(axis=1))
    if not logs:
        raise RefusedRatioError("the reference has no lengths at both", "Measure the same lengths at both")
    return dict(zip(before.quantities, np.exp(np.mean(logs, axis=0)).tolist(), strict=True))
