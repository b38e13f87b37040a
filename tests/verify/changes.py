"""Small changes to a plan or its inputs, from which mutations are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Group, Plan, ServerPlan, SitePlan

type Spoiled = tuple[Plan, Inputs]
type Mutation = Callable[[Plan, Inputs], Spoiled]


def bump(value: float) -> float:
    """A figure that is wrong by at least 1 %, whatever it was."""
    return value + 0.01 * max(1.0, abs(value))


def loaded(plan: Plan) -> int:
    """Index of the first group that serves requests."""
    found = next((index for index, group in enumerate(plan.groups) if group.rate_rps > 0), None)
    if found is None:
        raise LookupError("no group of this plan serves requests")
    return found


def with_group(plan: Plan, index: int, **changes: Any) -> Plan:
    """The plan with one group changed; `instances=0` drops it."""
    group: Group = replace(plan.groups[index], **changes)
    kept = () if group.instances == 0 else (group,)
    return replace(plan, groups=plan.groups[:index] + kept + plan.groups[index + 1 :])


def with_services(inputs: Inputs, **changes: Any) -> Inputs:
    """The inputs with every service changed."""
    services = [service.model_copy(update=changes) for service in inputs.scenario.services]
    return replace(inputs, scenario=inputs.scenario.model_copy(update={"services": services}))


def with_sites(inputs: Inputs, **changes: Any) -> Inputs:
    """The inputs with every site changed."""
    sites = [site.model_copy(update=changes) for site in inputs.scenario.sites]
    return replace(inputs, scenario=inputs.scenario.model_copy(update={"sites": sites}))


def with_gpus(inputs: Inputs, **changes: Any) -> Inputs:
    """The inputs with every GPU type of every site changed."""
    sites = [
        site.model_copy(update={"gpus": {name: gpu.model_copy(update=changes) for name, gpu in site.gpus.items()}})
        for site in inputs.scenario.sites
    ]
    return replace(inputs, scenario=inputs.scenario.model_copy(update={"sites": sites}))


def nothing_measured(inputs: Inputs) -> Inputs:
    """The inputs with every measured row of every profile called composed."""
    profiles = {
        name: replace(table, provenance=np.where(table.provenance == "measured", "composed", table.provenance))
        for name, table in inputs.profiles.items()
    }
    return replace(inputs, profiles=profiles)


def group_change(**changes: Any) -> Mutation:
    """Set fields of the first group that serves requests."""
    return lambda plan, inputs: (with_group(plan, loaded(plan), **changes), inputs)


def group_scale(field: str, change: Callable[[float], float]) -> Mutation:
    """Change one figure of the first group that serves requests."""

    def mutate(plan: Plan, inputs: Inputs) -> Spoiled:
        index = loaded(plan)
        return with_group(plan, index, **{field: change(getattr(plan.groups[index], field))}), inputs

    return mutate


def total_change(field: str, change: Callable[[float], float] = bump) -> Mutation:
    """Change one total."""

    def mutate(plan: Plan, inputs: Inputs) -> Spoiled:
        changes: dict[str, Any] = {field: change(getattr(plan.totals, field))}
        return replace(plan, totals=replace(plan.totals, **changes)), inputs

    return mutate


def certificate_change(field: str, change: Callable[[float], float]) -> Mutation:
    """Change one figure of the certificate."""

    def mutate(plan: Plan, inputs: Inputs) -> Spoiled:
        changes: dict[str, Any] = {field: change(getattr(plan.certificate, field))}
        return replace(plan, certificate=replace(plan.certificate, **changes)), inputs

    return mutate


def site_series(field: str) -> Mutation:
    """Change the last window of one series of the first site."""

    def mutate(plan: Plan, inputs: Inputs) -> Spoiled:
        entry: SitePlan = plan.sites[0]
        series: tuple[float, ...] = getattr(entry, field)
        changes: dict[str, Any] = {field: (*series[:-1], bump(series[-1]))}
        return replace(plan, sites=(replace(entry, **changes), *plan.sites[1:])), inputs

    return mutate


def plan_change(**changes: Any) -> Mutation:
    """Set fields of the plan."""
    return lambda plan, inputs: (replace(plan, **changes), inputs)


def input_change(change: Callable[[Inputs], Inputs]) -> Mutation:
    """Change what the plan is checked against."""
    return lambda plan, inputs: (plan, change(inputs))


def busy_servers(plan: Plan) -> tuple[int, ServerPlan, int]:
    """Index and entry of a GPU type in use, and the window where it is used most."""
    for index, entry in enumerate(plan.servers):
        if max(entry.gpus_in_use) > 0:
            return index, entry, entry.gpus_in_use.index(max(entry.gpus_in_use))
    raise LookupError("no GPU is in use")


def with_servers(plan: Plan, field: str, step: int) -> Plan:
    """The plan with one count of a GPU type changed in its busiest window."""
    index, entry, window = busy_servers(plan)
    series = list(getattr(entry, field))
    series[window] += step
    changes: dict[str, Any] = {field: tuple(series)}
    return replace(plan, servers=(*plan.servers[:index], replace(entry, **changes), *plan.servers[index + 1 :]))
