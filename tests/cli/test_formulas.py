"""Formulas in plain signs."""

from __future__ import annotations

import re

import pytest

from dynamo_plan.cli.formulas import MARKS, SIGNS, formula, plain
from dynamo_plan.cli.pages import PACKAGE, PIECES, piece_names, piece_page

SOURCES = sorted(path for folder in PIECES.values() for path in (PACKAGE / folder).glob("*.py"))


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\lambda_{p,t} \le \mu", "λ_p,t ≤ μ"),
        (r"\sum_{b \in p} n_b \,\lambda_b", "Σ_(b ∈ p) n_b λ_b"),
        (r"\text{gpus\_in\_use}^{max} \ne \emptyset", "gpus_in_use^max ≠ ∅"),
        (r"\frac{z - \underline z}{\max(|z|, 1)}", "(z - z\u0332) / (max(|z|, 1))"),
        (r"\Big\lfloor \frac{\sum_{g : c} P}{2} \Big\rfloor \quad \bar P", "⌊ (Σ_(g : c) P) / (2) ⌋    P\u0304"),
    ],
)
def test_a_formula_in_plain_signs(latex: str, text: str) -> None:
    assert formula(latex) == text


def test_displayed_formulas_stand_on_lines_of_their_own() -> None:
    page = "Why.\n\n.. math:: a \\ge b\n\n.. math::\n    c\n    = d\n\nwith :math:`e_{f}` as usual."
    assert plain(page) == "Why.\n\n    a ≥ b\n\n    c\n    = d\n\nwith e_f as usual."


def test_every_page_shows_without_latex() -> None:
    for names in piece_names().values():
        for name in names:
            page = piece_page(name)
            assert page
            assert re.findall(r"\\|:math:|\.\. math|[{}]", page) == []


def test_every_command_of_the_pages_is_known_and_none_is_spare() -> None:
    pages = "".join(path.read_text(encoding="utf-8").split('"""')[1] for path in SOURCES)
    used = set(re.findall(r"\\([A-Za-z]+)", pages))
    assert used - set(SIGNS) - set(MARKS) - {"frac"} == set()
    assert (set(SIGNS) | set(MARKS)) - used == set()
