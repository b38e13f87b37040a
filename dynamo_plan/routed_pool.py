"""Pools whose load a router spreads freely: what each kind and clock can do for each bucket alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.errors import Fault
from dynamo_plan.problem import RoutedMode, RoutedPool
from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.scenario import ServiceSpec, SiteSpec

ROUTER = "a router knows the bucket of every request and sends it to groups in the shares planned."
"""What free routing takes for granted."""


def routed_pool(
    service: ServiceSpec,
    site: str,
    buckets: tuple[str, ...],
    curves: Mapping[Kind, Sequence[tuple[OperatingCurve, ...]]],
    derates: Mapping[tuple[Kind, float], float | None],
    rate_rps: NDArray[np.float64],
    reserve_rate_rps: NDArray[np.float64],
) -> RoutedPool:
    """The pool of these buckets; kinds that can serve none of them are left out.

    Parameters
    ----------
    curves : mapping of Kind to sequence of tuple of OperatingCurve, (bucket,)
        SLO-feasible curves of every bucket, one per clock.
    derates : mapping of (Kind, clock) to float or None
        Capacity lost by mixing all the pool's input classes [1]; None where the mixing table has no row, so that they may not mix.
    rate_rps, reserve_rate_rps : array, shape (window, bucket)
        [1/s].
    """
    kinds: list[Kind] = []
    modes: list[RoutedMode] = []
    most: list[int] = []
    for kind, own in curves.items():
        by_clock = [{curve.frequency_mhz: curve for curve in found} for found in own]
        clocks = {clock: derates[kind, clock] for clock in sorted(set().union(*by_clock))}
        usable = [
            RoutedMode(len(kinds), clock, derate, tuple(found.get(clock) for found in by_clock))
            for clock, derate in clocks.items()
            if derate is not None and derate < 1.0
        ]
        if usable:
            kinds.append(kind)
            modes += usable
            most.append(service.min_instances + most_carried(usable, reserve_rate_rps))
    return RoutedPool(
        name=f"{service.name}/{'+'.join(buckets)}",
        service=service.name,
        site=site,
        buckets=buckets,
        kinds=tuple(kinds),
        modes=tuple(modes),
        rate_rps=rate_rps,
        reserve_rate_rps=reserve_rate_rps,
        min_instances=service.min_instances,
        max_instances=np.array(most, dtype=np.int64),
    )


def most_carried(modes: Sequence[RoutedMode], rate_rps: NDArray[np.float64]) -> int:
    """Instances of one kind that carry all load it can serve, rates (window, bucket) [1/s], in whole instances at every clock."""
    most = 0
    for mode in modes:
        room = [np.inf if curve is None else curve.capacity_rps * mode.limit for curve in mode.curves]
        most = max(most, math.ceil(float((rate_rps / np.array(room)).sum(axis=1).max())))
    return most + len(modes)


def unroutable(pool: RoutedPool, site: SiteSpec) -> list[Fault]:
    """Why a routed pool cannot be planned: a bucket with load that no kind may serve in it, or a power cap.

    The model knows a routed pool's power by a bound only, and a plan that its rows allow may be over the cap.
    """
    faults = []
    served = [any(mode.curves[b] is not None for mode in pool.modes) for b in range(len(pool.buckets))]
    peak = pool.reserve_rate_rps.max(axis=0).tolist()
    stuck = [
        name for name, rate, is_served in zip(pool.buckets, peak, served, strict=True) if rate > 0 and not is_served
    ]
    if stuck:
        classes = "+".join(sorted({name[0] for name in pool.buckets}))
        faults.append(
            Fault(
                "pool-without-kind",
                f"services.{pool.service}.pools [{', '.join(pool.buckets)}]",
                f"no kind can serve {', '.join(stuck)} here",
                f"A pool that mixes input classes needs a derate below 1 for {classes} in the mixing table",
                "Split the pool, or give `mixing:` with a derate for this set of classes",
            )
        )
    if site.power_cap_kw is not None:
        faults.append(
            Fault(
                "routing-power-cap",
                f"services.{pool.service}.routing",
                f"free, and site {site.name} has a power cap",
                "Services whose routing is free run at sites without power_cap_kw",
                "Write `routing: even`, or take power_cap_kw out",
            )
        )
    return faults
