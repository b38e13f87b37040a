r"""Window bound: whole servers and the GPU stock exactly, start costs through potentials.

Dantzig-Wolfe's bound plans each pool exactly over time but lets the site power fractions of servers and share out its
GPUs in fractions; on small and middle fleets that is most of its gap. This bound turns it round. Potentials
:math:`\varphi_{p,k,t}(n)` of the number of instances stand for the start costs (`dynamo_plan.solve.chains`), so the
windows fall apart, and each is solved exactly over all pools' states together:

.. math:: \sum_t \min_{N} \Big( \sum_p \big( e_{p,t}(N_p) + \sum_k \varphi_{p,k,t}(N_{p,k}) \big) + F_t(G(N)) \Big) + \text{chains}(\varphi)

a knapsack over GPUs in use :math:`G` with the true cost :math:`F` of whole servers and the stock as its size. The
potentials are improved by a subgradient method with momentum: where a window and a chain choose different numbers,
the window's gets dearer and the chain's cheaper. The bound is certified once, at the best potentials, over every
state that could be part of a window's optimum. Rolling through the windows with the chains' cost-to-go gives plans
that a repair rarely betters by much.

Source: Lagrangian decomposition, Guignard and Kim, Mathematical Programming 39, 1987; step: Polyak, USSR Comput.
Math. and Math. Phys. 9, 1969.
"""

from __future__ import annotations

import math
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.quantities import site_axes
from dynamo_plan.problem import Problem
from dynamo_plan.solve.chains import Chains, half_start_slopes
from dynamo_plan.solve.coupling import Meter, direct_prices, least_boot_cost
from dynamo_plan.solve.courses import Pairs
from dynamo_plan.solve.options import PoolOptions, gather_options
from dynamo_plan.solve.pricing import pool_prices
from dynamo_plan.solve.repair import cheapest
from dynamo_plan.solve.states import StateSpace, TooManyStatesError
from dynamo_plan.units import WATTS_PER_KILOWATT

FIRST_STEP = 1.0
MOMENTUM = 0.8
STEP_SHRINK = 0.7
PATIENCE = 10
"""Subgradient method: step relative to Polyak's, its decay after so many steps without progress; of a handful of settings these
were the fastest on the shipped week, none was more than twice as slow."""

PROGRESS = 1e-4
"""A step counts as progress if it closes this share of the gap to the target."""

SMALLEST_STEP = 1e-3
"""Relative step below which the bound no longer moves."""

WIDENINGS = 3
"""Times that the candidates' room is doubled where a tight stock leaves a window without a combination."""

FIRST_ROOM = 0.02
"""Share of a pool's cost in a window by which first candidates may be dearer than its cheapest state."""

CERTIFICATIONS = 6
"""Times that candidates are gathered for a certificate; two suffice nearly always."""

ROUNDING = 1e-9
"""Relative; room that differs by less is the same."""

LARGEST_TABLE = 60_000_000
"""Entries of the knapsack's choice table or of the potentials; a memory guard, beyond it this bound is not computed."""

Counts = list[NDArray[np.int64]]


