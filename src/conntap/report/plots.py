"""Figures for each kind of value that a store holds.

Each function takes plain pandas and numpy values and returns a matplotlib Figure that belongs to nobody
else. Empty input gives a figure that says so; NaN and infinite values are left out.
"""

from conntap.report.contrasts import against, intervals
from conntap.report.curves import curves
from conntap.report.pictures import adjacency, heatmap
from conntap.report.points import positions, raster
from conntap.report.profiles import profile
from conntap.report.spreads import distribution, shares, tail

__all__ = [
    "adjacency",
    "against",
    "curves",
    "distribution",
    "heatmap",
    "intervals",
    "positions",
    "profile",
    "raster",
    "shares",
    "tail",
]
