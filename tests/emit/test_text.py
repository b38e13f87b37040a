"""Text that means the same to every reader; names that every runtime takes; clocks that a GPU supports."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from dynamo_plan.emit.clocks import on_supported_clocks, supported_clocks
from dynamo_plan.emit.names import MOST_CHARACTERS, check_namespace, dns_label, dns_names, refuse_unprintable
from dynamo_plan.emit.options import EmitOptions, ServedModel
from dynamo_plan.emit.targets import write_target
from dynamo_plan.emit.text import flow, flow_documents, read_flow_list, read_yaml, yaml_documents, yaml_text
from dynamo_plan.emit.workloads import divided_by_clock, find_workloads, runs
from dynamo_plan.errors import InputError, UsageError
from tests.emit.plans import HOSTILE, hostile_plan
from tests.emit.sample import GROUPS, sample_plan

TEXTS = st.one_of(
    st.sampled_from(
        [*HOSTILE, "yes", "Off", "~", "0o7", "1e3", ".inf", "2024-05-14", "- a", "a: b", "# c", "@", "`", "%"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
SCALARS = st.one_of(
    TEXTS, st.integers(-(2**60), 2**60), st.booleans(), st.none(), st.floats(allow_nan=False, allow_infinity=False)
)
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)
LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")


def same(value: Any, other: Any) -> bool:
    """Equal, and of the same sort: 1 is not true, and "1" is not 1."""
    if isinstance(value, float) and isinstance(other, float):
        return math.isclose(value, other, rel_tol=0.0) or value == other
    if isinstance(value, dict) and isinstance(other, dict):
        return list(value) == list(other) and all(same(value[key], other[key]) for key in value)
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(same, value, other))
    return type(value) is type(other) and value == other


@settings(max_examples=50)
@given(st.dictionaries(TEXTS, DATA, min_size=1, max_size=4))
def test_every_reader_reads_what_was_written(tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any]) -> None:
    """YAML 1.1 as kubectl reads it, YAML 1.2, and JSON for what stands on one line."""
    for text in (yaml_text(data), flow(data)):
        assert same(yaml.safe_load(text), data)
        assert same(YAML(typ="safe", pure=True).load(text), data)
    assert same(json.loads(flow(data)), data)
    path = tmp_path_factory.getbasetemp() / "read.yaml"
    path.write_text(yaml_documents([data, data]), encoding="utf-8")
    assert same(read_yaml(path), [data, data])
    assert "\n" not in flow(data)


@settings(max_examples=50)
@given(st.lists(st.dictionaries(TEXTS, SCALARS, min_size=1, max_size=3), min_size=1, max_size=3))
def test_documents_stay_apart(objects: list[dict[str, Any]]) -> None:
    for text in (yaml_documents(objects), flow_documents(objects)):
        assert same(list(yaml.safe_load_all(text)), objects)


def test_text_is_easy_to_read() -> None:
    record = {
        "kind": "Deployment",
        "spec": {"replicas": 3, "args": ["--x", "1"]},
        "items": [{"name": "no"}, {"inner": {"a": []}}],
    }
    assert yaml_text(record) == (
        'kind: Deployment\nspec:\n  replicas: 3\n  args: ["--x", "1"]\nitems:\n  - {"name": "no"}\n  - inner:\n      a: []\n'
    )


def test_what_is_no_data_is_refused() -> None:
    for number in (math.nan, math.inf):
        with pytest.raises(ValueError, match="cannot be written"):
            flow({"a": number})
    with pytest.raises(TypeError):
        flow({"a": object()})


def test_a_list_of_other_things_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("applications:\n- {}\n  more: 1\n")
    with pytest.raises(ValueError, match="no list of applications"):
        read_flow_list(path, "applications")


@pytest.mark.parametrize(
    "text", ["a: &x 1\n", "a: b\n- c\n", "a:\n", "a:\n    b: 1\n", "a: !!str 1\n", "a: 'b'\n", "? a\n: b\n", "a: b c\n"]
)
def test_other_yaml_is_not_read_back(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ValueError):  # noqa: PT011 (each sort of text has a message of its own)
        read_yaml(tmp_path / "x.yaml")


@given(st.dictionaries(st.integers(), TEXTS, min_size=1, max_size=8))
def test_names_are_labels_and_differ(texts: dict[int, str]) -> None:
    names = dns_names(texts)
    assert len(set(names.values())) == len(texts)
    assert all(LABEL.fullmatch(name) and len(name) <= MOST_CHARACTERS for name in names.values())
    assert dns_names(dict(reversed(texts.items()))) == names


def test_a_name_stays_when_others_come_and_go() -> None:
    assert dns_label("chat/SS+SM-h100-tp4-bf16") == "chat-ss-sm-h100-tp4-bf16"
    few, many = dns_names({1: "a/b"}), dns_names({1: "a/b", 2: "c", 3: "d" * 99})
    assert few[1] == many[1] == "a-b"
    assert dns_names({1: "Ünï"})[1] == "uni"
    alike = dns_names({1: "日本", 2: "../.."})
    assert alike[1] != alike[2]
    assert all(re.fullmatch(r"w-[0-9a-f]{6}", name) for name in alike.values())


def test_namespaces_are_labels() -> None:
    assert check_namespace("llm-1") == "llm-1"
    for wrong in ("", "LLM", "a/b", "-a", "a" * 64, "a;b"):
        with pytest.raises(UsageError, match="is no namespace"):
            check_namespace(wrong)


def test_control_characters_are_refused(tmp_path: Path) -> None:
    refuse_unprintable(HOSTILE)
    for character in ("\x00", "\x1b", "\x7f", "\x9f", "\ud800"):
        pools = (replace(sample_plan().pools[0], buckets=(f"S{character}",)), sample_plan().pools[1])
        with pytest.raises(InputError, match="control character"):
            write_target("files", replace(sample_plan(), pools=pools), tmp_path / "out")


def test_clocks_move_up_to_the_next_supported() -> None:
    listed = supported_clocks("H100", ())
    assert (listed[0], listed[-1], len(listed)) == (210.0, 1980.0, 119)
    groups = tuple(replace(GROUPS[0], frequency_mhz=clock) for clock in (0.0, 100.0, 1200.0, 1200.5, 1980.0, 2100.0))
    plan, notes = on_supported_clocks(replace(sample_plan(), groups=groups), ())
    assert [group.frequency_mhz for group in plan.groups] == [0.0, 210.0, 1200.0, 1215.0, 1980.0, 1980.0]
    assert len(notes) == 3
    other = tuple(replace(GROUPS[0], kind=replace(GROUPS[0].kind, gpu="v100")) for _ in range(1))
    kept = replace(sample_plan(), groups=other)
    assert on_supported_clocks(kept, ()) == (kept, [])


def test_workloads_keep_every_instance() -> None:
    whole = find_workloads(sample_plan(), EmitOptions())
    assert [(one.name, one.replicas) for one in whole] == [
        ("chat-ll-h100-tp8-bf16", (1, 0, 2, 2)),
        ("chat-ss-h100-tp2-bf16", (3, 3, 1, 0)),
    ]
    parts = divided_by_clock(whole)
    assert [(one.name, one.replicas, one.power_limit_w) for one in parts] == [
        ("chat-ll-h100-tp8-bf16-1600mhz", (0, 0, 2, 2), 263),
        ("chat-ll-h100-tp8-bf16-1980mhz", (1, 0, 0, 0), 313),
        ("chat-ss-h100-tp2-bf16-1200mhz", (3, 0, 1, 0), 376),
        ("chat-ss-h100-tp2-bf16-1400mhz", (0, 3, 0, 0), 400),
    ]
    assert runs((1, 1, 0, 2)) == [(0, 2, 1), (2, 3, 0), (3, 4, 2)]


@settings(max_examples=10)  # each writes four targets
@given(st.lists(TEXTS, min_size=1, max_size=3, unique=True))
def test_any_name_is_inert_in_every_target(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    """Written and read back as text, in files whose names are labels, none outside the folder."""
    plan = hostile_plan(tuple(names))
    try:
        refuse_unprintable(names)
    except InputError:
        return
    folder = tmp_path_factory.mktemp("any")
    for target in ("files", "keda", "prometheus", "slurm"):
        write_target(
            target,
            plan,
            folder / target,
            options=EmitOptions(models={name: ServedModel("org/model") for name in names}),
        )
    written = [path.relative_to(folder) for path in folder.rglob("*")]
    assert all(re.fullmatch(r"[A-Za-z0-9.-]+", part) for path in written for part in path.parts)
