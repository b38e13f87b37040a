"""What binds: broken promises, limits that the plan stands at, and what one more would save."""

from __future__ import annotations

import math

from dynamo_plan.report.chart import Cell, Chart, Table
from dynamo_plan.report.charts import lines
from dynamo_plan.report.page import Section
from dynamo_plan.report.reported import ReportedRun, largest
from dynamo_plan.report.wording import in_windows, objective_unit
from dynamo_plan.report.worth import PRICES_ARE


def limits(run: ReportedRun) -> Section:
    """Violations, binding limits, shadow prices."""
    plan, text = run.plan, list(run.diagnosis)
    tables = [*_violations(run), *_binding(run)]
    if not plan.violations:
        text.append("Every promise is kept.")
    if run.unread:
        text.append(f"Whether the reserve binds was not examined, {run.unread}.")
    if not run.binding:
        text.append("The plan stands at no limit of the scenario.")
    if plan.shadow_prices:
        text.append(PRICES_ARE)
        return Section("What binds", text, [_prices(run)], [*tables, _worth(run)])
    text.append("No GPU, kilowatt or start more would make the relaxed problem cheaper.")
    return Section("What binds", text, tables=tables)


def _violations(run: ReportedRun) -> list[Table]:
    rows: list[tuple[Cell, ...]] = [
        (one.constraint, one.where, max(one.shortfall), one.unit, in_windows(run.plan, one.windows), one.mend)
        for one in run.plan.violations
    ]
    columns = ("promise", "where", "short by up to", "unit", "when, UTC", "what mends it")
    return [Table("Broken promises", columns, tuple(rows))] if rows else []


def _binding(run: ReportedRun) -> list[Table]:
    rows: list[tuple[Cell, ...]] = [
        (one.constraint, one.where, one.limit, len(one.windows), in_windows(run.plan, one.windows))
        for one in run.binding
    ]
    return [Table("Limits reached", ("limit", "where", "what", "windows", "when, UTC"), tuple(rows))] if rows else []


def _name(constraint: str, where: str, unit: str) -> str:
    return f"{constraint} at {where}, per {unit}"


def _prices(run: ReportedRun) -> Chart:
    plan, series = run.plan, {}
    for price in plan.shadow_prices:
        found = dict(zip(price.windows, price.saving, strict=True))
        values = [found.get(window, 0.0) for window in range(plan.windows)]
        series[_name(price.constraint, price.where, price.unit)] = values
    unit = objective_unit(run.scenario.objective).strip() or "objective"
    text = "What one more unit of a limit would save in each window."
    return lines("Shadow prices", run.times, largest(series), y_label=f"saving, {unit}", text=text)


def _worth(run: ReportedRun) -> Table:
    unit = objective_unit(run.scenario.objective).strip() or "of the objective"
    ordered = sorted(
        run.plan.shadow_prices, key=lambda price: (-math.fsum(price.saving), price.constraint, price.where)
    )
    rows = tuple(
        (one.constraint, one.where, one.unit, math.fsum(one.saving), max(one.saving), len(one.windows))
        for one in ordered
    )
    columns = (
        "limit",
        "where",
        "one more",
        f"saves over the horizon, {unit}",
        f"in the best window, {unit}",
        "windows",
    )
    return Table("What one more would save", columns, rows)
