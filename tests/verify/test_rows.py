"""Raw rows read into capacity and power, against cubics worked on paper."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dynamo_plan.schema.profile import Provenance
from dynamo_plan.verify.rows import Reading, between_clocks, index_cells, read_cell, slo_rate, tabulate_power
from tests.verify.hand import NAN, TP1, Row, profile_table


def array(*values: float) -> NDArray[np.float64]:
    return np.array(values)


def test_the_slo_is_passed_where_the_cubic_says() -> None:
    # 100, 100, 200 ms at 1, 2, 4 requests/s. Slope at 2 is 0 (a flat neighbour), at 4 by the three-point formula
    # ((2 x 2 + 1) x 50 - 2 x 0) / (2 + 1) = 83.33. With x = (r - 2)/2 the Hermite cubic is
    # 100 + 100 (3 x^2 - 2 x^3) + 166.67 (x^3 - x^2); at x = 1/2: 100 + 50 - 20.833 = 129.1667 ms.
    rates, latencies = array(1.0, 2.0, 4.0), array(100.0, 100.0, 200.0)
    assert slo_rate(rates, latencies, 129.0 + 1 / 6) == pytest.approx(3.0, rel=1e-9)


def test_capacity_ends_with_the_rows() -> None:
    assert slo_rate(array(1.0, 2.0), array(10.0, 20.0), 30.0) == 2.0
    assert slo_rate(array(1.0, 2.0), array(10.0, 20.0), 20.0) == 2.0
    assert slo_rate(array(1.0, 2.0), array(10.0, 20.0), 10.0) == 1.0
    assert slo_rate(array(1.0, 2.0), array(10.0, 20.0), 9.0) == 0.0


def test_the_first_passing_counts() -> None:
    # 10, 30, 10 ms at 1, 2, 3 requests/s: slope at 2 is 0 (a peak), at 1 (3 x 20 - (-20)) / 2 = 40. With x = r - 1:
    # 10 + 40 (x^3 - 2 x^2 + x) + 20 (3 x^2 - 2 x^3) = 10 + 40 x - 20 x^2, which is 20 at x = 1 - sqrt(1/2).
    assert slo_rate(array(1.0, 2.0, 3.0), array(10.0, 30.0, 10.0), 20.0) == pytest.approx(2 - 0.5**0.5, rel=1e-9)


def test_a_latency_that_is_no_number_is_beyond_the_slo() -> None:
    assert slo_rate(array(1.0, 2.0), array(NAN, 20.0), 30.0) == 0.0


def test_power_is_linear_between_eight_steps() -> None:
    # 100, 300, 300 W at 0, 8, 16 requests/s: slope at 0 is (3 x 25 - 0) / 2 = 37.5 W per request/s, flat from 8 on. With
    # x = r/8: 100 + 300 (x^3 - 2 x^2 + x) + 200 (3 x^2 - 2 x^3) = 100 + 300 x - 100 x^3.
    knots, watts = tabulate_power(array(0.0, 8.0, 16.0), array(100.0, 300.0, 300.0), 10.5)
    assert knots.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10.5]
    assert watts[4] == pytest.approx(100 + 150 - 12.5)
    reading = Reading(10.5, knots, watts, Provenance.MEASURED)
    # At 4.5, midway between the knots: the mean of 237.5 and 100 + 187.5 - 24.4140625, not the cubic.
    assert reading.watts(4.5) == pytest.approx((237.5 + 263.0859375) / 2)
    assert reading.watts(9.3) == pytest.approx(300.0)


def test_without_an_idle_row_power_is_held_below_the_lowest_rate() -> None:
    knots, watts = tabulate_power(array(2.0, 4.0), array(200.0, 400.0), 3.0)
    assert knots.tolist() == [0, 2, 2.25, 2.5, 2.75, 3]
    assert watts.tolist() == pytest.approx([200, 200, 225, 250, 275, 300])


def test_too_few_loaded_rows_are_no_curve() -> None:
    rows: tuple[Row, ...] = (
        (1, 1000.0, 100.0, 0.0, NAN, 80.0, "measured"),
        (1, 1000.0, 100.0, 1.0, 100.0, 130.0, "measured"),
    )
    table = profile_table(rows)
    (found,) = index_cells(table, "m")[TP1][1000.0].values()
    assert read_cell(table, found, (150.0, 50.0)) is None


def test_rows_may_come_in_any_order() -> None:
    rows: tuple[Row, ...] = (
        (1, 1000.0, 100.0, 2.0, 200.0, 300.0, "measured"),
        (1, 1000.0, 100.0, 0.0, NAN, 100.0, "fitted"),
        (1, 1000.0, 100.0, 1.0, 100.0, 200.0, "interpolated"),
    )
    table = profile_table(rows)
    (found,) = index_cells(table, "m")[TP1][1000.0].values()
    reading = read_cell(table, found, (150.0, 50.0))
    assert reading is not None
    assert reading.capacity_rps == pytest.approx(1.5)
    assert reading.watts(1.25) == pytest.approx(225.0)
    assert reading.provenance is Provenance.FITTED


def test_rows_of_another_model_do_not_count() -> None:
    assert index_cells(profile_table(), "another") == {}


def test_the_stricter_slo_counts() -> None:
    table = profile_table()
    found = index_cells(table, "m")[TP1][2000.0][(100.0, 50.0)]
    reading = read_cell(table, found, (150.0, 19.0))  # every row has a TBT of 20 ms
    assert reading is not None
    assert reading.capacity_rps == 0.0


def test_between_clocks_power_is_compared_at_equal_utilisation() -> None:
    slow = Reading(1.0, array(0.0, 1.0), array(100.0, 200.0), Provenance.MEASURED)
    fast = Reading(3.0, array(0.0, 1.5, 3.0), array(140.0, 440.0, 500.0), Provenance.COMPOSED)
    between = between_clocks({1000.0: slow, 2000.0: fast}, 1250.0)
    assert between is not None
    # A quarter of the way: capacity 1.5; at utilisations 0, 1/2, 1: 110, (3 x 150 + 440)/4 = 222.5, 275 W.
    assert between.capacity_rps == pytest.approx(1.5)
    assert between.rate_rps.tolist() == pytest.approx([0.0, 0.75, 1.5])
    assert between.power_w.tolist() == pytest.approx([110.0, 222.5, 275.0])
    assert between.provenance is Provenance.COMPOSED


def test_beyond_the_feasible_clocks_nothing_is_known() -> None:
    dead = Reading(0.0, array(), array(), Provenance.MEASURED)
    live = Reading(1.0, array(0.0, 1.0), array(100.0, 200.0), Provenance.MEASURED)
    assert between_clocks({1000.0: dead, 1500.0: live, 2000.0: live}, 1250.0) is None
    assert between_clocks({1500.0: live}, 1500.0) is None
    assert between_clocks({1500.0: live, 2000.0: live}, 2001.0) is None
