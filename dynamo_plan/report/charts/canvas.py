"""The canvas under every chart: matplotlib to inline SVG whose colours are the page's, so that light, dark and print all work.

Matplotlib draws in placeholder colours, `#01` + sort + index. They become CSS variables afterwards, with the drawing's fonts left to
the page and everything dropped that a drawing inside a page does not need.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from dynamo_plan.extras import extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REFERENCE = "chart-ref-"
"""What ids inside a drawing begin with; a page makes them its own, so that no two drawings share one."""

WIDTH_IN = 10.0
"""Width of a drawing [in]; it is scaled to the page, at about its own size on a wide screen."""

DOTS_PER_INCH = 72
"""SVG's own: one unit is one point."""

SERIES_COLOURS = 8
"""Colours told apart at a glance; more series repeat them in another dash or hatching."""

RAMP_COLOURS = 9
"""Steps from little to much."""

MOST_LABEL = 42
"""Longest label drawn [characters]; the table has it in full."""

SORTS = {"01": "--ink", "02": "--muted", "03": "--grid", "04": "--surface", "10": "--series-", "20": "--ramp-"}
"""Placeholder sorts and the variables that they stand for; those with an index end in a dash."""

INK, MUTED, GRID, SURFACE = "#010100", "#010200", "#010300", "#010400"

RULES: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "figure.facecolor": "none",
    "figure.dpi": DOTS_PER_INCH,
    "savefig.dpi": DOTS_PER_INCH,
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "legend.borderpad": 0.0,
    "legend.borderaxespad": 0.0,
    "legend.handlelength": 1.4,
    "legend.columnspacing": 1.6,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "butt",
    "hatch.linewidth": 0.6,
}


def series_colour(index: int) -> str:
    """Colour of the series at this place."""
    return f"#0110{index % SERIES_COLOURS:02x}"


def ramp_colour(step: int) -> str:
    """Colour of a step of the ramp, 0 is little and `RAMP_COLOURS` - 1 is much."""
    return f"#0120{step:02x}"


def label(text: str) -> str:
    """A name as it is drawn: on one line and cut."""
    line = " ".join(text.split())
    return line if len(line) <= MOST_LABEL else line[: MOST_LABEL - 1] + "…"


@dataclass(frozen=True, slots=True)
class Hover:
    """A part of the drawing that tells its numbers under the pointer; in data coordinates, None: over the whole height or width."""

    x: tuple[float, float] | None
    y: tuple[float, float] | None
    text: str


@dataclass(slots=True)
class Canvas:
    """Axes to draw on, the whole figure, and what the pointer finds."""

    figure: Figure
    axes: Axes
    hovers: list[Hover] = field(default_factory=list)
    svg: str = ""

    def legend(self, handles: Sequence[Any] | None = None, labels: Sequence[str] | None = None) -> None:
        """Name the series above the plot, in as many columns as fit."""
        if handles is None or labels is None:
            handles, labels = self.axes.get_legend_handles_labels()
        if not handles:
            return
        longest = max(len(text) for text in labels)
        # A character is about 6.4 points wide, a handle with its spaces about 44.
        columns = max(1, int(WIDTH_IN * DOTS_PER_INCH / (longest * 6.4 + 44)))
        self.figure.legend(handles, labels, loc="outside upper left", ncols=min(columns, len(handles)))


