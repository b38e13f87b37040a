"""The scenario file: each fault with line, column, key path and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamo_plan.ingest import read_inputs
from dynamo_plan.schema.scenario import ObjectiveName, PoolRule
from tests.ingest.builders import SCENARIO, write_tiny_scenario
from tests.ingest.faultcase import check, faults_of, only_fault


def test_a_sound_scenario_is_typed(tmp_path: Path) -> None:
    scenario = read_inputs(write_tiny_scenario(tmp_path)).scenario
    assert scenario.services[0].pools is PoolRule.PER_BUCKET
    assert scenario.objective == {ObjectiveName.ENERGY: 1.0}
    assert scenario.window_minutes == 60
    assert scenario.services[0].profile == "profile.csv"


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        ("    site: site-a\n    sites: [site-a, site-b]\n", "has both `site:` and `sites:`"),
        ("    sites: [site-a, site-a]\n", "a site is listed twice"),
        ("    sites: [site-a, moon]\n", "site moon is not one of site-a"),
        ("    sites: [site-a]\n", "sites must be at least 2"),
        ("    sites: [site-a, moon]\n    routing: free\n", "needs routing: even and pools that are not auto"),
        ("    sites: [site-a, moon]\n    share_steps: 0\n", "share_steps must be 1 or more"),
    ],
)
def test_sites_of_a_service_must_make_sense(tmp_path: Path, lines: str, part: str) -> None:
    path = write_tiny_scenario(tmp_path)
    text = SCENARIO.replace("    reserve_quantile: 0.95\n", f"    reserve_quantile: 0.95\n{lines}")
    assert text != SCENARIO
    path.write_text(text, encoding="utf-8")
    assert part in " ".join(str(fault) for fault in faults_of(lambda: read_inputs(path)))


def test_bom_crlf_and_anchors(tmp_path: Path) -> None:
    text = SCENARIO.replace("tbt_p99_ms: 100", "tbt_p99_ms: &tbt 100").replace(
        "instance_start_s: 60", "instance_start_s: *tbt"
    )
    path = write_tiny_scenario(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert read_inputs(path).scenario.transitions.instance_start_s == 100


@pytest.mark.parametrize(
    ("old", "new", "code", "where", "parts"),
    [
        (
            "reserve_quantile: 0.95",
            "reserve_quantil: 0.95",
            "scenario-unknown-key",
            "scenario.yaml:12:5 services[0].reserve_quantil",
            ["'reserve_quantil' is not known", "Possible here: name, model", "Did you mean reserve_quantile?"],
        ),
        (
            "pue: 1.2",
            "pue: 1.2\n    colour: red",
            "scenario-unknown-key",
            "scenario.yaml:19:5 sites[0].colour",
            ["'colour'", "Drop the key"],
        ),
        (
            "{energy: 1.0}",
            "{enrgy: 1.0}",
            "scenario-unknown-key",
            "scenario.yaml:20:13 objective.enrgy",
            ["Possible here: energy, cost, carbon", "Did you mean energy?"],
        ),
        (
            "{gap: 1.0e-3,",
            "{gap: 1.0e-3, gab: 1,",
            "scenario-unknown-key",
            "scenario.yaml:21:23 solver.gab",
            ["Possible here: gap, time_limit_s"],
        ),
        (
            "window_minutes: 60",
            "window_minutes: an hour",
            "scenario-type",
            "scenario.yaml:3:1 window_minutes",
            ['"an hour" is a text', "must be a number"],
        ),
        (
            "window_minutes: 60",
            "window_minutes: true",
            "scenario-type",
            "scenario.yaml:3:1 window_minutes",
            ["true is true or false"],
        ),
        (
            "window_minutes: 60",
            "window_minutes: 0.01",
            "scenario-window",
            "scenario.yaml:3:1 window_minutes",
            ["0.6 s", "whole number of seconds"],
        ),
        (
            "version: 1",
            "version: 2",
            "scenario-version",
            "scenario.yaml:1:1 version",
            ["2 is not known", "version must be 1", "Write `version: 1`"],
        ),
        ("version: 1", "Version: 1", "scenario-unknown-key", "scenario.yaml:1:1 Version", ["Did you mean version?"]),
        (
            "pools: per-bucket",
            "pools: per-buckets",
            "scenario-value",
            "scenario.yaml:13:5 services[0].pools",
            ["'per-bucket', 'single' or 'auto', or a list", "Did you mean per-bucket?"],
        ),
        (
            "pue: 1.2",
            'pue: "1.2"',
            "scenario-type",
            "scenario.yaml:18:5 sites[0].pue",
            ['"1.2" is a text', "must be a number", "Take the quotation marks off"],
        ),
        (
            "count: 64",
            "count: 60",
            "scenario-value",
            "scenario.yaml:16:12 sites[0].gpus.h100",
            ["60 is not a whole number of servers of 8 GPUs", "Write 56 or 64"],
        ),
        (
            "{energy: 1.0}",
            "{}",
            "scenario-value",
            "scenario.yaml:20:1 objective",
            ["at least 1 entry long"],
        ),
        (
            "pools: per-bucket",
            "pools: auto\n    routing: free",
            "scenario-value",
            "scenario.yaml:5:5 services[0]",
            ["A free router shares all instances", "write `pools: single`"],
        ),
        (
            "pools: per-bucket",
            "pools: [[SA, LA], 3]",
            "scenario-type",
            "scenario.yaml:13:23 services[0].pools[1]",
            ["3 is a number", "must be a list"],
        ),
        (
            "pue: 1.2",
            "pue: 0.9",
            "scenario-value",
            "scenario.yaml:18:5 sites[0].pue",
            ["0.9 does not fit", "1 or more"],
        ),
        (
            "tbt_p99_ms: 100",
            "tbt_p99_ms: .inf",
            "scenario-value",
            "scenario.yaml:11:42 services[0].slo.tbt_p99_ms",
            ["finite number"],
        ),
        (
            "count: 64",
            "count: 63",
            "scenario-value",
            "scenario.yaml:16:12 sites[0].gpus.h100",
            ["63 is not a whole number of servers"],
        ),
        (
            "model: llama-2-70b",
            'model: ""',
            "scenario-value",
            "scenario.yaml:6:5 services[0].model",
            ["not empty"],
        ),
        (
            "name: tiny",
            "name: a b",
            "scenario-value",
            "scenario.yaml:2:1 name",
            ["letters, digits"],
        ),
        (
            "h100:",
            "h 100:",
            "scenario-value",
            "scenario.yaml:16:12 sites[0].gpus.h 100",
            ["'h 100' cannot be a name", "Rename it"],
        ),
        (
            "    grid: grid.csv\n",
            "",
            "scenario-missing-key",
            "scenario.yaml:15:5 sites[0].grid",
            ["key grid is missing", "Add `grid:`"],
        ),
        (
            "name: tiny",
            "name: tiny\nname: tiny",
            "yaml-duplicate-key",
            "scenario.yaml:3:1",
            ["'name' stands here and at", "scenario.yaml:2:1", "Drop one"],
        ),
        ("name: tiny", "name: *tiny", "yaml-syntax", "scenario.yaml:2:7", ["undefined alias"]),
        ("name: tiny", "name: !!python/name:os.system x", "yaml-syntax", "scenario.yaml:2:7", ["the tag"]),
        ("name: tiny", "name:\n\t- x", "yaml-syntax", "scenario.yaml:3:1", ["Indent with spaces"]),
        ("name: tiny", "? [a]\n: tiny", "yaml-syntax", "scenario.yaml:2:3", ["a key should"]),
    ],
)
def test_one_fault(tmp_path: Path, old: str, new: str, code: str, where: str, parts: list[str]) -> None:
    assert old in SCENARIO
    path = write_tiny_scenario(tmp_path, SCENARIO.replace(old, new, 1))
    found = [fault for fault in faults_of(lambda: read_inputs(path)) if fault.code == code]
    assert found
    check(found[0], code, where, *parts)


@pytest.mark.parametrize(
    ("text", "code", "parts"),
    [
        ("", "yaml-empty", ["holds nothing"]),
        ("# remark\n", "yaml-empty", ["holds nothing"]),
        ("- 1\n", "scenario-type", ["[1] is a list", "mapping"]),
        ("just words", "scenario-type", ["is a text"]),
        ("&a [*a]", "yaml-syntax", ["nested more than"]),
        ("[" * 2000, "yaml-syntax", ["nested too deeply"]),
        (
            "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
            + "".join(
                f"{chr(b)}: &{chr(b)} [{','.join([f'*{chr(b - 1)}'] * 10)}]\n" for b in range(ord("b"), ord("i"))
            ),
            "yaml-syntax",
            ["unfolds to more than 100000"],
        ),
        ('a: "\\ud800"', "yaml-syntax", ["cannot be read"]),
        ("a: " + "9" * 5000, "yaml-syntax", ["cannot be read"]),
    ],
)
def test_not_a_scenario(tmp_path: Path, text: str, code: str, parts: list[str]) -> None:
    path = write_tiny_scenario(tmp_path, text)
    found = faults_of(lambda: read_inputs(path))
    check(found[0], code, "", *parts)


def test_not_utf8(tmp_path: Path) -> None:
    path = write_tiny_scenario(tmp_path)
    path.write_bytes(b"version: 1\nname: \xff\n")
    only_fault(lambda: read_inputs(path), "yaml-syntax", "scenario.yaml:2", "0xff", "Save the file as UTF-8")


@pytest.mark.parametrize(("data", "sort"), [(b"PAR1\xb5", "Parquet"), (b"PK\x03\x04\xff", "a spreadsheet")])
def test_a_table_instead_of_a_scenario(tmp_path: Path, data: bytes, sort: str) -> None:
    path = write_tiny_scenario(tmp_path)
    path.write_bytes(data)
    fault = only_fault(lambda: read_inputs(path), "yaml-syntax", "scenario.yaml", sort, "Name the scenario's file")
    assert "Did you" not in str(fault)


def test_every_fault_at_once(tmp_path: Path) -> None:
    text = SCENARIO.replace("version: 1", "version: 3").replace("pue: 1.2", "pue: 0.2\n    pu: 3")
    text = text.replace("profile: profile.csv", "profile: 7").replace("{S: 400, L: 900}", "{S: quick, L: -1}")
    codes = [
        (fault.code, fault.where.split()[-1])
        for fault in faults_of(lambda: read_inputs(write_tiny_scenario(tmp_path, text)))
    ]
    assert codes == [
        ("scenario-version", "version"),
        ("scenario-type", "services[0].profile"),
        ("scenario-type", "services[0].slo.ttft_p99_ms.S"),
        ("scenario-value", "services[0].slo.ttft_p99_ms.L"),
        ("scenario-value", "sites[0].pue"),
        ("scenario-unknown-key", "sites[0].pu"),
    ]
