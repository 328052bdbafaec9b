"""Morphologies of many cells in flat arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from conntap.circuits.tissue.arrays import frozen, starts_of
from conntap.errors import CircuitError

__all__ = ["MorphologySet"]


@dataclass(frozen=True, eq=False, repr=False)
class MorphologySet:
    """Trees of many cells, as HDF5 v1 morphologies have them: points in sections, sections with a parent and a type.

    Parameters
    ----------
    table
        One row a cell, with the columns `astrocyte` (its id), `x`, `y`, `z`, `radius` of its soma, and others that tell how it grew.
    points
        Shape (points, 3): of all cells, section by section, um; in the space of the tissue. The first point of a section repeats
        the last one of its parent.
    diameters, perimeters
        Shape (points,), um.
    section_starts
        Shape (sections + 1,): where each section's points begin, and the end.
    parents
        Shape (sections,): the number of the parent section within the same cell, smaller than the own; -1: the soma.
    kinds
        Shape (sections,): 2 perivascular (to an endfoot), 3 perisynaptic.
    cell_starts
        Shape (cells + 1,): where each cell's sections begin, and the end.

    Raises
    ------
    CircuitError
        Arrays that do not fit each other.
    """

    table: pd.DataFrame
    points: np.ndarray
    diameters: np.ndarray
    perimeters: np.ndarray
    section_starts: np.ndarray
    parents: np.ndarray
    kinds: np.ndarray
    cell_starts: np.ndarray

    def __post_init__(self) -> None:
        put, n = object.__setattr__, len(self.points)
        put(self, "points", frozen("MorphologySet.points", self.points, (None, 3), np.float32))
        for name in ("diameters", "perimeters"):
            put(self, name, frozen(f"MorphologySet.{name}", getattr(self, name), (n,), np.float32))
        put(self, "section_starts", starts_of("MorphologySet.section_starts", self.section_starts, n))
        m = len(self.section_starts) - 1
        for name in ("parents", "kinds"):
            put(self, name, frozen(f"MorphologySet.{name}", getattr(self, name), (m,), np.int64))
        put(self, "cell_starts", starts_of("MorphologySet.cell_starts", self.cell_starts, m))
        if len(self.table) != len(self.cell_starts) - 1:
            raise CircuitError(f"MorphologySet: {len(self.table)} rows and {len(self.cell_starts) - 1} cells.")
        own = np.arange(m) - np.repeat(self.cell_starts[:-1], np.diff(self.cell_starts))
        if ((self.parents >= own) | (self.parents < -1)).any():
            raise CircuitError("MorphologySet.parents: a parent must stand before its children, in the same cell.")

    def __repr__(self) -> str:
        return f"MorphologySet({len(self):,} cells, {len(self.parents):,} sections, {len(self.points):,} points)"

    def __len__(self) -> int:
        return len(self.table)

    def cell(self, number: int) -> MorphologySet:
        """One cell alone, by its row."""
        return self.cells(number, number + 1)

    def cells(self, begin: int, end: int) -> MorphologySet:
        """The cells from row `begin` to `end` - 1."""
        first, last = self.cell_starts[begin], self.cell_starts[end]
        a, b = self.section_starts[first], self.section_starts[last]
        points = (each[a:b] for each in (self.points, self.diameters, self.perimeters))
        sections = self.section_starts[first : last + 1] - a
        own = (self.parents[first:last], self.kinds[first:last], self.cell_starts[begin : end + 1] - first)
        return MorphologySet(self.table.iloc[begin:end].reset_index(drop=True), *points, sections, *own)

    @classmethod
    def joined(cls, parts: Iterable[MorphologySet]) -> MorphologySet:
        """Of several sets, one after the other.

        Raises
        ------
        CircuitError
            There are none.
        """
        parts = list(parts)
        if not parts:
            raise CircuitError("MorphologySet.joined: no parts.")
        names = ("points", "diameters", "perimeters")
        points = (np.concatenate([getattr(each, name) for each in parts]) for name in names)
        starts = {
            name: _joined_starts([getattr(each, name) for each in parts]) for name in ("section_starts", "cell_starts")
        }
        own = (np.concatenate([getattr(each, name) for each in parts]) for name in ("parents", "kinds"))
        table = pd.concat([each.table for each in parts], ignore_index=True)
        return cls(table, *points, starts["section_starts"], *own, starts["cell_starts"])


def _joined_starts(starts: list[np.ndarray]) -> np.ndarray:
    """Starts of several flat arrays as those of the arrays joined."""
    before = np.cumsum([0, *(each[-1] for each in starts)])
    return np.concatenate([[0], *(each[1:] + at for each, at in zip(starts, before, strict=False))])
