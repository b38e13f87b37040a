"""The flat arrays that compiled loops read and write: what instances cost, how they stand, what becomes of requests.

Times are int64 picoseconds. Sums of integers do not depend on how a run is cut into segments, so skipping events and stepping through
every iteration agree bit for bit; the range is 106 days.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.compiled import Floats, Integers

Counts = NDArray[np.int32]

NEVER: Final = 1 << 62
"""A time that does not come [ps]."""

NOBODY: Final = -1
"""No request, no instance, no pool."""

PAGE_TOKENS: Final = 16
"""Tokens of one KV block, as vLLM has it by default."""

OCTAVE_BINS: Final = 64
"""Histogram bins per doubling of a time: 1.1 to 1.6 % wide."""

OCTAVE_SHIFT: Final = 6
"""log2 of `OCTAVE_BINS`."""

BINS: Final = (63 - OCTAVE_SHIFT) * OCTAVE_BINS + OCTAVE_BINS
"""Bins for every time of 63 bits."""


class Limit(IntEnum):
    """Columns of `Settings.limits`."""

    CHUNK = 0  # most tokens of one iteration; where prompts are cut, those of decodes count
    SEQUENCES = 1  # most requests in the batch
    BLOCKS = 2  # KV blocks
    WATERMARK = 3  # blocks that stay free at an admission while others run
    PREFILL_FIRST = 4  # 1: decodes wait while prompts can be prefilled
    ATTENTION = 5  # ps per pair of a new prompt token and a cached one


class Settings(NamedTuple):
    """What an iteration costs; a row is one kind of instance at one clock.

    Attributes
    ----------
    limits : array of int, shape (row, `Limit`)
    decode : array of int, shape (row, batch + 1, 2)
        Time of an iteration [ps] by batch, 0 for one with prefill only, and its growth per token in the cache [ps].
    prefill : array of int, shape (row, tokens + 1)
        What prompt tokens add to an iteration [ps], overhead included.
    idle_w : array, shape (row,)
    decode_w : array, shape (row, batch + 1)
    prefill_w : array, shape (row, tokens + 1)
        Power of the instance's GPUs [W].
    """

    limits: Integers
    decode: Integers
    prefill: Integers
    idle_w: Floats
    decode_w: Floats
    prefill_w: Floats


class Slot(IntEnum):
    """Columns of `State.slots`: one instance. What routers and the calendar read comes first, in one line of the processor's cache."""

    STATUS = 0  # of `Status`
    REQUESTS = 1  # all, waiting ones too
    UNPREFILLED = 2  # prompt tokens not yet processed, those of the iteration under way included
    NEXT_ROW = 3  # of `Settings`, from the next boundary between iterations on
    END = 4  # of the segment under way
    BEGIN = 5  # of the segment, or of idleness
    LENGTH = 6  # iterations of the segment, 0 when idle
    ROW = 7  # of `Settings`, in force
    POOL = 8
    RUNNING = 9  # requests that decode
    CONTEXT = 10  # their tokens in the cache
    ITERATION = 11  # decode iterations so far
    BLOCKS = 12  # KV blocks in use
    ADMITTED = 13  # admissions so far
    HEAD = 14  # waiting requests, first come first served
    TAIL = 15
    PARTIAL = 16  # the request whose prompt is processed in part
    FIRST = 17  # requests with prompt tokens in the iteration under way
    LAST = 18
    FRESH = 19  # requests that have a first token and no gap yet
    TAKEN = 20  # prompt tokens of the iteration under way
    DECODING = 21  # requests that decode in it
    COST = 22  # ps that its prompt tokens add
    LAST_TOKEN = 23  # end of the last decode iteration
    LATE = 24  # decode iterations so far whose gap was over the limit
    ON_SINCE = 25


class Status(IntEnum):
    """What an instance may do."""

    OFF = 0  # draws nothing
    ON = 1  # draws power, takes no requests
    OPEN = 2  # takes requests
    DRAINING = 3  # finishes what it began, then goes off
    STOPPING = 4  # goes off at the next boundary; its requests begin anew elsewhere
    CLOSING = 5  # takes no requests, serves those that it has, waiting ones too, then goes off


