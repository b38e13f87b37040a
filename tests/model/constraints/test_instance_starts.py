from __future__ import annotations

import numpy as np

from dynamo_plan.model.constraints.instance_starts import start_cost


def test_only_rises_cost() -> None:
    """From (2, 1) to (4, 0): two starts of the first kind at 3."""
    before, after = np.array([2, 1]), np.array([4, 0])
    price = np.array([3.0, 5.0])
    assert float(start_cost(before, after, price)) == 6.0
    assert float(start_cost(after, before, price)) == 5.0
    assert float(start_cost(after, after, price)) == 0.0


def test_all_ways_between_two_windows_at_once() -> None:
    before, after = np.array([[0, 0], [1, 2]]), np.array([[1, 1], [0, 3], [1, 2]])
    found = start_cost(before[:, None, :], after[None, :, :], np.array([1.0, 10.0]))
    assert found.tolist() == [[11.0, 30.0, 21.0], [0.0, 10.0, 0.0]]
