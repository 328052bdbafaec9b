"""Manipulations of edges that come in chunks of post nodes: counted first, drawn once, then applied chunk by chunk.

A manipulation in a stream has what `Streamed` says. What is drawn is drawn for all chunks together, by rank, so that any
number of chunks and workers gives what the function in memory gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from inspect import signature
from typing import Any, Protocol

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import Mask
from conntap.errors import OptionError, known, one_of, unknown
from conntap.manipulate.altering import AlterProperty
from conntap.manipulate.among import Among, Nodes
from conntap.manipulate.by_post import PlaceSynapses, Rewire, Wire
from conntap.manipulate.choosing import amount
from conntap.manipulate.draws import chosen as drawn_of
from conntap.manipulate.draws import distinct
from conntap.manipulate.ranks import Ranks, Tally, tally
from conntap.manipulate.removal import _check_floats, _rescaled

__all__ = ["STREAMED", "ByPost", "Streamed", "streamed"]


class Streamed(Protocol):
    """A manipulation whose input comes in chunks of post nodes."""

    needs: tuple[str, ...] | None
    """Edge properties that it looks at; None for all."""
    changes: tuple[str, ...] | None
    """Edge properties whose values it changes; None for all. `adds`, where there is such, names those that may be new."""
    mask: Mask | None
    """The mask that it is about."""
    looks_at_nodes: bool
    """Whether a chunk has to come with the properties of nodes."""

    def counts(self) -> bool:
        """Whether all chunks are to be counted before the first is changed."""
        ...

    def tally(self, chunk: Connectome) -> Any:
        """What has to be known of a chunk before anything is drawn."""
        ...

    def settle(self, tallies: list[Any]) -> None:
        """Draw what is drawn, from the tallies of all chunks in order."""
        ...

    def apply(self, chunk: Connectome, part: int) -> tuple[Connectome, dict[str, int]]:
        """The chunk changed, and numbers of what was changed."""
        ...


class RemoveConnections:
    """`remove_connections`, chunk by chunk: ranks of connections are drawn."""

    needs: tuple[str, ...] | None = ()
    changes: tuple[str, ...] | None = ()
    looks_at_nodes = False

    def __init__(self, options: Mapping[str, Any], nodes: Nodes, rng: np.random.Generator) -> None:
        self._among = Among("remove_connections", options, nodes)
        self.mask = self._among.mask
        self._wanted = options.get("connections"), options.get("fraction")
        self._synapses, self._rng, self._n_pre = options.get("synapses"), rng, nodes.count("pre")
        self._ranks: Ranks | None = None
        self._goes: np.ndarray | None = None
        amount("remove_connections", self._wanted[0] and 0, self._wanted[1], 0)  # says what is wrong before the work

    def counts(self) -> bool:
        return self._wanted[1] != 1

    def tally(self, chunk: Connectome) -> Tally:
        return tally(self._among.found(chunk, self._synapses)[0])

    def settle(self, tallies: list[Tally]) -> None:
        self._ranks = Ranks(tallies, self._n_pre)
        n = self._ranks.n
        size = amount("remove_connections", *self._wanted, n)
        if size < n:
            self._goes = np.zeros(n, dtype=bool)
            self._goes[distinct(n, size, self._rng)] = True

    def apply(self, chunk: Connectome, part: int) -> tuple[Connectome, dict[str, int]]:
        found, rows, told = self._among.found(chunk, self._synapses)
        goes = None if self._goes is None else self._goes[self._ranks.connections(part)]
        gone = _at(rows, found.edges(goes))
        told |= {"connections selected": found.n, "connections": found.n if goes is None else int(goes.sum())}
        return _without(chunk, gone), {**told, "synapses": len(gone)}


class RemoveSynapses:
    """`remove_synapses`, chunk by chunk: the synapses that stay and ranks of the others are drawn."""

    looks_at_nodes = False

    def __init__(self, options: Mapping[str, Any], nodes: Nodes, rng: np.random.Generator) -> None:
        where = "remove_synapses"
        self._among = Among(where, options, nodes)
        self.mask = self._among.mask
        self._wanted = options.get("synapses"), options.get("fraction")
        self._keep, self._rescale = options.get("keep_connections", "none"), options.get("rescale")
        one_of(f"{where}.keep_connections", self._keep, ["none", "one"])
        amount(where, self._wanted[0] and 0, self._wanted[1], 0, "synapses")
        known_ones = nodes.stream.population.properties
        if self._rescale is not None and (not isinstance(self._rescale, str) or self._rescale not in known_ones):
            raise OptionError(unknown(f"{where}.rescale", "edge property", self._rescale, known_ones))
        self.needs: tuple[str, ...] | None = () if self._rescale is None else (self._rescale,)
        self.changes: tuple[str, ...] | None = self.needs
        self._rng, self._n_pre = rng, nodes.count("pre")

    def counts(self) -> bool:
        return True

    def tally(self, chunk: Connectome) -> Tally:
        return tally(self._among.found(chunk)[0], counts="yes" if self._keep == "one" else "no")

    def settle(self, tallies: list[Tally]) -> None:
        self._ranks = Ranks(tallies, self._n_pre)
        goes = np.ones(self._ranks.n_synapses, dtype=bool)
        if self._keep == "one":
            counts = self._ranks.counts()
            starts = np.cumsum(counts, dtype=np.int64) - counts
            goes[starts + self._rng.integers(0, counts)] = False
        n = int(np.count_nonzero(goes))
        size = amount("remove_synapses", *self._wanted, n, "synapses")
        if size < n:
            goes[goes] = drawn_of(n, size, self._rng)
        self._goes = goes

    def apply(self, chunk: Connectome, part: int) -> tuple[Connectome, dict[str, int]]:
        found, rows, told = self._among.found(chunk)
        goes = self._goes[self._ranks.synapses(part)]
        if self._rescale is not None:
            _check_floats(chunk, self._rescale, "remove_synapses.rescale")
            column = chunk.properties[self._rescale].copy()
            among = slice(None) if rows is None else rows
            column[among] = _rescaled(column[among], found, goes, "remove_synapses")
            columns = {**chunk.properties, self._rescale: column}
            chunk = chunk.with_edges(chunk.pre, chunk.post, properties=columns)
        gone = found.order[goes] if rows is None else rows[found.order[goes]]
        return _without(chunk, gone), {**told, "synapses selected": len(goes), "synapses": len(gone)}


class Subsample:
    """`subsample`, chunk by chunk: ranks in the order of the edges are drawn."""

    needs: tuple[str, ...] | None = ()
    changes: tuple[str, ...] | None = ()
    looks_at_nodes = False

    def __init__(self, options: Mapping[str, Any], nodes: Nodes, rng: np.random.Generator) -> None:
        self._among, self._rng = Among("subsample", options, nodes), rng
        self.mask = self._among.mask
        self._wanted = options.get("synapses"), options.get("fraction")
        amount("subsample", self._wanted[0] and 0, self._wanted[1], 0, "synapses")

    def counts(self) -> bool:
        return True

    def tally(self, chunk: Connectome) -> int:
        return len(self._among.rows(chunk)[0])

    def settle(self, tallies: list[int]) -> None:
        self._starts = np.append(0, np.cumsum(tallies))
        n = int(self._starts[-1])
        self._stays = drawn_of(n, amount("subsample", *self._wanted, n, "synapses"), self._rng)

    def apply(self, chunk: Connectome, part: int) -> tuple[Connectome, dict[str, int]]:
        rows, told = self._among.rows(chunk)
        stays = self._stays[self._starts[part] : self._starts[part + 1]]
        told |= {"synapses selected": len(rows), "synapses": int((~stays).sum())}
        return _without(chunk, rows[~stays]), told


class Extract:
    """`extract`, chunk by chunk: nothing is drawn."""

    mask: Mask | None = None
    needs: tuple[str, ...] | None = ()
    changes: tuple[str, ...] | None = ()
    looks_at_nodes = False

    def __init__(self, options: Mapping[str, Any], nodes: Nodes, rng: np.random.Generator) -> None:
        if options["nodes"] is None:
            raise OptionError("extract.nodes: None; give an expression, {property: values}, ids or a node set.")
        self._in = [nodes.chosen(options["nodes"], side, "extract.nodes") for side in ("pre", "post")]

    def counts(self) -> bool:
        return False

    def tally(self, chunk: Connectome) -> None:
        return None

    def settle(self, tallies: list[Any]) -> None:
        return None

    def apply(self, chunk: Connectome, part: int) -> tuple[Connectome, dict[str, int]]:
        gone = np.flatnonzero(~(self._in[0][chunk.pre] & self._in[1][chunk.post]))
        return _without(chunk, gone), {"synapses": len(gone)}


class ByPost:
    """Any function of a connectome that draws for each post node by itself, from a state that is the same for all.

    Parameters
    ----------
    function
        `f(connectome, **options, rng)`. It may look at all properties and at the tables of nodes, and gives the edges to
        the post nodes of the chunk.
    """

    looks_at_nodes = True
    mask: Mask | None = None
    needs: tuple[str, ...] | None = None
    changes: tuple[str, ...] | None = None

    def __init__(
        self, function: Callable[..., Connectome], options: Mapping[str, Any], rng: np.random.Generator
    ) -> None:
        self._function, self._options, self._rng = function, dict(options), rng

    def counts(self) -> bool:
        return False

    def tally(self, chunk: Connectome) -> None:
        return None

    def settle(self, tallies: list[Any]) -> None:
        return None

    def apply(self, chunk: Connectome, part: int) -> tuple[Connectome, dict[str, int]]:
        found = self._function(chunk, **self._options, rng=deepcopy(self._rng))
        return found, {"synapses before": chunk.n_edges, "synapses after": found.n_edges}


STREAMED: dict[str, Callable[..., Streamed]] = {
    "alter_property": AlterProperty,
    "extract": Extract,
    "place_synapses": PlaceSynapses,
    "remove_connections": RemoveConnections,
    "remove_synapses": RemoveSynapses,
    "rewire": Rewire,
    "subsample": Subsample,
    "wire": Wire,
}
"""The manipulations that run chunk by chunk: name -> (options, nodes, rng) -> what does it."""


def streamed(name: str, options: Mapping[str, Any], nodes: Nodes, rng: np.random.Generator, where: str) -> Streamed:
    """A manipulation by name with its options, ready for chunks.

    Raises
    ------
    OptionError
        A manipulation that does not run in chunks, an unknown option, one that is needed and not given, or a wrong value.
    """
    from conntap import manipulate

    if name not in STREAMED:
        if name in manipulate.STEPS:
            raise OptionError(
                f"{where}: {name!r} runs in memory only: conntap.read, change, conntap.write. In chunks run: {known(STREAMED)}."
            )
        raise OptionError(unknown(where, "manipulation", name, STREAMED))
    allowed = {key: each for key, each in signature(getattr(manipulate, name)).parameters.items() if key != "rng"}
    takes = {key: each.default for key, each in allowed.items() if each.kind is each.KEYWORD_ONLY}
    for key in options:
        if key not in takes:
            raise OptionError(unknown(f"{where}: {name}", "option", key, takes))
    lacking = [key for key, default in takes.items() if default is signature(streamed).empty and key not in options]
    if lacking:
        raise OptionError(f"{where}: {name}: {known(lacking)} is not given. Give it.")
    return STREAMED[name](options, nodes, rng)


def _at(rows: np.ndarray | None, keep: np.ndarray) -> np.ndarray:
    """The positions in the chunk of edges that a boolean over some of them names."""
    places = np.flatnonzero(keep)
    return places if rows is None else rows[places]


def _without(chunk: Connectome, gone: np.ndarray) -> Connectome:
    if not len(gone):
        return chunk
    keep = np.ones(chunk.n_edges, dtype=bool)
    keep[gone] = False
    rows = np.flatnonzero(keep)
    columns = {name: column.take(rows) for name, column in chunk.properties.items()}
    return chunk.with_edges(chunk.pre.take(rows), chunk.post.take(rows), properties=columns)
