"""What runs when: groups of equal instances, from one moment to the next, and which buckets' requests they get."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Group, Plan, PoolPlan


@dataclass(frozen=True, slots=True)
class Schedule:
    """Groups of instances by epoch; a plan's epochs are its windows, a controller's as long as its decisions hold.

    Attributes
    ----------
    pools : tuple of PoolPlan
        Their `share` has one entry per epoch, or none.
    edges_s : tuple of float, (epoch + 1,)
        Begin of every epoch and end of the last [s], ascending from 0.
    groups : tuple of tuple of Group, (epoch, group)
        Instances that take requests in the epoch. Of a group's rates only proportions count: to which kind of a pool how much of its
        load goes. `Group.window` and `Group.power_w` are not read.
    spread : mapping of str to array, shape (epoch, bucket), or None
        What part of each bucket's load a pool takes [1], by the pool's name, over all buckets of its service; None: each pool takes its own
        buckets. A pool may so take others' load, while what it promises stays that of its own.

    Raises
    ------
    ValueError
        Epochs do not ascend from 0, or do not fit the groups, or a group is of no pool.
    """

    pools: tuple[PoolPlan, ...]
    edges_s: tuple[float, ...]
    groups: tuple[tuple[Group, ...], ...]
    spread: Mapping[str, NDArray[np.float64]] | None = None

    def __post_init__(self) -> None:
        """Refuse epochs that overlap."""
        ascends = all(begin < end for begin, end in zip(self.edges_s, self.edges_s[1:], strict=False))
        if len(self.edges_s) != len(self.groups) + 1 or not self.groups or self.edges_s[0] != 0 or not ascends:
            raise ValueError(f"{len(self.groups)} epochs need edges that ascend from 0, found {self.edges_s[:4]}")
        known = {pool.name for pool in self.pools}
        unknown = sorted({group.pool for groups in self.groups for group in groups} - known)
        if unknown:
            raise ValueError(f"groups of no pool: {', '.join(unknown)}")

    @classmethod
    def of_plan(cls, plan: Plan, first: int, windows: int, services: frozenset[str]) -> Schedule:
        """So many windows of a plan from the first one on, pools of these services only."""
        last = first + windows
        pools = tuple(
            PoolPlan(pool.name, pool.service, pool.site, pool.buckets, pool.share[first:last])
            for pool in plan.pools
            if pool.service in services
        )
        names = {pool.name for pool in pools}
        by_window: dict[int, list[Group]] = defaultdict(list)
        for group in plan.groups:
            if group.pool in names:
                by_window[group.window].append(group)
        return cls(
            pools,
            tuple(float(plan.window_s * number) for number in range(windows + 1)),
            tuple(tuple(by_window[window]) for window in range(first, last)),
        )

    def kinds(self) -> dict[str, tuple[Kind, ...]]:
        """Kinds that each pool ever runs, sorted, by the pool's name."""
        found: dict[str, set[Kind]] = {pool.name: set() for pool in self.pools}
        for groups in self.groups:
            for group in groups:
                if group.instances:
                    found[group.pool].add(group.kind)
        return {name: tuple(sorted(kinds)) for name, kinds in found.items()}
