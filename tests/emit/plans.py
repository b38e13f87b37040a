"""Plans to emit: the one by hand, one with names that no file should take as they stand, and that of the Azure week."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from dynamo_plan import plan_scenario, read_inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Group, Plan, PoolPlan, SitePlan
from tests.emit.sample import sample_plan
from tests.raw_data import ROOT

HOSTILE = (
    "<script>alert(1)</script>",
    "!!python/object/apply:os.system ['id'] &anchor *anchor",
    "$(touch hacked); `touch hacked` && rm -rf / | cat",
    "../../etc/cron.d/evil",
    "line\nbreak: [x]\n---\nkind: Secret",
    "{{ lookup('pipe', 'id') }} %n ${HOME} $(HOME)",
    "no",
    "1:30",
    '=HYPERLINK("http://x")',
    "x -rf --model-path=y",
    "quote\" and ' and \\ and \t tab",
    "ünïcödé 日本語 😀 \u2028 \u0085 \u00a0",
    "null",
    "a" * 300,
)


def hostile_plan(names: tuple[str, ...] = HOSTILE) -> Plan:
    """A plan in which service, pool, buckets, site, GPU type and the plan itself have such names."""
    pools = tuple(
        PoolPlan(f"{name}/{index}", name, names[0], (name, f"{name}{index}")) for index, name in enumerate(names)
    )
    kinds = [Kind(name, 2, 1, "bf16") for name in names]
    groups = tuple(
        Group(window, pool.name, kind, 1 + window, 1200.0, 1.0, 0.5, 600.0 * (1 + window))
        for window in range(2)
        for pool, kind in zip(pools, kinds, strict=True)
    )
    site = SitePlan(names[0], (50.0, 50.0), (60.0, 60.0), (1.0, 1.0), (1.0, 1.0))
    return replace(sample_plan(), name=names[-1], windows=2, pools=pools, groups=groups, servers=(), sites=(site,))


@cache
def azure_week() -> Plan:
    """The plan of the shipped Azure week: two services, 18 pools, 336 half hours; solved once."""
    found = plan_scenario(read_inputs(ROOT / "examples/azure-week/scenario.yaml"))
    assert found.findings == ()
    return found.plan


PLANS: dict[str, Callable[[], Plan]] = {"hand": sample_plan, "hostile": hostile_plan, "azure-week": azure_week}

SLOW = ("azure-week",)
ALL_PLANS = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in sorted(PLANS)]
"""Every plan by its name, as parameters of tests."""
