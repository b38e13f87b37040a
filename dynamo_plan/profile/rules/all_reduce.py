r"""The all-reduces of tensor parallelism leave most of the time between tokens to the model.

.. math:: t = 2 \ell \cdot \frac{2 (p - 1)}{p} \cdot \frac{n\, h\, b}{B}

t: time per iteration [s]; l: layers, each with two all-reduces (after attention and after the feed-forward block); 2(p-1)/p: what a
ring sends per byte reduced; n: tokens of the iteration, one per request in flight; h: hidden size; b: bytes of an activation; B:
bandwidth of one GPU to the others, one direction [bytes/s]. Launches and latency come on top: t is a lower bound.

Source: M. Shoeybi et al., "Megatron-LM", arXiv 1909.08053; P. Patarasuk and X. Yuan, "Bandwidth optimal all-reduce algorithms",
J. Parallel Distrib. Comput. 69 (2009).
"""

from __future__ import annotations

from dynamo_plan.profile.rules import Judgement, KindCase
from dynamo_plan.schema.hardware import generation_of
from dynamo_plan.units import BYTES_PER_GB, MS_PER_SECOND

NAME = "all_reduce"

MOST_SHARE = 0.1
"""Share of the TBT limit above which the all-reduce is named: below it, errors of other figures are larger."""

ACTIVATION_BYTES = 2
"""Activations are reduced in 16 bits, also with quantised weights."""


def judge(case: KindCase) -> Judgement | None:
    """Name an all-reduce that takes much of the TBT limit at the most requests in flight among the kind's rows."""
    memory, kind = case.memory, case.kind
    link = link_gb_per_s(case)
    if kind.tp == 1 or memory is None or memory.hidden is None or link is None or case.tbt_slo_ms is None:
        return None
    time_ms = all_reduce_ms(kind.tp, memory.layers, memory.hidden, case.in_flight, link)
    share = time_ms / case.tbt_slo_ms
    if share <= MOST_SHARE:
        return None
    return Judgement(
        False,
        f"its all-reduces alone take {time_ms:.3g} ms of the {case.tbt_slo_ms:g} ms between tokens "
        f"at {case.in_flight:.3g} requests in flight and {link:g} GB/s",
    )


def all_reduce_ms(tp: int, layers: int, hidden: int, tokens: float, link_gb_per_s: float) -> float:
    """Time of all all-reduces of an iteration of so many tokens [ms]."""
    sent = 2 * layers * 2 * (tp - 1) / tp * tokens * hidden * ACTIVATION_BYTES
    return sent / (link_gb_per_s * BYTES_PER_GB) * MS_PER_SECOND


def link_gb_per_s(case: KindCase) -> float | None:
    """Bandwidth of one GPU to the others [GB/s]: as the scenario says, else by the GPU's generation; None where neither does."""
    if case.gpu is not None and case.gpu.link_gb_per_s is not None:
        return case.gpu.link_gb_per_s
    generation = generation_of(case.kind.gpu)
    return None if generation is None else generation.link_gb_per_s
