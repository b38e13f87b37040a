"""The card of a comparison: every system in a line, what each knob contributes, and how far below a plan could be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dynamo_plan.report.card import CARD_COLUMNS, FRAME_COLUMNS
from dynamo_plan.report.wording import change, count, number
from dynamo_plan.schema.comparison import Comparison, SystemRun
from dynamo_plan.units import MINUTES_PER_HOUR, PERCENT_PER_ONE, SECONDS_PER_HOUR

WELL_KEPT = 0.99
"""Share of bucket-windows [1] below which a system is marked: as few may break a P99 by chance alone."""


@dataclass(frozen=True, slots=True)
class Knob:
    """Two systems that differ in one thing, and what it is."""

    name: str
    system: str
    against: str


KNOBS = (
    Knob("a pool per bucket", "multi-pool", "single-pool"),
    Knob("instances", "scale-inst", "multi-pool"),
    Knob("tensor parallelism", "scale-shard", "multi-pool"),
    Knob("clocks", "scale-freq", "multi-pool"),
    Knob("all three", "dynamo-llm", "multi-pool"),
    Knob("planning ahead", "planner", "dynamo-llm"),
    Knob("not knowing the load", "planner", "planner-foresight"),
)
"""In the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a knob changed."""

    knob: Knob
    run: SystemRun
    base: SystemRun

    @property
    def energy_kwh(self) -> float:
        """Energy with the knob above that without it [kWh]."""
        return self.run.account.energy_kwh - self.base.account.energy_kwh

    @property
    def energy(self) -> str:
        """Change of energy in per cent."""
        return change(self.base.account.energy_kwh, self.run.account.energy_kwh)


def contributions(comparison: Comparison) -> tuple[Contribution, ...]:
    """Of those knobs whose two systems were both run."""
    pairs = ((knob, comparison.system(knob.system), comparison.system(knob.against)) for knob in KNOBS)
    return tuple(Contribution(knob, run, base) for knob, run, base in pairs if run is not None and base is not None)


def print_comparison_card(comparison: Comparison, console: Console) -> None:
    """Print the card, at most `CARD_COLUMNS` wide."""
    columns = min(console.width, CARD_COLUMNS)
    console.print(comparison_card(comparison, columns), width=columns)


def comparison_card(comparison: Comparison, columns: int) -> RenderableType:
    """The card as something rich can print."""
    table, left_out = _fitting(comparison, columns - FRAME_COLUMNS)
    parts: list[RenderableType] = [Text(conditions(comparison)), Text(), table]
    found = contributions(comparison)
    if found:
        parts += [Text(), _knobs(found)]
    parts += [Text(), Text(bound_in_words(comparison)), *(Text(line) for line in outcomes_in_words(comparison))]
    parts += [Text(line, style="dim") for line in notes_in_words(comparison)]
    if left_out:
        parts.append(Text(f"In a wider terminal also: {', '.join(left_out)}.", style="dim"))
    title = Text(f"{comparison.name}: {count(len(comparison.systems), 'system')} compared", style="bold")
    return Panel(Group(*parts), title=title, title_align="left", padding=(0, 1))


def conditions(comparison: Comparison) -> str:
    """What was compared, and how, in two lines."""
    minutes = comparison.window_s / SECONDS_PER_HOUR * MINUTES_PER_HOUR
    return (
        f"{count(comparison.windows, 'window')} of {minutes:g} min from {comparison.first_window_start} · "
        f"{', '.join(comparison.services)} · {count(comparison.requests, 'request')}\n"
        f"router {comparison.router} · output class foreseen in {PERCENT_PER_ONE * comparison.predictor_accuracy:g} % · "
        f"seed {comparison.seed}"
    )


def bound_in_words(comparison: Comparison) -> str:
    """The lower bound and why it is one, or why there is none."""
    bound, base = comparison.lower_bound, comparison.system(comparison.baseline)
    if bound.energy_kwh is None:
        return f"Lower bound: not known; {bound.reason}."
    against = "" if base is None else f" ({change(base.account.energy_kwh, bound.energy_kwh)} against {base.name})"
    return f"Lower bound: {number(bound.energy_kwh)} kWh{against}, {bound.reason}."


def outcomes_in_words(comparison: Comparison) -> Iterator[str]:
    """What figures of systems do not say: requests without an answer, systems that were not run."""
    for run in comparison.systems:
        if run.unserved:
            part = "all" if run.timed_out == run.unserved else f"{run.timed_out:,} of them"
            given_up = f", {part} given up after their timeout" if run.timed_out else ""
            yield f"{run.name} leaves {count(run.unserved, 'request')} unanswered{given_up}."
    for left in comparison.omitted:
        yield f"{left.piece} was not run: {left.reason.rstrip('.')}."


def notes_in_words(comparison: Comparison) -> Iterator[str]:
    """What must be known to read the figures, of all systems together and of each."""
    if comparison.notes:
        yield " ".join(comparison.notes)
    for run in comparison.systems:
        for note in run.notes:
            yield f"{run.name}: {note}"


def _energy_change(comparison: Comparison, run: SystemRun) -> Text:
    """Energy against the baseline's in per cent."""
    above = comparison.change(run)
    if above is None or run.name == comparison.baseline:
        return Text("base", style="dim")
    return Text(f"{PERCENT_PER_ONE * above:+.1f}".replace("-", "−"), style="green" if above <= 0 else "red")


