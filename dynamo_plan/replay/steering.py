"""What a control sees of the instances, and the settings that its clocks are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.engine import Cluster
from dynamo_plan.engine.tables import Slot, Status
from dynamo_plan.replay.control import OBSERVED_S, Control, Watch
from dynamo_plan.replay.lanes import OFF, Lanes
from dynamo_plan.replay.traffic import Arriving
from dynamo_plan.units import SECONDS_PER_PICOSECOND

type Floats = NDArray[np.float64]
type Integers = NDArray[np.int64]


class Steering:
    """A control in front of all lanes of a schedule.

    Parameters
    ----------
    ttft_slo_s, tbt_slo_s : array, shape (lane,)
        Strictest promises of the lane's pool [s]; infinite without.
    """

    def __init__(
        self, control: Control, lanes: Lanes, ttft_slo_s: Floats, tbt_slo_s: Floats, arriving: Arriving
    ) -> None:
        self._control, self._lanes, self._arriving = control, lanes, arriving
        self._lane = lanes.lane_of_slot
        self._ttft_slo_s, self._tbt_slo_s = ttft_slo_s[self._lane], tbt_slo_s[self._lane]
        self._row_of = {
            (int(lanes.highest[one.begin]), clock): row
            for one in lanes.lanes
            for row, clock in enumerate(lanes.clocks_mhz.tolist())
            if lanes.settings[row].model is lanes.settings[int(lanes.highest[one.begin])].model
        }

    @property
    def period_s(self) -> float:
        """How often the control looks [s]."""
        return self._control.period_s

    def rows(self, now_s: float, epoch: int, cluster: Cluster, rows: Integers) -> Integers:
        """Row of settings that each slot shall have, shape (slot,), from the one that it has, `OFF` where it has no instance."""
        wanted = self._control.clocks(self._watch(now_s, epoch, cluster, rows))
        found = rows.copy()
        for slot in np.flatnonzero((rows != OFF) & (wanted != self._lanes.clocks_mhz[rows])).tolist():
            found[slot] = self._row_of[int(self._lanes.highest[slot]), float(wanted[slot])]
        return found

    def _watch(self, now_s: float, epoch: int, cluster: Cluster, rows: Integers) -> Watch:
        slots, settings = cluster.state.slots, cluster.settings
        running, planned = rows != OFF, self._lanes.rows[epoch]
        row = np.where(planned != OFF, planned, 0)
        batch = slots[:, Slot.RUNNING]
        decode_ps = settings.decode[row, batch, 0] + settings.decode[row, batch, 1] * slots[:, Slot.CONTEXT]
        clocks = self._lanes.clocks_mhz
        return Watch(
            now_s=now_s,
            epoch=epoch,
            is_open=slots[:, Slot.STATUS] == Status.OPEN,
            lane=self._lane,
            requests=slots[:, Slot.REQUESTS].copy(),
            unprefilled_tokens=slots[:, Slot.UNPREFILLED].copy(),
            ttft_s=np.where(running, cluster.first_token_s(row, now_s), 0.0),
            iteration_s=np.where(running & (batch > 0), decode_ps, 0) * SECONDS_PER_PICOSECOND,
            ttft_slo_s=self._ttft_slo_s,
            tbt_slo_s=self._tbt_slo_s,
            frequency_mhz=np.where(running, clocks[rows], 0.0),
            planned_mhz=np.where(planned != OFF, clocks[np.maximum(planned, 0)], 0.0),
            highest_mhz=np.where(planned != OFF, clocks[self._lanes.highest], 0.0),
            rate_rps=self._arriving.rate_rps(now_s, OBSERVED_S),
        )