class Time(IntEnum):
    """Columns of `State.times`, by request [ps]."""

    ARRIVAL = 0
    FIRST_TOKEN = 1  # NOBODY: none yet
    END = 2  # NOBODY: not served
    TOKEN = 3  # last token before a gap that is measured for this request alone


class Mark(IntEnum):
    """Columns of `State.marks`, by request."""

    INPUT = 0
    OUTPUT = 1
    POOL = 2
    CLASS = 3
    NEXT = 4  # in whichever list the request is
    DONE = 5  # prompt tokens processed
    GENERATED = 6  # tokens when it joined the batch, or left it last
    JOINED = 7  # decode iterations of the instance at that moment
    ORDER = 8  # of admission to the instance
    LATE = 9  # gaps over the limit
    PREEMPTED = 10
    INSTANCE = 11


class Pool(IntEnum):
    """Columns of `State.pools`."""

    BEGIN = 0  # first slot
    STOP = 1  # one past the last slot
    ROUTER = 2  # of `Router`
    SPILL_TO = 3  # pool that takes what this one cannot, or NOBODY
    SPILL_ABOVE = 4  # un-prefilled tokens on the instance chosen above which a request goes there
    GAP_LIMIT = 5  # gaps above this are counted [ps]
    TURN = 6  # next slot in round robin
    HEAD = 7  # requests that wait for an instance to open
    TAIL = 8
    TENDED = 9  # 1: what waits too long goes first, elsewhere, or is given up
    MOVE_TO = 10  # pool for longer requests that it may go to, or NOBODY


class Patience(IntEnum):
    """Columns of `State.patience`, by class: how long after its arrival a request may wait for its first token [ps]."""

    DUE = 0  # as promised
    TIMEOUT = 1  # before it may be given up


class Router(IntEnum):
    """How a pool spreads its requests."""

    LEAST_UNPREFILLED = 0
    LEAST_REQUESTS = 1
    ROUND_ROBIN = 2


class Action(IntEnum):
    """What a command does to an instance."""

    SWITCH_ON = 0
    OPEN = 1
    DRAIN = 2
    STOP = 3
    SET = 4  # a row of `Settings`: the clock, or the kind while it is off
    CLOSE = 5


class Command(IntEnum):
    """Columns of the table of commands."""

    TIME = 0
    ACTION = 1
    SLOT = 2
    ROW = 3


class Cursor(IntEnum):
    """Entries of `State.cursors`."""

    ARRIVAL = 0  # next request
    COMMAND = 1  # next command
    RELEASED = 2  # next request of a closed loop; NOBODY in an open one
    LONGEST = 3  # most iterations of a segment; 1 steps through all
    BIN = 4  # ps of an energy bin
    REJECTED = 5
    EVENTS = 6
    ITERATIONS = 7
    MOVED = 8
    SQUASHED = 9


class State(NamedTuple):
    """Everything that changes.

    Attributes
    ----------
    cursors : array of int, shape (`Cursor`,)
    pools : array of int, shape (pool, `Pool`)
    patience : array of int, shape (class, `Patience`)
    slots : array of int, shape (slot, `Slot`)
    residues : array of int, shape (slot, `PAGE_TOKENS`)
        Running requests by (tokens in the cache - iterations) modulo the page: tells which of them take a new block when.
    steady : array of int, shape (slot, class)
        Running requests that had a gap already, by class.
    heaps : array of int, shape (slot, batch, 2)
        Running requests by the iteration in which they end.
    calendar : array of int, shape (2 x slots as a power of two,)
        Winner tree over the slots by `Slot.END`.
    times : array of int, shape (request, `Time`)
    marks : array of int32, shape (request, `Mark`)
    histogram : array of int, shape (class, `BINS`)
        Gaps between tokens.
    energy_j : array, shape (pool, bin, 2)
        GPU energy: sum and its rounding error so far.
    on_ps : array of int, shape (pool, bin)
        Instance time switched on.
    """

    cursors: Integers
    pools: Integers
    patience: Integers
    slots: Integers
    residues: Integers
    steady: Integers
    heaps: Integers
    calendar: Integers
    times: Integers
    marks: Counts
    histogram: Integers
    energy_j: Floats
    on_ps: Integers
