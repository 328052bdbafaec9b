"""What a section of the page is made of: galleries of figures, tables and notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from conntap.report import cases as naming
from conntap.report.labels import labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["Block", "Gallery", "Key", "Note", "Sample", "control_keys"]


@dataclass(frozen=True)
class Key:
    """One entry of a legend: a name, the number of its colour and how it is drawn (line, band, dot)."""

    name: str
    colour: int
    shape: str = "line"


@dataclass(frozen=True)
class Gallery:
    """Figures side by side with one legend and one caption; `size` is "panel", "small" or "wide"."""

    figures: list[tuple[str, Figure]]
    caption: str
    keys: list[Key] = field(default_factory=list)
    size: str = "panel"


@dataclass(frozen=True)
class Note:
    """A sentence of its own."""

    text: str


Block = Gallery | Note


@dataclass(frozen=True)
class Sample:
    """Some or all cases of a stage and a way to read their values, in the order of the rows.

    `against` gives the statistics of one control, `nodes` the nodes of the connectome that a case measures.
    """

    name: str
    cases: pd.DataFrame
    total: int
    read: Callable[[], Iterator[Any]]
    against: Callable[..., pd.DataFrame]
    nodes: Callable[[int], pd.DataFrame | None] = lambda row: None

    @cached_property
    def columns(self) -> list[str]:
        """The case columns that tell originals apart."""
        return naming.telling(self.cases)

    @cached_property
    def labels(self) -> list[str]:
        """The name of each case's original."""
        return labels(self.cases, self.columns)

    @cached_property
    def originals(self) -> np.ndarray:
        """Whether each case is no draw of a control."""
        return naming.originals(self.cases)

    @cached_property
    def controls(self) -> list[str]:
        """The names of the controls."""
        return naming.controls(self.cases)

    def drawn(self, control: str) -> np.ndarray:
        """Whether each case is a draw of this control."""
        return (self.cases["control"].astype(str) == control).to_numpy() & ~self.originals

    @cached_property
    def own(self) -> np.ndarray:
        """The rows of the originals; all rows where there are none."""
        return np.flatnonzero(self.originals) if self.originals.any() else np.arange(len(self.cases))

    @cached_property
    def parts(self) -> list[tuple[str, np.ndarray]]:
        """What is never pooled, such as slices and swept options: (name, whether each case is of it)."""
        found = naming.groups(self.cases, naming.apart(self.cases))
        return [(title, np.isin(np.arange(len(self.cases)), rows)) for title, rows in found]

    @property
    def note(self) -> str:
        """What a caption says where not every case was read; empty where all were."""
        if len(self.cases) == self.total:
            return ""
        return f" Drawn from {len(self.cases):,} of {self.total:,} values, evenly chosen."


def control_keys(controls: list[str], first: str = "original", shape: str = "band") -> list[Key]:
    """The legend of originals and controls.

    Examples
    --------
    >>> [key.name for key in control_keys(["shuffled"])]
    ['original', 'shuffled']
    """
    return [Key(first, 0), *(Key(name, position, shape) for position, name in enumerate(controls, start=1))]
