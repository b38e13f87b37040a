r"""A server is on before it is needed: it takes `server_start_s` to boot, and draws power while it does.

.. math::
   P_{s,g}(\tau) = \max_{\tau \le \tau' \le \tau + L} \text{servers\_on}_{s,g}(\tau'), \qquad
   \bar P_t = (1 - \rho) \max_{0 \le i \le K} \text{servers\_on}_{t+i} + \rho \max_{0 \le i \le K+1} \text{servers\_on}_{t+i}

with :math:`L` = `server_start_s`, :math:`K = \lfloor L / \Delta \rfloor` whole windows and :math:`\rho = L / \Delta - K` of
one more. :math:`\bar P_t`, servers powered in the mean of window :math:`t`, is what IT energy counts; each server beyond
`servers_on` draws as one whose GPUs have no instance: its idle draw and that of its GPUs, less the draw of a released server.
A server is never switched off for less time than it takes to boot.

The ends of the horizon: servers on before the first window are the scenario's `initial`; where these are too few, what the
missing ones would have drawn before the horizon is charged to the first window. Without `initial` it is not counted, nor is
what is booted for after the end.

Why: without it a plan powers servers for every short peak, and the schedule does not say when to push the button. Source:
start-up lead times of unit commitment. Here a server that boots serves nothing, and one that is on again within :math:`L` has
never been off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pulp
from numpy.typing import NDArray

from dynamo_plan.model.constraints.servers_on import powered_server_w
from dynamo_plan.model.quantities import site_axes
from dynamo_plan.model.site import SiteModel
from dynamo_plan.problem import Problem, SiteProblem
from dynamo_plan.schema.scenario import GpuSpec, ObjectiveName
from dynamo_plan.units import WATTS_PER_KILOWATT

NAME = "server_starts"


def not_applicable(problem: Problem) -> str | None:
    """Applies where a server takes time to boot."""
    slow = any(spec.server_start_s > 0 for site in problem.sites for spec in site.gpus.values())
    return None if slow else "every server_start_s is 0: servers are on when they are needed"


@dataclass(frozen=True, slots=True)
class Lead:
    """Boot time in windows: `whole` of them and the part `rest` of one more [1]."""

    whole: int
    rest: float

    @property
    def weights(self) -> tuple[tuple[int, float], ...]:
        """Numbers of windows ahead that a server is on for, with the part of a window for which that holds."""
        return tuple(
            (ahead, part) for ahead, part in ((self.whole, 1.0 - self.rest), (self.whole + 1, self.rest)) if part
        )


def lead(spec: GpuSpec, window_s: int) -> Lead:
    """Boot time of a server in windows of this length [s]."""
    whole = math.floor(spec.server_start_s / window_s)
    return Lead(whole, spec.server_start_s / window_s - whole)


def booting(servers_on: NDArray[np.int64], ahead: Lead, before: int | None) -> NDArray[np.float64]:
    """Servers powered beyond those on, in each window's mean (window,); see the module's docstring.

    Parameters
    ----------
    servers_on : array of int, shape (window,)
    before : int or None
        Servers on before the first window; None: not counted.
    """
    margin = 0 if before is None else ahead.whole + 1
    on = np.concatenate([np.full(margin, before or 0, dtype=np.int64), servers_on])
    mean = sum((part * _most_ahead(on, count) for count, part in ahead.weights), start=np.zeros(on.size))
    extra = mean - on
    found: NDArray[np.float64] = np.asarray(extra[margin:])
    if margin:
        found[0] += float(extra[:margin].sum())
    return found


def servers_started(servers_on: NDArray[np.int64], ahead: Lead, before: int | None) -> NDArray[np.int64]:
    """Servers that start to boot `server_start_s` before each window's left edge, to be on in it (window,)."""
    first = int(servers_on[0]) if before is None else before
    margin = ahead.whole + 1
    on = np.concatenate([np.full(margin, first, dtype=np.int64), servers_on])
    # A server that was on within the boot time has never been off.
    recent = _most_ahead(on[::-1], ahead.whole)[::-1][margin - 1 : -1]
    return np.asarray(np.maximum(servers_on - recent, 0))


