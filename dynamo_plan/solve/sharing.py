"""`pools: auto` for a whole scenario: the partitions worth planning, what no plan of each can be below, and the report.

Services are searched one by one (`partition`) at prices that know neither whole servers nor caps. Where these tie pools together
the cheapest partition by such prices may not be the cheapest plan: the runners-up, one pool per bucket and one pool per service
are planned as well, unless their bound already says that they cannot win. Where a cap binds, a second search at the prices that
the cap puts on GPUs and energy adds a partition that spares them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.model.quantities import SiteVector, contribution, site_axes
from dynamo_plan.model.trajectories import Master
from dynamo_plan.problem import Problem
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Omission, Plan, PoolSharing
from dynamo_plan.schema.scenario import GpuSpec, PoolRule, Scenario
from dynamo_plan.service_assembly import Partition, ServiceAssembly
from dynamo_plan.solve.coupling import energy_price, linear_prices, stands_apart
from dynamo_plan.solve.courses import Course
from dynamo_plan.solve.ledger import ledger, objective_value
from dynamo_plan.solve.methods import beyond_decomposition
from dynamo_plan.solve.partition import PartitionSearch, elements
from dynamo_plan.solve.pool_estimate import PoolEstimates
from dynamo_plan.solve.pricing import cheapest_courses, pool_prices
from dynamo_plan.solve.repair import joint
from dynamo_plan.solve.set_partition import MOST_ELEMENTS, cheapest_partition
from dynamo_plan.solve.states import StateSpace
from dynamo_plan.solve.warm import compile_pricing

SEARCH_SHARE = 0.5
"""Share of the time left that a search may take; the rest is the plan's."""

RUNNERS_UP = 2
"""Partitions planned besides the best, one pool per bucket and one pool."""

CLOSE = 0.01
"""Cost of a runner-up over the best, relative, above which it is not planned: whole servers seldom turn more."""

FEW_SERVERS = 12
"""Servers on at most, of one type, for which a server less is tried: one is a tenth of the draw of ten, and a hundredth of a hundred's."""

PRICE_ROUNDS = 15
"""Rounds of column generation for the prices of caps; they rank partitions, and need no convergence."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Pools of all services with `pools: auto`, by service, and what no plan with these pools is below [objective]."""

    partitions: Mapping[str, Partition]
    bound: float

    def is_close(self, other: Choice) -> bool:
        """Whether its bound is not far above another's."""
        return self.bound <= other.bound + CLOSE * abs(other.bound)


def compile_kernels(problem: Problem, services: Sequence[ServiceAssembly]) -> None:
    """Compile or load what the search runs, on the smallest inputs."""
    cheapest_partition(np.zeros(2))
    pool = next((pool for pool in problem.pools if pool.kinds), None)
    if pool is not None:
        compile_pricing()
        assembly = next(one for one in services if one.service.name == pool.service)
        prices = pool_prices(problem, replace(pool, kinds=assembly.kinds), linear_prices(problem))
        PoolEstimates(assembly, prices, problem.windows.hours).cost([0])


