"""Recorded files against the files read."""

from __future__ import annotations

from dataclasses import replace

from dynamo_plan.schema.plan import InputFile
from tests.verify.hand import FILES, findings_of, two_pools


def test_a_file_may_not_change_vanish_or_appear() -> None:
    plan, inputs = two_pools()
    grown = replace(FILES[1], size_bytes=101)
    stranger = InputFile("grid:attic", "attic.csv", 1, "f" * 64)
    findings = findings_of("inputs", replace(plan, inputs=(FILES[0], grown, *FILES[3:], stranger)), inputs)
    assert [f.where for f in findings] == ["grid:attic attic.csv", "mixing:chat mixing.csv", "profile:chat profile.csv"]


def test_a_file_is_recorded_once() -> None:
    plan, inputs = two_pools()
    (finding,) = findings_of("inputs", replace(plan, inputs=(*FILES, FILES[0])), inputs)
    assert (finding.expected, finding.found) == (5, 6)
