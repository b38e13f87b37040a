r"""Decision score of a forecast: plan on it, let the actual load come, and count what that costs.

Held-back windows are planned day by day, every day on its own and from a free state. With :math:`E^{plan}` the facility energy of the plan
on the forecast, :math:`N` its instances, :math:`W_p(N, \lambda)` the power of their dispatch at a load, :math:`\hat\lambda` and
:math:`\lambda` forecast and actual rates, :math:`C_p(N)` what they can serve at their best clocks under the actual mix, and
:math:`E^*` the energy of the plan that knew the actual load,

.. math:: E = E^{plan} + \sum_{p,t} \eta_p \frac{\Delta}{3.6 \cdot 10^6}
              \big( W_p(N_{p,t}, \min\{\lambda_{p,t}, C_p(N_{p,t})\}) - W_p(N_{p,t}, \hat\lambda_{p,t}) \big)

.. math:: \text{extra energy} = E / E^* - 1, \qquad
          \text{requests beyond capacity} = \sum_{p,t} \Delta \max\{0, \lambda_{p,t} - C_p(N_{p,t})\}

with PUE :math:`\eta` and window length :math:`\Delta` [s]. Instance counts stay as planned; clocks follow the actual load, as a clock can
be changed at once. Requests beyond capacity take no energy here: the two figures are read together. What is within capacity over a window
may still queue within it; `replay` looks at that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.assemble import assemble
from dynamo_plan.errors import Fault, LimitError, UsageError
from dynamo_plan.forecast.backtest import HeldBack
from dynamo_plan.forecast.rolling import Progress
from dynamo_plan.planner import plan_scenario
from dynamo_plan.problem import PoolProblem
from dynamo_plan.schema.history import History
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.load import Forecast, GridSignals, Windows
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.scenario import PoolRule
from dynamo_plan.solve.dispatch import Fleet
from dynamo_plan.units import HOURS_PER_DAY, SECONDS_PER_HOUR, WATTS_PER_KILOWATT

Rates = NDArray[np.float64]

ROUNDING_RPS = 1e-6
"""Rates are whole millionths of a request per second; less is rounding in a capacity."""

WITHIN = 1.0 - 1e-9
"""Part of its capacity that a pool is loaded to at most: at the very end of its curve rounding would find it overloaded."""


@dataclass(frozen=True, slots=True)
class DecisionScore:
    """What planning on a method's forecasts cost.

    Attributes
    ----------
    energy_kwh, foresight_kwh : float
        Facility energy under the actual load, and of the plan that knew it [kWh].
    requests, beyond_capacity : float
        Requests that came, and those that the planned instances could not serve.
    windows_beyond, windows : int
        Windows with such requests, of all.
    note : str
        Why there is no score, in which case the figures are NaN and 0; else empty.
    """

    method: str
    energy_kwh: float
    foresight_kwh: float
    requests: float
    beyond_capacity: float
    windows_beyond: int
    windows: int
    note: str = ""

    @property
    def extra_energy(self) -> float:
        """Energy above perfect foresight [1]; below 0 where requests beyond capacity took none."""
        return self.energy_kwh / self.foresight_kwh - 1.0 if self.foresight_kwh > 0 else math.nan

    @property
    def beyond_share(self) -> float:
        """Share of the requests that came beyond capacity [1]."""
        return self.beyond_capacity / self.requests if self.requests > 0 else 0.0


def decision_scores(
    inputs: Inputs,
    histories: Mapping[str, History],
    tried: Mapping[str, Mapping[str, HeldBack]],
    on_progress: Progress = lambda what, done: None,
) -> list[DecisionScore]:
    """Score methods by the plans that follow.

    Parameters
    ----------
    histories : mapping of str to History
        By service; every service of the scenario, in its buckets and windows.
    tried : mapping of str to mapping of str to HeldBack
        By method, then by service; all with the same first window, and with the quantiles that the scenario reserves.

    Raises
    ------
    UsageError
        The histories do not fit the scenario, or its pools cannot be accounted on another load than they were planned for.
    """
    check_fits(inputs, histories)
    days = _days(histories, tried)
    total = len(days) * (len(tried) + 1)
    books = {method: np.zeros(3) for method in tried}
    notes = dict.fromkeys(tried, "")
    foresight_kwh, requests, done = 0.0, 0.0, 0
    for day in days:
        on_progress("perfect foresight", done / total)
        some = next(iter(tried.values()))
        actual = _inputs(inputs, histories, day, {name: one.actual_rps for name, one in some.items()}, {})
        foresight_kwh += plan_scenario(actual).plan.totals.energy_kwh
        requests += sum(float(one.rate_rps.sum()) for one in actual.forecasts.values()) * actual.windows.window_s
        done += 1
        for method, services in tried.items():
            on_progress(method, done / total)
            means = {name: one.forecast_rps for name, one in services.items()}
            quantiles = {name: one.quantile_rps for name, one in services.items()}
            done += 1
            if notes[method]:
                continue
            planned = _inputs(inputs, histories, day, means, quantiles)
            try:
                books[method] += _account(plan_scenario(planned).plan, actual)
            except LimitError as error:
                notes[method] = f"no score, the day from {planned.windows.label(0)} got no plan: {error.faults[0].what}"
                books[method][:] = np.nan
    windows = sum(day.stop - day.start for day in days)
    return [
        DecisionScore(
            method, book[0], foresight_kwh, requests, book[1], round(np.nan_to_num(book[2])), windows, notes[method]
        )
        for method, book in ((method, book.tolist()) for method, book in books.items())
    ]


def check_fits(inputs: Inputs, histories: Mapping[str, History]) -> None:
    """Raise UsageError unless the histories hold the scenario's services in its buckets and windows."""
    wrong = []
    for name, forecast in inputs.forecasts.items():
        history = histories.get(name)
        if history is None:
            wrong.append(
                (f"there is no history of service {name}", "Name the service in the history as in the scenario")
            )
        elif set(history.buckets) != set(forecast.buckets):
            what = (
                f"service {name} has buckets {', '.join(history.buckets)}, the scenario {', '.join(forecast.buckets)}"
            )
            wrong.append((what, "Build the history with the scenario's buckets"))
        elif history.windows.window_s != forecast.windows.window_s:
            what = f"service {name} has windows of {history.windows.window_s} s, the scenario of {forecast.windows.window_s} s"
            wrong.append((what, "Build the history with the scenario's windows"))
    if len({(history.windows.start[0], len(history)) for history in histories.values()}) > 1:
        wrong.append(("the services' histories cover different times", "Cut them to the time that they share"))
    if wrong:
        allowed = "Plans are made for the scenario with forecasts of this history"
        raise UsageError(Fault("history-scenario", "--scenario", what, allowed, mend) for what, mend in wrong)


