"""Schedules that do not hold what a correct plan holds; inputs stay as they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dynamo_plan.schema.bucket import bucket_grid
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan, Reshard
from dynamo_plan.schema.scenario import ServiceSpec
from tests.verify.changes import Spoiled, loaded, with_group


def one_instance_fewer(plan: Plan, inputs: Inputs) -> Spoiled:
    index = loaded(plan)
    return with_group(plan, index, instances=plan.groups[index].instances - 1), inputs


def one_instance_more(plan: Plan, inputs: Inputs) -> Spoiled:
    index = loaded(plan)
    return with_group(plan, index, instances=plan.groups[index].instances + 1), inputs


def dropped_group(plan: Plan, inputs: Inputs) -> Spoiled:
    return with_group(plan, loaded(plan), instances=0), inputs


def duplicated_group(plan: Plan, inputs: Inputs) -> Spoiled:
    return replace(plan, groups=(*plan.groups, plan.groups[0])), inputs


def swapped_windows(plan: Plan, inputs: Inputs) -> Spoiled:
    """Exchange the schedules of two windows whose demand differs."""
    forecasts = inputs.forecasts.values()
    for first in range(plan.windows):
        for second in range(first + 1, plan.windows):
            if any(not np.allclose(f.rate_rps[first], f.rate_rps[second], rtol=0.01, atol=0) for f in forecasts):
                swap = {first: second, second: first}
                groups = tuple(replace(g, window=swap.get(g.window, g.window)) for g in plan.groups)
                return replace(plan, groups=groups), inputs
    raise LookupError("demand is the same in all windows")


def rate_above_capacity(plan: Plan, inputs: Inputs) -> Spoiled:
    """Load instances 5 % beyond what they can serve, consistently stated."""
    index = loaded(plan)
    group = plan.groups[index]
    return with_group(plan, index, rate_rps=1.05 * group.rate_rps / group.utilisation, utilisation=1.05), inputs


def cannot_serve(service: ServiceSpec, inputs: Inputs, kind: Kind, clock: float, bucket: str, rate_rps: float) -> bool:
    """Whether measured rows alone show that a rate of a bucket is beyond the SLO, or beyond all rows, at some point."""
    table = inputs.profiles[service.name]
    grid = {b.name: b for b in bucket_grid(tuple(service.buckets.input), tuple(service.buckets.output))}
    same_kind = (table.gpu == kind.gpu) & (table.tp == kind.tp) & (table.pp == kind.pp) & (table.dtype == kind.dtype)
    point = (table.model == service.model) & same_kind & (table.frequency_mhz == clock) & (table.rate_rps > 0)
    rows = [
        row
        for row in np.flatnonzero(point).tolist()
        if grid[bucket].holds(table.input_tokens[row], table.output_tokens[row])
    ]
    rates = [float(table.rate_rps[row]) for row in rows]
    if len(rates) < 2 or max(rates) < rate_rps:
        return bool(rates)
    assert service.slo is not None
    ttft_slo_ms, tbt_slo_ms = service.slo.ttft_p99_ms[grid[bucket].input_class], service.slo.tbt_p99_ms
    return any(
        (table.ttft_p99_ms[row] > ttft_slo_ms or table.tbt_p99_ms[row] > tbt_slo_ms)
        and (rate <= rate_rps or rate == min(rates))
        for row, rate in zip(rows, rates, strict=True)
    )


def kind_that_breaks_the_slo(plan: Plan, inputs: Inputs) -> Spoiled:
    """Run a group on another kind, at a clock where its load breaks the SLO of a bucket that it serves."""
    services = {service.name: service for service in inputs.scenario.services}
    pools = {pool.name: pool for pool in plan.pools}
    for index, group in enumerate(plan.groups):
        pool, service = pools[group.pool], services[pools[group.pool].service]
        forecast, table = inputs.forecasts[service.name], inputs.profiles[service.name]
        mean_rps = {b: float(forecast.rate_rps[group.window, forecast.buckets.index(b)]) for b in pool.buckets}
        total_rps = sum(mean_rps.values())
        served = {b: group.rate_rps * rate / total_rps for b, rate in mean_rps.items() if rate > 0}
        for kind in table.kinds():
            for clock in service.frequencies_mhz or sorted(set(table.frequency_mhz.tolist())):
                if kind != group.kind and any(
                    cannot_serve(service, inputs, kind, clock, bucket, rate) for bucket, rate in served.items()
                ):
                    return with_group(plan, index, kind=kind, frequency_mhz=clock), inputs
    raise LookupError("every other kind and clock could serve every group's load")


def kind_without_rows(plan: Plan, inputs: Inputs) -> Spoiled:
    index = loaded(plan)
    kind = plan.groups[index].kind
    return with_group(plan, index, kind=replace(kind, pp=kind.pp + 7)), inputs


def pool_left_out(plan: Plan, inputs: Inputs) -> Spoiled:
    name = plan.pools[0].name
    return replace(plan, pools=plan.pools[1:], groups=tuple(g for g in plan.groups if g.pool != name)), inputs


def bucket_in_two_pools(plan: Plan, inputs: Inputs) -> Spoiled:
    last = plan.pools[-1]
    twice = next((p for p in plan.pools[:-1] if p.service == last.service), last).buckets[:1]
    return replace(plan, pools=(*plan.pools[:-1], replace(last, buckets=last.buckets + twice))), inputs


def share_at_one_site(plan: Plan, inputs: Inputs) -> Spoiled:
    """Half of a pool's load, says the plan, goes to another site; there is none."""
    pools = (replace(plan.pools[0], share=(0.5,) * plan.windows), *plan.pools[1:])
    return replace(plan, pools=pools), inputs


def pool_at_another_site(plan: Plan, inputs: Inputs) -> Spoiled:
    return replace(plan, pools=(replace(plan.pools[0], site="elsewhere"), *plan.pools[1:])), inputs


def group_of_no_pool(plan: Plan, inputs: Inputs) -> Spoiled:
    return with_group(plan, 0, pool="nobody/XX"), inputs


def short_series(plan: Plan, inputs: Inputs) -> Spoiled:
    entry = plan.sites[0]
    return replace(plan, sites=(replace(entry, energy_kwh=entry.energy_kwh[:-1]), *plan.sites[1:])), inputs


def site_left_out(plan: Plan, inputs: Inputs) -> Spoiled:
    return replace(plan, sites=plan.sites[1:]), inputs


def reshard_that_is_none(plan: Plan, inputs: Inputs) -> Spoiled:
    """One re-shard more than there are."""
    group = plan.groups[loaded(plan)]
    return replace(plan, reshards=(*plan.reshards, Reshard(group.window, group.pool, group.kind, 1))), inputs
