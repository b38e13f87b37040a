"""Claims that a correct schedule does not bear out: certificate, status, violations, provenance, recorded inputs."""

from __future__ import annotations

from dataclasses import replace

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan, PlanStatus, Violation
from tests.verify.changes import Spoiled, bump, busy_servers


def bound_above_objective(plan: Plan, inputs: Inputs) -> Spoiled:
    objective = plan.certificate.objective
    bound = bump(objective)
    gap = (objective - bound) / max(abs(objective), abs(bound))
    return replace(plan, certificate=replace(plan.certificate, best_bound=bound, gap=gap)), inputs


def wide_gap(plan: Plan, inputs: Inputs) -> Plan:
    """The plan with a bound so low that its gap, rightly stated, is above the one asked for."""
    objective = plan.certificate.objective
    bound = objective - abs(objective) * (2 * inputs.scenario.solver.gap + 0.01)
    gap = (objective - bound) / max(abs(objective), abs(bound))
    return replace(plan, certificate=replace(plan.certificate, best_bound=bound, gap=gap))


def gap_understated(plan: Plan, inputs: Inputs) -> Spoiled:
    wide = wide_gap(plan, inputs)
    certificate = replace(wide.certificate, gap=min(inputs.scenario.solver.gap, wide.certificate.gap) / 2)
    return replace(wide, certificate=certificate), inputs


def called_optimal_with_a_wide_gap(plan: Plan, inputs: Inputs) -> Spoiled:
    return replace(wide_gap(plan, inputs), status=PlanStatus.OPTIMAL), inputs


def capped(plan: Plan, inputs: Inputs) -> tuple[Inputs, Violation]:
    """A cap on the first site that every window with load breaks, and the violation that owns up to it."""
    site, entry = inputs.scenario.sites[0], plan.sites[0]
    power = [energy / inputs.windows.hours for energy in entry.energy_kwh]
    cap = 0.9 * min(value for value in power if value > 0)
    windows = tuple(window for window, value in enumerate(power) if value > 0)
    if len(windows) < 2:
        raise LookupError("fewer than two windows draw power")
    sites = [site.model_copy(update={"power_cap_kw": cap}), *inputs.scenario.sites[1:]]
    shortfall = tuple(power[window] - cap for window in windows)
    violation = Violation("power_cap", site.name, windows, shortfall, "kW", "raise the cap")
    return replace(inputs, scenario=inputs.scenario.model_copy(update={"sites": sites})), violation


def listed(plan: Plan, *violations: Violation) -> Plan:
    return replace(plan, status=PlanStatus.INFEASIBLE, violations=violations)


def cap_exceeded(plan: Plan, inputs: Inputs) -> Spoiled:
    return plan, capped(plan, inputs)[0]


def violation_not_listed(plan: Plan, inputs: Inputs) -> Spoiled:
    """Own up to all windows but the last."""
    spoiled, violation = capped(plan, inputs)
    partial = replace(violation, windows=violation.windows[:-1], shortfall=violation.shortfall[:-1])
    return listed(plan, partial), spoiled


def shortfall_understated(plan: Plan, inputs: Inputs) -> Spoiled:
    spoiled, violation = capped(plan, inputs)
    return listed(plan, replace(violation, shortfall=tuple(value / 2 for value in violation.shortfall))), spoiled


def violations_of_a_feasible_plan(plan: Plan, inputs: Inputs) -> Spoiled:
    spoiled, violation = capped(plan, inputs)
    return replace(listed(plan, violation), status=PlanStatus.FEASIBLE), spoiled


def violation_that_is_none(plan: Plan, inputs: Inputs) -> Spoiled:
    _, entry, window = busy_servers(plan)
    return listed(
        plan, Violation("gpu_stock", f"{entry.site}/{entry.gpu}", (window,), (1.0,), "GPU", "buy one")
    ), inputs


def violation_of_an_unrelaxable_constraint(plan: Plan, inputs: Inputs) -> Spoiled:
    return listed(plan, Violation("reserve", plan.pools[0].name, (0,), (1.0,), "1/s", "add one")), inputs


def stock_exceeded(plan: Plan, inputs: Inputs) -> Spoiled:
    """Take GPUs from the stock until the busiest window no longer fits."""
    _, entry, _ = busy_servers(plan)
    sites = []
    for site in inputs.scenario.sites:
        gpus = dict(site.gpus)
        if site.name == entry.site:
            per_server = gpus[entry.gpu].per_server
            count = (max(entry.gpus_in_use) - 1) // per_server * per_server
            gpus[entry.gpu] = gpus[entry.gpu].model_copy(update={"count": count})
        sites.append(site.model_copy(update={"gpus": gpus}))
    return plan, replace(inputs, scenario=inputs.scenario.model_copy(update={"sites": sites}))