@contextmanager
def canvas(title: str, text: str, height_in: float = 3.4) -> Iterator[Canvas]:
    """Axes to draw on; when the body ends, `Canvas.svg` holds the drawing.

    Parameters
    ----------
    title, text : str
        The drawing's name and description for who cannot see it.

    Raises
    ------
    UsageError
        The extra `report` is not installed.
    """
    with extra("report"):
        from matplotlib import style
        from matplotlib.figure import Figure
    # The library's own defaults, whatever a user's configuration says: the same plan gives the same page.
    with warnings.catch_warnings(), style.context(["default", {**RULES, "svg.hashsalt": title}]):
        # Glyphs are drawn by the reader's own fonts; this one is used to measure alone.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support .* natively")
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        made = Canvas(figure, figure.add_subplot())
        yield made
        text_file = io.StringIO()
        figure.savefig(text_file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
        made.svg = _inline(text_file.getvalue(), title, text, _hover_areas(made))


def _hover_areas(made: Canvas) -> str:
    """Transparent rectangles over the drawing, each with its numbers."""
    height = made.figure.get_figheight() * DOTS_PER_INCH
    box = made.axes.get_window_extent()
    areas = []
    for hover in made.hovers:
        corners = [(x, y) for x in hover.x or (0.0, 0.0) for y in hover.y or (0.0, 0.0)]
        seen = made.axes.transData.transform(corners)
        left, right = (seen[:, 0].min(), seen[:, 0].max()) if hover.x else (box.x0, box.x1)
        low, high = (seen[:, 1].min(), seen[:, 1].max()) if hover.y else (box.y0, box.y1)
        left, right, low, high = max(left, box.x0), min(right, box.x1), max(low, box.y0), min(high, box.y1)
        place = f'x="{left:.1f}" y="{height - high:.1f}" width="{right - left:.2f}" height="{high - low:.2f}"'
        if right > left and high > low:
            areas.append(f'<rect class="hover" {place}><title>{escape(hover.text)}</title></rect>')
    return "\n".join(areas)


def _inline(drawn: str, title: str, text: str, areas: str) -> str:
    """Matplotlib's file as an element of a page."""
    body = drawn[drawn.index("<g ") : drawn.rindex("</svg>")]
    size = re.search(r'viewBox="([^"]+)"', drawn)
    # Tags alone: what stands between them is text, and names may look like anything.
    body = re.sub(r"<[^>]*>\s*", _tag, body).replace("<g/> ", "")
    body = re.sub(r'(<use [^>]*style="([^"]*)"/> )(?:<use [^>]*style="\2"/> )+', _together, body)
    name = f'<title id="{REFERENCE}name">{escape(title)}</title><desc id="{REFERENCE}text">{escape(text)}</desc>'
    described = f'role="img" aria-labelledby="{REFERENCE}name {REFERENCE}text"'
    return f'<svg viewBox="{size[1] if size else ""}" {described}>{name}\n{body}{areas}</svg>'


def _tag(found: re.Match[str]) -> str:
    """A tag with the page's colours and fonts, references of its own, and no more decimals than the eye can see."""
    tag = re.sub(r' id="(?![hmp][0-9a-f]{10}")[^"]*"', "", found[0])
    tag = re.sub(r'id="([hmp][0-9a-f]{10})"', rf'id="{REFERENCE}\1"', tag)
    tag = re.sub(r"url\(#([hmp][0-9a-f]{10})\)", rf"url(#{REFERENCE}\1)", tag)
    tag = re.sub(r'xlink:href="#([hmp][0-9a-f]{10})"', rf'href="#{REFERENCE}\1"', tag)
    tag = re.sub(r"font-family: [^;\"]*; ?", "", tag)
    tag = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", tag)
    tag = re.sub(r"(\d+\.\d\d)\d+", r"\1", tag)
    tag = re.sub(r"\s+", " ", tag).replace(" L ", "L").replace("M ", "M")
    return re.sub(r"#01(01|02|03|04|10|20)([0-9a-f]{2})", _variable, tag)


def _together(found: re.Match[str]) -> str:
    """Marks in a row with their style said once."""
    style = f'style="{found[2]}"'
    return f"<g {style}>{found[0].replace(f' {style}', '')}</g>"


def _variable(found: re.Match[str]) -> str:
    name = SORTS[found[1]]
    return f"var({name}{int(found[2], 16)})" if name.endswith("-") else f"var({name})"
