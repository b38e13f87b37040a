r"""Operational carbon of every site and window is facility energy at the grid's intensity.

.. math:: C_{s,t} = E_{s,t}\, \gamma_{s,t} / 1000

E facility energy [kWh], gamma carbon intensity [g CO2e/kWh], C [kg CO2e].
"""

from __future__ import annotations

from collections.abc import Iterator

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import CARBON_FLOOR_KG, Finding, compare_windows

NAME = "carbon"


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield windows whose stated carbon is not energy times intensity."""
    for entry in plan.sites:
        if entry.site in evidence.sites:
            carbon = evidence.accounts.carbon_kg[entry.site]
            yield from compare_windows(NAME, entry.site, "carbon [kg CO2e]", carbon, entry.carbon_kg, CARBON_FLOOR_KG)
