from __future__ import annotations

import numpy as np
import pytest

from dynamo_plan.model.compact import CompactModel, PoolStates
from dynamo_plan.model.constraints.min_up import too_short, windows_up
from dynamo_plan.solve.highs import SolveStatus, run
from tests.model.paper import pool, problem

COUNTS = np.array([[0], [1]])
WATTS = [[100.0, 400.0], [900.0, 300.0], [100.0, 150.0], [100.0, 150.0]]
"""Half hours; an instance saves 300 Wh in window 1, and costs 150 Wh before and 25 Wh in every window after."""


@pytest.mark.parametrize(
    ("min_up_s", "windows", "counts"),
    [
        (0.0, 1, [0, 1, 0, 0]),
        (1800.0, 1, [0, 1, 0, 0]),
        (1801.0, 2, [0, 1, 1, 0]),
        (5400.0, 3, [0, 1, 1, 1]),
    ],
)
def test_what_begins_stays_up(min_up_s: float, windows: int, counts: list[int]) -> None:
    paper = problem(pool([1.0] * 4), min_up_s=min_up_s)
    assert windows_up(paper) == windows
    states = [PoolStates([COUNTS] * 4, [np.array(w) for w in WATTS])]
    model = CompactModel(paper, states, np.zeros((1, 4), dtype=bool))
    outcome = run(model.prob)
    assert outcome.status is SolveStatus.OPTIMAL
    assert model.chosen(outcome.values)[0].tolist() == counts


@pytest.mark.parametrize(
    ("counts", "least", "short"),
    [
        ([1, 2, 1, 1], 1, [0, 0, 0, 0]),
        ([1, 2, 1, 1], 2, [0, 0, 0, 0]),  # the one from before stops, the young one stays
        ([0, 2, 1, 0], 2, [0, 0, 1, 0]),
        ([0, 2, 1, 0], 3, [0, 0, 1, 2]),
        ([0, 1, 2, 2], 9, [0, 0, 0, 0]),
    ],
)
def test_instances_gone_too_soon(counts: list[int], least: int, short: list[int]) -> None:
    own = np.array(counts)[:, None]
    begun = np.maximum(np.diff(own, axis=0, prepend=own[:1]), 0)
    assert too_short(begun, own, least)[:, 0].tolist() == short
