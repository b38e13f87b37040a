"""From a scenario's inputs to the problem: the only step that turns rows and forecasts into sets and parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.initial_state import continued
from dynamo_plan.problem import PoolProblem, Problem, ReferencePool, RoutedPool, SiteProblem
from dynamo_plan.routed_pool import unroutable
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Omission, PredictionError
from dynamo_plan.schema.scenario import Routing, Scenario
from dynamo_plan.service_assembly import Partition, ServiceAssembly


def assemble(
    inputs: Inputs,
    services: Sequence[ServiceAssembly] | None = None,
    partitions: Mapping[str, Partition] | None = None,
) -> Problem:
    """The problem that a scenario states.

    Parameters
    ----------
    services : sequence of ServiceAssembly, optional
        What `service_assemblies` makes of the inputs, where that is known already.
    partitions : mapping of str to Partition, optional
        Pools to take instead of the scenario's, by service: with `pools: auto` the scenario leaves them open, and one per bucket
        is taken.

    Raises
    ------
    InputError
        All faults that only show once tables are put together: a bucket with load that no kind can serve within its SLO, a pool
        partition that misses a bucket, mixed pools without a derate.
    """
    scenario = inputs.scenario
    omissions: list[Omission] = []
    assumptions: list[str] = []
    errors: list[PredictionError] = []
    faults: list[Fault] = []
    pools: list[PoolProblem] = []
    routed: list[RoutedPool] = []
    references: list[ReferencePool | Omission] = []
    sites = tuple(_site(inputs, index) for index in range(len(scenario.sites)))
    for assembly in service_assemblies(inputs) if services is None else services:
        service = assembly.service
        site = next(s for s in scenario.sites if s.name == assembly.site)
        faults += assembly.faults
        omissions += assembly.omissions
        assumptions += assembly.assumptions()
        errors += assembly.prediction_errors()
        if not assembly.faults:
            if assembly.is_first:
                references.append(assembly.reference())
            for names in (partitions or {}).get(service.name, assembly.partition):
                if service.routing is Routing.FREE:
                    free = assembly.routed_pool(names)
                    faults += unroutable(free, site)
                    routed.append(free)
                    continue
                pool = assembly.pool(names)
                faults += assembly.unservable(pool, inputs)
                pools.append(pool)
    if faults:
        raise InputError(faults)
    omissions += _not_modelled(scenario)
    problem = Problem(
        name=scenario.name,
        windows=inputs.windows,
        pools=tuple(pools),
        sites=sites,
        transitions=scenario.transitions,
        weights={name: weight for name, weight in scenario.objective.items() if weight > 0},
        omissions=tuple(dict.fromkeys(omissions)),
        assumptions=tuple(dict.fromkeys(assumptions)),
        references=tuple(references),
        routed=tuple(routed),
        prediction_errors=tuple(dict.fromkeys(errors)),
    )
    return continued(problem, scenario)


def service_assemblies(inputs: Inputs) -> list[ServiceAssembly]:
    """Curves, rates and pools of every service, on the GPU types of its site; one per site where a load is split between several."""
    scenario = inputs.scenario
    return [
        ServiceAssembly(inputs, service, site.name, site.gpus)
        for service in scenario.services
        for site in scenario.homes(service)
    ]


def _not_modelled(scenario: Scenario) -> list[Omission]:
    """Values that the scenario states and this version does not use."""
    found = []
    if scenario.transitions.reshard_s > 0 and not scenario.transitions.reshards:
        reason = "reshard_wh is not given, so every change of kind counts as a start, which is dearer"
        found.append(Omission("transitions.reshard_s", reason))
    return found


def _site(inputs: Inputs, index: int) -> SiteProblem:
    spec = inputs.scenario.sites[index]
    count = len(inputs.windows)
    stock = {
        name: np.full(count, np.inf if gpu.count is None else float(gpu.count))
        for name, gpu in sorted(spec.gpus.items())
    }
    cap = np.full(count, np.inf if spec.power_cap_kw is None else spec.power_cap_kw)
    starts = inputs.scenario.transitions.max_starts_per_window
    limit = None if starts is None else np.full(count, float(starts))
    gpus = dict(sorted(spec.gpus.items()))
    return SiteProblem(spec.name, gpus, stock, inputs.grid[spec.name], spec.pue, cap, start_limit=limit)
