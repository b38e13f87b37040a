r"""GPUs are powered by whole servers, and IT energy follows from what is powered.

.. math::
   \text{gpus\_in\_use} \le n \, \text{servers\_on} \le \text{gpus\_in\_use} + n - 1

   E^{IT}_{s,t} = E^{inst}_{s,t} + \Delta \sum_g \big( P^{idle} \text{servers\_on} + P^{unused} (n \, \text{servers\_on} -
   \text{gpus\_in\_use}) + P^{rel} (\text{count}/n - \text{servers\_on}) \big)

with :math:`n` GPUs per server, :math:`P^{idle}` the draw of a powered server besides its GPUs, :math:`P^{unused}`
that of a GPU without an instance in a powered server, :math:`P^{rel}` that of a released server [W], :math:`\Delta`
the window [h], energies [kWh].

Servers that boot draw as well: see `server_starts`.

Why: half of the difference between published savings is how unused GPUs and released servers are counted; here they
are inputs. Instances pack perfectly into servers (degrees of parallelism that divide the server do).
"""

from __future__ import annotations

import numpy as np
import pulp
from numpy.typing import NDArray

from dynamo_plan.model.quantities import site_axes
from dynamo_plan.model.site import SiteModel
from dynamo_plan.problem import Problem, SiteProblem
from dynamo_plan.schema.scenario import GpuSpec
from dynamo_plan.units import WATTS_PER_KILOWATT

NAME = "servers_on"


def not_applicable(problem: Problem) -> str | None:
    """Always applies: the schedule states the servers to power."""
    del problem
    return None


def add(model: SiteModel) -> None:
    """Two rows per site, GPU type and window, and their terms in the site's draw."""
    axes = site_axes(model.problem)
    hours = model.problem.windows.hours
    for row, (site, gpu) in enumerate(axes.stocks):
        spec = model.problem.site(site).gpus[gpu]
        home = axes.sites.index(site)
        released_kwh = released_draw_w(model.problem.site(site), gpu) * hours / WATTS_PER_KILOWATT
        for t in range(axes.windows):
            used = model.quantities["gpus_in_use"][row, t]
            servers = model.servers_on[row, t]
            powered = pulp.lpSum_vars_coefs([(servers, float(spec.per_server)), (used, -1.0)])
            model.prob.addConstraint(powered >= 0.0, f"{NAME}_{row}_{t}_enough")
            model.prob.addConstraint(powered.copy() <= spec.per_server - 1.0, f"{NAME}_{row}_{t}_least")
            model.draws.setdefault((home, t), []).extend(
                [
                    (servers, powered_server_w(spec) * hours / WATTS_PER_KILOWATT),
                    (used, -spec.unused_gpu_w * hours / WATTS_PER_KILOWATT),
                ]
            )
            model.fixed_kwh[home, t] = model.fixed_kwh.get((home, t), 0.0) + float(released_kwh[t])


def powered_server_w(spec: GpuSpec) -> float:
    """What a server that is on draws with no instance on it, less what it would draw released [W]."""
    return spec.server_idle_w + spec.unused_gpu_w * spec.per_server - spec.released_server_w


def released_draw_w(site: SiteProblem, gpu: str) -> NDArray[np.float64]:
    """What the site's servers of one type would draw if all were released (window,) [W]; 0 where nobody counts them."""
    spec, stock = site.gpus[gpu], site.stock[gpu]
    return np.where(
        np.isfinite(stock), spec.released_server_w * np.where(np.isfinite(stock), stock, 0.0) / spec.per_server, 0.0
    )
