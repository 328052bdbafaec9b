"""What a rule looks at in a pair of nodes: distances, offsets, places, sides; and the bins that pairs are counted in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from conntap.circuits.rules.points import points
from conntap.errors import OptionError, unknown

__all__ = ["Bin", "Feature", "columns_of", "feature_names", "features_of", "kernel_arguments"]

Feature = tuple[str, ...]
"""("distance", *axes), ("offset", axis), ("place", axis) or ("side", axis)."""
KINDS = ("distance", "offset", "place", "side")
ORDERS = (1, 2, "2-complex", 3, "3-complex", 4, "4-reduced", 5, "5-reduced")


@dataclass(frozen=True)
class Bin:
    """Equal bins of a feature: where the first begins, how wide each is, and how many there are.

    >>> Bin(0.0, 10.0, 3).middles().tolist()
    [5.0, 15.0, 25.0]
    """

    origin: float
    width: float
    size: int

    def middles(self) -> np.ndarray:
        """The middle of each bin."""
        return self.origin + (np.arange(self.size) + 0.5) * self.width


def features_of(order: int | str, positions: Sequence[str], axis: str) -> tuple[Feature, ...]:
    """What a rule of an order looks at.

    >>> features_of("4-reduced", ("x", "y", "z"), "y")
    (('distance', 'x', 'z'), ('offset', 'y'))
    """
    offsets = tuple(("offset", each) for each in positions)
    reduced = (("distance", *(each for each in positions if each != axis)), ("offset", axis))
    distance = (("distance", *positions),)
    return {
        1: (),
        2: distance,
        "2-complex": distance,
        3: (("side", axis), *distance),
        "3-complex": (("side", axis), *distance),
        4: offsets,
        "4-reduced": reduced,
        5: (*(("place", each) for each in positions), *offsets),
        "5-reduced": (("place", axis), *reduced),
    }[order]


def check_features(features: object, where: str) -> None:
    """Refuse what names no features."""
    for each in features if isinstance(features, tuple) else [features]:
        if not isinstance(each, tuple) or len(each) < 2 or not all(isinstance(part, str) for part in each):
            raise OptionError(f"{where}: {each!r} is no feature; give (kind, node property), as ('offset', 'x').")
        if each[0] not in KINDS:
            raise OptionError(unknown(where, "kind of feature", each[0], KINDS))
        if each[0] != "distance" and len(each) != 2:
            raise OptionError(f"{where}: {each!r} names {len(each) - 1} node properties; an {each[0]} takes one.")


def feature_names(features: Sequence[Feature]) -> list[str]:
    """A name for each feature, with its unit.

    >>> feature_names((("place", "z"), ("distance", "x", "y"), ("offset", "z")))
    ['pre_z_um', 'radial_um', 'offset_z_um']
    """
    lone = len([each for each in features if each[0] != "side"]) == 1
    words = {"offset": "offset_{}_um", "place": "pre_{}_um", "side": "side"}
    distance = "distance_um" if lone else "radial_um"
    return [distance if kind == "distance" else words[kind].format(rest[0]) for kind, *rest in features]


def columns_of(features: Sequence[Feature]) -> list[str]:
    """The node properties that features take, each once."""
    return list(dict.fromkeys(name for _, *names in features for name in names))


def kernel_arguments(
    features: Sequence[Feature], bins: Sequence[Bin], names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Kinds, axes used, and the origins, widths and sizes of bins, as the kernels take them."""
    kinds = np.array([KINDS.index(kind) for kind, *_ in features], dtype=np.int64)
    used = np.array([[name in own for name in names] for _, *own in features], dtype=bool)
    used = used.reshape(len(features), len(names))
    origins, widths = (
        np.array([getattr(each, part) for each in bins], dtype=np.float64) for part in ("origin", "width")
    )
    return kinds, used, origins, widths, np.array([each.size for each in bins], dtype=np.int64)


def coordinates(nodes: pd.DataFrame, names: Sequence[str], where: str) -> np.ndarray:
    """The node properties in columns: float64, shape (axes, nodes)."""
    if not names:
        return np.empty((0, len(nodes)))
    return np.ascontiguousarray(points(nodes, names, where).T)
