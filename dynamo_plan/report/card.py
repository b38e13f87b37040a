"""The result card: one screen that says what the plan is, what it saves against what, how good it is and what it rests on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dynamo_plan.report.accounts import gpus_in_use, instance_energy_kwh, power_kw, saving, shares
from dynamo_plan.report.bars import bar, sparkline
from dynamo_plan.report.binding import window_ranges
from dynamo_plan.schema.horizon import window_start
from dynamo_plan.schema.plan import Plan, PlanStatus, Totals
from dynamo_plan.units import MINUTES_PER_HOUR, SECONDS_PER_HOUR

CARD_COLUMNS = 100
"""Widest card: what fits into a pasted code block and half a wide screen."""

SPARK_COLUMNS = 72
BAR_COLUMNS = 16
MOST_BARS = 6
MOST_VIOLATIONS = 3
STATUS_STYLE = {
    PlanStatus.OPTIMAL: "bold green",
    PlanStatus.FEASIBLE: "bold yellow",
    PlanStatus.INFEASIBLE: "bold red",
    PlanStatus.ERROR: "bold red",
}
DIRECT = "measured"
"""The only provenance that is a measurement of the very operating point."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A row of the comparison."""

    label: str
    of: Callable[[Totals], float]


MEASURES = (
    Measure("energy, kWh", lambda totals: totals.energy_kwh),
    Measure("carbon, kg CO2e", lambda totals: totals.carbon_kg),
    Measure("cost, USD", lambda totals: totals.cost_usd),
    Measure("GPU-hours", lambda totals: totals.gpu_hours),
    Measure("peak power, kW", lambda totals: totals.peak_power_kw),
)


def print_card(
    plan: Plan, phases_s: Mapping[str, float], solver: Mapping[str, str], run_folder: str, console: Console
) -> None:
    """Print the card, at most `CARD_COLUMNS` wide.

    Parameters
    ----------
    phases_s : mapping of str to float
        Wall time per phase [s].
    solver : mapping of str to str
        Name and version.
    run_folder : str
        As the user would type it, for the hint at the end.
    """
    console.print(card(plan, phases_s, solver, run_folder), width=min(console.width, CARD_COLUMNS))


def card(plan: Plan, phases_s: Mapping[str, float], solver: Mapping[str, str], run_folder: str) -> RenderableType:
    """The card as something rich can print."""
    parts: list[RenderableType] = [
        Text(_horizon(plan)),
        _comparison(plan),
        _certificate(plan, phases_s, solver),
        _over_time(plan),
        _energy_shares(plan),
        _evidence(plan, run_folder),
    ]
    spaced: list[RenderableType] = [line for part in parts for line in (part, Text())][:-1]
    return Panel(Group(*spaced), title=f"[bold]{plan.name}[/bold]", title_align="left", padding=(0, 1))


def number(value: float) -> str:
    """A quantity for people: thousands separated, about four significant figures, never in powers of ten."""
    if not math.isfinite(value):
        return "unknown"
    size = abs(value)
    digits = 0 if size >= 1000 or size == 0 else 1 if size >= 100 else 2 if size >= 1 else 4
    return f"{value:,.{digits}f}"


def change(baseline: float, plan: float) -> str:
    """The plan against a baseline, e.g. ``−40.0 %``; empty where the baseline is 0."""
    saved = saving(baseline, plan)
    if math.isnan(saved):
        return ""
    percent = f"{abs(saved) * 100:.1f}"
    sign = "" if float(percent) == 0 else "−" if saved > 0 else "+"
    return f"{sign}{percent} %"


def _horizon(plan: Plan) -> str:
    start, end = window_start(plan, 0), window_start(plan, plan.windows)
    services = {pool.service for pool in plan.pools}
    counts = [(len(services), "service"), (len(plan.pools), "pool"), (len(plan.sites), "site")]
    minutes = plan.window_s / SECONDS_PER_HOUR * MINUTES_PER_HOUR
    return " · ".join(
        [
            f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC",
            f"{_count(plan.windows, 'window')} of {minutes:g} min",
            *(_count(count, noun) for count, noun in counts),
        ]
    )


def _comparison(plan: Plan) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("plan", justify="right", style="bold")
    for baseline in plan.baselines:
        table.add_column(_readable(baseline.name), justify="right", no_wrap=True)
        table.add_column("against it", justify="right", no_wrap=True)
    for measure in MEASURES:
        ours = measure.of(plan.totals)
        cells: list[str | Text] = [measure.label, number(ours)]
        for baseline in plan.baselines:
            theirs = measure.of(baseline.totals)
            cells += [number(theirs), _change(theirs, ours)]
        table.add_row(*cells)
    gpus: list[str | Text] = ["peak GPUs", f"{plan.totals.peak_gpus:,}"]
    for baseline in plan.baselines:
        theirs, ours = baseline.totals.peak_gpus, plan.totals.peak_gpus
        gpus += [f"{theirs:,}", _change(theirs, ours)]
    table.add_row(*gpus)
    return table


