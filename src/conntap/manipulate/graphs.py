"""The simple graph under a connectome."""

from __future__ import annotations

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, rectangular
from conntap.topology.graphs import simple_graph

__all__ = ["simple"]


def simple(connectome: Connectome, where: str) -> tuple[np.ndarray, np.ndarray]:
    """`indptr` and `indices` of a square connectome's connections: parallel edges merged, self-loops dropped.

    Raises
    ------
    OptionError
        The connectome is rectangular; `where` begins the message.

    Examples
    --------
    >>> [part.tolist() for part in simple(Connectome(2, [0, 0, 1], [1, 1, 1]), "example")]
    [[0, 1, 1], [1]]
    """
    if not connectome.is_square:
        raise OptionError(rectangular(where, connectome.n_pre, connectome.n_post))
    return simple_graph(connectome.pre, connectome.post, connectome.n_nodes)
