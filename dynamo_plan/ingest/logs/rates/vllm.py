"""vLLM's `/metrics`, kept by Prometheus and exported by a range query: rates and the distribution of each length, per model.

Query `{__name__=~"vllm:request_(prompt|generation)_tokens_bucket"}` over the time wanted, and save the answer as it is. Counters that fell
were reset; what was counted since the reset counts. Servers of one model are added up. A request counts when it ends, not when it arrives.
Between the edges of vLLM's histogram lengths are taken as even, so that classes between them are estimates; burstiness and mean lengths of
buckets are not known. A model without requests in an interval has rate 0 there.

Source: vLLM, production metrics; Prometheus HTTP API, range queries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.ingest.logs.binning import Axis, Binning
from dynamo_plan.ingest.logs.log_file import LogFile
from dynamo_plan.ingest.logs.options import LogOptions
from dynamo_plan.ingest.logs.rates import RateSeries
from dynamo_plan.ingest.logs.times import EARLIEST_NS, LATEST_NS
from dynamo_plan.units import NANOSECONDS_PER_SECOND

NAME = "vllm"
DESCRIPTION = "vLLM /metrics, JSON of a Prometheus range query over the histograms of prompt and generation tokens"
FROM_START = False
INPUT, OUTPUT = "vllm:request_prompt_tokens_bucket", "vllm:request_generation_tokens_bucket"
ALLOWED = "The answer of /api/v1/query_range with both histograms, each with a bucket le=+Inf"
MEND = 'Query {__name__=~"vllm:request_(prompt|generation)_tokens_bucket"} and save the answer as it is'

type Series = dict[float, NDArray[np.float64]]


def sniff(head: bytes) -> bool:
    """Whether a file that begins so is of this format."""
    return b'"resultType"' in head and b"vllm:request_" in head


def read(log: LogFile, options: LogOptions, bins: Binning) -> Iterator[RateSeries]:
    """The series of every model."""
    time_s, models = _counters(log)
    begin_ns = np.rint(time_s * NANOSECONDS_PER_SECOND).astype(np.int64)
    for model, found in sorted(models.items()):
        sides = [found.get(name, {}) for name in (INPUT, OUTPUT)]
        if any(np.inf not in side for side in sides):
            raise _fault(log, f"model {model or 'without name'} lacks a histogram, or its bucket le=+Inf")
        requests = sides[0][np.inf]
        inputs, outputs = (_shares(side, axis) for side, axis in zip(sides, (bins.input, bins.output), strict=True))
        joint = (requests[:, None, None] * inputs[:, :, None] * outputs[:, None, :]).reshape(requests.size, -1)
        unknown = np.full(joint.shape, np.nan)
        yield RateSeries("", model, begin_ns[:-1], begin_ns[1:], joint, unknown, unknown, unknown)


def _counters(log: LogFile) -> tuple[NDArray[np.float64], dict[str, dict[str, Series]]]:
    """Times of the samples [s], and by model, histogram and upper edge the requests between one sample and the next."""
    try:
        with log.open() as stream:
            series = json.loads(bytes(stream.read()))["data"]["result"]
        named = [one for one in series if one["metric"]["__name__"] in (INPUT, OUTPUT)]
        time_s = np.unique([float(sample[0]) for one in named for sample in one["values"]])
        models: dict[str, dict[str, Series]] = {}
        for one in named:
            labels = one["metric"]
            side = models.setdefault(labels.get("model_name", ""), {}).setdefault(labels["__name__"], {})
            edge = float(labels["le"])
            at, values = np.array(one["values"], dtype=np.float64).T
            side[edge] = side.get(edge, 0.0) + _increments(time_s, at, values)
    except (ValueError, KeyError, TypeError, IndexError, OSError, RecursionError) as error:
        raise _fault(log, f"the file cannot be read: {type(error).__name__}: {error}") from error
    if time_s.size < 2:
        raise _fault(log, "there are fewer than two samples")
    if not ((time_s * NANOSECONDS_PER_SECOND >= EARLIEST_NS) & (time_s * NANOSECONDS_PER_SECOND <= LATEST_NS)).all():
        raise _fault(log, "a sample's time does not lie between the years 2000 and 2100")
    if not all(
        np.isfinite(grown).all() for sides in models.values() for side in sides.values() for grown in side.values()
    ):
        raise _fault(log, "a sample is no number")
    return time_s, models


def _increments(
    time_s: NDArray[np.float64], at: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Growth of a counter between the times of all samples; 0 where this one has none."""
    steps = np.diff(values)
    grown = np.where(steps < 0, values[1:], steps)  # after a reset it began anew from 0
    reached = np.concatenate([[0.0], np.cumsum(grown)])
    return np.diff(np.interp(time_s, at, reached))


def _shares(side: Series, axis: Axis) -> NDArray[np.float64]:
    """Share of each class in every interval, shape (interval, class); 0 where nothing ended."""
    edges = np.array(sorted(side))
    below = np.stack([side[edge] for edge in edges.tolist()], axis=1)
    count = int(axis.classes.max()) + 1
    bounded = [int(axis.edges[np.flatnonzero(axis.classes == index)[-1] + 1]) for index in range(count)]
    known = np.append(0.0, edges[:-1])
    # `le` counts lengths up to the edge, a class those below its own; beyond the last finite edge nothing is known.
    reached = np.stack([np.interp(np.array(bounded) - 1.0, known, np.append(0.0, row[:-1])) for row in below])
    open_ended = np.array([bound > known[-1] for bound in bounded])
    reached = np.where(open_ended[None, :], below[:, -1:], reached)
    total = below[:, -1:]
    parts = np.diff(reached, axis=1, prepend=0.0)
    return np.divide(parts, total, out=np.zeros(parts.shape), where=total > 0)


def _fault(log: LogFile, what: str) -> InputError:
    return InputError(Fault("vllm-metrics", log.shown, what, ALLOWED, MEND))
