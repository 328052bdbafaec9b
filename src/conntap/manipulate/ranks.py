"""Ranks of connections and synapses in the order of (pre, post), told chunk by chunk of post nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conntap.circuits.sonata.hdf5 import expand_ranges
from conntap.manipulate.choosing import Chosen

__all__ = ["Ranks", "Tally", "tally"]


@dataclass(frozen=True)
class Tally:
    """What a chunk of post nodes has of some connections: how many of each pre node, and of how many synapses.

    `nodes` are the rows of the pre nodes that have any, rising; `connections` and `synapses` are theirs; `counts` are the
    synapses of each connection in the order of (pre, post), or None where nobody asks.
    """

    nodes: np.ndarray
    connections: np.ndarray
    synapses: np.ndarray
    counts: np.ndarray | None


def tally(found: Chosen, *, counts: str = "no") -> Tally:
    """Count the connections found in a chunk; with the synapses of each where `counts` is "yes"."""
    pre = found.pre
    firsts = np.flatnonzero(np.append(True, pre[1:] != pre[:-1])) if len(pre) else np.empty(0, dtype=np.int64)
    last = np.append(firsts, found.n)
    places = np.append(found.starts, len(found.order))
    of_each = found.counts.astype(np.int32) if counts == "yes" else None
    return Tally(pre[firsts], np.diff(last), np.diff(places[last]), of_each)


class Ranks:
    """The ranks that the connections of each chunk have among those of all chunks, in the order of (pre, post).

    Parameters
    ----------
    tallies
        Of every chunk, the chunks rising by post node.
    n_pre
        Number of pre nodes.

    Notes
    -----
    Held are 32 bytes for each chunk and pre node that has connections there.

    Examples
    --------
    >>> from conntap.circuits import Connectome
    >>> from conntap.manipulate.choosing import chosen
    >>> parts = [Connectome(3, [0, 2], [0, 0]), Connectome(3, [0, 1], [1, 2])]
    >>> ranks = Ranks([tally(chosen(each, "example")) for each in parts], 3)
    >>> ranks.n, [ranks.connections(part).tolist() for part in range(2)]
    (4, [[0, 3], [1, 2]])
    """

    def __init__(self, tallies: list[Tally], n_pre: int) -> None:
        self._tallies = tallies
        self._bases = [
            _bases([(each.nodes, getattr(each, what)) for each in tallies], n_pre)
            for what in ("connections", "synapses")
        ]

    @property
    def n(self) -> int:
        """Number of connections."""
        return sum(int(each.connections.sum()) for each in self._tallies)

    @property
    def n_synapses(self) -> int:
        """Number of their synapses."""
        return sum(int(each.synapses.sum()) for each in self._tallies)

    def connections(self, part: int) -> np.ndarray:
        """The ranks of a chunk's connections, in the order of (pre, post) as they are found there."""
        return expand_ranges(self._bases[0][part], self._tallies[part].connections)

    def synapses(self, part: int) -> np.ndarray:
        """The ranks of a chunk's synapses: connection by connection."""
        return expand_ranges(self._bases[1][part], self._tallies[part].synapses)

    def counts(self) -> np.ndarray:
        """The synapses of every connection, by rank."""
        found = np.empty(self.n, dtype=np.int32)
        for part, each in enumerate(self._tallies):
            found[self.connections(part)] = each.counts
        return found


def _bases(parts: list[tuple[np.ndarray, np.ndarray]], n_pre: int) -> list[np.ndarray]:
    """For each chunk and pre node with any there: the rank of its first."""
    total = np.zeros(n_pre, dtype=np.int64)
    for nodes, numbers in parts:
        total[nodes] += numbers
    running = np.cumsum(total) - total
    found = []
    for nodes, numbers in parts:
        found.append(running[nodes])
        running[nodes] += numbers
    return found
