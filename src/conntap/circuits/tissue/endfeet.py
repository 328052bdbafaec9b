"""Endfeet: where astrocytes hold vessels, and the patch of surface that each covers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from conntap.circuits.tissue.meshes import Meshes
from conntap.errors import CircuitError, known

__all__ = ["Endfeet"]

_COLUMNS = ("astrocyte", "area", "unreduced_area", "thickness")


@dataclass(frozen=True, eq=False, repr=False)
class Endfeet:
    """The patch of a vessel's surface under each endfoot.

    Parameters
    ----------
    table
        Index `endfoot_id` (0 ... n - 1); columns `astrocyte`, `area` and `unreduced_area` (um^2: as trimmed, and as grown),
        `thickness` (um), and others.
    meshes
        The patches, in the same order; not closed.

    Raises
    ------
    CircuitError
        A column is missing, or there are not as many patches as rows.
    """

    table: pd.DataFrame
    meshes: Meshes

    def __post_init__(self) -> None:
        missing = [each for each in _COLUMNS if each not in self.table]
        if missing:
            raise CircuitError(f"Endfeet.table: no column {known(missing)}; known: {known(self.table.columns)}.")
        if len(self.meshes) != len(self.table) or not np.array_equal(self.table.index, np.arange(len(self.table))):
            raise CircuitError(f"Endfeet: {len(self.table)} rows and {len(self.meshes)} patches; rows are 0, 1, 2 ...")

    def __repr__(self) -> str:
        return f"Endfeet({len(self):,}, {self.table['area'].sum():,.0f} um^2)"

    def __len__(self) -> int:
        return len(self.table)
