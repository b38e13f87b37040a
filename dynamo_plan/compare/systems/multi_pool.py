"""MultiPool: a static pool of nodes per bucket, each for its own peak. Source: DynamoLLM, section V."""

from __future__ import annotations

import numpy as np

from dynamo_plan.compare.case import Case
from dynamo_plan.compare.system import Decision, Layout, Service, services_of, whole_nodes

NAME = "multi-pool"
MEANING = "A static pool per bucket, the largest kind at its highest clock, each sized for its own peak"


def decide(case: Case) -> Decision:
    """Nodes of every bucket's peak."""
    layout = Layout(case)
    for service in services_of(case):
        nodes = peak_nodes(service)
        for bucket, count in zip(service.buckets, nodes.tolist(), strict=True):
            layout.nodes(service, layout.pool(service, (bucket,)), np.full(len(case.windows), count))
    return Decision(layout.schedule(), layout.held_gpus)


def peak_nodes(service: Service) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Nodes of each bucket for its largest reserve rate, shape (bucket,)."""
    return np.maximum(whole_nodes(service.load.max(axis=0)), service.assembly.service.min_instances)
