"""The fast and approximate configuration model: ends of connections matched at random."""

from __future__ import annotations

from typing import Literal

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of
from conntap.manipulate.draws import from_rows, in_order
from conntap.manipulate.graphs import simple

__all__ = ["configuration_approximate"]

_ROUNDS = 200


def configuration_approximate(
    connectome: Connectome, *, conflicts: Literal["drop", "rewire"] = "drop", rng: np.random.Generator
) -> Connectome:
    """Match the ends of all connections at random: the fast configuration model, which is not exact.

    Every connection keeps its pre node and gets the post node of another, by one permutation of all. What becomes a
    loop or doubles another connection is dropped (some connections and degrees are lost, more of nodes of high degree)
    or wired again (every in- and out-degree is kept, but graphs are not quite equally likely). Keeps the nodes with
    their properties; parallel edges are merged and self-loops dropped before; the result has no edge properties. For
    an exact and uniform model take `degree_preserving`.

    Parameters
    ----------
    connectome
        A square connectome.
    conflicts
        "drop": in- and out-degrees are kept as upper bounds. "rewire": loops and doubles, together with as many other
        connections drawn at random, are matched again until none is left; degrees are kept exactly.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes, without loops or parallel edges, sorted by (pre, post).

    Raises
    ------
    OptionError
        The connectome is rectangular, `conflicts` is unknown, or there is no end to wiring again as it is too dense.

    Notes
    -----
    A permutation and a sort of the connections; some 60 bytes a connection. Matching: Bollobas, 1980,
    doi:10.1016/S0195-6698(80)80030-8; Newman, Strogatz and Watts, 2001, doi:10.1103/PhysRevE.64.026118.

    Examples
    --------
    >>> star = Connectome(4, [0, 0, 0, 1], [1, 2, 3, 0])
    >>> configuration_approximate(star, conflicts="rewire", rng=np.random.default_rng(0)) == star
    True
    """
    one_of("configuration_approximate.conflicts", conflicts, ["drop", "rewire"])
    indptr, indices = simple(connectome, "configuration_approximate")
    n_nodes = np.int64(connectome.n_nodes)
    pre = np.repeat(np.arange(n_nodes), np.diff(indptr))
    codes = in_order(pre * n_nodes + rng.permutation(indices), int(n_nodes) ** 2)
    good = _without_conflicts(codes, n_nodes)
    codes = codes[good] if conflicts == "drop" else _rewired(codes, good, n_nodes, rng)
    starts = np.arange(n_nodes + 1) * n_nodes
    indptr = np.searchsorted(codes, starts)
    return from_rows(connectome, indptr, codes - np.repeat(starts[:-1], np.diff(indptr)))


def _without_conflicts(codes: np.ndarray, n_nodes: np.int64) -> np.ndarray:
    """Which of rising numbers pre x nodes + post are neither loops nor doubles."""
    good = codes % (n_nodes + 1) != 0
    good[1:] &= codes[1:] != codes[:-1]
    return good


def _rewired(codes: np.ndarray, good: np.ndarray, n_nodes: np.int64, rng: np.random.Generator) -> np.ndarray:
    """Match loops and doubles again, each round with as many others, until there are none."""
    for _ in range(_ROUNDS):
        bad = np.flatnonzero(~good)
        if len(bad) == 0:
            return codes
        others = rng.integers(0, len(codes), min(len(codes), len(bad) + 8))
        taken = np.union1d(bad, others)
        pre, post = np.divmod(codes[taken], n_nodes)
        rest = np.ones(len(codes), dtype=bool)
        rest[taken] = False
        again = np.sort(pre * n_nodes + rng.permutation(post))
        codes = np.sort(np.concatenate([codes[rest], again]), kind="stable")
        good = _without_conflicts(codes, n_nodes)
    raise OptionError(
        f"configuration_approximate.conflicts: {int((~good).sum())} of {len(codes)} connections are still loops or "
        f"doubles after {_ROUNDS} rounds, as the connectome is too dense. Take degree_preserving, or conflicts='drop'."
    )
