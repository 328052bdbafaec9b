"""Pictures of matrices: who connects to whom, and numbers in colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from conntap.report.drawing import (
    INKS,
    canvas,
    colour,
    finite,
    label,
    nothing,
    number_axis,
    tick,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["adjacency", "heatmap"]


def adjacency(matrix: Any, *, order: Any = None, groups: Any = None, title: str = "", most: int = 128) -> Figure:
    """Which nodes connect to which: rows pre, columns post, as the density of connected pairs.

    Parameters
    ----------
    matrix
        Sparse or dense, shape (pre, post); an entry that is stored and not zero is a connection.
    order
        Shape (nodes,): row positions in the order to show; default as they stand. Square matrices only.
    groups
        Shape (nodes,): a group for each node in its own order, such as its layer; lines part them. Give
        `order` too so that they are contiguous.
    title
        What the panel shows.
    most
        Pixels to a side: larger matrices are binned.

    Returns
    -------
    A figure of 212 by 236 pixels. Full colour is the densest bin; the scale is a square root.

    Notes
    -----
    Linear in the entries; the picture is bounded by `most`.

    Examples
    --------
    >>> len(adjacency(np.eye(3)).axes)
    1
    """
    density = _density(matrix, order, most)
    with canvas(212, 236, title="") as axes:
        axes.set_title(label(title, 26), fontsize=10.5)
        if density.size == 0:
            nothing(axes, "no nodes")
            return axes.figure
        pre, post = matrix.shape
        _image(axes, np.sqrt(density / max(density.max(), 1e-300)), colour(0), (0, post, pre, 0))
        _frame(axes)
        if groups is not None and pre == post:
            _parts(axes, np.asarray(groups, dtype=object)[_rows(order, pre)], pre)
        else:
            axes.set_xticks([0, post])
            axes.set_yticks([0, pre])
        axes.set_xlabel("post")
        axes.set_ylabel("pre")
    return axes.figure


def _rows(order: Any, n: int) -> np.ndarray:
    return np.arange(n) if order is None else np.asarray(order)


def _density(matrix: Any, order: Any, most: int) -> np.ndarray:
    """Shape (at most `most`, at most `most`): the share of connected pairs in each bin."""
    from scipy import sparse

    entries = sparse.coo_array(matrix)
    n_pre, n_post = entries.shape
    if n_pre == 0 or n_post == 0:
        return np.zeros((0, 0))
    pre, post = (c[entries.data != 0] for c in entries.coords)
    if order is not None:
        place = np.empty(n_pre, dtype=np.int64)
        place[np.asarray(order)] = np.arange(n_pre)
        pre, post = place[pre], place[post]
    rows, columns = min(n_pre, most), min(n_post, most)
    flat = (pre.astype(np.int64) * rows // n_pre) * columns + post.astype(np.int64) * columns // n_post
    counts = np.bincount(flat, minlength=rows * columns).reshape(rows, columns)
    high = np.bincount(np.arange(n_pre) * rows // n_pre, minlength=rows)
    wide = np.bincount(np.arange(n_post) * columns // n_post, minlength=columns)
    return counts / np.outer(high, wide)


def _image(axes: Axes, strength: np.ndarray, tone: str, extent: tuple[float, ...]) -> None:
    """Draw 0..1 as the opacity of one colour, so that the picture suits light and dark paper."""
    from matplotlib.colors import to_rgb

    picture = np.empty((*strength.shape, 4), dtype=np.uint8)
    picture[..., :3] = np.round(np.multiply(to_rgb(tone), 255)).astype(np.uint8)
    picture[..., 3] = np.round(np.nan_to_num(np.clip(strength, 0, 1)) * 16).astype(np.uint8) * 15
    axes.imshow(picture, extent=extent, interpolation="none", aspect="auto")
    axes.grid(visible=False)


def _frame(axes: Axes) -> None:
    for side in axes.spines.values():
        side.set_visible(True)
    axes.set_box_aspect(1)


def _parts(axes: Axes, sorted_groups: np.ndarray, n: int) -> None:
    """Lines between runs of equal groups, and the names of runs that are wide enough."""
    names = np.asarray([str(group) for group in sorted_groups])
    edges = np.flatnonzero(np.append(names[1:] != names[:-1], True)) + 1
    starts = np.append(0, edges[:-1])
    if len(edges) > 24:
        return
    for edge in edges[:-1]:
        axes.axhline(edge, color=INKS["muted"][0], linewidth=0.5)
        axes.axvline(edge, color=INKS["muted"][0], linewidth=0.5)
    wide = (edges - starts) > n * 0.07
    places = ((starts + edges) / 2)[wide]
    axes.set_yticks(places, [label(name, 8) for name in names[starts[wide]]], fontsize=9)
    axes.set_xticks([])


def heatmap(
    values: Any,
    *,
    x_label: str = "column",
    y_label: str = "row",
    title: str = "",
    most: int = 128,
    rows: Sequence[Any] = (),
    columns: Sequence[Any] = (),
    top: float | None = None,
) -> Figure:
    """A matrix of numbers in colour, with its scale: one hue from zero, two where some are negative.

    Parameters
    ----------
    values
        Shape (rows, columns); sparse or dense. NaN is left blank.
    x_label, y_label, title
        What the axes and the panel show.
    most
        Pixels to a side: larger matrices are drawn as the means of bins.
    rows, columns
        Names of the rows and columns; default: their numbers.
    top
        The number of the deepest colour, the same for figures that are compared; default: the largest there is.

    Returns
    -------
    A figure of 320 by 300 pixels.

    Notes
    -----
    Linear in rows times columns of a dense matrix, in the entries of a sparse one.

    Examples
    --------
    >>> len(heatmap([[1.0, -2.0], [0.0, 4.0]]).axes)
    1
    """
    means, shape = _means(values, most)
    with canvas(320, 300, title="") as axes:
        axes.set_title(label(title, 40))
        if finite(means).size == 0:
            nothing(axes)
            return axes.figure
        top = max(top or 0.0, float(np.abs(finite(means)).max()))
        extent = (0, shape[1], shape[0], 0)
        scaled = np.nan_to_num(means / top if top else means, posinf=0, neginf=0)
        signed = scaled.min() < 0
        _image(axes, np.maximum(scaled, 0), colour(1 if signed else 0), extent)
        if signed:
            _image(axes, np.maximum(-scaled, 0), colour(0), extent)
        _scale(axes, top, signed=signed)
        number_axis(axes, "x", [0, shape[1]], log=False)
        number_axis(axes, "y", [0, shape[0]], log=False)
        _named_sides(axes, rows, columns)
        axes.set_xlabel(label(x_label))
        axes.set_ylabel(label(y_label))
    return axes.figure


def _named_sides(axes: Axes, rows: Sequence[Any], columns: Sequence[Any]) -> None:
    """Names at the middles of rows and columns; at most 24 a side, those of columns turned where they crowd."""
    for names, place in ((rows, axes.set_yticks), (columns, axes.set_xticks)):
        if not len(names):
            continue
        step = max(1, -(-len(names) // 24))
        crowded = place == axes.set_xticks and (len(names) > 6 or sum(len(str(name)) for name in names) > 30)
        turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
        place(np.arange(len(names))[::step] + 0.5, [label(name, 14) for name in names[::step]], **turned)


def _means(values: Any, most: int) -> tuple[np.ndarray, tuple[int, int]]:
    """The means of at most `most` by `most` bins, and the shape of the whole."""
    from scipy import sparse

    if sparse.issparse(values):
        entries = sparse.coo_array(values)
        (i, j), data, shape = entries.coords, entries.data.astype(float), entries.shape
    else:
        dense = np.asarray(values, dtype=float)
        shape = dense.shape
        i, j = np.nonzero(np.isfinite(dense))
        data = dense[i, j]
    if 0 in shape:
        return np.zeros((0, 0)), shape
    rows, columns = min(shape[0], most), min(shape[1], most)
    flat = (i.astype(np.int64) * rows // shape[0]) * columns + j.astype(np.int64) * columns // shape[1]
    sums = np.bincount(flat, weights=data, minlength=rows * columns)
    if sparse.issparse(values):
        high = np.bincount(np.arange(shape[0]) * rows // shape[0], minlength=rows)
        counts = np.outer(high, np.bincount(np.arange(shape[1]) * columns // shape[1], minlength=columns)).ravel()
    else:
        counts = np.bincount(flat, minlength=rows * columns)
    means = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return means.reshape(rows, columns), shape


def _scale(axes: Axes, top: float, *, signed: bool) -> None:
    bar = axes.inset_axes((1.04, 0, 0.045, 1))
    ramp = np.linspace(1, -1 if signed else 0, 64)[:, None]
    extent = (0, 1, -top if signed else 0, top or 1)
    _image(bar, np.maximum(ramp, 0), colour(1 if signed else 0), extent)
    if signed:
        _image(bar, np.maximum(-ramp, 0), colour(0), extent)
    bar.set_xticks([])
    bar.yaxis.tick_right()
    bar.set_yticks(
        [-top, 0, top] if signed else [0, top],
        [tick(float(f"{v:.2g}")) for v in ([-top, 0, top] if signed else [0, top])],
    )
