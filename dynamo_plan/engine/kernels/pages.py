"""KV blocks of `PAGE_TOKENS` tokens: how many a batch takes over the coming iterations, without looking at its requests."""

from __future__ import annotations

from dynamo_plan.compiled import Integers, compiled_part
from dynamo_plan.engine.tables import PAGE_TOKENS


@compiled_part
def pages(tokens: int) -> int:
    """Blocks that hold so many tokens."""
    return (tokens + PAGE_TOKENS - 1) // PAGE_TOKENS


@compiled_part
def growth(residues: Integers, running: int, iteration: int, count: int) -> int:
    """Blocks that `running` requests take in the next `count` decode iterations.

    A request takes one in the iteration before which its tokens fill their blocks exactly, so each takes one in every `PAGE_TOKENS`.
    """
    taken = count // PAGE_TOKENS * running
    for ahead in range(count % PAGE_TOKENS):
        taken += residues[-(iteration + ahead) % PAGE_TOKENS]
    return taken


@compiled_part
def lasting(residues: Integers, running: int, iteration: int, free: int, most: int) -> int:
    """How many of the next `most` iterations the free blocks suffice for."""
    if (most + PAGE_TOKENS - 1) // PAGE_TOKENS * running <= free:
        return most
    count = free // running * PAGE_TOKENS
    free -= free // running * running
    while count < most:
        free -= residues[-(iteration + count) % PAGE_TOKENS]
        if free < 0:
            break
        count += 1
    return min(count, most)
