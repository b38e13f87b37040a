"""Plans to emit: the one by hand, one with names that no file should take as they stand, and one of a week's size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Group, Plan, PoolPlan, SitePlan
from tests.emit.sample import TP2, sample_plan

TP4 = Kind("h100", 4, 1, "bf16")
WEEK_WINDOWS = 336
WEEK_POOLS = 18
CLOCKS_MHZ = (800.0, 1200.0, 1600.0, 1700.0)

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


def week_plan() -> Plan:
    """336 half hours, 18 pools of two services, two kinds each, up to three clocks at once; some pools stop at night."""
    pools = tuple(
        PoolPlan(f"{service}/{bucket}", service, "site-a", (bucket,))
        for service in ("chat", "coding")
        for bucket in ("SS", "SM", "SL", "MS", "MM", "ML", "LS", "LM", "LL")
    )
    groups = []
    for window in range(WEEK_WINDOWS):
        hour = window // 2 % 24
        for number, pool in enumerate(pools):
            if hour < number % 7:
                continue
            busy = 1 + (hour * (number + 3)) % 5
            kind = TP4 if number % 2 else TP2
            groups.append(Group(window, pool.name, kind, busy, CLOCKS_MHZ[number % 4], 1.5, 0.9, busy * 700.0))
            if hour > 12:
                slow = CLOCKS_MHZ[(number + 1 + window % 2) % 4]
                groups.append(Group(window, pool.name, kind, 2, slow, 0.7, 0.5, 900.0))
            if hour > 18 and number % 3 == 0:
                groups.append(Group(window, pool.name, TP2 if kind == TP4 else TP4, 1, 1700.0, 0.3, 0.4, 500.0))
    whole = (100.0,) * WEEK_WINDOWS
    site = SitePlan("site-a", whole, tuple(1.2 * kwh for kwh in whole), (20.0,) * WEEK_WINDOWS, whole)
    first = "2024-05-12T00:00:00Z"
    return replace(
        sample_plan(),
        name="week",
        first_window_start=first,
        window_s=1800,
        windows=WEEK_WINDOWS,
        pools=pools,
        groups=tuple(groups),
        servers=(),
        sites=(site,),
    )


PLANS: dict[str, Callable[[], Plan]] = {"hand": sample_plan, "hostile": hostile_plan, "week": week_plan}
