from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dynamo_plan.model.quantities import changes, contribution, site_axes, start_energy_kwh, start_hours
from tests.model.paper import OLD, SITE, TP1, TP2, amounts, pool, problem


def test_starts_are_rises_and_the_first_state_is_free() -> None:
    counts = np.array([[3, 0], [1, 2], [4, 2], [4, 0]])
    paper = problem(pool([1, 1, 1, 1], (TP1, TP2)))
    assert changes(paper, paper.pools[0], counts).started.tolist() == [[0, 0], [0, 2], [3, 0], [0, 0]]


def test_known_ends_of_the_horizon_start_instances_too() -> None:
    """Before the first window run (2, 1): one of the first kind more starts; one of the second must come back at the end."""
    counts = np.array([[3, 0], [1, 2], [4, 2], [4, 0]])
    before = np.array([2, 1])
    free_end = replace(pool([1, 1, 1, 1], (TP1, TP2)), initial_counts=before)
    paper = problem(free_end)
    assert changes(paper, free_end, counts).started.tolist() == [[1, 0], [0, 2], [3, 0], [0, 0]]
    as_started = replace(free_end, final_counts=before)
    assert changes(paper, as_started, counts).started.tolist() == [[1, 0], [0, 2], [3, 0], [0, 1]]


def test_what_a_course_puts_on_its_site() -> None:
    """Half-hour windows; a start takes 0.1 h and 40 Wh."""
    paper = problem(pool([1, 1, 1], (TP1, TP2)), instance_start_s=360.0, instance_start_wh=40.0)
    counts = np.array([[2, 0], [3, 1], [3, 0]])
    use = contribution(paper, paper.pools[0], counts, np.array([400.0, 1000.0, 600.0]))
    assert use.gpus_in_use.tolist() == [[2.0, 5.0, 3.0]]
    assert use.gpu_hours[0] == pytest.approx([1.0, 2.5 + 0.1 * 1 + 0.1 * 2, 1.5])
    assert use.instance_energy_kwh[0] == pytest.approx([0.2, 0.5 + 2 * 0.04, 0.3])
    assert use.instance_starts.tolist() == [[0.0, 2.0, 0.0]]
    assert (start_energy_kwh(paper), start_hours(paper)) == (0.04, 0.1)


def test_gpu_types_have_rows_of_their_own() -> None:
    paper = problem(pool([1.0], (OLD, TP2)))
    axes = site_axes(paper)
    assert axes.stocks == ((SITE, "a100"), (SITE, "h100"))
    use = contribution(paper, paper.pools[0], np.array([[3, 2]]), np.array([0.0]))
    assert use.gpus_in_use.tolist() == [[3.0], [4.0]]


def test_uses_add_up_and_prices_weigh_them() -> None:
    paper = problem(pool([1.0, 1.0]))
    one = amounts(paper, gpus_in_use=[1, 2], instance_energy_kwh=[0.5, 0.25])
    two = amounts(paper, gpu_hours=[3, 0], instance_starts=[0, 1])
    price = amounts(paper, gpus_in_use=[10, 100], gpu_hours=[2, 2], instance_energy_kwh=[4, 8], instance_starts=[7, 7])
    assert (one + two).dot(price) == 210.0 + 4.0 + 6.0 + 7.0
    assert (one + two - two).dot(price) == one.dot(price) == 214.0
