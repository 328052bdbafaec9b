"""A network of vessels: straight segments between points, in sections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.tissue.arrays import frozen, within
from conntap.errors import CircuitError, known

__all__ = ["VESSEL_TYPES", "Vasculature"]

VESSEL_TYPES = {
    1: "vein",
    2: "artery",
    3: "venule",
    4: "arteriole",
    5: "venous_capillary",
    6: "arterial_capillary",
    7: "transitional",
}
"""The numbers of types of vessels in SONATA, with their names."""

_ENDS = tuple(f"{end}_{axis}" for end in ("start", "end") for axis in "xyz")
_COLUMNS = (*_ENDS, "start_diameter", "end_diameter", "start_node", "end_node", "section_id", "segment_id", "type")


@dataclass(frozen=True, eq=False, repr=False)
class Vasculature:
    """A network of vessels: a graph of points, whose edges are the segments.

    A segment is a frustum: it runs straight from a point to another, its diameter changes evenly. Segments stand section by section,
    in order along each: the row of a segment is its number, which is its node id in SONATA.

    Parameters
    ----------
    points, diameters
        Shape (points, 3) and (points,), um.
    edges
        Shape (segments, 2): the points at which each segment starts and ends.
    section_ids, segment_ids
        Shape (segments,): the section, and the number within it, from 0.
    types
        Shape (segments,): see `VESSEL_TYPES`; 0 where it is not known.

    Raises
    ------
    CircuitError
        Arrays that do not fit each other, values that are not finite, diameters that are not above 0, unknown types.

    Examples
    --------
    >>> v = Vasculature([[0, 0, 0], [10, 0, 0], [20, 0, 0]], [4, 4, 6], [[0, 1], [1, 2]], [0, 0], [0, 1], [6, 6])
    >>> v, v.lengths.tolist()
    (Vasculature(2 segments in 1 sections, 20 um), [10.0, 10.0])
    """

    points: np.ndarray
    diameters: np.ndarray
    edges: np.ndarray
    section_ids: np.ndarray
    segment_ids: np.ndarray
    types: np.ndarray

    def __post_init__(self) -> None:
        n = len(np.asarray(self.edges).reshape(-1, 2))
        wanted = {"points": ((None, 3), np.float64), "diameters": ((len(self.points),), np.float64)}
        wanted |= {"edges": ((n, 2), np.int64)}
        wanted |= dict.fromkeys(("section_ids", "segment_ids", "types"), ((n,), np.int64))
        for name, (shape, dtype) in wanted.items():
            object.__setattr__(self, name, frozen(f"Vasculature.{name}", getattr(self, name), shape, dtype))
        within("Vasculature.edges", self.edges, len(self.points))
        within("Vasculature.types", self.types, max(VESSEL_TYPES) + 1)
        if (self.diameters <= 0).any():
            raise CircuitError("Vasculature.diameters: not all are above 0.")
        keys = np.stack([self.section_ids, self.segment_ids])
        order = np.lexsort(keys[::-1])
        if not np.array_equal(order, np.arange(n)) or (n and keys.min() < 0):
            raise CircuitError("Vasculature.section_ids: segments must stand section by section, in order along each.")
        same = (np.diff(keys, axis=1) == 0).all(axis=0)
        if same.any():
            raise CircuitError("Vasculature.segment_ids: a segment's number stands twice in its section.")

    def __repr__(self) -> str:
        n = len(np.unique(self.section_ids))
        return f"Vasculature({len(self):,} segments in {n:,} sections, {self.lengths.sum():,.0f} um)"

    def __len__(self) -> int:
        return len(self.edges)

    @property
    def starts(self) -> np.ndarray:
        """Where each segment starts, shape (segments, 3), um."""
        return self.points[self.edges[:, 0]]

    @property
    def ends(self) -> np.ndarray:
        """Where each segment ends, shape (segments, 3), um."""
        return self.points[self.edges[:, 1]]

    @property
    def radii(self) -> np.ndarray:
        """At the start and the end of each segment, shape (segments, 2), um."""
        return self.diameters[self.edges] / 2

    @property
    def lengths(self) -> np.ndarray:
        """Of each segment, um."""
        return np.sqrt(((self.ends - self.starts) ** 2).sum(axis=1))

    def table(self) -> pd.DataFrame:
        """The segments with the columns that SONATA gives to vessels.

        Returns
        -------
        Index `id`; `start_x` ... `end_z`, `start_diameter`, `end_diameter` (float32, um), `start_node`, `end_node` (uint64),
        `section_id`, `segment_id` (uint32), `type` (int32).
        """
        ends = np.concatenate([self.starts, self.ends], axis=1).astype(np.float32)
        table = dict(zip(_ENDS, ends.T, strict=True))
        diameters, edges = self.diameters[self.edges].astype(np.float32), self.edges.astype(np.uint64)
        table |= {"start_diameter": diameters[:, 0], "end_diameter": diameters[:, 1]}
        table |= {"start_node": edges[:, 0], "end_node": edges[:, 1]}
        table |= {"section_id": self.section_ids.astype(np.uint32), "segment_id": self.segment_ids.astype(np.uint32)}
        return pd.DataFrame(table | {"type": self.types.astype(np.int32)}).rename_axis("id")

    @classmethod
    def from_table(cls, table: Any) -> Vasculature:
        """Of the segments of a table with SONATA's columns, such as `circuit.nodes("vasculature").table()`.

        Raises
        ------
        CircuitError
            A column is missing; two segments say different places of one point; values that do not fit.

        Examples
        --------
        >>> v = Vasculature([[0, 0, 0], [10, 0, 0]], [4, 4], [[0, 1]], [0], [0], [6])
        >>> Vasculature.from_table(v.table()).points.tolist()
        [[0.0, 0.0, 0.0], [10.0, 0.0, 0.0]]
        """
        missing = [each for each in _COLUMNS if each not in table]
        if missing:
            raise CircuitError(f"vessels: no column {known(missing)}; the table has {known(table.columns)}.")
        columns = {name: np.asarray(table[name]) for name in _COLUMNS}
        nodes = np.concatenate([columns["start_node"], columns["end_node"]]).astype(np.int64)
        places = np.concatenate([np.stack([columns[name] for name in _ENDS[i : i + 3]], axis=1) for i in (0, 3)])
        diameters = np.concatenate([columns["start_diameter"], columns["end_diameter"]])
        _, first, number = np.unique(nodes, return_index=True, return_inverse=True)
        apart = (np.abs(places - places[first][number]) > 1e-3).any(axis=1)
        if apart.any():
            raise CircuitError(f"vessels: point {nodes[apart][0]} has several places. Give each its own number.")
        edges = number.reshape(2, -1).T
        rest = (columns[name].astype(np.int64) for name in ("section_id", "segment_id", "type"))
        return cls(places[first], diameters[first], edges, *rest)
