"""The straight segments of the morphologies of many cells."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from conntap.circuits.tissue import MorphologySet

__all__ = ["CellSegments"]


@dataclass(frozen=True, eq=False)
class CellSegments:
    """Segments of many cells, section by section.

    Parameters
    ----------
    start, end
        Shape (segments, 3), float32, um.
    radius
        Shape (segments,): the greater one of both ends, float32, um.
    cell
        Shape (segments,): the row of the cell in the table of morphologies.
    section, number
        Shape (segments,): the section as SONATA counts (the soma is 0), and the segment's number in it.
    kind
        Shape (segments,): the type of the section: 2 perivascular, 3 perisynaptic.
    before, whole
        Shape (segments,): the length of the section before the segment, and as a whole; um.
    """

    start: np.ndarray
    end: np.ndarray
    radius: np.ndarray
    cell: np.ndarray
    section: np.ndarray
    number: np.ndarray
    kind: np.ndarray
    before: np.ndarray
    whole: np.ndarray

    def __len__(self) -> int:
        return len(self.cell)

    @classmethod
    def of(cls, morphologies: MorphologySet) -> CellSegments:
        """Those of a set; segments without length are left out, sections of one point have none.

        Examples
        --------
        >>> import pandas as pd
        >>> table = pd.DataFrame({"astrocyte": [0], "x": 0.0, "y": 0.0, "z": 0.0, "radius": 5.0})
        >>> points = [[0, 0, 0], [1, 0, 0], [3, 0, 0]]
        >>> cells = MorphologySet(table, points, [1, 1, 2], [3, 3, 3], [0, 3], [-1], [3], [0, 1])
        >>> found = CellSegments.of(cells)
        >>> found.section.tolist(), found.before.tolist(), found.whole.tolist(), found.radius.tolist()
        ([1, 1], [0.0, 1.0], [3.0, 3.0], [0.5, 1.0])
        """
        starts, points = morphologies.section_starts, morphologies.points
        sizes = np.diff(starts)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        first = np.flatnonzero(owner[1:] == owner[:-1]) if len(owner) else np.empty(0, dtype=np.int64)
        section = owner[first]
        length = np.sqrt(((points[first + 1].astype(np.float64) - points[first]) ** 2).sum(axis=1))
        number = first - starts[section]
        total = np.concatenate([[0.0], np.cumsum(length)])
        before = total[:-1] - total[:-1][np.arange(len(first)) - number]
        whole = np.bincount(section, weights=length, minlength=len(sizes))[section]
        radius = np.maximum(morphologies.diameters[first], morphologies.diameters[first + 1]) / 2
        cell = np.repeat(np.arange(len(morphologies)), np.diff(morphologies.cell_starts))[section]
        own = section - morphologies.cell_starts[cell] + 1
        ends = (points[first], points[first + 1], radius, cell)
        every = (*ends, own, number, morphologies.kinds[section], before, whole)
        keep = length > 0
        return cls(*(each[keep] for each in every))

    def take(self, which: np.ndarray) -> CellSegments:
        """Some of them, by mask or number."""
        return CellSegments(*(getattr(self, each.name)[which] for each in fields(self)))
