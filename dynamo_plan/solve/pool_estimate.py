r"""What a pool of any set of buckets would cost, estimated: starts are free and every stretch of time stands alone.

A set serves a stretch with the instances of one kind at one clock, or with these and some of a second kind and clock
for the rest of the load or of the reserve. For a kind and clock :math:`m` the load of a set :math:`S` is

.. math:: u_m = \sum_{b \in S} \lambda_b / \mu_{b,m}, \qquad n_m = \lceil u_m / (1 - \delta_m(S)) \rceil

instances, and an instance at utilisation :math:`u_m / n_m` draws the buckets' own powers at that utilisation, weighted by what each
causes (docs/reference/model.md, "Mixed pools"). Curves are read off `LEVELS` equal steps, so that the sum over buckets needs no
curve of the mix. The cost is the least over all kinds and clocks, summed over time.

It is neither a bound nor a plan. It ranks thousands of sets in the time in which a few are planned; `partition` lets exact
costs decide.
"""

from __future__ import annotations

import numpy as np

from dynamo_plan.compiled import Floats
from dynamo_plan.service_assembly import ServiceAssembly
from dynamo_plan.solve.courses import PoolPrices
from dynamo_plan.solve.kernels.estimate import estimate
from dynamo_plan.units import WATTS_PER_KILOWATT

LEVELS = 33
"""Utilisations at which a curve is read; its own knots are eight between measured rows."""

STRETCH_H = 1.0
"""Shorter windows are taken together to stretches of this length [h], with the count of the busiest: counts do not follow every ripple."""


class PoolEstimates:
    """Estimates for the sets of one service's buckets.

    Parameters
    ----------
    assembly : ServiceAssembly
    prices : PoolPrices
        With one column per kind of the assembly.
    window_h : float
        Length of a window [h].
    """

    def __init__(self, assembly: ServiceAssembly, prices: PoolPrices, window_h: float) -> None:
        self.assembly = assembly
        self._modes = sorted(
            {
                (index, curve.frequency_mhz)
                for (_, kind), curves in assembly.curves.items()
                for index in [assembly.kinds.index(kind)]
                for curve in curves
            }
        )
        self._kind = np.array([kind for kind, _ in self._modes], dtype=np.int64)
        capacity, self._watts = self._tabulated()
        self._load = _instances(assembly.rate, capacity)
        self._reserve = _instances(assembly.reserve, capacity)
        windows = assembly.rate.shape[0]
        self._edge = np.append(np.arange(0, windows, max(1, round(STRETCH_H / window_h))), windows)
        size = np.diff(self._edge)
        self._mean = np.add.reduceat(self._load, self._edge[:-1], axis=1) / size[None, :, None]
        self._usual = _instances(assembly.rate.mean(axis=0, keepdims=True), capacity)[:, 0]
        energy = np.add.reduceat(prices.energy, self._edge[:-1])
        self._per_watt = energy * window_h / WATTS_PER_KILOWATT
        self._per_instance = np.add.reduceat(prices.instance, self._edge[:-1], axis=0)
        self._room: dict[frozenset[str], Floats] = {}

    def _tabulated(self) -> tuple[Floats, Floats]:
        """Capacity of one instance (bucket, mode) [1/s], 0 where it serves none, and its power (bucket, mode, level) [W]."""
        shape = (len(self.assembly.buckets), len(self._modes))
        capacity, watts = np.zeros(shape), np.zeros((*shape, LEVELS))
        level = np.linspace(0.0, 1.0, LEVELS)
        column = {mode: index for index, mode in enumerate(self._modes)}
        for row, bucket in enumerate(self.assembly.buckets):
            for index, kind in enumerate(self.assembly.kinds):
                for curve in self.assembly.curves.get((bucket.name, kind), ()):
                    mode = column[index, curve.frequency_mhz]
                    capacity[row, mode] = curve.capacity_rps
                    watts[row, mode] = np.interp(level * curve.capacity_rps, curve.rate_rps, curve.power_w)
        return capacity, watts

    def cost(self, members: list[int]) -> float:
        """Estimated cost of the pool of these buckets (their indices) [objective]; infinite where no kind can serve them together."""
        return estimate(
            np.array(members, dtype=np.int64),
            self._room_of(members),
            (self._load, self._reserve, self._mean, self._usual),
            self._watts,
            self._edge,
            self._kind,
            (self._per_watt, self._per_instance),
            self.assembly.service.min_instances,
        )

    def _room_of(self, members: list[int]) -> Floats:
        """Share of an instance that the derate leaves these buckets (mode,) [1]; 0 where it cannot serve them together."""
        buckets = [self.assembly.buckets[index] for index in members]
        classes = frozenset(bucket.input_class for bucket in buckets)
        if classes not in self._room:
            derates = [self.assembly.derate(self.assembly.kinds[kind], clock, buckets) for kind, clock in self._modes]
            self._room[classes] = np.array([0.0 if derate is None else max(1.0 - derate, 0.0) for derate in derates])
        return self._room[classes]


def _instances(rate_rps: Floats, capacity_rps: Floats) -> Floats:
    """Full instances that each bucket's rate (window, bucket) keeps busy (bucket, window, mode); infinite where none can serve it."""
    rate = rate_rps.T[:, :, None]
    capacity = capacity_rps[:, None, :]
    busy = np.divide(
        rate, capacity, out=np.full(np.broadcast_shapes(rate.shape, capacity.shape), np.inf), where=capacity > 0
    )
    return np.where(rate > 0, busy, 0.0)
