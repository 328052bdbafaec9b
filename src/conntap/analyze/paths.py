"""How far nodes are from each other along connections."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.errors import one_of, whole
from conntap.topology.common_neighbours import partners
from conntap.topology.paths import reach

__all__ = ["diameter", "efficiency", "mean_path_length", "path_length_sample", "path_lengths"]

Kind = Literal["directed", "undirected"]


def path_lengths(connectome: Connectome, *, kind: Kind = "directed", threads: int = 1) -> pd.Series:
    """Count the pairs of nodes by the length of the shortest path from one to the other.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    kind
        Whether paths follow connections ("directed": ordered pairs are counted) or take them either way ("undirected":
        unordered pairs).
    threads
        Threads that share the work; the counts do not depend on it.

    Returns
    -------
    int64, named "pairs", indexed by "length" from 1 to the longest. Pairs without a path are in none: all n (n - 1) pairs
    (undirected: half) less the sum.

    Raises
    ------
    OptionError
        The connectome is rectangular, `kind` is unknown, or `threads` is less than 1.

    Notes
    -----
    Time: nodes times connections / 256, once or twice; memory: some 130 bytes a node a thread and the connections
    twice, never a matrix of pairs. `path_length_sample` serves where that is too long. Then et al., 2014,
    doi:10.14778/2735496.2735507.

    Examples
    --------
    >>> path_lengths(Connectome(4, [0, 1, 2], [1, 2, 3])).to_dict()
    {1: 3, 2: 2, 3: 1}
    """
    return _lengths(connectome, kind, threads, "path_lengths")


def path_length_sample(
    connectome: Connectome, *, sources: int = 1024, kind: Kind = "directed", rng: np.random.Generator, threads: int = 1
) -> pd.DataFrame:
    """Estimate how many pairs of nodes have shortest paths of each length, from some nodes.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    sources
        How many different nodes are drawn to begin from; all where there are fewer.
    kind
        As for `path_lengths`.
    rng
        The source of randomness; equal states give equal estimates.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    float64, indexed by "length" from 1 to the longest that was met: `pairs`, the estimate for all nodes, and `error`, its
    standard error (NaN for a single source of several).

    Raises
    ------
    OptionError
        The connectome is rectangular, `kind` is unknown, or `sources` or `threads` is less than 1.

    Notes
    -----
    Time: sources times connections / 256, once or twice, and the pairs met.

    Examples
    --------
    >>> path_length_sample(Connectome(3, [0, 1, 2], [1, 2, 0]), rng=np.random.default_rng(1)).to_dict("list")
    {'pairs': [3.0, 3.0], 'error': [0.0, 0.0]}
    """
    whole("path_length_sample.sources", sources, 1)
    graph = _graph(connectome, kind, threads, "path_length_sample")
    n_nodes = connectome.n_nodes
    drawn = np.sort(rng.permutation(n_nodes)[:sources])
    found = reach(*graph, sources=drawn, squares=True, threads=threads)
    many = max(1, len(drawn))
    scale = n_nodes / many if kind == "directed" else n_nodes / many / 2
    total, squares = found.pairs[1:].astype(float), found.squares[1:]
    spread = np.maximum(squares - total**2 / many, 0.0) / (many - 1) if many > 1 else np.full(len(total), np.nan)
    error = scale * np.sqrt(spread * many * (1 - many / n_nodes)) if many < n_nodes else np.zeros(len(total))
    return pd.DataFrame({"pairs": scale * total, "error": error}, index=_numbered(len(total)))


def mean_path_length(connectome: Connectome, *, kind: Kind = "directed", threads: int = 1) -> float:
    """The mean length of the shortest paths between pairs of nodes that have one.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    kind, threads
        As for `path_lengths`.

    Returns
    -------
    1 or more; NaN without connections.

    Raises
    ------
    OptionError
        The connectome is rectangular, `kind` is unknown, or `threads` is less than 1.

    Notes
    -----
    Cost: that of `path_lengths`. Also called characteristic path length: Watts and Strogatz, 1998, doi:10.1038/30918.

    Examples
    --------
    >>> mean_path_length(Connectome(3, [0, 1, 2], [1, 2, 0]))
    1.5
    """
    lengths = _lengths(connectome, kind, threads, "mean_path_length")
    return float(lengths @ lengths.index.to_numpy() / lengths.sum()) if len(lengths) else float("nan")


def efficiency(connectome: Connectome, *, kind: Kind = "directed", threads: int = 1) -> float:
    """The mean over pairs of nodes of one over the length of the shortest path.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    kind, threads
        As for `path_lengths`.

    Returns
    -------
    From 0 to 1; pairs without a path count 0. NaN where there is no pair.

    Raises
    ------
    OptionError
        The connectome is rectangular, `kind` is unknown, or `threads` is less than 1.

    Notes
    -----
    Cost: that of `path_lengths`. Latora and Marchiori, 2001, doi:10.1103/PhysRevLett.87.198701 (global efficiency).

    Examples
    --------
    >>> efficiency(Connectome(3, [0, 1, 2], [1, 2, 0]))
    0.75
    """
    lengths = _lengths(connectome, kind, threads, "efficiency")
    places = connectome.n_nodes * (connectome.n_nodes - 1) / (1 if kind == "directed" else 2)
    return float((lengths / lengths.index.to_numpy()).sum() / places) if places else float("nan")


def diameter(connectome: Connectome, *, kind: Kind = "directed", threads: int = 1) -> int:
    """The length of the longest shortest path between any two nodes that have one.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    kind, threads
        As for `path_lengths`.

    Returns
    -------
    A whole number; 0 without connections.

    Raises
    ------
    OptionError
        The connectome is rectangular, `kind` is unknown, or `threads` is less than 1.

    Notes
    -----
    Cost: that of `path_lengths`. Pairs without a path are left out, so the connectome need not be connected.

    Examples
    --------
    >>> diameter(Connectome(5, [0, 1, 2], [1, 2, 3]))
    3
    """
    return len(_lengths(connectome, kind, threads, "diameter"))


def _graph(connectome: Connectome, kind: str, threads: int, where: str) -> tuple[np.ndarray, np.ndarray]:
    one_of(f"{where}.kind", kind, get_args(Kind))
    whole(f"{where}.threads", threads, 1)
    graph = simple(connectome, where)
    return partners(*graph) if kind == "undirected" else graph


def _lengths(connectome: Connectome, kind: str, threads: int, where: str) -> pd.Series:
    pairs = reach(*_graph(connectome, kind, threads, where), threads=threads).pairs[1:]
    return pd.Series(pairs if kind == "directed" else pairs // 2, index=_numbered(len(pairs)), name="pairs")


def _numbered(length: int) -> pd.RangeIndex:
    return pd.RangeIndex(1, length + 1, name="length")
