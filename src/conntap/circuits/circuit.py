"""A circuit on disk: its configuration, its populations of nodes and edges, its node sets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from conntap.circuits.edges import EdgePopulation
from conntap.circuits.nodes import NodePopulation
from conntap.circuits.nodesets import NodeSets
from conntap.circuits.sonata.config import CircuitConfig, Source, node_sets_beside, read_config
from conntap.circuits.sonata.structure import population_names
from conntap.errors import CircuitError, known, unknown
from conntap.store.files import why_unreadable

__all__ = ["Circuit", "open_circuit"]

_DIGESTS: dict[tuple[str, int, int], str] = {}


def open_circuit(path: str | Path, *, nodes: str | None = None, edges: str | None = None) -> Circuit:
    """Open a SONATA circuit; nothing but its configuration is read yet.

    Both dialects are read: with `populations` in the entries of `networks` (those named are opened) and
    without (all in the files are, joined with their types tables). An entry with `enabled: false` is left out.

    Parameters
    ----------
    path
        A circuit configuration, a simulation's or joint configuration that names one, or a folder that holds
        one of these.
    nodes, edges
        The populations that are meant where none is named; see `Circuit.default_nodes` and
        `Circuit.default_edges`.

    Returns
    -------
    The circuit. It pickles as its path and these two names, so it may be sent to other processes.

    Raises
    ------
    CircuitError
        The configuration is missing or wrong, or a population named is not in it.

    Notes
    -----
    Node sets named by the simulation's configuration are added to the circuit's own.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.circuits import Connectome
    >>> from conntap.circuits.sonata.writing import write_sonata
    >>> path = write_sonata(Connectome(3, [0, 0, 1], [1, 1, 2], name="cells"), tempfile.mkdtemp())
    >>> circuit = open_circuit(path)
    >>> circuit.nodes().size, circuit.edges().size
    (3, 3)
    """
    return Circuit(read_config(path), nodes=nodes, edges=edges)


class Circuit:
    """A SONATA circuit on disk, read when asked for. Open one with `open_circuit`."""

    def __init__(self, config: CircuitConfig, *, nodes: str | None = None, edges: str | None = None) -> None:
        self._config, self._nodes, self._edges = config, nodes, edges
        if nodes is not None:
            self.nodes(nodes)
        if edges is not None:
            self.edges(edges)

    @property
    def path(self) -> Path:
        """The circuit's configuration file, absolute."""
        return self._config.path

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration with its variables expanded and its paths absolute."""
        return self._config.values

    @cached_property
    def node_populations(self) -> dict[str, NodePopulation]:
        """All populations of nodes by name.

        Raises
        ------
        CircuitError
            A file is missing or damaged, or a population's name stands twice.
        """
        return _populations(self, self._config.nodes, "nodes", NodePopulation)

    @cached_property
    def edge_populations(self) -> dict[str, EdgePopulation]:
        """All populations of edges by name.

        Raises
        ------
        CircuitError
            A file is missing or damaged, or a population's name stands twice.
        """
        return _populations(self, self._config.edges, "edges", EdgePopulation)

    @cached_property
    def node_sets(self) -> NodeSets:
        """The named selections of nodes; none where no file is named.

        Raises
        ------
        NodeSetError
            A definition is wrong.
        """
        if not self._config.node_sets:
            return NodeSets({}, where=str(self.path), hint=node_sets_beside(self.path))
        return NodeSets.read(*self._config.node_sets)

    def nodes(self, population: str | None = None) -> NodePopulation:
        """A population of nodes by name; without a name the default one.

        Raises
        ------
        CircuitError
            No such population.
        """
        if population is None:
            return self.default_nodes
        if population not in self.node_populations:
            raise CircuitError(unknown(str(self.path), "node population", population, self.node_populations))
        return self.node_populations[population]

    def edges(self, population: str | None = None) -> EdgePopulation:
        """A population of edges by name; without a name the default one.

        Raises
        ------
        CircuitError
            No such population.
        """
        if population is None:
            return self.default_edges
        if population not in self.edge_populations:
            raise CircuitError(unknown(str(self.path), "edge population", population, self.edge_populations))
        return self.edge_populations[population]

    @property
    def default_edges(self) -> EdgePopulation:
        """The edges named on opening; else the only ones; else the only ones within one node population.

        Raises
        ------
        CircuitError
            None of these is one population.
        """
        if self._edges is not None:
            return self.edges(self._edges)
        every = list(self.edge_populations.values())
        inner = every if len(every) == 1 else [each for each in every if each.source == each.target]
        if len(inner) != 1:
            raise CircuitError(
                f"{self.path}: which edges? Its populations of edges: {known(self.edge_populations)}. Say edges=NAME."
            )
        return inner[0]

    @property
    def default_nodes(self) -> NodePopulation:
        """The nodes named on opening; else the only ones; else the target of the default edges.

        Raises
        ------
        CircuitError
            None of these is one population.
        """
        if self._nodes is not None:
            return self.nodes(self._nodes)
        if len(self.node_populations) == 1:
            return next(iter(self.node_populations.values()))
        try:
            return self.nodes(self.default_edges.target)
        except CircuitError:
            raise CircuitError(
                f"{self.path}: which nodes? Its populations of nodes: {known(self.node_populations)}. Say nodes=NAME."
            ) from None

    def fingerprint(self) -> str:
        """A digest of the content that results can depend on, the same wherever the circuit lies.

        Returns
        -------
        64 hexadecimal digits: SHA-256 over the populations' files, their types, the node sets and the names
        of the chosen populations.

        Notes
        -----
        Reads every file once in a process; again only where its size or time of change differs.
        """
        parts: list[Any] = [self._nodes, self._edges]
        for kind, sources in (("nodes", self._config.nodes), ("edges", self._config.edges)):
            for each in sources:
                names = None if each.populations is None else sorted(each.populations)
                parts.append([kind, names, _digest(each.file), each.types and _digest(each.types)])
        parts.append([_digest(each) for each in self._config.node_sets])
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Circuit):
            return NotImplemented
        return (self.path, self._nodes, self._edges) == (other.path, other._nodes, other._edges)

    def __hash__(self) -> int:
        return hash((self.path, self._nodes, self._edges))

    def __repr__(self) -> str:
        try:
            nodes = ", ".join(f"{name} ({each.size:,})" for name, each in self.node_populations.items())
            edges = ", ".join(f"{name} ({each.size:,})" for name, each in self.edge_populations.items())
        except CircuitError:
            return f"Circuit({str(self.path)!r}; a file of it cannot be read)"
        return f"Circuit({str(self.path)!r}; nodes: {nodes or 'none'}; edges: {edges or 'none'})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (str(self.path), self._nodes, self._edges)


def _reopened(path: str, nodes: str | None, edges: str | None) -> Circuit:
    return open_circuit(path, nodes=nodes, edges=edges)


def _populations(circuit: Circuit, sources: tuple[Source, ...], kind: str, make: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for source in sources:
        named = source.populations
        for name in population_names(source.file, kind) if named is None else named:
            if name in found:
                raise CircuitError(
                    f"{circuit.path}: {source.where}: the population of {kind} {name!r} stands in two entries. "
                    "Take one out or disable it."
                )
            found[name] = make(circuit, name, source.file, source.types, (named or {}).get(name, {}))
    return found


def _digest(path: Path) -> str:
    why = why_unreadable(path)
    if why is not None:
        raise CircuitError(f"{path}: cannot be read ({why}). Correct the circuit's configuration.")
    try:
        stat = path.stat()
        key = (str(path), stat.st_size, stat.st_mtime_ns)
        if key not in _DIGESTS:
            with path.open("rb") as file:
                _DIGESTS[key] = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CircuitError(f"{path}: cannot be read ({error.strerror}). Correct the circuit's configuration.") from None
    return _DIGESTS[key]
