"""What targets write, read back, is the plan; what they cannot express they refuse, with the reason."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dynamo_plan.emit.options import EmitOptions, EngineName, ServedModel, Setting, WorkloadKind
from dynamo_plan.emit.statements import Key, Stated
from dynamo_plan.emit.targets import NO_OPTIONS, find_targets, keda, write_target
from dynamo_plan.emit.workloads import horizon_of
from dynamo_plan.errors import InputError, UsageError, VerificationError
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Group, Plan, PoolPlan
from tests.emit.plans import ALL_PLANS, PLANS
from tests.emit.sample import GROUPS, sample_plan

TARGETS = sorted(find_targets())
ON_H100_MHZ = {
    800.0: 810.0,
    900.0: 900.0,
    1000.0: 1005.0,
    1100.0: 1110.0,
    1200.0: 1200.0,
    1300.0: 1305.0,
    1400.0: 1410.0,
    1500.0: 1500.0,
    1600.0: 1605.0,
    1700.0: 1710.0,
    1800.0: 1800.0,
    1980.0: 1980.0,
}
"""Clocks of the plans here and the next that an H100 supports: 210 MHz and every 15 MHz above."""

CLOCKS_LOCKED = {"ansible", "nvidia-smi", "slurm"}
CLOCKS_STATED = {
    "files",
    "hourly",
    "impact-framework",
    "kserve",
    "kubernetes",
    "leaderworkerset",
    "nvidia-dynamo",
    "prometheus",
}

type Emitted = Callable[[str, str], Path]


def of_plan(plan: Plan, target: str) -> Stated:
    """What the files have to say, straight from the plan's groups."""
    stated: Counter[Key] = Counter()
    for group in plan.groups:
        clock = None
        if target in CLOCKS_STATED:
            clock = group.frequency_mhz
        if target in CLOCKS_LOCKED:
            is_h100 = group.kind.gpu == "h100"
            clock = ON_H100_MHZ[group.frequency_mhz] if is_h100 else group.frequency_mhz
        stated[group.window, group.pool, group.kind, clock] += group.instances
    return stated


@pytest.mark.parametrize("plan", ALL_PLANS)
@pytest.mark.parametrize("target", TARGETS)
def test_files_read_back_are_the_plan(emitted: Emitted, target: str, plan: str) -> None:
    whole = PLANS[plan]()
    assert find_targets()[target].read_back(emitted(target, plan), horizon_of(whole)) == of_plan(whole, target)


@pytest.mark.parametrize("target", TARGETS)
def test_targets_say_what_they_set_and_state(target: str) -> None:
    found = find_targets()[target]
    assert found.SETS <= found.STATES
    assert (Setting.CLOCK in found.STATES) == (target in CLOCKS_LOCKED | CLOCKS_STATED)
    assert (Setting.CLOCK in found.SETS) == (target in CLOCKS_LOCKED)


@pytest.mark.parametrize("target", TARGETS)
def test_clocks_that_are_not_set_are_said(tmp_path: Path, target: str) -> None:
    _, notes = write_target(target, sample_plan(), tmp_path / "out")
    told = [note for note in notes if "sets no GPU clocks" in note]
    sets, states = find_targets()[target].SETS, find_targets()[target].STATES
    assert bool(told) == (
        not sets & {Setting.CLOCK, Setting.POWER_LIMIT} and (bool(sets) or Setting.CLOCK not in states)
    )
    applied = (tmp_path / "out/APPLY.txt").read_text()
    assert [note for note in notes if note not in applied] == []


@pytest.mark.parametrize("target", ["nvidia-smi", "slurm", "ansible"])
def test_moved_clocks_are_said(tmp_path: Path, target: str) -> None:
    _, notes = write_target(target, sample_plan(), tmp_path / "out")
    assert "h100: the clock 1400 MHz is not supported, 1410 MHz is taken" in notes
    assert not any("1200 MHz is not" in note for note in notes)


def test_listed_clocks_come_first(tmp_path: Path) -> None:
    options = EmitOptions(supported_clocks_mhz=(1000.0, 1500.0))
    _, notes = write_target("slurm", sample_plan(), tmp_path / "out", options=options)
    stated = find_targets()["slurm"].read_back(tmp_path / "out", horizon_of(sample_plan()))
    assert {clock for _, _, _, clock in stated} == {1500.0}
    assert "h100: the clock 1980 MHz is not supported, 1500 MHz is taken" in notes


def test_a_power_limit_instead_of_a_clock(tmp_path: Path) -> None:
    write_target("nvidia-smi", sample_plan(), tmp_path / "out", options=EmitOptions(sets=Setting.POWER_LIMIT))
    assert "\nsets=power " in (tmp_path / "out/gpus.sh").read_text()
    lines = (tmp_path / "out/settings.tsv").read_text().splitlines()
    # 1500.5 W over 2 x 2 GPUs is 375.1 W; the reset of what does not run in the first window stands there too.
    assert [line.split("\t")[1:] for line in lines if line.startswith("1715644800")] == [
        ["chat-ll-h100-tp8-bf16", "0", "0", "1980", "313"],
        ["chat-ss-h100-tp2-bf16", "0", "2", "1200", "376"],
    ]


