r"""Chains: the start costs of every pool and kind over time, for any potentials of its number of instances.

For one pool and kind, and any functions :math:`\varphi_t(n)` of the number of instances,

.. math:: \sum_t c_t (n_t - n_{t-1})^+ \;\ge\; \sum_t \varphi_t(n_t) + \min_{m} \sum_t \big( c_t (m_t - m_{t-1})^+ - \varphi_t(m_t) \big)

The minimum is a shortest path over numbers of instances, found for all pools and kinds at once: the transition is two
running minima. What the functions say beyond the largest number considered goes on linearly with slopes :math:`y_t -
y_{t+1}`, :math:`0 \le y_t \le c_t`, which cannot lower the minimum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def half_start_slopes(start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slopes of linear potentials that bear half of every start price on either side of it; (chain, window) -> the same."""
    y = np.zeros((start.shape[0], start.shape[1] + 1))
    y[:, 1:-1] = start[:, 1:] / 2
    return y[:, :-1] - y[:, 1:]


@dataclass(frozen=True, slots=True)
class Chains:
    """Chains of one site, one per pool and kind.

    Attributes
    ----------
    pool, kind : array of int, shape (chain,)
        Which pool (of the site's) and kind each belongs to.
    start : array, shape (chain, window)
        Start price at each window's left edge, not negative; the first is not used [objective].
    most : array of int, shape (chain,)
        Largest number of instances with a potential of its own.
    """

    pool: NDArray[np.int64]
    kind: NDArray[np.int64]
    start: NDArray[np.float64]
    most: NDArray[np.int64]

    @property
    def numbers(self) -> NDArray[np.float64]:
        """Numbers of instances, 0 to the largest of any chain (number,)."""
        return np.arange(int(self.most.max(initial=0)) + 1, dtype=np.float64)

    def slopes(self) -> NDArray[np.float64]:
        """Slopes of the first potentials (chain, window), see `half_start_slopes`."""
        return half_start_slopes(self.start)

    def _own(self, potential: NDArray[np.float64]) -> NDArray[np.float64]:
        """Stage costs of the chains: minus the potentials, infinite beyond a chain's own numbers."""
        inside = self.numbers[None, :] <= self.most[:, None]
        return np.where(inside[:, None, :], -potential, np.inf)

    def forward(self, potential: NDArray[np.float64]) -> NDArray[np.float64]:
        """Least cost up to and including each window, by the number there (chain, window, number)."""
        own = self._own(potential)
        value = np.empty_like(own)
        value[:, 0] = own[:, 0]
        for t in range(1, own.shape[1]):
            value[:, t] = self._arrive(value[:, t - 1], self.start[:, t, None]) + own[:, t]
        return value

    def backward(self, potential: NDArray[np.float64]) -> NDArray[np.float64]:
        """Least cost after each window, by the number there (chain, window, number)."""
        own = self._own(potential)
        value = np.zeros_like(own)
        for t in range(own.shape[1] - 2, -1, -1):
            value[:, t] = self._leave(own[:, t + 1] + value[:, t + 1], self.start[:, t + 1, None])
        return value

    def _arrive(self, before: NDArray[np.float64], price: NDArray[np.float64]) -> NDArray[np.float64]:
        """Least of cost before plus starts, by the number arrived at."""
        from_more = np.minimum.accumulate(before[:, ::-1], axis=1)[:, ::-1]
        from_fewer = np.minimum.accumulate(before - price * self.numbers, axis=1) + price * self.numbers
        return np.minimum(from_more, from_fewer)

    def _leave(self, after: NDArray[np.float64], price: NDArray[np.float64]) -> NDArray[np.float64]:
        """Least of starts plus cost after, by the number left from."""
        to_fewer = np.minimum.accumulate(after, axis=1)
        to_more = np.minimum.accumulate((after + price * self.numbers)[:, ::-1], axis=1)[:, ::-1] - price * self.numbers
        return np.minimum(to_fewer, to_more)

    def shortest(self, potential: NDArray[np.float64]) -> tuple[float, NDArray[np.int64]]:
        """Sum of all chains' minima [objective] and the numbers on their paths (chain, window)."""
        value = self.forward(potential)
        chain = np.arange(value.shape[0])
        path = np.empty(value.shape[:2], dtype=np.int64)
        path[:, -1] = value[:, -1].argmin(axis=1)
        for t in range(value.shape[1] - 1, 0, -1):
            rise = np.maximum(path[:, t, None] - self.numbers, 0.0)
            path[:, t - 1] = (value[:, t - 1] + self.start[:, t, None] * rise).argmin(axis=1)
        return float(value[chain, -1, path[:, -1]].sum()), path
