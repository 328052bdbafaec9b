"""Tables by pathway: of several grouping properties, and with a curve, parameters or properties for each pathway."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.report import plots
from conntap.report.blocks import Block, Gallery, Key, Sample
from conntap.report.drawing import label
from conntap.report.wording import counted

__all__ = ["by_pathway", "joined_sides", "sides"]

_PANELS = 12
_SIDE = 64  # groups to a side of a grid
_MODELS = {"fitted": ("probability", "value"), "expected": ("count", "observed", "value"), "mean": ("value",)}
_WEIGHTS = ("connections", "edges", "observed", "pairs")


def sides(frame: pd.DataFrame) -> tuple[int, int] | None:
    """How many levels of the index, from the first on, name the pre group and how many then the post group; else None.

    Examples
    --------
    >>> names = ["pre_layer", "pre_ei", "post_layer", "post_ei", "distance_um"]
    >>> sides(pd.DataFrame({"p": [0.5]}, index=pd.MultiIndex.from_tuples([(1, "e", 2, "i", 50.0)], names=names)))
    (2, 2)
    """
    names = [str(name) for name in frame.index.names]
    pre = _leading(names, "pre_")
    post = _leading(names[pre:], "post_")
    return (pre, post) if pre and post else None


def _leading(names: list[str], start: str) -> int:
    return next((n for n, name in enumerate(names) if not name.startswith(start)), len(names))


def joined_sides(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with one level for the pre group and one for the post group: the values of several joined by a dot.

    Examples
    --------
    >>> names = ["pre_layer", "pre_ei", "post_layer", "post_ei"]
    >>> frame = pd.DataFrame({"p": [0.5]}, index=pd.MultiIndex.from_tuples([(1, "e", 2, "i")], names=names))
    >>> joined_sides(frame).index.tolist(), joined_sides(frame).index.names
    ([('1 · e', '2 · i')], FrozenList(['pre layer · ei', 'post layer · ei']))
    """
    pre, post = sides(frame) or (1, 1)
    levels = [frame.index.get_level_values(n) for n in range(frame.index.nlevels)]
    names = [str(name) for name in frame.index.names]
    parts = [("pre", 0, pre), ("post", pre, pre + post)]
    arrays = [_joined(levels[start:stop]) for _, start, stop in parts] + levels[pre + post :]
    heads = [_head(side, names[start:stop]) for side, start, stop in parts] + names[pre + post :]
    return frame.set_axis(pd.MultiIndex.from_arrays(arrays, names=heads), axis=0)


def _joined(levels: list[pd.Index]) -> pd.Index:
    return levels[0] if len(levels) == 1 else pd.Index([" · ".join(map(str, each)) for each in zip(*levels)])


def _head(side: str, names: list[str]) -> str:
    bare = [name.removeprefix(f"{side}_") for name in names]
    return names[0] if len(names) == 1 else f"{side} {' · '.join(bare)}"


def by_pathway(sample: Sample, frames: list[pd.DataFrame], rows: list[int], note: str) -> list[Block] | None:
    """Figures of tables that have more to a pathway than one row; None where they are of another form.

    Parameters
    ----------
    frames
        As `joined_sides` gives them, of all cases.
    rows
        The cases to draw, and the sentence that says of how many.
    """
    first = next((frames[row] for row in rows if len(frames[row])), None)
    if first is None or first.index.nlevels < 3:
        return None
    if str(first.index.names[-1]) == "parameter" and "value" in first:
        return _parameters(sample, frames, rows, note)
    model = next((name for name in _MODELS if name in first), None)
    of = next((name for name in _MODELS.get(str(model), ()) if name in first), None)
    return None if of is None else _curves(sample, frames, rows, note, (of, str(model)))


def _curves(
    sample: Sample, frames: list[pd.DataFrame], rows: list[int], note: str, pair: tuple[str, str]
) -> list[Block]:
    """What was counted as points and what the model says as a line, a panel for each pathway that has most."""
    of, model = pair
    most = max(1, _PANELS // len(rows))
    figures, total = [], 0
    for row in rows:
        pieces = _pieces(frames[row])
        total += len(pieces)
        for name, piece in pieces[:most]:
            title = " · ".join(part for part in (_title(sample, row), name) if part)
            x = str(piece.index.name)
            named = {each: pd.Series(piece[each].to_numpy(dtype=float), piece.index) for each in (of, model)}
            figures.append((title, plots.curves(named, bare=[model], x_label=x, y_label=of, title=title)))
    some = (
        f" {len(figures)} of {counted(total, 'panel')} are drawn: the pathways with most."
        if len(figures) < total
        else ""
    )
    keys = [Key(of, 0, "dot"), Key(model, 1, "line")]
    caption = f"{label(of)} by pathway, and what is {label(model)}.{some}{note}{sample.note}"
    return [Gallery(figures, caption, keys)]


def _pieces(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The curve of each pathway (and property), by its name; those with most first."""
    levels = list(range(frame.index.nlevels - 1))
    weight = next((name for name in _WEIGHTS if name in frame), None)
    found = []
    for key, piece in frame.groupby(level=levels, sort=False, observed=True, dropna=False):
        pre, post, *more = key
        x = pd.to_numeric(piece.index.get_level_values(-1), errors="coerce")
        own = piece.set_axis(pd.Index(x, name=frame.index.names[-1]) if not x.isna().any() else _texts(piece), axis=0)
        size = len(piece) if weight is None else float(np.nansum(piece[weight].to_numpy(dtype=float)))
        found.append((size, " · ".join([f"{_group(pre)} → {_group(post)}", *map(str, more)]), own))
    return [(name, piece) for _, name, piece in sorted(found, key=lambda each: -each[0])]


def _group(name: object) -> str:
    """The name of a group; "all" of the wider ones that pathways with little fall back to."""
    return "all" if name is None or name is pd.NA or name != name or name == "" else str(name)


def _texts(piece: pd.DataFrame) -> pd.Index:
    return piece.index.get_level_values(-1).astype(str).rename(piece.index.names[-1])


def _parameters(sample: Sample, frames: list[pd.DataFrame], rows: list[int], note: str) -> list[Block] | None:
    """A heat map of pathways for each parameter (of each property)."""
    figures, names = [], ("pre", "post")
    for row in rows:
        frame = frames[row]
        names = tuple(map(str, frame.index.names[:2]))
        levels = list(range(2, frame.index.nlevels))
        for key, piece in list(frame.groupby(level=levels, sort=False, observed=True))[: max(2, _PANELS // len(rows))]:
            each = piece["value"].droplevel(levels)
            if not each.index.is_unique or any(n > _SIDE for n in each.index.remove_unused_levels().levshape):
                return None
            wide = each.unstack(sort=False)
            title = " · ".join([part for part in (_title(sample, row), *map(str, key)) if part])
            about = {
                "rows": wide.index.tolist(),
                "columns": wide.columns.tolist(),
                "y_label": names[0],
                "x_label": names[1],
            }
            figures.append((title, plots.heatmap(wide.to_numpy(dtype=float), title=title, **about)))
    caption = f"The parameters by {label(names[0])} and {label(names[1])}.{note}{sample.note}"
    return [Gallery(figures, caption, size="small")]


def _title(sample: Sample, row: int) -> str:
    return sample.labels[row] if len(sample.own) > 1 else ""
