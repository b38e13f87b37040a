"""The card of a replay: what was promised and what happened, on one screen."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dynamo_plan.report.bars import sparkline
from dynamo_plan.report.card import CARD_COLUMNS, FRAME_COLUMNS, LEAST_SPARK_COLUMNS
from dynamo_plan.report.wording import change, count, number
from dynamo_plan.schema.replay import Account, BucketReplay, Replay
from dynamo_plan.units import MINUTES_PER_HOUR, PERCENT_PER_ONE, SECONDS_PER_HOUR

MEASURES = (
    ("energy, kWh", "energy_kwh"),
    ("IT energy, kWh", "it_energy_kwh"),
    ("carbon, kg CO2e", "carbon_kg"),
    ("cost, USD", "cost_usd"),
    ("peak power, kW", "peak_power_kw"),
    ("GPU-hours", "gpu_hours"),
    ("instance starts", "instance_starts"),
)
"""Rows of the comparison: label and attribute of `Account`."""


def print_replay_card(replay: Replay, console: Console) -> None:
    """Print the card, at most `CARD_COLUMNS` wide."""
    columns = min(console.width, CARD_COLUMNS)
    console.print(replay_card(replay, columns), width=columns)


def replay_card(replay: Replay, columns: int) -> RenderableType:
    """The card as something rich can print."""
    parts: list[RenderableType] = [
        Text(_horizon(replay)),
        _comparison(replay),
        _buckets(replay),
        _power(replay, columns - FRAME_COLUMNS),
        *(Text(line) for line in requests_in_words(replay)),
        *(Text(line, style="dim") for line in replay.notes),
    ]
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [part] if isinstance(part, Text) and spaced and isinstance(spaced[-1], Text) else [Text(), part]
    title = f"[bold]{replay.name}, replayed[/bold]"
    return Panel(Group(*spaced[1:]), title=title, title_align="left", padding=(0, 1))


def requests_in_words(replay: Replay) -> Iterator[str]:
    """What became of the requests, in sentences; what did not occur is not mentioned."""
    yield f"{replay.completed:,} of {count(replay.requests, 'request')} answered in full."
    left_out = replay.left_out
    for amount, what in (
        (replay.too_large, "rejected: larger than any instance's KV cache"),
        (replay.timed_out, "given up after waiting for longer than their timeout"),
        (replay.waiting, "never served: no instance of their service was open to the end"),
        (replay.preempted, "computed anew for lack of KV blocks"),
        (replay.mispredicted, "sent to the pool of another output class than theirs"),
        (replay.elsewhere, "sent to another pool, as theirs had no instance"),
        (replay.moved, "moved to another instance while they waited, each time counted"),
        (left_out.outside_horizon, "left out: outside the plan's horizon"),
        (left_out.unknown_service, "left out: of a service that was not replayed"),
        (left_out.outside_buckets, "left out: longer than every bucket"),
        (left_out.without_output, "left out: failed in the trace, without output"),
    ):
        if amount:
            yield f"{count(amount, 'request')} {what}."


def _horizon(replay: Replay) -> str:
    minutes = replay.window_s / SECONDS_PER_HOUR * MINUTES_PER_HOUR
    clocks = "clocks raised under load" if replay.clock_control else "clocks as planned"
    clocks += " · queues managed" if replay.queue_control else ""
    return (
        f"{count(replay.windows, 'window')} of {minutes:g} min from {replay.first_window_start} · {', '.join(replay.services)}\n"
        f"router {replay.router} · output class foreseen in {PERCENT_PER_ONE * replay.predictor_accuracy:g} % · {clocks} · "
        f"seed {replay.seed}"
    )


def _comparison(replay: Replay) -> Table:
    table = _head("", "replayed", "promised", "difference")
    for label, name in MEASURES:
        ours, theirs = _value(replay.replayed, name), _value(replay.planned, name)
        table.add_row(label, number(ours), number(theirs), change(theirs, ours))
    spans = [span for bucket in replay.buckets for span in bucket.spans]
    kept = f"{PERCENT_PER_ONE * replay.attainment:.1f} % of {len(spans):,}"
    table.add_row("bucket-windows within the SLO", kept, "100 %", "")
    return table


def _value(account: Account, name: str) -> float:
    return float(getattr(account, name))


def _buckets(replay: Replay) -> Table:
    table = _head("P99 in ms", "requests", "TTFT", "SLO", "TBT", "token gap", "SLO", "requests kept", "windows kept")
    for bucket in replay.buckets:
        name = bucket.bucket if len(replay.services) == 1 else f"{bucket.service} {bucket.bucket}"
        style = "" if bucket.met == len(bucket.spans) else "red"
        table.add_row(Text(name, style=style), *bucket_cells(bucket))
    return table


def bucket_cells(bucket: BucketReplay) -> tuple[str, ...]:
    """What is said of a bucket, as text."""
    return (
        f"{bucket.requests:,}",
        _ms(bucket.ttft_ms.p99),
        _ms(bucket.ttft_slo_ms),
        _ms(bucket.tbt_ms.p99),
        _ms(bucket.gap_ms.p99),
        _ms(bucket.tbt_slo_ms),
        f"{PERCENT_PER_ONE * bucket.within_slo:.2f} %",
        f"{bucket.met} of {len(bucket.spans)}",
    )


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _power(replay: Replay, columns: int) -> Table:
    label, power = "power", replay.course.power_kw
    most = f"P50 {number(replay.power_p50_kw)} · P99 {number(replay.power_p99_kw)} kW"
    width = min(len(power), max(LEAST_SPARK_COLUMNS, columns - len(label) - len(most) - 2))
    table = Table.grid(padding=(0, 1))
    table.add_row(label, Text(sparkline(list(power), width), style="cyan"), most)
    return table


def _head(*names: str) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    table.add_column(names[0], no_wrap=True)
    for name in names[1:]:
        table.add_column(name, justify="right")
    return table
