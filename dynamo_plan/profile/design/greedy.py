"""Points one after the other, each the one that takes most of the remaining variance away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.profile.design.response import Place, features, learnt, prior, worth

MEASUREMENT_ERROR = 0.03
"""Standard deviation of a measured row [log]: repeats of the V100 sweep spread by up to 3.3 %."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Candidates in the order chosen, and the expected error of the targets before and after [relative]."""

    chosen: tuple[int, ...]
    error_before: float
    error_after: float


def choose(
    candidates: Place,
    rates: int,
    known: Place,
    known_error: NDArray[np.float64],
    targets: Place,
    weights: NDArray[np.float64],
    count: int,
) -> Choice:
    """Choose candidates greedily; with equal worth the first, so that the same inputs give the same design.

    Greedy choice is within 1 - 1/e of the best set where gains diminish, which those of a linear model nearly do.

    Parameters
    ----------
    candidates : Place
        Sweeps one after the other, each of `rates` points.
    known : Place
        Rows that are there already, with `known_error` [log], shape (row,).
    targets : Place
        Points that the plan rests on, with `weights` of any sum, shape (target,).
    count : int
        How many sweeps; fewer if there are no more candidates.
    """
    kinds = 1 + int(max(place.kind.max(initial=0) for place in (candidates, known, targets)))
    terms = features(candidates, kinds)
    sweep = terms.reshape(-1, rates, terms.shape[1])
    covariance = learnt(prior(terms.shape[1], kinds), features(known, kinds), known_error)
    aims = features(targets, kinds)
    wanted = (aims.T * (weights / weights.sum())) @ aims
    before = float(np.sqrt(np.trace(covariance @ wanted)))
    chosen: list[int] = []
    for _ in range(min(count, sweep.shape[0])):
        gains = worth(covariance, sweep, MEASUREMENT_ERROR, wanted)
        gains[chosen] = -np.inf
        best = int(np.argmax(gains))
        chosen.append(best)
        covariance = learnt(covariance, sweep[best], np.full(rates, MEASUREMENT_ERROR))
    return Choice(tuple(chosen), before, float(np.sqrt(max(0.0, np.trace(covariance @ wanted)))))
