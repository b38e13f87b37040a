"""One module per system; `SYSTEMS` has them in the order in which they are shown, so that adding a system is adding a file and its place.

A module has ``NAME``, ``MEANING`` (a sentence: what it may change, and when) and ``decide(case)``, which returns a `Decision`.
"""

from __future__ import annotations

from typing import cast

from dynamo_plan.compare.system import System
from dynamo_plan.compare.systems import (
    dynamo_llm,
    multi_pool,
    planner,
    planner_foresight,
    scale_freq,
    scale_inst,
    scale_shard,
    single_pool,
    single_pool_strict,
)

SYSTEMS: tuple[System, ...] = tuple(
    cast(System, module)
    for module in (
        single_pool,
        single_pool_strict,
        multi_pool,
        scale_inst,
        scale_shard,
        scale_freq,
        dynamo_llm,
        planner,
        planner_foresight,
    )
)

BASELINE = single_pool.NAME
"""What savings are counted from, as in the paper."""
