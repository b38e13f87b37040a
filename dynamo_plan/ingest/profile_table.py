"""The canonical profile: one row per operating point of one instance (docs/reference/files.md)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.checks.duplicates import check_duplicates
from dynamo_plan.ingest.checks.names import check_known
from dynamo_plan.ingest.checks.ranges import check_count, check_not_negative, check_positive
from dynamo_plan.ingest.checks.units import check_frequency, check_latency, check_power
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.source import Source
from dynamo_plan.ingest.table import Table
from dynamo_plan.ingest.table_file import read_table
from dynamo_plan.schema.kind import NumberFormat
from dynamo_plan.schema.profile import ERROR_COLUMNS, NOT_LOCKED_MHZ, ProfileTable, Provenance

REQUIRED = (
    "model",
    "gpu",
    "tp",
    "pp",
    "dtype",
    "frequency_mhz",
    "input_tokens",
    "output_tokens",
    "request_rate_rps",
    "throughput_rps",
    "ttft_p99_ms",
    "tbt_p99_ms",
    "power_w",
    "provenance",
    "source",
)
MEND_MEASURED = "Drop the row, or measure it again"


def parse_profile(source: Source, faults: Faults) -> ProfileTable | None:
    """Read and check a profile; None if it cannot be used, with the reasons noted."""
    known_faults = len(faults)
    table = read_table(source, faults)
    if table is None or not table.require(REQUIRED, faults):
        return None
    names = {column: table.labels(column, faults) for column in ("model", "gpu", "dtype", "provenance", "source")}
    check_known(
        "profile-provenance",
        table,
        "provenance",
        names["provenance"],
        tuple(Provenance),
        "Say how the row came about",
        faults,
    )
    mend = "Write the format of the weights"
    check_known("profile-dtype", table, "dtype", names["dtype"], tuple(NumberFormat), mend, faults)
    tp, pp, given, made = (table.numbers(column, faults) for column in ("tp", "pp", "input_tokens", "output_tokens"))
    clock, power = (_stated_or_not(table, column, faults) for column in ("frequency_mhz", "power_w"))
    rate = _rate(table, faults)
    ttft, tbt = (table.numbers(column, faults, required=False) for column in ("ttft_p99_ms", "tbt_p99_ms"))
    for column, count in (("tp", tp), ("pp", pp)):
        check_count("profile-parallelism", table, column, count, faults)
    check_positive("profile-frequency", table, "frequency_mhz", clock, " MHz", "Write the SM clock in MHz", faults)
    check_frequency(table, clock, faults)
    for column, tokens in (("input_tokens", given), ("output_tokens", made)):
        check_positive("profile-tokens", table, column, tokens, " tokens", MEND_MEASURED, faults)
    _check_latencies(table, rate, {"ttft_p99_ms": ttft, "tbt_p99_ms": tbt}, faults)
    check_latency(table, ttft, tbt, faults)
    check_positive("profile-power", table, "power_w", power, " W", MEND_MEASURED, faults)
    check_power(table, power, tp * pp, faults)
    # Rows of a table without clocks are told apart by the rest; a single empty clock is a fault of its own already.
    locked = np.full(clock.size, NOT_LOCKED_MHZ) if np.isnan(clock).all() else clock
    key: dict[str, NDArray[Any]] = {name: names[name].codes for name in ("model", "gpu", "dtype")}
    key |= {"tp": tp, "pp": pp, "frequency_mhz": locked, "input_tokens": given, "output_tokens": made, "rate": rate}
    check_duplicates("profile-duplicate", table, "request_rate_rps", key, faults)
    concurrency = _concurrency(table, faults)
    errors = _errors(table, faults)
    if len(faults) > known_faults:
        return None
    return ProfileTable(
        path=table.shown,
        line=table.line,
        model=names["model"].array(),
        gpu=names["gpu"].array(),
        tp=tp.astype(np.int64),
        pp=pp.astype(np.int64),
        dtype=names["dtype"].array(),
        frequency_mhz=np.where(np.isnan(clock), NOT_LOCKED_MHZ, clock),
        input_tokens=given,
        output_tokens=made,
        rate_rps=rate,
        ttft_p99_ms=ttft,
        tbt_p99_ms=tbt,
        power_w=np.where(np.isnan(power), 0.0, power),
        provenance=names["provenance"].array(),
        source=names["source"].array(),
        concurrency=concurrency,
        errors=errors,
    )


def _stated_or_not(table: Table, column: str, faults: Faults) -> NDArray[np.float64]:
    """A column that a table may leave empty throughout, and then does not state (NaN); a single empty cell is a fault."""
    return table.numbers(column, faults, required=not bool(table.is_empty(column).all()))


def _optional(table: Table, column: str, faults: Faults) -> NDArray[np.float64] | None:
    """A column that a table may not have; None where it has none, or nothing in it."""
    if column not in table.columns or bool(table.is_empty(column).all()):
        return None
    return table.numbers(column, faults, required=False)


def _concurrency(table: Table, faults: Faults) -> NDArray[np.float64] | None:
    """Requests in flight of closed-loop rows; NaN where none are stated, as of the idle instance."""
    found = _optional(table, "concurrency", faults)
    if found is None:
        return None
    check_not_negative("profile-concurrency", table, "concurrency", found, " requests", MEND_MEASURED, faults)
    return np.where(found > 0, found, np.nan)


def _errors(table: Table, faults: Faults) -> dict[str, NDArray[np.float64]] | None:
    """Prediction errors that the table records of itself [relative]."""
    found = {column: values for column in ERROR_COLUMNS if (values := _optional(table, column, faults)) is not None}
    for column, values in found.items():
        check_not_negative("profile-error", table, column, values, "", "Let `profile fit` write it", faults)
    return found or None


def _rate(table: Table, faults: Faults) -> NDArray[np.float64]:
    """Offered rate, or achieved throughput where the row offers none [1/s]."""
    offered = table.numbers("request_rate_rps", faults, required=False)
    achieved = table.numbers("throughput_rps", faults)
    for column, values in (("request_rate_rps", offered), ("throughput_rps", achieved)):
        check_not_negative("profile-rate", table, column, values, " requests/s", MEND_MEASURED, faults)
    return np.where(np.isnan(offered), achieved, offered)


def _check_latencies(
    table: Table, rate: NDArray[np.float64], latencies: dict[str, NDArray[np.float64]], faults: Faults
) -> None:
    """A loaded row has both latencies, above 0; an idle row has none to give. A table without any states none."""
    states_none = all(bool(table.is_empty(column).all()) for column in latencies)
    for column, values in latencies.items():
        faults.add_rows(
            "profile-latency-missing",
            table,
            column,
            np.flatnonzero(table.is_empty(column) & (rate > 0) & (not states_none)),
            lambda row: f"the cell is empty at {rate[row]:g} requests/s",
            "Only a row at rate 0, the idle instance, may have no latency, or all rows of the table",
            MEND_MEASURED,
        )
        check_positive("profile-latency", table, column, values, " ms", MEND_MEASURED, faults)
