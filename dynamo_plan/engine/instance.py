"""One serving instance: requests as they come, or a closed loop as benchmarks run it."""

from __future__ import annotations

import numpy as np

from dynamo_plan.compiled import Integers
from dynamo_plan.engine.cluster import Cluster, PoolPlan
from dynamo_plan.engine.outcome import Outcome
from dynamo_plan.engine.settings import Serving, Setting
from dynamo_plan.engine.tables import NEVER, Time
from dynamo_plan.schema.engine_model import EngineModel
from dynamo_plan.schema.requests import Requests


def simulate(
    model: EngineModel,
    frequency_mhz: float,
    requests: Requests,
    serving: Serving = Serving(),  # noqa: B008 (frozen)
    *,
    gap_limit_s: float = 0.1,
    stepping: bool = False,
) -> Outcome:
    """Serve requests on one instance until all have ended."""
    pool = PoolPlan(slots=(0,), opened=1, gap_limit_s=gap_limit_s)
    cluster = Cluster([Setting(model, frequency_mhz, serving)], [pool], requests, stepping=stepping)
    cluster.advance()
    return cluster.finish()


def simulate_closed_loop(
    model: EngineModel,
    frequency_mhz: float,
    input_tokens: Integers,
    output_tokens: Integers,
    concurrency: int,
    serving: Serving = Serving(),  # noqa: B008 (frozen)
) -> Outcome:
    """Serve requests of which at most `concurrency` are in flight: as many begin in one burst, each further one when one ends.

    So benchmark clients do it (`--request-rate inf --max-concurrency N`), and means over all their requests include the burst.

    Raises
    ------
    ValueError
        A request does not fit into the KV cache: the loop would starve.
    """
    requests = Requests.at(np.zeros(input_tokens.size), input_tokens, output_tokens)
    pool = PoolPlan(slots=(0,), opened=1)
    loop = min(concurrency, len(requests))
    cluster = Cluster([Setting(model, frequency_mhz, serving)], [pool], requests, loop=loop)
    cluster.advance()
    if (cluster.state.times[:, Time.ARRIVAL] == NEVER).any():
        raise ValueError(
            f"{model.name}: a request of the closed loop is larger than the KV cache of {model.kv_tokens:,} tokens"
        )
    return cluster.finish()
