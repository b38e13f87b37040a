"""Formulas of the manual's pages as a terminal can show them: LaTeX to plain signs."""

from __future__ import annotations

import re

SIGNS = {
    **{"alpha": "α", "gamma": "γ", "Delta": "Δ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "pi": "π"},
    **{"rho": "ρ", "sigma": "σ", "tau": "τ", "varepsilon": "ε", "ell": "l"},
    **{"sum": "Σ", "in": "∈", "le": "≤", "ge": "≥", "ne": "≠", "cdot": "·", "infty": "∞", "emptyset": "∅"},
    **{"cap": "∩", "bigcup": "∪", "iff": "⇔", "ldots": "...", "max": "max", "min": "min"},
    **{"lceil": "⌈", "rceil": "⌉", "lfloor": "⌊", "rfloor": "⌋"},
    **{"big": "", "Big": "", "bar": "", "hat": "", "underline": "", "text": "", "quad": "  ", "qquad": "  "},
}
"""Commands that the pages use; a bar or hat is told by the sentence below its formula."""

ROLE = re.compile(r":math:`([^`]+)`")
BLOCK = re.compile(r"^\.\. math::[ \t]*(?P<first>.*)\n(?P<body>(?:[ \t]+\S.*\n|[ \t]*\n)*)", flags=re.MULTILINE)
FRACTION = re.compile(r"\\frac\s*\{((?:[^{}]|\{[^{}]*\})*)\}\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
COMMAND = re.compile(r"\\([A-Za-z]+)\s*")


def plain(page: str) -> str:
    """A numpydoc page with every formula in plain signs, those displayed on lines of their own."""
    return ROLE.sub(lambda role: formula(role[1]), BLOCK.sub(_displayed, page + "\n")).strip()


def formula(latex: str) -> str:
    r"""One formula, e.g. ``\lambda_{p,t} \le \mu`` as ``λ_p,t ≤ μ``."""
    text = FRACTION.sub(r"(\1) / (\2)", latex)
    text = COMMAND.sub(lambda command: _sign(command[1]), text)
    text = re.sub(r"\\[,;]", " ", text).replace(r"\{", "[").replace(r"\}", "]")
    return re.sub(r"[{}\\]", "", text)


def _sign(command: str) -> str:
    sign = SIGNS.get(command, command)
    return f"{sign} " if sign in ("≤", "≥", "≠", "∈", "·", "⇔", "∩", "∪", "Σ") else sign


def _displayed(block: re.Match[str]) -> str:
    lines = [block["first"], *block["body"].rstrip().splitlines()]
    return "".join(f"    {formula(line.strip())}".rstrip() + "\n" for line in lines if line.strip()) + "\n"
