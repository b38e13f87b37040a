"""What changes between two plans, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynamo_plan.errors import ExitCode, InputError
from dynamo_plan.report.difference import PoolChange, TotalChange, WindowChange, difference
from dynamo_plan.schema.plan import Plan, PlanStatus, PoolPlan
from tests.emit.sample import GROUPS, sample_plan


def test_equal_plans_do_not_differ() -> None:
    found = difference(sample_plan(), replace(sample_plan(), groups=GROUPS[::-1], name="other"))
    assert found.is_none
    assert (found.changes, found.windows_changed) == ((), 0)
    assert all(pool.before_h == pool.after_h for pool in found.pools)


def test_one_instance_more_at_another_clock() -> None:
    """Window 1: 3 instances at 1400 MHz become 2 there and 2 at 1605 MHz, of 3/s each."""
    fewer = replace(GROUPS[3], instances=2)
    faster = replace(GROUPS[3], instances=2, frequency_mhz=1605.0)
    plan = sample_plan()
    other = replace(
        plan, groups=(*GROUPS[:3], fewer, faster, *GROUPS[4:]), totals=replace(plan.totals, energy_kwh=26.0)
    )
    found = difference(plan, other)
    start = "2024-05-14T01:00:00Z"
    assert found.changes == (
        WindowChange(1, start, "chat/SS", "h100-tp2-bf16", 1400.0, 3, 2, 9.0, 6.0),
        WindowChange(1, start, "chat/SS", "h100-tp2-bf16", 1605.0, 0, 2, 0.0, 6.0),
    )
    assert found.pools == (PoolChange("chat/SS", 7.0, 8.0, 1), PoolChange("chat/LL", 5.0, 5.0, 0))
    assert found.totals[0] == TotalChange("energy_kwh", "kWh", 24.0, 26.0)
    assert (found.windows_changed, found.windows, found.is_none) == (1, 4, False)


def test_a_shifted_load_is_a_difference() -> None:
    shifted = replace(GROUPS[6], rate_rps=0.5)
    found = difference(sample_plan(), replace(sample_plan(), groups=(*GROUPS[:6], shifted)))
    (change,) = found.changes
    assert (change.before, change.after, change.before_rps, change.after_rps) == (2, 2, 0.8, 1.0)
    assert not found.is_none


def test_pools_that_come_and_go() -> None:
    plan = sample_plan()
    merged = PoolPlan("chat/SS+LL", "chat", "site-a", ("SS", "LL"))
    other = replace(plan, pools=(merged,), groups=tuple(replace(g, pool=merged.name) for g in GROUPS[:2]))
    found = difference(plan, other)
    assert [(pool.pool, pool.before_h, pool.after_h) for pool in found.pools] == [
        ("chat/SS", 7.0, None),
        ("chat/LL", 5.0, None),
        ("chat/SS+LL", None, 3.0),
    ]


def test_a_status_alone_is_a_difference() -> None:
    assert not difference(sample_plan(), replace(sample_plan(), status=PlanStatus.FEASIBLE)).is_none


@pytest.mark.parametrize(
    "other",
    [
        replace(sample_plan(), windows=3),
        replace(sample_plan(), window_s=1800),
        replace(sample_plan(), first_window_start="2024-05-15T00:00:00Z"),
    ],
)
def test_other_windows_are_not_compared(other: Plan) -> None:
    with pytest.raises(InputError, match="Plans are compared window by window") as caught:
        difference(sample_plan(), other, ("runs/a", "runs/b"))
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    assert "runs/a has 4 windows of 3600 s from 2024-05-14" in str(caught.value)
