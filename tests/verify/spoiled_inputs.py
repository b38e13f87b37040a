"""Inputs that changed after a plan was made, and evidence that is misstated."""

from __future__ import annotations

from dataclasses import replace

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.scenario import InitialSpec, MemorySpec
from tests.verify.changes import Spoiled, nothing_measured, with_gpus, with_services


def share_moved(plan: Plan, inputs: Inputs) -> Spoiled:
    """Credit a tenth of the energy to another provenance."""
    first, *rest = plan.provenance
    other = replace(first, provenance="measured" if first.provenance != "measured" else "fitted", share=0.1)
    return replace(plan, provenance=(replace(first, share=first.share - 0.1), other, *rest)), inputs


def share_left_out(plan: Plan, inputs: Inputs) -> Spoiled:
    return replace(plan, provenance=plan.provenance[1:]), inputs


def another_hash(plan: Plan, inputs: Inputs) -> Spoiled:
    *files, last = inputs.files
    return plan, replace(inputs, files=(*files, replace(last, sha256=last.sha256[::-1] + "0")))


def input_not_recorded(plan: Plan, inputs: Inputs) -> Spoiled:
    return replace(plan, inputs=plan.inputs[:-1]), inputs


def demand_raised(inputs: Inputs) -> Inputs:
    forecasts = {name: replace(f, rate_rps=1.1 * f.rate_rps) for name, f in inputs.forecasts.items()}
    return replace(inputs, forecasts=forecasts)


def reserve_raised(inputs: Inputs) -> Inputs:
    forecasts = {n: replace(f, quantile_rate_rps={0.95: 100 * f.rate_rps}) for n, f in inputs.forecasts.items()}
    return with_services(replace(inputs, forecasts=forecasts), reserve_quantile=0.95)


def slo_tightened(inputs: Inputs) -> Inputs:
    services = []
    for service in inputs.scenario.services:
        assert service.slo is not None
        slo = service.slo.model_copy(update={"ttft_p99_ms": dict.fromkeys(service.slo.ttft_p99_ms, 1e-3)})
        services.append(service.model_copy(update={"slo": slo}))
    return replace(inputs, scenario=inputs.scenario.model_copy(update={"services": services}))


def hungrier_profile(inputs: Inputs) -> Inputs:
    return replace(inputs, profiles={n: replace(t, power_w=1.01 * t.power_w) for n, t in inputs.profiles.items()})


def dearer_power(inputs: Inputs) -> Inputs:
    grid = {n: replace(g, price_usd_per_mwh=g.price_usd_per_mwh + 10.0) for n, g in inputs.grid.items()}
    return replace(inputs, grid=grid)


def dirtier_power(inputs: Inputs) -> Inputs:
    grid = {n: replace(g, carbon_g_per_kwh=g.carbon_g_per_kwh + 10.0) for n, g in inputs.grid.items()}
    return replace(inputs, grid=grid)


def worse_pue(inputs: Inputs) -> Inputs:
    sites = [site.model_copy(update={"pue": site.pue + 0.05}) for site in inputs.scenario.sites]
    return replace(inputs, scenario=inputs.scenario.model_copy(update={"sites": sites}))


def heavier_weights(inputs: Inputs) -> Inputs:
    objective = {name: 2 * weight for name, weight in inputs.scenario.objective.items()}
    return replace(inputs, scenario=inputs.scenario.model_copy(update={"objective": objective}))


def model_too_large(inputs: Inputs) -> Inputs:
    memory = MemorySpec(parameters_billion=1e4, layers=100, kv_heads=8, head_dim=128, max_request_tokens=1000)
    return with_gpus(with_services(nothing_measured(inputs), memory=memory), hbm_gib=80.0)


def nothing_before(inputs: Inputs) -> Inputs:
    """Nothing runs just before the first window, so that everything in it is started."""
    return replace(inputs, scenario=inputs.scenario.model_copy(update={"initial": InitialSpec(instances=[])}))


def nothing_may_start(inputs: Inputs) -> Inputs:
    """Nothing ran before, and nothing may start."""
    cold = nothing_before(inputs)
    transitions = cold.scenario.transitions.model_copy(update={"max_starts_per_window": 0})
    return replace(cold, scenario=cold.scenario.model_copy(update={"transitions": transitions}))


def nothing_may_stop(inputs: Inputs) -> Inputs:
    """Nothing ran before, and what begins stays up for good."""
    cold = nothing_before(inputs)
    transitions = cold.scenario.transitions.model_copy(update={"min_up_s": 1e9})
    return replace(cold, scenario=cold.scenario.model_copy(update={"transitions": transitions}))
