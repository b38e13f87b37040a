r"""The objective is the weighted sum of the recomputed totals, the bound lies below it, the gap is theirs.

.. math::
    z = \alpha_E E + \alpha_K K + \alpha_C C, \qquad \underline z \le z, \qquad
    \varepsilon = \frac{z - \underline z}{\max(|z|, |\underline z|)}

E facility energy [kWh], K cost [USD], C carbon [kg CO2e], alpha the scenario's weights. A plan is ``optimal`` only if the
gap epsilon is within the scenario's; ``error`` is no plan at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan, PlanStatus
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import AGREEMENT, ENERGY_FLOOR_KWH, GAP_FLOOR, Finding, agrees

NAME = "objective"


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield figures of the certificate that contradict the schedule or each other."""
    accounts, certificate = evidence.accounts, plan.certificate
    weights = inputs.scenario.objective
    objective = sum(weight * accounts.total(name) for name, weight in weights.items())
    terms = sum(weight * accounts.terms(name) for name, weight in weights.items())
    stated, bound = certificate.objective, certificate.best_bound
    # The floor of energy serves every unit here: the weights bring all to one.
    if not agrees(objective, stated, ENERGY_FLOOR_KWH, terms):
        yield Finding(NAME, "certificate", "objective", objective, stated)
    if not bound <= stated + max(ENERGY_FLOOR_KWH, AGREEMENT * terms):
        yield Finding(NAME, "certificate", "best bound, at most the objective", stated, bound)
    larger = max(abs(stated), abs(bound))
    gap = (stated - bound) / larger if larger > 0 else 0.0
    if not abs(gap - certificate.gap) <= GAP_FLOOR:
        yield Finding(NAME, "certificate", "gap", gap, certificate.gap)
    asked = inputs.scenario.solver.gap
    if plan.status is PlanStatus.OPTIMAL and not max(gap, certificate.gap) <= asked + GAP_FLOOR:
        yield Finding(NAME, "status", "gap of a plan called optimal", f"at most {asked:g}", gap)
    if plan.status is PlanStatus.ERROR:
        yield Finding(NAME, "status", "status", "optimal, feasible or infeasible", "error")
