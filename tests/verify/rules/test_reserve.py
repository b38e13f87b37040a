"""Reserve against figures worked on paper."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.verify.changes import with_group, with_services
from tests.verify.hand import findings_of, mixed_pool, two_pools


def test_instances_count_at_their_best_clock() -> None:
    plan, inputs = two_pools()
    # Window 0, SA: reserve 4.0; two TP1 hold 2 x 1.5 = 3.0, whatever clock they run at now. Window 1 is not touched.
    fewer = replace(plan, groups=(plan.groups[0], *plan.groups[2:]))
    (finding,) = findings_of("reserve", fewer, inputs)
    assert finding.where == "chat/SA window 0"
    assert finding.expected == pytest.approx(4.0)
    assert finding.found == pytest.approx(3.0)


def test_kinds_add_up() -> None:
    plan, inputs = two_pools()
    # Window 1, SA: reserve 6.0; 1 TP1 + 1 TP2 hold 1.5 + 4.0 = 5.5.
    (finding,) = findings_of("reserve", with_group(plan, 4, instances=1), inputs)
    assert finding.found == pytest.approx(5.5)


def test_a_mixed_pool_is_held_with_its_derate() -> None:
    plan, inputs = mixed_pool()
    # One instance holds 0.8/(0.8/4 + 0.2/0.75) = 12/7 of 3.3 requests/s.
    (finding,) = findings_of("reserve", with_group(plan, 0, instances=1), inputs)
    assert finding.expected == pytest.approx(3.3)
    assert finding.found == pytest.approx(12 / 7)


def test_only_the_clocks_of_the_service_count() -> None:
    plan, inputs = two_pools()
    # At 1000 MHz alone TP1 holds 0.75 and TP2 2.0: SA windows 0, 1, 2 hold 2.25, 4.25, 0.75 of 4.0, 6.0, 1.5;
    # LA at 0.375 per TP2 holds 0.75 of 1.0 and of 1.5.
    findings = findings_of("reserve", plan, with_services(inputs, frequencies_mhz=[1000.0]))
    held = sorted(float(finding.found) for finding in findings)
    assert held == pytest.approx([0.75, 0.75, 0.75, 2.25, 4.25])


def test_without_a_quantile_the_mean_is_the_reserve() -> None:
    plan, inputs = two_pools()
    # Window 0, SA: mean 3.0; two TP1 hold exactly 3.0.
    fewer = replace(plan, groups=(plan.groups[0], *plan.groups[2:]))
    assert findings_of("reserve", fewer, with_services(inputs, reserve_quantile=None)) == []
