"""Starts against figures worked on paper."""

from __future__ import annotations

from dataclasses import replace

from tests.verify.changes import total_change, with_group
from tests.verify.hand import findings_of, two_pools


def test_only_rising_counts_start_instances() -> None:
    plan, inputs = two_pools()
    # SA: TP1 3, 3, 1 and TP2 0, 1, 0; LA: TP2 2, 2, 0. One start. Without TP1's three in window 1, one starts in window 2.
    gone = replace(plan, groups=tuple(group for group in plan.groups if group is not plan.groups[4]))
    (finding,) = findings_of("instance_starts", gone, inputs)
    assert (finding.expected, finding.found) == (2, 1)


def test_counts_add_up_over_clocks() -> None:
    plan, inputs = two_pools()
    # TP1 in window 0 runs 2 + 1 at two clocks; with 1 + 1 one more starts in window 1.
    (finding,) = findings_of("instance_starts", with_group(plan, 2, instances=1), inputs)
    assert finding.expected == 2


def test_a_wrong_total_is_refused() -> None:
    (finding,) = findings_of("instance_starts", *total_change("instance_starts", lambda _: 0)(*two_pools()))
    assert (finding.expected, finding.found) == (1, 0)
