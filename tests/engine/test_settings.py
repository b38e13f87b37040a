"""Tables of settings: knots met, held before, continued after; clocks between clocks; what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dynamo_plan.engine.settings import Serving, Setting, extended, settings_of
from dynamo_plan.engine.tables import Limit
from dynamo_plan.schema.engine_model import EngineModel
from dynamo_plan.schema.requests import Requests
from tests.engine.cases import machine


def test_knots_are_met_held_and_continued() -> None:
    at, knots, values = np.array([0.0, 1.0, 2.0, 4.0, 6.0]), np.array([1.0, 2.0, 4.0]), np.array([5.0, 7.0, 6.0])
    assert extended(at, knots, values).tolist() == [5.0, 5.0, 7.0, 6.0, 5.0]
    assert extended(np.array([100.0]), knots, values).tolist() == [0.0]
    assert extended(at, np.array([1.0]), np.array([3.0])).tolist() == [3.0] * 5


def test_coefficients_are_rounded_once_to_picoseconds() -> None:
    model = machine(context_s=1.4e-12)
    found = settings_of([Setting(model, 2000.0, Serving(512, 8))], 100, 10_000)
    assert found.decode[0, 1].tolist() == [12 * 10**9, 1]
    assert found.decode[0, 0].tolist() == [10 * 10**9, 0]  # what waits beside a prefill costs nothing
    assert found.prefill[0, 16] == 3 * 10**9
    assert found.limits[0, [Limit.CHUNK, Limit.BLOCKS, Limit.WATERMARK]].tolist() == [512, 256, 2]


def test_tables_are_no_longer_than_the_requests() -> None:
    whole = Setting(machine(), 2000.0, Serving(1 << 20, 8, prefill_first=True))
    assert settings_of([whole], 40, 300).prefill.shape == (1, 301)
    small = Setting(machine(), 2000.0, Serving(16, 8, prefill_first=True))
    assert settings_of([small], 40, 300).prefill.shape == (1, 41)


@pytest.mark.parametrize("frequency_mhz", [1000.0, 1111.0, 1500.0, 2000.0])
def test_costs_of_the_form_u_plus_v_over_f_are_exact_between_clocks(frequency_mhz: float) -> None:
    model = machine()
    u, v = 0.012 * 0.5, 0.012 * 0.5 * 2000.0  # 12 ms at 2000 MHz, 18 ms at 1000 MHz
    found = model.between_clocks(model.iteration_s, frequency_mhz)[1]
    assert found == pytest.approx(u + v / frequency_mhz, rel=1e-12)


@pytest.mark.parametrize("frequency_mhz", [999.0, 2001.0])
def test_a_clock_outside_is_refused(frequency_mhz: float) -> None:
    with pytest.raises(ValueError, match=r"MHz is not in 1000 to 2000 MHz"):
        machine().between_clocks(np.zeros(2), frequency_mhz)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": np.array([1.0, 2.0, 3.0])}, "batches begin at 0"),
        ({"frequency_mhz": np.array([2000.0, 1000.0])}, "must ascend"),
        ({"iteration_s": np.zeros((2, 3))}, "must take time"),
        ({"context_s": np.full((2, 3), -1.0)}, "finite and not negative"),
        ({"idle_power_w": np.zeros(3)}, "not all of shape"),
        ({"kv_tokens": 0}, "must hold a token"),
    ],
)
def test_a_model_that_makes_no_sense_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(machine(), **change)  # type: ignore[arg-type]


def test_serving_needs_room() -> None:
    with pytest.raises(ValueError, match="at least one token"):
        Serving(chunk_tokens=0)


@pytest.mark.parametrize(
    ("arrival_s", "prompt", "output", "message"),
    [
        ([1.0, 0.0], 1, 1, "ascend"),
        ([-1.0], 1, 1, "ascend from 0"),
        ([0.0], 0, 1, "at least 1 input token"),
        ([0.0], 1, -1, "0 output tokens"),
        ([0.0], 1, 1 << 25, "at most"),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    arrival_s: list[float], prompt: int, output: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Requests.at(arrival_s, prompt, output)


def test_columns_of_requests_have_one_length() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        Requests(np.zeros(2, np.int64), np.ones(1, np.int64), np.ones(2, np.int64), np.zeros(2, np.int64))


def test_the_model_is_a_noun() -> None:
    assert isinstance(machine(), EngineModel)
    with pytest.raises(dataclasses.FrozenInstanceError):
        machine().kv_tokens = 3  # type: ignore[misc]
