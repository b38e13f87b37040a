r"""A response surface for choosing measurements: what is known, what a measurement would add.

.. math:: \log y = \varphi(f, L_{in}, L_{out}, u)^T (\beta + \beta_k) + \epsilon

y: power, or time, of an instance; f: clock; L: tokens; u: share of the capacity in use; beta: common to all kinds, beta_k: what
kind k adds. Both have normal priors with mean 0, and every row a normal error. What is known of a target is then its posterior
variance, which depends on where was measured, not on what came out; that is why it can be computed beforehand.

Source: K. Chaloner and I. Verdinelli, "Bayesian experimental design: a review", Statistical Science 10 (1995), I-optimality; the terms in
the clock are those of `dynamo_plan.profile.fit.forms`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.units import MHZ_PER_GHZ

COMMON_DEVIATION = 0.5
"""Standard deviation of a common coefficient [log]: a factor of 1.6 over a feature's range, as clocks and lengths make."""

KIND_DEVIATION = 0.25
"""The same of what a kind adds: kinds of one model are more alike than not, and differ by tens of per cent."""

LEVEL_DEVIATION = 2.0
"""The same of the constants: nothing is known of watts or milliseconds before anything is measured."""

TYPICAL_TOKENS = 500.0
LENGTH_RANGE = 2.0
"""Lengths are told as logs around a typical one, in steps of e squared, so that all features are of the size of 1."""


@dataclass(frozen=True, slots=True)
class Place:
    """Operating points; every array has shape (point,).

    Attributes
    ----------
    kind : array of int
        Number of the kind.
    frequency_mhz, input_tokens, output_tokens : array of float
        [MHz], [tokens].
    load : array of float
        Share of the capacity in use [1].
    """

    kind: NDArray[np.int64]
    frequency_mhz: NDArray[np.float64]
    input_tokens: NDArray[np.float64]
    output_tokens: NDArray[np.float64]
    load: NDArray[np.float64]

    def some(self, rows: NDArray[np.int64]) -> Place:
        """Some of the points."""
        columns = (self.kind, self.frequency_mhz, self.input_tokens, self.output_tokens, self.load)
        return Place(*(column[rows] for column in columns))  # type: ignore[arg-type]


def features(place: Place, kinds: int) -> NDArray[np.float64]:
    """Terms of every point, shape (point, term): the common ones, then those of each kind."""
    ghz = place.frequency_mhz / MHZ_PER_GHZ
    given, made = (
        np.log(tokens / TYPICAL_TOKENS) / LENGTH_RANGE for tokens in (place.input_tokens, place.output_tokens)
    )
    load = np.sqrt(np.clip(place.load, 0.0, None))  # power and time rise fast at low load and flatten
    one = np.ones_like(ghz)
    common = np.stack(
        [
            one,
            ghz,
            1.0 / ghz,
            ghz**3 / 3.0,
            given,
            made,
            given**2,
            made**2,
            load,
            load**2,
            given / ghz,
            load / ghz,
            load * ghz,
            load * given,
        ],
        axis=1,
    )
    own = common[:, None, :] * (place.kind[:, None] == np.arange(kinds))[:, :, None]
    return np.concatenate([common, own.reshape(ghz.size, kinds * common.shape[1])], axis=1)


def prior(terms: int, kinds: int) -> NDArray[np.float64]:
    """Covariance of all coefficients before anything is measured, shape (term, term)."""
    per_kind = terms // (kinds + 1)
    deviation = np.concatenate([np.full(per_kind, COMMON_DEVIATION), np.full(terms - per_kind, KIND_DEVIATION)])
    deviation[0] = LEVEL_DEVIATION
    return np.diag(deviation**2)


def learnt(
    covariance: NDArray[np.float64], measured: NDArray[np.float64], error: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Covariance of the coefficients once these rows are measured.

    Parameters
    ----------
    measured : array, shape (row, term)
    error : array, shape (row,)
        Standard deviation of each row's own error [log].
    """
    told = measured / error[:, None]
    # As information, not as covariance: profiles have thousands of rows and a surface some tens of terms.
    return np.asarray(np.linalg.inv(np.linalg.inv(covariance) + told.T @ told))


def worth(
    covariance: NDArray[np.float64], sweep: NDArray[np.float64], error: float, wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How much of the wanted variance each candidate sweep would take away, shape (candidate,).

    Parameters
    ----------
    sweep : array, shape (candidate, rate, term)
    wanted : array, shape (term, term)
        Sum of weight x outer product of the targets' features.
    """
    gain = sweep @ covariance
    inner = gain @ sweep.transpose(0, 2, 1) + error**2 * np.eye(sweep.shape[1])
    solved = np.linalg.solve(inner, gain)
    return np.asarray(np.einsum("crt,tu,cru->c", solved, wanted, gain))
