from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.emit.profile_table import write_profile
from dynamo_plan.errors import InputError, UsageError
from dynamo_plan.ingest import read_profile
from dynamo_plan.profile.cells import bucket_curves
from dynamo_plan.profile.fit.fitted import fitted_profile
from dynamo_plan.profile.fit.tabulate import Target, tabulate_at, with_guard
from dynamo_plan.profile.fit.targets import bucket_lengths
from dynamo_plan.profile.rows import joined
from dynamo_plan.schema.bucket import bucket_grid
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import ERROR_COLUMNS, PREDICTED, recorded_errors
from dynamo_plan.schema.scenario import SloSpec
from tests.profile.fit.truth import KIND, power_w, truth_table

SLO = SloSpec(ttft_p99_ms={"S": 400.0, "L": 2000.0}, tbt_p99_ms=40.0)


def test_measured_rows_stay_and_others_are_tagged() -> None:
    table = truth_table(idle=True)
    found = tabulate_at(table, Target(frequencies_mhz=(1250.0, 1400.0)))
    assert found.notes == ()
    measured = found.table.provenance == "measured"
    assert set(found.table.frequency_mhz[measured]) == {1400.0}
    assert set(found.table.frequency_mhz[~measured]) == {1250.0}
    assert found.predicted == int((~measured).sum()) == 4 * 5  # four pairs of lengths, idle and four loads
    assert set(found.table.provenance[~measured]) == {"interpolated"}
    assert set(found.table.source[~measured]) == {"interpolated from truth.csv"}
    idle = (found.table.rate_rps == 0) & ~measured
    assert found.table.power_w[idle] == pytest.approx(262.5)
    at_four = (found.table.concurrency == 4.0) & ~measured
    assert found.table.power_w[at_four] == pytest.approx(power_w(1250.0, 4.0))


def test_beyond_the_clocks_is_tagged_and_noted() -> None:
    found = tabulate_at(truth_table(), Target(frequencies_mhz=(2100.0,)))
    assert set(found.table.provenance) == {"modelled"}
    assert found.notes == ("m h100-tp4-bf16: 2100 MHz lie outside 800 to 1980 MHz; their rows are tagged modelled",)


def test_lengths_outside_are_noted_and_alone_a_fault() -> None:
    target = Target(lengths=((450.0, 150.0), (450.0, 900.0)))
    found = tabulate_at(truth_table(), target)
    assert {*zip(found.table.input_tokens.tolist(), found.table.output_tokens.tolist(), strict=True)} == {
        (450.0, 150.0)
    }
    assert found.notes == (
        "m h100-tp4-bf16 450/900 tokens: outside the lengths measured, or only one clock known there; no rows",
    )
    with pytest.raises(InputError) as error:
        fitted_profile(truth_table(), Target(lengths=((450.0, 900.0),)))
    assert error.value.faults[0].code == "fit-outside"


def test_an_instance_past_its_highest_throughput_has_no_rows_there() -> None:
    table = truth_table()
    past = table.concurrency == 64.0
    table.rate_rps[past] = table.rate_rps[table.concurrency == 16.0]
    found = tabulate_at(table, Target(frequencies_mhz=(1250.0,)))
    assert found.predicted == 4 * 3


def test_a_bucket_without_rows_inside_gets_a_curve() -> None:
    """The solver sees rows only: interpolated ones serve a bucket that nobody measured."""
    buckets = bucket_grid((600, None), (200, None))
    measured = truth_table(lengths=((100.0, 50.0), (100.0, 400.0), (5000.0, 50.0), (5000.0, 400.0)))
    pairs = sorted({*zip(measured.input_tokens.tolist(), measured.output_tokens.tolist(), strict=True)})
    lengths = ((300.0, 100.0), *bucket_lengths(buckets, pairs))
    fitted = fitted_profile(measured, Target(lengths=lengths)).table
    fine = bucket_grid((200, 600), (75, 200))
    before = bucket_curves(measured, "m", (KIND,), fine, SLO)
    after = bucket_curves(fitted, "m", (KIND,), fine, SLO)
    assert ("LL", KIND) not in before.curves
    curve = after.curves["LL", KIND][2]
    assert curve.provenance.value == "interpolated"
    assert curve.capacity_rps < before.curves["SS", KIND][2].capacity_rps


def test_typical_lengths_of_buckets() -> None:
    buckets = bucket_grid((256, 1024, None), (100, None))
    assert bucket_lengths(buckets, [(200.0, 90.0), (300.0, 20.0), (400.0, 30.0)]) == (
        (200.0, 90.0),
        (200.0, 200.0),  # nothing measured from 100 tokens on: twice the edge
        (300.0, 20.0),
        (400.0, 30.0),
        (346.0, 200.0),  # the root of 300 x 400
        (2048.0, 38.0),
        (2048.0, 200.0),
    )
    assert bucket_lengths(buckets, []) == tuple((x, y) for x in (128.0, 512.0, 2048.0) for y in (50.0, 200.0))


def test_a_guard_lowers_rates_and_says_so() -> None:
    table = truth_table(idle=True)
    found = with_guard(table, {("m", str(KIND)): 0.1})
    assert found.rate_rps == pytest.approx(0.9 * table.rate_rps)
    loaded = table.rate_rps > 0
    assert set(found.provenance[loaded]) == {"fitted"}
    assert set(found.provenance[~loaded]) == {"measured"}
    assert set(found.source[loaded]) == {"on paper; rates x 0.9000 (guard)"}
    same = with_guard(table, {})
    assert set(same.provenance) == {"measured"}


def test_a_kind_that_cannot_be_guarded_is_named() -> None:
    other = truth_table(clocks=(1400.0,), kind=Kind("h100", 8, 1, "bf16"))
    found = fitted_profile(joined([truth_table(), other]), Target(), guard=0.9)
    (note,) = [note for note in found.notes if "not lowered" in note]
    assert note.startswith("m h100-tp8-bf16: ")


def test_a_guard_needs_clocks() -> None:
    with pytest.raises(InputError) as error:
        fitted_profile(truth_table(clocks=(1400.0,)), Target(), guard=0.9)
    assert error.value.faults[0].code == "fit-no-guard"


@pytest.mark.parametrize("name", ["fitted.csv", "fitted.parquet"])
@pytest.mark.parametrize("closed", [True, False])
def test_a_fitted_profile_is_read_back_with_its_errors(tmp_path: Path, name: str, closed: bool) -> None:
    fitted = fitted_profile(truth_table(idle=True, closed=closed), Target(frequencies_mhz=(1250.0, 1400.0))).table
    write_profile(fitted, tmp_path / name)
    found = read_profile(tmp_path / name)
    for column in ("model", "tp", "frequency_mhz", "rate_rps", "ttft_p99_ms", "power_w", "provenance", "source"):
        np.testing.assert_array_equal(getattr(found, column), getattr(fitted, column))
    assert (found.concurrency is not None) == closed
    assert found.errors is not None
    assert found.errors.keys() == set(ERROR_COLUMNS)
    recorded = recorded_errors(found, "m")
    assert recorded.keys() == set(PREDICTED)
    mean, worst = recorded["power"]
    assert worst is not None
    assert 0.0 <= mean <= worst < 1e-3  # the truth is of the fitted form
    assert recorded_errors(found, "another") == {}
    with pytest.raises(InputError, match="exists already"):
        write_profile(fitted, tmp_path / name)
    write_profile(fitted, tmp_path / name, force=True)


def test_a_suffix_names_the_format(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        write_profile(truth_table(), tmp_path / "p.xlsx")
    assert error.value.faults[0].code == "output-suffix"
