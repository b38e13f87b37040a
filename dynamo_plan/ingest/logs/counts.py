"""Counts of requests that add up: of batches, of parts of a file, of files, in any order."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, InputError, UsageError
from dynamo_plan.ingest.gaps import DAY_S
from dynamo_plan.ingest.kernels.counting import FIELDS, count_requests
from dynamo_plan.ingest.logs.binning import Binning
from dynamo_plan.ingest.logs.requests import Column, columns_of
from dynamo_plan.units import NANOSECONDS_PER_SECOND, SECONDS_PER_MINUTE

MOST_CELLS = 1_000_000
"""Windows times buckets of a service: eleven years of half-hours with nine buckets, or 385 MB with their sub-windows."""

MOST_SERVICES = 200
"""A column with more names is none of services."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Windows and their sub-windows.

    Attributes
    ----------
    window_s : int
        Length of a window [s]; windows begin at its multiples since 1970 in UTC.
    steps : int
        Sub-windows of a window.
    """

    window_s: int
    steps: int

    @property
    def window_ns(self) -> int:
        """Length of a window [ns]."""
        return self.window_s * NANOSECONDS_PER_SECOND


SUB_WINDOWS = 60
"""Of a window, where it has so many whole seconds: enough counts for a variance, and each still spans several arrivals."""


def grid_of(window_s: float) -> Grid:
    """Windows of a length [s].

    Raises
    ------
    UsageError
        It does not divide a day.
    """
    whole = round(window_s)
    if whole != window_s or not whole or DAY_S % whole:
        what = f"{window_s / SECONDS_PER_MINUTE:g} min does not divide a day"
        allowed = "A day is a whole number of windows, and a window a whole number of seconds"
        raise UsageError(Fault("log-window", "--window", what, allowed, "Write e.g. 30min, 5min or 1h"))
    return Grid(whole, next(steps for steps in range(SUB_WINDOWS, 0, -1) if whole % steps == 0))


@dataclass(slots=True, eq=False)
class Tally:
    """Counts of one service.

    Attributes
    ----------
    first : int
        Number of the first window, from 1970.
    cells : array of int, shape (window, bucket, field)
        See `kernels.counting`.
    fine : array of int, shape (sub-window, bucket)
    joint : array of int, shape (input bin, output bin)
    outside : int
        Requests that no bucket holds.
    """

    first: int
    cells: NDArray[np.int64]
    fine: NDArray[np.int32]
    joint: NDArray[np.int64]
    outside: int = 0

    @classmethod
    def empty(cls, bins: Binning) -> Tally:
        """No request."""
        count = len(bins.buckets)
        joint = np.zeros((bins.input.classes.size, bins.output.classes.size), dtype=np.int64)
        return cls(0, np.zeros((0, count, FIELDS), np.int64), np.zeros((0, count), np.int32), joint)

    def cover(self, first: int, last: int, steps: int) -> None:
        """Make room for windows from `first` to `last`."""
        had = len(self.cells)
        low = min(self.first, first) if had else first
        high = max(self.first + had - 1, last) if had else last
        if low == self.first and high - low + 1 == had:
            return
        at, count = self.first - low, high - low + 1
        cells = np.zeros((count, *self.cells.shape[1:]), dtype=np.int64)
        fine = np.zeros((count * steps, self.fine.shape[1]), dtype=np.int32)
        if had:
            cells[at : at + had] = self.cells
            fine[at * steps : (at + had) * steps] = self.fine
        self.first, self.cells, self.fine = low, cells, fine

    def merge(self, other: Tally, steps: int) -> None:
        """Add the counts of another part."""
        self.joint += other.joint
        self.outside += other.outside
        if not len(other.cells):
            return
        self.cover(other.first, other.first + len(other.cells) - 1, steps)
        at = other.first - self.first
        self.cells[at : at + len(other.cells)] += other.cells
        self.fine[at * steps : (at + len(other.cells)) * steps] += other.fine


@dataclass(slots=True, eq=False)
class Counts:
    """Counts of all services of a log.

    Attributes
    ----------
    tallies : dict of str to Tally
        By service; the empty name where the log names none.
    rows : int
    first_ns, last_ns : int
        First and last arrival [ns since 1970].
    backward : int
        Requests that stand behind a later one of their service.
    furthest_back_ns : int
        How much earlier than the one before it a request was at most [ns].
    """

    bins: Binning
    grid: Grid
    tallies: dict[str, Tally] = field(default_factory=dict)
    rows: int = 0
    first_ns: int = np.iinfo(np.int64).max
    last_ns: int = np.iinfo(np.int64).min
    backward: int = 0
    furthest_back_ns: int = 0

    @property
    def outside(self) -> int:
        """Requests that no bucket holds."""
        return sum(tally.outside for tally in self.tallies.values())

    @property
    def furthest_back_s(self) -> float:
        """As `furthest_back_ns` [s]."""
        return self.furthest_back_ns / NANOSECONDS_PER_SECOND

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the requests of a batch.

        Raises
        ------
        InputError
            The log names too many services, or spans too many windows.
        """
        if not len(batch):
            return
        arrival_ns, inputs, outputs = columns_of(batch)
        self.rows += len(batch)
        services: Column = batch.column(3)
        if services.null_count == len(batch):
            self._count("", arrival_ns, inputs, outputs)
            return
        codes = services.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        for code in np.unique(codes).tolist():
            rows = codes == code
            name = services.dictionary[code].as_py() if code >= 0 else ""
            self._count(name, arrival_ns[rows], inputs[rows], outputs[rows])

    def merge(self, other: Counts) -> None:
        """Add the counts of another part of the log."""
        for name, tally in other.tallies.items():
            self._tally(name).merge(tally, self.grid.steps)
        self.rows += other.rows
        self.backward += other.backward
        self.furthest_back_ns = max(self.furthest_back_ns, other.furthest_back_ns)
        if other.rows:
            self.first_ns, self.last_ns = min(self.first_ns, other.first_ns), max(self.last_ns, other.last_ns)
            self._check_span()

    def _count(
        self, name: str, arrival_ns: NDArray[np.int64], inputs: NDArray[np.int32], outputs: NDArray[np.int32]
    ) -> None:
        low_ns, high_ns = int(arrival_ns.min()), int(arrival_ns.max())
        self.first_ns, self.last_ns = min(self.first_ns, low_ns), max(self.last_ns, high_ns)
        self._check_span()
        bins, grid, tally = self.bins, self.grid, self._tally(name)
        tally.cover(low_ns // grid.window_ns, high_ns // grid.window_ns, grid.steps)
        outside, backward, furthest_ns = count_requests(
            arrival_ns,
            inputs,
            outputs,
            tally.first * grid.window_ns,
            grid.window_ns,
            grid.steps,
            bins.input.table,
            bins.input.edges,
            bins.input.classes,
            bins.output.table,
            bins.output.edges,
            bins.output.classes,
            bins.outputs,
            tally.cells,
            tally.fine,
            tally.joint,
        )
        tally.outside += outside
        self.backward += backward
        self.furthest_back_ns = max(self.furthest_back_ns, furthest_ns)

    def _tally(self, name: str) -> Tally:
        if name not in self.tallies:
            if len(self.tallies) == MOST_SERVICES:
                raise InputError(
                    Fault(
                        "log-services",
                        "service",
                        f"the log names more than {MOST_SERVICES} services",
                        "A service is a served model, or a kind of client that is planned for apart",
                        "Leave the service column out, or take one with fewer names",
                    )
                )
            self.tallies[name] = Tally.empty(self.bins)
        return self.tallies[name]

    def _check_span(self) -> None:
        windows = self.last_ns // self.grid.window_ns - self.first_ns // self.grid.window_ns + 1
        cells = windows * len(self.bins.buckets)
        if cells > MOST_CELLS:
            first, last = (
                np.datetime64(at_ns, "ns").astype("datetime64[s]") for at_ns in (self.first_ns, self.last_ns)
            )
            raise InputError(
                Fault(
                    "log-span",
                    "arrival",
                    f"times run from {first}Z to {last}Z: {windows:,} windows of {len(self.bins.buckets)} buckets",
                    f"At most {MOST_CELLS:,} cells are counted",
                    "Check for a clock that jumped or a wrong --time-unit, or take longer windows",
                )
            )


def distinct(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Batches without the requests that repeat another in every column."""
    table = pa.Table.from_batches(
        [batch.set_column(3, "service", batch.column(3).cast(pa.string())) for batch in batches]
    )
    once = table.group_by(table.column_names).aggregate([])
    once = once.set_column(3, "service", pc.dictionary_encode(once.column("service"))).combine_chunks()
    return once.to_batches()