class Sharing:
    """Search over the partitions of every service with `pools: auto`.

    Parameters
    ----------
    problem : Problem
        With any pools for these services.
    services : sequence of ServiceAssembly
        All services of the scenario.

    Raises
    ------
    InputError
        More buckets have load than partitions can be compared for.
    """

    def __init__(
        self, inputs: Inputs, problem: Problem, services: Sequence[ServiceAssembly], threads: int, deadline: float
    ) -> None:
        self.inputs = inputs
        self.problem = problem
        self.services = [one for one in services if one.service.pools is PoolRule.AUTO]
        self.threads = threads
        self.deadline = deadline
        self.searches: dict[str, PartitionSearch] = {}
        self.best: dict[str, Partition] = {}
        self._others: float | None = None
        self._known: list[Mapping[str, Partition]] = []
        faults = [_too_many(one, inputs.scenario) for one in self.services]
        if any(faults):
            raise InputError(fault for fault in faults if fault is not None)

    def run(self) -> list[Choice]:
        """Search every service; the choices to plan, the most promising first."""
        self.searches = self._searched(linear_prices(self.problem))
        self.best = {name: search.best for name, search in self.searches.items()}
        if stands_apart(self.problem) and beyond_decomposition(self.problem) is None:
            return [Choice(self.best, -math.inf)]
        per_bucket = {name: search.per_bucket() for name, search in self.searches.items()}
        single = {name: search.single() for name, search in self.searches.items()}
        return self._new([self.best, *runners_up(self.searches, self.best), per_bucket, single]) or [
            Choice(self.best, -math.inf)
        ]

    def _searched(self, prices: SiteVector) -> dict[str, PartitionSearch]:
        found = {}
        for index, assembly in enumerate(self.services):
            left = SEARCH_SHARE * (self.deadline - monotonic()) / (len(self.services) - index)
            kept = kept_pools(self.inputs.scenario, assembly)
            until = monotonic() + left
            search = PartitionSearch(self.inputs, self.problem, assembly, prices, kept, self.threads, until)
            search.run()
            found[assembly.service.name] = search
        return found

    def spared(self, problem: Problem, spaces: list[StateSpace]) -> list[Choice]:
        """The best choice at prices that hold this problem's caps, if its cheapest courses break one and the choice is new.

        Parameters
        ----------
        problem, spaces
            The problem with the best choice's pools, and their states.
        """
        if monotonic() >= self.deadline or (prices := cap_prices(problem, spaces)) is None:
            return []
        searches = self._searched(prices)
        best = {name: search.best for name, search in searches.items()}
        found = [best, *runners_up(searches, best)]
        for name, search in self.searches.items():
            search.deadline = self.deadline
            search.price(names for one in found for names in one[name])
        return self._new(found)

    def _new(self, found: list[dict[str, Partition]]) -> list[Choice]:
        """Those that can be planned and were not chosen before."""
        fresh = []
        for one in found:
            if math.isfinite(total_cost(self.searches, one)) and one not in self._known:
                self._known.append(one)
                fresh.append(Choice(one, self._bound(one)))
        return fresh

    def shown(self, choice: Choice) -> str:
        """The pools of a choice in one line."""
        return "; ".join(
            f"{name}: {' '.join('+'.join(names) for names in partition)}"
            for name, partition in choice.partitions.items()
        )

    def _bound(self, partitions: Mapping[str, Partition]) -> float:
        """Cost of all pools planned one by one, and of the site without any; whole servers and caps only add to it.

        Nothing is known where other services route freely, where re-shards save starts, or where a price pays for drawing more.
        """
        if self.problem.routed or self.problem.transitions.reshards or (energy_price(self.problem) < 0).any():
            return -math.inf
        if self._others is None:
            self._others = self._bound_of_others()
        pools = math.fsum(self.searches[name].bound(partition) for name, partition in partitions.items())
        return pools + self._others

    def _bound_of_others(self) -> float:
        """The same for the pools of services whose partition is given, and for the site."""
        prices = linear_prices(self.problem)
        nothing = ledger(self.problem, site_axes(self.problem).zeros())
        given = [pool for pool in self.problem.pools if pool.service not in self.searches]
        spaces = [StateSpace(pool, self.problem.windows.hours) for pool in given]
        courses = cheapest_courses(self.problem, spaces, prices, self.threads)
        return math.fsum(course.bound for course in courses) + objective_value(self.problem, nothing.totals)

    def remarks(self, partitions: Mapping[str, Partition]) -> tuple[Omission, ...]:
        """What is not proven about the choice of pools, per service."""
        return tuple(
            Omission(
                f"pools: auto of {name}", _unproven(self.searches[name].report(partition), self.searches[name].kept)
            )
            for name, partition in partitions.items()
        )

    def reports(self, partitions: Mapping[str, Partition]) -> tuple[PoolSharing, ...]:
        """What the search found, per service; a service that there was no time for is left out."""
        return tuple(
            report
            for name, partition in partitions.items()
            if (report := self.searches[name].report(partition)) is not None
        )


def total_cost(searches: Mapping[str, PartitionSearch], partitions: Mapping[str, Partition]) -> float:
    """Cost of these partitions at the searches' prices [objective]; infinite where a pool was not planned or cannot be."""
    return math.fsum(searches[name].cost(partition) for name, partition in partitions.items())


def runners_up(searches: Mapping[str, PartitionSearch], best: Mapping[str, Partition]) -> list[dict[str, Partition]]:
    """The best with one service's partition exchanged, close in cost and cheapest first."""
    found = [{**best, name: other} for name, search in searches.items() for other in search.alternatives(best[name])]
    limit = total_cost(searches, best) + CLOSE * abs(total_cost(searches, best))
    ordered = sorted(found, key=lambda one: total_cost(searches, one))
    return [one for one in ordered if total_cost(searches, one) <= limit][:RUNNERS_UP]


