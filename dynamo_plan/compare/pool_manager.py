"""The pool manager: which instances the GPUs of a pool are sharded into, epoch by epoch, for least power at the highest clock.

The paper states it as a small MILP per pool over instances by parallelism; here all states without an instance too many are compared, which
finds the same. A change is made only where what it saves until the next epoch is more than what it takes. Source: DynamoLLM, section IV.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.compare.case import Case
from dynamo_plan.compare.system import POOL_EPOCH_S, WHOLE, Layout, Service, epoch_peaks, epoch_windows
from dynamo_plan.model.quantities import changes_between, reshard_energy_kwh, start_energy_kwh
from dynamo_plan.problem import KindCurves
from dynamo_plan.profile.curve import mix_curves
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.load import bucket_shares
from dynamo_plan.solve.dispatch import Fleet
from dynamo_plan.units import WATTS_PER_KILOWATT

type Counts = NDArray[np.int64]
"""Instances by kind."""


class PoolManager:
    """Shards pools of one service."""

    def __init__(self, case: Case, service: Service) -> None:
        self._problem, self._service = case.problem, service
        self._epoch = epoch_windows(case, POOL_EPOCH_S)
        self._hours = self._epoch * case.windows.hours
        self._kinds = tuple(kind for kind in service.assembly.kinds if kind.gpu == service.kind.gpu)

    def run(self, layout: Layout, pool: str, takes: NDArray[np.float64], gpus: Counts) -> None:
        """Enter a pool's instances into a schedule.

        Parameters
        ----------
        takes : array, shape (window, bucket)
            What part of each bucket's load the pool takes [1].
        gpus : array of int, shape (window,)
            GPUs that it has.
        """
        rate = epoch_peaks(takes * self._service.assembly.rate, self._epoch)
        reserve = epoch_peaks(takes * self._service.assembly.reserve, self._epoch)
        shares = bucket_shares(reserve)
        before: Counts | None = None
        for window in range(rate.shape[0]):
            if window % self._epoch == 0:
                fleet = self._fleet(shares[window])
                loads = float(rate[window].sum()), float(reserve[window].sum())
                before = self._state(fleet, int(gpus[window]), *loads, before)
                # Proportions are those at the reserve: at the mean, dispatch may leave an instance held for it without requests.
                groups = fleet.groups(before[None, :], np.array([min(loads[1], _capacity(fleet, before))]))[0]
            for group in groups:
                kind = self._kinds[group.kind]
                layout.run(window, pool, kind, group.instances, self._service.frequency_mhz, group.rate_rps)

    def _fleet(self, shares: NDArray[np.float64]) -> Fleet:
        """What instances of each kind do for a mix at the highest clock; mixing costs no capacity, as in SinglePool."""
        loaded = np.flatnonzero(shares > 0).tolist()
        return Fleet(tuple(self._curves(kind, loaded, shares) for kind in self._kinds))

    def _curves(self, kind: Kind, loaded: list[int], shares: NDArray[np.float64]) -> KindCurves:
        assembly, clock = self._service.assembly, self._service.frequency_mhz
        found = [
            next(
                (
                    one
                    for one in assembly.curves.get((assembly.buckets[column].name, kind), ())
                    if one.frequency_mhz == clock
                ),
                None,
            )
            for column in loaded
        ]
        known = [curve for curve in found if curve is not None]
        if len(known) < len(loaded):
            return KindCurves(kind, ())
        return KindCurves(kind, tuple(mix_curves(known, shares[None, loaded], 0.0)))

    def _state(self, fleet: Fleet, gpus: int, rate_rps: float, reserve_rps: float, before: Counts | None) -> Counts:
        """The instances of least energy that carry the reserve on so many GPUs; nodes on all of them where none do."""
        states = _enough(fleet, gpus, reserve_rps)
        if self._service.assembly.service.min_instances and reserve_rps == 0.0:
            states = states[:0]
        if not states.shape[0]:
            top = np.array([kind == self._service.kind for kind in self._kinds], dtype=np.int64)
            return top * (gpus // self._service.kind.gpus)
        energy_kwh = fleet.power(states, np.full(states.shape[0], rate_rps)) * self._hours / WATTS_PER_KILOWATT
        if before is not None:
            new = changes_between(self._problem, self._kinds, before, states)
            energy_kwh = energy_kwh + new.started.sum(axis=1) * start_energy_kwh(self._problem)
            energy_kwh = energy_kwh + new.resharded.sum(axis=1) * reshard_energy_kwh(self._problem)
        return np.asarray(states[int(np.argmin(energy_kwh))])


def _capacity(fleet: Fleet, state: Counts) -> float:
    """Rate that the instances of a state can carry [1/s]."""
    return float(sum(count * kind.capacity_rps for count, kind in zip(state.tolist(), fleet.kinds, strict=True)))


def _enough(fleet: Fleet, gpus: int, reserve_rps: float) -> Counts:
    """States (state, kind) on at most so many GPUs that carry the reserve and have no instance of the smallest kind too many."""
    size = np.array([kind.kind.gpus for kind in fleet.kinds])
    capacity = np.array([kind.capacity_rps for kind in fleet.kinds])
    smallest = int(np.argmin(np.where(capacity > 0, size, np.iinfo(np.int64).max)))
    most = np.where(capacity > 0, gpus // size, 0)
    most[smallest] = 0
    states = np.stack(np.meshgrid(*(np.arange(one + 1) for one in most), indexing="ij"), axis=-1).reshape(-1, size.size)
    lacking = np.maximum(reserve_rps - states @ capacity, 0.0)
    if capacity[smallest] > 0:
        states[:, smallest] = np.ceil(lacking / capacity[smallest] - WHOLE)
    carries = states @ capacity >= reserve_rps * (1.0 - WHOLE)
    return np.asarray(states[carries & (states @ size <= gpus)])
