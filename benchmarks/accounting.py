"""One measure for every method: what a plan's instance counts cost under the dispatch that can be run, and which caps they break."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.quantities import contribution, site_axes
from dynamo_plan.problem import Problem
from dynamo_plan.solve.ledger import ledger, objective_value
from dynamo_plan.solve.states import StateSpace

CAP_TOLERANCE = 1e-7
"""Relative; solvers hold a row to about this."""


@dataclass(frozen=True, slots=True)
class Account:
    """A plan's objective, its peaks, and in how many windows it breaks a cap."""

    objective: float
    peak_gpus: int
    peak_power_kw: float
    broken_windows: int


def account(problem: Problem, spaces: list[StateSpace], counts: list[NDArray[np.int64]]) -> Account:
    """The account of these counts (window, kind), one array per pool; starts and whole servers included."""
    windows = np.arange(len(problem.windows))
    amounts = site_axes(problem).zeros()
    for space, own in zip(spaces, counts, strict=True):
        amounts = amounts + contribution(problem, space.pool, own, space.power_w(windows, own))
    book = ledger(problem, amounts)
    broken = np.zeros(windows.size, dtype=bool)
    for home, site in enumerate(problem.sites):
        broken |= book.energy_kwh[home] / problem.windows.hours > site.power_cap_kw * (1 + CAP_TOLERANCE)
    for row, (name, gpu) in enumerate(site_axes(problem).stocks):
        broken |= amounts.gpus_in_use[row] > problem.site(name).stock[gpu] * (1 + CAP_TOLERANCE)
    totals = book.totals
    return Account(objective_value(problem, totals), totals.peak_gpus, totals.peak_power_kw, int(broken.sum()))
