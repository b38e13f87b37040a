"""Tasks give the same results on every engine, and what goes wrong is told."""

from __future__ import annotations

import math
import sys

import pytest

from dynamo_plan.errors import Fault, InputError, UsageError
from dynamo_plan.parallel import Engine, completed, run

EVERYWHERE = [
    pytest.param(Engine.LOCAL, id="local"),
    pytest.param(Engine.DASK, id="dask", marks=pytest.mark.slow),
    pytest.param(Engine.RAY, id="ray", marks=pytest.mark.slow),
]


def refuse(task: int) -> int:
    if task < 0:
        raise InputError(Fault("a-code", "here", f"{task} is below 0", "", ""))
    return task


@pytest.mark.parametrize("engine", EVERYWHERE)
def test_results_are_in_the_order_of_the_tasks(engine: Engine) -> None:
    seen: dict[int, float] = {}
    results = run([9.0, 4.0, 1.0], math.sqrt, engine=engine, workers=2, on_done=seen.__setitem__)
    assert results == [3.0, 2.0, 1.0]
    assert seen == {0: 3.0, 1: 2.0, 2: 1.0}


@pytest.mark.parametrize("engine", EVERYWHERE)
def test_an_error_arrives_as_it_was_raised(engine: Engine) -> None:
    with pytest.raises(InputError) as caught:
        run([1, -1], refuse, engine=engine, workers=2)
    assert [fault.code for fault in caught.value.faults] == ["a-code"]


def test_threads_and_one_worker() -> None:
    assert run([4.0, 9.0], math.sqrt, threads=True, workers=2) == [2.0, 3.0]
    assert run([4.0, 9.0], math.sqrt, workers=1) == [2.0, 3.0]
    assert run([], math.sqrt) == []


def test_results_can_be_taken_as_they_come() -> None:
    assert sorted(completed([4.0, 9.0], math.sqrt, workers=1)) == [(0, 2.0), (1, 3.0)]


@pytest.mark.parametrize(
    ("engine", "address", "code"),
    [
        ("spark", None, "engine-unknown"),
        ("local", "tcp://host:1", "engine-address"),
        ("dask", "tcp://127.0.0.1:9", "engine-unreachable"),
        ("ray", "127.0.0.1:9", "engine-unreachable"),
    ],
)
def test_an_engine_that_is_not_there(engine: str, address: str | None, code: str) -> None:
    with pytest.raises(InputError if code == "engine-unreachable" else UsageError) as caught:
        run([1.0], math.sqrt, engine=engine, address=address)
    assert caught.value.faults[0].code == code


@pytest.mark.parametrize(("engine", "library"), [("dask", "distributed"), ("ray", "ray")])
def test_an_engine_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, engine: str, library: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=rf"pip install 'dynamo-plan\[{engine}\]'"):
        run([1.0], math.sqrt, engine=engine)
