"""Rebuild the reference pages that are made from the code.

    python docs/build.py            write docs/reference/constraints.md
    python docs/build.py --check    write nothing; exit 1 where the page is not what the code says

A constraint's or cost's module docstring is its page. Docstrings are read, not imported, so this needs nothing but Python.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path("docs/reference/constraints.md")
FAMILIES = {
    "Constraints": Path("dynamo_plan/model/constraints"),
    "Costs": Path("dynamo_plan/model/costs"),
}
HEAD = """\
<!-- Made from the module docstrings by `make docs`. Change the docstring, not this page. -->

# Constraints and costs

One module each, under the same name in the LP file, in a diagnosis and in a finding of `verify`.
`dynamo-plan explain NAME` prints a section in the terminal. Symbols: [nomenclature](nomenclature.md).
"""

UNDERLINED_HEADING = re.compile(r"^(\S.*)\n-{3,}$", flags=re.MULTILINE)
MATH_DIRECTIVE = re.compile(r"^\.\. math::(?P<first>.*)\n(?P<body>(?:[ \t]+\S.*\n|[ \t]*\n)*)", flags=re.MULTILINE)
MATH_ROLE = re.compile(r":math:`([^`]+)`")


def displayed_formula(match: re.Match[str]) -> str:
    """Turn a ``.. math::`` block into displayed formulas of Markdown: an empty line separates two, as in Sphinx."""
    text = "\n".join(part for part in (match["first"].strip(), textwrap.dedent(match["body"]).strip()) if part)
    return "".join(f"$$\n{formula}\n$$\n\n" for formula in re.split(r"\n\s*\n", text))


def markdown(docstring: str) -> str:
    """A numpydoc docstring as Markdown: headings below the module's own, formulas displayed."""
    text = docstring.strip() + "\n"
    text = MATH_DIRECTIVE.sub(displayed_formula, text)
    text = MATH_ROLE.sub(r"$\1$", text)
    text = UNDERLINED_HEADING.sub(r"#### \1\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def section(path: Path) -> str:
    """The page of one module; a module without a docstring is an error."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    if not docstring:
        raise ValueError(f"{path}: no module docstring. It is the module's page in the manual. Write it.")
    return f"### `{path.stem}`\n\n{markdown(docstring)}\n"


def constraints_page(root: Path) -> str:
    """The reference page of all constraints and costs, sorted by name; an empty family is an error."""
    parts = [HEAD]
    for title, folder in FAMILIES.items():
        paths = sorted(path for path in (root / folder).glob("*.py") if not path.stem.startswith("_"))
        if not paths:
            raise FileNotFoundError(f"{folder} holds no module")
        parts += [f"## {title}\n", *(section(path) for path in paths)]
    return "\n".join(parts)


def main() -> int:
    """Write the page, or with ``--check`` compare it; the exit code says whether it was as the code says."""
    parser = argparse.ArgumentParser(description="Rebuild the reference pages that are made from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page is stale")
    check: bool = parser.parse_args().check
    page = ROOT / PAGE
    text = constraints_page(ROOT)
    if not check:
        page.write_text(text, encoding="utf-8")
        return 0
    if page.is_file() and page.read_text(encoding="utf-8") == text:
        return 0
    print(f"{PAGE}: not what the docstrings say. Run `make docs` and commit the page.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
