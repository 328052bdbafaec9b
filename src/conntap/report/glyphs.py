"""Small drawings of the classes of triads, to stand for their names under an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from conntap.report.drawing import INKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MOTIFS", "TRIADS", "triad_glyphs"]

# Connections among the nodes a, b, c of each class; two letters both ways are a reciprocal pair. Davis and Leinhardt,
# 1972, "The structure of positive interpersonal relations in small groups".
TRIADS: dict[str, tuple[str, ...]] = {
    "003": (),
    "012": ("ab",),
    "102": ("ab", "ba"),
    "021D": ("ba", "bc"),
    "021U": ("ab", "cb"),
    "021C": ("ab", "bc"),
    "111D": ("ac", "ca", "bc"),
    "111U": ("ac", "ca", "cb"),
    "030T": ("ab", "bc", "ac"),
    "030C": ("ab", "bc", "ca"),
    "201": ("ab", "ba", "bc", "cb"),
    "120D": ("ba", "bc", "ac", "ca"),
    "120U": ("ab", "cb", "ac", "ca"),
    "120C": ("ab", "bc", "ac", "ca"),
    "210": ("ab", "bc", "cb", "ac", "ca"),
    "300": ("ab", "ba", "bc", "cb", "ac", "ca"),
}
# The order of the connected ones in Gal et al., 2017, doi:10.1038/nn.4576, in which motifs are numbered.
MOTIFS = ("021C", "021U", "021D", "030T", "111U", "111D", "030C", "201", "120C", "120U", "120D", "210", "300")
_PLACES = {"a": (3.0, 3.0), "b": (11.0, 16.5), "c": (19.0, 3.0)}


def triad_glyphs(axes: Axes, x: Sequence[float], entries: Sequence[Any], what: str) -> None:
    """Draw the class of each entry under the ticks, where the entries are names of triads or numbers of motifs.

    Parameters
    ----------
    axes
        Whose x axis has the entries.
    x, entries
        Where they stand, and what they are.
    what
        The name of the entries; nothing is drawn unless it is "triad" or "motif".

    Examples
    --------
    >>> from conntap.report.drawing import canvas
    >>> with canvas() as axes:
    ...     triad_glyphs(axes, [0, 1], ["030T", "030C"], "triad")
    >>> len(axes.artists)
    2
    """
    if what not in ("triad", "motif") or not len(entries) or len(entries) > len(TRIADS):
        return
    names = [_name(entry, what) for entry in entries]
    if not all(name in TRIADS for name in names):
        return
    from matplotlib.offsetbox import AnnotationBbox

    axes.set_xticks(list(x), [str(entry) for entry in entries], fontsize=7.5, rotation=0, ha="center")
    for place, name in zip(x, names, strict=True):
        how = {"xybox": (0, -17), "boxcoords": "offset points", "box_alignment": (0.5, 1.0)}
        box = AnnotationBbox(
            _drawing(name), (place, 0), xycoords=("data", "axes fraction"), pad=0, frameon=False, **how
        )
        axes.add_artist(box)
    axes.xaxis.labelpad = 28


def _name(entry: Any, what: str) -> str:
    if what == "motif" and isinstance(entry, int | float | np.number) and 1 <= entry <= len(MOTIFS):
        return MOTIFS[int(entry) - 1]
    return str(entry)


def _drawing(name: str) -> Any:
    from matplotlib.offsetbox import DrawingArea
    from matplotlib.patches import Circle, FancyArrowPatch

    area = DrawingArea(22, 20)
    ink = INKS["ink"][0]
    pairs = {frozenset(each): each for each in TRIADS[name]}
    for ends, (first, second) in pairs.items():
        mutual = len([each for each in TRIADS[name] if frozenset(each) == ends]) == 2
        style = "<|-|>" if mutual else "-|>"
        where = {"posA": _PLACES[first], "posB": _PLACES[second]}
        arrow = {"mutation_scale": 5, "linewidth": 0.8, "shrinkA": 2, "shrinkB": 2}
        area.add_artist(FancyArrowPatch(**where, arrowstyle=style, color=ink, **arrow))
    for place in _PLACES.values():
        area.add_artist(Circle(place, 1.5, color=ink))
    return area
