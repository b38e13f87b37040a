"""A canonical profile at the lengths and clocks asked for: measured rows as they are, the others predicted and tagged.

What the solver and the verifier read is rows. So the model of `fit` ends in rows too, and neither has to know it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.profile.curve import least_direct
from dynamo_plan.profile.fit.lengths import Lengths
from dynamo_plan.profile.fit.loads import Quantity
from dynamo_plan.profile.fit.surface import Points, Prediction, Surface, surfaces
from dynamo_plan.profile.rows import joined, rows_of_table
from dynamo_plan.schema.profile import ProfileTable, Provenance, clock_name

LEAST_STEP = 1e-3
"""Loads whose rates rise by less than this [relative] are one point for a curve over the rate: an instance past its highest
throughput has more requests in flight at no higher rate."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a profile should have rows; None is wherever it was measured."""

    lengths: tuple[Lengths, ...] | None = None
    frequencies_mhz: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Tabulated:
    """A profile at the targets, how many of its rows are predicted, and what could not be had or has to be known."""

    table: ProfileTable
    predicted: int
    notes: tuple[str, ...]


def tabulate_at(table: ProfileTable, target: Target) -> Tabulated:
    """Rows of every model and kind at the target's lengths and clocks.

    A pair of lengths outside those measured gets no rows; a clock outside gets rows tagged ``modelled``. Both are noted.
    """
    kept: list[int] = []
    parts: list[ProfileTable] = []
    notes: list[str] = []
    for points in surfaces(table):
        surface = points.surface
        clocks = sorted({clock for series in surface.series.values() for clock in series})
        wanted_clocks = clocks if target.frequencies_mhz is None else sorted(set(target.frequencies_mhz))
        wanted_lengths = list(surface.series) if target.lengths is None else sorted(set(target.lengths))
        mine = table.rows_of(surface.model, surface.kind)
        for lengths in wanted_lengths:
            same = mine & (table.input_tokens == lengths[0]) & (table.output_tokens == lengths[1])
            missing = []
            for clock in wanted_clocks:
                rows = np.flatnonzero(same & (table.frequency_mhz == clock))
                if (table.rate_rps[rows] > 0).any():
                    kept += rows.tolist()
                elif (part := _predicted(table, points, lengths, clock)) is not None:
                    parts.append(part)
                else:
                    missing.append(clock)
            notes += _notes(surface, lengths, missing, wanted_clocks)
        notes += _beyond(surface, clocks, wanted_clocks)
    return Tabulated(
        joined([rows_of_table(table, np.array(sorted(set(kept)), dtype=np.int64)), *parts]),
        sum(len(part) for part in parts),
        tuple(dict.fromkeys(notes)),
    )


def with_guard(table: ProfileTable, guard: dict[tuple[str, str], float]) -> ProfileTable:
    """The profile with every rate lowered by its kind's guard [1], by (model, kind) in text; lowered rows are ``fitted``."""
    share = np.ones(len(table))
    for model in table.models():
        for kind in table.kinds():
            share[table.rows_of(model, kind)] = 1.0 - guard.get((model, str(kind)), 0.0)
    lowered = (share < 1.0) & (table.rate_rps > 0)
    words = [least_direct([Provenance(str(word)), Provenance.FITTED]).value for word in table.provenance]
    source = [f"{text}; rates x {part:.4f} (guard)" for text, part in zip(table.source.tolist(), share, strict=True)]
    return replace(
        table,
        rate_rps=table.rate_rps * share,
        provenance=np.where(lowered, words, table.provenance),
        source=np.where(lowered, source, table.source),
    )


def _predicted(table: ProfileTable, points: Points, lengths: Lengths, clock: float) -> ProfileTable | None:
    """Rows at one pair of lengths and clock, the idle row first; None where nothing measured speaks of it."""
    surface = points.surface
    found = surface.at(lengths, clock, _levels(surface, lengths, clock))
    if found is None:
        return None
    values = dict(zip(surface.quantities, found.values, strict=True))
    rate = found.in_flight / values[Quantity.RESIDENCE]
    rising = np.concatenate([[True], rate[1:] > np.maximum.accumulate(rate)[:-1] * (1.0 + LEAST_STEP)])
    idle_w = surface.idle_at(clock)
    head = 0 if idle_w is None else 1
    count = head + int(rising.sum())

    def column(name: Quantity, idle: float, silent: float) -> NDArray[np.float64]:
        if name not in values:
            return np.full(count, silent)
        return np.concatenate([np.full(head, idle), values[name][rising]])

    is_closed = table.concurrency is not None and not np.isnan(table.concurrency[points.rows]).any()
    evidence = [Provenance(str(word)) for word in np.unique(table.provenance[points.rows])]
    return ProfileTable(
        path=table.path,
        line=np.arange(count, dtype=np.int64),
        model=np.repeat(surface.model, count),
        gpu=np.repeat(surface.kind.gpu, count),
        tp=np.repeat(surface.kind.tp, count),
        pp=np.repeat(surface.kind.pp, count),
        dtype=np.repeat(surface.kind.dtype, count),
        frequency_mhz=np.repeat(clock, count),
        input_tokens=np.repeat(lengths[0], count),
        output_tokens=np.repeat(lengths[1], count),
        rate_rps=np.concatenate([np.zeros(head), rate[rising]]),
        ttft_p99_ms=column(Quantity.TTFT, np.nan, np.nan),
        tbt_p99_ms=column(Quantity.TBT, np.nan, np.nan),
        power_w=column(Quantity.POWER, idle_w or 0.0, 0.0),
        provenance=np.repeat(least_direct([found.provenance, *evidence]).value, count),
        source=np.repeat(_source(table, found), count),
        concurrency=np.concatenate([np.full(head, np.nan), found.in_flight[rising]]) if is_closed else None,
    )


def _levels(surface: Surface, lengths: Lengths, clock: float) -> NDArray[np.float64]:
    """Levels of load of the measured curve that is nearest, first in lengths and then in clock."""

    def apart(other: Lengths) -> float:
        return abs(math.log(other[0] / lengths[0])) + abs(math.log(other[1] / lengths[1]))

    series = surface.series[min(surface.series, key=apart)]
    widest = max(curve.in_flight.size > 1 for curve in series.values())
    near = min(
        (known for known, one in series.items() if (one.in_flight.size > 1) == widest),
        key=lambda known: abs(known - clock),
    )
    curve = series[near]
    return curve.level_of(curve.in_flight)


def _source(table: ProfileTable, found: Prediction) -> str:
    verb = "continued beyond the measured clocks of" if found.provenance is Provenance.MODELLED else "interpolated from"
    return f"{verb} {table.path}"


def _notes(surface: Surface, lengths: Lengths, missing: list[float], wanted: list[float]) -> list[str]:
    """Why there are no rows at some of the targets."""
    if not missing:
        return []
    where = f"{surface.model} {surface.kind} {lengths[0]:g}/{lengths[1]:g} tokens"
    if len(missing) == len(wanted):
        return [f"{where}: outside the lengths measured, or only one clock known there; no rows"]
    return [f"{where}: nothing measured speaks of {', '.join(f'{clock:g}' for clock in missing)} MHz; no rows"]


def _beyond(surface: Surface, measured: list[float], wanted: list[float]) -> list[str]:
    outside = [clock for clock in wanted if not measured[0] <= clock <= measured[-1]]
    if not outside:
        return []
    names = ", ".join(clock_name(clock) for clock in outside)
    return [
        f"{surface.model} {surface.kind}: {names} lie outside {measured[0]:g} to {measured[-1]:g} MHz; their rows are tagged modelled"
    ]
