"""How many connections each node has."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome

__all__ = ["degrees"]


def degrees(connectome: Connectome) -> pd.DataFrame:
    """Count the connections into and out of each node.

    Connections are counted, not synapses: parallel edges are merged, self-loops ignored.

    Parameters
    ----------
    connectome
        A square connectome.

    Returns
    -------
    int64, one row a node, indexed by "id" in node order: `in`, `out` and their sum `total` (a reciprocal
    partner counts twice).

    Raises
    ------
    OptionError
        The connectome is rectangular.

    Notes
    -----
    Linear in nodes and edges.

    Examples
    --------
    >>> degrees(Connectome(["a", "b"], [0, 0, 1], [1, 1, 1])).loc["b"].to_dict()
    {'in': 1, 'out': 0, 'total': 1}
    """
    indptr, indices = simple(connectome, "degrees")
    inward = np.bincount(indices, minlength=connectome.n_nodes).astype(np.int64)
    outward = np.diff(indptr)
    return pd.DataFrame({"in": inward, "out": outward, "total": inward + outward}, index=connectome.nodes.index)
