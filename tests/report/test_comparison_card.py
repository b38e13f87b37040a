"""The card of a comparison: figures by hand, nothing cut, nothing hidden."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from dynamo_plan.report.comparison_card import (
    COLUMNS,
    FIRST_TO_GO,
    KNOBS,
    bound_in_words,
    contributions,
    outcomes_in_words,
    print_comparison_card,
)
from dynamo_plan.schema.comparison import Comparison, LowerBound
from tests.report.comparisons import comparison, system

WEEK = (
    "single-pool",
    "single-pool-strict",
    "multi-pool",
    "scale-inst",
    "scale-shard",
    "scale-freq",
    "dynamo-llm",
    "planner",
    "planner-foresight",
)


def printed(shown: Comparison, width: int) -> list[str]:
    """Lines of the card without its frame."""
    text = io.StringIO()
    print_comparison_card(shown, Console(file=text, width=width, highlight=False, markup=False))
    return [line.strip("│╭╮╰╯─ ") for line in text.getvalue().splitlines()]


def week() -> Comparison:
    """All systems with the largest figures that a week has."""
    account = replace(system("any", 20812.0).account, gpu_hours=53760.0, instance_starts=1384)
    runs = tuple(
        replace(run, account=account, buckets=tuple(replace(own, spans=own.spans * 756) for own in run.buckets))
        for run in (system(name, 20812.0) for name in WEEK)
    )
    return replace(comparison(), systems=runs, omitted=())


def row(lines: list[str], start: str) -> list[str]:
    """Cells of the line that begins so."""
    return next(line for line in lines if line.startswith(start)).split()


def test_every_system_has_its_figures() -> None:
    lines = printed(comparison(), 160)
    assert row(lines, "single-pool")[:3] == ["single-pool", "100.0", "base"]
    assert row(lines, "dynamo-llm")[:5] == ["dynamo-llm", "80.00", "−20.0", "24.00", "160.0"]
    assert row(lines, "dynamo-llm")[-3:] == ["3/4", "99.00", "%"]
    assert row(lines, "planning ahead") == [
        *("planning", "ahead", "planner", "against", "dynamo-llm"),
        *("−25.0", "%", "−20.00", "75.0", "→", "100.0"),
    ]
    assert "dynamo-llm leaves 3 requests unanswered, 2 of them given up after their timeout." in lines
    assert "single-pool-strict was not run: the mixing table has no derate." in lines
    assert "Requests outside the windows: 5." in lines
    assert "planner: Within 0.1 % of the best." in lines


@pytest.mark.parametrize("width", [72, 80, 100, 160])
def test_no_number_is_cut(width: int) -> None:
    lines = printed(week(), width)
    assert not any("…" in line for line in lines)
    assert all(len(line) <= width for line in lines)
    for name in WEEK:
        cells = row(lines, f"{name} ")
        assert "20,812" in cells
        assert "3,024/3,024" in cells
    told = [line for line in lines if line.startswith("In a wider terminal also")]
    assert bool(told) is (width < 100)


def test_columns_that_go_first_are_columns() -> None:
    assert set(FIRST_TO_GO) < set(COLUMNS)


def test_a_knob_is_told_where_both_its_systems_were_run() -> None:
    assert [one.knob.name for one in contributions(comparison())] == ["planning ahead"]
    assert [one.knob for one in contributions(week())] == list(KNOBS)
    assert contributions(replace(comparison(), systems=comparison().systems[:1])) == ()
    (one,) = contributions(comparison())
    assert (one.energy_kwh, one.energy) == (-20.0, "−25.0 %")


def test_the_bound_says_why() -> None:
    assert bound_in_words(comparison()) == (
        "Lower bound: 50.00 kWh (−50.0 % against single-pool), proven for plans that know what comes."
    )
    unknown = replace(comparison(), lower_bound=LowerBound(None, "no plan holds every promise"))
    assert bound_in_words(unknown) == "Lower bound: not known; no plan holds every promise."
    alone = replace(comparison(), systems=comparison().systems[1:])
    assert "against" not in bound_in_words(alone)


def test_without_its_baseline_no_change_is_told() -> None:
    alone = replace(comparison(), systems=comparison().systems[2:])
    assert row(printed(alone, 160), "planner")[:3] == ["planner", "60.00", "18.00"]


def test_what_did_not_happen_is_not_mentioned() -> None:
    quiet = replace(comparison(), systems=comparison().systems[2:], omitted=())
    assert list(outcomes_in_words(quiet)) == []


def test_markup_in_names_is_text() -> None:
    lines = printed(replace(comparison(), name="[red]a"), 160)
    assert any("[red]a: 3 systems compared" in line for line in lines)
