"""Shares of a load that several sites serve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dynamo_plan.planner import plan_scenario
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify import verify
from tests.solve.test_split import small
from tests.verify.hand import findings_of, two_pools


@pytest.fixture(scope="module")
def solved() -> tuple[Plan, Inputs]:
    inputs, _ = small(0)
    plan = plan_scenario(inputs, threads=1).plan
    assert verify(plan, inputs) == ()
    return plan, inputs


def with_share(plan: Plan, index: int, share: tuple[float, ...]) -> Plan:
    pools = [replace(pool, share=share) if place == index else pool for place, pool in enumerate(plan.pools)]
    return replace(plan, pools=tuple(pools))


def test_shares_that_do_not_add_up_are_found(solved: tuple[Plan, Inputs]) -> None:
    plan, inputs = solved
    busiest = int(np.argmax(inputs.forecasts[plan.pools[0].service].rate_rps.sum(axis=1)))
    share = list(plan.pools[0].share)
    step = 1.0 / inputs.scenario.services[0].share_steps
    share[busiest] += -step if share[busiest] > 0 else step
    moved = with_share(plan, 0, tuple(share))
    findings = findings_of("split_load", moved, inputs)
    assert [(finding.what, finding.expected) for finding in findings] == [("sum of the shares", 1.0)]
    # What the groups serve is no longer the share either.
    assert "served_demand" in {finding.rule for finding in verify(moved, inputs)}


def test_shares_are_whole_parts(solved: tuple[Plan, Inputs]) -> None:
    plan, inputs = solved
    odd = tuple(value + 0.01 for value in plan.pools[0].share)
    whats = {finding.what for finding in findings_of("split_load", with_share(plan, 0, odd), inputs)}
    assert whats == {"share", "sum of the shares"}
    negative = tuple(-1.0 for _ in plan.pools[0].share)
    assert "share" in {finding.what for finding in findings_of("split_load", with_share(plan, 0, negative), inputs)}


def test_a_missing_share_is_found_and_so_is_one_too_many(solved: tuple[Plan, Inputs]) -> None:
    plan, inputs = solved
    (finding, *_) = findings_of("split_load", with_share(plan, 0, ()), inputs)
    assert (finding.what, finding.expected, finding.found) == ("windows with a share", len(inputs.windows), 0)
    one_site, inputs = two_pools()
    (finding,) = findings_of("split_load", with_share(one_site, 0, (1.0,)), inputs)
    assert (finding.what, finding.expected, finding.found) == ("windows with a share", 0, 1)


def test_a_pool_at_a_site_of_its_own_choice_is_found(solved: tuple[Plan, Inputs]) -> None:
    plan, inputs = solved
    pools = (replace(plan.pools[0], site="attic"), *plan.pools[1:])
    found = {finding.rule for finding in verify(replace(plan, pools=pools), inputs)}
    assert "pool_partition" in found
