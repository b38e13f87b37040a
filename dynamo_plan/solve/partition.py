r"""`pools: auto`: which buckets of a service share instances over the horizon.

A partition of the buckets into pools costs the sum of its pools, each planned exactly by itself at given prices of the site
quantities. Sets of buckets are many (511 for nine), and planning one takes a thousand times longer than estimating it
(`pool_estimate`). So estimates say where to look and exact costs decide:

1. Every bucket alone is planned exactly, and in the end all buckets together: the answer is never dearer than either.
2. The cheapest partition is found exactly (`set_partition`), with exact costs where known and estimates elsewhere, brought to the
   level of the exact costs by their median ratio and lowered by a margin.
3. Its sets without an exact cost are planned, and step 2 is repeated until there are none. Then the margin grows: from nothing to
   what the estimates of planned sets were found to be too high by, `LEAST_MARGIN` at least.

The answer is the cheapest partition into sets planned exactly. What is not proven is that no other set would help: that rests on
no estimate being too high by more than the last margin, which is reported.

Up to `MOST_LISTED` elements all their sets are estimated. Beyond that, sets of neighbouring classes (rectangles of the bucket
grid), and those that come of the best partition by joining two sets or moving an element.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.quantities import SiteVector
from dynamo_plan.problem import Problem
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import PoolSharing
from dynamo_plan.service_assembly import Partition, ServiceAssembly
from dynamo_plan.solve.pool_estimate import PoolEstimates
from dynamo_plan.solve.pricing import pool_prices
from dynamo_plan.solve.set_partition import cheapest_partition
from dynamo_plan.solve.states import StateSpace, TooManyStatesError
from dynamo_plan.solve.stopping import stopping

MOST_PRICED = 60
"""Sets planned exactly per service; trials with nine buckets ended with about 15."""

MOST_LISTED = 10
"""Elements up to which all sets are estimated; more than a thousand take long."""

MARGINS = (0.0, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05)
"""By how much an estimate may be too high, step by step [1]."""

LEAST_MARGIN = 0.02
"""Margin that is reached if the limit on sets and the time allow, however good the estimates look [1]; their spread was 0.5 % in trials."""

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PoolCost:
    """Cost of a pool's cheapest course found, and what no course is below [objective]; infinite where no kind can serve it."""

    cost: float
    bound: float


IMPOSSIBLE = PoolCost(math.inf, math.inf)