def _unproven(report: PoolSharing | None, kept: Partition) -> str:
    if report is None:
        return "the time limit left no time to compare ways to share instances; every bucket has its own pool"
    stay = f"; kept as they run before the first window: {', '.join(map('+'.join, kept))}" if kept else ""
    others = f"{report.priced} sets of buckets were planned exactly and the others only estimated"
    if report.margin is None:
        return f"the bound is for the pools chosen; {others}, and the search was cut short{stay}"
    return (
        f"the bound is for the pools chosen; {others}: other pools could be cheaper only if an estimate is more than "
        f"{report.margin:.2%} too high{stay}"
    )


def cap_prices(problem: Problem, spaces: list[StateSpace]) -> SiteVector | None:
    """Prices of the site quantities at which the pools share out what the caps leave them; None where no cap is in the way."""
    courses = cheapest_courses(problem, spaces, linear_prices(problem), threads=1)
    if _caps_hold(problem, courses):
        return None
    use = [_use(problem, space, course) for space, course in zip(spaces, courses, strict=True)]
    scale = math.fsum(abs(course.value) for course in courses) / len(problem.windows)
    master = Master(problem, use, penalty=max(scale, 1.0))
    for _ in range(PRICE_ROUNDS):
        courses = cheapest_courses(problem, spaces, master.duals()[0], threads=1)
        for index, (space, course) in enumerate(zip(spaces, courses, strict=True)):
            master.add(index, _use(problem, space, course))
        master.solve()
    return master.duals()[0]


def a_server_less(problem: Problem, plan: Plan) -> Problem:
    """The problem with one server less than the plan has on, in every window and of every type that draws power of its own.

    At a small site a partition that saves a server is worth more than its pools' energy says.
    """
    on = {(one.site, one.gpu): np.array(one.servers_on) for one in plan.servers}
    sites = []
    for site in problem.sites:
        stock = {
            gpu: np.minimum(limit, np.maximum(on[site.name, gpu] - 1, 1) * site.gpus[gpu].per_server)
            if _counts(site.gpus[gpu]) and on[site.name, gpu].max() <= FEW_SERVERS
            else limit
            for gpu, limit in site.stock.items()
        }
        sites.append(replace(site, stock=stock))
    return replace(problem, sites=tuple(sites))


def _counts(gpu: GpuSpec) -> bool:
    """Whether a server that is on draws more than one that is not, besides its instances."""
    return gpu.server_idle_w + gpu.unused_gpu_w * gpu.per_server > gpu.released_server_w


def _use(problem: Problem, space: StateSpace, course: Course) -> SiteVector:
    return contribution(problem, space.pool, course.counts, course.power_w)


def _caps_hold(problem: Problem, courses: list[Course]) -> bool:
    """Whether every site's stock and power cap hold these courses together."""
    axes = site_axes(problem)
    amounts = joint(problem, courses).amounts
    power_kw = ledger(problem, amounts).energy_kwh / problem.windows.hours
    stock = np.array([problem.site(site).stock[gpu] for site, gpu in axes.stocks])
    cap = np.array([site.power_cap_kw for site in problem.sites])
    return bool((amounts.gpus_in_use <= stock).all() and (power_kw <= cap).all())


def kept_pools(scenario: Scenario, assembly: ServiceAssembly) -> list[tuple[str, ...]]:
    """Pools that run before the first window: they stay, since what runs in them cannot move to another pool.

    Pools with unknown buckets, or with a bucket of an earlier one, are not kept; their instances stop.
    """
    known = [bucket.name for bucket in assembly.buckets]
    found: list[tuple[str, ...]] = []
    for one in scenario.initial.instances if scenario.initial is not None else ():
        service, _, listed = one.pool.rpartition("/")
        names = tuple(listed.split("+"))
        if service == assembly.service.name and one.instances and names not in found:
            taken = {name for other in found for name in other}
            if len(set(names)) == len(names) and set(names) <= set(known) - taken:
                found.append(names)
    return found


def _too_many(assembly: ServiceAssembly, scenario: Scenario) -> Fault | None:
    count = len(elements(assembly, kept_pools(scenario, assembly)))
    if count <= MOST_ELEMENTS:
        return None
    return Fault(
        "pools-auto-buckets",
        f"services.{assembly.service.name}.pools",
        f"auto would have to divide {count} buckets with load",
        f"It compares partitions of up to {MOST_ELEMENTS}",
        "Use coarser buckets, `routing: free`, or list the pools",
    )