def _days(histories: Mapping[str, History], tried: Mapping[str, Mapping[str, HeldBack]]) -> list[slice]:
    """Held-back windows, as parts of the arrays, a day at a time."""
    history = next(iter(histories.values()))
    count = next(len(one.actual_rps) for services in tried.values() for one in services.values())
    return [slice(first, min(first + history.day, count)) for first in range(0, count, history.day)]


def _inputs(
    inputs: Inputs,
    histories: Mapping[str, History],
    day: slice,
    means: Mapping[str, Rates],
    quantiles: Mapping[str, Mapping[float, Rates]],
) -> Inputs:
    """The scenario's inputs with other forecasts on the windows of one held-back day; without quantiles the mean is all of them."""
    history = next(iter(histories.values()))
    first = len(history) - len(next(iter(means.values())))
    windows = Windows(history.windows.start[first:][day], history.windows.window_s)
    forecasts = {}
    for name, stated in inputs.forecasts.items():
        order = [histories[name].buckets.index(bucket) for bucket in stated.buckets]
        mean = means[name][day][:, order]
        known = quantiles.get(name, {})
        levels = {level: known[level][day][:, order] if known else mean for level in reserved_levels(inputs)}
        forecasts[name] = Forecast(histories[name].path, windows, stated.buckets, mean, levels)
    grid = {name: _at(signals, inputs.windows, windows) for name, signals in inputs.grid.items()}
    return replace(inputs, windows=windows, forecasts=forecasts, grid=grid)