class PartitionSearch:
    """Search for one service at given prices.

    Parameters
    ----------
    problem : Problem
        Windows, sites and transitions; its pools do not matter.
    prices : SiteVector
        Prices of the site quantities.
    kept : sequence of tuple of str
        Pools that are not up for decision: their buckets are left out of the search.
    """

    def __init__(
        self,
        inputs: Inputs,
        problem: Problem,
        assembly: ServiceAssembly,
        prices: SiteVector,
        kept: Sequence[Names],
        threads: int,
        deadline: float,
    ) -> None:
        self.inputs = inputs
        self.problem = problem
        self.assembly = assembly
        self.prices = prices
        self.kept = tuple(kept)
        self.threads = threads
        self.deadline = deadline
        self.elements = elements(assembly, kept)
        self.costs: dict[Names, PoolCost] = {}
        self.estimates: dict[int, float] = {}
        self.margin: float | None = None
        self.best = self.per_bucket()
        self._estimator: PoolEstimates | None = None

    def names(self, mask: int) -> Names:
        """Buckets of a set of elements, in the grid's order."""
        inside = {name for index, names in enumerate(self.elements) if mask >> index & 1 for name in names}
        return tuple(bucket.name for bucket in self.assembly.buckets if bucket.name in inside)

    def per_bucket(self) -> Partition:
        """Every bucket by itself, kept pools apart."""
        return (*self.kept, *((name,) for name in self.names(self.everything)))

    def single(self) -> Partition:
        """All buckets together, kept pools apart."""
        return (*self.kept, *([self.names(self.everything)] if self.elements else []))

    @property
    def everything(self) -> int:
        """The mask of all elements."""
        return (1 << len(self.elements)) - 1

    def cost(self, partition: Partition) -> float:
        """Cost of a partition [objective]; infinite where a pool of it was not planned or cannot be."""
        return math.fsum(self.costs.get(names, IMPOSSIBLE).cost for names in partition)

    def bound(self, partition: Partition) -> float:
        """What no plan of this partition is below at these prices [objective]."""
        return math.fsum(self.costs[names].bound if names in self.costs else -math.inf for names in partition)

    def price(self, wanted: Iterable[Names]) -> None:
        """Plan pools exactly, as far as time allows."""
        missing = [names for names in dict.fromkeys(wanted) if names not in self.costs]
        # Pools do not see each other here, so threads change the time and nothing else.
        with ThreadPoolExecutor(self.threads) as workers, stopping(self.deadline) as stop:
            for names, found in zip(missing, workers.map(partial(self._planned, stop), missing), strict=True):
                if found is not None:
                    self.costs[names] = found

    def _planned(self, stop: NDArray[np.int64], names: Names) -> PoolCost | None:
        """Cost of a pool; None if time runs out before it is known."""
        if stop[0]:
            return None
        pool = self.assembly.pool(names)
        if not pool.kinds and pool.min_instances == 0 and pool.reserve_rate_rps.max() == 0.0:
            return PoolCost(0.0, 0.0)  # nothing to serve and nothing to run
        if not pool.kinds or self.assembly.unservable(pool, self.inputs):
            return IMPOSSIBLE
        space = StateSpace(pool, self.problem.windows.hours)
        try:
            course = space.cheapest(pool_prices(self.problem, pool, self.prices), stop)
        except TooManyStatesError:
            return IMPOSSIBLE
        return PoolCost(course.value, course.bound) if math.isfinite(course.bound) else None

    def run(self) -> None:
        """Find `best`: the cheapest partition found, or one pool per bucket where not even these could be planned in time."""
        alone = [self.names(1 << index) for index in range(len(self.elements))]
        self.price([*self.per_bucket(), *alone])
        if not math.isfinite(self.cost(self.per_bucket())) or not self.elements:
            return
        if len(self.elements) > 1 and monotonic() < self.deadline:
            self._estimate(self._nominated())
            self._search()
        self.price(self.single())
        self.best = min(((*self.kept, *self.cheapest()), self.per_bucket(), self.single()), key=self.cost)

    def report(self, partition: Partition) -> PoolSharing | None:
        """What the search found, for a partition into pools that were planned; None where they were not."""
        if not math.isfinite(self.cost(partition)):
            return None
        single = self.cost(self.single())
        return PoolSharing(
            service=self.assembly.service.name,
            sets=self.everything if len(self.elements) <= MOST_LISTED else len(self.estimates),
            impossible=sum(1 for estimate in self.estimates.values() if not math.isfinite(estimate)),
            priced=len(self.costs),
            margin=self.margin,
            cost=self.cost(partition),
            per_bucket_cost=self.cost(self.per_bucket()),
            single_cost=single if math.isfinite(single) else None,
        )

    def alternatives(self, partition: Partition) -> list[Partition]:
        """The cheapest partitions into sets planned exactly that do without one set of this one; cheapest first."""
        own = [names for names in partition if names not in self.kept]
        found = {(*self.kept, *self.cheapest(without=without)) for without in own if self._mask(without) is not None}
        return sorted((one for one in found if math.isfinite(self.cost(one))), key=lambda one: (self.cost(one), one))

    def _search(self) -> None:
        """Plan the sets of the cheapest partition at growing margins, until estimates are no longer worth doubting."""
        for margin in MARGINS:
            while missing := [names for names in self.cheapest(margin) if names not in self.costs]:
                room = MOST_PRICED - 1 - len(self.costs)  # one is for the single pool
                if room <= 0 or monotonic() >= self.deadline:
                    return
                self.price(missing[:room])
            self.margin = margin
            if margin >= max(LEAST_MARGIN, self._worst_estimate()):
                return

    def cheapest(self, margin: float | None = None, without: Names = ()) -> Partition:
        """The cheapest partition of the elements by exact costs, and by estimates lowered by `margin` where that is not None.

        `without` is a set that may not be used.
        """
        while True:
            cost = np.full(self.everything + 1, np.inf)
            if margin is not None:
                level = self._level()
                for mask, estimate in self.estimates.items():
                    cost[mask] = level * estimate - margin * abs(level * estimate)
            for names, found in self.costs.items():
                own = self._mask(names)
                if own is not None:
                    cost[own] = math.inf if names == without else found.cost
            _, sets = cheapest_partition(cost)
            news = self._neighbours(sets) - self.estimates.keys() if margin is not None else set()
            if not news:
                return tuple(self.names(mask) for mask in sets)
            self._estimate(news)

    def _mask(self, names: Names) -> int | None:
        """The set of elements that these buckets are; None where they are none."""
        mask = sum(1 << index for index, own in enumerate(self.elements) if own[0] in names)
        return mask if self.names(mask) == names else None

    def _ratios(self) -> list[float]:
        """Exact cost over estimate of the sets planned."""
        pairs = [(self.costs.get(self.names(mask)), estimate) for mask, estimate in self.estimates.items()]
        return [
            found.cost / estimate
            for found, estimate in pairs
            if found is not None and math.isfinite(found.cost) and math.isfinite(estimate) and estimate * found.cost > 0
        ]

    def _level(self) -> float:
        """What an estimate is multiplied by: the median of exact cost over estimate."""
        ratios = self._ratios()
        return float(np.median(ratios)) if ratios else 1.0

    def _worst_estimate(self) -> float:
        """By how much the estimate of a set planned was too high, at most [1]."""
        level = self._level()
        return max((1.0 - ratio / level for ratio in self._ratios()), default=0.0)

    def _estimate(self, masks: Iterable[int]) -> None:
        """Estimate sets of elements."""
        if self._estimator is None:
            pool = replace(self.assembly.pool(self.names(1)), kinds=self.assembly.kinds)
            prices = pool_prices(self.problem, pool, self.prices)
            self._estimator = PoolEstimates(self.assembly, prices, self.problem.windows.hours)
        column = {bucket.name: index for index, bucket in enumerate(self.assembly.buckets)}
        masks = sorted(masks)
        members = [[column[name] for name in self.names(mask)] for mask in masks]
        with ThreadPoolExecutor(self.threads) as workers:
            self.estimates.update(zip(masks, workers.map(self._estimator.cost, members), strict=True))

    def _nominated(self) -> set[int]:
        """Sets estimated from the start."""
        if len(self.elements) <= MOST_LISTED:
            return set(range(1, self.everything + 1))
        inputs, outputs = (list(dict.fromkeys(b.name[axis] for b in self.assembly.buckets)) for axis in (0, 1))
        found = {1 << index for index in range(len(self.elements))}
        for rows in _spans(inputs):
            for columns in _spans(outputs):
                inside = [own[0][0] in rows and own[0][1] in columns for own in self.elements]
                found.add(sum(1 << index for index, chosen in enumerate(inside) if chosen))
        return found - {0}

    def _neighbours(self, sets: Sequence[int]) -> set[int]:
        """Sets that a partition gets by joining two of its sets, by splitting an element off or by moving one."""
        if len(self.elements) <= MOST_LISTED:
            return set()
        found = {first | second for first, second in combinations(sets, 2)}
        for index in range(len(self.elements)):
            element = 1 << index
            found |= {mask & ~element for mask in sets} | {mask | element for mask in sets}
        return found - {0}


