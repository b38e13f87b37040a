"""Least instances against figures worked on paper."""

from __future__ import annotations

from tests.verify.changes import with_services
from tests.verify.hand import findings_of, mixed_pool, two_pools


def test_pools_below_the_least_number_are_named() -> None:
    plan, inputs = two_pools()
    # Instances: SA 3, 4, 1; LA 2, 2, 0. With at least 2 asked for, both pools fall short in window 2.
    findings = findings_of("min_instances", plan, with_services(inputs, min_instances=2))
    assert [(f.where, f.expected, f.found) for f in findings] == [
        ("chat/LA window 2", 2, 0),
        ("chat/SA window 2", 2, 1),
    ]


def test_an_idle_instance_counts() -> None:
    assert findings_of("min_instances", *mixed_pool()) == []
