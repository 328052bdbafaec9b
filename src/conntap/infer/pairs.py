"""Values of all ordered pairs of nodes: as a matrix [pre, post] and as the connectome that an inference gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, known, unknown

__all__ = ["all_pairs", "matrix_of"]


def all_pairs(nodes: pd.DataFrame | Any, **matrices: np.ndarray) -> Connectome:
    """The connectome of every ordered pair of different nodes, with a property for each matrix.

    Parameters
    ----------
    nodes
        The node table or ids.
    **matrices
        Name -> shape (pre, post). The diagonals are left out.

    Returns
    -------
    n * (n - 1) edges, sorted by pre, then post.

    Raises
    ------
    ConnectomeError
        Ids that repeat.

    Notes
    -----
    8 bytes a pair and what the matrices take.

    Examples
    --------
    >>> all_pairs(2, score=np.array([[9.0, 1.0], [2.0, 9.0]])).edges["score"].tolist()
    [1.0, 2.0]
    """
    n = len(Connectome(nodes, [], []).nodes)
    pre = np.repeat(np.arange(n, dtype=np.int32), max(0, n - 1))
    post = np.broadcast_to(np.arange(n, dtype=np.int32), (n, n))
    return Connectome(
        nodes,
        pre,
        _off_diagonal(post),
        properties={name: _off_diagonal(np.asarray(matrix)) for name, matrix in matrices.items()},
    )


def matrix_of(connectome: Connectome, name: str, where: str, *, missing: float = 0.0) -> np.ndarray:
    """A property of edges as a matrix [pre, post]; pairs without an edge and the diagonal hold `missing`.

    Parameters
    ----------
    connectome
        At most one edge a pair; self-loops are left out.
    name
        The property.
    where
        The function that asks, for messages.

    Returns
    -------
    float64 (float32 where the property is), shape (nodes, nodes).

    Raises
    ------
    OptionError
        No such property, one that is no number, parallel edges, or other post than pre nodes.

    Examples
    --------
    >>> matrix_of(Connectome(2, [0], [1], properties={"score": [3.0]}), "score", "here").tolist()
    [[0.0, 3.0], [0.0, 0.0]]
    """
    if not connectome.is_square:
        raise OptionError(f"{where}: pre and post nodes differ; give a connectome of one node table.")
    if name not in connectome.properties:
        raise OptionError(unknown(where, "edge property", name, connectome.properties))
    values = connectome.properties[name]
    if isinstance(values, pd.Categorical) or values.dtype.kind not in "biuf":
        raise OptionError(f"{where}: {name!r} is no number; give one of {known(connectome.properties)} that is.")
    n, kind = connectome.n_nodes, np.float32 if values.dtype == np.float32 else np.float64
    matrix = np.full((n, n), missing, dtype=kind)
    keep = connectome.pre != connectome.post
    pre, post = connectome.pre[keep], connectome.post[keep]
    matrix[pre, post] = values[keep]
    if _repeats(pre, post, n):
        raise OptionError(f"{where}: some pairs have several edges. Merge them: connectome.connections(merge=...).")
    return matrix


def _off_diagonal(matrix: np.ndarray) -> np.ndarray:
    """Shape (n * (n - 1),): the entries beside the diagonal, row by row."""
    n = len(matrix)
    if n < 2:
        return np.empty(0, dtype=matrix.dtype)
    return np.ascontiguousarray(matrix).ravel()[1:].reshape(n - 1, n + 1)[:, :-1].ravel()


def _repeats(pre: np.ndarray, post: np.ndarray, n: int) -> bool:
    seen = np.zeros((n, n), dtype=bool)
    seen[pre, post] = True
    return int(seen.sum()) < len(pre)
