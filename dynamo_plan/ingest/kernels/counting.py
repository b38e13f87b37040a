"""Requests counted by window, bucket and length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.compiled import Integers, compiled_in_place

REQUESTS, FAILED, INPUT, INPUT_SQUARED, OUTPUT, OUTPUT_SQUARED = range(6)
FIELDS = 6
"""What is added up per window and bucket."""

Indices = NDArray[np.int16]


@compiled_in_place
def bin_of(value: int | np.int64, table: Indices, edges: Integers) -> int:
    """Bin of a length: from a table where it reaches, else by halving; `edges` are the bins' lower ends."""
    if value < table.size:
        return int(table[value])
    low, high = int(table[-1]), edges.size
    while high - low > 1:
        middle = (low + high) // 2
        if edges[middle] <= value:
            low = middle
        else:
            high = middle
    return int(low)


@compiled_in_place
def count_requests(
    instant_ns: Integers,
    input_tokens: NDArray[np.int32],
    output_tokens: NDArray[np.int32],
    first_ns: int,
    window_ns: int,
    steps: int,
    input_table: Indices,
    input_edges: Integers,
    input_class: Indices,
    output_table: Indices,
    output_edges: Integers,
    output_class: Indices,
    outputs: int,
    cells: Integers,
    fine: NDArray[np.int32],
    joint: Integers,
) -> tuple[int, int, int]:
    """Add requests to the counts.

    Parameters
    ----------
    first_ns, window_ns : int
        Left edge of the first window, and their length [ns]; all requests lie within the windows of `cells`.
    steps : int
        Sub-windows of a window.
    input_table, input_edges, input_class : array
        Bin of a short input, lower ends of the bins [tokens], and the input class of each bin; -1 for none.
    outputs : int
        Output classes; buckets are numbered input class outermost.
    cells : array of int, shape (window, bucket, field)
    fine : array of int, shape (sub-window, bucket)
    joint : array of int, shape (input bin, output bin)

    Returns
    -------
    outside, backward, furthest_ns : int
        Requests that no bucket holds; requests that stand behind a later one, and by how much at most [ns].
    """
    fine_ns = window_ns // steps
    step, step_ns = (
        -1,
        -(2**62),
    )  # the sub-window of the last request: the next is mostly in it too, and divisions are slow
    outside, backward, furthest_ns = 0, 0, 0
    before_ns = instant_ns[0]
    for row in range(instant_ns.size):
        now_ns = instant_ns[row]
        if now_ns < before_ns:
            backward += 1
            furthest_ns = max(furthest_ns, before_ns - now_ns)
        before_ns = now_ns
        if now_ns < step_ns or now_ns >= step_ns + fine_ns:
            step = (now_ns - first_ns) // fine_ns
            step_ns = first_ns + step * fine_ns
        inputs, answer = np.int64(input_tokens[row]), np.int64(output_tokens[row])
        row_bin = bin_of(inputs, input_table, input_edges)
        column_bin = bin_of(answer, output_table, output_edges)
        if input_class[row_bin] < 0 or output_class[column_bin] < 0:
            outside += 1
            continue
        bucket = input_class[row_bin] * outputs + output_class[column_bin]
        window = step // steps
        if answer == 0:
            cells[window, bucket, FAILED] += 1
            continue
        cells[window, bucket, REQUESTS] += 1
        cells[window, bucket, INPUT] += inputs
        cells[window, bucket, INPUT_SQUARED] += inputs * inputs
        cells[window, bucket, OUTPUT] += answer
        cells[window, bucket, OUTPUT_SQUARED] += answer * answer
        fine[step, bucket] += 1
        joint[row_bin, column_bin] += 1
    return outside, backward, furthest_ns