def _change(baseline: float, plan: float) -> Text:
    return Text(change(baseline, plan), style="green" if plan <= baseline else "red")


def _certificate(plan: Plan, phases_s: Mapping[str, float], solver: Mapping[str, str]) -> Table:
    proof = plan.certificate
    table = _labelled()
    table.add_row(
        Text(plan.status.value, style=STATUS_STYLE[plan.status]),
        f"objective {number(proof.objective)} · bound {number(proof.best_bound)} · gap {_gap(proof.gap)}",
    )
    table.add_row("proof", Text(proof.proof))
    name = " ".join(part for part in (solver.get("name", ""), solver.get("version", "")) if part)
    table.add_row("solved by", f"{proof.method}, {name}, in {sum(phases_s.values()):.2f} s")
    table.add_row("seconds", " · ".join(f"{phase} {seconds:.2f}" for phase, seconds in phases_s.items()))
    starts = _count(plan.totals.instance_starts, "instance start")
    table.add_row("also", f"{starts} · {number(plan.totals.unserved_requests)} requests unserved")
    for violation in plan.violations[:MOST_VIOLATIONS]:
        broken = (
            f"{violation.constraint} at {violation.where}, windows {window_ranges(violation.windows)}, by up to"
            f" {number(max(violation.shortfall))} {violation.unit}; {violation.mend}"
        )
        table.add_row(Text("breaks", style="red"), Text(broken, style="red"))
    if len(plan.violations) > MOST_VIOLATIONS:
        table.add_row("", f"... and {len(plan.violations) - MOST_VIOLATIONS} more broken promises")
    return table


def _over_time(plan: Plan) -> Table:
    table = Table.grid(padding=(0, 1))
    gpus, power = gpus_in_use(plan), power_kw(plan)
    table.add_row("GPUs in use", Text(sparkline(gpus, SPARK_COLUMNS), style="cyan"), f"max {max(gpus, default=0)}")
    table.add_row("power", Text(sparkline(power, SPARK_COLUMNS), style="cyan"), f"max {number(max(power))} kW")
    return table


def _energy_shares(plan: Plan) -> Table:
    by_shape = instance_energy_kwh(plan, lambda group: _shape(group.kind.gpu, group.kind.tp, group.kind.pp))
    by_clock = instance_energy_kwh(plan, lambda group: f"{group.frequency_mhz:g} MHz")
    left, right = _bar_rows(by_shape), _bar_rows(by_clock)
    table = Table.grid(padding=(0, 2))
    table.add_row(Text("instances' energy by parallelism", style="bold"), Text("and by clock", style="bold"))
    for row in range(max(len(left), len(right))):
        table.add_row(*(rows[row] if row < len(rows) else "" for rows in (left, right)))
    return table


def _bar_rows(parts: dict[str, float]) -> list[str]:
    ordered = list(shares(parts).items())
    shown, rest = ordered[:MOST_BARS], ordered[MOST_BARS:]
    if rest:
        shown.append((f"{len(rest)} others", math.fsum(share for _, share in rest)))
    width = max((len(name) for name, _ in shown), default=0)
    return [f"  {name:<{width}} {bar(share, BAR_COLUMNS)} {share * 100:5.1f} %" for name, share in shown]


def _evidence(plan: Plan, run_folder: str) -> Table:
    table = _labelled()
    parts = ", ".join(f"{part.provenance} {part.share * 100:.0f} %" for part in plan.provenance if part.share > 0)
    if parts:
        direct = any(part.provenance == DIRECT and part.share > 0 for part in plan.provenance)
        warning = "" if direct else "; no row behind this plan is a measurement of its operating point"
        table.add_row("rests on", f"profile rows: {parts}{warning}")
    for baseline in plan.baselines:
        table.add_row(_readable(baseline.name), Text(baseline.description))
    left_out, assumed = _count(len(plan.omissions), "piece"), _count(len(plan.assumptions), "assumption")
    table.add_row("left out", f"{left_out} of the model; {assumed}; which: dynamo-plan explain {run_folder}")
    return table


def _labelled() -> Table:
    """A grid of labels and texts, whose texts wrap beside their labels."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    return table


def _shape(gpu: str, tp: int, pp: int) -> str:
    return f"{gpu} TP{tp}" + (f" PP{pp}" if pp > 1 else "")


def _gap(gap: float) -> str:
    return f"{gap * 100:.3f} %" if math.isfinite(gap) else "unknown"


def _readable(name: str) -> str:
    return name.replace("_", " ")


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
