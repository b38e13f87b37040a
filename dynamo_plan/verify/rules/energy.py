r"""IT and facility energy of every site and window are the sums of what runs there.

.. math::
    E^{IT}_{s,t} = \Delta t \Big( \sum_g P_g + \sum_{gpu} \big[ S\, w^{idle} + (S h - G)\, w^{unused}
    + (\bar S - S)\, w^{released} + B\, (w^{idle} + h\, w^{unused} - w^{released}) \big] \Big)
    + e^{start} \sum_{p,k} (N_t - N_{t-1})^+, \qquad E_{s,t} = PUE_s E^{IT}_{s,t}

P power of a group [W] read from the profile's rows, S servers on of S-bar, h GPUs per server, G GPUs in use, w draws [W],
e energy of a start [Wh], B servers that boot, in the window's mean.
"""

from __future__ import annotations

from collections.abc import Iterator

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import ENERGY_FLOOR_KWH, Finding, compare_windows

NAME = "energy"


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield windows whose stated energy is not the sum."""
    accounts = evidence.accounts
    for entry in plan.sites:
        if entry.site in evidence.sites:
            it_energy, energy = accounts.it_energy_kwh[entry.site], accounts.energy_kwh[entry.site]
            where = entry.site
            yield from compare_windows(NAME, where, "IT energy [kWh]", it_energy, entry.it_energy_kwh, ENERGY_FLOOR_KWH)
            yield from compare_windows(NAME, where, "facility energy [kWh]", energy, entry.energy_kwh, ENERGY_FLOOR_KWH)
