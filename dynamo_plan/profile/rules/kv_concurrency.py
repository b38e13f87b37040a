r"""The KV cache holds the requests that decode at the highest load of the kind's rows.

.. math:: \lambda \, L_{out} \, \mathrm{TBT} \, \Big(L_{in} + \frac{L_{out}}{2}\Big) \le 16\, B

Little's law: so many requests decode at once, each with its prompt and on average half of its answer in the cache. lambda: rate [1/s]; L:
tokens; TBT: P99, so that the left side is an upper bound; B: KV blocks of 16 tokens. Rows that ask for more wait or are preempted, which
an engine shows and a formula or a ratio does not.
"""

from __future__ import annotations

from dynamo_plan.profile.memory import BLOCK_TOKENS, blocks_of
from dynamo_plan.profile.rules import Judgement, KindCase

NAME = "kv_concurrency"


def judge(case: KindCase) -> Judgement | None:
    """Name a kind whose rows hold more tokens than its cache."""
    if case.memory is None or case.gpu is None or case.gpu.hbm_gib is None:
        return None
    room = blocks_of(case.kind, case.memory, case.gpu.hbm_gib) * BLOCK_TOKENS
    if case.cached_tokens <= room:
        return None
    return Judgement(
        False,
        f"its highest loads keep up to {case.cached_tokens:,.0f} tokens in a KV cache of {room:,}; requests wait there",
    )
