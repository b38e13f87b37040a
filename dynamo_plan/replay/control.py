"""Clocks between decisions of the plan: what an instance manager sees every few seconds, and what it does.

The paper's manager raises the clock where a mispredicted or bursty load eats up the slack, and lowers it again; a plan's clocks are
where it goes back to. Source: DynamoLLM (arXiv 2408.00741), section IV-B, the instance manager.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

PERIOD_S = 5.0
"""How often instances are looked at: DynamoLLM's instance manager."""

RAISE_TTFT, RAISE_TBT = 0.5, 0.9
"""Shares of the SLO above which the clock is raised [1]. Half of TTFT's, as what the prediction does not see, arrivals until the next look,
may take as long again; nine tenths of TBT's, as a batch changes little in five seconds."""

RELEASE = 0.8
"""Part of these shares that both must be below before the clock is let go of [1], so that clocks do not swing."""


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """What is seen of the instances at a moment; every array has shape (slot,) unless it says otherwise.

    Attributes
    ----------
    now_s : float
    epoch : int
    is_open : array of bool
        Takes requests.
    lane : array of int
        Index of the slot's lane.
    requests, unprefilled_tokens : array of int
        In its care, and prompt tokens that it has still to process.
    ttft_s : array
        In how long a request that arrives now has its first token at the schedule's clock, with nothing else coming [s].
    iteration_s : array
        The next decode iteration at the schedule's clock [s]: the time between tokens while nobody is prefilled.
    ttft_slo_s, tbt_slo_s : array
        Strictest promises of the pool; infinite without.
    frequency_mhz, planned_mhz, highest_mhz : array
        Clock set, clock of the schedule, highest clock of the kind; 0 where the slot has no instance.
    rate_rps : array, shape (lane, bucket)
        Requests of each bucket, as foreseen, that came to the lane in the last `OBSERVED_S` [1/s]; buckets of all services in their order.
    """

    now_s: float
    epoch: int
    is_open: NDArray[np.bool_]
    lane: NDArray[np.int64]
    requests: NDArray[np.int64]
    unprefilled_tokens: NDArray[np.int64]
    ttft_s: NDArray[np.float64]
    iteration_s: NDArray[np.float64]
    ttft_slo_s: NDArray[np.float64]
    tbt_slo_s: NDArray[np.float64]
    frequency_mhz: NDArray[np.float64]
    planned_mhz: NDArray[np.float64]
    highest_mhz: NDArray[np.float64]
    rate_rps: NDArray[np.float64]


OBSERVED_S = 60.0
"""Time over which arrivals are counted [s]: a dozen looks, long enough for tens of requests at an instance."""


class Control(Protocol):
    """Sets clocks every `period_s` seconds [s]."""

    @property
    def period_s(self) -> float:
        """How often `clocks` is asked."""

    def clocks(self, watch: Watch) -> NDArray[np.float64]:
        """The clock that each slot shall have [MHz], shape (slot,): the schedule's, the kind's highest or one that the run was given."""


@dataclass(frozen=True, slots=True)
class RaiseClock:
    """Highest clock where at the plan's the predicted TTFT or iteration is above a share of its SLO; the plan's again when both clear.

    Attributes
    ----------
    period_s : float
    ttft_share, tbt_share : float
        Shares of the SLO above which the clock is raised [1].
    """

    period_s: float = PERIOD_S
    ttft_share: float = RAISE_TTFT
    tbt_share: float = RAISE_TBT

    def clocks(self, watch: Watch) -> NDArray[np.float64]:
        """See `Control`."""
        is_raised = watch.frequency_mhz > watch.planned_mhz
        return np.where(self.in_need(watch, is_raised), watch.highest_mhz, watch.planned_mhz)

    def in_need(self, watch: Watch, is_raised: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which slots need the highest clock (slot,), less readily given up where it `is_raised` already."""
        ttft = watch.ttft_s / (self.ttft_share * watch.ttft_slo_s)
        load = np.maximum(ttft, watch.iteration_s / (self.tbt_share * watch.tbt_slo_s))
        return np.asarray(load > np.where(is_raised, RELEASE, 1.0))
