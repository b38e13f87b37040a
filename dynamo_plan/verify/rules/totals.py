r"""Every total is the sum, or the peak, of the recomputed windows.

.. math:: X = \sum_{s,t} X_{s,t}, \qquad \hat P = \max_t \sum_s E_{s,t} / \Delta t, \qquad \hat G = \max_t \sum_{s,g} G_{s,g,t}

Unserved requests are the demand that `served_demand` misses, times the window's seconds: 0 unless a best-effort plan lists it.
Starts have a rule of their own, `instance_starts`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.scenario import ObjectiveName
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import CARBON_FLOOR_KG, COST_FLOOR_USD, COUNT_FLOOR, ENERGY_FLOOR_KWH, Finding, agrees
from dynamo_plan.verify.rules.served_demand import shortfalls

NAME = "totals"

REQUESTS_FLOOR = 1e-6
"""Absolute [requests]. `served_demand` already forgives rounding; this forgives that of a product."""


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield totals that do not follow from the schedule."""
    accounts, totals = evidence.accounts, plan.totals
    it_energy = float(sum(series.sum() for series in accounts.it_energy_kwh.values()))
    gpu_hours = float(sum(series.sum() for series in accounts.gpu_hours.values()))
    power_kw = sum((accounts.power_kw(site) for site in evidence.sites), np.zeros(len(inputs.windows)))
    gpus = sum(accounts.gpus_in_use.values(), np.zeros(len(inputs.windows), dtype=np.int64))
    missing_rps = sum(shortfall.amount for shortfall in shortfalls(plan, inputs, evidence).values())
    unserved = missing_rps * inputs.windows.window_s
    energy, cost, carbon = (accounts.total(o) for o in (ObjectiveName.ENERGY, ObjectiveName.COST, ObjectiveName.CARBON))
    claims = (
        ("energy [kWh]", energy, totals.energy_kwh, ENERGY_FLOOR_KWH, 0.0),
        ("IT energy [kWh]", it_energy, totals.it_energy_kwh, ENERGY_FLOOR_KWH, 0.0),
        ("carbon [kg CO2e]", carbon, totals.carbon_kg, CARBON_FLOOR_KG, 0.0),
        ("cost [USD]", cost, totals.cost_usd, COST_FLOOR_USD, accounts.terms(ObjectiveName.COST)),
        ("GPU-hours [h]", gpu_hours, totals.gpu_hours, COUNT_FLOOR, 0.0),
        ("peak power [kW]", float(power_kw.max(initial=0.0)), totals.peak_power_kw, ENERGY_FLOOR_KWH, 0.0),
        ("peak GPUs", int(gpus.max(initial=0)), totals.peak_gpus, COUNT_FLOOR, 0.0),
        ("unserved requests", unserved, totals.unserved_requests, REQUESTS_FLOOR, 0.0),
    )
    for what, expected, found, floor, scale in claims:
        if not agrees(expected, found, floor, scale):
            yield Finding(NAME, "totals", what, expected, found)
