"""Between measured lengths of requests: barycentric weights in the plane of log input and log output tokens.

A pair of lengths inside the measured ones gets the weights of the triangle around it (Delaunay); of the two neighbours where all
measured pairs lie on one line, and it on the line or close by; of one pair alone where it is the same. Outside there are none:
lengths are never extrapolated.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

type Lengths = tuple[float, float]
"""Mean input and output tokens of the requests measured."""

MOST_REMEMBERED = 4096
"""Answers kept: the same pairs are asked for at every clock."""

BESIDE_THE_LINE = 0.25
"""How far beside the line of pairs that all lie on one a pair may lie [log]: a quarter more tokens of a sort that was not varied."""

ON_THE_EDGE = 1e-9
"""Rounding of logs [1]: how far outside a triangle a point may lie that is on its edge."""


@lru_cache(maxsize=MOST_REMEMBERED)
def weights_of(known: tuple[Lengths, ...], wanted: Lengths) -> tuple[float, ...] | None:
    """Weights of the known pairs that make up the wanted one, their sum 1; None where it lies outside."""
    if not known:
        return None
    points = np.log(np.array(known, dtype=np.float64))
    target = np.log(np.array(wanted, dtype=np.float64))
    centred = points - points.mean(axis=0)
    is_line = np.linalg.matrix_rank(centred, tol=ON_THE_EDGE) < 2
    found = _on_a_line(points, target) if is_line else _in_a_triangle(points, target)
    return None if found is None else tuple(found.tolist())


def _on_a_line(points: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64] | None:
    axis = int(np.argmax(np.ptp(points, axis=0)))
    along = points[np.argmax(points[:, axis])] - points[np.argmin(points[:, axis])]
    length = float(np.linalg.norm(along))
    direction = along / length if length > 0 else along
    offset, own = target - points[0], (points - points[0]) @ direction
    place = float(offset @ direction)
    is_off = float(np.linalg.norm(offset - place * direction)) > BESIDE_THE_LINE
    if is_off or not own.min() - ON_THE_EDGE <= place <= own.max() + ON_THE_EDGE:
        return None
    order = np.argsort(own, kind="stable")
    return np.array([np.interp(place, own[order], row[order]) for row in np.eye(own.size)])


def _in_a_triangle(points: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64] | None:
    from scipy.spatial import Delaunay

    mesh = Delaunay(points)
    found = int(mesh.find_simplex(target[None, :], tol=ON_THE_EDGE)[0])
    if found < 0:
        return None
    transform = mesh.transform[found]
    first = transform[:2] @ (target - transform[2])
    weights = np.zeros(points.shape[0])
    weights[mesh.simplices[found]] = np.append(first, 1.0 - first.sum())
    weights = np.clip(weights, 0.0, None)  # a point on the edge may be outside by rounding
    return np.asarray(weights / weights.sum())
