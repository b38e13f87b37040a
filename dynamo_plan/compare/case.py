"""What every system is given: the scenario cut to the windows that the requests cover, its curves, and what really came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from dynamo_plan.assemble import assemble, service_assemblies
from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.problem import Problem
from dynamo_plan.replay.requested import buckets_of, covered, nothing_to_serve, promises_of
from dynamo_plan.replay.run import Promises
from dynamo_plan.replay.traffic import Arrivals, rates_of
from dynamo_plan.schema.bucket import Bucket
from dynamo_plan.schema.engine_table import EngineTable
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.load import Forecast, GridSignals, Windows
from dynamo_plan.schema.scenario import Routing, Scenario
from dynamo_plan.schema.trace import Trace
from dynamo_plan.service_assembly import ServiceAssembly


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What systems decide on, and what they are then tried with.

    Attributes
    ----------
    inputs : Inputs
        Only services that have a trace, only windows that the traces cover; the state before the first window is free.
    foresight : Inputs
        The same with the rates that came in place of every forecast and quantile.
    problem : Problem
        Of `inputs`; what servers draw and starts take, for the accounts of all systems.
    services : tuple of ServiceAssembly
        Curves and forecast rates by service, in the scenario's order.
    tables : mapping of str to EngineTable
        By service.
    arrivals, buckets, promises
        As `replay.run_schedule` takes them.
    outside : int
        Requests outside the scenario's windows.
    """

    inputs: Inputs
    foresight: Inputs
    problem: Problem
    services: tuple[ServiceAssembly, ...]
    tables: Mapping[str, EngineTable]
    arrivals: dict[str, Arrivals]
    buckets: dict[str, tuple[Bucket, ...]]
    promises: Promises
    outside: int

    @property
    def windows(self) -> Windows:
        """The windows compared."""
        return self.inputs.windows

    @property
    def edges_s(self) -> tuple[float, ...]:
        """Edges of the windows, from 0 [s]."""
        return tuple(float(self.windows.window_s * number) for number in range(len(self.windows) + 1))


def case_of(inputs: Inputs, tables: Mapping[str, EngineTable], traces: Mapping[str, Trace]) -> Case:
    """Cut a scenario to what its requests cover.

    Raises
    ------
    InputError
        No request lies in the scenario's windows, none could be sent to an instance, or the inputs do not make a problem.
    UsageError
        A service splits its load between sites or routes freely: the systems compared have one site and pools by bucket.
    """
    scenario = _compared(inputs.scenario, traces)
    start = datetime.fromisoformat(inputs.windows.label(0)).astimezone(UTC)
    came = covered(traces, start, inputs.windows.window_s, len(inputs.windows))
    part = slice(came.first, came.first + came.windows)
    windows = Windows(inputs.windows.start[part], inputs.windows.window_s)
    buckets = buckets_of(scenario, traces)
    expected = {name: _cut(inputs.forecasts[name], windows, part) for name in buckets}
    actual = {name: _known(expected[name], buckets[name], came.arrivals[name], windows) for name in buckets}
    if not any(forecast.rate_rps.any() for forecast in actual.values()):
        raise nothing_to_serve(traces)
    own = replace(
        inputs,
        scenario=scenario,
        windows=windows,
        profiles={name: inputs.profiles[name] for name in buckets},
        mixing={name: table for name, table in inputs.mixing.items() if name in buckets},
        forecasts=expected,
        grid={name: _grid(signals, part) for name, signals in inputs.grid.items()},
    )
    services = tuple(service_assemblies(own))
    return Case(
        inputs=own,
        foresight=replace(own, forecasts=actual),
        problem=assemble(own, services),
        services=services,
        tables=tables,
        arrivals=came.arrivals,
        buckets=buckets,
        promises=promises_of(scenario, buckets),
        outside=came.outside,
    )


def _compared(scenario: Scenario, traces: Mapping[str, Trace]) -> Scenario:
    """The scenario with those services only that have a trace, and nothing running before its first window."""
    services = [service for service in scenario.services if service.name in traces]
    for service in services:
        what = "splits its load between sites" if service.sites is not None else "routes freely"
        if service.sites is not None or service.routing is Routing.FREE:
            raise UsageError(
                Fault(
                    "compare-cannot",
                    f"services.{service.name}",
                    f"it {what}",
                    "The paper's systems run a service at one site, in pools of token buckets",
                    "Give it one `site:` and `routing: even`, or compare plans with `replay`",
                )
            )
    return scenario.model_copy(update={"services": services, "initial": None})


def _cut(forecast: Forecast, windows: Windows, part: slice) -> Forecast:
    quantiles = {level: rates[part] for level, rates in forecast.quantile_rate_rps.items()}
    return replace(forecast, windows=windows, rate_rps=forecast.rate_rps[part], quantile_rate_rps=quantiles)


def _known(forecast: Forecast, grid: tuple[Bucket, ...], came: Arrivals, windows: Windows) -> Forecast:
    """The forecast of one who knows the rate of every window: the mean is all quantiles."""
    rates = rates_of(came, grid, windows.window_s, len(windows))
    order = [[bucket.name for bucket in grid].index(name) for name in forecast.buckets]
    rates = np.ascontiguousarray(rates[:, order])
    return replace(forecast, rate_rps=rates, quantile_rate_rps=dict.fromkeys(forecast.quantile_rate_rps, rates))


def _grid(signals: GridSignals, part: slice) -> GridSignals:
    return replace(
        signals,
        price_usd_per_mwh=signals.price_usd_per_mwh[part],
        carbon_g_per_kwh=signals.carbon_g_per_kwh[part],
    )