def _windows_kept(comparison: Comparison, run: SystemRun) -> Text:
    return Text(f"{run.met:,}/{run.spans:,}", style="" if run.attainment >= WELL_KEPT else "red")


CHANGE = "change\n%"

COLUMNS: dict[str, Callable[[Comparison, SystemRun], str | Text]] = {
    "energy\nkWh": lambda _, run: number(run.account.energy_kwh),
    CHANGE: _energy_change,
    "carbon\nkg": lambda _, run: number(run.account.carbon_kg),
    "cost\nUSD": lambda _, run: number(run.account.cost_usd),
    "GPU-\nhours": lambda _, run: number(run.account.gpu_hours),
    "starts": lambda _, run: f"{run.account.instance_starts:,}",
    "P50\nkW": lambda _, run: number(run.power_p50_kw),
    "P99\nkW": lambda _, run: number(run.power_p99_kw),
    "SLO kept\nwindows": _windows_kept,
    "SLO kept\nrequests": lambda _, run: f"{PERCENT_PER_ONE * run.within_slo:.2f} %",
}
"""What is said of a system, by the head of its column."""

FIRST_TO_GO = ("P50\nkW", "starts", "carbon\nkg", "GPU-\nhours", "cost\nUSD", "P99\nkW")
"""Columns that a narrow terminal does without: half a number would mislead."""


def _fitting(comparison: Comparison, width: int) -> tuple[Table, list[str]]:
    """The systems in a table of this width, and what had to be left out for it."""
    measuring = Console(width=CARD_COLUMNS, force_terminal=False)
    known = [name for name in COLUMNS if name != CHANGE or comparison.system(comparison.baseline) is not None]
    for gone in range(len(FIRST_TO_GO) + 1):
        table = _systems(comparison, [name for name in known if name not in FIRST_TO_GO[:gone]])
        if Measurement.get(measuring, measuring.options, table).minimum <= width:
            break
    return table, [name.replace("-\n", "-").split("\n")[0] for name in COLUMNS if name in FIRST_TO_GO[:gone]]


def _systems(comparison: Comparison, heads: Sequence[str]) -> Table:
    """A row per system; one space between columns, for the card has to stay narrow."""
    table = Table(box=None, padding=(0, 1), collapse_padding=True, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for run in comparison.systems:
        table.add_row(Text(run.name), *(COLUMNS[head](comparison, run) for head in heads))
    return table


def _knobs(found: tuple[Contribution, ...]) -> Table:
    table = Table(box=None, padding=(0, 1), collapse_padding=True, pad_edge=False, header_style="bold")
    table.add_column("knob", no_wrap=True)
    table.add_column("compared")
    for name in ("energy", "kWh", "windows kept, %"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        table.add_row(
            one.knob.name,
            Text(f"{one.knob.system} against {one.knob.against}"),
            Text(one.energy, style="green" if one.energy_kwh <= 0 else "red"),
            signed(one.energy_kwh),
            f"{PERCENT_PER_ONE * one.base.attainment:.1f} → {PERCENT_PER_ONE * one.run.attainment:.1f}",
        )
    return table


def signed(value: float) -> str:
    """A difference for people."""
    return f"{'−' if value < 0 else '+' if value > 0 else ''}{number(abs(value))}"
