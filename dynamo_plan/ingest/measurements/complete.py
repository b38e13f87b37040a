"""What a row of the canonical profile needs, and what measurements lack of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from dynamo_plan.errors import Fault
from dynamo_plan.schema.measurement import Measurement

MENDS = {
    "model": "Add --set model=NAME, as the scenario names it",
    "gpu": "Add --set gpu=NAME, as the scenario names it",
    "tp": "Add --set tp=N, the GPUs over which the server split each layer",
    "pp": "Add --set pp=N; 1 if the layers were not split into stages",
    "dtype": "Add --set dtype=bf16, or whatever the weights' format is",
    "input_tokens": "Add --set input_tokens=N, the mean length of the prompts",
    "output_tokens": "Add --set output_tokens=N, the mean length of the answers",
    "throughput_rps": "Name the benchmark's own file, which counts requests, or add --set throughput_rps=N",
}
"""What every row needs, by column, and where it comes from."""

OF_ALL_OR_NONE = {
    "frequency_mhz": "Add --set frequency_mhz=MHZ for these files, or leave them out",
    "power_w": "Name what recorded power meanwhile with --telemetry FILE, or leave these files out",
}
"""What a table states of all its rows or of none."""

P99_MEND = "Let the benchmark write 99th percentiles (vLLM: --metric-percentiles 50,90,95,99), or leave these files out"


@dataclass(frozen=True, slots=True)
class Lack:
    """A column that some rows lack, and how to supply it."""

    column: str
    rows: tuple[Measurement, ...]
    what: str
    mend: str

    def fault(self) -> Fault:
        """One fault for all of these rows."""
        others = len(self.rows) - 1
        more = f"; so it is with {others} more row{'s' if others > 1 else ''}" if others else ""
        return Fault("measurement-incomplete", f"{self.rows[0].where} {self.column}", self.what + more, "", self.mend)


def states_p99(rows: Sequence[Measurement]) -> bool:
    """Whether a table of these rows can state latencies: some row has a 99th percentile of TTFT and some row one of TBT."""
    return any(row.ttft.p99_ms is not None for row in rows) and any(row.tbt.p99_ms is not None for row in rows)


def lacks_of(rows: Sequence[Measurement]) -> list[Lack]:
    """What keeps rows from being a profile together, column by column.

    Every row needs what tells its kind, its lengths and its throughput. Clocks, powers and 99th percentiles are stated of all rows or of
    none; a row at rate 0 has no latency to state.
    """
    lacks = [_lack(rows, name, MENDS[name], lambda row, name=name: getattr(row, name) is None) for name in MENDS]  # type: ignore[misc]
    lacks = [lack for lack in [*lacks, _uncovered(rows)] if lack.rows]
    out = {id(row) for lack in lacks for row in lack.rows}
    # What is no row in any case does not make others lack what it states.
    sound = [row for row in rows if id(row) not in out]
    for name, mend in OF_ALL_OR_NONE.items():
        if any(getattr(row, name) is not None for row in sound):
            lacks.append(_lack(sound, name, mend, lambda row, name=name: getattr(row, name) is None))  # type: ignore[misc]
    if states_p99(sound):
        lacks.append(_lack(sound, "ttft_p99_ms", P99_MEND, lambda row: _is_loaded(row) and row.ttft.p99_ms is None))
        lacks.append(_lack(sound, "tbt_p99_ms", P99_MEND, lambda row: _is_loaded(row) and row.tbt.p99_ms is None))
    return [lack for lack in lacks if lack.rows]


def _lack(rows: Sequence[Measurement], column: str, mend: str, is_lacking: Callable[[Measurement], bool]) -> Lack:
    what = "it is not stated here" if column in MENDS else "it is stated of other rows, not here"
    return Lack(column, tuple(row for row in rows if is_lacking(row)), what, mend)


def _is_loaded(row: Measurement) -> bool:
    return row.throughput_rps is None or row.throughput_rps > 0


def _uncovered(rows: Sequence[Measurement]) -> Lack:
    """Rows whose figures cover other GPUs than one instance's."""
    found = tuple(
        row
        for row in rows
        if row.gpus is not None and row.tp is not None and row.pp is not None and row.gpus != row.tp * row.pp
    )
    what = ""
    if found:
        what = f"the figures are of {found[0].gpus} GPUs, not of one instance of TP {found[0].tp} and PP {found[0].pp}"
    return Lack("gpus", found, what, "Measure one instance alone, or correct TP and PP")


def repeated(rows: Sequence[Measurement]) -> list[tuple[Measurement, Measurement]]:
    """Rows of an operating point that an earlier row is of too, which a profile does not hold twice: the earlier one and the row."""
    first: dict[Hashable, Measurement] = {}
    found = []
    for row in rows:
        rate_rps = row.throughput_rps if row.offered_rps is None else row.offered_rps
        kind = (row.model, row.gpu, row.dtype, row.tp, row.pp, row.frequency_mhz)
        earlier = first.setdefault((*kind, row.input_tokens, row.output_tokens, rate_rps), row)
        if earlier is not row:
            found.append((earlier, row))
    return found
