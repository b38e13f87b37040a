"""The card says what is in the plan, within its width, with and without colour."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from dynamo_plan.baselines.single_pool import SIZINGS
from dynamo_plan.report.card import CARD_COLUMNS, PROVENANCES, READINGS, Making, print_card
from dynamo_plan.schema.plan import Plan, PlanStatus, PredictionError, ProvenanceShare, Reshard
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.schema.scenario import ObjectiveName
from tests.emit.sample import best_effort_plan, sample_plan

MAKING = Making(
    {ObjectiveName.ENERGY: 1.0},
    {"read": 0.25, "solve": 1.5},
    {"name": "HiGHS", "version": "1.15.1"},
    "runs/today",
)


def printed(plan: Plan, *, width: int = 160, terminal: bool = False) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=terminal, color_system="standard" if terminal else None)
    print_card(plan, MAKING, console)
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
        "4 windows of 60 min",
        "1 service · 2 pools · 1 site",
        "optimal     energy 24.00 kWh; no plan can be below 24.00 kWh: gap below 0.001 %",
        "Every pool's schedule was priced exactly.",
        "plan: decomposed · bound: Every pool's schedule was priced exactly · HiGHS 1.15.1",
        "read 0.25 · solve 1.50",
        "3 instance starts · 0 requests unserved",
        "▇▃██ max 18",
        "▄▆█▅ max 9.00 kW",
        "100 % composed from measurements of different systems; no row behind",
        "1 piece of the model; 1 assumption made",
        "dynamo-plan explain runs/today",
    ],
)
def test_it_says(text: str) -> None:
    assert text in printed(sample_plan())


def test_reshards_are_told_from_starts() -> None:
    group = sample_plan().groups[0]
    text = printed(replace(sample_plan(), reshards=(Reshard(1, group.pool, group.kind, 2),)))
    assert "3 instance starts · 2 re-shards · 0 requests unserved" in text


def test_a_measured_plan_needs_no_warning() -> None:
    shares = (ProvenanceShare("measured", 0.75), ProvenanceShare("fitted", 0.25))
    text = printed(replace(sample_plan(), provenance=shares))
    assert "75 % measured at these operating points, 25 % fitted by a formula" in text
    assert "is a measurement" not in text


def test_every_provenance_has_its_words() -> None:
    assert set(PROVENANCES) == set(Provenance)


def test_it_says_which_baseline_to_compare_with_and_what_the_other_means() -> None:
    assert set(READINGS) == {sizing.name for sizing in SIZINGS}
    text = " ".join(printed(sample_plan()).replace("│", " ").split())
    assert "single pool one pool of TP8 at the highest clock, mixing free. The one to compare with" in text
    assert "single pool strict the same, every class within its own SLO. Not a yardstick" in text
    other = replace(sample_plan().baselines[0], name="my_cluster", description="as it runs today")
    assert "my cluster  as it runs today." in printed(replace(sample_plan(), baselines=(other,)))


@pytest.mark.parametrize("width", [40, 80, 100, 300])
def test_it_keeps_within_its_width(width: int) -> None:
    longest = max(len(line) for line in printed(best_effort_plan(), width=width).splitlines())
    assert longest <= min(width, CARD_COLUMNS)


def with_windows(windows: int) -> Plan:
    """The sample's first window, many times over."""
    plan = sample_plan()
    servers = tuple(replace(entry, gpus_in_use=(14,) * windows, servers_on=(2,) * windows) for entry in plan.servers)
    sites = tuple(replace(entry, energy_kwh=(4000.0,) * windows) for entry in plan.sites)
    return replace(plan, windows=windows, groups=(), servers=servers, sites=sites)


@pytest.mark.parametrize("width", [80, 100, 300])
def test_nothing_is_cut_off(width: int) -> None:
    text = printed(with_windows(336), width=width)
    assert "…" not in text
    assert "max 4,000 kW" in text
    dates = next(line for line in text.splitlines() if line.endswith("UTC          │") or "05-28 00:00 UTC" in line)
    assert "05-14 00:00 " in dates


def test_without_colour_there_is_no_escape() -> None:
    assert "\x1b" not in printed(sample_plan())
    assert "\x1b" in printed(sample_plan(), terminal=True)


def test_a_best_effort_names_what_it_breaks() -> None:
    text = " ".join(printed(best_effort_plan()).replace("│", " ").split())
    assert "infeasible" in text
    assert (
        "breaks power_cap at site-a: short by up to 4 kW in all but 1 of 4 windows (2024-05-14 01:00 to 02:00); "
        "Raise power_cap_kw to 9 kW."
    ) in text


@pytest.mark.parametrize("status", list(PlanStatus))
def test_every_status_has_its_word(status: PlanStatus) -> None:
    assert status.value in printed(replace(sample_plan(), status=status))


def test_a_plan_without_instances_or_baselines_prints() -> None:
    bare = replace(sample_plan(), groups=(), servers=(), baselines=(), provenance=(), violations=())
    assert "hand-made" in printed(bare)


def test_markup_in_a_name_is_only_text() -> None:
    violation = replace(best_effort_plan().violations[0], mend="raise [bold]it[/bold]")
    assert "[bold]it[/bold]" in printed(replace(best_effort_plan(), violations=(violation,)))


def test_it_says_how_wrong_the_profile_is_by_its_own_record() -> None:
    assert "may be off" not in printed(sample_plan())
    errors = (PredictionError("chat", "rate", 0.004, 0.014), PredictionError("chat", "power", 0.021))
    text = " ".join(printed(replace(sample_plan(), prediction_errors=errors)).replace("│", " ").split())
    assert "may be off chat: its profile predicts a clock left out of it with mean errors of" in text
    assert "rate 0.4 % (worst row 1.4 %), power 2.1 %" in text
