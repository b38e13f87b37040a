"""What every rule must have."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from dynamo_plan.verify.rules import Rule, load_rules

RULES = load_rules()


def test_rules_are_found_and_sorted() -> None:
    names = [rule.NAME for rule in RULES]
    assert names == sorted(names)
    assert {"served_demand", "reserve", "energy", "violations"} <= set(names)


@pytest.mark.parametrize("rule", RULES, ids=[rule.NAME for rule in RULES])
def test_a_rule_is_named_documented_and_tested(rule: Rule) -> None:
    module: object = rule
    assert isinstance(module, ModuleType)
    assert module.__name__.rpartition(".")[2] == rule.NAME
    assert ".. math::" in (module.__doc__ or "")
    assert (Path(__file__).parent / "rules" / f"test_{rule.NAME}.py").is_file()
