from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.emit.profile_table import write_profile
from dynamo_plan.errors import InputError
from dynamo_plan.ingest.recipe_yaml import read_recipe
from dynamo_plan.profile.compose import Composed, compose
from dynamo_plan.profile.rows import joined
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import ProfileTable
from dynamo_plan.schema.recipe import Recipe, RecipeInputs
from tests.profile.fit.truth import CLOCKS_MHZ, KIND, power_w, tbt_ms, truth_table

TP8 = Kind("h100", 8, 1, "bf16")


def composed(ratio: dict[str, object], baseline: ProfileTable, reference: ProfileTable | None = None) -> Composed:
    recipe = Recipe.model_validate({"version": 1, "baseline": {"profile": "b"}, "ratios": [ratio]}, strict=False)
    return compose(RecipeInputs(recipe, baseline, (reference,), ("recipe.yaml:4:5 ratios[0]",)))


def faults_of(ratio: dict[str, object], baseline: ProfileTable, reference: ProfileTable | None = None) -> list[str]:
    with pytest.raises(InputError) as error:
        composed(ratio, baseline, reference)
    return [f"{fault.code}: {fault.what}" for fault in error.value.faults]


def at_1980() -> ProfileTable:
    """A baseline at one clock, twice as fast and of 1.5 times the power of the reference."""
    table = truth_table(clocks=(1980.0,), kind=TP8, idle=True)
    return replace(
        table,
        rate_rps=table.rate_rps * 2.0,
        ttft_p99_ms=table.ttft_p99_ms / 2.0,
        tbt_p99_ms=table.tbt_p99_ms / 2.0,
        power_w=table.power_w * 1.5,
    )


def test_ratios_of_a_sweep_carry_a_baseline_to_other_clocks() -> None:
    reference = truth_table(idle=True)
    found = composed(
        {"axis": "frequency_mhz", "base": 1980.0, "to": [1400.0], "profile": "sweep"}, at_1980(), reference
    )
    table = found.table
    assert found.notes == ()
    assert (len(table), found.composed) == (40, 20)
    new = table.frequency_mhz == 1400.0
    assert set(table.provenance[new]) == {"composed"}
    assert set(table.provenance[~new]) == {"measured"}
    assert set(table.source[new]) == {"on paper x frequency_mhz 1980 to 1400 of sweep"}
    (row,) = np.flatnonzero(
        new & (table.concurrency == 16.0) & (table.input_tokens == 100.0) & (table.output_tokens == 50.0)
    )
    assert table.power_w[row] == pytest.approx(1.5 * power_w(1400.0, 16.0))
    assert table.tbt_p99_ms[row] == pytest.approx(tbt_ms(1400.0, 16.0) / 2.0)
    assert table.power_w[new & (table.rate_rps == 0)] == pytest.approx(1.5 * 270.0)
    # Little's law holds in the composed row as in those it comes from.
    residence = table.ttft_p99_ms[row] + 49.0 * table.tbt_p99_ms[row]
    assert table.rate_rps[row] * residence / 1000.0 == pytest.approx(16.0, rel=0.01)


def test_clocks_of_another_range_are_scaled() -> None:
    reference = truth_table(idle=True)
    half = replace(reference, frequency_mhz=reference.frequency_mhz / 2.0)
    ratio = {"axis": "frequency_mhz", "base": 1980.0, "to": [1400.0], "profile": "s"}
    scaled = composed({**ratio, "reference_base": 990.0}, at_1980(), half).table
    assert scaled.power_w == pytest.approx(composed(ratio, at_1980(), reference).table.power_w)


@pytest.mark.parametrize(
    ("ratio", "change", "what"),
    [
        ({"to": [700.0]}, {}, "compose-range: 700 MHz is outside the 800 to 1980 MHz measured in truth.csv"),
        ({}, {"input_tokens": 90.0}, "compose-range: 90/50 tokens at 1980 MHz are outside what the reference measured"),
        ({}, {"concurrency": 65.0}, "compose-range: 65 requests in flight of 100/50 tokens at 1980 MHz are outside the 1 to 64 measured"),
        ({"base": 1700.0}, {}, "compose-no-row: the baseline has no row at frequency_mhz 1700"),
        ({"of": {"tp": 2}}, {}, "compose-range: truth.csv has no loaded row with tp 2"),
    ],
)  # fmt: skip
def test_ratios_outside_what_was_measured_are_refused(
    ratio: dict[str, object], change: dict[str, float], what: str
) -> None:
    baseline = at_1980()
    for name, value in change.items():
        column = getattr(baseline, name).copy()
        column[1] = value
        baseline = replace(baseline, **{name: column})
    given = {"axis": "frequency_mhz", "base": 1980.0, "to": [1400.0], "profile": "sweep", **ratio}
    assert faults_of(given, baseline, truth_table(idle=True)) == [what]


def test_the_mean_ratio_asks_for_no_lengths() -> None:
    baseline = at_1980()
    other = replace(baseline, input_tokens=np.full(len(baseline), 9000.0))
    ratio = {"axis": "frequency_mhz", "base": 1980.0, "to": [1400.0], "profile": "sweep", "by": "mean"}
    table = composed(ratio, other, truth_table(idle=True)).table
    new = (table.frequency_mhz == 1400.0) & (table.rate_rps > 0)
    by_clock = (300 + 80 * 1.4 + 30 * 1.4**3) / (300 + 80 * 1.98 + 30 * 1.98**3)  # the truth's load factor cancels
    assert table.power_w[new] / other.power_w[other.rate_rps > 0] == pytest.approx(by_clock)


