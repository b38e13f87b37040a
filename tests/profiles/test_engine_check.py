"""The second opinion on the page of the shipped profile: complete, of the files beside it, and what is computed anew."""

from __future__ import annotations

from pathlib import Path

import engine_check
import pytest
from compose import FILE_NAMES
from crosscheck import PAGE
from recipe.engine_costs import engine_table
from recipe.figures import BUCKETS, PROFILES, Instance, read_figures, read_table
from recipe.fleets import Fleet, Fleets
from recipe.lengths import WORKLOADS, read_workloads
from recipe.mixing import INPUT_CLASS_SETS

from dynamo_plan.ingest import read_mixing

SETS = [(classes, str(tp)) for classes in INPUT_CLASS_SETS for tp in (2, 4, 8)]
ROWS: dict[str, list[tuple[str, ...]]] = {
    **{f"second-opinion-{workload}": [(bucket,) for bucket in BUCKETS] for workload in WORKLOADS},
    **{f"derates-{workload}": list(SETS) for workload in WORKLOADS},
    "windows": [(bucket, str(tp)) for bucket in BUCKETS for tp in (2, 4, 8)],
    "gains": [(bucket,) for bucket in BUCKETS],
}


def cells_of(name: str) -> dict[tuple[str, ...], dict[str, str]]:
    """Rows of a table of the page, by their first cell, or their first two."""
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(f"<!-- {name} -->")
    lines = [line.strip("| ").split(" | ") for line in rest.partition("<!-- end")[0].split("\n") if line[:1] == "|"]
    header, _, *rows = lines
    key = len(ROWS[name][0])
    return {tuple(row[:key]): dict(zip(header, row, strict=True)) for row in rows}


@pytest.mark.parametrize("name", ROWS)
def test_the_page_has_every_table_in_full(name: str) -> None:
    assert list(cells_of(name)) == ROWS[name]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_page_compares_with_the_shipped_tables(workload: str) -> None:
    """A profile or mixing table that is made anew leaves the page stale; it says what it compares with."""
    shipped = engine_check.shipped_rps(workload)
    for bucket in BUCKETS:
        row = cells_of(f"second-opinion-{workload}")[bucket,]
        for one in engine_check.SHOWN:
            cell = row[f"TP{one.tp}, {one.frequency_mhz} MHz"]
            assert (shipped[bucket, one] == 0.0) == (cell == "none" or cell.endswith("(none)"))
            if shipped[bucket, one]:
                rate, ratio = float(cell.split("/")[0]), float(cell.partition("(")[2].rstrip(")"))
                assert rate == pytest.approx(ratio * shipped[bucket, one], abs=0.006 + 0.006 * shipped[bucket, one])
    mixing = read_table(PROFILES / f"{FILE_NAMES[workload]}.mixing.csv")
    listed = {(r["input_classes"], r["tp"]): float(r["derate"]) for r in mixing if r["frequency_mhz"] == "1980"}
    for key, cells in cells_of(f"derates-{workload}").items():
        assert float(cells["mixing table"]) == pytest.approx(listed[key[0], key[1]], abs=0.0051)


def test_windows_keep_what_the_profile_states() -> None:
    """At capacity, by draws that it was not found with: about as many requests late as stated, nearly all windows within the SLO."""
    rows = cells_of("windows").values()
    stated = 1.0 - read_figures().value("slo_quantile")
    late = [float(row["late"].rstrip("%")) / 100.0 for row in rows]
    assert sum(late) / len(late) == pytest.approx(stated, rel=0.5)
    kept = [float(row["windows of 1,000"].rstrip("%")) / 100.0 for row in rows]
    assert min(kept) >= 0.9
    assert sorted(kept)[len(kept) // 2] >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize(("workload", "bucket", "tp"), [("conversation", "LM", 2), ("coding", "LS", 8)])
def test_a_cell_of_the_page_is_what_the_closed_form_gives(workload: str, bucket: str, tp: int) -> None:
    found = engine_check.closed_form_rps(read_figures(), read_workloads()[workload], bucket, Instance(tp, 1980))
    assert cells_of(f"second-opinion-{workload}")[bucket,][f"TP{tp}, 1980 MHz"].startswith(f"{found:.2f}/s")


@pytest.fixture(scope="module")
def chat_fleets() -> Fleets:
    figures = read_figures()
    shipped = engine_check.shipped_rps("conversation")
    return Fleets(figures, engine_table(figures), read_workloads()["conversation"], shipped)


@pytest.mark.slow
def test_a_derate_of_the_page_is_what_the_engine_gives(chat_fleets: Fleets) -> None:
    found = chat_fleets.derate(Instance(8, 1980), "S+M", engine_check.FLEETS["4, prompt tokens"])
    shown = cells_of("derates-conversation")["S+M", "8"]["4, prompt tokens"]
    assert float(shown) == pytest.approx(found, abs=0.0051)


@pytest.mark.slow
def test_a_gain_of_the_page_is_what_the_engine_gives(chat_fleets: Fleets) -> None:
    shipped = engine_check.shipped_rps("conversation")["MM", Instance(4, 1980)]
    found = chat_fleets.capacity_rps(Instance(4, 1980), ("MM",), Fleet(4)) / shipped
    assert float(cells_of("gains")["MM",]["TP4, 4 instances"]) == pytest.approx(found, abs=0.0051)


def test_mixing_tables_for_fleets_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"S+M": -0.4, "S+L": 1.0, "M+L": 0.25, "S+M+L": 0.3}
    monkeypatch.setattr(Fleets, "derate", lambda self, instance, classes, fleet: given[classes])
    engine_check.main(["--mixing", "4", "-d", str(tmp_path)])
    for name in FILE_NAMES.values():
        table = read_mixing(tmp_path / f"{name}.mixing.csv")
        found = {frozenset(classes.split("+")): max(derate, 0.0) for classes, derate in given.items()}
        assert {row.input_classes: row.derate for row in table.rows} == found
        assert {row.source for row in table.rows} == {
            "profiles/engine_check.py, 4 instances or more, router least_unprefilled"
        }


def test_a_folder_without_a_number_of_instances_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        engine_check.main(["--mixing", "4"])
    assert "--mixing and -d go together" in capsys.readouterr().err
