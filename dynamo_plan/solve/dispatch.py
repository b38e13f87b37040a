r"""Dispatch: which instances of a state run at which clock and load, and the power that takes.

A state is a number of instances per kind. Its cost is the power of an *implementable* dispatch: whole instances, each
at one clock and one load on the measured curve. Power against load is often concave (an instance at a quarter of its
load draws far more than a quarter), so the convex hull can lie below anything that can be run; it serves as a bound
only.

Within one kind, an optimal dispatch has all instances but one on breakpoints, so five closed forms around the hull
segment that holds the mean load are compared: one odd instance between whole ones at the two vertices, or above them;
an equal split; whole ones at the upper vertex and the rest equal; whole ones at the lower vertex and the rest equal.
Between two kinds the load is split at evenly spread points, where either kind sits wholly on a hull vertex, and finer around
the best. Everything is deterministic; the plan emits exactly this dispatch.

Source: merit-order dispatch of unit commitment; the closed forms are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.problem import KindCurves
from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.solve.envelope import CAPACITY_TOLERANCE, SNAP, Envelope, envelope

SPLITS = 9
"""Evenly spread trial splits of a load between two kinds, and again around the best."""

VERTICES = 5
"""Hull vertices per kind tried as splits: the ends and the ones evenly between."""

REFINEMENTS = 1
"""Rounds of finer splits around the best; accuracy of the whole is tested against a fine knapsack (tests/solve/test_dispatch.py)."""

SAME_LOAD = 1e-12
"""Relative; loads closer than this are one group."""

Loads = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Forms:
    """The closed forms for instances of one kind; arrays (form, group, pair), power (form, pair).

    Attributes
    ----------
    power_w : array
        Total power of each form [W].
    counts : array of int
        Instances in up to three groups: at the lower vertex, at the upper vertex, the rest.
    rates_rps : array
        Load per instance of each group [1/s].
    """

    power_w: Loads
    counts: NDArray[np.int64]
    rates_rps: Loads


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
        widths, slopes, owners = [], [], []
        for index, found in enumerate(self.envelopes):
            if found is not None:
                width = np.diff(found.hull_rate_rps)
                widths.append(width)
                slopes.append(np.diff(found.hull_power_w) / width)
                owners.append(np.full(width.size, index))
        merit = np.argsort(np.concatenate(slopes), kind="stable") if slopes else np.array([], dtype=np.int64)
        none = np.array([0.0])[:0]
        self._width = np.concatenate(widths)[merit] if widths else none
        self._slope = np.concatenate(slopes)[merit] if slopes else none
        self._owner = np.concatenate(owners)[merit].astype(np.int64) if owners else merit
        self._start_rate, self._start_power = self._segment_starts(merit)
        self._idle = np.array([0.0 if found is None else float(found.power_w[0]) for found in self.envelopes])

    def hull_power(self, states: NDArray[np.int64], rate_rps: Loads) -> Loads:
        """Lower bound on the power of each pair of state (pair, kind) and load (pair,) [W]; infinite where overloaded."""
        width = states[:, self._owner] * self._width
        before = width.cumsum(axis=1) - width
        power = states @ self._idle + (np.clip(rate_rps[:, None] - before, 0.0, width) * self._slope).sum(axis=1)
        return np.where(rate_rps > width.sum(axis=1) * (1.0 + CAPACITY_TOLERANCE), np.inf, power)

    def _segment_starts(self, merit: NDArray[np.int64]) -> tuple[Loads, Loads]:
        """Load and power of one instance at the lower end of each hull segment, in merit order."""
        found = [one for one in self.envelopes if one is not None]
        rates = np.concatenate([one.hull_rate_rps[:-1] for one in found] or [np.zeros(0)])
        powers = np.concatenate([one.hull_power_w[:-1] for one in found] or [np.zeros(0)])
        return rates[merit], powers[merit]

    def quick_power(self, states: NDArray[np.int64], rate_rps: Loads) -> Loads:
        """Upper bound on `power`, nearly as cheap as the lower: hull segments in merit order, one odd instance (pair,) [W]."""
        width = states[:, self._owner] * self._width
        before = width.cumsum(axis=1) - width
        fill = np.clip(rate_rps[:, None] - before, 0.0, width)
        line = np.arange(states.shape[0])
        last = np.maximum((fill > 0).cumsum(axis=1).argmax(axis=1), 0)
        whole = np.floor(fill[line, last] / self._width[last])
        rest = fill[line, last] - whole * self._width[last]
        smooth = states @ self._idle + (fill * self._slope).sum(axis=1)
        odd = np.zeros(states.shape[0])
        for kind, found in enumerate(self.envelopes):
            here = (self._owner[last] == kind) & (rest > 0)
            if found is not None and here.any():
                odd[here] = found.power_at(self._start_rate[last[here]] + rest[here]) - self._start_power[last[here]]
        power = smooth - rest * self._slope[last] + odd
        return np.where(rate_rps > width.sum(axis=1) * (1.0 + CAPACITY_TOLERANCE), np.inf, power)

    def power(self, states: NDArray[np.int64], rate_rps: Loads) -> Loads:
        """Power of the dispatch of each pair of state (pair, kind) and load (pair,) -> (pair,) [W]."""
        return self._dispatch(states, rate_rps)[0]

    def groups(self, states: NDArray[np.int64], rate_rps: Loads) -> list[list[LoadGroup]]:
        """The dispatch itself of each pair of state (pair, kind) and load (pair,): groups of equal load, kinds ascending."""
        share = self._dispatch(states, rate_rps)[1]
        found: list[list[LoadGroup]] = [[] for _ in range(rate_rps.size)]
        for kind, own in enumerate(self.envelopes):
            running = np.flatnonzero(states[:, kind] > 0)
            if own is None or running.size == 0:
                continue
            forms = _forms(own, states[running, kind], share[running, kind])
            best = forms.power_w.argmin(axis=0)
            for column, pair in enumerate(running.tolist()):
                counts, rates = forms.counts[best[column], :, column], forms.rates_rps[best[column], :, column]
                found[pair] += _merged(kind, counts.tolist(), rates.tolist())
        return found

    def curve(self, kind: int, rate_rps: float) -> OperatingCurve:
        """The clock of least power for one instance at this load [1/s]; of equals the lowest."""
        curves = self.kinds[kind].curves
        load = min(rate_rps * (1.0 - SNAP), max(curve.capacity_rps for curve in curves))
        able = [curve for curve in curves if load <= curve.capacity_rps]
        return min(able, key=lambda curve: (float(curve.power_at(load)), curve.frequency_mhz))

    def _dispatch(self, states: NDArray[np.int64], rate_rps: Loads) -> tuple[Loads, Loads]:
        """Power (pair,) [W] and the load of each kind (pair, kind) [1/s]."""
        share = self._merit_order(states, rate_rps)
        cost = np.stack([self._power(k, states[:, k], share[:, k]) for k in range(len(self.kinds))], axis=1)
        for i in range(len(self.kinds)):
            for j in range(i + 1, len(self.kinds)):
                both = np.flatnonzero((states[:, i] > 0) & (states[:, j] > 0))
                if both.size:
                    self._improve_pair(states, share, cost, (i, j), both)
        return cost.sum(axis=1), share

    def _merit_order(self, states: NDArray[np.int64], rate_rps: Loads) -> Loads:
        """Load of each kind when hull segments are filled by slope; (pair, kind) [1/s]."""
        width = states[:, self._owner] * self._width
        before = width.cumsum(axis=1) - width
        fill = np.clip(rate_rps[:, None] - before, 0.0, width)
        share = np.zeros(states.shape)
        for kind in range(len(self.kinds)):
            share[:, kind] = fill[:, self._owner == kind].sum(axis=1)
        # What rounding left over goes where there is something running; `Envelope.power_at` allows the last digit.
        share[np.arange(share.shape[0]), share.argmax(axis=1)] += rate_rps - share.sum(axis=1)
        return share

    def _improve_pair(
        self, states: NDArray[np.int64], share: Loads, cost: Loads, pair: tuple[int, int], rows: NDArray[np.int64]
    ) -> None:
        """Move load between two running kinds where that is cheaper; changes `share` and `cost` in place."""
        i, j = pair
        first, second = self.envelopes[i], self.envelopes[j]
        assert first is not None and second is not None  # noqa: PT018 - states without curves are never admitted
        count_i, count_j = states[rows, i], states[rows, j]
        total = share[rows, i] + share[rows, j]
        least = np.maximum(0.0, total - count_j * second.capacity_rps)
        most = np.minimum(total, count_i * first.capacity_rps)
        span = most - least
        trial = np.concatenate(
            [
                least[:, None] + span[:, None] * np.linspace(0.0, 1.0, SPLITS),
                count_i[:, None] * _spread(first.hull_rate_rps),
                total[:, None] - count_j[:, None] * _spread(second.hull_rate_rps),
            ],
            axis=1,
        )
        power_i, power_j, trial = self._try_splits(
            pair, (count_i, count_j), total, np.clip(trial, least[:, None], most[:, None])
        )
        for _ in range(REFINEMENTS):
            span = span / SPLITS
            finer = trial[:, None] + span[:, None] * np.linspace(-1.0, 1.0, SPLITS)
            finer = np.clip(finer, least[:, None], most[:, None])
            power_i, power_j, trial = self._try_splits(pair, (count_i, count_j), total, np.column_stack([trial, finer]))
        better = power_i + power_j < cost[rows, i] + cost[rows, j]
        rows, trial, rest = rows[better], trial[better], (total - trial)[better]
        share[rows, i], share[rows, j] = trial, rest
        cost[rows, i], cost[rows, j] = power_i[better], power_j[better]

    def _try_splits(
        self,
        pair: tuple[int, int],
        counts: tuple[NDArray[np.int64], NDArray[np.int64]],
        total: Loads,
        trial: Loads,
    ) -> tuple[Loads, Loads, Loads]:
        """Best of trial loads (pair, trial) for the first kind: power of both kinds [W] and that load [1/s], (pair,)."""
        flat = [np.broadcast_to(count[:, None], trial.shape).ravel() for count in counts]
        power_i = self._power(pair[0], flat[0], trial.ravel()).reshape(trial.shape)
        power_j = self._power(pair[1], flat[1], (total[:, None] - trial).ravel()).reshape(trial.shape)
        best = (power_i + power_j).argmin(axis=1)
        line = np.arange(total.size)
        return power_i[line, best], power_j[line, best], trial[line, best]

    def _power(self, kind: int, counts: NDArray[np.int64], rate_rps: Loads) -> Loads:
        """Least power over the closed forms for instances of one kind; counts and loads of one shape (pair,) [W]."""
        found = self.envelopes[kind]
        if found is None:
            return np.where((counts == 0) & (rate_rps == 0.0), 0.0, np.inf)
        watts = _forms(found, counts, rate_rps).power_w.min(axis=0)
        none = np.where(np.abs(rate_rps) <= SAME_LOAD * found.capacity_rps, 0.0, np.inf)
        return np.where(counts > 0, watts, none)


def _forms(found: Envelope, counts: NDArray[np.int64], rate_rps: Loads) -> Forms:
    """Closed forms around the hull segment that holds the mean load per instance."""
    n = np.maximum(counts, 1)
    vertex = found.hull_rate_rps
    last = max(vertex.size - 2, 0)
    segment = np.clip(np.searchsorted(vertex, rate_rps / n, side="right") - 1, 0, last)
    above = np.minimum(segment + 1, vertex.size - 1)
    low, high = vertex[segment], vertex[above]
    low_w, high_w = found.hull_power_w[segment], found.hull_power_w[above]
    upper = np.clip(np.floor((rate_rps - n * low) / np.where(high > low, high - low, 1.0)), 0, n).astype(np.int64)
    lower = np.maximum(n - upper - 1, 0)
    fewer = np.maximum(upper - 1, 0)
    zero = np.zeros_like(n)
    at_low = np.array([zero, zero, lower, lower, np.maximum(n - fewer - 1, 0)])
    at_high = np.array([zero, upper, zero, upper, fewer])
    rest = n - at_low - at_high
    load = (rate_rps - at_low * low - at_high * high) / np.maximum(rest, 1)
    power = at_low * low_w + at_high * high_w + np.where(rest > 0, rest * found.power_at(load), 0.0)
    rates = np.stack(np.broadcast_arrays(low, high, load), axis=1)
    return Forms(power, np.stack([at_low, at_high, rest], axis=1), rates)


def _merged(kind: int, counts: list[int], rates_rps: list[float]) -> list[LoadGroup]:
    """Groups of one kind, those of equal load as one."""
    found: list[LoadGroup] = []
    for instances, rate in sorted(zip(counts, rates_rps, strict=True), key=lambda group: -group[1]):
        if instances and found and abs(found[-1].rate_rps - rate) <= SAME_LOAD * abs(rate):
            found[-1] = LoadGroup(kind, found[-1].instances + instances, found[-1].rate_rps)
        elif instances:
            found.append(LoadGroup(kind, instances, rate))
    return found


def _spread(vertices: Loads) -> Loads:
    """A few of the vertices, ends included."""
    return np.asarray(
        vertices[np.unique(np.linspace(0, vertices.size - 1, min(VERTICES, vertices.size)).round().astype(int))]
    )
