"""What limits are worth and what runners-up cost, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from dynamo_plan.report.wording import count, difference, moment, number, objective_unit
from dynamo_plan.schema.alternative import Alternative
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan, ShadowPrice
from dynamo_plan.schema.scenario import ObjectiveName

MOST_MOMENTS = 3
"""Windows named of one limit, those in which it is worth most."""

PRICES_ARE = (
    "These are prices of the relaxed problem, in which instances and servers are divisible: good for ranking. More units never save "
    "more than this each there; a plan of whole instances may save somewhat less or more. Solve again to know."
)

REGRET_IS = (
    "Each pool by itself: its cheapest schedule with these kinds only against that with all of its kinds, limits at the prices "
    "above. Whole servers and least up times are not in it."
)


def worth(plan: Plan, price: ShadowPrice, objective: Mapping[ObjectiveName, float]) -> str:
    """What one more unit of a limit would save over the horizon, and when most of it."""
    unit = objective_unit(objective) or " of the objective"
    total = math.fsum(price.saving)
    best = sorted(zip(price.saving, price.windows, strict=True), key=lambda pair: (-pair[0], pair[1]))[:MOST_MOMENTS]
    moments = [f"{number(saving)}{unit} at {moment(plan, window)}" for saving, window in best]
    rest = len(price.windows) - len(best)
    more = [f"the rest in {count(rest, 'more window')}"] if rest else []
    if len(price.windows) == 1:
        return f"{price.constraint} at {price.where}: one more {price.unit} would save up to {moments[0]}"
    return (
        f"{price.constraint} at {price.where}: one more {price.unit} would save up to {number(total)}{unit} over the horizon: "
        + ", ".join(moments + more)
    )


def runners_up(found: Sequence[Alternative], objective: Mapping[ObjectiveName, float]) -> list[str]:
    """One line per pool, then one per service with several pools: what it costs to do without kinds."""
    lines = []
    for pool in dict.fromkeys(one.pool for one in found):
        own = [one for one in found if one.pool == pool]
        if len(own) == 1:
            lines.append(f"{pool}: {own[0].kinds[0]} is its only kind")
            continue
        without = [f"without {one.left_out} {_regret(one, objective)}" for one in own if one.left_out is not None]
        only = [f"{one.kinds[0]} {_regret(one, objective)}" for one in own if one.left_out is None]
        lines.append(f"{pool}: {'; '.join([*without, f'only {", only ".join(only)}'])}")
    for service in dict.fromkeys(one.service for one in found):
        totals = single_kinds([one for one in found if one.service == service])
        if totals:
            shown = [f"only {kind} {_change(cost, regret, objective)}" for kind, (cost, regret) in totals.items()]
            lines.append(f"{service}, one kind for all pools: {', '.join(shown)}")
    return lines


def single_kinds(found: Sequence[Alternative]) -> dict[Kind, tuple[float, float]]:
    """Cost and regret of several pools together by the one kind that all may use; empty for one pool, without kinds that cannot."""
    pools = {one.pool for one in found}
    if len(pools) < 2:
        return {}
    totals: dict[Kind, tuple[float, float]] = {}
    for kind in sorted({kind for one in found for kind in one.kinds}):
        own = [one for one in found if one.left_out is None and one.kinds == (kind,)]
        regrets = [one.regret for one in own if one.regret is not None]
        if len(regrets) == len(pools):
            totals[kind] = math.fsum(one.cost for one in own), math.fsum(regrets)
    return totals


def _regret(one: Alternative, objective: Mapping[ObjectiveName, float]) -> str:
    return "cannot serve it" if one.regret is None else _change(one.cost, one.regret, objective)


def _change(cost: float, regret: float, objective: Mapping[ObjectiveName, float]) -> str:
    return difference(cost, cost + regret, objective)
