"""Boots against figures worked on paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dynamo_plan.schema.scenario import InitialServers, InitialSpec
from dynamo_plan.verify.boots import boots
from tests.verify.changes import with_gpus, with_servers
from tests.verify.hand import findings_of, two_pools


def test_one_boot_is_stated_and_holds() -> None:
    plan, inputs = two_pools()
    assert findings_of("server_starts", plan, inputs) == []
    late = with_servers(plan, "servers_started", -1)
    (finding,) = findings_of("server_starts", late, inputs)
    assert (finding.where, finding.expected, finding.found) == ("hall/h100 window 1", 1.0, 0.0)


def test_the_boot_time_is_the_scenarios() -> None:
    plan, inputs = two_pools()
    slower = with_gpus(inputs, server_start_s=600.0)
    findings = findings_of("server_starts", plan, slower)
    assert {(finding.expected, finding.found) for finding in findings} == {(600.0, 0.0)}
    # And the servers that boot for window 1 draw 600 W for ten minutes more in window 0, less the 10 W of a released one.
    energy = [one for one in findings_of("energy", plan, slower) if one.what.startswith("IT")]
    assert [one.expected for one in energy] == pytest.approx([1.1 + 0.59 / 6])


def test_servers_that_were_off_before_boot_for_the_first_window() -> None:
    plan, inputs = two_pools()
    before = InitialSpec(instances=[], servers=[InitialServers(site="hall", gpu="h100", servers_on=0)])
    cold = replace(inputs, scenario=inputs.scenario.model_copy(update={"initial": before}))
    (finding,) = findings_of("server_starts", plan, cold)
    assert (finding.where, finding.expected, finding.found) == ("hall/h100 window 0", 2.0, 0.0)


@pytest.mark.parametrize(("boot_s", "started"), [(0.0, [0, 1, 0, 2]), (1799.0, [0, 1, 0, 2]), (1800.0, [0, 1, 0, 0])])
def test_a_server_that_is_on_again_within_its_boot_time_was_never_off(boot_s: float, started: list[int]) -> None:
    assert boots(np.array([2, 3, 0, 2]), boot_s, 1800, None).started.tolist() == started
