"""A plan's counts, energy, carbon and cost, recomputed from its groups and the inputs.

Energy of a site in a window of length dt, in the symbols of docs/reference/model.md:

    IT kWh = dt/1000 (sum group watts + sum over GPU types [on idle_w + (on per_server - in_use) unused_w + released released_w])
             + starts start_wh/1000 + re-shards reshard_wh/1000 + booting server-hours (idle_w + per_server unused_w - released_w)/1000
    facility kWh = PUE x IT kWh
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Group, Plan
from dynamo_plan.schema.scenario import GpuSpec, ObjectiveName
from dynamo_plan.units import GRAMS_PER_KILOGRAM, KWH_PER_MWH, SECONDS_PER_HOUR, WATTS_PER_KILOWATT
from dynamo_plan.verify.boots import Boots, boots
from dynamo_plan.verify.transitions import changes, instances_before, servers_before

if TYPE_CHECKING:
    from dynamo_plan.verify.evidence import Evidence

type Counts = NDArray[np.int64]
type Series = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Accounts:
    """Recomputed quantities; every array has shape (window,).

    Attributes
    ----------
    instances, starts, reshards : dict by (pool, kind)
        Instances running, and instances started or re-sharded at the beginning of the window (in the first: if the scenario says what
        ran before; in the last also what the ending owes). They have entries for kinds that ran before and not in the plan as well.
    gpus_in_use, servers_on, gpu_hours : dict by (site, GPU type)
        `servers_on` is the least number that holds the GPUs in use; GPU-hours [h] include those of starting instances.
    boots : dict by (site, GPU type)
        Servers that boot.
    it_energy_kwh, energy_kwh, carbon_kg, cost_usd, cost_terms_usd : dict by site
        `cost_terms_usd` sums the terms' absolute values: what a tolerance is relative to when prices are negative.
    """

    window_h: float
    instances: dict[tuple[str, Kind], Counts]
    starts: dict[tuple[str, Kind], Counts]
    reshards: dict[tuple[str, Kind], Counts]
    gpus_in_use: dict[tuple[str, str], Counts]
    servers_on: dict[tuple[str, str], Counts]
    boots: dict[tuple[str, str], Boots]
    gpu_hours: dict[tuple[str, str], Series]
    it_energy_kwh: dict[str, Series]
    energy_kwh: dict[str, Series]
    carbon_kg: dict[str, Series]
    cost_usd: dict[str, Series]
    cost_terms_usd: dict[str, Series]

    def power_kw(self, site: str) -> Series:
        """Mean facility power of a site in each window [kW]."""
        return self.energy_kwh[site] / self.window_h

    def total(self, objective: ObjectiveName) -> float:
        """Horizon total of what an objective counts [kWh, USD or kg]."""
        return _horizon_sum(self._by_objective(objective))

    def terms(self, objective: ObjectiveName) -> float:
        """Sum of the absolute terms of `total`."""
        series = self.cost_terms_usd if objective is ObjectiveName.COST else self._by_objective(objective)
        return _horizon_sum(series)

    def _by_objective(self, objective: ObjectiveName) -> dict[str, Series]:
        match objective:
            case ObjectiveName.ENERGY:
                return self.energy_kwh
            case ObjectiveName.COST:
                return self.cost_usd
            case ObjectiveName.CARBON:
                return self.carbon_kg


def _horizon_sum(by_site: dict[str, Series]) -> float:
    return float(sum(series.sum() for series in by_site.values()))


def recompute(plan: Plan, inputs: Inputs, evidence: Evidence) -> Accounts:
    """Sum a plan's groups into accounts."""
    windows, window_h = len(inputs.windows), inputs.windows.hours
    scenario = inputs.scenario
    instances: dict[tuple[str, Kind], Counts] = {}
    group_w = {site: np.zeros(windows) for site in evidence.sites}
    for group in evidence.groups:
        count = instances.setdefault((group.pool, group.kind), np.zeros(windows, dtype=np.int64))
        count[group.window] += group.instances
        group_w[evidence.pools[group.pool].site.name][group.window] += watts_of(group, evidence)
    new = changes(instances, instances_before(inputs, evidence), inputs)
    starts, transitions = new.started, scenario.transitions

    stocked = [(site.name, gpu) for site in scenario.sites for gpu in sorted(site.gpus)]
    in_use = {key: np.zeros(windows, dtype=np.int64) for key in stocked}
    starting_h = {key: np.zeros(windows) for key in stocked}
    site_starts = {site: np.zeros(windows, dtype=np.int64) for site in evidence.sites}
    site_reshards = {site: np.zeros(windows, dtype=np.int64) for site in evidence.sites}
    for (pool, kind), begun in starts.items():
        place = evidence.pools[pool].site.name
        site_starts[place] += begun
        site_reshards[place] += new.resharded[pool, kind]
        if (place, kind.gpu) in in_use:  # `operating_points` reports a GPU type that the site does not have
            in_use[place, kind.gpu] += kind.gpus * instances.get((pool, kind), 0)
            held_s = transitions.instance_start_s * begun + transitions.reshard_s * new.resharded[pool, kind]
            starting_h[place, kind.gpu] += kind.gpus * held_s / SECONDS_PER_HOUR

    servers_on = {(s, g): -(-used // evidence.sites[s].gpus[g].per_server) for (s, g), used in in_use.items()}
    before = servers_before(inputs)
    window_s = inputs.windows.window_s
    booting = {
        (s, g): boots(on, evidence.sites[s].gpus[g].server_start_s, window_s, None if before is None else before[s, g])
        for (s, g), on in servers_on.items()
    }
    gpu_hours = {key: window_h * used + starting_h[key] for key, used in in_use.items()}
    it_energy: dict[str, Series] = {}
    energy: dict[str, Series] = {}
    carbon: dict[str, Series] = {}
    cost: dict[str, Series] = {}
    cost_terms: dict[str, Series] = {}
    for site in scenario.sites:
        grid, name = inputs.grid[site.name], site.name
        watts = group_w[name].copy()
        for gpu, spec in site.gpus.items():
            watts += server_watts(spec, in_use[name, gpu], servers_on[name, gpu])
            empty_w = spec.server_idle_w + spec.per_server * spec.unused_gpu_w - spec.released_server_w
            watts += booting[name, gpu].extra_s / window_s * empty_w
        begun_wh = transitions.instance_start_wh * site_starts[name]
        begun_wh = begun_wh + (transitions.reshard_wh or 0.0) * site_reshards[name]
        it_energy[name] = (window_h * watts + begun_wh) / WATTS_PER_KILOWATT
        energy[name] = site.pue * it_energy[name]
        carbon[name] = energy[name] * grid.carbon_g_per_kwh / GRAMS_PER_KILOGRAM
        electricity = energy[name] * grid.price_usd_per_mwh / KWH_PER_MWH
        other = transitions.instance_start_usd * site_starts[name]
        for gpu, spec in site.gpus.items():
            other = other + spec.price_usd_per_gpu_h * gpu_hours[name, gpu]
        cost[name], cost_terms[name] = electricity + other, np.abs(electricity) + np.abs(other)
    return Accounts(
        window_h,
        instances,
        starts,
        new.resharded,
        in_use,
        servers_on,
        booting,
        gpu_hours,
        it_energy,
        energy,
        carbon,
        cost,
        cost_terms,
    )


def watts_of(group: Group, evidence: Evidence) -> float:
    """Power of a group from the profile's rows [W]; as stated where they show none, which `operating_points` reports."""
    mix = evidence.mix_of(group)
    return group.power_w if mix is None else group.instances * mix.watts(group.rate_rps)


def server_watts(spec: GpuSpec, gpus_in_use: Counts, servers_on: Counts) -> Series:
    """What servers draw beside the instances, shape (window,) [W]; more servers than the stock release none."""
    unused = servers_on * spec.per_server - gpus_in_use
    watts = servers_on * spec.server_idle_w + unused * spec.unused_gpu_w
    if spec.count is None:
        return watts
    released = np.maximum(spec.count // spec.per_server - servers_on, 0)
    return watts + released * spec.released_server_w
