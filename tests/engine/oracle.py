"""The engine once more, by hand: every iteration, every token, every page of every request, in plain Python.

Written from docs/explanation/engine.md alone; it shares the tables of costs with the engine and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from dynamo_plan.engine.tables import Action, Limit, Router, Settings

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
    waited_from: int | None = None
    rejected: bool = False

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
    turn: int = 0
    parked: list[Asked] = field(default_factory=list)


class Oracle:
    """Runs requests through pools; results stay in the requests and servers."""

    def __init__(self, settings: Settings, pools: list[Pooled], requests: list[Asked], loop: int = 0) -> None:
        self.settings, self.pools = settings, pools
        self.servers = [server for pool in pools for server in pool.servers]
        self.to_come = list(requests)
        self.held_back = self.to_come[loop:] if loop else []
        if loop:
            self.to_come = self.to_come[:loop]

    def limit(self, server: Server, column: Limit) -> int:
        return int(self.settings.limits[server.row, column])

    def run(self, orders: list[tuple[int, Action, int, int]], until: int | None = None) -> int:
        """Run to the end; the time of the last event."""
        orders, now = sorted(orders, key=lambda one: one[0]), 0
        while True:
            ends = [(one.end, one.number) for one in self.servers if one.end is not None]
            times = [min(ends)[0]] if ends else []
            times += [orders[0][0]] if orders else []
            times += [self.to_come[0].arrival] if self.to_come else []
            if not times or (until is not None and min(times) > until):
                return now
            now = min(times)
            if ends and min(ends)[0] == now:
                self.boundary(self.servers[min(ends)[1]], now)
            elif orders and orders[0][0] == now:
                self.obey(*orders.pop(0))
            else:
                while self.to_come and self.to_come[0].arrival == now:
                    self.route(self.to_come.pop(0), now)

    # Routing

    def can_hold(self, server: Server, asked: Asked) -> bool:
        row = server.row if server.next_row is None else server.next_row
        return bool(pages(asked.prompt + max(asked.output, 1) - 1) <= self.settings.limits[row, Limit.BLOCKS])

    def route(self, asked: Asked, now: int) -> None:
        fallback, any_open, number = None, False, asked.pool
        for _ in self.pools:
            pool = self.pools[number]
            any_open = any_open or any(server.status == "open" for server in pool.servers)
            able = [one for one in pool.servers if one.status == "open" and self.can_hold(one, asked)]
            if able:
                best = self.best(pool, able)
                if best.unprefilled <= pool.spill_above:
                    fallback = best
                    break
                fallback = fallback or best
            number = pool.spill_to
            if number < 0:
                break
        if fallback is not None:
            own = self.pools[fallback.pool]
            own.turn = (own.servers.index(fallback) + 1) % len(own.servers)
            fallback.queue.append(asked)
            if fallback.end is None:
                fallback.end = now
        elif any_open:
            asked.rejected = True
        else:
            self.pools[asked.pool].parked.append(asked)

    def best(self, pool: Pooled, able: list[Server]) -> Server:
        if pool.router == Router.ROUND_ROBIN:
            turned = pool.servers[pool.turn :] + pool.servers[: pool.turn]
            return next(one for one in turned if one in able)
        if pool.router == Router.LEAST_REQUESTS:
            return min(able, key=lambda one: (one.requests, one.number))
        return min(able, key=lambda one: (one.unprefilled, one.requests, one.number))

    def obey(self, now: int, action: Action, number: int, row: int) -> None:
        server = self.servers[number]
        was_off = server.status == "off"
        if action == Action.SET:
            server.next_row = row
        elif action == Action.SWITCH_ON and was_off:
            server.status, server.begin, server.on_since = "on", now, now
            server.row = server.row if server.next_row is None else server.next_row
        elif action == Action.OPEN and not was_off:
            server.status = "open"
            for pool in self.pools:
                parked, pool.parked = pool.parked, []
                for asked in parked:
                    self.route(asked, now)
        elif action == Action.DRAIN and not was_off:
            server.status = "draining"
            self.hand_over(server, now)
        elif action == Action.STOP and not was_off:
            server.status = "stopping"
        if server.end is None and not was_off:
            server.end = now

    def hand_over(self, server: Server, now: int) -> None:
        waiting, server.queue = server.queue, []
        for asked in waiting:
            self.route(asked, now)

    # One instance

    def boundary(self, server: Server, now: int) -> None:
        self.settle(server, now)
        server.begin, server.end = now, None
        if server.status == "stopping":
            if server.partial is not None:
                self.preempt(server, server.partial)
            while server.batch:
                self.preempt(server, server.batch[-1])
            self.hand_over(server, now)
        elif self.form(server):
            server.end = now + self.duration(server)
        if server.status == "stopping" or (server.status == "draining" and not server.requests):
            server.on += now - server.on_since
            server.status = "off"

    def settle(self, server: Server, now: int) -> None:
        if now > server.begin:
            server.drawn.append((server.begin, now, self.power(server)))
        for asked in server.decoding:
            asked.tokens.append(now)
        ended = [one for one in server.decoding if len(one.tokens) == one.output]
        for asked, _ in server.pieces:
            if asked is not server.partial:
                asked.tokens.append(now)
                if len(asked.tokens) >= asked.output:
                    ended.append(asked)
                else:
                    server.batch.append(asked)
        for asked in ended:
            asked.end = now
            if asked in server.batch:
                server.batch.remove(asked)
            if self.held_back:
                following = self.held_back.pop(0)
                following.arrival = now
                self.to_come.append(following)
        server.decoding, server.pieces = [], []

    def form(self, server: Server) -> bool:
        """Choose what the next iteration holds; whether it holds anything."""
        if server.next_row is not None:
            server.row, server.next_row = server.next_row, None
        if self.limit(server, Limit.PREFILL_FIRST):
            self.admit(server, self.limit(server, Limit.CHUNK), whole=True)
            if not server.pieces:
                self.make_room(server)
                server.decoding = list(server.batch)
        else:
            if not self.make_room(server):
                self.admit(server, self.limit(server, Limit.CHUNK) - len(server.batch), whole=False)
            server.decoding = list(server.batch)
        return bool(server.pieces or server.decoding)

    def make_room(self, server: Server) -> bool:
        preempted = False
        while True:
            grown = sum(pages(one.cached + 1) for one in server.batch)
            grown += pages(server.partial.to_prefill) if server.partial else 0
            if not server.batch or grown <= self.limit(server, Limit.BLOCKS):
                return preempted
            self.preempt(server, server.partial or server.batch[-1])
            preempted = True

    def preempt(self, server: Server, asked: Asked) -> None:
        if asked is server.partial:
            server.partial = None
        else:
            server.batch.remove(asked)
        asked.done = 0
        asked.preempted += 1
        server.queue.insert(0, asked)

    def admit(self, server: Server, budget: int, *, whole: bool) -> None:
        reserved = server.blocks
        if not whole:
            reserved += sum(pages(one.cached + 1) - pages(one.cached) for one in server.batch)
        while budget > 0:
            asked = server.partial
            if asked is None:
                if not server.queue:
                    return
                asked = server.queue[0]
                beside = len(server.batch) + len(server.pieces)
                spare = self.limit(server, Limit.WATERMARK) if beside else 0
                if beside >= self.limit(server, Limit.SEQUENCES):
                    return
                if reserved + pages(asked.to_prefill) + spare > self.limit(server, Limit.BLOCKS):
                    return
                if whole and server.pieces and asked.to_prefill > budget:
                    return
                server.queue.pop(0)
                reserved += pages(asked.to_prefill)
            size = asked.to_prefill - asked.done if whole else min(asked.to_prefill - asked.done, budget)
            server.pieces.append((asked, size))
            asked.done += size
            budget -= size
            server.partial = asked if asked.done < asked.to_prefill else None

    def cost(self, server: Server) -> tuple[int, int]:
        """Time of the decodes and time that prompt tokens add."""
        count = len(server.decoding)
        base, per_token = (int(value) for value in self.settings.decode[server.row, count])
        decode = base + per_token * sum(one.cached for one in server.decoding)
        prompt = sum(size for _, size in server.pieces)
        if prompt == 0:
            return decode, 0
        pairs = sum(size * (one.done - size) for one, size in server.pieces)
        return decode, int(self.settings.prefill[server.row, prompt]) + self.limit(server, Limit.ATTENTION) * pairs

    def duration(self, server: Server) -> int:
        return sum(self.cost(server))

    def power(self, server: Server) -> float:
        decode, prefill = self.cost(server)
        prompt = sum(size for _, size in server.pieces)
        if not server.decoding and not prompt:
            return float(self.settings.idle_w[server.row])
        if not server.decoding:
            return float(self.settings.prefill_w[server.row, prompt])
        decode_w = float(self.settings.decode_w[server.row, len(server.decoding)])
        if not prompt:
            return decode_w
        return (prefill * float(self.settings.prefill_w[server.row, prompt]) + decode * decode_w) / (decode + prefill)

    def close(self, now: int) -> None:
        """Book what servers drew up to a time."""
        for server in self.servers:
            if server.status != "off":
                if now > server.begin:
                    server.drawn.append((server.begin, now, self.power(server)))
                server.on += now - server.on_since
