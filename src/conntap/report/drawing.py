"""The hand that draws: colours, axes and points of figures, without global state."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from conntap.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "COLOURS",
    "DASHES",
    "INKS",
    "canvas",
    "colour",
    "dots",
    "finite",
    "label",
    "nothing",
    "number_axis",
    "style",
    "tick",
    "wants_log",
]

# Name of a page variable -> (on light paper, on dark paper). Figures are drawn in the light colours.
COLOURS: dict[str, tuple[str, str]] = {
    "c0": ("#1f5fa8", "#7db3f0"),
    "c1": ("#c2570c", "#f5a55f"),
    "c2": ("#128068", "#56cdaa"),
    "c3": ("#9c4593", "#e2a0da"),
    "c4": ("#857406", "#dcc750"),
    "c5": ("#2b95bf", "#a6dcf5"),
    "c6": ("#b3343f", "#f48b87"),
    "c7": ("#59636e", "#a7b1bb"),
}
INKS: dict[str, tuple[str, str]] = {
    "ink": ("#1c2733", "#e4e9ee"),
    "muted": ("#5a6672", "#9ba7b3"),
    "line": ("#dde2e7", "#323c46"),
    "paper": ("#fefefd", "#14191f"),
}
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (7, 2)), (0, (3, 1)))
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def colour(position: int) -> str:
    """The colour of the n-th thing shown, on light paper; the last one repeats.

    Examples
    --------
    >>> colour(0), colour(99) == colour(7)
    ('#1f5fa8', True)
    """
    return list(COLOURS.values())[min(position, len(COLOURS) - 1)][0]


def label(text: object, most: int = 28) -> str:
    """A name as one short printable line: control characters replaced, long ones cut in the middle.

    Examples
    --------
    >>> label("layer\\x00five"), label("a" * 40, most=9)
    ('layer�five', 'aaaa…aaaa')
    """
    line = " ".join(_UNSEEN.sub("\N{REPLACEMENT CHARACTER}", str(text)).split())
    half = (most - 1) // 2
    return line if len(line) <= most else f"{line[: most - 1 - half]}…{line[-half:]}"


@contextmanager
def canvas(width: float = 430, height: float = 290, *, title: str = "") -> Iterator[Axes]:
    """The axes of a new figure, to be drawn on inside the block; width and height in CSS pixels."""
    with style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width / 72, height / 72), dpi=72, layout="constrained")
        axes = figure.add_subplot()
        if title:
            axes.set_title(label(title, 52))
        yield axes


def nothing(axes: Axes, words: str = "no values") -> None:
    """Say in the middle of the axes that there is nothing to draw."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=INKS["muted"][0])


