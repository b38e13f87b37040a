"""What the oracle keeps of requests, servers and pools: every token, every page, in plain Python."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from dynamo_plan.engine.tables import Router

PAGE = 16


@dataclass(eq=False)
class Asked:
    """A request: what it is, and the time of each of its tokens."""

    number: int
    arrival: int
    prompt: int
    output: int
    bucket: int = 0
    pool: int = 0
    tokens: list[int] = field(default_factory=list)
    done: int = 0
    end: int = -1
    preempted: int = 0
    rejected: bool = False
    squashed: bool = False

    @property
    def to_prefill(self) -> int:
        return self.prompt + len(self.tokens)

    @property
    def cached(self) -> int:
        return self.prompt + len(self.tokens) - 1


def pages(tokens: int) -> int:
    return math.ceil(tokens / PAGE)


@dataclass(eq=False)
class Server:
    """An instance."""

    number: int
    pool: int
    row: int
    status: str = "open"
    next_row: int | None = None
    queue: list[Asked] = field(default_factory=list)
    partial: Asked | None = None
    batch: list[Asked] = field(default_factory=list)
    decoding: list[Asked] = field(default_factory=list)
    pieces: list[tuple[Asked, int]] = field(default_factory=list)
    begin: int = 0
    end: int | None = None
    on_since: int = 0
    drawn: list[tuple[int, int, float]] = field(default_factory=list)
    on: int = 0

    @property
    def blocks(self) -> int:
        held = sum(pages(one.cached) for one in self.batch)
        return held + (pages(self.partial.to_prefill) if self.partial else 0)

    @property
    def requests(self) -> int:
        pieces = [one for one, _ in self.pieces if one is not self.partial]
        return len(self.queue) + len(self.batch) + len(pieces) + (self.partial is not None)

    @property
    def unprefilled(self) -> int:
        waiting = sum(one.to_prefill for one in self.queue)
        begun = sum(size for _, size in self.pieces)
        return waiting + begun + (self.partial.to_prefill - self.partial.done if self.partial else 0)


@dataclass
class Pooled:
    """A pool: its servers, router and spill."""

    servers: list[Server]
    router: Router
    spill_to: int = -1
    spill_above: float = math.inf
    tended: bool = False
    larger: int = -1
    turn: int = 0
    parked: list[Asked] = field(default_factory=list)
