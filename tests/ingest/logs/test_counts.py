"""Counts are exact: against a plain loop, and however the log is cut, ordered and handed out."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamo_plan.errors import InputError, UsageError
from dynamo_plan.ingest.kernels.counting import FAILED, INPUT, INPUT_SQUARED, OUTPUT, OUTPUT_SQUARED, REQUESTS
from dynamo_plan.ingest.logs import Log, Place, count_logs, delimited, find_logs, measure_lengths
from dynamo_plan.ingest.logs.binning import binning
from dynamo_plan.ingest.logs.counts import Counts, Grid, grid_of
from dynamo_plan.ingest.logs.delimited import Span
from dynamo_plan.ingest.logs.edges import parse_edges
from dynamo_plan.ingest.logs.log_file import LogFile
from dynamo_plan.ingest.logs.options import LogOptions
from dynamo_plan.ingest.logs.readers import azure
from dynamo_plan.ingest.logs.requests import Rejects, request_batch
from dynamo_plan.parallel import Engine
from tests.ingest.faultcase import only_fault

BINS = binning((256, 1024, 8192), (100, 350, None))
GRID = Grid(60, 60)
HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
FIVE_MINUTES_NS = 300 * 10**9

requests = st.lists(
    st.tuples(st.integers(0, FIVE_MINUTES_NS), st.integers(1, 20_000), st.integers(0, 2_000)), min_size=1, max_size=60
)
type Request = tuple[int, int, int]


def count(rows: Sequence[Request]) -> Counts:
    counts = Counts(BINS, GRID)
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    at_ns = columns[0] + np.datetime64("2024-05-12", "ns").astype(np.int64)
    counts.add(request_batch(at_ns, columns[1].astype(np.int32), columns[2].astype(np.int32)))
    return counts


def same(one: Counts, other: Counts) -> bool:
    left, right = one.tallies[""], other.tallies[""]
    arrays = ((left.cells, right.cells), (left.fine, right.fine), (left.joint, right.joint))
    ends = (one.rows, one.first_ns, one.last_ns, left.outside, left.first)
    return ends == (other.rows, other.first_ns, other.last_ns, right.outside, right.first) and all(
        np.array_equal(*pair) for pair in arrays
    )


@given(requests, st.randoms(use_true_random=False), st.integers(1, 5))
def test_order_and_cuts_do_not_matter(rows: list[Request], random: object, parts: int) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    merged = Counts(BINS, GRID)
    for part in range(parts):
        if shuffled[part::parts]:
            merged.merge(count(shuffled[part::parts]))
    assert same(merged, count(rows))


@given(requests)
def test_against_a_plain_loop(rows: list[Request]) -> None:
    expected: Counter[tuple[int, int, int]] = Counter()
    outside = 0
    first = min(at_ns for at_ns, _, _ in rows) // GRID.window_ns
    for at_ns, inputs, outputs in rows:
        bucket = next((index for index, one in enumerate(BINS.buckets) if one.holds(inputs, outputs)), None)
        if bucket is None:
            outside += 1
            continue
        window = at_ns // GRID.window_ns - first
        if outputs == 0:
            expected[window, bucket, FAILED] += 1
            continue
        terms = {REQUESTS: 1, INPUT: inputs, INPUT_SQUARED: inputs**2, OUTPUT: outputs, OUTPUT_SQUARED: outputs**2}
        for field, value in terms.items():
            expected[window, bucket, field] += value
    tally = count(rows).tallies[""]
    found = {tuple(place): int(tally.cells[tuple(place)]) for place in np.argwhere(tally.cells).tolist()}
    assert found == dict(expected)
    assert tally.outside == outside
    assert tally.fine.sum() == tally.joint.sum() == tally.cells[:, :, REQUESTS].sum()


@settings(max_examples=40)  # each writes a file
@given(st.lists(st.integers(0, 400), min_size=1, max_size=40), st.integers(1, 6), st.booleans())
def test_parts_of_a_file_are_the_file(
    tmp_path_factory: pytest.TempPathFactory, seconds: list[int], parts: int, ends: bool
) -> None:
    path = tmp_path_factory.mktemp("parts") / "log.csv"
    lines = [f"2024-05-12 00:0{second // 60}:{second % 60:02},{second + 1},{second}" for second in seconds]
    path.write_text(HEADER + "\n".join(lines) + ("\n" if ends else ""))
    file = LogFile(str(path), "log.csv", None)
    edges = [file.size * part // parts for part in range(parts)]
    merged, rejects = Counts(BINS, GRID), Rejects()
    for low, high in zip(edges, [*edges[1:], None], strict=True):
        part = Counts(BINS, GRID)
        for batch in azure.read(file, LogOptions(), rejects, Span(low, high)):
            part.add(batch)
        merged.merge(part)
    whole = Counts(BINS, GRID)
    for batch in azure.read(file, LogOptions(), rejects):
        whole.add(batch)
    assert whole.rows == len(seconds)
    assert same(merged, whole)


def test_blocks_of_a_file_are_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.csv"
    path.write_text(HEADER + "".join(f"2024-05-12 00:00:{second:02},{second + 1},7\n" for second in range(60)) * 3)
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 100)
    counts, _ = count_logs(find_logs([path], LogOptions()), BINS, GRID, Place())
    assert counts.rows == 180
    assert counts.tallies[""].cells[0, 0, INPUT] == 3 * sum(range(1, 61))
    path.write_text(HEADER + "x" * 200)
    log = find_logs([path], LogOptions())
    only_fault(lambda: count_logs(log, BINS, GRID, Place()), "log-row", "log.csv:2", "longer than 100 bytes")


@pytest.fixture
def azure_2023(raw_data: Callable[[str], Path]) -> list[Path]:
    """The conversation trace, then the coding trace."""
    return sorted(raw_data("azure-llm-2023").glob("*.csv"), reverse=True)


def test_real_requests_against_a_plain_loop(azure_2023: list[Path]) -> None:
    expected: Counter[tuple[datetime, str]] = Counter()
    tokens: Counter[str] = Counter()
    bins = binning((256, 1024, None), (100, 350, None))
    for path in azure_2023:
        with path.open() as file:
            for row in csv.DictReader(file):
                at = datetime.fromisoformat(row["TIMESTAMP"][:26]).replace(tzinfo=UTC)
                lengths = int(row["ContextTokens"]), int(row["GeneratedTokens"])
                bucket = next(one.name for one in bins.buckets if one.holds(*lengths))
                if lengths[1]:
                    expected[at.replace(minute=at.minute // 5 * 5, second=0, microsecond=0), bucket] += 1
                    tokens[bucket] += lengths[0]
    counts, left_out = count_logs(find_logs(azure_2023, LogOptions()), bins, grid_of(300), Place())
    tally = counts.tallies[""]
    found = {
        (datetime.fromtimestamp((tally.first + window) * 300, UTC), bins.buckets[bucket].name): int(
            tally.cells[window, bucket, REQUESTS]
        )
        for window, bucket in np.argwhere(tally.cells[:, :, REQUESTS]).tolist()
    }
    assert (counts.rows, left_out) == (28_185, 0)
    assert found == dict(expected)
    assert tally.cells[:, :, INPUT].sum(axis=0).tolist() == [tokens[one.name] for one in bins.buckets]


def test_the_mix_of_the_paper(azure_2023: list[Path]) -> None:
    """DynamoLLM's hour of conversations, split at its own 33rd and 66th percentiles."""
    log = find_logs(azure_2023[:1], LogOptions())
    inputs, outputs = parse_edges("p33,p66")
    lengths = measure_lengths(log, None, Place())
    edges = inputs.edges(lengths, of_input=True), outputs.edges(lengths, of_input=False)
    assert edges == (
        (409, 1103, None),
        (95, 238, None),
    )  # a length of 408 or 94 is short: edges lie above the percentile
    counts, _ = count_logs(log, binning(*edges), grid_of(3600), Place())
    requests = counts.tallies[""].cells[:, :, REQUESTS].sum(axis=0)
    mix = np.round(100 * requests / requests.sum(), 1)
    assert mix.tolist() == [14.7, 18.1, 0.3, 5.0, 5.3, 22.6, 13.9, 9.0, 11.1]