def test_dynamo_gives_each_clock_a_component_with_the_limit_that_all_its_windows_need(emitted: Emitted) -> None:
    text = (emitted("nvidia-dynamo", "hand") / "graphs/chat-ss.yaml").read_text()
    assert text.count("type: worker") == 2
    # 1200 MHz: 376 W in the first window and 110 W in the third; 1400 MHz: 400 W.
    limits = re.findall(r'"dynamo.nvidia.com/gpu-power-limit": "(\d+)"', text)
    assert sorted(limits) == ["376", "400"]


def test_an_edited_file_is_not_the_plan(tmp_path: Path) -> None:
    write_target("kubernetes", sample_plan(), tmp_path / "out")
    path = min((tmp_path / "out").glob("windows/*/scale.yaml"))
    path.write_text(path.read_text().replace('"replicas": 3', '"replicas": 4'))
    with pytest.raises(ValueError, match="clocks of other instances"):
        find_targets()["kubernetes"].read_back(tmp_path / "out", horizon_of(sample_plan()))


def test_a_field_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    write_target("keda", sample_plan(), tmp_path / "out")
    path = next((tmp_path / "out/scaledobjects").glob("chat*.yaml"))
    path.write_text(path.read_text().replace("  minReplicaCount", "  idleReplicas: 1\n  minReplicaCount"))
    with pytest.raises(ValueError, match="idleReplicas"):
        find_targets()["keda"].read_back(tmp_path / "out", horizon_of(sample_plan()))


