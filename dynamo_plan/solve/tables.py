"""A pool as flat arrays, the form that compiled loops read: envelopes, hulls, hull segments by merit, cuts, limits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dynamo_plan.compiled import Floats, Integers
from dynamo_plan.model.constraints.resharding import families
from dynamo_plan.problem import PoolProblem
from dynamo_plan.solve.envelope import Envelope

SLOPES = 24
"""Slopes tried per mix, spread over the hulls' own; more cut little further."""

Envelopes = tuple[Envelope | None, ...]


class PoolTables(NamedTuple):
    """What one instance can do, by mix and kind; a cell is a pair of both, mix x kinds + kind.

    Few arrays of many columns: every array that compiled functions hand on costs time to compile.

    Attributes
    ----------
    edge : array of int, shape (2, cell + 1)
        Where each cell's knots and hull vertices begin.
    knots, hull : array, shape (knot, 2), (vertex, 2)
        Load [1/s] and power [W].
    segment_edge : array of int, shape (mix + 1,)
        Where each mix's hull segments begin.
    segments : array, shape (segment, 3)
        Kind, width [1/s] and slope [W per request/s], cheapest slope first.
    cuts : array, shape (mix, slope, 1 + kind)
        A slope to cut with [W per request/s], and for each kind the least of power less slope x rate over its hull [W].
    cells : array, shape (mix, kind, 2)
        Most power of one instance [W] and its highest rate [1/s]; 0 where no clock is feasible.
    """

    edge: Integers
    knots: Floats
    hull: Floats
    segment_edge: Integers
    segments: Floats
    cuts: Floats
    cells: Floats


class PoolLimits(NamedTuple):
    """What a pool must serve in each window and how many instances it may have.

    Attributes
    ----------
    mix : array of int, shape (window,)
    loads : array, shape (window, 2 + kind)
        Mean and reserve rate, and the reserve capacity of one instance of each kind [1/s].
    kinds : array of int, shape (6, kind)
        Most instances; kinds by capacity, largest first, the order of enumeration; factors that number a state; GPUs of an
        instance; the family of kinds that it can be re-sharded within, -1 where it stands alone; kinds by family and GPUs.
    min_instances : int
    """

    mix: Integers
    loads: Floats
    kinds: Integers
    min_instances: int


def pool_tables(mixes: list[Envelopes]) -> PoolTables:
    """Flat arrays of every mix's envelopes (mix) of (kind)."""
    kinds = len(mixes[0])
    cells = [found for mix in mixes for found in mix]
    cuts = np.zeros((len(mixes), SLOPES, 1 + kinds))
    cell = np.zeros((len(mixes), kinds, 2))
    segments = [_segments(own) for own in mixes]
    for mix, own in enumerate(mixes):
        slopes = _slopes(own)
        cuts[mix, :, 0] = np.append(slopes, np.full(SLOPES - slopes.size, slopes[-1]))
        for kind, found in enumerate(own):
            if found is not None:
                cuts[mix, :, 1 + kind] = (found.hull_power_w - cuts[mix, :, :1] * found.hull_rate_rps).min(axis=1)
                cell[mix, kind] = found.power_w.max(), found.capacity_rps
    knots = [np.column_stack([found.rate_rps, found.power_w]) for found in cells if found is not None]
    hulls = [np.column_stack([found.hull_rate_rps, found.hull_power_w]) for found in cells if found is not None]
    sizes = [(0, 0) if found is None else (found.rate_rps.size, found.hull_rate_rps.size) for found in cells]
    return PoolTables(
        edge=np.cumsum([(0, 0), *sizes], axis=0).T.astype(np.int64).copy(),
        knots=np.concatenate([np.zeros((0, 2)), *knots]),
        hull=np.concatenate([np.zeros((0, 2)), *hulls]),
        segment_edge=np.concatenate([[0], np.cumsum([part.shape[0] for part in segments])]).astype(np.int64),
        segments=np.concatenate(segments),
        cuts=cuts,
        cells=cell,
    )


def pool_limits(pool: PoolProblem) -> PoolLimits:
    """A pool's loads and limits as arrays."""
    most = pool.max_instances.astype(np.int64)
    order = np.argsort(-pool.reserve_capacity_rps.mean(axis=0), kind="stable")
    gpus, family = pool.gpus, np.full(most.size, -1)
    for number, members in enumerate(families(pool.kinds)):
        family[members] = number
    radix = np.cumprod([1, *(most[:0:-1] + 1)])[::-1][: most.size]
    return PoolLimits(
        mix=np.ascontiguousarray(pool.mix, dtype=np.int64),
        loads=np.column_stack([pool.rate_rps, pool.reserve_rate_rps, pool.reserve_capacity_rps]),
        kinds=np.stack([most, order, radix, gpus, family, np.lexsort((gpus, family))]).astype(np.int64),
        min_instances=pool.min_instances,
    )


def _segments(own: Envelopes) -> Floats:
    """Kind, width and slope of every hull segment of a mix (segment, 3), cheapest slope first."""
    found = [
        np.column_stack([np.full(width.size, kind), width, np.diff(one.hull_power_w) / width])
        for kind, one in enumerate(own)
        if one is not None
        for width in [np.diff(one.hull_rate_rps)]
    ]
    joined = np.concatenate([np.zeros((0, 3)), *found])
    return joined[np.argsort(joined[:, 2], kind="stable")]


def _slopes(own: Envelopes) -> Floats:
    """Slopes to cut with: 0, the hulls' own, and each kind's least power per rate, thinned to `SLOPES`."""
    found = [one for one in own if one is not None]
    inner = [np.diff(one.hull_power_w) / np.diff(one.hull_rate_rps) for one in found]
    least = [np.array([(one.hull_power_w[1:] / one.hull_rate_rps[1:]).min()]) for one in found]
    slopes = np.unique(np.concatenate([np.zeros(1), *inner, *least]))
    slopes = slopes[slopes >= 0]
    return np.asarray(slopes[np.unique(np.linspace(0, slopes.size - 1, min(SLOPES, slopes.size)).round().astype(int))])
