from __future__ import annotations

from dataclasses import replace

import numpy as np

from dynamo_plan.model.constraints import served_demand
from dynamo_plan.problem import KindCurves
from tests.model.paper import TP1, TP2, pool


def test_capacity_at_the_best_clock_must_cover_the_mean_rate() -> None:
    """TP1 serves 2, TP2 serves 4; 6 are asked for in window 0, nothing in window 1."""
    both = pool([6.0, 0.0], (TP1, TP2))
    states = np.array([[3, 0], [1, 1], [0, 1], [2, 0], [0, 0]])
    here = np.zeros(len(states), dtype=np.int64)
    assert served_demand.admits(both, here, states).tolist() == [True, True, False, False, False]
    assert served_demand.admits(both, here + 1, states).tolist() == [True] * 5


def test_a_last_digit_does_not_cost_an_instance() -> None:
    one = pool([2.0 * (1 + 1e-12)])
    assert served_demand.admits(one, np.array([0]), np.array([[1]])).tolist() == [True]
    assert served_demand.admits(pool([2.0 * (1 + 1e-6)]), np.array([0]), np.array([[1]])).tolist() == [False]


def test_a_kind_without_a_feasible_clock_cannot_run_at_all() -> None:
    both = pool([1.0], (TP1, TP2))
    blind = replace(both, mixes=((both.mixes[0][0], KindCurves(TP2, ())),))
    states = np.array([[1, 0], [1, 1]])
    assert served_demand.admits(blind, np.array([0, 0]), states).tolist() == [True, False]
