"""Small machines to serve with, and the oracle's answer in the form of an outcome."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dynamo_plan.engine.cluster import Cluster, Order, PoolPlan, Wait, picoseconds
from dynamo_plan.engine.outcome import Outcome
from dynamo_plan.engine.settings import Serving, Setting
from dynamo_plan.engine.tables import NEVER
from dynamo_plan.schema.engine_model import EngineModel
from dynamo_plan.schema.requests import Requests
from tests.engine.oracle import Oracle
from tests.engine.oracle_state import Asked, Pooled, Server


def machine(
    *,
    kv_tokens: int = 4096,
    iteration_s: tuple[float, ...] = (0.010, 0.012, 0.020),
    batch: tuple[float, ...] = (0.0, 1.0, 8.0),
    context_s: float = 3e-6,
    prefill_s: tuple[float, ...] = (0.001, 0.040),
    prefill_tokens: tuple[float, ...] = (16.0, 512.0),
    overhead_s: float = 0.002,
    attention_s: float = 1e-7,
    host_power_w: float = 200.0,
) -> EngineModel:
    """A machine at 1000 and 2000 MHz; at the lower clock all takes half as long again and draws 0.7 of the power."""
    slow, low = np.array([[1.5], [1.0]]), np.array([[0.7], [1.0]])
    return EngineModel(
        name="machine",
        frequency_mhz=np.array([1000.0, 2000.0]),
        batch=np.array(batch),
        iteration_s=slow * np.array(iteration_s),
        context_s=slow * np.full(len(batch), context_s),
        prefill_tokens=np.array(prefill_tokens),
        prefill_s=slow * np.array(prefill_s),
        overhead_s=slow[:, 0] * overhead_s,
        attention_s=slow[:, 0] * attention_s,
        idle_power_w=low[:, 0] * 100.0,
        decode_power_w=low * np.linspace(110.0, 300.0, len(batch)),
        prefill_power_w=low * np.linspace(200.0, 600.0, len(prefill_tokens)),
        host_power_w=host_power_w,
        kv_tokens=kv_tokens,
    )


@dataclass(frozen=True, slots=True)
class Case:
    """A cluster, what it is asked and what is done to it."""

    settings: tuple[Setting, ...]
    pools: tuple[PoolPlan, ...]
    requests: Requests
    pool: tuple[int, ...]
    orders: tuple[Order, ...] = ()
    loop: int = 0
    end_s: float | None = None
    waits: tuple[Wait, ...] = ()

    def run(self, *, stepping: bool = False, bins: int = 4, pieces: Sequence[float] = ()) -> Outcome:
        """By the engine, in pieces if asked for."""
        cluster = Cluster(
            self.settings,
            self.pools,
            self.requests,
            np.array(self.pool, dtype=np.int64),
            waits=self.waits,
            bin_s=0.25,
            bins=bins,
            stepping=stepping,
            loop=self.loop,
        )
        orders = self.orders
        for until in pieces:
            cluster.advance(until, orders)
            orders = ()
        cluster.advance(None, orders)
        return cluster.finish(self.end_s)

    def oracle(self) -> tuple[list[Asked], Oracle]:
        """By the oracle."""
        rows = zip(*(column.tolist() for column in self._columns()), self.pool, strict=True)
        asked = [Asked(number, *row) for number, row in enumerate(rows)]
        servers, pools = 0, []
        for number, plan in enumerate(self.pools):
            own = [
                Server(servers + place, number, row, "open" if place < plan.opened else "off")
                for place, row in enumerate(plan.slots)
            ]
            servers += len(own)
            above = math.inf if plan.spill_above_tokens == NEVER else plan.spill_above_tokens
            pools.append(Pooled(own, plan.router, plan.spill_to, above, plan.is_tended, plan.move_to))
        cluster = Cluster(self.settings, self.pools, self.requests)
        patient = [Wait()] * (int(self.requests.bucket.max(initial=0)) + 1)
        waits = [(picoseconds(one.due_s), picoseconds(one.timeout_s)) for one in (*self.waits, *patient)]
        oracle = Oracle(cluster.settings, pools, asked, self.loop, waits)
        oracle.run([(picoseconds(one.time_s), one.action, one.slot, one.row) for one in self.orders])
        last = max((one.end for one in asked), default=0)
        oracle.close(max(last, 0) if self.end_s is None else picoseconds(self.end_s))
        return asked, oracle

    def _columns(self) -> tuple[np.ndarray, ...]:
        asked = self.requests
        return asked.arrival_ps, asked.input_tokens, asked.output_tokens, asked.bucket


def one_instance(
    model: EngineModel, requests: Requests, serving: Serving, frequency_mhz: float = 2000.0, loop: int = 0
) -> Case:
    """A case of one instance."""
    pool = PoolPlan(slots=(0,), opened=1, gap_limit_s=0.05)
    return Case((Setting(model, frequency_mhz, serving),), (pool,), requests, (0,) * len(requests), loop=loop)


def bin_of(gap: int) -> int:
    """Histogram bin of a gap [ps], by its binary digits: the highest seven and how many follow."""
    digits = f"{gap:b}"
    return gap if len(digits) < 7 else 64 * (len(digits) - 7) + int(digits[:7], 2)


def assert_equal(found: Outcome, asked: list[Asked], oracle: Oracle, gap_limit_ps: int) -> None:
    """Every time, count and bin of the engine's outcome is the oracle's; energies to rounding."""
    assert found.first_token_ps.tolist() == [one.tokens[0] if one.tokens else -1 for one in asked]
    assert found.end_ps.tolist() == [one.end for one in asked]
    assert found.preemptions.tolist() == [one.preempted for one in asked]
    assert found.rejected == sum(one.rejected for one in asked)
    assert found.squashed == sum(one.squashed for one in asked)
    assert found.moved == oracle.moved
    gaps = [np.diff(one.tokens).tolist() for one in asked]
    histogram = np.zeros_like(found.gaps)
    for one, own in zip(asked, gaps, strict=True):
        for gap in own:
            histogram[one.bucket, bin_of(gap)] += 1
    np.testing.assert_array_equal(found.gaps, histogram)
    late = [sum(gap > gap_limit_ps for gap in own) if one.end >= 0 else 0 for one, own in zip(asked, gaps, strict=True)]
    assert found.late_gaps.tolist() == late
    for number in range(found.energy_j.shape[0]):
        servers = [server for server in oracle.servers if server.pool == number]
        parts = [(end - begin) * 1e-12 * power for server in servers for begin, end, power in server.drawn]
        assert math.isclose(found.energy_j[number].sum(), math.fsum(parts), rel_tol=1e-12, abs_tol=1e-15)
        assert math.isclose(found.on_s[number].sum(), sum(server.on for server in servers) * 1e-12, rel_tol=1e-12)
