"""Sources of rates: expected requests per window and bucket, none lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.ingest.logs.binning import binning
from dynamo_plan.ingest.logs.counts import grid_of
from dynamo_plan.ingest.logs.load import together
from dynamo_plan.ingest.logs.options import LogOptions
from dynamo_plan.ingest.logs.rates import load_of_rates, rate_format, read_rates
from dynamo_plan.schema.request_counts import RequestCounts
from tests.ingest.faultcase import only_fault

BINS = binning((100, None), (50, None))
START_NS = int(np.datetime64("2024-01-01", "ns").astype(np.int64))


def servegen(folder: Path) -> list[Path]:
    """Two clients, half an hour; the first has 25 % long inputs and halves of outputs, the second only short ones."""
    first, second = folder / "chunk-0-trace.csv", folder / "chunk-1-trace.csv"
    first.write_text("0,2.0,2.0,Gamma,0.25,2.0\n600,4.0,1.0,Weibull,1.0,1.0\n1200,0,0,,0,0\n")
    second.write_text("0,1,3.0,Gamma,0.1,9.0\n600,0,0,,0,0\n1200,1,1.0,Gamma,1.0,1.0\n")
    halves = {"input_tokens": "{10: 0.75, 200: 0.25}", "output_tokens": "{20: 0.5, 60: 0.5}"}
    (folder / "chunk-0-dataset.json").write_text(json.dumps({"0": halves}))
    empty, short = dict.fromkeys(halves, "{}"), dict.fromkeys(halves, "{30: 1.0}")
    (folder / "chunk-1-dataset.json").write_text(json.dumps({"0": empty, "600": empty, "1200": short}))
    return [first, second]


def build(
    paths: list[Path], window_s: float = 600, *, by_client: bool = False, keep_going: bool = False
) -> list[RequestCounts]:
    name = rate_format(paths, None)
    assert name is not None
    series, _ = read_rates(paths, name, LogOptions(start_ns=START_NS), BINS, keep_going=keep_going)
    return load_of_rates(series, BINS, grid_of(window_s), "chat", by_client=by_client)


def test_clients_of_servegen(tmp_path: Path) -> None:
    (load,) = build(servegen(tmp_path))
    assert load.windows.label(0) == "2024-01-01T00:00:00Z"
    # Client 0 has 1200 requests, then 2400; client 1 has 600 short ones in the first and the last interval.
    expected = [[450 + 600, 450, 150, 150], [900, 900, 300, 300], [600, 0, 0, 0]]
    assert load.requests == pytest.approx(np.array(expected))
    assert load.rate_rps == pytest.approx(np.array(expected) / 600)
    assert load.input_tokens[0, 0] == pytest.approx(450 * 10 + 600 * 30)
    assert load.output_tokens[0, 3] == pytest.approx(150 * 60)
    assert load.dispersion[0, 0] == pytest.approx((450 * 4 + 600 * 9) / 1050)
    assert load.dispersion[1, 1] == pytest.approx(1.0)
    assert np.isnan(load.dispersion[2, 1])
    assert load.lengths is None


def test_clients_apart_add_up(tmp_path: Path) -> None:
    paths = servegen(tmp_path)
    loads = build(paths, by_client=True)
    assert [load.client for load in loads] == ["chunk-0", "chunk-1"]
    (whole,) = build(paths)
    (added,) = together(loads)
    assert added.requests == pytest.approx(whole.requests)
    assert np.nan_to_num(added.dispersion) == pytest.approx(np.nan_to_num(whole.dispersion))


@pytest.mark.parametrize("window_s", [300, 900, 1800, 3600])
def test_other_windows_lose_nothing(tmp_path: Path, window_s: float) -> None:
    (load,) = build(servegen(tmp_path), window_s)
    assert load.requests.sum() == pytest.approx(600 * (2 + 4 + 1 + 1))


def test_a_client_without_lengths(tmp_path: Path) -> None:
    paths = servegen(tmp_path)
    (tmp_path / "chunk-1-dataset.json").unlink()
    only_fault(lambda: build(paths), "servegen-lengths", "chunk-1-trace.csv", "no chunk-1-dataset.json")
    (load,) = build(paths, keep_going=True)
    assert load.requests.sum() == pytest.approx(600 * (2 + 4))


def test_real_clients(raw_data: Callable[[str], Path], tmp_path: Path) -> None:
    import tarfile

    folder = raw_data("servegen-m-large")
    with tarfile.open(folder / "m-large.tar.gz") as archive:
        members = [
            one for one in archive.getmembers() if one.name.rpartition("/")[2].startswith(("chunk-0-", "chunk-1-"))
        ]
        archive.extractall(tmp_path, members, filter="data")
    paths = sorted(tmp_path.rglob("*-trace.csv"))
    (load,) = build(paths)
    rates = [[float(line.split(",")[1]) for line in path.read_text().splitlines()] for path in paths]
    assert load.rate_rps.sum(axis=1) == pytest.approx(np.sum(rates, axis=0))


def prometheus(folder: Path, *, reset: bool = False) -> Path:
    """Three samples a minute apart: 60 requests, then 120; inputs below 50 and up to 200 evenly, outputs below 50 all."""

    def series(name: str, edge: str, values: list[int]) -> dict[str, object]:
        samples = [[1_715_472_000 + 60 * index, str(value)] for index, value in enumerate(values)]
        return {
            "metric": {"__name__": f"vllm:request_{name}_tokens_bucket", "le": edge, "model_name": "m"},
            "values": samples,
        }

    before = [1000, 1060, 120] if reset else [1000, 1060, 1180]
    half = [500, 530, 60] if reset else [500, 530, 590]
    result = [
        series("prompt", "50", half),
        series("prompt", "200", before),
        series("prompt", "+Inf", before),
        series("generation", "20", before),
        series("generation", "+Inf", before),
    ]
    path = folder / "metrics.json"
    path.write_text(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}))
    return path


@pytest.mark.parametrize("reset", [False, True])
def test_histograms_of_vllm(tmp_path: Path, reset: bool) -> None:
    (load,) = build([prometheus(tmp_path, reset=reset)], 60)
    assert load.service == "m"
    assert load.windows.label(0) == "2024-05-12T00:00:00Z"
    assert load.requests.sum(axis=1) == pytest.approx([60, 120])
    # Half are below 50; of the others, even from 50 to 200, those up to 99 are 49 of 150.
    assert load.requests[0] == pytest.approx([30 + 30 * 49 / 150, 0, 30 * 101 / 150, 0])
    assert np.isnan(load.dispersion).all()


def test_metrics_without_a_histogram(tmp_path: Path) -> None:
    path = prometheus(tmp_path)
    path.write_text(path.read_text().replace("generation", "other"))
    only_fault(lambda: build([path]), "vllm-metrics", "metrics.json", "model m lacks a histogram")


def test_nothing_in_the_log(tmp_path: Path) -> None:
    (tmp_path / "chunk-0-trace.csv").write_text("0,0,0,,0,0\n600,0,0,,0,0\n")
    only_fault(lambda: build([tmp_path / "chunk-0-trace.csv"]), "servegen-lengths", "chunk-0-trace.csv")
    one = binning((None,), (None,))
    paths = [tmp_path / "chunk-0-trace.csv"]
    only_fault(lambda: read_rates(paths, "servegen", LogOptions(), one), "log-empty", "chunk-0-trace.csv", "no request")
