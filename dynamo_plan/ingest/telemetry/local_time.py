"""Local times, as nvidia-smi writes them, to UTC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, InputError

UTC = "UTC"


def in_utc(
    written_us: NDArray[np.int64], is_local: NDArray[np.bool_], zone: str | None, where: Callable[[int], str]
) -> NDArray[np.int64]:
    """Microseconds since 1970 of times as they were written, those that are local moved from `zone`.

    Raises
    ------
    InputError
        A time is local and no zone is given, or it comes twice or never in its zone.
    """
    if zone == UTC or not is_local.any():
        return written_us
    if zone is None:
        row = int(np.argmax(is_local))
        what = f"{_shown(written_us[row])} names no time zone"
        mend = "Say where the clock was: UTC, or e.g. Europe/Berlin"
        raise InputError(Fault("telemetry-without-zone", where(row), what, "Times are joined in UTC", mend))
    local: Any = pa.array(written_us[is_local]).cast(pa.timestamp("us"))
    try:
        moved = pc.assume_timezone(local, zone)
    except pa.ArrowInvalid:
        earliest = pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="earliest")
        latest = pc.assume_timezone(local, zone, ambiguous="latest", nonexistent="latest")
        differs = np.asarray(pc.not_equal(earliest, latest).to_numpy(zero_copy_only=False))
        row = int(np.flatnonzero(is_local)[np.argmax(differs)])
        what = f"{_shown(written_us[row])} comes twice or never in {zone}, where the clocks are changed"
        mend = "Record with TZ=UTC, or drop these rows"
        raise InputError(Fault("telemetry-time", where(row), what, "A time must be one moment", mend)) from None
    times = written_us.copy()
    times[is_local] = moved.cast(pa.int64()).to_numpy()
    return times


def _shown(time_us: np.int64) -> str:
    return str(np.datetime64(int(time_us), "us").astype("datetime64[ms]")).replace("T", " ")
