"""The bins that pairs are counted in: narrow ones of distance for rules with numbers, wide ones for tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from conntap.circuits.rules.counting import Ends
from conntap.circuits.rules.features import Bin, Feature, columns_of
from conntap.errors import OptionError, unknown

__all__ = ["TABLES", "Shape", "bins_of", "put_together", "read_shape"]

_FINE = 1024
_MOST_BINS = 100_000
_COARSE = 40
TABLES: dict[Any, int] = {4: 20, "4-reduced": 32, 5: 8, "5-reduced": 16}
"""The orders that are tables, and how many bins a feature they have where no width is asked for."""
_SLACK = 1 + 1e-9


@dataclass(frozen=True)
class Shape:
    """What `bins` says."""

    width_um: float | None = None
    max_distance_um: float = np.inf
    fewest: float = 10
    smooth_um: float = 0.0


def read_shape(bins: Mapping[str, float] | None, where: str) -> Shape:
    names = list(Shape.__dataclass_fields__)
    for name, value in (bins or {}).items():
        if name not in names:
            raise OptionError(unknown(where, "name", name, names))
        least = name in ("fewest", "smooth_um")
        if isinstance(value, bool) or not isinstance(value, int | float) or not (value > 0 or (least and value == 0)):
            raise OptionError(f"{where}.{name}: {value!r}; give a number {'from 0 on' if least else 'above 0'}.")
    return Shape(**(bins or {}))


def bins_of(order: Any, features: Sequence[Feature], ends: Ends, shape: Shape, where: str) -> list[Bin]:
    """Bins that hold all that occurs: narrow ones of distance for rules with numbers, wide ones for tables."""
    names, found = columns_of(features), []
    for kind, *own in features:
        rows = [names.index(each) for each in own]
        if kind == "side":
            found.append(Bin(-1.5, 1.0, 3))
            continue
        low, high = _reach(kind, ends.pre[rows], ends.post[rows], shape.max_distance_um)
        span = (high - low) or 1.0
        if order in TABLES:
            width = shape.width_um or span * _SLACK / TABLES[order]
            size = max(1, int(np.ceil(span / width)))
            low -= (size * width - span) / 2 if kind == "offset" else 0.0  # the same on both sides of 0
        else:
            wide = shape.width_um or span * _SLACK / _COARSE
            number = int(span / wide) + 1
            finer = 1 << int(np.ceil(np.log2(max(1.0, _FINE / number))))
            width, size = wide / finer, number * finer
        if size > _MOST_BINS:
            raise OptionError(f"{where}.bins.width_um: {shape.width_um} makes {size:.3g} bins; give a wider one.")
        found.append(Bin(float(low), float(width * _SLACK if order in TABLES else width), size))
    return found


def _reach(kind: str, pre: np.ndarray, post: np.ndarray, most: float) -> tuple[float, float]:
    """The least and the greatest value of a feature that occurs, held within `most`."""
    if not pre.size or not post.size:
        return 0.0, 0.0
    low = np.minimum(pre.min(axis=1), post.min(axis=1))
    high = np.maximum(pre.max(axis=1), post.max(axis=1))
    if kind == "distance":
        return 0.0, min(float(np.linalg.norm(high - low)) * _SLACK, most)
    if kind == "place":
        span = float(np.ptp(pre[0])) or 1.0
        return float(pre.min()), float(pre.min()) + span * _SLACK
    far = min(float(max(high - low)) * _SLACK, most)
    return -far, far


def put_together(layout: Sequence[Bin], features: Sequence[Feature], shape: Shape) -> int:
    """How many narrow bins of distance are shown as one."""
    if not layout or layout[-1].size < _FINE or features[-1][0] != "distance":
        return 1
    wanted = layout[-1].size / _COARSE if shape.width_um is None else shape.width_um / layout[-1].width
    size = layout[-1].size
    return max((each for each in range(1, size + 1) if size % each == 0 and each <= wanted * 1.001), default=1)
