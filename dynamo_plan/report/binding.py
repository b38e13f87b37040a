"""What binds: where a plan stands at a limit of its scenario, read off the plan itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dynamo_plan.report.accounts import instance_energy_kwh, shares
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
        The limit with its unit.
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
            found.append(Binding("gpu_stock", f"{servers.site} {servers.gpu}", f"{gpu.count} GPUs", full))
    hours = plan.window_s / SECONDS_PER_HOUR
    for site in plan.sites:
        cap_kw = sites[site.site].power_cap_kw
        if cap_kw is not None:
            capped = _windows(energy / hours >= cap_kw * (1 - AT_LIMIT) for energy in site.energy_kwh)
            found.append(Binding("power_cap", site.site, f"{cap_kw:g} kW", capped))
    least = {service.name: service.min_instances for service in scenario.services}
    for pool in plan.pools:
        if least[pool.service] > 0:
            running = [0] * plan.windows
            for group in plan.groups:
                if group.pool == pool.name:
                    running[group.window] += group.instances
            kept = _windows(count <= least[pool.service] for count in running)
            found.append(Binding("min_instances", pool.name, f"{least[pool.service]} instances", kept))
    return tuple(binding for binding in found if binding.windows)


def energy_at_capacity(plan: Plan) -> float:
    """Share of the instances' energy used by instances that run at their capacity at the SLO [1]."""
    parts = shares(instance_energy_kwh(plan, lambda group: group.utilisation >= 1 - AT_LIMIT))
    return parts.get(True, 0.0)


def window_ranges(windows: Sequence[int]) -> str:
    """Windows in ascending order as ranges, e.g. ``3-7, 9``."""
    ranges: list[list[int]] = []
    for window in windows:
        if ranges and window == ranges[-1][1] + 1:
            ranges[-1][1] = window
        else:
            ranges.append([window, window])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def _windows(flags: Iterable[bool]) -> tuple[int, ...]:
    return tuple(window for window, flag in enumerate(flags) if flag)
