"""The history: what was known, what follows, which day is which."""

from __future__ import annotations

import numpy as np

from tests.forecast.histories import history_of


def test_buckets_are_sums_of_their_parts() -> None:
    history = history_of([[1.0, 2.0, 4.0]] * 4, buckets=("SA", "LA"), bucket_of=[0, 1, 0])
    assert history.bucket_rate_rps[0].tolist() == [5.0, 2.0]
    assert history.total_rps.tolist() == [7.0] * 4


def test_what_was_known_is_a_history_of_its_own() -> None:
    known = history_of(np.arange(8.0)).until(5)
    assert len(known) == 5
    assert known.total_rps.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert (known.day, known.days) == (4, 1.25)


def test_the_windows_that_follow() -> None:
    windows = history_of(np.ones(3)).next_windows(2)
    assert [windows.label(0), windows.label(1)] == ["2024-05-13T18:00:00Z", "2024-05-14T00:00:00Z"]
    assert windows.window_s == 21600


def test_days_of_the_week_go_on_into_the_future() -> None:
    history = history_of(np.ones(4 * 6), holidays=["2024-05-14", "2024-05-20"])
    types = history.day_types(4 * 2)
    assert types[::4].tolist() == [0, 6, 2, 3, 4, 5, 6, 6]  # Tuesday and the next Monday are holidays
