"""The card says what is in the plan, within its width, with and without colour."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from dynamo_plan.report.card import CARD_COLUMNS, change, number, print_card
from dynamo_plan.schema.plan import Plan, PlanStatus, ProvenanceShare
from tests.emit.sample import best_effort_plan, sample_plan

PHASES_S = {"read": 0.25, "solve": 1.5}
SOLVER = {"name": "HiGHS", "version": "1.15.1"}


def printed(plan: Plan, *, width: int = 160, terminal: bool = False) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=terminal, color_system="standard" if terminal else None)
    print_card(plan, PHASES_S, SOLVER, "runs/today", console)
    return stream.getvalue()


def test_it_compares_with_every_baseline_by_name() -> None:
    lines = printed(sample_plan()).splitlines()
    header = next(line for line in lines if "against it" in line)
    assert "single pool " in header
    assert "single pool strict" in header
    energy = next(line for line in lines if "energy, kWh" in line)
    assert energy.split()[3:] == ["24.00", "40.00", "−40.0", "%", "60.00", "−60.0", "%", "│"]
    carbon = next(line for line in lines if "carbon, kg CO2e" in line)
    assert "−47.1 %" in carbon


@pytest.mark.parametrize(
    "text",
    [
        "hand-made",
        "2024-05-14 00:00 to 2024-05-14 04:00 UTC",
        "4 windows of 60 min · 1 service · 2 pools · 1 site",
        "optimal",
        "objective 24.00 · bound 24.00 · gap 0.000 %",
        "Every pool's schedule was priced exactly.",
        "decomposed, HiGHS 1.15.1, in 1.75 s",
        "read 0.25 · solve 1.50",
        "3 instance starts · 0 requests unserved",
        "▇▃██ max 18",
        "▄▆█▅ max 9.00 kW",
        "composed 100 %; no row behind this plan is a measurement",
        "1 piece of the model; 1 assumption",
        "dynamo-plan explain runs/today",
    ],
)
def test_it_says(text: str) -> None:
    assert text in printed(sample_plan())


def test_a_measured_plan_needs_no_warning() -> None:
    shares = (ProvenanceShare("measured", 0.75), ProvenanceShare("fitted", 0.25))
    text = printed(replace(sample_plan(), provenance=shares))
    assert "measured 75 %, fitted 25 %" in text
    assert "is a measurement" not in text


@pytest.mark.parametrize("width", [40, 80, 100, 300])
def test_it_keeps_within_its_width(width: int) -> None:
    longest = max(len(line) for line in printed(best_effort_plan(), width=width).splitlines())
    assert longest <= min(width, CARD_COLUMNS)


def test_without_colour_there_is_no_escape() -> None:
    assert "\x1b" not in printed(sample_plan())
    assert "\x1b" in printed(sample_plan(), terminal=True)


def test_a_best_effort_names_what_it_breaks() -> None:
    text = " ".join(printed(best_effort_plan()).replace("│", " ").split())
    assert "infeasible" in text
    assert "breaks power_cap at site-a, windows 0, 2-3, by up to 4.00 kW; Raise power_cap_kw to 9 kW." in text


@pytest.mark.parametrize("status", list(PlanStatus))
def test_every_status_has_its_word(status: PlanStatus) -> None:
    assert status.value in printed(replace(sample_plan(), status=status))


def test_a_plan_without_instances_or_baselines_prints() -> None:
    bare = replace(sample_plan(), groups=(), servers=(), baselines=(), provenance=(), violations=())
    assert "hand-made" in printed(bare)


def test_markup_in_a_name_is_only_text() -> None:
    violation = replace(best_effort_plan().violations[0], mend="raise [bold]it[/bold]")
    assert "[bold]it[/bold]" in printed(replace(best_effort_plan(), violations=(violation,)))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.12345, "0.1235"), (1.5, "1.50"), (123.45, "123.5"), (12345.6, "12,346"), (float("inf"), "unknown")],
)
def test_numbers_for_people(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("baseline", "plan", "text"),
    [(40, 24, "−40.0 %"), (10, 12, "+20.0 %"), (10, 10, "0.0 %"), (1e6, 1e6 - 1, "0.0 %"), (0, 1, "")],
)
def test_changes_for_people(baseline: float, plan: float, text: str) -> None:
    assert change(baseline, plan) == text
