"""What the inputs say about pools, against figures worked on paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dynamo_plan.schema.profile import Provenance
from dynamo_plan.verify.evidence import Evidence
from tests.verify.hand import NAN, ROWS, TP1, TP2, Row, mixed_pool, profile_table, two_pools


def test_of_several_lengths_in_a_bucket_the_least_capacity_counts() -> None:
    plan, inputs = two_pools()
    # 200 tokens are in bucket SA too: TTFT 120, 240 ms at 1, 2 requests/s pass 150 ms at 1.25, before 1.5.
    longer: tuple[Row, ...] = (
        (1, 2000.0, 200.0, 0.0, NAN, 110.0, "fitted"),
        (1, 2000.0, 200.0, 1.0, 120.0, 310.0, "measured"),
        (1, 2000.0, 200.0, 2.0, 240.0, 510.0, "measured"),
    )
    evidence = Evidence(plan, replace(inputs, profiles={"chat": profile_table(ROWS + longer)}))
    mix = evidence.mix("chat/SA", TP1, 2000.0, (1.0,))
    assert mix is not None
    assert mix.capacity_rps == pytest.approx(1.25)
    assert mix.watts(1.0) == pytest.approx(310.0)
    assert mix.provenance is Provenance.FITTED


def test_a_mix_takes_each_bucket_s_time() -> None:
    plan, inputs = mixed_pool()
    mix = Evidence(plan, inputs).mix("chat/all", TP2, 2000.0, (0.8, 0.2))
    assert mix is not None
    # 0.8/4 + 0.2/0.75 = 7/15 s per request; 0.8 of an instance's time at most.
    assert mix.seconds_per_request == pytest.approx(7 / 15)
    assert mix.capacity_rps == pytest.approx(12 / 7)
    assert mix.watts(1.5) == pytest.approx(560.0)
    assert mix.watts(0.0) == pytest.approx(200.0)


def test_a_bucket_without_requests_asks_nothing_but_the_derate() -> None:
    plan, inputs = mixed_pool()
    evidence = Evidence(plan, inputs)
    only_short = evidence.mix("chat/all", TP2, 2000.0, (1.0, 0.0))
    assert only_short is not None
    assert only_short.capacity_rps == pytest.approx(0.8 * 4.0)
    assert evidence.mix("chat/all", TP2, 1000.0, (1.0, 0.0)) is None


def test_a_window_without_load_has_the_mix_of_the_horizon() -> None:
    plan, inputs = mixed_pool()
    rate = np.array([[3.0, 0.0], [1.5, 1.5], [0.0, 0.0]])
    forecast = replace(inputs.forecasts["chat"], rate_rps=rate, quantile_rate_rps={0.95: 2 * rate})
    evidence = Evidence(plan, replace(inputs, forecasts={"chat": forecast}))
    # Sums of the windows 4.5 and 1.5: 0.8 / (0.75/4 + 0.25/0.75) = 1.536.
    mix = evidence.mix_of(plan.groups[2])
    assert mix is not None
    assert mix.capacity_rps == pytest.approx(1.536)
    assert evidence.reserve_capacity_rps("chat/all", TP2, 2) == pytest.approx(1.536)


def test_a_pool_that_never_has_load_is_mixed_equally() -> None:
    plan, inputs = mixed_pool()
    none = np.zeros((3, 2))
    forecast = replace(inputs.forecasts["chat"], rate_rps=none, quantile_rate_rps={0.95: none})
    # 0.8 / (0.5/4 + 0.5/0.75) = 96/95
    mix = Evidence(plan, replace(inputs, forecasts={"chat": forecast})).mix_of(plan.groups[2])
    assert mix is not None
    assert mix.capacity_rps == pytest.approx(96 / 95)


def test_no_bucket_s_reserve_is_below_its_mean() -> None:
    plan, inputs = mixed_pool()
    forecast = inputs.forecasts["chat"]
    low = np.array([[3.0, 0.1], [2.4, 0.6], [0.0, 0.0]])  # a few huge bursts can lift a mean above its 95 % quantile
    evidence = Evidence(plan, replace(inputs, forecasts={"chat": replace(forecast, quantile_rate_rps={0.95: low})}))
    assert evidence.pools["chat/all"].reserve_rate_rps[0].tolist() == [3.0, 0.6]


def test_the_reserve_takes_its_own_mix() -> None:
    plan, inputs = mixed_pool()
    forecast = inputs.forecasts["chat"]
    quantile = {0.95: forecast.quantile_rate_rps[0.95].copy()}
    quantile[0.95][0] = [2.4, 4.8]
    evidence = Evidence(plan, replace(inputs, forecasts={"chat": replace(forecast, quantile_rate_rps=quantile)}))
    # 0.8 / (1/3/4 + 2/3/0.75) = 0.8 x 36/35
    assert evidence.reserve_capacity_rps("chat/all", TP2, 0) == pytest.approx(0.8 * 36 / 35)
    assert evidence.reserve_capacity_rps("chat/all", TP2, 1) == pytest.approx(12 / 7)
    assert evidence.reserve_capacity_rps("chat/all", TP1, 1) == 0.0
