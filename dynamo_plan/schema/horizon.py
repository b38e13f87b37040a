"""Windows of a plan by time: a plan names windows by index, people and files by their left edge in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dynamo_plan.schema.plan import Plan


def window_start(plan: Plan, window: int) -> datetime:
    """Left edge of a window, in UTC; `window` may be `plan.windows`, the end of the horizon."""
    return datetime.fromisoformat(plan.first_window_start).astimezone(UTC) + timedelta(seconds=window * plan.window_s)


def time_label(moment: datetime) -> str:
    """ISO 8601 with zone, e.g. ``2024-05-12T00:30:00Z``; `moment` must be in UTC."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
