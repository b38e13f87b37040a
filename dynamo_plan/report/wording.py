"""Figures and findings in words that a newcomer understands, the same on the card and in `explain`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from dynamo_plan.report.accounts import saving
from dynamo_plan.schema.horizon import window_start
from dynamo_plan.schema.plan import Plan, PlanStatus, PoolSharing, Violation
from dynamo_plan.schema.scenario import ObjectiveName
from dynamo_plan.units import MINUTES_PER_HOUR, PERCENT_PER_ONE, SECONDS_PER_HOUR

UNITS = {ObjectiveName.ENERGY: "kWh", ObjectiveName.COST: "USD", ObjectiveName.CARBON: "kg CO2e"}

MOST_SPANS = 4
"""Spans of time listed of one finding; a week at half an hour has up to 168."""

SMALLEST_GAP = 1e-5
"""Gap below which three decimals of a percentage would show nothing but zeros [1]."""


def number(value: float) -> str:
    """A quantity for people: thousands separated, about four significant figures, never in powers of ten."""
    if not math.isfinite(value):
        return "unknown"
    size = abs(value)
    digits = 0 if size >= 1000 or size == 0 else 1 if size >= 100 else 2 if size >= 1 else 4
    return f"{value:,.{digits}f}"


def amount(value: float) -> str:
    """A total for people: a whole number in full, any other as `number` has it."""
    return f"{value:,}" if isinstance(value, int) else number(value)


def count(things: int, noun: str) -> str:
    """So many of a thing, e.g. ``1 pool``, ``1,384 instance starts``."""
    return f"{things:,} {noun}" if things == 1 else f"{things:,} {noun}s"


def span(plan: Plan) -> str:
    """When a plan runs, and its windows."""
    minutes = plan.window_s / SECONDS_PER_HOUR * MINUTES_PER_HOUR
    start, end = window_start(plan, 0), window_start(plan, plan.windows)
    windows = f"{count(plan.windows, 'window')} of {minutes:g} min"
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC · {windows}"


def size(plan: Plan) -> str:
    """How many services, pools and sites a plan has."""
    services = len({pool.service for pool in plan.pools})
    counts = [(services, "service"), (len(plan.pools), "pool"), (len(plan.sites), "site")]
    return " · ".join(count(things, noun) for things, noun in counts)


def readable(name: str) -> str:
    """The name of a baseline in words."""
    return name.replace("_", " ")


def change(baseline: float, plan: float) -> str:
    """The plan against a baseline, e.g. ``−40.0 %``; empty where the baseline is 0."""
    saved = saving(baseline, plan)
    if math.isnan(saved):
        return ""
    percent = f"{abs(saved) * PERCENT_PER_ONE:.1f}"
    sign = "" if float(percent) == 0 else "−" if saved > 0 else "+"
    return f"{sign}{percent} %"


def standing(plan: Plan, objective: Mapping[ObjectiveName, float]) -> str:
    """What the plan reaches of its objective and how far it can be from the best, in one sentence.

    Parameters
    ----------
    objective : mapping of ObjectiveName to float
        The scenario's weights.
    """
    proof = plan.certificate
    (name, unit) = _measure(objective)
    effort = "best effort, " if plan.status is PlanStatus.INFEASIBLE else ""
    reached = f"{effort}{name} {number(proof.objective)}{unit}"
    if not math.isfinite(proof.best_bound):
        return f"{reached}; nothing is proven about the best possible plan"
    scope = " with these pools" if plan.sharing else ""
    scope += " and the broken limits raised" if scope and effort else " with the broken limits raised" if effort else ""
    return f"{reached}; no plan{scope} can be below {number(proof.best_bound)}{unit}: gap {_gap(proof.gap)}"


def sharing(plan: Plan, found: PoolSharing, objective: Mapping[ObjectiveName, float]) -> str:
    """The pools that `pools: auto` chose for a service, and what sharing instances changes, in two sentences."""
    pools = [pool for pool in plan.pools if pool.service == found.service]
    against = [
        f"{difference(found.per_bucket_cost, found.cost, objective)} against one pool per bucket",
        "a single pool cannot serve it, or was not planned in time"
        if found.single_cost is None
        else f"{difference(found.single_cost, found.cost, objective)} against a single pool",
    ]
    return (
        f"{found.service}: {count(len(pools), 'pool')}, {' · '.join('+'.join(pool.buckets) for pool in pools)}. "
        f"{', '.join(against)}, before whole servers and caps; {found.priced} of {found.sets} sets of buckets planned exactly, the "
        "others estimated"
    )


def difference(baseline: float, plan: float, objective: Mapping[ObjectiveName, float]) -> str:
    """What is gained or lost in the objective's unit and in per cent, e.g. ``−123.8 kWh (−32.4 %)``."""
    percent = change(baseline, plan)
    sign = "−" if plan < baseline else "+" if plan > baseline else ""
    return f"{sign}{number(abs(plan - baseline))}{_measure(objective)[1]}" + (f" ({percent})" if percent else "")


