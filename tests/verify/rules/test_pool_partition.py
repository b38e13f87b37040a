"""The pools of a service against what the scenario asks for."""

from __future__ import annotations

from dataclasses import replace

from dynamo_plan.schema.plan import PoolPlan
from dynamo_plan.schema.scenario import PoolRule
from tests.verify.changes import with_services
from tests.verify.hand import findings_of, mixed_pool, two_pools


def test_one_pool_per_bucket_is_not_a_single_pool() -> None:
    plan, inputs = two_pools()
    (finding,) = findings_of("pool_partition", plan, with_services(inputs, pools=PoolRule.SINGLE))
    assert (finding.expected, finding.found) == ("LA+SA", "LA; SA")


def test_pools_may_be_listed() -> None:
    plan, inputs = two_pools()
    assert findings_of("pool_partition", plan, with_services(inputs, pools=[["SA"], ["LA"]])) == []
    mixed, inputs = mixed_pool()
    assert findings_of("pool_partition", mixed, with_services(inputs, pools=[["LA", "SA"]])) == []


def test_any_pools_will_do_where_they_are_searched_for() -> None:
    for plan, inputs in (two_pools(), mixed_pool()):
        assert findings_of("pool_partition", plan, with_services(inputs, pools=PoolRule.AUTO)) == []


def test_pools_that_were_searched_for_hold_every_bucket_once() -> None:
    plan, inputs = two_pools()
    inputs = with_services(inputs, pools=PoolRule.AUTO)
    short, long = plan.pools
    without, twice, empty = (
        (short,),
        (short, replace(long, buckets=("LA", "SA"))),
        (*plan.pools, replace(long, buckets=())),
    )
    for pools in (without, twice, empty):
        findings = findings_of("pool_partition", replace(plan, pools=pools), inputs)
        assert "buckets of its pools" in [finding.what for finding in findings], pools


def test_names_sites_and_services_must_fit() -> None:
    plan, inputs = two_pools()
    pools = (
        PoolPlan("chat/LA", "chat", "attic", ("LA",)),
        PoolPlan("talk/SA", "chat", "hall", ("SA",)),
        PoolPlan("code/SA", "code", "hall", ("SA",)),
    )
    findings = findings_of("pool_partition", replace(plan, pools=pools), inputs)
    assert [(f.where, f.what) for f in findings] == [
        ("chat/LA", "site"),
        ("talk/SA", "name"),
        ("code/SA", "service"),
        ("chat/SA", "pool of a group"),
    ]
