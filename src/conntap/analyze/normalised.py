"""How many of the directed simplices that its connections could make a connectome has."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from conntap.analyze.simplices import simplex_counts
from conntap.circuits.connectome import Connectome
from conntap.errors import told_as, whole

__all__ = ["normalised_simplex_counts", "share_of_possible"]


def normalised_simplex_counts(
    connectome: Connectome, *, max_dimension: int | None = None, threads: int = 1
) -> pd.Series:
    """Count the directed simplices of each dimension over the most there could be if all connections were reciprocal.

    A set of k + 1 nodes that are all connected, in whatever direction, carries up to (k + 1)! directed k-simplices.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    max_dimension
        Count up to this dimension; default: all.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    float64, named "share", from 0 to 1, indexed by "dimension" from 1 to the largest of a set of nodes that are all
    connected, which may be larger than that of any directed simplex.

    Raises
    ------
    OptionError
        The connectome is rectangular, an option is out of range, or there are too many simplices to count: then limit
        `max_dimension`.

    Notes
    -----
    Cost: `simplex_counts` of directed and of undirected simplices. Of neighbourhoods: `neighbourhood_parameters`. Conceicao
    et al., 2022, doi:10.1162/netn_a_00228.

    Examples
    --------
    >>> normalised_simplex_counts(Connectome(3, [0, 0, 1, 2], [1, 2, 2, 1])).round(3).to_dict()
    {1: 0.667, 2: 0.333}
    """
    whole("normalised_simplex_counts.threads", threads, 1)
    if max_dimension is not None:
        whole("normalised_simplex_counts.max_dimension", max_dimension, 0)
    options = {"max_dimension": max_dimension, "threads": threads}
    count = told_as("normalised_simplex_counts", simplex_counts)
    directed, cliques = (count(connectome, kind=kind, **options) for kind in ("directed", "undirected"))
    values = share_of_possible(directed.to_numpy(), cliques.to_numpy())[1:]
    return pd.Series(values, index=pd.RangeIndex(1, len(cliques), name="dimension"), name="share")


def share_of_possible(directed: np.ndarray, cliques: np.ndarray) -> np.ndarray:
    """The directed simplices of each dimension of the cliques over the most that these could carry.

    Examples
    --------
    >>> share_of_possible(np.array([3, 3]), np.array([3, 3, 1])).tolist()
    [1.0, 0.5, 0.0]
    """
    found = np.zeros(len(cliques))
    found[: len(directed)] = directed
    possible = cliques * special.factorial(np.arange(1, len(cliques) + 1))
    return np.divide(found, possible, out=np.full(len(cliques), np.nan), where=possible > 0)
