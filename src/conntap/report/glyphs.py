"""Small drawings of the classes of triads, to stand for their names under an axis and in tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from conntap.report.drawing import INKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MOTIFS", "TRIADS", "pictogram", "triad_glyphs", "triad_of"]

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
    names = [triad_of(entry, what) for entry in entries]
    if not all(names):
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


def triad_of(entry: Any, what: str) -> str:
    """The class of triads that an entry stands for: the name of one ("triad"), or the number of a motif; "" where none.

    Examples
    --------
    >>> triad_of("030T", "triad"), triad_of(4, "motif"), triad_of("4", "motif"), triad_of(4, "dimension")
    ('030T', '030T', '030T', '')
    """
    if what == "motif" and str(entry).removesuffix(".0").isdecimal() and 1 <= int(float(entry)) <= len(MOTIFS):
        return MOTIFS[int(float(entry)) - 1]
    return str(entry) if what in ("triad", "motif") and str(entry) in TRIADS else ""


def pictogram(name: str) -> str:
    """The drawing of a class of triads as an `<svg>` element of 22 by 20 pixels, in the colour of the text around it.

    Examples
    --------
    >>> pictogram("012").count("<circle"), pictogram("102").count("<path")
    (3, 3)
    """
    places = {node: np.array([x, 20 - y]) for node, (x, y) in _PLACES.items()}
    lines, heads = [], []
    for ends in dict.fromkeys(frozenset(each) for each in TRIADS[name]):
        directions = [each for each in TRIADS[name] if frozenset(each) == ends]
        first, second = (places[node] for node in directions[0])
        along = (second - first) / np.hypot(*(second - first))
        tips = [first + 2.3 * along, second - 2.3 * along]
        both = len(directions) == 2
        lines.append(_path(tips[0] + 3 * along * both, tips[1] - 3 * along))
        heads += [_head(tips[1], along)] + [_head(tips[0], -along)] * both
    dots = "".join(f'<circle cx="{x:g}" cy="{y:g}" r="1.6"/>' for x, y in places.values())
    drawn = f'<path d="{"".join(lines)}" fill="none" stroke="currentColor"/>' if lines else ""
    tips_drawn = "".join(f'<path d="{head}"/>' for head in heads)
    return f'<svg class="glyph" viewBox="0 0 22 20" width="22" height="20" aria-hidden="true">{drawn}{tips_drawn}{dots}</svg>'


def _path(*points: np.ndarray) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _head(tip: np.ndarray, along: np.ndarray) -> str:
    across = np.array([-along[1], along[0]])
    return _path(tip, tip - 4 * along + 1.9 * across, tip - 4 * along - 1.9 * across) + "z"


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