def test_files_that_differ_from_the_plan_are_not_let_go_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keda, "read_back", lambda folder, horizon: {})
    with pytest.raises(VerificationError, match="window 0, chat/LL: 0 x h100-tp8-bf16 instead of 1"):
        write_target("keda", sample_plan(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def refused(target: str, plan: Plan, folder: Path, options: EmitOptions = NO_OPTIONS) -> str:
    with pytest.raises(InputError) as caught:
        write_target(target, plan, folder / "out", options=options)
    assert [fault.code for fault in caught.value.faults] == ["target-cannot-express"]
    assert not (folder / "out").exists()
    return str(caught.value)


def test_keda_refuses_what_cron_cannot_say(tmp_path: Path) -> None:
    assert "the plan spans 365 days" in refused("keda", replace(sample_plan(), windows=365, window_s=86400), tmp_path)


@pytest.mark.parametrize("target", ["keda", "kubernetes-cronjob", "slurm"])
def test_windows_that_begin_between_two_minutes_are_refused(tmp_path: Path, target: str) -> None:
    assert "between two minutes" in refused(target, replace(sample_plan(), window_s=90), tmp_path)


def test_slurm_says_that_jobs_start_late(tmp_path: Path) -> None:
    _, notes = write_target("slurm", sample_plan(), tmp_path / "out", options=EmitOptions(lead_s=60))
    assert "a job begins with its window, so its instance serves 60 s later" in notes


def test_keda_over_the_turn_of_a_year_and_a_leap_day(tmp_path: Path) -> None:
    for number, start in enumerate(("2027-12-31T22:00:00Z", "2028-02-28T22:00:00Z")):
        plan = replace(sample_plan(), first_window_start=start)
        write_target("keda", plan, tmp_path / str(number))
        assert find_targets()["keda"].read_back(tmp_path / str(number), horizon_of(plan)) == of_plan(plan, "keda")


def test_keda_merges_equal_neighbours_and_starts_ahead(tmp_path: Path) -> None:
    write_target("keda", sample_plan(), tmp_path / "out", options=EmitOptions(lead_s=61))
    text = (tmp_path / "out/scaledobjects/chat-ll-h100-tp8-bf16.yaml").read_text()
    starts = [json.loads("{" + line.split("{", 1)[1]) for line in text.splitlines() if "desiredReplicas" in line]
    assert [(one["start"], one["end"], one["desiredReplicas"]) for one in starts] == [
        ("58 23 13 5 *", "0 1 14 5 *", "1"),
        ("58 1 14 5 *", "0 4 14 5 *", "2"),  # windows 2 and 3; none in window 1
    ]
    assert "minReplicaCount: 0" in text
    assert "maxReplicaCount: 2" in text


def test_dynamo_refuses_more_components_than_a_graph_holds(tmp_path: Path) -> None:
    groups = tuple(
        Group(0, "chat/SS", Kind("x", 2, 1, "bf16"), 1, 1000.0 + clock, 1.0, 0.5, 500.0) for clock in range(25)
    )
    assert "'chat/SS' runs 25 kinds and clocks" in refused(
        "nvidia-dynamo", replace(sample_plan(), groups=groups), tmp_path
    )


def test_an_instance_that_spans_servers_needs_a_leader(tmp_path: Path) -> None:
    wide = Kind("h100", 8, 2, "bf16")
    plan = replace(sample_plan(), groups=(replace(GROUPS[2], kind=wide),))
    for target in (
        "kubernetes",
        "kubernetes-cronjob",
        "keda",
        "nvidia-dynamo",
        "llm-d",
        "kserve",
        "ray-serve",
        "slurm",
    ):
        assert "takes 16 GPUs, a server has 8" in refused(target, plan, tmp_path)
    write_target("leaderworkerset", plan, tmp_path / "lws")
    text = (tmp_path / "lws/workloads/chat-ll-h100-tp8-pp2-bf16.yaml").read_text()
    assert "size: 2" in text
    assert text.count('"$(LWS_WORKER_INDEX)"') == 2
    assert text.count("--headless") == 1
    assert find_targets()["leaderworkerset"].read_back(tmp_path / "lws", horizon_of(plan))
    odd = replace(plan, groups=(replace(GROUPS[2], kind=Kind("h100", 5, 3, "bf16")),))
    assert "on 2 servers" in refused("leaderworkerset", odd, tmp_path)


def test_clock_targets_refuse_a_plan_without_clocks(tmp_path: Path) -> None:
    plain = tuple(replace(group, frequency_mhz=0.0) for group in GROUPS)
    assert "locks no clock" in refused("nvidia-smi", replace(sample_plan(), groups=plain), tmp_path)
    powerless = tuple(replace(group, power_w=0.0) for group in GROUPS)
    options = EmitOptions(sets=Setting.POWER_LIMIT)
    assert "no powers" in refused("ansible", replace(sample_plan(), groups=powerless), tmp_path, options)


def test_a_model_that_looks_like_an_option_is_refused(tmp_path: Path) -> None:
    options = EmitOptions(models={"chat": ServedModel("--trust-remote-code")})
    for target in ("vllm", "kubernetes", "nvidia-dynamo", "slurm", "llm-d"):
        with pytest.raises(InputError, match="would be taken for an option"):
            write_target(target, sample_plan(), tmp_path / "out", options=options)


def test_options_reach_the_files(tmp_path: Path) -> None:
    served = ServedModel("org/model-70b", 9192, 0.9)
    options = EmitOptions(
        "llm", "registry.example/x:1", EngineName.SGLANG, WorkloadKind.STATEFUL_SET, models={"chat": served}
    )
    write_target("kubernetes", sample_plan(), tmp_path / "out", options=options)
    text = (tmp_path / "out/workloads/chat-ss-h100-tp2-bf16.yaml").read_text()
    for part in (
        "namespace: llm",
        "registry.example/x:1",
        "kind: StatefulSet",
        "org/model-70b",
        '"9192"',
        '"0.9"',
        "--tp-size",
    ):
        assert part in text


def test_an_unknown_field_of_a_name_is_a_usage_error(tmp_path: Path) -> None:
    for template in ("{pod}", "{service.__class__}", "{service", ""):
        with pytest.raises(UsageError, match=r"\{service\}, \{pool\}"):
            write_target("keda", sample_plan(), tmp_path / "out", options=EmitOptions(name_template=template))


def test_sites_have_folders_of_their_own(tmp_path: Path) -> None:
    plan = sample_plan()
    there = replace(plan.sites[0], site="site b/..")
    pools = (plan.pools[0], replace(plan.pools[1], site="site b/.."))
    two = replace(plan, sites=(plan.sites[0], there), pools=pools)
    for target in TARGETS:
        write_target(target, two, tmp_path / target)
        places = {path.name for path in (tmp_path / target).iterdir() if path.is_dir()}
        assert places == {"site-a", "site-b"}, target
    shutil.rmtree(tmp_path / "keda/site-b")
    assert find_targets()["keda"].read_back(tmp_path / "keda/site-a", horizon_of(plan)) == {
        key: instances for key, instances in of_plan(plan, "keda").items() if key[1] == "chat/SS"
    }


def test_pools_that_are_called_alike_stay_apart(tmp_path: Path) -> None:
    pools = (PoolPlan("chat/S", "chat", "site-a", ("S",)), PoolPlan("chat-S", "chat", "site-a", ("s",)))
    groups = tuple(replace(GROUPS[0], pool=pool.name, instances=n) for n, pool in enumerate(pools, start=1))
    plan = replace(sample_plan(), pools=pools, groups=groups)
    for target in TARGETS:
        write_target(target, plan, tmp_path / target)
    names = [path.stem for path in sorted((tmp_path / "keda/workloads").glob("chat*"))]
    assert len(names) == 2
    assert all(name.startswith("chat-s-h100-tp2-bf16-") and len(name) == 27 for name in names)
