"""Changes that no single key of a scenario says: to all sites or services at once, by a factor, or to the tables themselves."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import JsonValue

from dynamo_plan.ingest.gathered import Faults, clipped, did_you_mean, listed
from dynamo_plan.ingest.source import read_source
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.load import Forecast, GridSignals
from dynamo_plan.schema.scenario import Scenario
from dynamo_plan.schema.sweep import Change, value_text
from dynamo_plan.units import GRAMS_PER_KILOGRAM

type Overrides = list[tuple[str, str]]
"""Dotted keys of the scenario and their values as YAML, as for `solve --set`."""


def _of_sites(field: str) -> Callable[[Scenario, JsonValue], Iterator[tuple[str, JsonValue]]]:
    def changed(scenario: Scenario, value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
        for index in range(len(scenario.sites)):
            yield f"sites.{index}.{field}", value

    return changed


def _of_gpus(field: str) -> Callable[[Scenario, JsonValue], Iterator[tuple[str, JsonValue]]]:
    def changed(scenario: Scenario, value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
        for index, site in enumerate(scenario.sites):
            for gpu in site.gpus:
                yield f"sites.{index}.gpus.{gpu}.{field}", value

    return changed


def _quantile(scenario: Scenario, value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    for index in range(len(scenario.services)):
        yield f"services.{index}.reserve_quantile", value


def _slo_scale(scenario: Scenario, value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    factor = _number(value)
    for index, service in enumerate(scenario.services):
        if service.slo is not None:
            yield f"services.{index}.slo.tbt_p99_ms", service.slo.tbt_p99_ms * factor
            for name, limit_ms in service.slo.ttft_p99_ms.items():
                yield f"services.{index}.slo.ttft_p99_ms.{name}", limit_ms * factor


KEYS: Mapping[str, tuple[str, Callable[[Scenario, JsonValue], Iterator[tuple[str, JsonValue]]]]] = {
    "grid_file": ("price and carbon intensity of all sites: a grid file, relative to the sweep", _of_sites("grid")),
    "pue": ("power usage effectiveness of all sites", _of_sites("pue")),
    "power_cap_kw": ("power cap of each site [kW]", _of_sites("power_cap_kw")),
    "gpu_price_usd_per_h": (
        "price of every GPU type at every site [USD per GPU-hour]",
        _of_gpus("price_usd_per_gpu_h"),
    ),
    "stock": ("GPUs of every type at every site; null: as many as needed", _of_gpus("count")),
    "forecast_quantile": ("quantile of the forecast that every service's reserve covers", _quantile),
    "slo_scale": ("factor on all TTFT and TBT limits", _slo_scale),
}
"""Names that become keys of the scenario, what they mean, and which keys."""

DEMAND, CARBON_PRICE = "demand", "carbon_price_usd_per_t"

TABLES = {
    DEMAND: "factor on all arrival rates, quantiles included",
    CARBON_PRICE: "price on operational carbon [USD per t CO2e], added to the price of electricity",
}
"""Names that change the tables after they were read."""

NAMED = {**{name: text for name, (text, _) in KEYS.items()}, **TABLES}
"""Every name and its meaning."""

FACTORS = {DEMAND: False, CARBON_PRICE: True, "slo_scale": False}
"""Names whose values are checked here, because no schema does, and whether 0 is allowed."""


def check_change(change: Change, where: str, folder: Path, faults: Faults) -> bool:
    """Note names that do not exist, and values that no schema of a scenario would refuse, because they are no values of it.

    Parameters
    ----------
    where : str
        The sweep, for messages.
    folder : Path
        From which grid files are named.

    Returns
    -------
    bool
        Whether nothing was found; then the keys of the scenario that it stands for can be tried.
    """
    found = Faults()
    names = [*NAMED, *Scenario.model_fields]
    for key in change:
        if key not in names and "." not in key:
            mend = did_you_mean(key, names) or "Correct it"
            allowed = f"A key is a dotted path of the scenario, or one of {listed(NAMED)}"
            found.add("sweep-key", f"{where} {key}", f"there is no key {clipped(key)}", allowed, mend)
    for key, zero_allowed in FACTORS.items():
        value = _number(change.get(key, 1.0))
        if not math.isfinite(value) or value < 0 or (value == 0 and not zero_allowed):
            allowed = f"{key} is a number {'of 0 or more' if zero_allowed else 'above 0'}"
            found.add("sweep-value", f"{where} {key}", f"{value_text(change[key])} does not fit", allowed, "Correct it")
    named = change.get("grid_file")
    if isinstance(named, str):
        read_source(folder / named, found, f"{where} grid_file")
    faults.extend(found)
    return not len(found)


def overrides_of(change: Change, scenario: Scenario, folder: Path) -> Overrides:
    """What a change says of the scenario's keys; named ones are spelled out.

    Parameters
    ----------
    folder : Path
        The sweep's, from which grid files are named.
    """
    found: Overrides = []
    for key, value in change.items():
        if key in TABLES:
            continue
        is_file = key == "grid_file" and isinstance(value, str)
        said = (folder / str(value)).resolve().as_posix() if is_file else value
        spelled = KEYS[key][1](scenario, said) if key in KEYS else [(key, said)]
        found += [(name, json.dumps(part)) for name, part in spelled]
    return found


def with_tables_changed(inputs: Inputs, change: Change) -> Inputs:
    """The inputs with the named changes of their tables."""
    if DEMAND in change:
        factor = _number(change[DEMAND])
        inputs = replace(inputs, forecasts={name: _grown(one, factor) for name, one in inputs.forecasts.items()})
    if CARBON_PRICE in change:
        price = _number(change[CARBON_PRICE])
        inputs = replace(inputs, grid={name: _with_carbon_price(one, price) for name, one in inputs.grid.items()})
    return inputs


def _grown(forecast: Forecast, factor: float) -> Forecast:
    quantiles = {level: rate * factor for level, rate in forecast.quantile_rate_rps.items()}
    return replace(forecast, rate_rps=forecast.rate_rps * factor, quantile_rate_rps=quantiles)


def _with_carbon_price(grid: GridSignals, usd_per_t: float) -> GridSignals:
    """USD/t x g/kWh is USD/t x kg/MWh, a thousandth of which is USD/MWh."""
    added = usd_per_t * grid.carbon_g_per_kwh / GRAMS_PER_KILOGRAM
    return replace(grid, price_usd_per_mwh=grid.price_usd_per_mwh + added)


def _number(value: JsonValue) -> float:
    """A number as it is, anything else as NaN."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
