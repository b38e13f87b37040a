r"""Dispatch: which instances of a state run at which clock and load, and the power that takes.

A state is a number of instances per kind. Its cost is the power of an *implementable* dispatch: whole instances, each
at one clock and one load on the measured curve. Power against load is often concave (an instance at a quarter of its
load draws far more than a quarter), so the convex hull can lie below anything that can be run; it serves as a bound
only. The forms that are compared stand in `dynamo_plan.solve.kernels.dispatch`. Everything is deterministic; the plan emits
exactly this dispatch.

Source: merit-order dispatch of unit commitment; the closed forms are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.problem import KindCurves
from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.solve.envelope import SNAP, Envelope, envelope
from dynamo_plan.solve.kernels import dispatch as kernels
from dynamo_plan.solve.tables import PoolTables, pool_tables

SAME_LOAD = 1e-12
"""Relative; loads closer than this are one group."""

Loads = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LoadGroup:
    """Instances of one kind (its index) that carry the same load [1/s]."""

    kind: int
    instances: int
    rate_rps: float


class Fleet:
    """Dispatch of one pool under one mix of buckets.

    Parameters
    ----------
    kinds : tuple of KindCurves
        Curves by kind; a kind without a feasible clock can only have 0 instances.
    """

    def __init__(self, kinds: tuple[KindCurves, ...]) -> None:
        self.kinds = kinds
        self.envelopes: tuple[Envelope | None, ...] = tuple(
            envelope(kind.curves) if kind.curves else None for kind in kinds
        )
        self.tables: PoolTables = pool_tables([self.envelopes])

    def hull_power(self, states: NDArray[np.int64], rate_rps: Loads) -> Loads:
        """Lower bound on the power of each pair of state (pair, kind) and load (pair,) [W]; infinite where overloaded."""
        return kernels.hull_powers(self.tables, *self._pairs(states, rate_rps))

    def power(self, states: NDArray[np.int64], rate_rps: Loads) -> Loads:
        """Power of the dispatch of each pair of state (pair, kind) and load (pair,) -> (pair,) [W]."""
        return kernels.state_powers(self.tables, *self._pairs(states, rate_rps))[0]

    def groups(self, states: NDArray[np.int64], rate_rps: Loads) -> list[list[LoadGroup]]:
        """The dispatch itself of each pair of state (pair, kind) and load (pair,): groups of equal load, kinds ascending."""
        share = kernels.state_powers(self.tables, *self._pairs(states, rate_rps))[1]
        return [
            [
                group
                for kind, count in enumerate(state.tolist())
                if count > 0
                for group in self._kind_groups(kind, count, float(loads[kind]))
            ]
            for state, loads in zip(states, share, strict=True)
        ]

    def curve(self, kind: int, rate_rps: float) -> OperatingCurve:
        """The clock of least power for one instance at this load [1/s]; of equals the lowest."""
        curves = self.kinds[kind].curves
        load = min(rate_rps * (1.0 - SNAP), max(curve.capacity_rps for curve in curves))
        able = [curve for curve in curves if load <= curve.capacity_rps]
        return min(able, key=lambda curve: (float(curve.power_at(load)), curve.frequency_mhz))

    def _kind_groups(self, kind: int, count: int, load: float) -> list[LoadGroup]:
        """The best closed form of one kind, groups of equal load as one, most loaded first."""
        forms = [kernels.kind_form(self.tables, kind, count, load, form) for form in range(kernels.FORMS)]
        at_low, at_high, low, high, each, _ = min(forms, key=lambda form: form[5])
        found: list[LoadGroup] = []
        parts = [(at_low, low), (at_high, high), (count - at_low - at_high, each)]
        for instances, rate in sorted(parts, key=lambda part: -part[1]):
            if instances and found and abs(found[-1].rate_rps - rate) <= SAME_LOAD * abs(rate):
                found[-1] = LoadGroup(kind, found[-1].instances + instances, found[-1].rate_rps)
            elif instances:
                found.append(LoadGroup(kind, instances, rate))
        return found

    @staticmethod
    def _pairs(states: NDArray[np.int64], rate_rps: Loads) -> tuple[NDArray[np.int64], NDArray[np.int64], Loads]:
        """Mix 0, states and loads as contiguous arrays."""
        loads = np.ascontiguousarray(rate_rps, dtype=np.float64)
        return np.zeros(loads.size, dtype=np.int64), np.ascontiguousarray(states, dtype=np.int64), loads
