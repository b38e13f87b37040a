"""The cheapest partition against all of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dynamo_plan.solve.set_partition import cheapest_partition
from tests.solve.shared_buckets import partitions

BELL = {1: 1, 2: 2, 3: 5, 4: 15, 5: 52, 6: 203}


@pytest.mark.parametrize(("count", "bell"), BELL.items())
def test_every_partition_is_listed_once(count: int, bell: int) -> None:
    listed = {frozenset(map(frozenset, division)) for division in partitions(range(count))}
    assert len(listed) == len(list(partitions(range(count)))) == bell


@pytest.mark.parametrize("seed", range(40))
def test_the_cheapest_of_all_partitions_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 7))
    cost = rng.uniform(-1.0, 5.0, 1 << count)
    cost[(rng.random(cost.size) < 0.3) & (np.bitwise_count(np.arange(cost.size)) > 1)] = math.inf
    masks = [[sum(1 << one for one in own) for own in division] for division in partitions(range(count))]
    total, sets = cheapest_partition(cost)
    assert total == pytest.approx(min(sum(cost[own] for own in division) for division in masks), rel=1e-12)
    assert sum(cost[list(sets)]) == pytest.approx(total, rel=1e-12)
    assert sorted(sets) in [sorted(division) for division in masks]


def test_where_no_partition_is_possible_its_cost_is_infinite() -> None:
    assert cheapest_partition(np.array([0.0, 1.0, math.inf, math.inf]))[0] == math.inf