def test_tensor_parallel_ratios_come_from_a_model_measured_at_both() -> None:
    fast = truth_table(kind=TP8)
    both = truth_table()
    reference = joined([both, replace(fast, ttft_p99_ms=fast.ttft_p99_ms * 0.5)])
    baseline = truth_table(idle=True)
    found = composed({"axis": "tp", "base": 4.0, "to": [8.0], "profile": "both"}, baseline, reference)
    new = found.table.tp == 8
    assert found.notes == ("tp 8: no ratio of the idle draw is known; its idle rows are left out",)
    assert new.sum() == (baseline.rate_rps > 0).sum()
    assert found.table.ttft_p99_ms[new] == pytest.approx(0.5 * baseline.ttft_p99_ms[baseline.rate_rps > 0])
    assert found.table.tp.dtype == np.int64
    assert faults_of({"axis": "tp", "base": 4.0, "to": [2.0], "profile": "both"}, baseline, reference) == [
        "compose-range: truth.csv has no loaded row with tp 2"
    ]


def test_published_ratios_of_a_table() -> None:
    table = [
        {"value": 800.0, "rate": 0.81, "ttft": 2.0, "power": 0.64, "idle_power": 0.8},
        {"value": 1980.0, "idle_power": 1.0},
    ]
    ratio = {"axis": "frequency_mhz", "base": 1980.0, "to": [800.0], "table": table, "source": "a paper"}
    baseline = at_1980()
    found = composed(ratio, baseline).table
    new = found.frequency_mhz == 800.0
    assert found.rate_rps[new] == pytest.approx(0.81 * baseline.rate_rps)
    assert found.tbt_p99_ms[new] == pytest.approx(baseline.tbt_p99_ms, nan_ok=True)
    assert found.power_w[new] == pytest.approx(np.where(baseline.rate_rps > 0, 0.64, 0.8) * baseline.power_w)
    geometric = composed({**ratio, "to": [1390.0]}, baseline).table
    assert geometric.power_w[-1] == pytest.approx(0.8 * baseline.power_w[-1])  # half way: the root of 0.64
    assert faults_of({**ratio, "to": [799.0]}, baseline) == [
        "compose-range: 799 MHz is outside the 800 to 1980 MHz of the table"
    ]
    dtype = {"axis": "dtype", "base": "bf16", "to": ["int8"], "source": "a paper"}
    assert faults_of({**dtype, "table": [{"value": "int4"}]}, baseline) == [
        "compose-range: the table has no dtype int8; it has int4"
    ]
    quantised = composed({**dtype, "table": [{"value": "int8", "rate": 1.2, "idle_power": 1.0}]}, baseline).table
    assert set(quantised.dtype) == {"bf16", "int8"}


RECIPE = """\
version: 1
baseline: {profile: base.parquet, of: {gpu: h100}}
ratios:
  - {axis: frequency_mhz, base: 1980, to: [1400, 1100], profile: sweep.csv}
  - {axis: dtype, base: bf16, to: [fp8_e4m3], source: a paper, table: [{value: fp8_e4m3, rate: 1.5}]}
"""


def test_a_recipe_is_read_with_its_profiles(tmp_path: Path) -> None:
    write_profile(at_1980(), tmp_path / "base.parquet")
    write_profile(truth_table(idle=True), tmp_path / "sweep.csv")
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    found = compose(read_recipe(tmp_path / "recipe.yaml"))
    assert len(found.table) == 20 * 3 + 16 * 3  # FP8's idle draw is not known
    assert {str(kind) for kind in found.table.kinds()} == {"h100-tp8-bf16", "h100-tp8-fp8_e4m3"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("base: bf16", "base: BF8", "Did you mean bf16 or fp8_e5m2?"),
        ("base: bf16", "base: 1980", "is no dtype"),
        ("source: a paper, ", "", "needs `source:`"),
        ("profile: sweep.csv", "profile: sweep.csv, table: [{value: 1}]", "Give one of the two"),
        ("to: [1400, 1100]", "to: [1400, 1980]", "stands in `to` too"),
        ("axis: dtype", "axis: tensor", "is not known"),
        ("ratios:", "ratio:", "Did you mean ratios?"),
        ("sweep.csv", "sweeps.csv", "Did you mean sweep.csv?"),
        ("{gpu: h100}", "{gpu: h200}", "no row of"),
        ("version: 1", "version: 2", "version"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(tmp_path: Path, old: str, new: str, said: str) -> None:
    write_profile(at_1980(), tmp_path / "base.parquet")
    write_profile(truth_table(idle=True), tmp_path / "sweep.csv")
    assert old in RECIPE
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=said.replace("?", r"\?")):
        compose(read_recipe(tmp_path / "recipe.yaml"))


def test_every_clock_of_the_reference_can_be_composed() -> None:
    clocks = [clock for clock in CLOCKS_MHZ if clock != 1980.0]
    ratio = {"axis": "frequency_mhz", "base": 1980.0, "to": clocks, "profile": "sweep", "of": {"tp": KIND.tp}}
    assert composed(ratio, at_1980(), truth_table(idle=True)).composed == 20 * len(clocks)
