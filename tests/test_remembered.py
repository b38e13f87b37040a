"""Equal questions are asked once; arrays are told apart by content, type and shape."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import dynamo_plan.remembered
from dynamo_plan.remembered import remembered


class Asked:
    """A function that counts its calls."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, values: NDArray[np.float64], factor: float = 1.0) -> float:
        self.times += 1
        return float(values.sum()) * factor


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_equal_questions_are_asked_once(asked: Asked) -> None:
    total = remembered(Asked.__call__)
    assert total(asked, np.array([1.0, 2.0]), 2.0) == total(asked, np.array([1.0, 2.0]), 2.0) == 6.0
    assert total(asked, np.array([1.0, 2.0]), factor=2.0) == 6.0
    assert asked.times == 2  # a name is another way to ask


@pytest.mark.parametrize("other", [[1.0, 3.0], [[1.0, 2.0]], np.array([1, 2])])
def test_other_questions_are_asked(asked: Asked, other: object) -> None:
    total = remembered(Asked.__call__)
    total(asked, np.array([1.0, 2.0]))
    total(asked, np.asarray(other))
    assert asked.times == 2


def test_memory_is_bounded(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamo_plan.remembered, "MOST_ANSWERS", 2)
    total = remembered(Asked.__call__)
    for value in (1.0, 2.0, 3.0, 1.0):
        total(asked, np.array([value]))
    assert asked.times == 4