def dots(axes: Axes, x: Sequence[float], y: Sequence[float], *, size: float, color: str, alpha: float = 0.8) -> None:
    """Many round points as one short path: strokes of no length with round ends."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    points = np.column_stack([np.asarray(x, dtype=float), np.asarray(y, dtype=float)])
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) == 0:
        return
    codes = np.tile([Path.MOVETO, Path.LINETO], len(points))
    path = Path(np.repeat(points, 2, axis=0), codes)
    path.should_simplify = False
    axes.add_patch(PathPatch(path, fill=False, edgecolor=color, linewidth=size, alpha=alpha, capstyle="round"))
    axes.update_datalim(points)
    axes.autoscale_view()


def wants_log(values: Any) -> bool:
    """Whether numbers span so much that a logarithmic axis reads better: none negative, over 30-fold (counts)
    or 300-fold (fractions, none of them zero).

    Examples
    --------
    >>> wants_log([0, 3, 4000]), wants_log([1.0, 2.0]), wants_log([-1, 5000])
    (True, False, False)
    """
    values = finite(values)
    positive = values[values > 0]
    if len(positive) == 0 or values.min() < 0:
        return False
    counts = np.array_equal(values, np.round(values)) or (positive.max() > 100 and np.mean(positive < 1) < 0.2)
    fold = positive.max() / positive.min()
    return bool(fold > 30 if counts else fold > 300 and len(positive) == len(values))


def finite(values: Any) -> np.ndarray:
    """The finite numbers among values of any shape, flat, as floats; beyond 1e300, where spans overflow, as 1e300."""
    values = np.asarray(values, dtype=float).ravel()
    return np.clip(values[np.isfinite(values)], -1e300, 1e300)


def number_axis(axes: Axes, which: str, values: Any, *, log: bool) -> None:
    """Scale the x or y axis for numbers and write its ticks plainly.

    Logarithmic axes of numbers that include zero or counts are linear below 1, so that zero is shown.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    values = finite(values)
    axis = getattr(axes, f"{which}axis")
    scale = axes.set_xscale if which == "x" else axes.set_yscale
    if log and len(values):
        fractions = values.min() > 0 and values.min() < 1
        scale("log") if fractions else scale("symlog", linthresh=1, linscale=0.4)
        axis.set_major_locator(FixedLocator(_decades(values, zero=not fractions)))
        axis.set_minor_locator(NullLocator())
    else:
        whole = len(values) > 0 and np.array_equal(values, np.round(values))
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=whole))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def _decades(values: np.ndarray, *, zero: bool) -> list[float]:
    positive = values[values > 0]
    low = 0 if zero else math.floor(math.log10(positive.min()))
    high = max(low + 1, math.ceil(math.log10(max(positive.max(initial=1), 1e-300))))
    step = max(1, math.ceil((high - low) / 6))
    return [0.0] * zero + [10.0**power for power in range(low, high + 1, step)]


def tick(value: float) -> str:
    """A tick's number: powers of ten beyond 10,000 with superscripts, others plain.

    Examples
    --------
    >>> tick(0), tick(1000), tick(1e6), tick(2.5e-7), tick(0.25)
    ('0', '1,000', '10⁶', '2.5×10⁻⁷', '0.25')
    """
    if value == 0:
        return "0"
    size = abs(value)
    if 1e-3 <= size < 1e5:
        return f"{value:,.6g}".replace("-", "−")
    power = math.floor(math.log10(size) + 1e-9)
    factor = f"{value / 10.0**power:.3g}".replace("-", "−")
    ten = "10" + str(power).translate(_SUPERSCRIPTS)
    return ten if factor == "1" else f"{factor}×{ten}"


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's settings of the page inside the block; whatever the user set is back afterwards."""
    try:
        import matplotlib
    except ImportError:
        raise MissingExtra("report", package="matplotlib", needed_for="drawing figures") from None
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_settings())
        yield


def _settings() -> dict[str, Any]:
    ink, muted, line = (INKS[name][0] for name in ("ink", "muted", "line"))
    inks = {
        "text.color": ink,
        "axes.titlecolor": ink,
        "axes.edgecolor": muted,
        "axes.labelcolor": muted,
        "xtick.color": muted,
        "ytick.color": muted,
        "grid.color": line,
    }
    bare = {f"{which}.facecolor": "none" for which in ("axes", "figure", "savefig")}
    bare |= {f"{which}tick.{part}.size": 0 for which in "xy" for part in ("major", "minor")}
    bare |= {f"axes.spines.{side}": False for side in ("top", "right")}
    sizes = {
        "font.size": 11,
        "axes.labelsize": 11,
        "axes.titlesize": 11.5,
        "xtick.labelsize": 10,
        "ytick.labelsize": 10,
    }
    widths = {"grid.linewidth": 0.8, "axes.linewidth": 0.8, "lines.linewidth": 1.8, "lines.markersize": 4.5}
    plain = {"text.parse_math": False, "axes.grid": True, "axes.axisbelow": True, "axes.titlelocation": "left"}
    bold = {
        "axes.titleweight": "bold",
        "axes.titlepad": 8,
        "axes.labelpad": 5,
        "xtick.major.pad": 5,
        "ytick.major.pad": 5,
    }
    return {"svg.hashsalt": "conntap", "svg.fonttype": "none", **inks, **bare, **sizes, **widths, **plain, **bold}
