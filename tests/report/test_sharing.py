"""What the result card says about pools that were searched for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynamo_plan.report.wording import sharing, standing
from dynamo_plan.schema.plan import Plan, PlanStatus, PoolSharing
from dynamo_plan.schema.scenario import ObjectiveName
from tests.emit.sample import sample_plan
from tests.report.test_card import printed

ENERGY = {ObjectiveName.ENERGY: 1.0}
FOUND = PoolSharing(
    "chat", sets=511, impossible=0, priced=12, margin=0.02, cost=80.0, per_bucket_cost=100.0, single_cost=240.0
)


def plan(found: PoolSharing = FOUND) -> Plan:
    return replace(sample_plan(), sharing=(found,))


def test_pools_and_what_sharing_saves() -> None:
    assert sharing(plan(), FOUND, ENERGY) == (
        "chat: 2 pools, SS+SM · LL. −20.00 kWh (−20.0 %) against one pool per bucket, −160.0 kWh (−66.7 %) against a single pool, "
        "before whole servers and caps; 12 of 511 sets of buckets planned exactly, the others estimated"
    )


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (replace(FOUND, single_cost=None), "a single pool cannot serve it, or was not planned in time"),
        (replace(FOUND, cost=100.0), "0 kWh (0.0 %) against one pool per bucket"),
        (replace(FOUND, cost=105.0), "+5.00 kWh (+5.0 %) against one pool per bucket"),
        (replace(FOUND, cost=0.0, per_bucket_cost=0.0), "0 kWh against one pool per bucket"),
    ],
)
def test_what_is_not_saved(found: PoolSharing, text: str) -> None:
    assert text in sharing(plan(found), found, ENERGY)


def test_the_card_has_a_line_for_it_and_claims_no_more_than_is_proven() -> None:
    assert "SS+SM · LL" in printed(plan())
    assert "no plan with these pools can be below" in printed(plan())
    assert "no plan with these pools" not in printed(sample_plan())


def test_a_best_effort_is_measured_against_these_pools_and_raised_limits() -> None:
    broken = replace(plan(), status=PlanStatus.INFEASIBLE)
    assert "no plan with these pools and the broken limits raised can be below" in standing(broken, ENERGY)
