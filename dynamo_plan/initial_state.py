"""What runs just before the first window, brought onto the problem's pools and sites."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.problem import PoolProblem, Problem, RoutedPool, SiteProblem
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Omission
from dynamo_plan.schema.scenario import Ending, InitialSpec, Scenario


def continued(problem: Problem, scenario: Scenario) -> Problem:
    """The problem as the continuation of the scenario's initial state; unchanged where the scenario has none.

    Instances of a pool or kind that the problem does not have cannot go on: they are left out, and the plan says so.

    Raises
    ------
    InputError
        The ending is to be as started and there is no initial state, or a part of it is unknown that the ending or re-shards need.
    """
    returns = scenario.transitions.ending is Ending.AS_STARTED
    if scenario.initial is None:
        if returns:
            what = "as-started, and the scenario has no initial state"
            mend = "Give `initial:`, start from a run folder (solve --warm-start), or write `free`"
            raise InputError(Fault("ending-without-start", "transitions.ending", what, "", mend))
        return problem
    strays = _strays(problem, scenario.initial)
    known = {pool.name for pool in problem.all_pools()}
    # Instances of a known pool that stop would free GPUs for re-shards that no kind of the problem stands for.
    lost = [place for place, pool in strays if returns or (scenario.transitions.reshards and pool in known)]
    if lost:
        what = "the problem has no such pool and kind, so this state cannot be continued"
        allowed = "An ending as started and re-shards need every kind that ran before"
        raise InputError(
            Fault("initial-unknown", place, what, allowed, "Correct the entry, or drop it") for place in lost
        )
    reason = "the problem has no such pool and kind, so these instances stop"
    running = sum(one.instances for one in scenario.initial.instances)
    back = "; the last window pays for getting back to that state" if returns else ""
    return replace(
        problem,
        pools=tuple(_continued_pool(pool, scenario.initial, returns=returns) for pool in problem.pools),
        routed=tuple(_continued_pool(pool, scenario.initial, returns=returns) for pool in problem.routed),
        sites=tuple(_continued_site(site, scenario.initial) for site in problem.sites),
        omissions=(*problem.omissions, *(Omission(place, reason) for place, _ in strays)),
        assumptions=(*problem.assumptions, f"{running} instances run just before the first window{back}."),
    )


def _strays(problem: Problem, initial: InitialSpec) -> list[tuple[str, str]]:
    """Entries with instances that no pool of the problem can go on with: place and pool."""
    known = {(pool.name, pool.site, kind) for pool in problem.all_pools() for kind in pool.kinds}
    return [
        (f"initial.instances[{index}] {one.pool} {Kind(one.gpu, one.tp, one.pp, one.dtype)} at {one.site}", one.pool)
        for index, one in enumerate(initial.instances)
        if one.instances and (one.pool, one.site, Kind(one.gpu, one.tp, one.pp, one.dtype)) not in known
    ]


def _continued_pool[Pool: (PoolProblem, RoutedPool)](pool: Pool, initial: InitialSpec, *, returns: bool) -> Pool:
    running = {
        Kind(one.gpu, one.tp, one.pp, one.dtype): one.instances
        for one in initial.instances
        if (one.pool, one.site) == (pool.name, pool.site)
    }
    counts = np.array([running.get(kind, 0) for kind in pool.kinds], dtype=np.int64)
    return replace(pool, initial_counts=counts, final_counts=counts if returns else None)


def _continued_site(site: SiteProblem, initial: InitialSpec) -> SiteProblem:
    """Servers as listed, else as few as hold the instances listed."""
    used = dict.fromkeys(site.gpus, 0)
    for one in initial.instances:
        if one.site == site.name and one.gpu in used:
            used[one.gpu] += one.instances * one.tp * one.pp
    servers = {gpu: -(-count // site.gpus[gpu].per_server) for gpu, count in used.items()}
    listed = {one.gpu: one.servers_on for one in initial.servers if one.site == site.name and one.gpu in used}
    return replace(site, servers_before=servers | listed)
