"""A real browser for pages: what it complains about and what it shows."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

MOST_SECONDS = 60
"""A page is drawn in one; the rest is for a busy machine [s]."""

COMPLAINT = re.compile(r"CONSOLE|Refused to|net::ERR|SyntaxError", flags=re.IGNORECASE)
"""What the browser's log says of a page that is not in order, or wants something from elsewhere."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A page as the browser shows it: `pixels` of shape (row, column, 3), and the lines of its log that complain."""

    pixels: NDArray[np.uint8]
    complaints: list[str]


def look(page: Path, folder: Path, *, width: int = 1200, height: int = 900, dark: bool = False) -> Seen:
    """Open a page without a network and photograph it; skips where there is no browser."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's chromium is not installed")
    from PIL import Image

    shot = folder / "shot.png"
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--enable-logging=stderr",
        "--host-resolver-rules=MAP * ~NOTFOUND",  # no name leads anywhere
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={width},{height}",
        f"--screenshot={shot}",
        *(["--blink-settings=preferredColorScheme=0"] if dark else []),
    ]
    command = [chromium, *options, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    with Image.open(shot) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    return Seen(pixels, [line for line in done.stderr.splitlines() if COMPLAINT.search(line)])
