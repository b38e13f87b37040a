"""Forecasts of other libraries: their columns, their intervals, and what they do not say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.ingest.forecasts import Told, find_forecasts, read_foreign
from tests.ingest.builders import Row, write_csv
from tests.ingest.faultcase import faults_of, only_fault

UTC = Told(is_utc=True)


def prophet_rows() -> list[Row]:
    return [
        {
            "": hour,
            "ds": f"2024-05-20 0{hour}:00:00",
            "trend": 1,
            "yhat_lower": -1.0,
            "yhat_upper": 4.0 + hour,
            "yhat": yhat,
        }
        for hour, yhat in enumerate((2.0, -0.5, 3.0))
    ]


def nixtla_rows() -> list[Row]:
    return [
        {
            "unique_id": name,
            "ds": f"2024-05-20 0{hour}:00:00",
            "AutoETS": base + hour,
            "AutoETS-lo-90": base - 1,
            "AutoETS-hi-90": base + 5,
            "AutoETS-hi-80": base + 4,
        }
        for name, base in (("SA", 2.0), ("LA", 7.0))
        for hour in range(3)
    ]


def test_prophet_by_hand(tmp_path: Path) -> None:
    found = read_foreign(write_csv(tmp_path / "f.csv", prophet_rows()), UTC)
    assert (found.format, found.forecast.buckets, found.below_zero) == ("prophet", ("all",), 1)
    assert found.forecast.rate_rps.ravel().tolist() == [2.0, 0.0, 3.0]
    assert found.forecast.quantile_rate_rps[0.9].ravel().tolist() == [4.0, 5.0, 6.0]
    assert found.forecast.windows.label(0) == "2024-05-20T00:00:00Z"


def test_prophets_interval_is_central_and_told(tmp_path: Path) -> None:
    told = Told(interval=0.9, is_utc=True)
    assert list(read_foreign(write_csv(tmp_path / "f.csv", prophet_rows()), told).forecast.quantile_rate_rps) == [0.95]


def test_requests_per_window_become_rates(tmp_path: Path) -> None:
    told = Told(is_utc=True, counts=True)
    found = read_foreign(write_csv(tmp_path / "f.csv", prophet_rows()), told)
    np.testing.assert_allclose(found.forecast.rate_rps.ravel(), [2.0 / 3600, 0.0, 3.0 / 3600])


def test_nixtla_by_hand(tmp_path: Path) -> None:
    rows = nixtla_rows()
    found = read_foreign(write_csv(tmp_path / "f.csv", rows[::-1]), UTC).forecast
    assert list(found.quantile_rate_rps) == [0.9, 0.95]
    at = found.buckets.index("LA")
    assert found.rate_rps[:, at].tolist() == [7.0, 8.0, 9.0]
    assert found.quantile_rate_rps[0.95][:, at].tolist() == [12.0] * 3


def test_of_several_models_one_is_asked_for(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "f.csv", [row | {"Naive": 1.0} for row in nixtla_rows()])
    only_fault(lambda: read_foreign(path, UTC), "forecast-model", "f.csv", "AutoETS, Naive", "--model")
    only_fault(
        lambda: read_foreign(path, Told(model="Naiv", is_utc=True)), "forecast-model", "f.csv", "Did you mean Naive?"
    )
    assert read_foreign(path, Told(model="Naive", is_utc=True)).forecast.quantile_rate_rps == {}


def test_times_without_a_zone_are_refused_unless_said_to_be_utc(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "f.csv", prophet_rows())
    assert {fault.code for fault in faults_of(lambda: read_foreign(path, Told()))} == {"time-without-zone"}


def test_a_table_of_no_known_sort_is_refused_with_those_known(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "f.csv", [{"time": 1, "value": 2}])
    fault = only_fault(lambda: read_foreign(path, UTC), "forecast-format", "f.csv", "time, value", "prophet: ds, yhat")
    assert all(name in str(fault) for name in find_forecasts())


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([*prophet_rows(), prophet_rows()[0]], "forecast-duplicate"),
        (prophet_rows()[:1], "history-window"),
        ([*prophet_rows()[:2], prophet_rows()[2] | {"ds": "2024-05-20 05:00:00"}], "forecast-gap"),
        (nixtla_rows()[:-1], "forecast-row-missing"),
    ],
)
def test_faults_of_foreign_tables(tmp_path: Path, rows: list[Row], code: str) -> None:
    path = write_csv(tmp_path / "f.csv", rows)
    assert code in {fault.code for fault in faults_of(lambda: read_foreign(path, UTC))}


@pytest.mark.parametrize("name", sorted(find_forecasts()))
def test_every_format_says_what_it_is(name: str) -> None:
    assert find_forecasts()[name].DESCRIPTION
