"""The engine once more, by hand: every iteration, every token, every page of every request, in plain Python.

Written from docs/explanation/engine.md alone; it shares the tables of costs with the engine and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from dynamo_plan.engine.tables import Action, Limit, Router, Settings
from tests.engine.oracle_state import Asked, Pooled, Server, pages

type Waits = Sequence[tuple[int, int]]
"""When a request of each bucket is due and times out, after its arrival [ps]."""


class Oracle:
    """Runs requests through pools; results stay in the requests and servers."""

    def __init__(
        self, settings: Settings, pools: list[Pooled], requests: list[Asked], loop: int = 0, waits: Waits = ()
    ) -> None:
        self.settings, self.pools, self.waits, self.moved = settings, pools, waits, 0
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
                    asked = self.to_come.pop(0)
                    self.route(asked, now)
                    self.tend(asked, now)

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
        elif action == Action.CLOSE and server.status == "open":
            server.status = "closing"
        elif action == Action.STOP and not was_off:
            server.status = "stopping"
        if server.end is None and not was_off:
            server.end = now

    def hand_over(self, server: Server, now: int) -> None:
        waiting, server.queue = server.queue, []
        for asked in waiting:
            self.route(asked, now)

    # Requests that wait too long

    def due(self, asked: Asked) -> int:
        return asked.arrival + self.waits[asked.bucket][0]

    def tend(self, asked: Asked, now: int) -> None:
        server = next((one for one in self.servers if asked in one.queue), None)
        if server is None or not self.pools[server.pool].tended:
            return
        if now + self.processed_in(server, server.unprefilled) > self.due(asked):
            self.prioritise(server, now)
            self.move(server, now)
            self.squash(server, now)

    def prioritise(self, server: Server, now: int) -> None:
        begun = [one for one in server.queue if one.tokens]
        waiting = [one for one in server.queue if not one.tokens]
        in_time = sorted((one for one in waiting if self.due(one) >= now), key=self.due)
        server.queue = begun + in_time + [one for one in waiting if self.due(one) < now]

    def processed_in(self, server: Server, tokens: int) -> int:
        """Chunk by chunk."""
        row = server.row if server.next_row is None else server.next_row
        first = bool(self.settings.limits[row, Limit.PREFILL_FIRST])
        chunk = int(self.settings.limits[row, Limit.CHUNK]) - (0 if first else len(server.batch))
        chunk = min(max(chunk, 1), self.settings.prefill.shape[1] - 1)
        base, per_token = (int(value) for value in self.settings.decode[row, len(server.batch)])
        decode = 0 if first else base + per_token * sum(one.cached for one in server.batch)
        time = 0
        while tokens > 0:
            time += decode + int(self.settings.prefill[row, min(tokens, chunk)])
            tokens -= chunk
        return time

    def place_for(self, server: Server, asked: Asked, here: int, now: int) -> Server | None:
        found: list[tuple[int, Server] | None] = []
        number = server.pool
        while number >= 0 and len(found) < len(self.pools):
            ring, at = list[int](), number
            while at >= 0 and at not in ring:
                ring.append(at)
                at = self.pools[at].spill_to
            able = [one for pool in ring for one in self.pools[pool].servers if one is not server]
            timed = [
                (self.processed_in(one, one.unprefilled + asked.to_prefill), one)
                for one in able
                if one.status == "open" and self.can_hold(one, asked)
            ]
            found.append(min(timed, key=lambda one: one[0], default=None))
            number = self.pools[number].larger
        in_time = (one[1] for one in found if one is not None and now + one[0] <= self.due(asked))
        own = found[0]
        return next(in_time, own[1] if own is not None and own[0] < here else None)

    def move(self, server: Server, now: int) -> None:
        begun = server.unprefilled - sum(one.to_prefill for one in server.queue)
        for asked in list(server.queue):
            place = server.queue.index(asked)
            ahead = begun + sum(one.to_prefill for one in server.queue[: place + 1])
            here = self.processed_in(server, ahead)
            if asked.tokens or now + here <= self.due(asked):
                continue
            other = self.place_for(server, asked, here, now)
            if other is not None:
                server.queue.remove(asked)
                other.queue.append(asked)
                self.moved += 1
                if other.end is None:
                    other.end = now

    def has_timed_out(self, asked: Asked, now: int) -> bool:
        return not asked.tokens and asked.arrival + self.waits[asked.bucket][1] <= now

    def squash(self, server: Server, now: int) -> None:
        for asked in list(server.queue):
            if self.has_timed_out(asked, now):
                asked.squashed = True
                server.queue.remove(asked)

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
        elif self.form(server, now):
            server.end = now + self.duration(server)
        if server.status == "stopping" or (server.status in ("draining", "closing") and not server.requests):
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

    def form(self, server: Server, now: int) -> bool:
        """Choose what the next iteration holds; whether it holds anything."""
        if server.next_row is not None:
            server.row, server.next_row = server.next_row, None
        if self.limit(server, Limit.PREFILL_FIRST):
            self.admit(server, self.limit(server, Limit.CHUNK), now, whole=True)
            if not server.pieces:
                self.make_room(server)
                server.decoding = list(server.batch)
        else:
            if not self.make_room(server):
                self.admit(server, self.limit(server, Limit.CHUNK) - len(server.batch), now, whole=False)
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

    def admit(self, server: Server, budget: int, now: int, *, whole: bool) -> None:
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
                if self.pools[server.pool].tended and self.has_timed_out(asked, now):
                    asked.squashed = True
                    continue
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
