"""What changes say of a scenario and its tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import JsonValue

from dynamo_plan.ingest import read_inputs
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.whatif.changes import NAMED, check_change, overrides_of, with_tables_changed


@pytest.fixture(scope="module")
def inputs(root: Path) -> Inputs:
    return read_inputs(root / "examples/first-plan/scenario.yaml")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("pue", 1.4, [("sites.0.pue", "1.4")]),
        ("stock", None, [("sites.0.gpus.h100.count", "null")]),
        ("power_cap_kw", 9, [("sites.0.power_cap_kw", "9")]),
        ("gpu_price_usd_per_h", 4.0, [("sites.0.gpus.h100.price_usd_per_gpu_h", "4.0")]),
        ("forecast_quantile", 0.99, [("services.0.reserve_quantile", "0.99")]),
        ("solver.gap", 0.01, [("solver.gap", "0.01")]),
        ("demand", 2.0, []),
        ("carbon_price_usd_per_t", 80, []),
    ],
)
def test_names_are_spelled_out(inputs: Inputs, key: str, value: JsonValue, said: list[tuple[str, str]]) -> None:
    assert overrides_of({key: value}, inputs.scenario, Path("sweeps")) == said


def test_an_slo_is_scaled_in_all_its_limits(inputs: Inputs) -> None:
    said = dict(overrides_of({"slo_scale": 2.0}, inputs.scenario, Path()))
    assert said == {
        "services.0.slo.tbt_p99_ms": "200.0",
        "services.0.slo.ttft_p99_ms.S": "500.0",
        "services.0.slo.ttft_p99_ms.M": "800.0",
        "services.0.slo.ttft_p99_ms.L": "4000.0",
    }


def test_a_grid_file_is_named_from_the_sweep(inputs: Inputs, tmp_path: Path) -> None:
    ((key, value),) = overrides_of({"grid_file": "g.csv"}, inputs.scenario, tmp_path)
    assert key == "sites.0.grid"
    assert value == f'"{(tmp_path / "g.csv").as_posix()}"'


def test_demand_scales_every_rate(inputs: Inputs) -> None:
    grown = with_tables_changed(inputs, {"demand": 1.5}).forecasts["chat"]
    before = inputs.forecasts["chat"]
    np.testing.assert_allclose(grown.rate_rps, 1.5 * before.rate_rps)
    np.testing.assert_allclose(grown.quantile_rate_rps[0.95], 1.5 * before.quantile_rate_rps[0.95])


def test_a_carbon_price_is_paid_with_the_electricity(inputs: Inputs) -> None:
    # 100 USD/t is 0.1 USD/kg: at 250 g/kWh = 250 kg/MWh that makes 25 USD/MWh.
    changed, before = with_tables_changed(inputs, {"carbon_price_usd_per_t": 100}).grid["caiso"], inputs.grid["caiso"]
    np.testing.assert_allclose(changed.price_usd_per_mwh - before.price_usd_per_mwh, 0.1 * before.carbon_g_per_kwh)
    np.testing.assert_array_equal(changed.carbon_g_per_kwh, before.carbon_g_per_kwh)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"demand": 0}, "sweep-value"),
        ({"demand": "more"}, "sweep-value"),
        ({"demand": True}, "sweep-value"),
        ({"slo_scale": -1}, "sweep-value"),
        ({"carbon_price_usd_per_t": -1}, "sweep-value"),
        ({"grid_file": "gone.csv"}, "file-not-found"),
    ],
)
def test_values_that_no_schema_refuses(change: dict[str, JsonValue], code: str, tmp_path: Path) -> None:
    faults = Faults()
    check_change(change, "sweep.yaml", tmp_path, faults)
    assert [fault.code for fault in faults] == [code]
    assert next(iter(faults)).where.startswith("sweep.yaml ")


def test_values_that_fit() -> None:
    faults = Faults()
    check_change({"demand": 0.5, "slo_scale": 2, "carbon_price_usd_per_t": 0}, "sweep.yaml", Path(), faults)
    assert len(faults) == 0


def test_every_name_is_in_the_manual(root: Path) -> None:
    page = (root / "docs/how-to/what-if.md").read_text(encoding="utf-8")
    assert [name for name in NAMED if f"`{name}`" not in page] == []
