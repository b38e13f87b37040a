"""Every output target keeps the contract; the `files` target says what the plan says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dynamo_plan.emit.targets import APPLY_FILE, EMITTED_FILE, find_targets, write_target
from dynamo_plan.errors import InputError, UsageError
from tests.emit.sample import GROUPS, sample_plan


def load(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text())


@pytest.mark.parametrize("name", sorted(find_targets()))
def test_every_target_is_deterministic_and_says_what_it_is(tmp_path: Path, name: str) -> None:
    target = find_targets()[name]
    assert name == target.NAME
    assert target.DESCRIPTION
    for folder in ("a", "b"):
        count, _ = write_target(name, sample_plan(), tmp_path / folder)
        assert count > 0
    written, again = (
        {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "a", tmp_path / "b")
    )
    assert written == again
    assert json.loads(written[EMITTED_FILE])["target"] == name
    assert written[APPLY_FILE].startswith(f"Target {name}: ".encode())


def test_targets_are_found_by_their_folder(root: Path) -> None:
    folder = root / "dynamo_plan/emit/targets"
    stems = {path.stem.replace("_", "-") for path in folder.glob("*.py") if path.stem != "__init__"}
    assert list(find_targets()) == sorted(stems)


def test_files_one_per_window_in_order(tmp_path: Path) -> None:
    assert write_target("files", sample_plan(), tmp_path / "out") == (4, [])
    paths = sorted((tmp_path / "out").glob("*.yaml"))
    assert [path.name for path in paths] == [f"20240514T0{hour}0000Z.yaml" for hour in range(4)]
    starts = [datetime.fromisoformat(load(path)["window_start"]) for path in paths]
    assert starts == [datetime(2024, 5, 14, hour, tzinfo=UTC) for hour in range(4)]


def test_files_hold_every_group(tmp_path: Path) -> None:
    write_target("files", sample_plan(), tmp_path / "out")
    found = []
    for window, path in enumerate(sorted((tmp_path / "out").glob("*.yaml"))):
        for pool in load(path)["services"]["chat"]["pools"]:
            entries = pool["instances"]
            found += [
                (window, pool["name"], e["tp"], e["instances"], e["frequency_mhz"], e["rate_rps_each"]) for e in entries
            ]
            total = sum(entry["load_share"] for entry in entries)
            loaded = any(entry["rate_rps_each"] > 0 for entry in entries)
            assert total == pytest.approx(1.0 if loaded else 0.0)
    assert found == [(g.window, g.pool, g.kind.tp, g.instances, g.frequency_mhz, g.rate_rps) for g in GROUPS]


def test_a_pool_without_instances_is_named(tmp_path: Path) -> None:
    write_target("files", sample_plan(), tmp_path / "out")
    second = load(tmp_path / "out/20240514T010000Z.yaml")
    empty = {"name": "chat/LL", "site": "site-a", "buckets": ["LL"], "instances": []}
    assert empty in second["services"]["chat"]["pools"]


def test_servers_are_switched_on_before_their_window(tmp_path: Path) -> None:
    write_target("files", sample_plan(), tmp_path / "out")
    third = load(tmp_path / "out/20240514T020000Z.yaml")
    assert third["servers"] == [
        {"site": "site-a", "gpu": "h100", "servers_on": 3, "servers_started": 2, "switch_on_at": "2024-05-14T01:53:00Z"}
    ]


def test_an_earlier_output_is_replaced_only_by_force(tmp_path: Path) -> None:
    write_target("files", sample_plan(), tmp_path / "out")
    with pytest.raises(InputError, match="--force"):
        write_target("files", sample_plan(), tmp_path / "out")
    assert write_target("files", sample_plan(), tmp_path / "out", force=True) == (4, [])


def test_an_unknown_target_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="files"):
        write_target("slrum", sample_plan(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_files_tell_a_router_which_buckets_go_where(tmp_path: Path) -> None:
    routed = replace(GROUPS[0], bucket_rates_rps=(3.0, 0.0), frequency_mhz=0.0, power_w=0.0)
    write_target("files", replace(sample_plan(), groups=(routed, GROUPS[2])), tmp_path / "out")
    first, *_ = sorted((tmp_path / "out").glob("*.yaml"))
    (short,), (long,) = (pool["instances"] for pool in load(first)["services"]["chat"]["pools"])
    assert short["bucket_rates_rps_each"] == {"SS": 3.0}
    assert (short["frequency_mhz"], short["power_limit_w"]) == (None, None)
    assert "bucket_rates_rps_each" not in long
