"""The result card: one screen that says what the plan is, what it saves against what, how good it is and what it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dynamo_plan.report.accounts import gpus_in_use, has_powers, instance_energy_kwh, power_kw, shares
from dynamo_plan.report.bars import bar, sparkline
from dynamo_plan.report.reported import MEASURES, clock_of, shape_name
from dynamo_plan.report.wording import (
    amount,
    bound_name,
    breach,
    change,
    count,
    number,
    readable,
    sharing,
    size,
    span,
    standing,
)
from dynamo_plan.schema.horizon import window_start
from dynamo_plan.schema.plan import Plan, PlanStatus
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.schema.scenario import ObjectiveName
from dynamo_plan.units import PERCENT_PER_ONE

CARD_COLUMNS = 100
"""Widest card: what fits into a pasted code block and half a wide screen."""

FRAME_COLUMNS = 4
"""Border and padding of the card, left and right."""

LEAST_SPARK_COLUMNS = 8
BAR_COLUMNS = 16
MOST_BARS = 6
MOST_VIOLATIONS = 3
STATUS_STYLE = {
    PlanStatus.OPTIMAL: "bold green",
    PlanStatus.FEASIBLE: "bold yellow",
    PlanStatus.INFEASIBLE: "bold red",
    PlanStatus.ERROR: "bold red",
}
PROVENANCES = {
    Provenance.MEASURED: "measured at these operating points",
    Provenance.INTERPOLATED: "interpolated between measured points",
    Provenance.COMPOSED: "composed from measurements of different systems",
    Provenance.FITTED: "fitted by a formula",
    Provenance.DIGITISED: "read off published figures",
    Provenance.MODELLED: "computed by a model of an engine",
}
READINGS = {
    "single_pool": "The one to compare with: mixing for free flatters it.",
    "single_pool_strict": "Not a yardstick: it shows what sharing costs where short requests wait behind long ones.",
}
"""How to read the comparison with a baseline that is known here, by its name."""


@dataclass(frozen=True, slots=True)
class Making:
    """How a plan was made.

    Attributes
    ----------
    objective : mapping of ObjectiveName to float
        The scenario's weights.
    phases_s : mapping of str to float
        Wall time per phase [s].
    solver : mapping of str to str
        Name and version.
    run_folder : str
        As the user would type it.
    """

    objective: Mapping[ObjectiveName, float]
    phases_s: Mapping[str, float]
    solver: Mapping[str, str]
    run_folder: str


def print_card(plan: Plan, making: Making, console: Console) -> None:
    """Print the card, at most `CARD_COLUMNS` wide."""
    columns = min(console.width, CARD_COLUMNS)
    console.print(card(plan, making, columns), width=columns)


def card(plan: Plan, making: Making, columns: int) -> RenderableType:
    """The card as something rich can print."""
    parts: list[RenderableType] = [
        Text(f"{span(plan)}\n{size(plan)}"),
        _comparison(plan),
        _baselines(plan),
        _certificate(plan, making),
        _over_time(plan, columns - FRAME_COLUMNS),
        *([_energy_shares(plan)] if has_powers(plan) else []),
        _evidence(plan, making.run_folder),
    ]
    spaced: list[RenderableType] = [line for part in parts for line in (part, Text())][:-1]
    return Panel(Group(*spaced), title=f"[bold]{plan.name}[/bold]", title_align="left", padding=(0, 1))


def _comparison(plan: Plan) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("plan", justify="right", style="bold", no_wrap=True)
    for baseline in plan.baselines:
        table.add_column(readable(baseline.name), justify="right")
        table.add_column("plan against it", justify="right")
    for measure in MEASURES:
        ours = measure.of(plan.totals)
        cells: list[str | Text] = [measure.label, amount(ours)]
        for baseline in plan.baselines:
            theirs = measure.of(baseline.totals)
            cells += [amount(theirs), _change(theirs, ours)]
        table.add_row(*cells)
    return table


def _change(baseline: float, plan: float) -> Text:
    return Text(change(baseline, plan), style="green" if plan <= baseline else "red", no_wrap=True)


def _baselines(plan: Plan) -> Table:
    table = _labelled()
    for baseline in plan.baselines:
        sentences = (baseline.description.rstrip(".") + ".", READINGS.get(baseline.name, ""))
        table.add_row(readable(baseline.name), Text(" ".join(sentences).strip()))
    return table


def _certificate(plan: Plan, making: Making) -> Table:
    proof = plan.certificate
    table = _labelled()
    table.add_row(Text(plan.status.value, style=STATUS_STYLE[plan.status]), standing(plan, making.objective))
    table.add_row("bound from", Text(proof.proof))
    name = " ".join(part for part in (making.solver.get("name", ""), making.solver.get("version", "")) if part)
    total_s = sum(making.phases_s.values())
    table.add_row("solved by", f"plan: {proof.method} · bound: {bound_name(proof.proof)} · {name} · {total_s:.2f} s")
    table.add_row("seconds", " · ".join(f"{phase} {seconds:.2f}" for phase, seconds in making.phases_s.items()))
    starts = count(plan.totals.instance_starts, "instance start")
    if plan.reshards:
        starts += f" · {count(sum(one.instances for one in plan.reshards), 're-shard')}"
    for found in plan.sharing:
        table.add_row("pools", Text(sharing(plan, found, making.objective)))
    table.add_row("schedule", f"{starts} · {number(plan.totals.unserved_requests)} requests unserved")
    for violation in plan.violations[:MOST_VIOLATIONS]:
        table.add_row(Text("breaks", style="red"), Text(breach(plan, violation), style="red"))
    if len(plan.violations) > MOST_VIOLATIONS:
        table.add_row("", f"... and {len(plan.violations) - MOST_VIOLATIONS} more broken promises")
    return table


def _over_time(plan: Plan, columns: int) -> Table:
    """Sparklines as wide as the space beside their labels and maxima, over the first and last moment."""
    gpus, power = gpus_in_use(plan), power_kw(plan)
    rows = (
        ("GPUs in use", gpus, f"max {max(gpus, default=0):,}"),
        ("power", power, f"max {number(max(power))} kW"),
    )
    sides = max(len(label) for label, _, _ in rows) + max(len(most) for _, _, most in rows) + 2
    width = min(plan.windows, max(LEAST_SPARK_COLUMNS, columns - sides))
    table = Table.grid(padding=(0, 1))
    for label, values, most in rows:
        table.add_row(label, Text(sparkline(values, width), style="cyan"), most)
    start, end = (f"{window_start(plan, window):%m-%d %H:%M}" for window in (0, plan.windows))
    if len(start) + len(end) < width:
        table.add_row("", Text(start + end.rjust(width - len(start)), style="dim"), "UTC")
    return table


def _energy_shares(plan: Plan) -> Table:
    by_shape = instance_energy_kwh(plan, shape_name)
    by_clock = instance_energy_kwh(plan, clock_of)
    left, right = _bar_rows(by_shape), _bar_rows(by_clock)
    table = Table.grid(padding=(0, 2))
    table.add_row(Text("instances' energy by tensor parallelism", style="bold"), Text("and by GPU clock", style="bold"))
    for row in range(max(len(left), len(right))):
        table.add_row(*(rows[row] if row < len(rows) else "" for rows in (left, right)))
    return table


def _bar_rows(parts: dict[str, float]) -> list[str]:
    ordered = list(shares(parts).items())
    shown, rest = ordered[:MOST_BARS], ordered[MOST_BARS:]
    if rest:
        shown.append((f"{len(rest)} others", math.fsum(share for _, share in rest)))
    width = max((len(name) for name, _ in shown), default=0)
    return [f"  {name:<{width}} {bar(share, BAR_COLUMNS)} {share * PERCENT_PER_ONE:5.1f} %" for name, share in shown]


def _evidence(plan: Plan, run_folder: str) -> Table:
    table = _labelled()
    parts = [
        f"{part.share * PERCENT_PER_ONE:.0f} % {PROVENANCES[Provenance(part.provenance)]}"
        for part in plan.provenance
        if part.share > 0
    ]
    if parts:
        direct = any(part.provenance == Provenance.MEASURED and part.share > 0 for part in plan.provenance)
        warning = "" if direct else "; no row behind this plan is a measurement of its operating point"
        table.add_row("rests on", f"profile rows: {', '.join(parts)}{warning}")
    for service in dict.fromkeys(one.service for one in plan.prediction_errors):
        errors = ", ".join(str(one) for one in plan.prediction_errors if one.service == service)
        table.add_row(
            "may be off", Text(f"{service}: its profile predicts a clock left out of it with mean errors of {errors}")
        )
    if plan.groups and not has_powers(plan):
        table.add_row("rests on", "profile rows without powers: power, energy and carbon are without the instances")
    left_out, assumed = count(len(plan.omissions), "piece"), count(len(plan.assumptions), "assumption")
    table.add_row("left out", f"{left_out} of the model; {assumed} made; see dynamo-plan explain {run_folder}")
    return table


def _labelled() -> Table:
    """A grid of labels and texts, whose texts wrap beside their labels."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    return table
