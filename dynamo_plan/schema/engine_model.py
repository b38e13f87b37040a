"""What an iteration of one kind of instance costs in time and power, by clock: all that the engine knows of a machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class EngineModel:
    r"""Times and powers of one model on one kind of instance.

    An iteration in which :math:`B` requests with :math:`C` tokens in the cache decode and pieces of :math:`p` prompt tokens, each
    behind :math:`c` cached ones, are prefilled takes

    .. math:: \alpha_B + \gamma_B C + [P > 0] \big( e + \pi(P) + q \textstyle\sum p c \big), \qquad P = \textstyle\sum p

    Between batch sizes and token counts tables are interpolated linearly, beyond the last by the last two, below the first held.
    Between clocks they are interpolated linearly in 1/f, which is exact for costs of the form u + v/f.

    Attributes
    ----------
    name : str
        Model and kind, for messages.
    frequency_mhz : array, shape (clock,)
        SM clocks, ascending [MHz].
    batch : array, shape (batch,)
        Ascending from 0, an iteration with prefill only.
    iteration_s : array, shape (clock, batch)
        :math:`\alpha` [s].
    context_s : array, shape (clock, batch)
        :math:`\gamma`, seconds per cached token [s].
    prefill_tokens : array, shape (tokens,)
        Prompt tokens of an iteration, ascending from 1 or more.
    prefill_s : array, shape (clock, tokens)
        :math:`\pi`, what they add [s].
    overhead_s, attention_s : array, shape (clock,)
        :math:`e`, what any prefill adds [s]; :math:`q`, seconds per pair of a prompt token and a token cached before its piece [s].
    idle_power_w : array, shape (clock,)
        Power of the instance's GPUs, loaded and idle [W].
    decode_power_w : array, shape (clock, batch)
    prefill_power_w : array, shape (clock, tokens)
        Power of the instance's GPUs during the two parts of an iteration [W].
    host_power_w : float
        Power of the rest of the server that goes with the instance while it is on [W]; always accounted apart.
    kv_tokens : int
        Tokens that the instance's KV cache holds.

    Raises
    ------
    ValueError
        Shapes do not fit, knots do not ascend, or a number is negative or not finite.
    """

    name: str
    frequency_mhz: Floats
    batch: Floats
    iteration_s: Floats
    context_s: Floats
    prefill_tokens: Floats
    prefill_s: Floats
    overhead_s: Floats
    attention_s: Floats
    idle_power_w: Floats
    decode_power_w: Floats
    prefill_power_w: Floats
    host_power_w: float
    kv_tokens: int

    def __post_init__(self) -> None:
        """Refuse tables that do not fit together."""
        clocks, batches, tokens = self.frequency_mhz.size, self.batch.size, self.prefill_tokens.size
        shapes = {
            (clocks, batches): (self.iteration_s, self.context_s, self.decode_power_w),
            (clocks, tokens): (self.prefill_s, self.prefill_power_w),
            (clocks,): (self.overhead_s, self.attention_s, self.idle_power_w),
        }
        for shape, arrays in shapes.items():
            if any(array.shape != shape for array in arrays):
                raise ValueError(f"{self.name}: tables are not all of shape {shape}")
            if any(not np.isfinite(array).all() or (array < 0).any() for array in arrays):
                raise ValueError(f"{self.name}: times and powers must be finite and not negative")
        if any(
            (np.diff(knots) <= 0).any() or not knots.size
            for knots in (self.frequency_mhz, self.batch, self.prefill_tokens)
        ):
            raise ValueError(f"{self.name}: clocks, batches and prompt tokens must ascend")
        if self.batch[0] != 0 or self.prefill_tokens[0] < 1:
            raise ValueError(f"{self.name}: batches begin at 0, prompt tokens at 1 or more")
        if (self.iteration_s[:, 1:] <= 0).any():
            raise ValueError(f"{self.name}: an iteration must take time")
        if self.kv_tokens < 1 or self.host_power_w < 0:
            raise ValueError(f"{self.name}: the cache must hold a token, and power cannot be negative")

    def between_clocks(self, table: Floats, frequency_mhz: float) -> Floats:
        """A table (clock, ...) at a clock [MHz], linear in 1/f between the clocks that the model has.

        Raises
        ------
        ValueError
            The clock is outside those of the model.
        """
        clocks = self.frequency_mhz
        if not clocks[0] <= frequency_mhz <= clocks[-1]:
            raise ValueError(f"{self.name}: {frequency_mhz:g} MHz is not in {clocks[0]:g} to {clocks[-1]:g} MHz")
        above = int(np.searchsorted(clocks, frequency_mhz))
        if clocks[above] == frequency_mhz:
            return np.asarray(table[above])
        below = above - 1
        share = (1 / frequency_mhz - 1 / clocks[below]) / (1 / clocks[above] - 1 / clocks[below])
        return np.asarray(table[below] + share * (table[above] - table[below]))
