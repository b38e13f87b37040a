"""The second profile: Mistral-7B on one V100, baseline values times measured ratios by clock.

Good for tests of the clock axis, which is measured here; load is not: two closed-loop points and what lies between.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe.cells import Row
from recipe.figures import PROFILES, read_table

MISTRAL = PROFILES / "mistral-7b-v100"
IDLE_W = 23.49  # measured over 180 s at 135 MHz without load; a locked clock draws more (log_vllm @ 91b6998)
BETWEEN = (0.0, 0.25, 0.5, 0.75, 1.0)  # from concurrency 1 to concurrency 16, linear in the request rate
LOW, HIGH = 1, 16
SOURCE = (
    "profiles/compose.py from ratios by clock derived from github.com/Slowist-Lee/log_vllm @ 91b6998; "
    "means stand in for percentiles; "
)


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """One closed-loop point: rate [1/s], mean TTFT [ms], mean TBT [ms], mean power [W]."""

    rate_rps: float
    ttft_ms: float
    tbt_ms: float
    power_w: float

    def towards(self, other: ClosedLoop, part: float) -> ClosedLoop:
        """The point ``part`` of the way to another."""
        pairs = zip(self.values(), other.values(), strict=True)
        return ClosedLoop(*(start + part * (end - start) for start, end in pairs))

    def values(self) -> tuple[float, float, float, float]:
        """Its four values, in order."""
        return self.rate_rps, self.ttft_ms, self.tbt_ms, self.power_w


def mistral_rows() -> list[Row]:
    """All rows: workloads by clock, idle first, then rising load."""
    baseline = {_cell(r): r for r in read_table(MISTRAL / "baseline_1300mhz.csv")}
    points = {}
    for ratios in read_table(MISTRAL / "clock_ratios.csv"):
        base = baseline[_cell(ratios)]
        rate, ttft, tbt, power = (
            float(base[column]) * float(ratios[ratio])
            for column, ratio in (
                ("rate_rps", "rate_ratio"),
                ("ttft_ms", "ttft_ratio"),
                ("tbt_ms", "tbt_ratio"),
                ("power_w", "power_ratio"),
            )
        )
        points[_cell(ratios), int(ratios["frequency_mhz"])] = ClosedLoop(rate, ttft, tbt, power)
    rows = []
    for (inputs, outputs, concurrency), mhz in sorted(points):
        if concurrency == LOW:
            low, high = points[(inputs, outputs, LOW), mhz], points[(inputs, outputs, HIGH), mhz]
            rows.append(_row(inputs, outputs, mhz, None, "bare idle at 135 MHz, a lower bound"))
            for part in BETWEEN:
                rows.append(_row(inputs, outputs, mhz, low.towards(high, part), _position(part)))
    return rows


def _position(part: float) -> str:
    ends = {0.0: "closed loop, concurrency 1", 1.0: "closed loop, backlog of 64 at concurrency 16"}
    return ends.get(part, f"{part:.0%} of the way from concurrency 1 to 16")


def _cell(row: dict[str, str]) -> tuple[int, int, int]:
    return int(row["input_tokens"]), int(row["output_tokens"]), int(row["concurrency"])


def _row(inputs: int, outputs: int, frequency_mhz: int, point: ClosedLoop | None, remark: str) -> Row:
    rate = float(f"{point.rate_rps:.5g}") if point else 0.0
    ttft_ms = round(point.ttft_ms, 1) if point else None
    tbt_ms = round(point.tbt_ms, 2) if point else None
    return Row(
        model="mistral-7b",
        gpu="v100",
        tp=1,
        pp=1,
        dtype="fp16",
        frequency_mhz=frequency_mhz,
        input_tokens=inputs,
        output_tokens=outputs,
        request_rate_rps=rate,
        concurrency=None,
        throughput_rps=rate,
        ttft_p50_ms=ttft_ms,
        ttft_p99_ms=ttft_ms,
        tbt_p50_ms=tbt_ms,
        tbt_p99_ms=tbt_ms,
        power_w=round(point.power_w, 2) if point else IDLE_W,
        duration_s=None,
        provenance="composed",
        source=SOURCE + remark,
    )
