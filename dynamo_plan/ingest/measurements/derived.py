"""What follows from figures that a file states, by laws that need no model of the server."""

from __future__ import annotations

from dynamo_plan.units import MS_PER_SECOND


def ratio(above: float | None, below: float | None) -> float | None:
    """One figure over another; None where either is missing or the lower is 0."""
    return above / below if above is not None and below else None


def closed_loop_rps(
    concurrency: float | None, ttft_ms: float | None, tbt_ms: float | None, output_tokens: float | None
) -> float | None:
    """Throughput of a closed loop from mean latencies [1/s], by Little's law: requests in flight over the mean time of one.

    Source
    ------
    J. D. C. Little, "A Proof for the Queuing Formula: L = λW", Operations Research 9(3), 1961.
    """
    if concurrency is None or ttft_ms is None or tbt_ms is None or output_tokens is None:
        return None
    return ratio(concurrency * MS_PER_SECOND, ttft_ms + max(output_tokens - 1, 0.0) * tbt_ms)
