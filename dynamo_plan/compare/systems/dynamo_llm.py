r"""DynamoLLM: nodes by half hour, shards by five minutes, clocks by five seconds, each decided by itself.

Cluster manager: of each bucket in nodes :math:`u_b`, only whole ones are given to its pool; what is left over goes to the pool of the next
larger bucket, and the largest takes a node for the rest:

.. math:: v_b = u_b + \sum_{b' \to b} \rho_{b'} v_{b'}, \qquad N_b = \lfloor v_b \rfloor, \qquad \rho_b = (v_b - N_b) / v_b

A pool without a node has so been merged into the next larger one. What SLO a request keeps in a pool that is not its own the paper does not
say; no capacity is reserved for it. `pool_manager` and `clock_manager` do the rest. Source: DynamoLLM (arXiv 2408.00741), section IV; that
the next larger is the nearest that is larger in both lengths is our reading.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.compare.case import Case
from dynamo_plan.compare.clock_manager import with_instance_manager
from dynamo_plan.compare.pool_manager import PoolManager
from dynamo_plan.compare.system import (
    CLUSTER_EPOCH_S,
    WHOLE,
    Decision,
    Layout,
    Service,
    epoch_peaks,
    epoch_windows,
    services_of,
    whole_nodes,
)
from dynamo_plan.replay.traffic import larger_buckets

NAME = "dynamo-llm"
MEANING = "The paper's controllers: nodes by half hour, shards by 5 min, clocks by 5 s, left-over load to the next larger pool"


def decide(case: Case) -> Decision:
    """Nodes, shards and clocks of every service."""
    layout = Layout(case)
    takes: dict[str, NDArray[np.float64]] = {}
    for service in services_of(case):
        manager = PoolManager(case, service)
        nodes, spread = assigned(service, epoch_windows(case, CLUSTER_EPOCH_S))
        for column, bucket in enumerate(service.buckets):
            pool = layout.pool(service, (bucket,))
            takes[pool] = spread[:, :, column]
            gpus = nodes[:, column] * service.kind.gpus
            manager.run(layout, pool, takes[pool], gpus)
            layout.hold(service, gpus)
    return with_instance_manager(case, Decision(layout.schedule(takes), layout.held_gpus))


def assigned(service: Service, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Nodes of each bucket's pool (window, bucket), and what part of each bucket's load goes to each pool (window, bucket, pool) [1].

    Parameters
    ----------
    epoch : int
        Windows for which nodes stay.
    """
    load = epoch_peaks(service.load, epoch)
    windows, count = load.shape
    order, following = _sizes(service)
    spread = np.zeros((windows, count, count))
    spread[:, np.arange(count), np.arange(count)] = 1.0
    nodes = np.zeros((windows, count), dtype=np.int64)
    for pool in order:
        held = (spread[:, :, pool] * load).sum(axis=1)
        larger = following[pool]
        if larger is None:
            nodes[:, pool] = whole_nodes(held)
            continue
        nodes[:, pool] = np.floor(held + WHOLE)
        passed = np.where(nodes[:, pool] > 0, np.maximum(held - nodes[:, pool], 0.0) / np.maximum(held, 1.0), 1.0)
        spread[:, :, larger] += spread[:, :, pool] * passed[:, None]
        spread[:, :, pool] *= 1.0 - passed[:, None]
    return np.maximum(nodes, service.assembly.service.min_instances), spread


def _sizes(service: Service) -> tuple[list[int], list[int | None]]:
    """Buckets from the smallest to the largest, and for each the next larger in both lengths, None for the largest."""
    names = service.buckets
    classes = len({name[1:] for name in names})

    larger = [larger_buckets(bucket, len(names), classes) for bucket in range(len(names))]
    following = [own[0] if own else None for own in larger]
    return sorted(range(len(names)), key=lambda bucket: (sum(divmod(bucket, classes)), bucket)), following
