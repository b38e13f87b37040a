"""Docstrings as pages."""

from __future__ import annotations

from docs.build import markdown

TWO_FORMULAS = """Servers are whole.

.. math::
   a \\le b

   c = d +
   e

with a GPUs.
"""


def test_two_formulas_of_one_block_are_displayed_apart() -> None:
    expected = "Servers are whole.\n\n$$\na \\le b\n$$\n\n$$\nc = d +\ne\n$$\n\nwith a GPUs."
    assert markdown(TWO_FORMULAS) == expected