def write_two(folder: Path) -> Log:
    for name, minute in (("a.csv", 0), ("b.csv", 3)):
        rows = "".join(
            f"2024-05-12 00:0{minute + second // 60}:{second % 60:02},{second + 1},9\n" for second in range(90)
        )
        (folder / name).write_text(HEADER + rows)
    return find_logs([folder / "a.csv", folder / "b.csv"], LogOptions())


@pytest.mark.slow
@pytest.mark.parametrize("engine", [Engine.DASK, Engine.RAY])
def test_engines_agree(tmp_path: Path, engine: Engine) -> None:
    log = write_two(tmp_path)
    here, _ = count_logs(log, BINS, GRID, Place())
    there, _ = count_logs(log, BINS, GRID, Place(engine, workers=2))
    assert same(here, there)


def test_progress_ends_at_one(tmp_path: Path) -> None:
    shares: list[float] = []
    count_logs(write_two(tmp_path), BINS, GRID, Place(on_share=shares.append))
    assert shares == [0.5, 1.0]


def test_duplicates_are_dropped_when_asked(tmp_path: Path) -> None:
    write_two(tmp_path)
    paths = [tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "a.csv"]
    kept, _ = count_logs(find_logs(paths, LogOptions()), BINS, GRID, Place())
    once, _ = count_logs(find_logs(paths, LogOptions(), drop_duplicates=True), BINS, GRID, Place())
    plain, _ = count_logs(find_logs(paths[:2], LogOptions()), BINS, GRID, Place())
    assert (kept.rows, once.rows) == (270, 180)
    assert same(once, plain)


