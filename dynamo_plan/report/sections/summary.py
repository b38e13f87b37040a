"""What the plan is, what it saves against what, and how sure that is."""

from __future__ import annotations

from dynamo_plan.report.accounts import saving
from dynamo_plan.report.accounts_cost import load_rps, scaling_bound
from dynamo_plan.report.card import READINGS
from dynamo_plan.report.chart import Chart, Table
from dynamo_plan.report.charts import bars
from dynamo_plan.report.page import KeyFigure, Section
from dynamo_plan.report.reported import MEASURES, ReportedRun
from dynamo_plan.report.wording import amount, breach, change, readable, standing
from dynamo_plan.schema.plan import Baseline
from dynamo_plan.units import PERCENT_PER_ONE

COMPARED = 4
"""Measures whose bars stand beside each other: energy, carbon, cost and GPU-hours; peaks are of another sort."""

NO_YARDSTICKS = ("single_pool_strict",)
"""Baselines that stand in the table and are not drawn: beside them every plan looks good."""

BOUND_IS = (
    "Following the load alone can save at most 1 − mean/peak of the arrival rate, {bound}, against holding what the peak needs; "
    "what a saving has above that comes from other kinds of instances, clocks or sharing."
)


def summary(run: ReportedRun) -> Section:
    """Key figures, savings with their baselines, what is proven."""
    plan = run.plan
    text = [f"{plan.status.value.capitalize()}: {standing(plan, run.scenario.objective)}."]
    text += [f"Broken promise: {breach(plan, broken)}." for broken in plan.violations]
    text += [_described(one) for one in plan.baselines]
    bound = f"{scaling_bound(load_rps(plan)) * PERCENT_PER_ONE:.1f} %"
    if plan.baselines:
        text.append(BOUND_IS.format(bound=bound))
    figures = [_figure(run, index, bound) for index in range(len(MEASURES))]
    return Section(
        "Summary",
        text,
        figures=figures,
        tables=[_totals(run)] if plan.baselines else [],
        charts=_against_baselines(run),
    )


def _figure(run: ReportedRun, index: int, bound: str) -> KeyFigure:
    measure, notes = MEASURES[index], []
    ours = measure.of(run.plan.totals)
    for baseline in run.plan.baselines[:1]:
        against = change(measure.of(baseline.totals), ours)
        notes += [f"{against} against {readable(baseline.name)}"] if against else []
        if measure.name == "cost" and saving(measure.of(baseline.totals), ours) > 0:
            notes.append(f"following the load alone: at most −{bound}")
    return KeyFigure(measure.name, f"{amount(ours)} {measure.unit}".strip(), "; ".join(notes))


def _totals(run: ReportedRun) -> Table:
    plan = run.plan
    columns = ["total", "plan"]
    for baseline in plan.baselines:
        columns += [readable(baseline.name), f"plan against {readable(baseline.name)}"]
    rows = []
    for measure in MEASURES:
        ours = measure.of(plan.totals)
        cells: list[str | int | float] = [measure.label, ours]
        for baseline in plan.baselines:
            theirs = measure.of(baseline.totals)
            cells += [theirs, change(theirs, ours)]
        rows.append(tuple(cells))
    return Table("Totals over the horizon", tuple(columns), tuple(rows))


def _against_baselines(run: ReportedRun) -> list[Chart]:
    """The plan's totals beside those of its baselines, each as a part of the first baseline's."""
    if not run.plan.baselines:
        return []
    first, names = run.plan.baselines[0], [measure.name for measure in MEASURES[:COMPARED]]
    drawn = [one for one in run.plan.baselines if one.name not in NO_YARDSTICKS]
    totals = {"plan": run.plan.totals} | {readable(one.name): one.totals for one in drawn}
    series = {
        name: [_percent(measure.of(own), measure.of(first.totals)) for measure in MEASURES[:COMPARED]]
        for name, own in totals.items()
    }
    text = f"Totals over the horizon; {readable(first.name)} is 100 %."
    return [bars("Plan and baselines", names, series, y_label=f"% of {readable(first.name)}", text=text)]


def _percent(part: float, whole: float) -> float:
    return part / whole * PERCENT_PER_ONE if whole else 0.0


def _described(baseline: Baseline) -> str:
    """What a baseline is, and how to read the comparison with it."""
    reading = READINGS.get(baseline.name, "")
    name = readable(baseline.name)
    return f"{name[0].upper()}{name[1:]}: {baseline.description.rstrip('.')}. {reading}".rstrip()
