"""Subtargets: named groups of a circuit's nodes, each a unit of study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.circuit import Circuit
from conntap.circuits.connectome import Connectome
from conntap.errors import CircuitError, OptionError, unknown, whole

__all__ = ["Subtarget", "Subtargets", "split"]


@dataclass(frozen=True, eq=False)
class Subtarget:
    """A named group of nodes of one source.

    Parameters
    ----------
    name
        Its name among its kind.
    source
        The circuit or connectome that the nodes are of; None where only the choice is kept.
    population
        The node population; None for a connectome's nodes.
    ids
        Shape (nodes,), sorted: ids of the nodes.
    info
        What is known of it, such as `n_nodes` and its centre.

    Examples
    --------
    >>> Subtarget("pair", Connectome(3, [], []), None, np.array([0, 2]))
    Subtarget('pair': 2 nodes)
    """

    name: str
    source: Circuit | Connectome | None
    population: str | None
    ids: np.ndarray
    info: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        where = f" of {self.population!r}" if self.population else ""
        return f"Subtarget({self.name!r}: {len(self.ids):,} nodes{where})"


class Subtargets(Sequence[Subtarget]):
    """Several subtargets with a table of what is known of them.

    Parameters
    ----------
    subtargets
        In the wanted order; names must differ.

    Raises
    ------
    CircuitError
        A name stands twice.

    Examples
    --------
    >>> from conntap.circuits import groups
    >>> both = groups(Connectome(pd.DataFrame({"kind": ["a", "b", "a"]}), [], []), by="kind")
    >>> both["a"].ids.tolist(), both.info["n_nodes"].tolist()
    ([0, 2], [2, 1])
    """

    def __init__(self, subtargets: Sequence[Subtarget]) -> None:
        self._each = {each.name: each for each in subtargets}
        if len(self._each) < len(subtargets):
            names = pd.Index([each.name for each in subtargets])
            raise CircuitError(f"Subtargets: the name {names[names.duplicated()][0]!r} stands twice. Rename one.")

    @property
    def names(self) -> list[str]:
        """The names in order."""
        return list(self._each)

    @property
    def info(self) -> pd.DataFrame:
        """What is known of each, indexed by "subtarget"."""
        index = pd.Index(self.names, name="subtarget", dtype=None if self._each else "str")
        return pd.DataFrame([dict(each.info) for each in self], index=index)

    def __getitem__(self, key: str | int) -> Subtarget:  # type: ignore[override]
        """The subtarget of that name or at that position; a slice gives Subtargets."""
        if isinstance(key, str):
            if key not in self._each:
                raise CircuitError(unknown("Subtargets", "subtarget", key, self._each))
            return self._each[key]
        every = list(self._each.values())
        return Subtargets(every[key]) if isinstance(key, slice) else every[key]  # type: ignore[return-value]

    def __contains__(self, key: object) -> bool:
        return key in self._each or any(each is key for each in self)

    def __iter__(self) -> Iterator[Subtarget]:
        return iter(self._each.values())

    def __len__(self) -> int:
        return len(self._each)

    def __repr__(self) -> str:
        return f"Subtargets({len(self)}: {', '.join(self.names[:5])}{', ...' if len(self) > 5 else ''})"


def split(
    source: Circuit | Connectome,
    population: str | None,
    ids: np.ndarray,
    codes: np.ndarray,
    labels: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    where: str,
    min_nodes: int = 1,
) -> Subtargets:
    """Subtargets from the group of each node: `codes` are positions in `labels` (name, info), -1 for none."""
    whole(f"{where}.min_nodes", min_nodes, 1)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(labels) + 1))
    found = []
    for (name, info), begin, end in zip(labels, bounds[:-1], bounds[1:], strict=True):
        if end - begin >= min_nodes:
            own = np.sort(ids[order[begin:end]])
            found.append(Subtarget(name, source, population, own, {**info, "n_nodes": len(own)}))
    if not found:
        largest = int(np.diff(bounds).max(initial=0))
        raise OptionError(
            f"{where}: no subtarget has {min_nodes} nodes or more; {len(ids)} nodes were chosen and the largest group "
            f"has {largest}. Choose other nodes or a smaller min_nodes."
        )
    return Subtargets(found)
