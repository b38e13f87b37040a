r"""An instance that starts on GPUs that others of its pool free at the same moment is re-sharded, which is cheaper than a start.

.. math::
   F = \sum_k g_k (N_{k,t-1} - N_{k,t})^+, \qquad
   r_k = \min\Big( (N_{k,t} - N_{k,t-1})^+,\ \Big\lfloor \frac{F - \sum_{j < k} g_j r_j}{g_k} \Big\rfloor \Big)

over the kinds of one pool, GPU type and number format in ascending order of their GPUs :math:`g_k` [1]: as many of the
instances that start at an edge as fit whole on the GPUs freed there, the smallest first. :math:`F` are GPUs freed. A re-shard
adds `reshard_wh` to the site's energy instead of `instance_start_wh`, holds its GPUs for `reshard_s` instead of
`instance_start_s`, costs no `instance_start_usd`, and is no start: it does not count in `instance_starts` nor against
`start_limit`. Applies where the scenario gives `reshard_wh`; without it every change of kind is a start.

Smallest first is the most re-shards there can be: take any choice that fits; while it leaves out a smaller instance than one
it has, swap them, and it still fits. So the rule saves the most energy. Where GPU-hours have a price a larger instance would save more
of these; the rule holds all the same, because it makes what a course uses independent of prices.

Why: the weights are on the server already. DynamoLLM (arXiv 2408.00741, section IV) re-shards between degrees of tensor parallelism by
moving shards among GPUs that hold the model; here only where the GPUs of the new instance are all freed at that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pulp
from numpy.typing import NDArray

from dynamo_plan.schema.kind import Kind

NAME = "resharding"

Terms = list[tuple[pulp.LpVariable, float]]


def families(kinds: Sequence[Kind]) -> list[list[int]]:
    """Indices of kinds that can be re-sharded into each other, ascending in GPUs; kinds that stand alone are left out."""

    def family(k: int) -> tuple[str, str]:
        return kinds[k].gpu, kinds[k].dtype

    order = sorted(range(len(kinds)), key=lambda k: (family(k), kinds[k].gpus, kinds[k]))
    return [members for _, group in groupby(order, key=family) if len(members := list(group)) > 1]


def resharded(before: NDArray[np.int64], after: NDArray[np.int64], kinds: Sequence[Kind]) -> NDArray[np.int64]:
    """Instances re-sharded on the way from one state to another; states (..., kind) -> (..., kind)."""
    rise = np.maximum(after - before, 0)
    fall = np.maximum(before - after, 0)
    found = np.zeros(rise.shape, dtype=np.int64)
    for members in families(kinds):
        gpus = np.array([kinds[k].gpus for k in members])
        free = fall[..., members] @ gpus
        for k, size in zip(members, gpus.tolist(), strict=True):
            found[..., k] = np.minimum(rise[..., k], free // size)
            free = free - size * found[..., k]
    return found


def add_rule(
    prob: pulp.LpProblem,
    name: str,
    kinds: Sequence[Kind],
    starts: Sequence[pulp.LpVariable],
    stops: Sequence[tuple[Terms, float]],
    most: Sequence[int],
) -> dict[int, pulp.LpVariable]:
    """Variables and rows that make re-shards at one edge follow the rule; by kind.

    Parameters
    ----------
    starts : sequence of LpVariable
        Instances that are there and were not, exactly, by kind.
    stops : sequence of (terms, constant)
        Instances that were there and are not, exactly, by kind.
    most : sequence of int
        More instances than ever start or stop at once, by kind.
    """
    found: dict[int, pulp.LpVariable] = {}
    for members in families(kinds):
        room: Terms = [(variable, kinds[k].gpus * factor) for k in members for variable, factor in stops[k][0]]
        free = float(sum(kinds[k].gpus * stops[k][1] for k in members))
        limit = float(sum(kinds[k].gpus * most[k] for k in members))
        for k in members:
            size, label = float(kinds[k].gpus), f"{NAME}_{name}_{k}"
            r = prob.add_variable(label, lowBound=0.0, upBound=float(most[k]), cat="Integer")
            every = prob.add_variable(f"{label}_all", cat="Binary")
            taken: Terms = [(r, size), *((variable, -factor) for variable, factor in room)]
            prob.addConstraint(pulp.lpSum_vars_coefs([(starts[k], 1.0), (r, -1.0)]) >= 0.0, f"{label}_started")
            prob.addConstraint(pulp.lpSum_vars_coefs(taken) <= free, f"{label}_fits")
            # Either every instance that starts is a re-shard, or what is left is too small for one more.
            rest: Terms = [(starts[k], 1.0), (r, -1.0), (every, float(most[k]))]
            prob.addConstraint(pulp.lpSum_vars_coefs(rest) <= float(most[k]), f"{label}_every")
            full: Terms = [*taken, (every, limit)]
            prob.addConstraint(pulp.lpSum_vars_coefs(full) >= free - size + 1.0, f"{label}_full")
            room = [*room, (r, -size)]
            found[k] = r
    return found
