"""Real load: figures that others can check, and how far ours go. `python -m benchmarks forecast` prints them all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.load_data import azure, servegen
from dynamo_plan.forecast.backtest import HeldBack, hold_back
from dynamo_plan.forecast.methods import method_named
from dynamo_plan.schema.history import History

type RawData = Callable[[str], Path]


@pytest.fixture(scope="module")
def clients(raw_data: RawData) -> History:
    return servegen(raw_data("servegen-m-large"), by_client=True)


def held_back(history: History, name: str, horizon: int, train_days: int, level: float = 0.95) -> HeldBack:
    found = hold_back(history, method_named(name), horizon, train_days * history.day, (level,))
    assert isinstance(found, HeldBack), found
    return found


@pytest.mark.data
def test_the_reading_of_servegen_is_that_of_its_total(clients: History, raw_data: RawData) -> None:
    lines = (raw_data("servegen-m-large") / "derived_total_rate_m-large.csv").read_text().split()[1:]
    assert clients.rate_rps.shape == (2016, 162)
    assert clients.total_rps.tolist() == pytest.approx([float(line.split(",")[1]) for line in lines], abs=1e-3)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "daily_wape"), [("daily-naive", 0.479), ("weekly-template", 0.557), ("weekly-scaled", 0.385)]
)
def test_the_naive_figures_of_servegen(clients: History, name: str, daily_wape: float) -> None:
    assert held_back(clients, name, 144, 10).scores.daily_wape == pytest.approx(daily_wape, abs=0.0005)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(("name", "daily_wape"), [("daily-profile", 0.345), ("blend", 0.352), ("regression", 0.375)])
def test_clients_apart_beat_every_naive_forecast_of_servegen(clients: History, name: str, daily_wape: float) -> None:
    """The best naive one has 38.5 %."""
    scores = held_back(clients, name, 144, 10).scores
    assert scores.daily_wape <= daily_wape
    assert 0.90 <= scores.coverage[0.95] <= 0.98


@pytest.mark.data
def test_the_next_half_hour_of_azure(raw_data: RawData) -> None:
    conversation = azure(raw_data("azure-llm-2024"), "conversation")
    assert held_back(conversation, "persistence", 1, 1).scores.wape == pytest.approx(0.055, abs=0.0005)
    assert held_back(conversation, "regression", 1, 2).scores.wape <= 0.045
    assert held_back(azure(raw_data("azure-llm-2024"), "coding"), "regression", 1, 2).scores.wape <= 0.066


@pytest.mark.data
def test_the_same_time_yesterday_in_azure(raw_data: RawData) -> None:
    conversation = azure(raw_data("azure-llm-2024"), "conversation")
    found = hold_back(conversation, method_named("daily-naive"), 1, conversation.day, ())
    assert isinstance(found, HeldBack)
    assert found.scores.wape == pytest.approx(0.1995, abs=0.0005)
