from __future__ import annotations

from dataclasses import replace

import numpy as np

from dynamo_plan.model.constraints import reserve
from tests.model.paper import TP1, TP2, pool


def test_counts_must_cover_the_reserve_rate() -> None:
    """TP1 serves 2, TP2 serves 4; a mean of 3 but a reserve of 7."""
    both = pool([3.0], (TP1, TP2), reserve_rps=[7.0])
    states = np.array([[3, 0], [4, 0], [2, 1], [1, 1], [0, 2]])
    here = np.zeros(len(states), dtype=np.int64)
    assert reserve.admits(both, here, states).tolist() == [False, True, True, False, True]


def test_the_reserve_has_a_mix_and_so_a_capacity_of_its_own() -> None:
    both = replace(pool([3.0], (TP1, TP2), reserve_rps=[7.0]), reserve_capacity_rps=np.array([[1.75, 0.0]]))
    states = np.array([[3, 4], [4, 0]])
    assert reserve.admits(both, np.array([0, 0]), states).tolist() == [False, True]


def test_some_instances_are_kept_up_without_load() -> None:
    warm = pool([0.0], (TP1, TP2), min_instances=2)
    states = np.array([[0, 0], [1, 0], [1, 1], [0, 2]])
    here = np.zeros(len(states), dtype=np.int64)
    assert reserve.admits(warm, here, states).tolist() == [False, False, True, True]
