r"""Pipeline parallelism has a layer for every stage, and idles while the pipeline fills.

.. math:: \beta = \frac{p - 1}{m + p - 1}

beta: share of time that a stage idles; p: stages (PP); m: batches that follow each other through the pipeline. Serving engines keep
p batches on the way, so that m = p where nothing else is known.

Source: Y. Huang et al., "GPipe", arXiv 1811.06965.
"""

from __future__ import annotations

from dynamo_plan.profile.rules import Judgement, KindCase

NAME = "pipeline_parallel"


def judge(case: KindCase) -> Judgement | None:
    """Refuse more stages than layers; name the bubble of any pipeline that nobody measured."""
    pp = case.kind.pp
    if case.memory is not None and pp > case.memory.layers:
        return Judgement(True, f"PP {pp} has more stages than the model has layers ({case.memory.layers})")
    if pp > 1:
        share = bubble(pp, pp)
        return Judgement(False, f"a pipeline of {pp} stages idles {share:.0%} of the time with {pp} batches on the way")
    return None


def bubble(stages: int, batches: float) -> float:
    """Share of time that a stage of a pipeline idles [1]."""
    return (stages - 1) / (batches + stages - 1)
