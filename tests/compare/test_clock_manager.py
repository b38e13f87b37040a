"""The instance manager by hand: one lane of one instance with two clocks and one bucket."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dynamo_plan.compare.case import Case
from dynamo_plan.compare.clock_manager import LEVELS, Abilities, ClockManager, with_instance_manager
from dynamo_plan.compare.systems import multi_pool, single_pool
from dynamo_plan.replay.control import Watch

WATTS = np.array([[[np.linspace(100.0, 300.0, LEVELS)], [np.linspace(200.0, 600.0, LEVELS)]]])
MANAGER = ClockManager(Abilities(np.array([[1000.0, 2000.0]]), np.array([[[2.0], [4.0]]]), WATTS))


def watch(rate_rps: float, ttft_s: float, frequency_mhz: float = 1000.0) -> Watch:
    """An instance planned at its highest clock, with a promise of 1 s to the first token."""
    return Watch(
        now_s=60.0,
        epoch=0,
        is_open=np.array([True]),
        lane=np.array([0]),
        requests=np.array([1]),
        unprefilled_tokens=np.array([0]),
        ttft_s=np.array([ttft_s]),
        iteration_s=np.array([0.0]),
        ttft_slo_s=np.array([1.0]),
        tbt_slo_s=np.array([0.1]),
        frequency_mhz=np.array([frequency_mhz]),
        planned_mhz=np.array([2000.0]),
        highest_mhz=np.array([2000.0]),
        rate_rps=np.array([[rate_rps]]),
    )


@pytest.mark.parametrize(
    ("rate_rps", "clock_mhz"),
    [(0.0, 1000.0), (1.0, 1000.0), (2.0, 1000.0), (2.1, 2000.0), (5.0, 2000.0)],
    ids=["idle", "light", "at the capacity of the low clock", "above it", "above any"],
)
def test_the_clock_of_least_power_that_carries_the_load(rate_rps: float, clock_mhz: float) -> None:
    assert MANAGER.clocks(watch(rate_rps, ttft_s=0.0)).tolist() == [clock_mhz]


def test_a_queue_that_would_break_the_promise_gets_the_highest_clock_also_where_that_is_planned() -> None:
    assert MANAGER.clocks(watch(1.0, ttft_s=0.6)).tolist() == [2000.0]
    # Raised already, it is not given up at once; then it is.
    assert MANAGER.clocks(watch(1.0, ttft_s=0.45, frequency_mhz=2000.0)).tolist() == [2000.0]
    assert MANAGER.clocks(watch(1.0, ttft_s=0.3, frequency_mhz=2000.0)).tolist() == [1000.0]


def test_a_clock_that_keeps_no_slo_of_the_bucket_is_not_taken() -> None:
    abilities = replace(MANAGER.abilities, capacity_rps=np.array([[[0.0], [4.0]]]))
    assert ClockManager(abilities).clocks(watch(1.0, ttft_s=0.0)).tolist() == [2000.0]


def test_a_pool_of_several_classes_has_what_mixing_leaves(case: Case) -> None:
    """The mixing table says that a fifth is lost; buckets of one class by themselves lose nothing."""
    together, apart = (with_instance_manager(case, system.decide(case)).control for system in (single_pool, multi_pool))
    assert isinstance(together, ClockManager)
    assert isinstance(apart, ClockManager)
    np.testing.assert_allclose(together.abilities.capacity_rps[0], 0.8 * apart.abilities.capacity_rps[0], rtol=1e-12)
    np.testing.assert_array_equal(together.abilities.power_w[..., 0], apart.abilities.power_w[:1, ..., 0])
