"""Mixing table: how much of an instance's capacity is lost when input classes share it.

For a set of input classes at the workload's own shares, the highest total utilisation u = sum rate_b / capacity_b at
which every class still meets its own SLO; the derate is 1 - u.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipe.cells import DTYPE, GPU, MODEL, REQUESTS, SEED, highest_rate_rps
from recipe.figures import BUCKETS, FREQUENCIES_MHZ, Figures, Instance
from recipe.lengths import Workload
from recipe.serving import WARM_UP_SHARE, Prepared, Server, draw_requests, prepare
from recipe.slo import Slo, slo_of

INPUT_CLASS_SETS = ("S+M", "S+L", "M+L", "S+M+L")

Capacities = Mapping[tuple[str, int, int], float]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Mix:
    """One row of the mixing table."""

    model: str
    gpu: str
    tp: int
    pp: int
    dtype: str
    frequency_mhz: int
    input_classes: str
    derate: float
    provenance: str
    source: str


def mixing_rows(
    figures: Figures, workload: Workload, classes: str, tp: int, capacities: Capacities, server: Server
) -> list[Mix]:
    """Derates of a set of input classes at one TP and every clock; ``capacities[bucket, tp, frequency_mhz]`` in 1/s."""
    source = f"profiles/compose.py; {server.method}"
    rows: list[Mix] = []
    mixed: tuple[dict[str, float], float] = {}, 0.0
    for frequency_mhz in FREQUENCIES_MHZ:
        own_rps = {b: capacities[b, tp, frequency_mhz] for b in BUCKETS}
        shares = _shares(workload, classes, own_rps)
        derate = 1.0
        if shares:
            instance = Instance(tp, frequency_mhz)
            least_rps = mixed[1] if mixed[0] == shares else 0.0
            rate_rps = _mixed_rate_rps(figures, workload, shares, instance, server, least_rps)
            mixed = shares, rate_rps
            derate = 1.0 - rate_rps * sum(share / own_rps[b] for b, share in shares.items())
        derate = round(min(1.0, max(0.0, derate)), 4)
        rows.append(Mix(MODEL, GPU, tp, 1, DTYPE, frequency_mhz, classes, derate, "composed", source))
    return rows


def _shares(workload: Workload, classes: str, capacities_rps: Mapping[str, float]) -> dict[str, float]:
    """Shares of the buckets that an instance can serve; none where a class has no such bucket."""
    buckets = [b for b in BUCKETS if b[0] in classes.split("+") and capacities_rps[b] > 0.0]
    if {b[0] for b in buckets} != set(classes.split("+")):
        return {}
    total = sum(workload.shares[b] for b in buckets)
    return {b: workload.shares[b] / total for b in buckets}


def _mixed_rate_rps(
    figures: Figures,
    workload: Workload,
    shares: Mapping[str, float],
    instance: Instance,
    server: Server,
    least_rps: float,
) -> float:
    """The highest rate [1/s] of a mix at which every class keeps its SLO; ``least_rps`` is that at a slower clock."""
    buckets = list(shares)
    requests, bucket = draw_requests([workload.lengths[b] for b in buckets], list(shares.values()), REQUESTS, SEED)
    prepared = prepare(figures, instance, requests)
    members = [
        (slo_of(figures, workload.name, c), _members(buckets, bucket, c)) for c in sorted({b[0] for b in buckets})
    ]
    limit_rps = prepared.stable_limit_rps()
    return highest_rate_rps(limit_rps, lambda rate: _within_slos(prepared, members, rate, server), least_rps)


def _members(buckets: list[str], bucket: IntArray, input_class: str) -> BoolArray:
    """Which of the requests after warm-up belong to an input class."""
    own = [i for i, name in enumerate(buckets) if name[0] == input_class]
    return np.isin(bucket[int(WARM_UP_SHARE * len(bucket)) :], own)


def _within_slos(prepared: Prepared, members: Sequence[tuple[Slo, BoolArray]], rate_rps: float, server: Server) -> bool:
    """Whether every class, given as its SLO and its requests, meets its own."""
    outcome = server(prepared, rate_rps)
    return all(slo.met_by(outcome.ttft_ms[own], outcome.tbt_ms[own]) for slo, own in members)