def elements(assembly: ServiceAssembly, kept: Sequence[Names]) -> tuple[Names, ...]:
    """What is divided: the buckets outside the kept pools, those without any load joined to one with load.

    A bucket without load joins the first of its input class that has load, where it changes nothing: the derate is that of the
    classes. Buckets of a class without any load stay together.
    """
    given = {name for names in kept for name in names}
    loaded: dict[str, list[Names]] = {}
    idle: dict[str, Names] = {}
    for index, bucket in enumerate(assembly.buckets):
        if bucket.name in given:
            continue
        if assembly.reserve[:, index].max() > 0:
            loaded.setdefault(bucket.input_class, []).append((bucket.name,))
        else:
            idle[bucket.input_class] = (*idle.get(bucket.input_class, ()), bucket.name)
    for input_class, names in idle.items():
        first, *others = loaded.get(input_class, [()])
        loaded[input_class] = [(*first, *names), *others]
    order = {bucket.name: index for index, bucket in enumerate(assembly.buckets)}
    return tuple(sorted((own for each in loaded.values() for own in each), key=lambda own: order[own[0]]))


def _spans(classes: Sequence[str]) -> list[Sequence[str]]:
    """All runs of neighbouring classes."""
    count = len(classes)
    return [classes[first:end] for first in range(count) for end in range(first + 1, count + 1)]
