"""The nested cuts keep every state that the detour test would keep, and reject what cannot serve."""

from __future__ import annotations

import numpy as np
import pytest

from dynamo_plan.solve import cuts
from dynamo_plan.solve.cuts import Cuts, TooManyStatesError, admitted
from dynamo_plan.solve.states import PoolPrices, StateSpace
from tests.model.paper import TP1, TP2, pool
from tests.solve.test_states import random_spaces

ROUNDING = 1e-9


@pytest.mark.parametrize("block", range(3))
def test_candidates_never_lose_a_state_that_passes_the_detour_test(block: int) -> None:
    for number, (space, prices) in enumerate(random_spaces(40, 500 + 1000 * block)):
        test = space.detour(prices)
        window, counts = space.cuts.candidates(test)
        found = {(t, *state) for t, state in zip(window.tolist(), counts.tolist(), strict=True)}
        assert len(found) == window.size  # none twice
        box_window, box_counts = space.box()
        power = space.power_w(box_window, box_counts)
        cost = (prices.instance[box_window] * box_counts).sum(axis=1) + test.energy[box_window] * power
        limit = test.limit[box_window] + test.way(box_window, box_counts)
        passes = cost <= limit + ROUNDING * np.abs(limit)
        wanted = zip(box_window[passes].tolist(), box_counts[passes].tolist(), strict=True)
        assert {(t, *state) for t, state in wanted} <= found, (block, number)
        assert found <= {(t, *state) for t, state in zip(box_window.tolist(), box_counts.tolist(), strict=True)}


def test_the_reference_is_admitted_and_costs_what_the_limit_says() -> None:
    for space, prices in random_spaces(40, 300):
        test = space.detour(prices)
        line = np.arange(space.pool.mix.size)
        assert admitted(space.pool, line, test.reference).all()
        cost = (prices.instance * test.reference).sum(axis=1) + test.energy * space.power_w(line, test.reference)
        assert test.limit == pytest.approx(cost, rel=1e-12)


def test_cuts_are_lower_bounds() -> None:
    """S L + sum N psi(s) is at most the hull power, for every slope."""
    for space, _ in random_spaces(20, 40):
        window, counts = space.box()
        own: Cuts = space.cuts
        mix = space.pool.mix[window]
        bound = own.slope[mix] * space.pool.rate_rps[window][:, None] + np.einsum("psk,pk->ps", own.psi[mix], counts)
        hull = space.bound_w(window, counts)[:, None]
        assert (bound <= hull + ROUNDING * (np.abs(hull) + np.abs(bound))).all()


def test_by_hand_one_kind() -> None:
    """80 W idle and 100 W per request at the low clock up to 1: for 2.5 requests/s 2 to 4 instances, from 380 W on 3 of them."""
    space = StateSpace(pool([2.5], max_instances=9), 1.0)
    free = PoolPrices(np.ones(1), np.zeros((1, 1)), np.zeros((1, 1)))
    window, counts = space.cuts.candidates(space.detour(free))
    assert window.tolist() == [0] * counts.shape[0]
    # Three cost 490 W, the least; four idle at 320 W and serve at 250 W more: 570.
    assert [3] in counts.tolist()
    assert all(count[0] < 5 for count in counts.tolist())


def test_too_many_states_are_refused_not_thinned_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "LARGEST_EXPANSION", 3)
    space = StateSpace(pool([5.0] * 8, (TP1, TP2), max_instances=9), 1.0)
    dear = PoolPrices(np.ones(8), np.zeros((8, 2)), np.full((8, 2), 100.0))
    with pytest.raises(TooManyStatesError, match="chat/SA"):
        space.cuts.candidates(space.detour(dear))
