r"""The mean facility power of a site stays within its cap, in every window.

.. math:: E_{s,t} / \Delta t \le \bar P_s

E facility energy [kWh], PUE included; dt window length [h]. A best-effort plan may exceed it where it lists so (place: the
site; shortfall in kW).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import AGREEMENT, Finding
from dynamo_plan.verify.rules import Shortfall, Shortfalls, unlisted

NAME = "power_cap"


def shortfalls(plan: Plan, inputs: Inputs, evidence: Evidence) -> Shortfalls:
    """Power beyond the cap [kW], by site and window."""
    broken: Shortfalls = {}
    for name, site in evidence.sites.items():
        if site.power_cap_kw is not None:
            over = evidence.accounts.power_kw(name) - site.power_cap_kw
            windows = np.flatnonzero(over > AGREEMENT * site.power_cap_kw).tolist()
            broken |= {(name, window): Shortfall(float(over[window]), site.power_cap_kw) for window in windows}
    return broken


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield unlisted shortfalls."""
    yield from unlisted(NAME, "power beyond the cap [kW]", shortfalls(plan, inputs, evidence), evidence)
