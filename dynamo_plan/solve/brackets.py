"""First prices of caps: every window's own, by bisection, before the master knows anything.

At a price of a GPU or of a kWh the pools use less of it; where a window still exceeds its cap the price goes up, elsewhere
down. Starts tie the windows together, so the prices found are not the best ones, but the courses planned at them are good
columns to begin with.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.constraints.servers_on import powered_server_w
from dynamo_plan.model.quantities import SiteVector, site_axes
from dynamo_plan.problem import Problem
from dynamo_plan.solve.coupling import Meter, direct_prices, least_boot_cost, linear_prices, server_share_w
from dynamo_plan.units import WATTS_PER_KILOWATT

FIRST_SHARE = 0.25
"""First price of what is short, as a share of what a GPU or a kWh costs in that window anyway."""

SAFER = 1.25
"""Factor by which a price goes up in search of a plan that holds the caps."""

DOUBLING = 2.0
"""Factor by which a price grows that is still too low."""


class Bracket:
    """Prices of one capped quantity in every window, closing in from both sides.

    Parameters
    ----------
    usual : array, shape (window,)
        What a unit of it costs anyway [objective/unit].
    """

    def __init__(self, usual: NDArray[np.float64]) -> None:
        self.first = FIRST_SHARE * usual
        self.low = np.zeros(usual.size)
        self.high = np.full(usual.size, np.inf)
        self.price = np.zeros(usual.size)

    def close_in(self, over: NDArray[np.bool_]) -> None:
        """Learn in which windows (window,) the cap is still exceeded at these prices."""
        self.low = np.where(over, self.price, self.low)
        self.high = np.where(over | (self.price == 0.0), self.high, self.price)
        middle = 0.5 * (self.low + np.where(np.isfinite(self.high), self.high, 0.0))
        grown = np.maximum(DOUBLING * self.low, self.first)
        raised = np.where(np.isfinite(self.high), middle, grown)
        self.price = np.where(over | (self.price > 0.0), raised, 0.0)

    def play_safe(self) -> None:
        """Take the prices at which no cap was exceeded."""
        self.price = np.where(np.isfinite(self.high), self.high, np.where(self.low > 0.0, DOUBLING * self.low, 0.0))

    def go_up(self, over: NDArray[np.bool_]) -> None:
        """Raise the price where the cap is exceeded still."""
        self.price = np.where(over, np.maximum(SAFER * self.price, self.first), self.price)


class CapPrices:
    """Brackets of all stocks and power caps of a problem.

    Parameters
    ----------
    amounts : SiteVector
        What the pools use without any price of a cap.
    """

    def __init__(self, problem: Problem, amounts: SiteVector) -> None:
        self.problem = problem
        self.axes = site_axes(problem)
        self.plain = linear_prices(problem)
        energy = self.plain.instance_energy_kwh
        self.stocks, self.powers = [], []
        for name, _ in self.axes.stocks:
            home = self.axes.sites.index(name)
            per_gpu = amounts.instance_energy_kwh[home] / np.maximum(self._gpus(amounts, home), 1.0)
            self.stocks.append(Bracket(np.abs(energy[home]) * per_gpu))
        self.powers = [Bracket(np.abs(own)) for own in energy]

    def _gpus(self, amounts: SiteVector, home: int) -> NDArray[np.float64]:
        rows = [row for row, (name, _) in enumerate(self.axes.stocks) if name == self.axes.sites[home]]
        return np.asarray(amounts.gpus_in_use[rows].sum(axis=0))

    def exceeded(self, amounts: SiteVector) -> bool:
        """Close in with what is used at the current prices; whether any cap is exceeded."""
        overs = self._overs(amounts)
        for bracket, over in overs:
            bracket.close_in(over)
        return any(bool(over.any()) for _, over in overs)

    def play_safe(self) -> None:
        """Go to prices at which, window by window, no cap was exceeded."""
        for bracket in (*self.stocks, *self.powers):
            bracket.play_safe()

    def held(self, amounts: SiteVector) -> bool:
        """Whether what is used at the current prices holds every cap; where not, they go up."""
        overs = self._overs(amounts)
        for bracket, over in overs:
            bracket.go_up(over)
        return not any(bool(over.any()) for _, over in overs)

    def _overs(self, amounts: SiteVector) -> list[tuple[Bracket, NDArray[np.bool_]]]:
        """Every bracket with the windows (window,) in which its cap is exceeded."""
        found = []
        for row, (name, gpu) in enumerate(self.axes.stocks):
            found.append((self.stocks[row], amounts.gpus_in_use[row] > self.problem.site(name).stock[gpu]))
        for home, site in enumerate(self.problem.sites):
            meter = Meter(self.problem, home)
            used = {
                gpu: amounts.gpus_in_use[row] for row, (name, gpu) in enumerate(self.axes.stocks) if name == site.name
            }
            besides_w = meter.overhead_w(used) + meter.released_w()
            drawn = site.pue * (
                amounts.instance_energy_kwh[home] / self.problem.windows.hours + besides_w / WATTS_PER_KILOWATT
            )
            found.append((self.powers[home], drawn > site.power_cap_kw))
        return found

    def prices(self) -> SiteVector:
        """The current prices of site quantities."""
        own = linear_prices(self.problem)
        for row, bracket in enumerate(self.stocks):
            own.gpus_in_use[row] += bracket.price
        for home, (bracket, site) in enumerate(zip(self.powers, self.problem.sites, strict=True)):
            own.instance_energy_kwh[home] += bracket.price
            for row, (name, gpu) in enumerate(self.axes.stocks):
                if name == site.name:
                    share_kw = server_share_w(site.gpus[gpu]) / WATTS_PER_KILOWATT
                    own.gpus_in_use[row] += bracket.price * share_kw * self.problem.windows.hours
        return own

    def worth(self) -> float:
        """What makes the sum of all pools' least costs at these prices a lower bound of every plan [objective].

        The caps at their prices come off; what released servers draw comes on top, and so does what servers gain at negative prices.
        Rows of other constraints have no price here, so they are relaxed.
        """
        hours, worth = self.problem.windows.hours, float(least_boot_cost(self.problem).sum())
        direct = direct_prices(self.problem).instance_energy_kwh
        for home, (bracket, site) in enumerate(zip(self.powers, self.problem.sites, strict=True)):
            released_kwh = Meter(self.problem, home).released_w() * hours / WATTS_PER_KILOWATT
            capped = np.isfinite(site.power_cap_kw)
            cap_kwh = site.power_cap_kw * hours / site.pue - released_kwh
            worth += float((direct[home] * released_kwh).sum()) - float((bracket.price[capped] * cap_kwh[capped]).sum())
        for bracket, (name, gpu) in zip(self.stocks, self.axes.stocks, strict=True):
            home, spec = self.axes.sites.index(name), self.problem.site(name).gpus[gpu]
            # Where energy is a gain, rounding servers up gains as well: the most of one server.
            gain = np.minimum(direct[home] + self.powers[home].price, 0.0).sum() * hours / WATTS_PER_KILOWATT
            worth += float(gain) * abs(powered_server_w(spec)) * (spec.per_server - 1) / spec.per_server
            stock = self.problem.site(name).stock[gpu]
            limited = np.isfinite(stock)
            worth -= float((bracket.price[limited] * stock[limited]).sum())
        return worth
