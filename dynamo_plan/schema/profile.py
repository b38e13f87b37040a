"""The canonical profile table: one row per measured operating point of one instance."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.kind import Kind

NOT_LOCKED_MHZ = 0.0
"""Clock of rows whose clock was not locked, and of instances planned from them: the GPU sets it by itself."""


def clock_name(frequency_mhz: float) -> str:
    """A clock in words, e.g. ``1400 MHz``."""
    return "clock not locked" if frequency_mhz == NOT_LOCKED_MHZ else f"{frequency_mhz:g} MHz"


PREDICTED = ("rate", "ttft", "tbt", "power")
"""Quantities of which a profile may record how well it predicts them."""


def mean_column(quantity: str) -> str:
    """Column of the mean error of a quantity."""
    return f"{quantity}_error"


def worst_column(quantity: str) -> str:
    """Column of the worst row's error of a quantity."""
    return f"{quantity}_error_worst"


ERROR_COLUMNS = tuple(column(quantity) for column in (mean_column, worst_column) for quantity in PREDICTED)
"""Columns in which a profile records how wrong it may be [relative]; written by `profile fit`."""


class Provenance(StrEnum):
    """How a profile row came about, from most to least direct evidence."""

    MEASURED = "measured"
    INTERPOLATED = "interpolated"
    COMPOSED = "composed"
    FITTED = "fitted"
    DIGITISED = "digitised"
    MODELLED = "modelled"


@dataclass(frozen=True, slots=True)
class ProfileTable:
    """Rows of a canonical profile, column by column; every array has shape (row,).

    A row at rate 0 is the instance loaded and idle: its latencies are NaN and its power is the idle draw. A table may leave clocks,
    latencies or powers out, of all its rows or of none.

    Attributes
    ----------
    path : str
        Where the table came from, for messages.
    line : array of int
        Line of each row in the file (1 is the header); row number for Parquet.
    model, gpu, dtype, provenance, source : array of str
    tp, pp : array of int
    frequency_mhz : array of float
        SM clock [MHz]; `NOT_LOCKED_MHZ` throughout where the table states none.
    input_tokens, output_tokens : array of float
        Mean lengths of the requests measured [tokens].
    rate_rps : array of float
        Offered request rate, or achieved throughput where a closed loop offered none [1/s].
    ttft_p99_ms, tbt_p99_ms : array of float
        99th percentile of time to first token and of time between tokens [ms]; NaN throughout where the table states none.
    power_w : array of float
        Mean electrical power of the whole instance, all its GPUs [W]; 0 throughout where the table states none.
    concurrency : array of float or None
        Requests in flight of closed-loop rows [1], NaN of others; None where the table has no such column.
    errors : dict of str to array of float, or None
        Mean and worst error with which the rows of a row's kind predict a clock that is left out [relative], by `ERROR_COLUMNS`; NaN where
        it is not known. None where the table records none.
    """

    path: str
    line: NDArray[np.int64]
    model: NDArray[np.str_]
    gpu: NDArray[np.str_]
    tp: NDArray[np.int64]
    pp: NDArray[np.int64]
    dtype: NDArray[np.str_]
    frequency_mhz: NDArray[np.float64]
    input_tokens: NDArray[np.float64]
    output_tokens: NDArray[np.float64]
    rate_rps: NDArray[np.float64]
    ttft_p99_ms: NDArray[np.float64]
    tbt_p99_ms: NDArray[np.float64]
    power_w: NDArray[np.float64]
    provenance: NDArray[np.str_]
    source: NDArray[np.str_]
    concurrency: NDArray[np.float64] | None = None
    errors: dict[str, NDArray[np.float64]] | None = None

    def __len__(self) -> int:
        return int(self.line.size)

    @property
    def states_latency(self) -> bool:
        """Whether the rows say which latencies were met."""
        return not bool(np.isnan(self.ttft_p99_ms).all() and np.isnan(self.tbt_p99_ms).all())

    @property
    def states_power(self) -> bool:
        """Whether the rows say what an instance draws."""
        return bool(self.power_w.any())

    @property
    def states_clock(self) -> bool:
        """Whether the rows were made at locked clocks."""
        return bool(self.frequency_mhz.any())

    def rows_of(self, model: str, kind: Kind) -> NDArray[np.bool_]:
        """Which rows are of a model on a kind, shape (row,)."""
        same = (self.model == model) & (self.gpu == kind.gpu) & (self.dtype == kind.dtype)
        return np.asarray(same & (self.tp == kind.tp) & (self.pp == kind.pp))

    def models(self) -> tuple[str, ...]:
        """Every model that has rows, sorted."""
        return tuple(sorted({str(name) for name in self.model.tolist()}))

    def kinds(self) -> tuple[Kind, ...]:
        """Every kind that has rows, sorted."""
        columns = (self.gpu.tolist(), self.tp.tolist(), self.pp.tolist(), self.dtype.tolist())
        return tuple(sorted({Kind(str(g), int(t), int(p), str(d)) for g, t, p, d in zip(*columns, strict=True)}))


@dataclass(frozen=True, slots=True)
class MixingRow:
    """How much of its capacity an instance loses when it serves several input classes together.

    Attributes
    ----------
    kind : Kind
    frequency_mhz : float
        SM clock [MHz].
    input_classes : frozenset of str
        Letters of the input classes served together.
    derate : float
        Every class keeps its SLO up to utilisation sum of rate/capacity = 1 - derate; 0 loses nothing, 1 all.
    """

    model: str
    kind: Kind
    frequency_mhz: float
    input_classes: frozenset[str]
    derate: float
    provenance: Provenance
    source: str


@dataclass(frozen=True, slots=True)
class MixingTable:
    """Derates of mixed pools; see docs/reference/model.md, "Mixed pools"."""

    path: str
    rows: tuple[MixingRow, ...]

    def derate(self, model: str, kind: Kind, frequency_mhz: float, input_classes: frozenset[str]) -> float | None:
        """Derate for this set of input classes, 0.0 within one class, None where the table has no row."""
        if len(input_classes) <= 1:
            return 0.0
        for row in self.rows:
            if (row.model, row.kind, row.frequency_mhz, row.input_classes) == (
                model,
                kind,
                frequency_mhz,
                input_classes,
            ):
                return row.derate
        return None


def unstated(table: ProfileTable) -> list[str]:
    """What a profile leaves out, and what is done instead."""
    silent = [
        (
            table.states_power,
            "powers; its instances count as drawing 0 W: power, energy, carbon and bill are without them",
        ),
        (table.states_latency, "latencies; every row is taken to keep the SLO that it was made for"),
        (table.states_clock, "locked clocks; none is chosen, GPUs set theirs as they did then"),
    ]
    return [what for is_stated, what in silent if not is_stated]


def recorded_errors(table: ProfileTable, model: str) -> dict[str, tuple[float, float | None]]:
    """What the profile records of its own prediction errors for a model: mean and worst row's of the worst kind [relative], by quantity.

    A worst error that is not recorded is None; what has no record at all is not in it.
    """
    mine = table.model == model
    known = {column: values[mine & ~np.isnan(values)] for column, values in (table.errors or {}).items()}
    largest = {column: float(values.max()) for column, values in known.items() if values.size}
    return {
        quantity: (largest[column], largest.get(worst_column(quantity)))
        for quantity in PREDICTED
        if (column := mean_column(quantity)) in largest
    }
