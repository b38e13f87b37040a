r"""The plan has the scenario's windows, one entry per site and GPU type in each, and only sound numbers.

.. math:: t \in \{0, \ldots, T - 1\}, \qquad n_g \in \{1, 2, \ldots\}, \qquad |x| < \infty

No two groups share window, pool, kind, clock and rate: they would be one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from math import isfinite

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import PLAN_VERSION, Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import Finding

NAME = "horizon"


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield what is missing, double or not a number."""
    yield from check_identity(plan, inputs)
    yield from check_series(plan, inputs)
    yield from check_groups(plan, inputs)
    for where, value in sorted(unsound(plan, "plan")):
        yield Finding(NAME, where, "finite number", "finite", str(value))


def check_identity(plan: Plan, inputs: Inputs) -> Iterator[Finding]:
    """Yield version, name and windows that are not the scenario's."""
    windows = inputs.windows
    claims: tuple[tuple[str, int | str, int | str], ...] = (
        ("version", PLAN_VERSION, plan.version),
        ("name", inputs.scenario.name, plan.name),
        ("windows", len(windows), plan.windows),
        ("window length [s]", windows.window_s, plan.window_s),
    )
    for what, expected, found in claims:
        if expected != found:
            yield Finding(NAME, "plan", what, expected, found)
    start = windows.label(0)
    try:
        same = datetime.fromisoformat(plan.first_window_start) == datetime.fromisoformat(start)
    except ValueError:
        same = False
    if not same:
        yield Finding(NAME, "plan", "first window start (UTC)", start, plan.first_window_start)


def check_series(plan: Plan, inputs: Inputs) -> Iterator[Finding]:
    """Yield sites and GPU types that do not appear exactly once, and series of the wrong length."""
    stocked = Counter(f"{site.name}/{gpu}" for site in inputs.scenario.sites for gpu in site.gpus)
    entries = (
        ("sites", Counter(site.name for site in inputs.scenario.sites), Counter(entry.site for entry in plan.sites)),
        ("servers", stocked, Counter(f"{entry.site}/{entry.gpu}" for entry in plan.servers)),
    )
    for what, expected, found in entries:
        for key in sorted({*expected, *found}):
            if expected[key] != found[key]:
                yield Finding(NAME, key, f"entries among {what}", expected[key], found[key])
    series = [(entry.site, field.name, getattr(entry, field.name)) for entry in plan.sites for field in fields(entry)]
    series += [
        (entry.site, field.name, getattr(entry, field.name)) for entry in plan.servers for field in fields(entry)
    ]
    for site, name, values in series:
        if isinstance(values, tuple) and len(values) != len(inputs.windows):
            yield Finding(NAME, site, f"windows of {name}", len(inputs.windows), len(values))


def check_groups(plan: Plan, inputs: Inputs) -> Iterator[Finding]:
    """Yield groups outside the horizon, without instances, or listed twice."""
    seen: set[tuple[object, ...]] = set()
    for group in plan.groups:
        where = f"{group.pool} window {group.window}"
        if not 0 <= group.window < len(inputs.windows):
            yield Finding(NAME, where, "window", f"0 to {len(inputs.windows) - 1}", group.window)
        if group.instances < 1:
            yield Finding(NAME, where, "instances", "at least 1", group.instances)
        key = (group.window, group.pool, group.kind, group.frequency_mhz, group.rate_rps)
        if key in seen:
            yield Finding(NAME, where, "times that a group is listed", 1, "more than once")
        seen.add(key)


def unsound(value: object, where: str) -> Iterator[tuple[str, float]]:
    """Every number in a record that is infinite or not a number, with its path."""
    if isinstance(value, float):
        if not isfinite(value):
            yield where, value
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from unsound(item, f"{where}[{index}]")
    elif is_dataclass(value):
        for field in fields(value):
            yield from unsound(getattr(value, field.name), f"{where}.{field.name}")
