"""What an earlier plan has running when the next one begins."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dynamo_plan.errors import InputError
from dynamo_plan.schema.handover import state_before
from tests.emit.sample import sample_plan


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2024, 5, 14, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "window", "servers"),
    [
        (at(1), 0, 2),
        (at(2), 1, 3),  # the two for window 2 boot since 01:53
        (at(1, 53), 1, 1),
        (at(1, 54), 1, 3),
        (at(4), 3, 2),
    ],
)
def test_the_window_before_and_the_servers_on(moment: datetime, window: int, servers: int) -> None:
    plan = sample_plan()
    state = state_before(plan, moment, "runs/05")
    found: dict[tuple[str, int], int] = {}
    for group in plan.groups:
        if group.window == window:
            key = group.pool, group.kind.tp
            found[key] = found.get(key, 0) + group.instances
    assert {(one.pool, one.tp): one.instances for one in state.instances} == found
    assert [(one.site, one.gpu, one.servers_on) for one in state.servers] == [("site-a", "h100", servers)]


@pytest.mark.parametrize("moment", [at(0), at(4, 1)])
def test_a_moment_without_a_window_before_it(moment: datetime) -> None:
    with pytest.raises(InputError, match="runs from 2024-05-14T00:00:00Z to 2024-05-14T04:00:00Z") as caught:
        state_before(sample_plan(), moment, "runs/05")
    assert (caught.value.faults[0].code, caught.value.faults[0].where) == ("warm-start-gap", "runs/05")
