"""What the plan rests on: provenance, prediction error, assumptions, what was left out, inputs."""

from __future__ import annotations

from dynamo_plan.report.chart import Chart, Table
from dynamo_plan.report.charts import bars
from dynamo_plan.report.page import Section
from dynamo_plan.report.reported import ReportedRun
from dynamo_plan.units import PERCENT_PER_ONE

QUANTITIES = {
    "rate": "rate that one instance serves",
    "ttft": "time to first token",
    "tbt": "time between tokens",
    "power": "power",
}


def evidence(run: ReportedRun) -> Section:
    """Provenance shares and prediction errors."""
    plan = run.plan
    text = [f"Where the bound comes from: {plan.certificate.proof}."]
    if not plan.prediction_errors:
        text.append("Prediction error: not known, the profiles record none; `dynamo-plan profile fit` writes it.")
    charts = [_provenance(run)] if any(part.share > 0 for part in plan.provenance) else []
    return Section("What it rests on", text, charts, _errors(run))


def _provenance(run: ReportedRun) -> Chart:
    parts = [part for part in run.plan.provenance if part.share > 0]
    shares = {"share": [part.share * PERCENT_PER_ONE for part in parts]}
    text = "Share of the instances' energy by how the profile rows behind it came about."
    return bars("Provenance", [part.provenance for part in parts], shares, y_label="share of energy, %", text=text)


def _errors(run: ReportedRun) -> list[Table]:
    rows = tuple(
        (
            one.service,
            QUANTITIES.get(one.quantity, one.quantity),
            one.mean * PERCENT_PER_ONE,
            None if one.worst is None else one.worst * PERCENT_PER_ONE,
        )
        for one in run.plan.prediction_errors
    )
    note = "Of rows whose clock is left out when the profile is fitted, and predicted from the others; of the kind predicted worst"
    return [Table("Prediction error", ("service", "quantity", "mean, %", "worst row, %"), rows, note)] if rows else []


def assumptions(run: ReportedRun) -> Section:
    """What was assumed and what was left out of the model."""
    plan = run.plan
    assumed = Table("Assumed", ("assumption",), tuple((line,) for line in plan.assumptions) or (("nothing",),))
    left = tuple((one.piece, one.reason) for one in plan.omissions) or (("nothing", ""),)
    return Section("Assumptions", tables=[assumed, Table("Left out of the model", ("piece", "why"), left)])


def inputs(run: ReportedRun) -> Section:
    """Every input with its hash."""
    rows = tuple((one.role, one.path, one.size_bytes, one.sha256) for one in run.plan.inputs)
    text = "The plan follows from these files and from nothing else."
    return Section("Inputs", text, tables=[Table("Files", ("role", "path", "bytes", "SHA-256"), rows)])
