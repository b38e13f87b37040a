"""What a fault must say: its code and parts of its one-line message."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dynamo_plan.errors import Fault, InputError


def faults_of(read: Callable[[], object]) -> tuple[Fault, ...]:
    """Faults with which a reading ends."""
    with pytest.raises(InputError) as caught:
        read()
    assert caught.value.faults
    return caught.value.faults


def only_fault(read: Callable[[], object], code: str, where: str, *parts: str) -> Fault:
    """The one fault of a reading; asserts its code, the end of its place before the name, and parts of its message."""
    (fault,) = faults_of(read)
    check(fault, code, where, *parts)
    return fault


def check(fault: Fault, code: str, where: str, *parts: str) -> None:
    """Assert code, place and parts of the message of a fault."""
    assert fault.code == code, str(fault)
    assert fault.where.endswith(where), fault.where
    for part in parts:
        assert part in str(fault), str(fault)