def _most_ahead(on: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Most servers on in each window and the `count` windows after it, as far as there are any."""
    most = on.copy()
    for step in range(1, min(count, on.size - 1) + 1):
        most[:-step] = np.maximum(most[:-step], on[step:])
    return most


def add(model: SiteModel) -> None:
    """A variable for the most servers on in some windows ahead, its rows, and its terms in the site's draw."""
    problem = model.problem
    axes = site_axes(problem)
    for row, (name, gpu) in enumerate(axes.stocks):
        site = problem.site(name)
        spec = site.gpus[gpu]
        if spec.server_start_s == 0:
            continue
        ahead = lead(spec, problem.windows.window_s)
        kwh = powered_server_w(spec) * problem.windows.hours / WATTS_PER_KILOWATT
        first = 0 if site.servers_before is None else -(ahead.whole + 1)
        for t in range(first, axes.windows):
            charged = (axes.sites.index(name), max(t, 0))
            for count, part in ahead.weights:
                later = [model.servers_on[row, t + i] for i in range(1, count + 1) if 0 <= t + i < axes.windows]
                if not later:
                    continue
                now = model.servers_on[row, t] if t >= 0 else (site.servers_before or {})[gpu]
                most = _most(model, f"{NAME}_{row}_{t - first}_{count}", [now, *later])
                if _is_gain(problem, site, spec, charged[1]):
                    _exact(model, most, [now, *later], most_servers(problem, row))
                model.draws.setdefault(charged, []).append((most, part * kwh))
                if isinstance(now, pulp.LpVariable):
                    model.draws[charged].append((now, -part * kwh))
                else:
                    model.fixed_kwh[charged] = model.fixed_kwh.get(charged, 0.0) - part * kwh * now


def _most(model: SiteModel, name: str, members: list[pulp.LpVariable | int]) -> pulp.LpVariable:
    """A variable at least as large as every member; a member that is a number bounds it from below."""
    least = max((one for one in members if isinstance(one, int)), default=0)
    most = model.prob.add_variable(name, lowBound=float(least))
    for index, one in enumerate(members):
        if isinstance(one, pulp.LpVariable):
            model.prob.addConstraint(
                pulp.lpSum_vars_coefs([(most, 1.0), (one, -1.0)]) >= 0.0, f"{name}_at_least_{index}"
            )
    return most


def _exact(model: SiteModel, most: pulp.LpVariable, members: list[pulp.LpVariable | int], limit: float) -> None:
    """Rows that keep the largest member from being exceeded: it equals one of them."""
    chosen = [model.prob.add_variable(f"{most.name}_is_{index}", cat="Binary") for index in range(len(members))]
    model.prob.addConstraint(pulp.lpSum_vars(chosen) == 1.0, f"{most.name}_is_one")
    for index, (one, choice) in enumerate(zip(members, chosen, strict=True)):
        terms = [(most, 1.0), (choice, limit)]
        known = 0.0
        if isinstance(one, int):
            known = float(one)
        else:
            terms.append((one, -1.0))
        model.prob.addConstraint(pulp.lpSum_vars_coefs(terms) <= limit + known, f"{most.name}_at_most_{index}")


def _is_gain(problem: Problem, site: SiteProblem, spec: GpuSpec, t: int) -> bool:
    """Whether more servers than needed could look better: electricity is paid for, or a released server draws more."""
    paid = problem.weight(ObjectiveName.COST) > 0 and bool(site.grid.price_usd_per_mwh[t] < 0)
    return paid or powered_server_w(spec) < 0


def most_servers(problem: Problem, row: int) -> float:
    """More servers of one GPU type than any plan has on."""
    name, gpu = site_axes(problem).stocks[row]
    site = problem.site(name)
    used = sum(
        int(most) * kind.gpus
        for pool in problem.all_pools()
        if pool.site == name
        for most, kind in zip(pool.max_instances, pool.kinds, strict=True)
        if kind.gpu == gpu
    )
    return float(-(-used // site.gpus[gpu].per_server) + (site.servers_before or {}).get(gpu, 0))
