"""Clients of ServeGen: per client a table of rates, `chunk-N-trace.csv`, and beside it distributions of lengths, `chunk-N-dataset.json`.

The table has no header: time [s], rate [1/s], coefficient of variation of the intervals, family of the distribution, two parameters. A
row holds until the next time. Distributions are per six hours; where one is empty, the nearest one before it that is not counts, else the
next. A client without distributions cannot be told apart by length and is refused, unless there is one bucket.

Source: github.com/alibaba/ServeGen, Apache-2.0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.ingest.logs.binning import Axis, Binning
from dynamo_plan.ingest.logs.log_file import LogFile
from dynamo_plan.ingest.logs.options import LogOptions
from dynamo_plan.ingest.logs.rates import RateSeries
from dynamo_plan.units import HOURS_PER_DAY, NANOSECONDS_PER_SECOND, SECONDS_PER_HOUR

NAME = "servegen"
DESCRIPTION = "ServeGen clients, chunk-N-trace.csv with chunk-N-dataset.json beside it: rates, lengths, burstiness"
FROM_START = True
ROW = re.compile(rb"\d+(\.\d+)?,[\d.e+-]+,[\d.e+-]*,[A-Za-z]*,[\d.e+-]*,[\d.e+-]*\s*\Z")
TRACE, DATASET = "-trace.csv", "-dataset.json"
MOST_S = 10 * 366 * HOURS_PER_DAY * SECONDS_PER_HOUR
"""Later times are in another unit: a log of ten years [s]."""

MOST_RPS, MOST_VARIATION = 1e9, 1e6
"""What is larger is no rate of requests [1/s], and no coefficient of variation of their intervals [1]."""

ALLOWED = "Rows of time [s], rate [1/s] and coefficient of variation, in equal steps"


def sniff(head: bytes) -> bool:
    """Whether a file that begins so is of this format."""
    return ROW.match(head.split(b"\n", 1)[0]) is not None


def read(log: LogFile, options: LogOptions, bins: Binning) -> Iterator[RateSeries]:
    """The series of one client."""
    time_s, rate, variation = _table(log)
    step_s = np.diff(time_s)
    what = ""
    if time_s.size < 2 or (step_s <= 0).any() or time_s[0] < 0 or time_s[-1] > MOST_S:
        what = "there are fewer than two times, or they do not ascend from 0"
    elif not ((rate >= 0) & (rate <= MOST_RPS)).all() or not ((variation >= 0) & (variation <= MOST_VARIATION)).all():
        what = "a rate or a coefficient of variation is no number from 0 up"
    if what:
        raise InputError(Fault("log-row", log.shown, what, ALLOWED, "Correct the file"))
    length_s = np.append(step_s, step_s[-1])
    begin_ns = options.start_ns + np.rint(time_s * NANOSECONDS_PER_SECOND).astype(np.int64)
    inputs, outputs = _shares(log, time_s, bins)
    requests = (rate * length_s)[:, None, None]
    joint = requests * inputs[0][:, :, None] * outputs[0][:, None, :]
    count = len(bins.buckets)
    yield RateSeries(
        client=Path(log.path).name.removesuffix(TRACE),
        service="",
        begin_ns=begin_ns,
        end_ns=begin_ns + np.rint(length_s * NANOSECONDS_PER_SECOND).astype(np.int64),
        requests=joint.reshape(-1, count),
        input_tokens=(joint * inputs[1][:, :, None]).reshape(-1, count),
        output_tokens=(joint * outputs[1][:, None, :]).reshape(-1, count),
        # Counts of a renewal process have in the long run the squared coefficient of variation of its intervals as dispersion.
        dispersion=np.repeat(variation[:, None] ** 2, count, axis=1),
    )


def _table(log: LogFile) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    try:
        with log.open() as stream:
            rows = [line.split(",") for line in bytes(stream.read()).decode().splitlines() if line.strip()]
        columns = np.array([[float(row[0]), float(row[1]), float(row[2] or 0.0)] for row in rows]).reshape(-1, 3).T
    except (ValueError, IndexError, OSError) as error:
        raise InputError(
            Fault("log-row", log.shown, f"the table of rates cannot be read: {error}", ALLOWED, "Correct the file")
        ) from error
    return columns[0], columns[1], columns[2]


type Classes = tuple[NDArray[np.float64], NDArray[np.float64]]


def _shares(log: LogFile, time_s: NDArray[np.float64], bins: Binning) -> tuple[Classes, Classes]:
    """Share of each class, and mean length in it [tokens], at each time: inputs, outputs; shapes (time, class)."""
    path = Path(log.path.removesuffix(TRACE) + DATASET)
    if not path.is_file():
        if len(bins.buckets) > 1:
            what = f"there is no {path.name} beside it, which says how long the client's requests are"
            mend = "Leave the client out, or take one bucket: --buckets null/null"
            raise InputError(Fault("servegen-lengths", log.shown, what, "Rates are split by length", mend))
        none = np.full((time_s.size, 1), np.nan)
        return (np.ones((time_s.size, 1)), none), (np.ones((time_s.size, 1)), none)
    try:
        record = json.loads(path.read_bytes())
        starts = np.array(sorted(float(key) for key in record))
        window = np.maximum(np.searchsorted(starts, time_s, side="right") - 1, 0)
        keys = sorted(record, key=float)
        sides = [
            _classes([record[key][name] for key in keys], axis)
            for name, axis in (("input_tokens", bins.input), ("output_tokens", bins.output))
        ]
    except (ValueError, KeyError, TypeError) as error:
        what = f"{path.name} cannot be read: {type(error).__name__}: {error}"
        raise InputError(
            Fault("servegen-lengths", log.shown, what, "Distributions per window", "Copy it again")
        ) from error
    (input_share, input_mean), (output_share, output_mean) = sides
    return (input_share[window], input_mean[window]), (output_share[window], output_mean[window])


def _classes(texts: list[str], axis: Axis) -> Classes:
    """Shares and means of every window of distributions; an empty one is filled from its neighbour."""
    found: list[Classes | None] = [_of_one(text, axis) for text in texts]
    if not any(found):
        raise ValueError("every distribution is empty")
    for order in (range(len(found)), range(len(found) - 1, -1, -1)):
        last: Classes | None = None
        for index in order:
            last = found[index] = found[index] or last
    return np.stack([one[0] for one in found if one]), np.stack([one[1] for one in found if one])


def _of_one(text: str, axis: Axis) -> Classes | None:
    """Of a distribution written as ``{length: probability, ...}``; what lies beyond the last class is left out."""
    pairs = np.fromstring(text.strip("{} ").replace(":", ","), sep=",").reshape(-1, 2)
    if not pairs.size:
        return None
    length, weight = pairs[:, 0], pairs[:, 1] / pairs[:, 1].sum()
    of = axis.classes[np.searchsorted(axis.edges, length, side="right") - 1].astype(np.int64)
    inside = of >= 0
    count = int(axis.classes.max()) + 1
    share = np.bincount(of[inside], weight[inside], minlength=count)
    tokens = np.bincount(of[inside], (weight * length)[inside], minlength=count)
    return share, np.divide(tokens, share, out=np.zeros(count), where=share > 0)
