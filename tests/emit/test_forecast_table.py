"""What is written is what is read: to the digit, with quantiles, several services in one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.emit.forecast_table import Stated, quantile_column, write_forecast
from dynamo_plan.errors import InputError, UsageError
from dynamo_plan.forecast.fit import fit
from dynamo_plan.ingest import read_forecast
from dynamo_plan.schema.load import Forecast
from tests.forecast.histories import noisy


@pytest.fixture(scope="module")
def forecast() -> Forecast:
    return fit(noisy(12), "daily-naive", 24, (0.5, 0.95, 0.999)).forecast


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_writing_and_reading_is_identity(tmp_path: Path, forecast: Forecast, suffix: str) -> None:
    path = tmp_path / f"load.{suffix}"
    write_forecast(path, [Stated("chat", forecast, "daily-naive"), Stated("code", forecast, "daily-naive")])
    for service in ("chat", "code"):
        found = read_forecast(path, service, forecast.buckets, 60)
        np.testing.assert_array_equal(found.windows.start, forecast.windows.start)
        np.testing.assert_array_equal(found.rate_rps, forecast.rate_rps)
        assert list(found.quantile_rate_rps) == [0.5, 0.95, 0.999]
        for level, rates in found.quantile_rate_rps.items():
            np.testing.assert_array_equal(rates, forecast.quantile_rate_rps[level])


@pytest.mark.parametrize(("level", "name"), [(0.95, "rate_p95_rps"), (0.999, "rate_p99.9_rps"), (0.05, "rate_p5_rps")])
def test_names_of_quantiles(level: float, name: str) -> None:
    assert quantile_column(level) == name


def test_nothing_is_overwritten_unasked(tmp_path: Path, forecast: Forecast) -> None:
    path = tmp_path / "load.csv"
    path.write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write_forecast(path, [Stated("chat", forecast, "daily-naive")])
    assert path.read_text() == "mine"
    write_forecast(path, [Stated("chat", forecast, "daily-naive")], force=True)
    assert path.read_text() != "mine"


def test_the_suffix_names_the_format(tmp_path: Path, forecast: Forecast) -> None:
    with pytest.raises(UsageError):
        write_forecast(tmp_path / "load.xls", [Stated("chat", forecast, "daily-naive")])
