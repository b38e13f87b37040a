"""Formulas of the manual's pages as a terminal can show them: LaTeX to plain signs."""

from __future__ import annotations

import re

SIGNS = {
    **{
        "alpha": "α",
        "gamma": "γ",
        "delta": "δ",
        "Delta": "Δ",
        "kappa": "κ",
        "lambda": "λ",
        "mu": "μ",
        "nu": "ν",
        "pi": "π",
    },
    **{"rho": "ρ", "sigma": "σ", "tau": "τ", "varepsilon": "ε", "ell": "l"},
    **{"sum": "Σ", "in": "∈", "le": "≤", "ge": "≥", "ne": "≠", "cdot": "·", "infty": "∞", "emptyset": "∅"},
    **{"cap": "∩", "bigcup": "\u222a", "iff": "⇔", "ldots": "...", "max": "max", "min": "min"},
    **{"lceil": "⌈", "rceil": "⌉", "lfloor": "⌊", "rfloor": "⌋"},
    **{"big": "", "Big": "", "text": "", "quad": "  ", "qquad": "  "},
}
"""Commands that the pages use."""

MARKS = {"bar": "\u0304", "hat": "\u0302", "underline": "\u0332"}
"""Commands that put a mark on the letter behind them, and Unicode's combining mark."""

ROLE = re.compile(r":math:`([^`]+)`")
BLOCK = re.compile(r"^\.\. math::[ \t]*(?P<first>.*)\n(?P<body>(?:[ \t]+\S.*\n|[ \t]*\n)*)", flags=re.MULTILINE)
FRACTION = re.compile(r"\\frac\s*\{((?:[^{}]|\{[^{}]*\})*)\}\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
COMMAND = re.compile(r"\\([A-Za-z]+)")
MARKED = re.compile(rf"\\({'|'.join(MARKS)})\s*([A-Za-z])")
INDEX = re.compile(r"([_^])\{([^{}]*)\}")


def plain(page: str) -> str:
    """A numpydoc page with every formula in plain signs, those displayed on lines of their own."""
    return ROLE.sub(lambda role: formula(role[1]), BLOCK.sub(_displayed, page + "\n")).strip()


def formula(latex: str) -> str:
    r"""One formula, e.g. ``\lambda_{p,t} \le \mu`` as ``λ_p,t ≤ μ``."""
    text = FRACTION.sub(r"(\1) / (\2)", latex)
    text = MARKED.sub(lambda mark: mark[2] + MARKS[mark[1]], text)
    text = COMMAND.sub(lambda command: SIGNS.get(command[1], command[1]), text)
    text = INDEX.sub(lambda index: index[1] + (f"({index[2]})" if " " in index[2] else index[2]), text)
    text = re.sub(r" *\\[,;] *", " ", text).replace(r"\{", "[").replace(r"\}", "]")
    return re.sub(r"[{}\\]", "", text)


def _displayed(block: re.Match[str]) -> str:
    lines = [block["first"], *block["body"].rstrip().splitlines()]
    return "".join(f"    {formula(line.strip())}".rstrip() + "\n" for line in lines if line.strip()) + "\n"
