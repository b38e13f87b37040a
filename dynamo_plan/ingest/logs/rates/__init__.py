"""Sources that give rates and distributions of lengths instead of requests; one module per format, told apart by content.

A module has ``NAME``, ``DESCRIPTION``, ``FROM_START`` (whether its times count from a start that it does not name), ``sniff(head)``, and
``read(log, options, bins)``, which yields series of expected requests per bucket. Which input goes with which output such a source does not
say: the two lengths are taken as independent within a series, and there is no joint histogram to draw requests from.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.logs.binning import Binning
from dynamo_plan.ingest.logs.counts import MOST_CELLS, Grid
from dynamo_plan.ingest.logs.log_file import LogFile, find_log
from dynamo_plan.ingest.logs.options import LogOptions
from dynamo_plan.schema.load import Windows
from dynamo_plan.schema.request_counts import RequestCounts


@dataclass(frozen=True, slots=True, eq=False)
class RateSeries:
    """Expected requests of one client, or of all together, in intervals that do not overlap; arrays have shape (interval, bucket).

    Attributes
    ----------
    client, service : str
        Empty where the source names none.
    begin_ns, end_ns : array of int, shape (interval,)
        [ns since 1970], ascending.
    requests : array
    input_tokens, output_tokens : array
        Sums over the requests [tokens]; NaN where the source does not say.
    dispersion : array
        Index of dispersion of the arrivals [1]; NaN where the source does not say.
    """

    client: str
    service: str
    begin_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    requests: NDArray[np.float64]
    input_tokens: NDArray[np.float64]
    output_tokens: NDArray[np.float64]
    dispersion: NDArray[np.float64]


class RateReader(Protocol):
    """What a reader module offers."""

    NAME: str
    DESCRIPTION: str
    FROM_START: bool

    def sniff(self, head: bytes) -> bool:
        """Whether a file that begins so is of this format."""

    def read(self, log: LogFile, options: LogOptions, bins: Binning) -> Iterator[RateSeries]:
        """Series of a file."""


@cache
def find_rate_readers() -> dict[str, RateReader]:
    """Every reader by its name, sorted."""
    names = [found.name for found in pkgutil.iter_modules(__path__)]
    modules = [cast(RateReader, importlib.import_module(f"{__name__}.{name}")) for name in names]
    return {reader.NAME: reader for reader in sorted(modules, key=lambda reader: reader.NAME)}


def rate_format(paths: Sequence[Path], format: str | None) -> str | None:
    """Name of the format of rates that all files have; None where some file is of another sort or cannot be read."""
    known = find_rate_readers()
    if format is not None:
        return format if format in known else None
    found: set[str | None] = set()
    for path in paths:
        log = find_log(path, Faults())
        try:
            head = b"" if log is None else log.head()
        except OSError:
            head = b""
        found.add(next((name for name, reader in known.items() if reader.sniff(head)), None))
    return found.pop() if len(found) == 1 else None


def read_rates(
    paths: Sequence[Path],
    format: str,
    options: LogOptions,
    bins: Binning,
    on_share: Callable[[float], None] = lambda share: None,
    *,
    keep_going: bool = False,
) -> tuple[list[RateSeries], tuple[Fault, ...]]:
    """Series of all files, and what is wrong with those that were left out.

    Parameters
    ----------
    on_share : callable
        Told which part of the files is read [1].

    Raises
    ------
    InputError
        With all faults of files that cannot be read, unless `keep_going`; or there is no request.
    """
    faults = Faults()
    logs = [log for log in (find_log(path, faults) for path in paths) if log is not None]
    faults.raise_if_any()
    series: list[RateSeries] = []
    for done, log in enumerate(logs):
        on_share(done / len(logs))
        try:
            series += find_rate_readers()[format].read(log, options, bins)
        except InputError as error:
            faults.extend(error.faults)
    if not keep_going:
        faults.raise_if_any()
    if not any(one.requests.sum() > 0 for one in series):
        raise InputError(
            Fault(
                "log-empty", logs[0].shown, "there is no request in the log", "At least one is needed", "Check the file"
            )
        )
    return series, tuple(faults)


def load_of_rates(
    series: Sequence[RateSeries], bins: Binning, grid: Grid, service: str, *, by_client: bool
) -> list[RequestCounts]:
    """Load of each service, on windows; with `by_client` of each client of each service.

    Parameters
    ----------
    service : str
        Name of the service where the source names none.
    """
    first = min(int(one.begin_ns[0]) for one in series) // grid.window_ns
    last = -(-max(int(one.end_ns[-1]) for one in series) // grid.window_ns)
    if (last - first) * len(bins.buckets) > MOST_CELLS:
        what = f"the times span {last - first:,} windows of {len(bins.buckets)} buckets"
        mend = "Check for a clock that jumped or a wrong unit, or take longer windows"
        raise InputError(Fault("log-span", "arrival", what, f"At most {MOST_CELLS:,} cells are counted", mend))
    groups: dict[tuple[str, str], list[RateSeries]] = {}
    for one in series:
        groups.setdefault((one.service or service, one.client if by_client else ""), []).append(one)
    edges_ns = np.arange(first, last + 1) * grid.window_ns
    return [_load(members, name, client, bins, grid, edges_ns) for (name, client), members in sorted(groups.items())]


def _load(
    members: Sequence[RateSeries], service: str, client: str, bins: Binning, grid: Grid, edges_ns: NDArray[np.int64]
) -> RequestCounts:
    sums = {
        "requests": [one.requests for one in members],
        "input_tokens": [one.input_tokens for one in members],
        "output_tokens": [one.output_tokens for one in members],
        "dispersion": [one.dispersion * one.requests for one in members],
    }
    found = {
        name: sum(_on_windows(one, values, edges_ns) for one, values in zip(members, arrays, strict=True))
        for name, arrays in sums.items()
    }
    requests = np.asarray(found["requests"])
    unknown = np.full(requests.shape, np.nan)
    dispersion = np.divide(found["dispersion"], requests, out=unknown.copy(), where=requests > 0)
    return RequestCounts(
        service=service,
        windows=Windows((edges_ns[:-1] // 10**9).astype("datetime64[s]"), grid.window_s),
        buckets=bins.buckets,
        requests=requests,
        failed=np.zeros(requests.shape),
        rate_rps=requests / grid.window_s,
        input_tokens=np.asarray(found["input_tokens"]),
        output_tokens=np.asarray(found["output_tokens"]),
        input_squares=unknown,
        output_squares=unknown,
        dispersion=dispersion,
        sub_window_s=grid.window_s / grid.steps,
        lengths=None,
        filled=np.zeros(len(requests), dtype=np.bool_),
        client=client,
    )


def _on_windows(one: RateSeries, values: NDArray[np.float64], edges_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sums per interval on windows, spread evenly over an interval that several windows share; none is lost."""
    points = np.stack([one.begin_ns, one.end_ns], axis=1).ravel()
    running = np.cumsum(values, axis=0)
    before = np.vstack([np.zeros((1, values.shape[1])), running[:-1]])
    reached = np.stack([before, running], axis=1).reshape(-1, values.shape[1])
    # Offsets, for times since 1970 in nanoseconds do not fit into a float.
    at, seen = (edges_ns - edges_ns[0]).astype(np.float64), (points - edges_ns[0]).astype(np.float64)
    return np.stack([np.diff(np.interp(at, seen, column)) for column in reached.T], axis=1)
