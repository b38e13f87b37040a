r"""Cost of every site and window is electricity, GPU-hours and starts.

.. math::
    K_{s,t} = E_{s,t}\, \pi_{s,t} / 1000 + \sum_{gpu} \pi^{gpu} \Big( \Delta t\, G_{s,gpu,t}
    + \tau \sum_{k \in gpu} g_k (N_t - N_{t-1})^+ \Big) + \kappa \sum_{p,k} (N_t - N_{t-1})^+

E facility energy [kWh], pi price [USD/MWh] (may be negative), pi^gpu [USD per GPU-hour], G GPUs in use, tau time of a
start [h], g GPUs of an instance, kappa price of a start [USD].
"""

from __future__ import annotations

from collections.abc import Iterator

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import COST_FLOOR_USD, Finding, compare_windows

NAME = "cost"


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield windows whose stated cost is not the sum."""
    accounts = evidence.accounts
    for entry in plan.sites:
        if entry.site in evidence.sites:
            cost, terms = accounts.cost_usd[entry.site], accounts.cost_terms_usd[entry.site]
            yield from compare_windows(NAME, entry.site, "cost [USD]", cost, entry.cost_usd, COST_FLOOR_USD, terms)
