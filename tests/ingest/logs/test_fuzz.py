"""Whatever bytes a log holds, counting it ends in counts or in faults, never in another error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dynamo_plan.errors import InputError
from dynamo_plan.ingest.logs import Place, count_logs, find_logs
from dynamo_plan.ingest.logs.binning import binning
from dynamo_plan.ingest.logs.counts import Grid
from dynamo_plan.ingest.logs.options import LogOptions
from dynamo_plan.ingest.logs.rates import rate_format, read_rates
from tests.ingest.faultcase import only_fault
from tests.ingest.logs import samples

BINS, GRID = binning((256, None), (100, None)), Grid(1800, 60)
BURST, OTLP = samples.BURSTGPT.encode(), samples.otlp_spans(as_texts=True).encode()
LOGS = [
    samples.AZURE_2023.encode(),
    samples.AZURE_2024.encode(),
    BURST,
    samples.MOONCAKE.encode(),
    samples.dynamo(wrapped=False).encode(),
    samples.dynamo(wrapped=True).encode(),
    samples.sdk_spans(old=False).encode(),
    OTLP,
    samples.otlp_spans(as_texts=False).encode(),
]
RATES = [
    b"0,1.5,2.0,Gamma,0.5,0.1\n600,0.5,1.0,Gamma,0.5,0.1\n",
    b'{"data":{"resultType":"matrix","result":[{"metric":{"__name__":"vllm:request_prompt_tokens_bucket","le":"+Inf"},'
    b'"values":[[1715472000,"1"],[1715472060,"3"]]}]}}',
]
PIECES = [b"", b",", b'"', b"\n", b"\r", b"-", b"1e9", b"9" * 20, b"\x00", b"\xff", b"{", b"}", b"null", b"[]", b"0.5"]
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def changed(whole: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
    for place, length, piece in cuts:
        at = place % (len(whole) + 1)
        whole = whole[:at] + piece + whole[at + length :]
    return whole


cuts = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 6), st.sampled_from(PIECES)), max_size=4)


def survives[Found](read: Callable[[], Found]) -> Found | None:
    """What was read; None where there are faults, which all say something."""
    try:
        return read()
    except InputError as error:
        faults = error.faults
    assert all(fault.code and fault.where and fault.what for fault in faults)
    return None


def counted(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    found = survives(lambda: count_logs(find_logs([path], LogOptions()), BINS, GRID, Place(workers=1)))
    assert found is None or (found[0].rows > 0 and found[1] == 0)


@FUZZ
@example(data=BURST.replace(b"ChatGPT", b"Chat\xffPT"))  # a name that is no UTF-8
@example(data=BURST + b"1\r2,a,b,c,d,e,f,g\n")  # a line feed of another system within a line
@example(data=OTLP.replace(b'"1715472', b'"17x5472'))  # a number in a text that is none
@example(data=OTLP.replace(b'"intValue": "100"', b'"intValue": "many"'))
@given(data=st.builds(changed, st.sampled_from(LOGS), cuts) | st.binary(max_size=100))
def test_logs_of_requests(tmp_path: Path, data: bytes) -> None:
    counted(tmp_path / "log", data)


@FUZZ
@given(data=st.builds(changed, st.sampled_from(RATES), cuts))
def test_sources_of_rates(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "chunk-1-trace.csv"
    path.write_bytes(data)
    name = rate_format([path], None)
    if name is None:
        counted(path, data)
        return
    found = survives(lambda: read_rates([path], name, LogOptions(), binning((None,), (None,))))
    assert found is None or (found[0] and not found[1])


def test_a_name_that_is_no_text_is_shown_with_what_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(BURST.replace(b"ChatGPT", b"Chat\xffPT"))
    rows, _ = samples.read_rows(tmp_path / "log")
    assert [row[3] for row in rows] == ["Chat�PT", "Chat�PT", "GPT-4"]


@pytest.mark.parametrize(
    ("number", "none"), [(b'"1715472', b'"17x5472'), (b'"intValue": "100"', b'"intValue": "many"')]
)
def test_numbers_in_texts_that_are_none_are_a_fault(tmp_path: Path, number: bytes, none: bytes) -> None:
    (tmp_path / "log").write_bytes(OTLP.replace(number, none))
    only_fault(lambda: samples.read_rows(tmp_path / "log"), "log-json", "log", "Failed to parse string")
