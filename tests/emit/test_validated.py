"""What targets write is what the runtimes' own schemas, parsers and shells take; unknown fields fail."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from croniter import croniter  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from dynamo_plan.emit.engines import ENGINES
from dynamo_plan.emit.options import EngineName
from dynamo_plan.emit.targets import find_targets
from tests.emit.plans import ALL_PLANS, PLANS

KUBERNETES = "1.31"
"""Release whose schemas core kinds are held against; timeZone of CronJobs is stable from 1.27 on."""

NUMBER = re.compile(r"[1-9]\d*")
"""Numbers but 0, which stands for what does not run."""

type Emitted = Callable[[str, str], Path]
type SchemaFile = Callable[[str], Path]


def documents(*paths: Path) -> Iterator[Any]:
    """Every document, as a reader of YAML 1.1 such as kubectl has it; no tag is followed."""
    for path in paths:
        yield from yaml.load_all(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def objects(folder: Path) -> list[Any]:
    """Objects of a folder, its kustomization apart."""
    return list(documents(*(path for path in sorted(folder.glob("*.yaml")) if path.name != "kustomization.yaml")))


def distinct(ones: Iterable[Any]) -> list[Any]:
    """One object of each form: those of a week's windows differ in their numbers, and are validated once."""
    return list({NUMBER.sub("1", json.dumps(one, sort_keys=True)): one for one in ones}.values())


def check_core(one: Any) -> None:
    """Hold an object of a core kind against Kubernetes' own schema, strictly."""
    assert kubernetes_validate.validate(one, KUBERNETES, strict=True) == KUBERNETES


@cache
def validator(schema: Path) -> Any:
    """A validator of a strict schema, made once."""
    return jsonschema.Draft7Validator(json.loads(schema.read_text(encoding="utf-8")))


def check(one: Any, schema: Path) -> None:
    """Hold an object against a strict schema."""
    validator(schema).validate(one)


def merged(base: Any, patch: Any) -> Any:
    """A JSON merge patch applied, as the API server does for custom resources."""
    if not isinstance(patch, dict):
        return patch
    whole = copy.deepcopy(base) if isinstance(base, dict) else {}
    for key, value in patch.items():
        whole[key] = merged(whole.get(key), value)
    return whole


