r"""The stated shares say which evidence the instances' energy rests on.

.. math:: \sigma_c = \frac{\sum_{g : c(g) = c} P_g}{\sum_g P_g}, \qquad \sum_c \sigma_c = 1

P power of a group [W], all windows being equally long. c(g) is the least direct provenance among the rows of the cells that
the group's mix of buckets rests on; a clock between measured ones is at best ``interpolated``. Servers and starts are not
profile evidence and do not count. Without instances there are no shares.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.accounts import watts_of
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import RATIO_FLOOR, Finding

NAME = "provenance"


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield shares that are not the energy-weighted ones, and a sum that is not 1."""
    watts: dict[str, float] = defaultdict(float)
    for group in evidence.groups:
        mix = evidence.mix_of(group)
        if mix is not None:
            watts[mix.provenance.value] += watts_of(group, evidence)
    total = sum(watts.values())
    if total == 0:
        return
    stated: dict[str, float] = defaultdict(float)
    for entry in plan.provenance:
        stated[entry.provenance] += entry.share
    for name in sorted({*watts, *stated}):
        expected, found = watts[name] / total, stated[name]
        if not abs(expected - found) <= RATIO_FLOOR:
            yield Finding(NAME, name, "share of the instances' energy", expected, found)
    if not abs(sum(stated.values()) - 1.0) <= RATIO_FLOOR:
        yield Finding(NAME, "all", "sum of the shares", 1.0, sum(stated.values()))
