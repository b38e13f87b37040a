"""The only place where a conversion factor stands.

Names say what goes in and what comes out, so that `power_w * WH_PER_KWH` cannot be read as sensible.
"""

from __future__ import annotations

from typing import Final

SECONDS_PER_HOUR: Final = 3600.0
SECONDS_PER_MINUTE: Final = 60.0
MINUTES_PER_HOUR: Final = 60.0
WATTS_PER_KILOWATT: Final = 1000.0
WH_PER_KWH: Final = 1000.0
KWH_PER_MWH: Final = 1000.0
GRAMS_PER_KILOGRAM: Final = 1000.0
BYTES_PER_GIB: Final = 1024.0**3
BITS_PER_BYTE: Final = 8.0
