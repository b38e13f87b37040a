"""Objectives in a unit that solvers can count in: their tolerances are absolute, so prices of 1e-8 would be rounding to them."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np

from dynamo_plan.model.quantities import SiteVector
from dynamo_plan.problem import Problem
from dynamo_plan.solve.coupling import direct_prices
from dynamo_plan.solve.solution import Solution

ORDINARY = 2.0**8
"""Prices of site quantities up to this, and down to its inverse, are left as they are."""


def unit_of(problem: Problem) -> float:
    """A power of two in which the objective's largest price is near 1; 1 where it is ordinary anyway."""
    prices = direct_prices(problem)
    largest = max(float(np.abs(getattr(prices, f.name)).max(initial=0.0)) for f in fields(prices))
    if largest == 0.0 or 1.0 / ORDINARY <= largest <= ORDINARY:
        return 1.0
    return float(2.0 ** math.floor(math.log2(largest)))


def in_unit(problem: Problem, unit: float) -> Problem:
    """The same problem with its objective counted in this unit."""
    return replace(problem, weights={name: weight / unit for name, weight in problem.weights.items()})


def out_of_unit(solution: Solution, unit: float) -> Solution:
    """A solution's values in the objective's own unit again."""
    prices = solution.prices
    if prices is not None:
        prices = SiteVector(*(getattr(prices, f.name) * unit for f in fields(prices)))
    return replace(solution, objective=solution.objective * unit, bound=solution.bound * unit, prices=prices)
