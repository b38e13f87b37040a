"""The histogram of gaps: bins that cover all times, ramps that are the sum of their gaps, quantiles within a bin's width."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dynamo_plan.engine.kernels.gaps import bin_of, edge_of, enter_ramp, over
from dynamo_plan.engine.outcome import upper_edge_ps
from dynamo_plan.engine.tables import BINS
from tests.engine import cases

TIMES = st.integers(0, 2**60)


@given(gap=TIMES)
def test_a_gap_lies_in_its_bin(gap: int) -> None:
    number = bin_of(gap)
    assert number == cases.bin_of(gap) < BINS
    assert edge_of(number) <= gap < edge_of(number + 1)
    assert upper_edge_ps(number) == edge_of(number + 1) - 1


def test_powers_of_two_begin_a_bin() -> None:
    # Where a float would round up to the next power, too.
    for power in range(6, 62):
        assert bin_of(2**power) == bin_of(2**power - 1) + 1 == 64 * (power - 6) + 64


def test_bins_are_at_most_1_6_percent_wide() -> None:
    numbers = range(64, BINS - 1, 37)
    assert max(edge_of(one + 1) / edge_of(one) - 1 for one in numbers) <= 1 / 64


@given(first=st.integers(0, 2**45), step=st.integers(0, 2**40), count=st.integers(0, 60), limit=st.integers(0, 2**46))
def test_a_ramp_is_its_gaps(first: int, step: int, count: int, limit: int) -> None:
    histogram, expected = np.zeros((2, BINS), dtype=np.int64), np.zeros((2, BINS), dtype=np.int64)
    enter_ramp(histogram, np.array([1, 3]), first, step, count)
    gaps = [first + number * step for number in range(count)]
    for gap in gaps:
        expected[:, cases.bin_of(gap)] += [1, 3]
    np.testing.assert_array_equal(histogram, expected)
    assert over(first, step, count, limit) == sum(gap > limit for gap in gaps)
