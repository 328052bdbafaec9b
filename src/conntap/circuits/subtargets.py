"""Subtargets: named groups of a circuit's nodes, each a unit of study."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.circuit import Circuit
from conntap.circuits.connectome import Connectome
from conntap.circuits.selecting import NodeSelection, read_nodes
from conntap.errors import CircuitError, OptionError, known, unknown

__all__ = ["Subtarget", "Subtargets", "groups", "node_sets", "table", "whole"]

_log = logging.getLogger(__name__)


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
    if min_nodes < 1:
        raise OptionError(f"{where}: min_nodes is {min_nodes}; give 1 or more.")
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


def whole(
    source: Circuit | Connectome, *, population: str | None = None, nodes: NodeSelection = None, label: str = "all"
) -> Subtargets:
    """Take all nodes, or a selection, as one subtarget.

    Parameters
    ----------
    source
        A circuit, or a square connectome.
    population
        The node population; default: the circuit's default.
    nodes
        Only these: a node set's name, names, a rule like `{"layer": [2, 3]}`, or ids.
    label
        The subtarget's name.

    Returns
    -------
    One subtarget; info: `n_nodes`.

    Raises
    ------
    CircuitError
        Unknown population, node set, property or id.
    OptionError
        No node is chosen.

    Notes
    -----
    Linear in the nodes.

    Examples
    --------
    >>> whole(Connectome(3, [], []))["all"].ids.tolist()
    [0, 1, 2]
    """
    chosen, population = read_nodes(source, population, nodes, [])
    ids = chosen.index.to_numpy()
    return split(source, population, ids, np.zeros(len(ids), dtype=np.int64), [(label, {})], where="whole")


def groups(
    source: Circuit | Connectome,
    *,
    by: str,
    population: str | None = None,
    nodes: NodeSelection = None,
    min_nodes: int = 1,
) -> Subtargets:
    """Take one subtarget for each value of a node property.

    Nodes without a value are in none; how many is logged.

    Parameters
    ----------
    source
        A circuit, or a square connectome.
    by
        The property.
    population
        The node population; default: the circuit's default.
    nodes
        Only these: a node set's name, names, a rule like `{"layer": [2, 3]}`, or ids.
    min_nodes
        Leave out values with fewer nodes.

    Returns
    -------
    Subtargets named by the values as text, in rising order; info: the value under the property's name, `n_nodes`.

    Raises
    ------
    CircuitError
        Unknown population, node set, property or id, or two values that read alike as text.
    OptionError
        No value has `min_nodes` nodes.

    Notes
    -----
    A sort of the nodes.

    Examples
    --------
    >>> groups(Connectome(pd.DataFrame({"layer": [2, 1, 2]}), [], []), by="layer").names
    ['1', '2']
    """
    chosen, population = read_nodes(source, population, nodes, [by])
    column = chosen[by]
    if column.isna().any():
        _log.info("groups: %d of %d nodes have no %s and are in no subtarget.", column.isna().sum(), len(column), by)
    values = pd.Index(sorted(column.dropna().unique().tolist()))
    codes = values.get_indexer(pd.Index(column.to_numpy()))
    labels = [(str(value), {by: value}) for value in values.tolist()]
    return split(source, population, chosen.index.to_numpy(), codes, labels, where="groups", min_nodes=min_nodes)


def node_sets(source: Circuit, *, names: list[str], population: str | None = None) -> Subtargets:
    """Take node sets of the circuit as subtargets; they may overlap.

    Parameters
    ----------
    source
        A circuit.
    names
        Names in its file of node sets.
    population
        The node population; default: the circuit's default.

    Returns
    -------
    Subtargets in the order of `names`; info: `n_nodes`.

    Raises
    ------
    NodeSetError
        A node set is unknown or does not fit the population.
    OptionError
        No names, a name twice, or a node set without nodes in the population.

    Notes
    -----
    Linear in nodes times names.

    Examples
    --------
    >>> import json, tempfile
    >>> from conntap.circuits import open_circuit
    >>> from conntap.circuits.formats import write
    >>> folder = Path(tempfile.mkdtemp()) / "circuit"
    >>> _ = write(Connectome(pd.DataFrame({"layer": [1, 2, 2]}), [0], [1]), folder, format="sonata")
    >>> _ = (folder / "sets.json").write_text('{"L2": {"layer": 2}}')
    >>> config = json.loads((folder / "circuit_config.json").read_text()) | {"node_sets_file": "sets.json"}
    >>> _ = (folder / "circuit_config.json").write_text(json.dumps(config))
    >>> node_sets(open_circuit(folder), names=["L2"])["L2"].ids.tolist()
    [1, 2]
    """
    if not names or len(set(names)) < len(names):
        raise OptionError(f"node_sets.names: {names}; give at least one name, each once.")
    if not isinstance(source, Circuit):
        raise OptionError("node_sets: a connectome has no node sets. Use groups, table or hexgrid.")
    chosen = source.nodes(population)
    found = []
    for name in names:
        ids = chosen.ids(name)
        if not len(ids):
            raise OptionError(f"node_sets: node set {name!r} has no nodes in population {chosen.name!r}. Leave it out.")
        found.append(Subtarget(name, source, chosen.name, ids, {"n_nodes": len(ids)}))
    return Subtargets(found)


def table(source: Circuit | Connectome, *, path: Path, population: str | None = None) -> Subtargets:
    """Read subtargets from a CSV file with the columns `subtarget` and `id`, one row a node.

    Parameters
    ----------
    source
        A circuit, or a square connectome.
    path
        The file. Rows may stand in any order; a row that stands twice counts once.
    population
        The node population; default: the circuit's default.

    Returns
    -------
    Subtargets in the order of their first rows; info: `n_nodes`.

    Raises
    ------
    CircuitError
        The file cannot be read, lacks a column or a value, or names an id that the source does not have.

    Notes
    -----
    Linear in rows and nodes.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "groups.csv"
    >>> _ = path.write_text("subtarget,id\\nA,2\\nB,0\\nA,0\\n")
    >>> [(each.name, each.ids.tolist()) for each in table(Connectome(3, [], []), path=path)]
    [('A', [0, 2]), ('B', [0])]
    """
    chosen, population = read_nodes(source, population, None, [])
    rows = read_rows(path, ("subtarget", "id"), text=("subtarget",))
    ids = as_ids(rows["id"], chosen.index, f"{path}: id")
    names = rows["subtarget"].str.strip()
    order = list(dict.fromkeys(names))
    codes = pd.Index(order).get_indexer(names)
    unique = pd.DataFrame({"code": codes, "id": ids}).drop_duplicates()
    labels = [(name, {}) for name in order]
    return split(source, population, unique["id"].to_numpy(), unique["code"].to_numpy(), labels, where="table")


def read_rows(path: Path, columns: Sequence[str], *, text: Sequence[str] = ()) -> pd.DataFrame:
    """The wanted columns of a CSV file, none of their values missing."""
    try:
        frame = pd.read_csv(path, dtype=dict.fromkeys(text, "str"), skipinitialspace=True)
    except OSError as error:
        raise CircuitError(f"{path}: cannot be read ({error.strerror or error}).") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise CircuitError(f"{path}: is no CSV table: {error}") from None
    for name in columns:
        if name not in frame.columns:
            raise CircuitError(unknown(str(path), "column", name, frame.columns))
        if frame[name].isna().any():
            line = int(np.flatnonzero(frame[name].isna())[0]) + 2
            raise CircuitError(f"{path}: line {line}: no {name}. Fill it in or take the row out.")
    return frame[list(columns)]


def as_ids(values: pd.Series, index: pd.Index, where: str) -> np.ndarray:
    """`values` as ids of `index`; unknown ones are an error."""
    is_text = index.dtype.kind not in "iu"
    if is_text:
        wanted = pd.Index(values.astype(str).str.strip())
    elif values.dtype.kind in "iu":
        wanted = pd.Index(values)
    else:
        raise CircuitError(f"{where}: not whole numbers, as the ids of the nodes are.")
    missing = wanted[index.get_indexer(wanted) < 0].unique()
    if len(missing):
        raise CircuitError(f"{where}: {len(missing)} are not among the {len(index)} nodes: {known(missing, most=5)}.")
    return wanted.to_numpy()
