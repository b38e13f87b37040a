"""Powered servers against figures worked on paper."""

from __future__ import annotations

from dataclasses import replace

from tests.verify.changes import with_gpus
from tests.verify.hand import findings_of, two_pools


def test_servers_are_the_fewest_that_hold_the_gpus() -> None:
    plan, inputs = two_pools()
    # 9 GPUs need 3 servers of 4, but 2 of 8; 7 and 1 need 1 of 8. A stock of 16 is 2 servers, so 3 are none it has.
    findings = findings_of("servers_on", plan, with_gpus(inputs, per_server=8))
    assert [(f.where, f.expected, f.found) for f in findings] == [
        ("hall/h100 window 0", 1.0, 2.0),
        ("hall/h100 window 1", 2.0, 3.0),
        ("hall/h100 window 1", 2, 3),
    ]


def test_one_server_too_few_and_one_too_many_are_refused() -> None:
    plan, inputs = two_pools()
    spoiled = replace(plan, servers=(plan.servers[0], replace(plan.servers[1], servers_on=(1, 3, 2))))
    findings = findings_of("servers_on", spoiled, inputs)
    assert [(f.expected, f.found) for f in findings] == [(2.0, 1.0), (1.0, 2.0)]
