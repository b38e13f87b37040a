"""Starts and re-shards between states of a pool, counted for every system as the scenario counts them for a plan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.constraints.resharding import resharded
from dynamo_plan.model.quantities import Changes, reshard_energy_kwh, start_energy_kwh
from dynamo_plan.problem import Problem
from dynamo_plan.schema.kind import Kind


def changes_between(
    problem: Problem, kinds: Sequence[Kind], before: NDArray[np.int64], after: NDArray[np.int64]
) -> Changes:
    """Instances started and re-sharded on the way from one state to another, shape (..., kind)."""
    moved = resharded(before, after, kinds) if problem.transitions.reshards else np.zeros_like(after)
    return Changes(np.maximum(after - before, 0) - moved, moved)


def transition_kwh(
    problem: Problem, kinds: Sequence[Kind], before: NDArray[np.int64], after: NDArray[np.int64]
) -> NDArray[np.float64]:
    """IT energy of these changes, shape (...,) [kWh]."""
    new = changes_between(problem, kinds, before, after)
    started, moved = new.started.sum(axis=-1), new.resharded.sum(axis=-1)
    return np.asarray(started * start_energy_kwh(problem) + moved * reshard_energy_kwh(problem))
