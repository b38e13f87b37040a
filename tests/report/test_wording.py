"""Figures and findings in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynamo_plan.report.wording import bound_name, breach, change, in_windows, number, standing
from dynamo_plan.schema.plan import Certificate, Plan, PlanStatus
from dynamo_plan.schema.scenario import ObjectiveName
from tests.emit.sample import best_effort_plan, sample_plan

ENERGY = {ObjectiveName.ENERGY: 1.0}


def certified(objective: float, bound: float, gap: float) -> Plan:
    return replace(sample_plan(), certificate=Certificate(objective, bound, gap, "decomposed", "on paper"))


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


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ({ObjectiveName.COST: 1.0}, "cost 100.0 USD; no plan can be below 99.00 USD: gap 1.000 %"),
        ({ObjectiveName.CARBON: 1.0, ObjectiveName.COST: 0.0}, "carbon 100.0 kg CO2e; no plan can"),
        ({ObjectiveName.ENERGY: 2.0}, "2 energy = 100.0; no plan can be below 99.00: gap"),
        ({ObjectiveName.ENERGY: 1.0, ObjectiveName.CARBON: 0.5}, "1 energy + 0.5 carbon = 100.0; no plan"),
    ],
)
def test_what_is_reached_has_its_name_and_unit(weights: dict[ObjectiveName, float], text: str) -> None:
    assert standing(certified(100.0, 99.0, 0.01), weights).startswith(text)


def test_a_gap_that_is_not_0_is_not_shown_as_0() -> None:
    assert standing(certified(1.0, 1.0 - 1e-9, 1e-9), ENERGY).endswith("gap below 0.001 %")
    assert standing(certified(1.0, 1.0, 0.0), ENERGY).endswith("gap 0.000 %")


def test_without_a_bound_nothing_is_claimed() -> None:
    unproven = certified(100.0, float("-inf"), float("inf"))
    assert standing(unproven, ENERGY) == "energy 100.0 kWh; nothing is proven about the best possible plan"


def test_the_bound_of_a_best_effort_is_that_of_the_raised_limits() -> None:
    effort = replace(certified(100.0, 99.0, 0.01), status=PlanStatus.INFEASIBLE)
    text = "best effort, energy 100.0 kWh; no plan with the broken limits raised can be below 99.00 kWh: gap 1.000 %"
    assert standing(effort, ENERGY) == text


@pytest.mark.parametrize(
    ("proof", "name"),
    [
        ("window bound: every window planned exactly", "window bound"),
        ("Lagrangian bound after 7 pricing rounds: every pool", "Lagrangian bound after 7 pricing rounds"),
        ("branch-and-bound of HiGHS on one MILP with a binary", "branch-and-bound of HiGHS"),
        ("Priced exactly.", "Priced exactly"),
    ],
)
def test_a_bound_is_named_by_the_first_words_of_its_proof(proof: str, name: str) -> None:
    assert bound_name(proof) == name


@pytest.mark.parametrize(
    ("windows", "text"),
    [
        ((3,), "1 of 48 windows (2024-05-14 03:00 to 04:00)"),
        ((3, 4, 9), "3 of 48 windows (2024-05-14 03:00 to 05:00, 09:00 to 10:00)"),
        ((23, 24, 30), "3 of 48 windows (2024-05-14 23:00 to 2024-05-15 01:00, 06:00 to 07:00)"),
        (
            (0, 2, 4, 6, 8),
            "5 of 48 windows (2024-05-14 00:00 to 01:00, 02:00 to 03:00, 04:00 to 05:00, 06:00 to 07:00, and 1 more time)",
        ),
        (tuple(range(48)), "all 48 windows"),
        (tuple(range(1, 48)), "all but 1 of 48 windows (2024-05-14 00:00 to 01:00)"),
    ],
)
def test_windows_are_named_by_their_times(windows: tuple[int, ...], text: str) -> None:
    assert in_windows(replace(sample_plan(), windows=48), windows) == text


def test_a_breach_says_when() -> None:
    plan = replace(best_effort_plan(), windows=24)
    assert breach(plan, plan.violations[0]) == (
        "power_cap at site-a: short by up to 4 kW in 3 of 24 windows (2024-05-14 00:00 to 01:00, 02:00 to 04:00); "
        "Raise power_cap_kw to 9 kW."
    )