def check_pod(template: Any) -> None:
    """Hold a pod's template against Kubernetes' schema, strictly: as that of a Deployment, whose only pods it describes."""
    labels = {"app": "x"}
    template = copy.deepcopy(template)
    template.setdefault("metadata", {}).setdefault("labels", {}).update(labels)
    spec = {"selector": {"matchLabels": labels}, "template": template}
    check_core({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": spec})


@pytest.mark.parametrize("plan", ALL_PLANS)
def test_kubernetes(emitted: Emitted, plan: str) -> None:
    folder = emitted("kubernetes", plan)
    base = {one["metadata"]["name"]: one for one in objects(folder / "workloads")}
    for one in base.values():
        check_core(one)
    patches = []
    for path in sorted(folder.glob("windows/*/scale.yaml")):
        here = list(documents(path))
        assert {patch["metadata"]["name"] for patch in here} == set(base)
        patches += here
    for one in distinct(merged(base[patch["metadata"]["name"]], patch) for patch in patches):
        check_core(one)


@pytest.mark.slow
def test_kustomize_takes_the_overlays(emitted: Emitted) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not here")
    for target in ("kubernetes", "leaderworkerset"):
        folder = emitted(target, "hand")
        places = sorted((folder / "windows").iterdir())
        for place in places:
            built = subprocess.run([kubectl, "kustomize", place], capture_output=True, text=True, check=True)
            replicas = {one["metadata"]["name"]: one["spec"]["replicas"] for one in yaml.safe_load_all(built.stdout)}
            assert replicas == {p["metadata"]["name"]: p["spec"]["replicas"] for p in documents(place / "scale.yaml")}
    for folder in (emitted("kubernetes-cronjob", "hostile"), emitted("keda", "hostile") / "scaledobjects"):
        built = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=True)
        assert list(yaml.safe_load_all(built.stdout))


@pytest.mark.parametrize("plan", ALL_PLANS)
def test_kubernetes_cronjob(emitted: Emitted, plan: str) -> None:
    folder = emitted("kubernetes-cronjob", plan)
    (cron_job,) = documents(folder / "cronjob.yaml")
    for one in (cron_job, *documents(folder / "rbac.yaml"), *objects(folder / "workloads")):
        check_core(one)
    spec = cron_job["spec"]
    assert croniter.is_valid(spec["schedule"])
    assert (spec["timeZone"], spec["concurrencyPolicy"]) == ("Etc/UTC", "Replace")
    assert spec["startingDeadlineSeconds"] > 10  # below that the controller may never start a job
    (settings,) = documents(folder / "kustomization.yaml")
    names = {one["metadata"]["name"] for one in documents(folder / "rbac.yaml")}
    assert names == {settings["configMapGenerator"][0]["name"]} == {cron_job["metadata"]["name"]}
    assert len(cron_job["metadata"]["name"]) <= 52


@pytest.mark.parametrize("plan", ALL_PLANS)
def test_leaderworkerset(emitted: Emitted, schema_file: SchemaFile, plan: str) -> None:
    folder = emitted("leaderworkerset", plan)
    base = {one["metadata"]["name"]: one for one in objects(folder / "workloads")}
    patches = documents(*sorted(folder.glob("windows/*/scale.yaml")))
    for one in distinct(merged(base[patch["metadata"]["name"]], patch) for patch in patches):
        check(one, schema_file("leaderworkerset_v1.json"))


@pytest.mark.parametrize("plan", ALL_PLANS)
def test_keda(emitted: Emitted, schema_file: SchemaFile, plan: str) -> None:
    folder = emitted("keda", plan)
    for one in objects(folder / "workloads"):
        check_core(one)
    for one in objects(folder / "scaledobjects"):
        check(one, schema_file("scaledobject_v1alpha1.json"))
        spec = one["spec"]
        asked = [int(trigger["metadata"]["desiredReplicas"]) for trigger in spec["triggers"]]
        assert spec["maxReplicaCount"] == max(asked)
        assert 0 not in asked
        assert (
            spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"]
            == 0
        )
        for trigger in spec["triggers"]:
            start, end = trigger["metadata"]["start"], trigger["metadata"]["end"]
            assert croniter.is_valid(start)
            assert croniter.is_valid(end)
            assert len(start.split()) == len(end.split()) == 5
            assert start != end


@pytest.mark.parametrize("plan", ALL_PLANS)
def test_nvidia_dynamo(emitted: Emitted, schema_file: SchemaFile, plan: str) -> None:
    folder = emitted("nvidia-dynamo", plan)
    schema = schema_file("dynamographdeploymentscalingadapter_v1alpha1.json")
    known = set()
    for graph in objects(folder / "graphs"):
        parts = graph["spec"]["components"]
        assert 2 <= len(parts) <= 25
        assert graph["spec"]["backendFramework"] in ("sglang", "vllm", "trtllm")
        names = [part["name"] for part in parts]
        assert len({name.lower() for name in names}) == len(names)
        for part in parts:
            check_pod(part["podTemplate"])
            assert part["podTemplate"]["spec"]["containers"][0]["name"] == "main"
            known.add((graph["metadata"]["name"], part["name"]))
            if part["type"] == "worker":
                assert part["scalingAdapter"] == {}
                assert part["podTemplate"]["metadata"]["annotations"]["dynamo.nvidia.com/gpu-power-limit"].isdecimal()
    adapters = list(documents(*sorted(folder.glob("windows/*.yaml"))))
    for adapter in distinct(adapters):
        check(adapter, schema)
    for adapter in adapters:
        reference = adapter["spec"]["dgdRef"]
        assert (reference["name"], reference["serviceName"]) in known
        assert adapter["metadata"]["name"] == f"{reference['name']}-{reference['serviceName']}".lower()
        assert len(adapter["metadata"]["name"]) <= 63


@pytest.mark.parametrize("plan", ALL_PLANS)
def test_llm_d(emitted: Emitted, schema_file: SchemaFile, plan: str) -> None:
    folder = emitted("llm-d", plan)
    for values in documents(*sorted(folder.glob("values/*.yaml"))):
        check(values, schema_file("llm-d-modelservice.values.schema.json"))
    for variant in documents(*sorted(folder.glob("variants/*.yaml"))):
        check(variant, schema_file("variantautoscaling_v1alpha1.json"))


@pytest.mark.parametrize("plan", ALL_PLANS)
@pytest.mark.parametrize(
    ("sort", "schema"),
    [
        ("inferenceservices", "inferenceservice_v1beta1.json"),
        ("llminferenceservices", "llminferenceservice_v1alpha2.json"),
    ],
)
def test_kserve(emitted: Emitted, schema_file: SchemaFile, plan: str, sort: str, schema: str) -> None:
    folder = emitted("kserve", plan)
    base = {one["metadata"]["name"]: one for one in objects(folder / sort)}
    patches = documents(*sorted(folder.glob(f"windows/*/{sort}.yaml")))
    for one in distinct([*base.values(), *(merged(base[patch["metadata"]["name"]], patch) for patch in patches)]):
        check(one, schema_file(schema))


@pytest.mark.parametrize("plan", ALL_PLANS)
def test_ray_serve(emitted: Emitted, plan: str) -> None:
    schema = pytest.importorskip("ray.serve.schema", reason="Ray Serve is not installed")
    for config in distinct(documents(*sorted(emitted("ray-serve", plan).glob("*.yaml")))):
        model = schema.ServeDeploySchema.model_validate(config)
        # Ray accepts fields that it does not know: what it makes of the config must still hold everything written.
        assert model.model_dump(exclude_unset=True) == config


@pytest.mark.parametrize(
    ("engine", "flags"), [(EngineName.VLLM, "vllm-0.33.0-flags.txt"), (EngineName.SGLANG, "sglang-0.5.23-flags.txt")]
)
def test_engines_know_their_flags(schema_file: SchemaFile, engine: EngineName, flags: str) -> None:
    known = set(schema_file(flags).read_text(encoding="utf-8").split())
    one = ENGINES[engine]
    used = {one.tp, one.pp, one.max_tokens, one.memory, *one.nodes, *one.follower, *one.command}
    used |= {flag for pair in one.formats.values() for flag in pair}
    assert {flag for flag in used if flag and flag.startswith("--")} <= known


@pytest.mark.parametrize("target", ["vllm", "sglang", "tensorrt-llm"])
def test_engine_configurations_say_what_scripts_say(emitted: Emitted, target: str) -> None:
    folder = emitted(target, "hand")
    (config,) = documents(folder / "chat-ss-h100-tp2-bf16.yaml")
    script = (folder / "chat-ss-h100-tp2-bf16.sh").read_text()
    flag = ENGINES[EngineName(target)].tp
    assert config[flag.removeprefix("--")] == 2
    assert f"{flag} 2" in script


def scripts(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix in (".sh", ".sbatch")]


@pytest.mark.parametrize("plan", ALL_PLANS)
def test_shells_can_read_every_script(emitted: Emitted, plan: str) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not here")
    found = [path for target in find_targets() for path in scripts(emitted(target, plan))]
    assert found
    for path in found:
        done = subprocess.run([bash, "-n", path], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), path


@pytest.mark.parametrize(("plan", "times"), [("hand", 5), pytest.param("azure-week", 337, marks=pytest.mark.slow)])
def test_systemd_takes_the_units(emitted: Emitted, tmp_path: Path, plan: str, times: int) -> None:
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        pytest.skip("systemd-analyze is not here")
    folder = emitted("nvidia-smi", plan)
    calendars = re.findall(r"^OnCalendar=(.*)$", (folder / "dynamo-plan-gpus.timer").read_text(), flags=re.MULTILINE)
    assert len(calendars) == times  # every window's begin, and the end
    done = subprocess.run([systemd, "calendar", *calendars], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    units = [shutil.copy(path, tmp_path) for path in sorted(folder.glob("dynamo-plan-gpus*"))]
    done = subprocess.run([systemd, "verify", *units], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "dynamo-plan" in line]
    assert complaints == [], done.stderr


@pytest.mark.parametrize("plan", ALL_PLANS)
def test_prometheus_reads_the_gauges(emitted: Emitted, plan: str) -> None:
    for path in sorted(emitted("prometheus", plan).glob("*.prom")):
        families = {family.name: family for family in text_string_to_metric_families(path.read_text(encoding="utf-8"))}
        assert set(families) == {
            "dynamo_plan_target_replicas",
            "dynamo_plan_target_load_share_ratio",
            "dynamo_plan_target_site_power_watts",
            "dynamo_plan_window_start_timestamp_seconds",
        }
        assert {family.type for family in families.values()} == {"gauge"}
        pools = {sample.labels["pool"] for sample in families["dynamo_plan_target_replicas"].samples}
        assert pools <= {pool.name for pool in PLANS[plan]().pools}


def test_ansible_takes_the_playbooks(emitted: Emitted) -> None:
    folder = emitted("ansible", "hand")
    for name in ("apply", "reset"):
        ((play,),) = documents(folder / f"{name}.yaml")
        assert play["hosts"] == "gpu_machines"
    (inventory,) = documents(folder / "inventory.example.yaml")
    assert inventory["gpu_machines"]["hosts"]["machine-1.example"]["dynamo_plan_instances"] == [
        "chat-ll-h100-tp8-bf16 0 0,1"
    ]
    ansible = shutil.which("ansible-playbook")
    if ansible is None:
        pytest.skip("ansible-playbook is not here; the playbooks' own fields were checked")
    for name in ("apply", "reset"):
        command = [
            ansible,
            "--syntax-check",
            "-i",
            str(folder / "inventory.example.yaml"),
            str(folder / f"{name}.yaml"),
        ]
        subprocess.run(command, check=True)


@pytest.mark.parametrize("name", ["hand", pytest.param("azure-week", marks=pytest.mark.slow)])
def test_the_impact_framework_manifest_adds_up(emitted: Emitted, name: str) -> None:
    (manifest,) = documents(emitted("impact-framework", name) / "manifest.yaml")
    plan = PLANS[name]()
    (site,) = manifest["tree"]["children"].values()
    inputs = [one for component in site["children"].values() for one in component["inputs"]]
    energy_kwh = sum(one["energy"] for one in inputs)
    carbon_g = sum(one["energy"] * one["grid/carbon-intensity"] for one in inputs)
    assert energy_kwh == pytest.approx(sum(plan.sites[0].energy_kwh))
    assert carbon_g / 1000 == pytest.approx(sum(plan.sites[0].carbon_kg))
    requests = sum(one.get("requests", 0.0) for one in inputs)
    assert requests == pytest.approx(sum(g.instances * g.rate_rps for g in plan.groups) * plan.window_s)
    assert set(manifest["initialize"]["plugins"]) == {"operational-carbon"}
