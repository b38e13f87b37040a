"""What is sent, and when: seeded, so that a measurement can be repeated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

FIRST_TOKEN, LAST_TOKEN = 1_000, 30_000
"""Token ids of prompts: ordinary ones in vocabularies of 32,000 and more; special ones lie outside."""


@dataclass(frozen=True, slots=True)
class Load:
    """Requests of one measurement.

    Attributes
    ----------
    rate_rps : float
        Mean rate of Poisson arrivals [1/s]; 0 sends nothing, for the idle instance.
    input_tokens, output_tokens : int
        Length of every prompt and every answer [tokens].
    warmup_s : float
        Time of load before the measurement, for the batch to fill [s].
    duration_s : float
        Length of the measurement [s].
    drain_s : float
        How long, after it, to wait for its last answers, under the same load [s].
    seed : int
    """

    rate_rps: float
    input_tokens: int
    output_tokens: int
    warmup_s: float = 20.0
    duration_s: float = 120.0
    drain_s: float = 60.0
    seed: int = 0

    @property
    def longest_s(self) -> float:
        """Time after which nothing more is sent [s]."""
        return self.warmup_s + self.duration_s + self.drain_s


@dataclass(frozen=True, slots=True)
class Request:
    """One request: when to send it, from the start of the load [s], and the ids of its prompt's tokens."""

    at_s: float
    prompt: tuple[int, ...]


def requests(load: Load) -> Iterator[Request]:
    """Requests in the order of their times; every prompt is another, so that no cache of prefixes helps."""
    dice = np.random.default_rng(load.seed)
    at_s = 0.0
    while load.rate_rps > 0:
        at_s += float(dice.exponential(1.0 / load.rate_rps))
        if at_s > load.longest_s:
            return
        tokens = dice.integers(FIRST_TOKEN, LAST_TOKEN, size=load.input_tokens)
        yield Request(at_s, tuple(tokens.tolist()))
