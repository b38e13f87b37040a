"""The report on a plan as large as a week's, on a plan without load, and on a best effort."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dynamo_plan.report.page import page_html
from dynamo_plan.report.report import report
from dynamo_plan.report.reported import ReportedRun, largest
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Group, Plan, PoolPlan, PredictionError, ServerPlan, SitePlan
from tests.emit.sample import best_effort_plan, sample_plan, sample_scenario
from tests.report.browser import look

WEEK, POOLS = 336, 18
MOST_BYTES = 3_000_000


def week() -> Plan:
    """Half hours of a week, eighteen pools that change all the time."""
    pools = tuple(PoolPlan(f"chat/{letter}", "chat", "site-a", ("SS",)) for letter in "ABCDEFGHIJKLMNOPQR")
    groups = tuple(
        Group(
            window,
            pool.name,
            Kind("h100", 2 << (number + window) % 3, 1, "bf16"),
            1 + (window * (number + 3)) % 7,
            800.0 + 100 * ((window + number) % 11),
            0.5,
            0.9,
            1000.0 + 10 * ((window * number) % 13),
        )
        for window in range(WEEK)
        for number, pool in enumerate(pools)
    )
    each = tuple(20.0 + window % 48 for window in range(WEEK))
    gpus = tuple(100 + window % 48 for window in range(WEEK))
    servers = ServerPlan("site-a", "h100", gpus, tuple(-(-used // 8) for used in gpus), (0,) * WEEK, 0.0)
    site = SitePlan("site-a", each, each, each, each)
    return replace(
        sample_plan(), windows=WEEK, window_s=1800, pools=pools, groups=groups, servers=(servers,), sites=(site,)
    )


@pytest.mark.slow
def test_a_week_is_small_and_in_order(tmp_path: Path) -> None:
    html = page_html(report([ReportedRun("week", week(), sample_scenario(), unread="for the test")], "dynamo-plan"))
    assert len(html.encode()) < MOST_BYTES
    file = tmp_path / "week.html"
    file.write_text(html, encoding="utf-8")
    assert look(file, tmp_path).complaints == []


def test_a_plan_without_load_has_a_report() -> None:
    none = ServerPlan("site-a", "h100", (0,) * 4, (0,) * 4, (0,) * 4, 0.0)
    zero = SitePlan("site-a", (0.0,) * 4, (0.0,) * 4, (0.0,) * 4, (0.0,) * 4)
    empty = replace(sample_plan(), groups=(), servers=(none,), sites=(zero,), baselines=(), provenance=())
    prices = {"site-a": [1.0] * 4}
    run = ReportedRun("empty", empty, sample_scenario(), price_usd_per_mwh=prices, carbon_g_per_kwh=prices)
    sections = {section.title: section for section in report([run], "dynamo-plan").sections}
    assert sections["What to run when"].paragraphs[0].startswith("Nothing runs")


def test_a_best_effort_says_what_it_breaks_and_what_mends_it() -> None:
    run = ReportedRun("short", best_effort_plan(), sample_scenario(), diagnosis=("Why.",), unread="for the test")
    sections = {section.title: section for section in report([run], "dynamo-plan").sections}
    assert "Raise power_cap_kw to 9 kW" in " ".join(sections["Summary"].paragraphs)
    assert sections["What binds"].tables[0].rows[0][:4] == ("power_cap", "site-a", 4.0, "kW")
    assert sections["What binds"].paragraphs[0] == "Why."


def test_small_series_are_added_up() -> None:
    series = {name: [float(size), 1.0] for size, name in enumerate("abcdefghij")}
    assert list(largest(series, 4)) == ["h", "i", "j", "others"]
    assert largest(series, 4)["others"] == [sum(range(7)), 7.0]
    assert largest(series, 10) == series


def test_prediction_errors_of_the_plan_are_in_the_report() -> None:
    errors = (PredictionError("chat", "power", 0.021, 0.096),)
    known, silent = (
        page_html(report([ReportedRun("r", plan, sample_scenario(), unread="for the test")], "dynamo-plan"))
        for plan in (replace(sample_plan(), prediction_errors=errors), sample_plan())
    )
    assert "Prediction error" in known
    assert ">9.60<" in known
    assert "Prediction error: not known, the profiles record none" in silent
