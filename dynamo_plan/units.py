"""The only place where a conversion factor stands.

Names say what goes in and what comes out, so that `power_w * WH_PER_KWH` cannot be read as sensible.
"""

from __future__ import annotations

from typing import Final

SECONDS_PER_HOUR: Final = 3600.0
SECONDS_PER_MINUTE: Final = 60.0
MS_PER_SECOND: Final = 1000.0
NS_PER_MS: Final = 1e6
US_PER_MS: Final = 1000.0
US_PER_SECOND: Final = 1e6
MINUTES_PER_HOUR: Final = 60.0
HOURS_PER_DAY: Final = 24.0
HOURS_PER_YEAR: Final = 8760.0
WATTS_PER_KILOWATT: Final = 1000.0
MILLIWATTS_PER_WATT: Final = 1000.0
WH_PER_KWH: Final = 1000.0
KWH_PER_MWH: Final = 1000.0
GRAMS_PER_KILOGRAM: Final = 1000.0
JOULES_PER_MEGAJOULE: Final = 1e6
MILLIJOULES_PER_JOULE: Final = 1000.0
PERCENT_PER_ONE: Final = 100.0
BYTES_PER_MIB: Final = 1024.0**2
BYTES_PER_GIB: Final = 1024.0**3
BYTES_PER_GB: Final = 1e9
BITS_PER_BYTE: Final = 8.0
MHZ_PER_GHZ: Final = 1000.0
NANOSECONDS_PER_SECOND: Final = 10**9
PICOSECONDS_PER_SECOND: Final = 10**12
PICOSECONDS_PER_NANOSECOND: Final = 1000
SECONDS_PER_PICOSECOND: Final = 1e-12