def reserved_levels(inputs: Inputs) -> set[float]:
    """Quantiles that the scenario's services reserve [1]."""
    return {service.reserve_quantile for service in inputs.scenario.services if service.reserve_quantile is not None}


def _at(signals: GridSignals, known: Windows, windows: Windows) -> GridSignals:
    """Grid signals of the scenario's first window at the same time of day; energy does not depend on them."""
    day_s = int(HOURS_PER_DAY * SECONDS_PER_HOUR)
    times = known.start.astype(np.int64) % day_s
    index = [int(np.argmin(abs(times - at))) for at in (windows.start.astype(np.int64) % day_s).tolist()]
    return GridSignals(signals.path, signals.price_usd_per_mwh[index], signals.carbon_g_per_kwh[index])


def _account(plan: Plan, actual: Inputs) -> NDArray[np.float64]:
    """Energy under the actual load [kWh], requests beyond capacity, windows with such requests."""
    problem = assemble(_with_pools_of(plan, actual))
    if problem.routed or problem.loads():
        raise UsageError(
            Fault(
                "history-scenario",
                "--scenario",
                "it routes freely, or splits a load between sites",
                "The decision score knows pools that take the mix and the share that comes",
                "Score a scenario with `routing: even` and a site per service",
            )
        )
    hours = problem.windows.hours
    energy_kwh = plan.totals.energy_kwh
    beyond_rps = np.zeros(len(problem.windows))
    for pool in problem.pools:
        counts = _counts(plan, pool, len(problem.windows))
        capacity = (counts * pool.reserve_capacity_rps).sum(axis=1)
        beyond_rps += np.maximum(pool.rate_rps - capacity, 0.0)
        planned_w = _planned_power(plan, pool.name, len(problem.windows))
        power_w = _power(pool, counts, np.minimum(pool.rate_rps, capacity * WITHIN))
        pue = problem.site(pool.site).pue
        energy_kwh += pue * hours / WATTS_PER_KILOWATT * float((power_w - planned_w).sum())
    short = beyond_rps > ROUNDING_RPS
    beyond = float(beyond_rps[short].sum()) * problem.windows.window_s
    return np.array([energy_kwh, beyond, float(short.sum())])


def _with_pools_of(plan: Plan, actual: Inputs) -> Inputs:
    """The actual load in the pools that were planned, also where the scenario leaves these to be found."""
    services = [
        service.model_copy(
            update={"pools": [list(pool.buckets) for pool in plan.pools if pool.service == service.name]}
        )
        if service.pools is PoolRule.AUTO
        else service
        for service in actual.scenario.services
    ]
    return replace(actual, scenario=actual.scenario.model_copy(update={"services": services}))


def _counts(plan: Plan, pool: PoolProblem, windows: int) -> NDArray[np.int64]:
    """Instances planned in a pool (window, kind)."""
    counts = np.zeros((windows, len(pool.kinds)), dtype=np.int64)
    for group in plan.groups:
        if group.pool == pool.name:
            counts[group.window, pool.kinds.index(group.kind)] += group.instances
    return counts


def _planned_power(plan: Plan, pool: str, windows: int) -> Rates:
    """Power of a pool's instances as planned (window,) [W]."""
    power = np.zeros(windows)
    for group in plan.groups:
        if group.pool == pool:
            power[group.window] += group.power_w
    return power


def _power(pool: PoolProblem, counts: NDArray[np.int64], rate_rps: Rates) -> Rates:
    """Power of these instances at these loads (window,) [W]."""
    power = np.zeros(rate_rps.size)
    for mix, kinds in enumerate(pool.mixes):
        here = np.flatnonzero((pool.mix == mix) & (counts.sum(axis=1) > 0))
        if here.size:
            power[here] = Fleet(kinds).power(counts[here], rate_rps[here])
    return power
