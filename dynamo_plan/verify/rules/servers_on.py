r"""Powered servers are the fewest that hold the GPUs in use, and no more than the site has.

.. math:: S_{s,g,t} = \lceil G_{s,g,t} / h_g \rceil \le \bar G_{s,g} / h_g

G GPUs in use, h GPUs per server. Beyond the site's servers only where the plan lists a shortfall of `gpu_stock`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import COUNT_FLOOR, Finding, compare_windows

NAME = "servers_on"


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield stated counts that are not the least, or exceed the stock where `gpu_stock` does not."""
    for entry in plan.servers:
        least = evidence.accounts.servers_on.get((entry.site, entry.gpu))
        if least is None:
            continue
        where = f"{entry.site}/{entry.gpu}"
        yield from compare_windows(NAME, where, "servers on", least.astype(np.float64), entry.servers_on, COUNT_FLOOR)
        spec = evidence.sites[entry.site].gpus[entry.gpu]
        if spec.count is None:
            continue
        servers = spec.count // spec.per_server
        for window, on in enumerate(entry.servers_on):
            if on > servers and ("gpu_stock", where, window) not in evidence.listed:
                yield Finding(NAME, f"{where} window {window}", "servers on, of those the site has", servers, on)
