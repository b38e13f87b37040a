"""Several instances behind a router: what each serves, and what input classes that share them lose, by the engine.

The shipped rows are those of an instance by itself, which any pool has; these tables say how much more a large pool serves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from dynamo_plan.engine import Limits, Router, Traffic, capacity_at_slo
from dynamo_plan.schema.engine_table import EngineTable
from recipe.cells import DTYPE, GPU, MODEL, REQUESTS, SEED
from recipe.engine_serving import entry_of, serving_of
from recipe.figures import BUCKETS, FREQUENCIES_MHZ, MS_PER_S, TENSOR_PARALLEL, Figures, Instance
from recipe.lengths import Workload
from recipe.mixing import INPUT_CLASS_SETS, Mix
from recipe.serving import draw_requests
from recipe.slo import slo_of

INPUT_CLASSES = "SML"

type Alone = Mapping[tuple[str, Instance], float]
"""Capacity [1/s] of one instance by bucket, as the profile has it."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many instances of one kind behind a router."""

    instances: int
    router: Router = Router.LEAST_UNPREFILLED


class Fleets:
    """Capacities of a workload on fleets of the machines of an engine table, each computed once."""

    def __init__(self, figures: Figures, table: EngineTable, workload: Workload, alone: Alone) -> None:
        self._table, self._workload, self._alone = table, workload, alone
        self._limits = limits_of(figures, workload)
        self.capacity_rps = cache(self._capacity_rps)

    def _capacity_rps(self, instance: Instance, buckets: tuple[str, ...], fleet: Fleet) -> float:
        """The highest rate per instance [1/s] at which every input class keeps its SLO, by the quantile of the profile."""
        entry = entry_of(self._table, instance.tp)
        return capacity_at_slo(
            entry.costs,
            instance.frequency_mhz,
            traffic_of(self._workload, buckets),
            self._limits,
            serving_of(entry),
            instances=fleet.instances,
            router=fleet.router,
        )

    def derate(self, instance: Instance, input_classes: str, fleet: Fleet) -> float:
        """What these input classes, joined by +, lose together: 1 less the utilisation, by capacities of an instance alone [1].

        Negative where many instances behind a router gain more than mixing loses; 1 where a class cannot be served at all.
        """
        wanted = set(input_classes.split("+"))
        buckets = tuple(b for b in BUCKETS if b[0] in wanted and self._alone[b, instance] > 0.0)
        if {b[0] for b in buckets} != wanted:
            return 1.0
        total = sum(self._workload.shares[b] for b in buckets)
        per_request = sum(self._workload.shares[b] / total / self._alone[b, instance] for b in buckets)
        return 1.0 - self.capacity_rps(instance, buckets, fleet) * per_request

    def mixing_rows(self, fleet: Fleet) -> list[Mix]:
        """A mixing table for pools that never have fewer instances than the fleet, behind its router: derates from 0 to 1."""
        source = f"profiles/engine_check.py, {fleet.instances} instances or more, router {fleet.router.name.lower()}"
        return [
            Mix(MODEL, GPU, tp, 1, DTYPE, frequency_mhz, classes, derate, "modelled", source)
            for classes in INPUT_CLASS_SETS
            for tp in TENSOR_PARALLEL
            for frequency_mhz in FREQUENCIES_MHZ
            for derate in [round(max(self.derate(Instance(tp, frequency_mhz), classes, fleet), 0.0), 4)]
        ]


def traffic_of(workload: Workload, buckets: Sequence[str]) -> Traffic:
    """Lengths of some buckets at the workload's own shares, told apart by input class, as promises are."""
    own = [workload.lengths[bucket] for bucket in buckets]
    seed = SEED + (BUCKETS.index(buckets[0]) if len(buckets) == 1 else 0)
    requests, member = draw_requests(own, [workload.shares[bucket] for bucket in buckets], REQUESTS, seed)
    classes = np.array([INPUT_CLASSES.index(bucket[0]) for bucket in buckets])
    return Traffic(requests.input_tokens.astype(np.int64), requests.output_tokens.astype(np.int64), classes[member])


def limits_of(figures: Figures, workload: Workload) -> Limits:
    """What the workload promises by input class: TTFT, and the mean TBT of a request."""
    slos = [slo_of(figures, workload.name, one) for one in INPUT_CLASSES]
    ttft_s = tuple(slo.ttft_ms / MS_PER_S for slo in slos)
    return Limits(ttft_s, slos[0].tbt_ms / MS_PER_S, quantile=slos[0].quantile)
