from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from dynamo_plan.assemble import assemble
from dynamo_plan.problem import Problem
from dynamo_plan.schema.scenario import GpuSpec
from dynamo_plan.solve.feasibility import best_combination, least_power, pareto, unused_w
from dynamo_plan.solve.states import StateSpace
from tests.model.paper import OLD, TP1, TP2, pool, problem
from tests.solve.enumeration import admitted_states
from tests.solve.invented import random_case

ROUNDING = 1e-9


def spaces_of(of: Problem) -> list[StateSpace]:
    return [StateSpace(one, of.windows.hours) for one in of.pools]


def test_the_front_by_hand() -> None:
    """TP1 (2 GPUs at most 2 each) and TP2 for a load of 4: least power for every number of GPUs that can serve it."""
    (space,) = spaces_of(problem(pool([4.0], (TP1, TP2))))
    unused = {"h100": 0.0}
    (least,) = least_power(space, unused)
    counts, power = pareto(space, 0, least, unused)
    # 2 GPUs: two TP1 at 2 each (1000 W) or one TP2 (1000 W); 3 GPUs: TP1 at 1 + TP1s ...: 180 + 2 x (100 + 200 x 1.5).
    # 4 GPUs: four TP1 at 1 each, 720 W, the least of all.
    assert least.tolist() == [4, 0]
    assert dict(zip((counts @ space.pool.gpus).tolist(), power.tolist(), strict=True)) == pytest.approx(
        {2: 1000.0, 3: 860.0, 4: 720.0}
    )


def brute(of: Problem, t: int) -> tuple[float, float]:
    """Fewest GPUs beyond the stock, and the least facility power [kW] of the joint states that need no more."""
    (site,) = of.sites
    found = []
    own = [admitted_states(one, t) for one in of.pools]
    watts = [
        space.power_w(np.full(states.shape[0], t), states) for space, states in zip(spaces_of(of), own, strict=True)
    ]
    for picks in product(*(range(states.shape[0]) for states in own)):
        short, draw = 0.0, sum(float(w[i]) for w, i in zip(watts, picks, strict=True))
        for gpu, spec in site.gpus.items():
            used = sum(
                int(states[i, k]) * kind.gpus
                for one, states, i in zip(of.pools, own, picks, strict=True)
                for k, kind in enumerate(one.kinds)
                if kind.gpu == gpu
            )
            servers = -(-used // spec.per_server)
            short += max(used - site.stock[gpu][t], 0.0)
            draw += servers * spec.server_idle_w + (servers * spec.per_server - used) * spec.unused_gpu_w
            if spec.count is not None:
                draw += (spec.count / spec.per_server - servers) * spec.released_server_w
        found.append((short, site.pue * draw / 1000.0))
    return min(found)


@pytest.mark.slow
def test_the_best_combination_is_the_best_of_all() -> None:
    """Random sites with caps; what unused GPUs draw is set to 0, see `test_unused_gpus_can_make_more_gpus_cheaper`."""
    tried, seed = 0, 0
    while tried < 60:
        seed += 1
        case = random_case(seed)
        if not case.caps:
            continue
        of = assemble(case.inputs)
        for site in of.sites:
            for name, spec in site.gpus.items():
                site.gpus[name] = spec.model_copy(update={"unused_gpu_w": 0.0})
        if max(len(admitted_states(one, 0)) for one in of.pools) ** len(of.pools) > 3000:
            continue
        tried += 1
        spaces = spaces_of(of)
        found = best_combination(
            of, of.sites[0], spaces, [least_power(space, unused_w(of.sites[0])) for space in spaces], 0
        )
        short = sum(max(used - of.sites[0].stock[gpu][0], 0.0) for gpu, used in found.gpus.items())
        fewest, power_kw = brute(of, 0)
        assert short == fewest, seed
        assert found.power_kw == pytest.approx(power_kw, rel=ROUNDING), seed


def test_unused_gpus_can_make_more_gpus_cheaper() -> None:
    """A lone instance leaves an unused GPU of 150 W beside it (400 W); two instances draw 300 W and leave none."""
    gpus = {"a100": GpuSpec(per_server=2, unused_gpu_w=150.0)}
    of = problem(pool([1.0], (OLD,)), gpus=gpus)
    spaces = spaces_of(of)
    found = best_combination(
        of, of.sites[0], spaces, [least_power(space, unused_w(of.sites[0])) for space in spaces], 0
    )
    assert brute(of, 0)[1] == pytest.approx(0.3)
    assert found.power_kw == pytest.approx(0.3)


def test_two_pools_share_a_stock() -> None:
    """Each pool: 1 GPU at 500 W or 2 at 360 W for a load of 2. Three GPUs: 860 W; one GPU: short by one at 1000 W."""
    for stock, gpus, power_kw in ((4, 4, 0.72), (3, 3, 0.86), (2, 2, 1.0), (1, 2, 1.0)):
        of = problem(
            pool([2.0], name="a/SA"), pool([2.0], name="b/SA"), gpus={"h100": GpuSpec(count=stock, per_server=1)}
        )
        spaces = spaces_of(of)
        found = best_combination(
            of, of.sites[0], spaces, [least_power(space, unused_w(of.sites[0])) for space in spaces], 0
        )
        assert found.gpus == {"h100": gpus}
        assert found.power_kw == pytest.approx(power_kw)
