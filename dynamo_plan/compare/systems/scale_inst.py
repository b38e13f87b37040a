"""ScaleInst: as MultiPool, the nodes of every pool set anew each cluster epoch. Source: DynamoLLM, section V."""

from __future__ import annotations

import numpy as np

from dynamo_plan.compare.case import Case
from dynamo_plan.compare.system import (
    CLUSTER_EPOCH_S,
    Decision,
    Layout,
    epoch_peaks,
    epoch_windows,
    services_of,
    whole_nodes,
)

NAME = "scale-inst"
MEANING = "As multi-pool, with nodes for each half hour's peak"


def decide(case: Case) -> Decision:
    """Nodes of every bucket's peak in each epoch."""
    layout = Layout(case)
    for service in services_of(case):
        nodes = whole_nodes(epoch_peaks(service.load, epoch_windows(case, CLUSTER_EPOCH_S)))
        nodes = np.maximum(nodes, service.assembly.service.min_instances)
        for column, bucket in enumerate(service.buckets):
            layout.nodes(service, layout.pool(service, (bucket,)), nodes[:, column])
    return Decision(layout.schedule(), layout.held_gpus)
