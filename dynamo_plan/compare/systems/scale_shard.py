"""ScaleShard: the GPUs of MultiPool, sharded anew each pool epoch at the highest clock. Source: DynamoLLM, section V.

GPUs that no instance uses stay held: what they draw is the scenario's `unused_gpu_w`.
"""

from __future__ import annotations

import numpy as np

from dynamo_plan.compare.case import Case
from dynamo_plan.compare.pool_manager import PoolManager
from dynamo_plan.compare.system import Decision, Layout, services_of
from dynamo_plan.compare.systems.multi_pool import peak_nodes

NAME = "scale-shard"
MEANING = "The GPUs of multi-pool, sharded anew as often as every 5 min for least power at the highest clock"


def decide(case: Case) -> Decision:
    """MultiPool's GPUs, their instances free."""
    layout = Layout(case)
    for service in services_of(case):
        for column, (bucket, count) in enumerate(zip(service.buckets, peak_nodes(service).tolist(), strict=True)):
            gpus = np.full(len(case.windows), count * service.kind.gpus)
            takes = np.zeros((len(case.windows), len(service.buckets)))
            takes[:, column] = 1.0
            PoolManager(case, service).run(layout, layout.pool(service, (bucket,)), takes, gpus)
            layout.hold(service, gpus)
    return Decision(layout.schedule(), layout.held_gpus)
