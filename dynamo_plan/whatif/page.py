"""The page of a study: what moves the result most, which runs no other beats, all runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from dynamo_plan.report.chart import Cell, Chart, Table
from dynamo_plan.report.charts import scatter, tornado
from dynamo_plan.report.charts.names import Effect
from dynamo_plan.report.charts.relations import Point
from dynamo_plan.report.page import KeyFigure, Page, Section
from dynamo_plan.report.wording import change, count, number
from dynamo_plan.schema.sweep import Outcome
from dynamo_plan.whatif.fronts import (
    AIMS,
    CARBON,
    COST,
    ENERGY,
    GPUS,
    SLACK,
    Aim,
    pareto_front,
    sensitivities,
)

PAIRS = ((ENERGY, COST), (ENERGY, CARBON), (GPUS, COST), (ENERGY, SLACK))
"""Aims whose trade is drawn."""

MOVED = (ENERGY, COST, CARBON, GPUS)

MOST_NAMED = 8
"""Runs of a front that are named in the drawing; more would cover each other."""

STILL = 1e-6
"""Swing below which a key has no effect [of the base's result]: what the solver leaves open."""

SLACK_IS = (
    "SLO slack is the share of the capacity at the SLO that the running instances leave unused, weighted by their GPUs."
)


def study_page(
    title: str, outcomes: Sequence[Outcome], grid: Mapping[str, Sequence[JsonValue]], foot: str = ""
) -> Page:
    """The page on all runs of a study; `grid` are the keys and values that were combined."""
    sections = [_overview(outcomes), _sensitivity(outcomes, grid), _fronts(outcomes), _table(outcomes)]
    failed = [one for one in outcomes if one.error]
    if failed:
        rows = tuple((one.name, one.error) for one in failed)
        sections.append(Section("Runs that failed", tables=[Table("Failed", ("run", "why"), rows)]))
    return Page(f"What if: {title}", sections, count(len(outcomes), "run"), foot)


def _overview(outcomes: Sequence[Outcome]) -> Section:
    base = next((one for one in outcomes if not one.change), None)
    figures = []
    for aim in MOVED:
        found = [one for one in pareto_front(outcomes) if not math.isnan(aim.of(one))]
        if not found:
            continue
        best = min(found, key=aim.of)
        value = getattr(best, aim.column)
        against = "" if base is None or best is base else change(getattr(base, aim.column), value)
        note = f"{best.name}; {against} against base" if against else best.name
        figures.append(KeyFigure(f"least {aim.label}", number(value), note))
    states = {status: sum(one.status == status for one in outcomes) for status in sorted({o.status for o in outcomes})}
    text = f"{', '.join(f'{amount} {status}' for status, amount in states.items())}. Base is the scenario as it is."
    return Section("Overview", text, figures=figures)


def _sensitivity(outcomes: Sequence[Outcome], grid: Mapping[str, Sequence[JsonValue]]) -> Section:
    base = next((one for one in outcomes if not one.change), None)
    charts: list[Chart] = []
    for aim in MOVED:
        effects = sensitivities(outcomes, grid, aim)
        if effects and base is not None:
            charts.append(_tornado(aim, getattr(base, aim.column), effects))
    if not charts:
        return Section("Sensitivity", "Not known: the base has no plan, or no key was changed over its range.")
    text = (
        "Keys of the grid: main effects, the mean over all runs of the grid at a value, less the mean over the grid. "
        "Keys that cases change alone: those runs. The line is the base."
    )
    return Section("Sensitivity", text, charts)


def _tornado(aim: Aim, base: float, effects: Sequence[Effect]) -> Chart:
    """What moves one result; what does not is named, not drawn."""
    moving = [effect for effect in effects if effect.swing > STILL * abs(base)]
    still = ", ".join(effect.name for effect in effects if effect not in moving)
    title = f"What moves {aim.label.split(',')[0]}"
    text = f"From the lowest to the highest result of each key. {f'Without effect: {still}.' if still else ''}"
    return tornado(title, base, moving, x_label=aim.label, text=text.strip())


def _fronts(outcomes: Sequence[Outcome]) -> Section:
    charts = [chart for x, y in PAIRS if (chart := _front(outcomes, x, y)) is not None]
    best = pareto_front(outcomes)
    note = "Runs that no other equals or beats in energy, cost, carbon, peak GPUs and SLO slack at once"
    rows: list[tuple[Cell, ...]] = [(one.name, *(getattr(one, aim.column) for aim in AIMS)) for one in best]
    columns = ("run", *(aim.label for aim in AIMS))
    return Section("Fronts", SLACK_IS, charts, [Table("Pareto front", columns, tuple(rows), note)] if rows else [])


def _front(outcomes: Sequence[Outcome], x: Aim, y: Aim) -> Chart | None:
    """Runs over two aims with their front."""
    shown = [one for one in outcomes if not math.isnan(x.of(one)) and not math.isnan(y.of(one))]
    if not shown:
        return None
    best = sorted(pareto_front(shown, (x, y)), key=lambda one: (x.of(one), y.of(one)))
    named = best if len(best) <= MOST_NAMED else [best[0], best[-1]]

    def point(one: Outcome, *, on_front: bool) -> Point:
        name = one.name if not on_front or one in named else ""
        return Point(getattr(one, x.column), getattr(one, y.column), name)

    groups = {
        status: [point(one, on_front=False) for one in shown if one.status == status]
        for status in dict.fromkeys(one.status for one in shown)
    }
    front = [point(one, on_front=True) for one in best]
    text = (
        f"Each point is a run; the line joins those that no other beats in both. {len(best)} of {len(shown)} are on it."
    )
    title = f"{x.label.split(',')[0]} and {y.label.split(',')[0]}"
    return scatter(title[0].upper() + title[1:], groups, front=front, x_label=x.label, y_label=y.label, text=text)


def _table(outcomes: Sequence[Outcome]) -> Section:
    best = {one.run_id for one in pareto_front(outcomes)}
    rows: list[tuple[Cell, ...]] = [
        (one.name, one.status, *(getattr(one, aim.column) for aim in AIMS), "yes" if one.run_id in best else "")
        for one in outcomes
    ]
    columns = ("run", "status", *(aim.label for aim in AIMS), "on the front")
    return Section("All runs", tables=[Table("Runs", columns, tuple(rows))])
