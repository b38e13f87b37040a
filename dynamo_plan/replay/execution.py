"""Lanes of a schedule on a cluster of the engine: starts, drains and clocks at the edges of epochs, clocks in between by a control."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.engine import Action, Cluster, Order, Outcome
from dynamo_plan.engine.tables import Time
from dynamo_plan.replay.lanes import OFF, Lanes
from dynamo_plan.replay.schedule import Schedule
from dynamo_plan.replay.steering import Steering
from dynamo_plan.units import SECONDS_PER_PICOSECOND

CLOCK_SWITCH_S = 0.08
"""From a clock being set to its being in force: 50 to 80 ms through nvidia-smi. Source: readings of DynamoLLM, section V."""


class Execution:
    """Orders to the instances of a cluster, and what it is known to have been told.

    Parameters
    ----------
    lanes : Lanes
        All of the schedule, or some that nothing couples to the others.
    cluster : Cluster
        Its pools are these lanes.
    steering : Steering, optional
        Sets clocks between the edges.
    """

    def __init__(self, schedule: Schedule, lanes: Lanes, cluster: Cluster, steering: Steering | None) -> None:
        self._schedule, self._lanes, self._cluster, self._steering = schedule, lanes, cluster, steering
        self._lane = lanes.lane_of_slot
        self._epoch, self._orders = 0, list[Order]()
        self._set = np.full(self._lane.size, OFF, dtype=np.int64)
        self._since_s = 0.0
        shape = (len(schedule.groups), len(lanes.lanes))
        self._clock_s, self._on_s = np.zeros(shape), np.zeros(shape)
        self._raised_s = 0.0

    def carry_out(self, epoch: int) -> None:
        """One epoch after the other."""
        self._begin(epoch)
        self._watch_until(self._schedule.edges_s[epoch + 1])

    def serve(self) -> float:
        """Serve what has come, with the instances of the last epoch; when the last request ended, or if later that epoch [s]."""
        last_s = self._schedule.edges_s[-1]
        self._book(last_s)
        self._cluster.advance(orders=self._orders)
        ended_s = float(self._cluster.state.times[:, Time.END].max(initial=0)) * SECONDS_PER_PICOSECOND
        return max(last_s, ended_s)

    def close(self, at_s: float) -> Outcome:
        """Close the books; instances that are still on idle until then."""
        return self._cluster.finish(at_s)

    def clocks(self) -> tuple[NDArray[np.float64], float]:
        """Mean clock by epoch and lane [MHz], and instance time above the schedule's clocks [s]."""
        mean = np.divide(self._clock_s, self._on_s, out=np.zeros_like(self._clock_s), where=self._on_s > 0)
        return mean, self._raised_s

    def _begin(self, epoch: int) -> None:
        """Orders at the edge: instances that end drain, others change clocks, new ones open at once, having been started ahead."""
        self._book(self._schedule.edges_s[epoch])
        self._epoch, now = epoch, self._schedule.edges_s[epoch]
        wanted = self._lanes.rows[epoch]
        pool = np.array([one.pool for one in self._lanes.lanes], dtype=np.int64)[self._lane]
        # Where a pool ends altogether nobody could take over its queue: its instances serve it to its end.
        stays = np.bincount(pool, wanted != OFF, len(self._schedule.pools))[pool] > 0
        for slot in np.flatnonzero(wanted != self._set).tolist():
            before, row = int(self._set[slot]), int(wanted[slot])
            if row == OFF and not stays[slot]:
                self._orders.append(Order(now, Action.CLOSE, slot))
            elif row == OFF:
                self._orders.append(Order(now, Action.DRAIN, slot))
            elif before == OFF:
                self._orders += [Order(now, Action.SET, slot, row), Order(now, Action.SWITCH_ON, slot)]
                self._orders.append(Order(now, Action.OPEN, slot))
            else:
                self._orders.append(Order(now + CLOCK_SWITCH_S, Action.SET, slot, row))
        self._set = wanted.copy()

    def _watch_until(self, end_s: float) -> None:
        """Run to the end of the epoch, with looks in between where clocks are controlled."""
        now = self._schedule.edges_s[self._epoch]
        while now < end_s:
            now = end_s if self._steering is None else min(now + self._steering.period_s, end_s)
            self._advance(now)
            if now < end_s:
                self._steer(now)

    def _advance(self, until_s: float) -> None:
        self._cluster.advance(until_s, self._orders)
        self._orders = []

    def _steer(self, now_s: float) -> None:
        """Set the clocks that the control asks for, where they differ."""
        if self._steering is None:
            return
        self._book(now_s)
        rows = self._steering.rows(now_s, self._epoch, self._cluster, self._set)
        for slot in np.flatnonzero(rows != self._set).tolist():
            self._orders.append(Order(now_s + CLOCK_SWITCH_S, Action.SET, slot, int(rows[slot])))
        self._set = rows

    def _book(self, now_s: float) -> None:
        """Enter the clocks set since the last booking."""
        passed = now_s - self._since_s
        running = self._set != OFF
        clocks = np.where(running, self._lanes.clocks_mhz[np.maximum(self._set, 0)], 0.0)
        planned = self._lanes.rows[self._epoch]
        size = len(self._lanes.lanes)
        self._clock_s[self._epoch] += passed * np.bincount(self._lane, clocks, size)
        self._on_s[self._epoch] += passed * np.bincount(self._lane, running, size)
        is_raised = running & (planned != OFF) & (clocks > self._lanes.clocks_mhz[np.maximum(planned, 0)])
        self._raised_s += passed * float(is_raised.sum())
        self._since_s = now_s
