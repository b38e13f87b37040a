"""What binds: where a plan stands at a limit of its scenario, read off the plan and, for the reserve, off its inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dynamo_plan.report.accounts import instance_energy_kwh, shares
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.scenario import Scenario
from dynamo_plan.units import SECONDS_PER_HOUR

AT_LIMIT = 1e-6
"""Relative distance below which a quantity counts as at its limit; plans agree with their accounts to about 1e-9."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A limit that the plan meets exactly in some windows.

    Attributes
    ----------
    constraint : str
        Name of the constraint, as in `dynamo-plan explain NAME`.
    where : str
    limit : str
        What it means to stand at it, with its unit.
    windows : tuple of int
    """

    constraint: str
    where: str
    limit: str
    windows: tuple[int, ...]


def binding_limits(plan: Plan, scenario: Scenario) -> tuple[Binding, ...]:
    """Limits that bind in at least one window: GPU stock, power cap, instances kept up."""
    found: list[Binding] = []
    sites = {site.name: site for site in scenario.sites}
    for servers in plan.servers:
        gpu = sites[servers.site].gpus[servers.gpu]
        if gpu.count is not None:
            full = _windows(gpu.count - gpu.per_server * on <= 0 for on in servers.servers_on)
            found.append(Binding("gpu_stock", f"{servers.site}/{servers.gpu}", f"all {gpu.count} GPUs powered", full))
    hours = plan.window_s / SECONDS_PER_HOUR
    for site in plan.sites:
        cap_kw = sites[site.site].power_cap_kw
        if cap_kw is not None:
            capped = _windows(energy / hours >= cap_kw * (1 - AT_LIMIT) for energy in site.energy_kwh)
            found.append(Binding("power_cap", site.site, f"{cap_kw:g} kW reached", capped))
    least = {service.name: service.min_instances for service in scenario.services}
    running = _running(plan)
    for pool in plan.pools:
        if least[pool.service] > 0:
            kept = _windows(sum(kinds.values()) <= least[pool.service] for kinds in running[pool.name])
            found.append(Binding("min_instances", pool.name, f"no more than {least[pool.service]} instances", kept))
    return tuple(binding for binding in found if binding.windows)


def binding_reserve(
    plan: Plan, needed_rps: Mapping[str, Sequence[float]], capacity_rps: Callable[[str, Kind, int], float]
) -> tuple[Binding, ...]:
    """Pools that could not serve their reserve with any one instance fewer, and when.

    Parameters
    ----------
    needed_rps : mapping of str to sequence of float
        Reserve rate by pool and window [1/s]; pools that are not in it are left out.
    capacity_rps : callable
        Reserve capacity of one instance, by pool, kind and window [1/s].
    """
    found: list[Binding] = []
    running = _running(plan)
    for pool in (pool for pool in plan.pools if pool.name in needed_rps):
        tight: list[bool] = []
        for window, needed in enumerate(needed_rps[pool.name]):
            held = {
                kind: (count, capacity_rps(pool.name, kind, window))
                for kind, count in running[pool.name][window].items()
            }
            total = sum(count * capacity for count, capacity in held.values())
            # The smallest instance is the easiest to spare.
            smallest = min((capacity for _, capacity in held.values()), default=0.0)
            tight.append(needed > 0 and total - smallest < needed * (1 - AT_LIMIT))
        found.append(Binding("reserve", pool.name, "no instance to spare", _windows(tight)))
    return tuple(binding for binding in found if binding.windows)


def energy_at_capacity(plan: Plan) -> float:
    """Share of the instances' energy used by instances that run at their capacity at the SLO [1]."""
    parts = shares(instance_energy_kwh(plan, lambda group: group.utilisation >= 1 - AT_LIMIT))
    return parts.get(True, 0.0)


def _running(plan: Plan) -> dict[str, list[dict[Kind, int]]]:
    """Running instances by pool, window and kind."""
    running: dict[str, list[dict[Kind, int]]] = {pool.name: [{} for _ in range(plan.windows)] for pool in plan.pools}
    for group in plan.groups:
        here = running[group.pool][group.window]
        here[group.kind] = here.get(group.kind, 0) + group.instances
    return running


def _windows(flags: Iterable[bool]) -> tuple[int, ...]:
    return tuple(window for window, flag in enumerate(flags) if flag)
