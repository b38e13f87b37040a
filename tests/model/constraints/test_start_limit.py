from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dynamo_plan.model.compact import CompactModel, PoolStates
from dynamo_plan.model.constraints.start_limit import not_applicable
from dynamo_plan.problem import Problem
from dynamo_plan.solve.courses import Course
from dynamo_plan.solve.highs import SolveStatus, run
from dynamo_plan.solve.spread import spread_starts, starts_needed
from dynamo_plan.solve.states import StateSpace
from tests.model.paper import pool, problem

COUNTS = np.array([[1], [2], [3]])
WATTS = [[100.0, 150.0, 220.0], [100.0, 150.0, 220.0], [900.0, 600.0, 300.0]]


def limited(most: float | None) -> Problem:
    paper = problem(pool([1.0, 1.0, 1.0], max_instances=3))
    limit = None if most is None else np.full(3, most)
    return replace(paper, sites=tuple(replace(site, start_limit=limit) for site in paper.sites))


@pytest.mark.parametrize(
    ("most", "counts", "kwh"),
    [
        (None, [1, 1, 3], 0.25),
        (2, [1, 1, 3], 0.25),
        (1, [1, 2, 3], 0.5 * (0.1 + 0.15 + 0.3)),
        (0, [3, 3, 3], 0.5 * (0.22 + 0.22 + 0.3)),
    ],
)
def test_starts_move_to_earlier_windows(most: float | None, counts: list[int], kwh: float) -> None:
    model = CompactModel(
        limited(most), [PoolStates([COUNTS] * 3, [np.array(w) for w in WATTS])], np.zeros((1, 3), dtype=bool)
    )
    outcome = run(model.prob)
    assert outcome.status is SolveStatus.OPTIMAL
    assert outcome.objective == pytest.approx(kwh, rel=1e-9)
    assert (model.chosen(outcome.values)[0] + 1).tolist() == counts


def test_it_applies_where_there_is_a_limit() -> None:
    assert not_applicable(limited(1)) is None
    assert not_applicable(limited(None)) == "transitions.max_starts_per_window is not given"


@pytest.mark.parametrize(("most", "counts"), [(3, [1, 1, 4]), (2, [1, 2, 4]), (1, [2, 3, 4]), (0, [4, 4, 4])])
def test_spreading_starts_each_of_them_as_late_as_it_may(most: int, counts: list[int]) -> None:
    paper = limited(most)
    spaces = [StateSpace(paper.pools[0], 0.5)]
    start = np.array([[1], [1], [4]])
    wide = replace(paper, pools=(replace(paper.pools[0], max_instances=np.array([4])),))
    spaces = [StateSpace(wide.pools[0], 0.5)]
    course = Course(start, spaces[0].power_w(np.arange(3), start), 0.0)
    (spread,) = spread_starts(wide, spaces, [course])
    assert spread.counts[:, 0].tolist() == counts
    assert starts_needed(wide, [spread]).max() <= most


def test_spreading_stops_at_the_stock() -> None:
    paper = limited(1)
    full = replace(paper, sites=tuple(replace(site, stock={"h100": np.array([9.0, 1.0, 9.0])}) for site in paper.sites))
    spaces = [StateSpace(full.pools[0], 0.5)]
    start = np.array([[1], [1], [3]])
    (spread,) = spread_starts(full, spaces, [Course(start, spaces[0].power_w(np.arange(3), start), 0.0)])
    assert spread.counts[:, 0].tolist() == [1, 1, 3]