def bound_name(proof: str) -> str:
    """What gave the bound: the first words of the certificate's proof."""
    return re.split(r": | on |\.", proof, maxsplit=1)[0]


def breach(plan: Plan, violation: Violation) -> str:
    """A broken promise: which, where, by how much, when, and what mends it."""
    worst = max(violation.shortfall)
    short = f"{worst:,.0f}" if worst.is_integer() else number(worst)
    return (
        f"{violation.constraint} at {violation.where}: short by up to {short} {violation.unit} in "
        f"{in_windows(plan, violation.windows)}; {violation.mend}"
    )


def in_windows(plan: Plan, windows: Sequence[int], most: int = MOST_SPANS) -> str:
    """Windows in ascending order as people read them.

    For example ``all 24 windows``, ``3 of 24 windows (2024-05-14 03:00 to 05:00, 07:00 to 08:00)``, or where that is shorter
    ``all but 2 of 24 windows (...)``; times in UTC.
    """
    others = sorted(set(range(plan.windows)) - set(windows))
    if not others:
        return "the only window" if plan.windows == 1 else f"all {plan.windows} windows"
    if len(others) < len(windows):
        return f"all but {len(others)} of {plan.windows} windows ({_spans(plan, others, most)})"
    return f"{len(windows)} of {plan.windows} windows ({_spans(plan, windows, most)})"


def _spans(plan: Plan, windows: Sequence[int], most: int) -> str:
    """Ascending windows as spans of time, cut after `most`."""
    spans: list[list[int]] = []
    for window in windows:
        if spans and window == spans[-1][1]:
            spans[-1][1] = window + 1
        else:
            spans.append([window, window + 1])
    shown: list[str] = []
    today: datetime | None = None
    for first, end in spans[:most]:
        start, stop = window_start(plan, first), window_start(plan, end)
        shown.append(f"{_moment(start, today)} to {_moment(stop, start)}")
        today = stop
    more = [f"and {count(len(spans) - most, 'more time')}"] if len(spans) > most else []
    return ", ".join(shown + more)


def _moment(moment: datetime, before: datetime | None) -> str:
    """Date and time, the date only where it differs from that of the moment named before."""
    same_day = before is not None and moment.date() == before.date()
    return f"{moment:%H:%M}" if same_day else f"{moment:%Y-%m-%d %H:%M}"


def moment(plan: Plan, window: int) -> str:
    """Date and time of a window's left edge, in UTC."""
    return _moment(window_start(plan, window), None)


def objective_unit(objective: Mapping[ObjectiveName, float]) -> str:
    """Unit of what is minimised with a space before it; empty for a blend."""
    return _measure(objective)[1]


def _measure(objective: Mapping[ObjectiveName, float]) -> tuple[str, str]:
    """Name of what is minimised, and its unit with a space before it; a blend has no unit."""
    weights = {name: weight for name, weight in objective.items() if weight > 0}
    if len(weights) == 1 and all(weight == 1 for weight in weights.values()):
        (name,) = weights
        return name.value, f" {UNITS[name]}"
    return " + ".join(f"{weight:g} {name.value}" for name, weight in weights.items()) + " =", ""


def _gap(gap: float) -> str:
    if 0 < gap < SMALLEST_GAP:
        return f"below {SMALLEST_GAP * PERCENT_PER_ONE:.3f} %"
    return f"{gap * PERCENT_PER_ONE:.3f} %" if math.isfinite(gap) else "unknown"