class WindowBound:
    """The bound for one site with one GPU type.

    Parameters
    ----------
    site : int
        Index of the site.
    spaces : list of StateSpace
        Of all the site's pools.
    cap_price : array, shape (window,)
        Price of IT energy that stands for the power cap, 0 without one [objective/kWh].
    stock_price : array, shape (window,)
        Price of a GPU in use that stands for the stock; only guides the choice of candidates [objective].
    """

    def __init__(
        self,
        problem: Problem,
        site: int,
        spaces: list[StateSpace],
        cap_price: NDArray[np.float64],
        stock_price: NDArray[np.float64],
    ) -> None:
        self.problem = problem
        self.spaces = spaces
        self.site = problem.sites[site]
        self.gpu = self.site.gpu_types()[0]
        spec = self.site.gpus[self.gpu]
        hours = problem.windows.hours
        prices = direct_prices(problem)
        prices.instance_energy_kwh[site] += cap_price
        self.energy = prices.instance_energy_kwh[site]
        self.prices = [pool_prices(problem, space.pool, prices) for space in spaces]
        # Where a start is a gain, the largest possible gain is a constant of the bound.
        self.constant = sum(
            float((np.minimum(p.least_start[1:], 0.0) * space.pool.max_instances).sum())
            for p, space in zip(self.prices, spaces, strict=True)
        )
        cap_kwh = np.where(np.isfinite(self.site.power_cap_kw), self.site.power_cap_kw, 0.0) * hours / self.site.pue
        self.constant -= float((cap_price * cap_kwh).sum())
        per_watt = self.energy * hours / WATTS_PER_KILOWATT
        self.server_cost = per_watt * (spec.server_idle_w + spec.unused_gpu_w * spec.per_server)
        self.stock_price = stock_price
        self.gpu_price = per_watt * (spec.server_idle_w - spec.released_server_w) / spec.per_server + stock_price
        self.unit = math.gcd(spec.per_server, *(int(g) for space in spaces for g in space.pool.gpus))
        self.meter = Meter(problem, site)
        self.constant += float((self.energy * self.meter.released_w()).sum()) * hours / WATTS_PER_KILOWATT
        self.constant += float(least_boot_cost(problem)[site])
        self.stock = self.site.stock[self.gpu]
        self.best = float("-inf")
        self.step = FIRST_STEP
        self.finished = False
        self.options: list[PoolOptions] = []
        self.chains: Chains
        self.potential: NDArray[np.float64]

    def prepare(self) -> bool:
        """Gather first candidates; False if the tables grow too large or some window finds no combination within the stock."""
        slack = np.abs(self.server_cost) + self._least_room()
        for _ in range(WIDENINGS + 1):
            self._gather([slack] * len(self.spaces))
            self.chains = self._chains()
            slopes = self.chains.slopes()
            if self._table_size() > LARGEST_TABLE or slopes.size * self.chains.numbers.size > LARGEST_TABLE:
                return False
            self.potential = slopes[:, :, None] * self.chains.numbers
            short = ~np.isfinite(self._solve_windows(self.potential)[0])
            if not short.any():
                return True
            slack = np.where(short, 2.0 * slack, slack)
        return False

    def _least_room(self) -> NDArray[np.float64]:
        """Room for first candidates where servers draw nothing: a share of what a pool's energy costs in the mean (window,)."""
        line = np.arange(self.energy.size)
        free = [prices.without_starts() for prices in self.prices]
        best = [space.cheapest(prices) for space, prices in zip(self.spaces, free, strict=True)]
        costs = [
            np.abs(space.stage(prices, line, course.counts, course.power_w))
            for space, prices, course in zip(self.spaces, free, best, strict=True)
        ]
        return FIRST_ROOM * np.mean(costs, axis=0)

    def _chains(self) -> Chains:
        pool = np.concatenate([np.full(len(space.pool.kinds), p) for p, space in enumerate(self.spaces)])
        kind = np.concatenate([np.arange(len(space.pool.kinds)) for space in self.spaces])
        start = np.concatenate([np.maximum(p.least_start, 0.0).T for p in self.prices])
        most = np.concatenate([options.counts.max(axis=0) for options in self.options])
        return Chains(pool, kind, start, most)

    def _gather(self, slack: list[NDArray[np.float64]]) -> None:
        """Candidates of every pool: states within its slack (window,) of the pool's own least cost at the linear prices."""
        self.linear = [
            self.gpu_price[:, None] * space.pool.gpus + half_start_slopes(np.maximum(prices.least_start, 0.0).T).T
            for space, prices in zip(self.spaces, self.prices, strict=True)
        ]
        self.options = [
            gather_options(space, prices, linear, room, self.unit)
            for space, prices, linear, room in zip(self.spaces, self.prices, self.linear, slack, strict=True)
        ]
        self.servers = self._nonlinear(1 + sum(int(options.level.max()) for options in self.options))

    def _table_size(self) -> int:
        return int(self.servers.size) * len(self.options)

    def _nonlinear(self, levels: int) -> NDArray[np.float64]:
        """Cost of whole servers, and infinity above the stock, per window and knapsack level [objective]."""
        used = self._least_gpus()[:, None] + np.arange(levels) * float(self.unit)
        overhead = self.meter.overhead_w({self.gpu: used}) * self.problem.windows.hours / WATTS_PER_KILOWATT
        return np.where(used > self.stock[:, None], np.inf, self.energy[:, None] * overhead)

    def _least_gpus(self) -> NDArray[np.int64]:
        return sum((options.least_gpus for options in self.options), start=np.zeros(self.energy.size, dtype=np.int64))

    def adders(self, potential: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """What the potentials add to every option's cost (pool) of (option,)."""
        found = [np.zeros(options.window.size) for options in self.options]
        for chain, (pool, kind) in enumerate(zip(self.chains.pool, self.chains.kind, strict=True)):
            options = self.options[pool]
            found[pool] += self._at(potential[chain], chain, options.window, options.counts[:, kind])
        return found

    def _at(
        self, potential: NDArray[np.float64], chain: int, window: NDArray[np.int64], number: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """One chain's potential (window, number) at pairs of window and number (pair,), linear beyond its last number."""
        most = int(self.chains.most[chain])
        beyond = np.maximum(number - most, 0)
        inside = potential[window, np.minimum(number, most)]
        return np.asarray(inside + beyond * self._slopes[chain][window] if beyond.any() else inside)

    @property
    def _slopes(self) -> NDArray[np.float64]:
        return self.chains.slopes()

    def _solve_windows(self, potential: NDArray[np.float64]) -> tuple[NDArray[np.float64], Counts]:
        """Least cost of every window (window,) and the chosen option of each pool per window.

        The knapsack's levels count GPUs above the sum of the pools' least numbers in the window, which keeps the table short.
        """
        windows = self.energy.size
        line = np.arange(windows)
        table = np.zeros((windows, 1))
        history = []
        for options, adder in zip(self.options, self.adders(potential), strict=True):
            picked, least = options.best_of_groups(adder)
            level, window = options.level[options.first], options.window[options.first]
            new = np.full((windows, table.shape[1] + int(level.max())), np.inf)
            choice = np.full(new.shape, -1, dtype=np.int32)
            for step in np.unique(level):
                here = level == step
                cost = np.full((windows, 1), np.inf)
                index = np.full((windows, 1), -1, dtype=np.int32)
                cost[window[here], 0], index[window[here], 0] = least[here], picked[here]
                part = slice(step, step + table.shape[1])
                trial = table + cost
                better = trial < new[:, part]
                np.copyto(new[:, part], trial, where=better)
                np.copyto(choice[:, part], index, where=better)
            history.append(choice)
            table = new
        total = table + self.servers[:, : table.shape[1]]
        level = total.argmin(axis=1)
        value = total[line, level]
        chosen: Counts = []
        for options, choice in zip(reversed(self.options), reversed(history), strict=True):
            index = choice[line, level].astype(np.int64)
            chosen.insert(0, index)
            level = level - options.level[index]
        return value, chosen

    def _exact_windows(self, potential: NDArray[np.float64]) -> tuple[NDArray[np.float64], Counts]:
        """The same with every chosen option's cost exact: bounds are sharpened where they were chosen, until none is."""
        while True:
            value, chosen = self._solve_windows(potential)
            if not sum(options.sharpen(index) for options, index in zip(self.options, chosen, strict=True)):
                return value, chosen

    def ascend(self, target: float, steps: int, deadline: float) -> None:
        """Improve the potentials; `target` is the value of a known plan [objective]."""
        since, trial, velocity = 0, self.potential.copy(), np.zeros_like(self.potential)
        for _ in range(steps):
            value, chosen = self._exact_windows(trial)
            chain_value, path = self.chains.shortest(trial)
            bound = float(value.sum()) + chain_value + self.constant
            since = 0 if bound > self.best + PROGRESS * abs(target - bound) else since + 1
            if bound > self.best:
                self.best, self.potential = bound, trial.copy()
            self.finished = self.step < SMALLEST_STEP or bound >= target
            if self.finished or monotonic() > deadline:
                return
            if since >= PATIENCE:
                self.step, since = self.step * STEP_SHRINK, 0
                trial, velocity = self.potential.copy(), np.zeros_like(velocity)
                continue
            velocity *= MOMENTUM
            self._add_subgradient(velocity, chosen, path)
            length = float(np.vdot(velocity, velocity))
            if length == 0.0:
                self.finished = True
                return
            trial = trial + self.step * max(target - bound, 0.0) / length * velocity

    def _add_subgradient(self, velocity: NDArray[np.float64], chosen: Counts, path: NDArray[np.int64]) -> None:
        """Plus one where the windows stand, minus one where the chains stand, nothing where they agree."""
        numbers = [options.counts[index] for options, index in zip(self.options, chosen, strict=True)]
        picked = np.stack(
            [numbers[pool][:, kind] for pool, kind in zip(self.chains.pool, self.chains.kind, strict=True)]
        )
        # Candidates gathered for a certificate may lie beyond a chain's own numbers, where its last potential moves them.
        picked = np.minimum(picked, self.chains.most[:, None])
        chain, window = np.nonzero(picked != path)
        velocity[chain, window, picked[chain, window]] += 1.0
        velocity[chain, window, path[chain, window]] -= 1.0

    def candidates(self) -> list[Pairs]:
        """Cheapest candidate states of every pool at the linear prices, for repairs."""
        return [
            cheapest(
                options.space,
                options.window,
                options.counts,
                options.cost + (options.counts * linear[options.window]).sum(axis=1),
            )
            for options, linear in zip(self.options, self.linear, strict=True)
        ]

    def certify(self) -> float:
        """The bound at the best potentials, proven: over every state that can be part of a window's optimum; else no bound.

        Candidates are gathered with as much room as the values found so far ask for, until these ask for no more.
        """
        value, _ = self._exact_windows(self.potential)
        room = self._room(value, None)
        for _ in range(CERTIFICATIONS):
            self._gather(room)
            if self._table_size() > LARGEST_TABLE:
                return float("-inf")
            value, _ = self._exact_windows(self.potential)
            need = self._room(value, room)
            if all(
                (more <= had * (1.0 + ROUNDING) + ROUNDING * np.abs(value)).all()
                for more, had in zip(need, room, strict=True)
            ):
                chain_value, _ = self.chains.shortest(self.potential)
                return float(value.sum()) + chain_value + self.constant
            room = [np.maximum(more, had) for more, had in zip(need, room, strict=True)]
        return float("-inf")

    def _room(self, value: NDArray[np.float64], had: list[NDArray[np.float64]] | None) -> list[NDArray[np.float64]]:
        """How far each pool's states may lie above its least cost at linear prices and still matter (pool) of (window,).

        A state that is no candidate lies above that least cost by more than the room `had`, less what the potentials can take off it;
        with the least of both for every other pool, it matters only if it leaves the window's value within reach. Without `had`
        the other pools' least costs are guessed from their candidates.
        """
        bend = self.potential - self._slopes[:, :, None] * self.chains.numbers
        inside = self.chains.numbers[None, :] <= self.chains.most[:, None]
        dips = np.where(inside[:, None, :], bend, np.inf).min(axis=2)
        linear, full, dip = [], [], []
        for pool, (options, slope, adder) in enumerate(
            zip(self.options, self.linear, self.adders(self.potential), strict=True)
        ):
            gpu = self.gpu_price[options.window] * options.gpus
            linear.append(options.least(options.cost + (options.counts * slope[options.window]).sum(axis=1)))
            dip.append(dips[self.chains.pool == pool].sum(axis=0))
            least = options.least(options.cost + adder + gpu)
            full.append(least if had is None else np.minimum(least, linear[pool] + had[pool] + dip[pool]))
        # Whole servers cost no less than their share of a GPU's price, or, where energy is a gain, one server less.
        servers = -np.where(self.energy < 0, np.abs(self.server_cost), 0.0)
        servers -= np.where(
            np.isfinite(self.stock), self.stock_price * np.where(np.isfinite(self.stock), self.stock, 0.0), 0.0
        )
        excess = value - sum(full) - servers
        return [np.maximum(excess + own - least - low, 0.0) for own, least, low in zip(full, linear, dip, strict=True)]


def window_bounds(
    problem: Problem, spaces: list[StateSpace], cap_price: NDArray[np.float64], stock_price: NDArray[np.float64]
) -> list[WindowBound] | None:
    """One per site, with first candidates gathered; None where the bound does not apply.

    Parameters
    ----------
    cap_price : array, shape (site, window)
    stock_price : array, shape (site x gpu type, window)
    """
    axes = site_axes(problem)
    found = []
    for home, site in enumerate(problem.sites):
        own = [space for space in spaces if space.pool.site == site.name]
        if not own:
            continue
        if len(site.gpu_types()) > 1:
            return None
        stock = axes.stocks.index((site.name, site.gpu_types()[0]))
        bound = WindowBound(problem, home, own, cap_price[home], stock_price[stock])
        try:
            applies = bound.prepare()
        except TooManyStatesError:
            applies = False
        if not applies:
            return None
        found.append(bound)
    return found