def test_faulty_rows_are_named_by_line_or_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    bad = "2024-05-12 00:00:00,-1,5\n"
    path.write_text(HEADER + "2024-05-12 00:00:00,1,5\n" + bad + "2024-05-12 00:00:01,1,5\n" + bad * 30)
    log = find_logs([path], LogOptions())
    with pytest.raises(InputError) as caught:
        count_logs(log, BINS, GRID, Place())
    texts = [str(fault) for fault in caught.value.faults]
    assert len(texts) == 21
    assert texts[0].endswith("--keep-going.")
    assert "log.csv:3 ContextTokens: -1 tokens are below 0." in texts[0]
    assert "log.csv:5 ContextTokens" in texts[1]
    assert texts[-1].endswith("... and 11 more rows that are no request.")
    counts, left_out = count_logs(log, BINS, GRID, Place(), keep_going=True)
    assert (counts.rows, left_out) == (2, 31)


def test_a_clock_that_jumped_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(HEADER + "2024-05-12 00:00:00,1,5\n2094-05-12 00:00:00,1,5\n")
    log = find_logs([path], LogOptions())
    only_fault(
        lambda: count_logs(log, BINS, GRID, Place()), "log-span", "arrival", "2024-05-12", "2094-05-12", "jumped"
    )


def test_an_empty_log_is_no_absent_load(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(HEADER)
    log = find_logs([tmp_path / "log.csv"], LogOptions())
    only_fault(lambda: count_logs(log, BINS, GRID, Place()), "log-empty", "log.csv", "no request")


@pytest.mark.parametrize(
    "text",
    ["100/x", "300,200/100", "100", "p33,100/50", "null,100/100", "p33/0", ",".join(map(str, range(1, 15))) + "/5"],
)
def test_edges_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        parse_edges(text)


@pytest.mark.parametrize("window_s", [420, 0, 0.5, 172800])
def test_windows_that_do_not_divide_a_day(window_s: float) -> None:
    with pytest.raises(UsageError, match="does not divide a day"):
        grid_of(window_s)


@pytest.mark.parametrize(
    ("window_s", "grid"), [(1800, Grid(1800, 60)), (86400, Grid(86400, 60)), (10, Grid(10, 10)), (1, Grid(1, 1))]
)
def test_windows(window_s: float, grid: Grid) -> None:
    assert grid_of(window_s) == grid
