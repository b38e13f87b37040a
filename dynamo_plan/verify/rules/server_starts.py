r"""Servers start to boot early enough, and no earlier, to be on when the schedule needs them.

.. math:: \text{started}_{s,g,t} = \Big( S_{s,g,t} - \max_{t' < t,\ (t - t' - 1) \Delta \le L} S_{s,g,t'} \Big)^+

S servers on, L boot time of the scenario: a server that was on within it has never been off. Before the first window the servers
of `initial` are on, else those of the first window. What booting servers draw is checked by `energy`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import COUNT_FLOOR, Finding, compare_windows

NAME = "server_starts"


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield stated boots and boot times that are not the schedule's."""
    for entry in plan.servers:
        boots = evidence.accounts.boots.get((entry.site, entry.gpu))
        if boots is None:
            continue
        where = f"{entry.site}/{entry.gpu}"
        started = boots.started.astype(np.float64)
        yield from compare_windows(NAME, where, "servers started", started, entry.servers_started, COUNT_FLOOR)
        boot_s = evidence.sites[entry.site].gpus[entry.gpu].server_start_s
        if entry.start_s != boot_s:
            yield Finding(NAME, where, "boot time [s]", boot_s, entry.start_s)
