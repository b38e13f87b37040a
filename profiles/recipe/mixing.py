"""Mixing table: how much of an instance's capacity is lost when input classes share it.

For a set of input classes at the workload's own shares, the highest total utilisation u = sum rate_b / capacity_b at
which every class still meets its own SLO; the derate is 1 - u.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipe.cells import DTYPE, GPU, MODEL, SEED, highest_rate_rps, serve_with_margin
from recipe.figures import BUCKETS, FREQUENCIES_MHZ, TENSOR_PARALLEL, Figures, Instance
from recipe.lengths import Workload
from recipe.serving import WARM_UP_SHARE, Prepared, Server, draw_requests, prepare, serve
from recipe.slo import Slo, slo_of

INPUT_CLASS_SETS = ("S+M", "S+L", "M+L", "S+M+L")
MIXED_REQUESTS = 20_000  # the rarest class then still has thousands

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


def mixing_rows(figures: Figures, workload: Workload, capacities: Capacities, server: Server = serve) -> list[Mix]:
    """Derates of every TP, clock and set of input classes; ``capacities[bucket, tp, frequency_mhz]`` in 1/s."""
    source = f"profiles/compose.py, single instance{'' if server is serve else ', by the engine'}"
    return [
        Mix(MODEL, GPU, tp, 1, DTYPE, frequency_mhz, classes, derate, "composed", source)
        for classes in INPUT_CLASS_SETS
        for tp in TENSOR_PARALLEL
        for frequency_mhz in FREQUENCIES_MHZ
        for derate in [_derate(figures, workload, classes, Instance(tp, frequency_mhz), capacities, server)]
    ]


def _derate(
    figures: Figures, workload: Workload, classes: str, instance: Instance, capacities: Capacities, server: Server
) -> float:
    """Derate of one set; 1 where a class has no bucket that this instance can serve."""
    buckets = [
        b for b in BUCKETS if b[0] in classes.split("+") and capacities[b, instance.tp, instance.frequency_mhz] > 0.0
    ]
    if {b[0] for b in buckets} != set(classes.split("+")):
        return 1.0
    total = sum(workload.shares[b] for b in buckets)
    shares = [workload.shares[b] / total for b in buckets]
    requests, bucket = draw_requests([workload.lengths[b] for b in buckets], shares, MIXED_REQUESTS, SEED)
    prepared = prepare(figures, instance, requests)
    members = [(slo_of(figures, workload.name, c), _members(buckets, bucket, c)) for c in classes.split("+")]
    rate_rps = highest_rate_rps(prepared.stable_limit_rps(), lambda rate: _within_slos(prepared, members, rate, server))
    per_request = sum(
        share / capacities[b, instance.tp, instance.frequency_mhz] for b, share in zip(buckets, shares, strict=True)
    )
    return round(min(1.0, max(0.0, 1.0 - rate_rps * per_request)), 4)


def _members(buckets: list[str], bucket: IntArray, input_class: str) -> BoolArray:
    """Which of the requests after warm-up belong to an input class."""
    own = [i for i, name in enumerate(buckets) if name[0] == input_class]
    return np.isin(bucket[int(WARM_UP_SHARE * len(bucket)) :], own)


def _within_slos(prepared: Prepared, members: Sequence[tuple[Slo, BoolArray]], rate_rps: float, server: Server) -> bool:
    """Whether every class, given as its SLO and its requests, meets its own."""
    outcome = serve_with_margin(prepared, rate_rps, server)
    return all(slo.met_by(outcome.ttft_ms[own], outcome.tbt_ms[own]) for slo, own in members)
