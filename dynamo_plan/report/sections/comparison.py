"""Several runs of one horizon side by side."""

from __future__ import annotations

from collections.abc import Sequence

from dynamo_plan.report.accounts import gpus_in_use, power_kw
from dynamo_plan.report.chart import Cell, Table
from dynamo_plan.report.charts import bars, lines
from dynamo_plan.report.page import Section
from dynamo_plan.report.reported import MEASURES, ReportedRun
from dynamo_plan.report.sections.summary import COMPARED
from dynamo_plan.report.wording import change, standing
from dynamo_plan.units import PERCENT_PER_ONE


def comparison(runs: Sequence[ReportedRun]) -> Section:
    """Totals, power and GPUs of runs; the first is what the others are compared with."""
    first = runs[0]
    text = [f"{run.title}: {run.plan.status.value}, {standing(run.plan, run.scenario.objective)}." for run in runs]
    chosen = MEASURES[:COMPARED]
    bases = [measure.of(first.plan.totals) for measure in chosen]
    series = {
        run.title: [
            measure.of(run.plan.totals) / base * PERCENT_PER_ONE if base else 0.0
            for measure, base in zip(chosen, bases, strict=True)
        ]
        for run in runs
    }
    names = [measure.name for measure in chosen]
    told = f"Totals over the horizon; {first.title} is 100 %."
    charts = [
        bars("Totals of the runs", names, series, y_label=f"% of {first.title}", text=told),
        lines("Power of the runs", first.times, {run.title: power_kw(run.plan) for run in runs}, y_label="power, kW"),
        lines(
            "GPUs of the runs", first.times, {run.title: gpus_in_use(run.plan) for run in runs}, y_label="GPUs in use"
        ),
    ]
    return Section("Comparison", text, charts, [_totals(runs)])


def _totals(runs: Sequence[ReportedRun]) -> Table:
    first, rows = runs[0].plan.totals, list[tuple[Cell, ...]]()
    for measure in MEASURES:
        cells: list[Cell] = [measure.label, measure.of(first)]
        for run in runs[1:]:
            value = measure.of(run.plan.totals)
            cells += [value, change(measure.of(first), value)]
        rows.append(tuple(cells))
    columns = ["total", runs[0].title]
    for run in runs[1:]:
        columns += [run.title, f"{run.title} against {runs[0].title}"]
    return Table("Totals", tuple(columns), tuple(rows))
