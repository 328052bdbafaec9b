"""The graphs of benchmarks: simple directed graphs as (indptr, indices), equal on every run.

`random(n, density)`, `column()`, `fly()` and `worm()`; the last two read the real data (../shared/data) and give None where they are
not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from conntap.topology import simple_graph

__all__ = ["Graph", "as_matrix", "column", "fly", "random", "reciprocal_pairs", "worm"]

Graph = tuple[np.ndarray, np.ndarray]

_COLUMN = 26_567
_LENGTH_UM = 160.0
_ROWS = 64


def random(n: int, density: float, *, seed: int = 0) -> Graph:
    """An Erdos-Renyi graph: every ordered pair connected with the probability `density`."""
    rng = np.random.default_rng(seed)
    if n * n <= 10**8:
        return simple_graph(*np.nonzero(rng.random((n, n), dtype=np.float32) < density), n)
    rows, columns = rng.integers(0, n, (2, rng.binomial(n * (n - 1), density)))
    return simple_graph(rows, columns, n)


def column(*, seed: int = 0) -> Graph:
    """A column of 26,567 neurons and 6.83 million connections.

    Connections become rarer with distance (160 um), neurons differ in their chances to send and to receive, and a
    hidden rank favours one direction. Chosen so that 1.2 pairs per 100 connections are reciprocal and the counts of
    directed simplices from dimension 2 are 71.0 M, 79.0 M, 19.4 M, 1.76 M, 78.6 k, 1.76 k, 22, near those of a
    reconstructed column (68.4 M, 75.0 M, 18.9 M, 1.83 M, 88 k, 2.3 k, 38). Takes some ten seconds.
    """
    n = _COLUMN
    rng = np.random.default_rng(seed)
    depth = np.sort(rng.random(n) * 1775.0).astype(np.float32)
    radius, angle = 230.0 * np.sqrt(rng.random(n)), 2 * np.pi * rng.random(n)
    x, z = (radius * np.cos(angle)).astype(np.float32), (radius * np.sin(angle)).astype(np.float32)
    sends, receives = (rng.normal(0, spread, n).astype(np.float32) for spread in (0.45, 0.55))
    rank = 1.2 * rng.random(n).astype(np.float32)
    receives, sends = receives + rank, sends - rank - np.float32(2.5212)
    pre, post = [], []
    draws = np.random.default_rng(seed + 1)
    for begin in range(0, n, _ROWS):
        own = slice(begin, begin + _ROWS)
        squares = [(each[own, None] - each) ** 2 for each in (depth, x, z)]
        reach = draws.standard_exponential((len(depth[own]), n), dtype=np.float32)
        reach += (
            sends[own, None] + receives
        )  # a chance p = exp(-d / l + ...) is met where an exponential number > -log p
        reach *= np.float32(_LENGTH_UM)
        rows, columns = np.nonzero(np.sqrt(sum(squares[1:], squares[0])) < reach)
        pre.append(rows + begin)
        post.append(columns)
    return simple_graph(np.concatenate(pre), np.concatenate(post), n)


def fly() -> Graph | None:
    """The visual system of the fly: 45,669 neurons, 1.5 million connections, 31 % of them reciprocal."""
    path = _data() / "fly_visual/edges.parquet"
    if not path.is_file():
        return None
    edges = pd.read_parquet(path, columns=["pre", "post"])
    return simple_graph(edges["pre"].to_numpy(), edges["post"].to_numpy(), int(edges.to_numpy().max()) + 1)


def worm() -> Graph | None:
    """All synapses of C. elegans, chemical and electrical: 448 cells, 6,579 connections."""
    path = _data() / "celegans/herm_full_edgelist.csv"
    if not path.is_file():
        return None
    edges = pd.read_csv(path).map(lambda value: str(value).strip())
    edges.columns = edges.columns.str.strip()
    numbers, cells = pd.factorize(pd.concat([edges["Source"], edges["Target"]]))
    return simple_graph(*np.split(numbers, 2), len(cells))


def as_matrix(graph: Graph) -> sparse.csr_matrix:
    """The graph as a sparse matrix of ones, as peers take it."""
    indptr, indices = graph
    n = len(indptr) - 1
    return sparse.csr_matrix((np.ones(len(indices), dtype=np.int8), indices, indptr), shape=(n, n))


def reciprocal_pairs(graph: Graph) -> int:
    """The number of pairs of nodes with connections both ways."""
    matrix = as_matrix(graph)
    return matrix.multiply(matrix.T).nnz // 2


def _data() -> Path:
    return Path(__file__).resolve().parents[2] / "shared/data"
