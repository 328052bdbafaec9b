"""Communities: groups of nodes that connect among themselves more than chance would have it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.circuits.grouping import Grouping, grouped
from conntap.errors import MissingExtra, OptionError, told_as, unknown

__all__ = ["communities", "community_structure", "modularity"]


def communities(
    connectome: Connectome,
    *,
    resolution: float = 1.0,
    weight: str | None = None,
    rng: np.random.Generator,
) -> pd.Series:
    """Group the nodes so that the directed modularity is large.

    Parameters
    ----------
    connectome
        A square connectome; self-loops ignored.
    resolution
        Larger values give more and smaller communities.
    weight
        An edge property, none of it negative, summed over parallel edges; default: each connection counts one.
    rng
        The source of randomness; equal states give equal communities.

    Returns
    -------
    int64, named "community", indexed by "id" in node order: 0 for the largest community, and so on down; ties by the
    first node. A node without connections is a community of its own.

    Raises
    ------
    OptionError
        The connectome is rectangular, the resolution is not positive, the weight is unknown or negative.
    MissingExtra
        scikit-network is not installed.

    Notes
    -----
    By scikit-network's Louvain algorithm: near linear in connections. A local optimum: other seeds give other
    communities. (Its Leiden algorithm draws from a generator that no seed reaches, so it is not offered.) Blondel et
    al., 2008, doi:10.1088/1742-5468/2008/10/P10008; directed modularity: Dugue and Perez, 2015, hal-01231784.

    Examples
    --------
    >>> two = Connectome(6, [0, 1, 2, 3, 4, 5, 0], [1, 2, 0, 4, 5, 3, 3])
    >>> communities(two, rng=np.random.default_rng(1)).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    try:
        from sknetwork.clustering import Louvain
    except ImportError:
        raise MissingExtra("networks", package="scikit-network", needed_for="communities") from None
    _check_resolution(resolution, "communities")
    matrix = _weighted(connectome, weight, "communities")
    seed = int(rng.integers(2**31))
    found = np.arange(matrix.shape[0])
    if matrix.nnz:
        wired = np.flatnonzero((matrix.sum(axis=0) + matrix.sum(axis=1)) > 0)
        part = sparse.csr_matrix(matrix[wired][:, wired])
        labels = Louvain(resolution, modularity="dugue", shuffle_nodes=True, random_state=seed).fit_predict(part)
        found[wired] = len(found) + np.asarray(labels)
    return pd.Series(_by_size(found), index=connectome.nodes.index, name="community")


def community_structure(
    connectome: Connectome, *, resolution: float = 1.0, weight: str | None = None, rng: np.random.Generator
) -> pd.Series:
    """How strongly a connectome falls into communities: their modularity, number and sizes.

    What `communities` finds, in numbers that can be set against a null model.

    Parameters
    ----------
    connectome, resolution, weight, rng
        As for `communities`.

    Returns
    -------
    float64, named "community_structure", indexed by "property": `modularity` of the communities found, `communities`
    (those of two nodes or more), `largest` (the share of nodes in the largest).

    Raises
    ------
    OptionError, MissingExtra
        As for `communities`.

    Notes
    -----
    Cost: that of `communities`.

    Examples
    --------
    >>> two = Connectome(6, [0, 1, 2, 3, 4, 5], [1, 2, 0, 4, 5, 3])
    >>> community_structure(two, rng=np.random.default_rng(1)).tolist()
    [0.5, 2.0, 0.5]
    """
    found = told_as("community_structure", communities)(connectome, resolution=resolution, weight=weight, rng=rng)
    labelled = Connectome(found.to_frame(), connectome.pre, connectome.post, properties=dict(connectome.properties))
    sizes = found.value_counts()
    values = {
        "modularity": modularity(labelled, by="community", resolution=resolution, weight=weight),
        "communities": float((sizes > 1).sum()),
        "largest": float(sizes.max() / len(found)) if len(found) else float("nan"),
    }
    return pd.Series(values, name="community_structure").rename_axis("property")


def modularity(connectome: Connectome, *, by: Grouping, resolution: float = 1.0, weight: str | None = None) -> float:
    """How much more the nodes of a group connect among themselves than their degrees would have it.

    Parameters
    ----------
    connectome
        A square connectome; self-loops ignored. Nodes without a group count as groups of their own.
    by
        The groups: a node property, or several.
    resolution
        The weight of the expectation.
    weight
        An edge property, summed over parallel edges; default: each connection counts one.

    Returns
    -------
    sum over groups of (weight within / all - resolution * out-weight * in-weight / all^2); NaN without connections.

    Raises
    ------
    OptionError
        The connectome is rectangular, a property is unknown, the weight is unknown or negative.

    Notes
    -----
    Linear in connections. Leicht and Newman, 2008, doi:10.1103/PhysRevLett.100.118703.

    Examples
    --------
    >>> nodes = pd.DataFrame({"layer": [1, 1, 2, 2]})
    >>> modularity(Connectome(nodes, [0, 1, 2, 3], [1, 0, 3, 2]), by="layer")
    0.5
    """
    _check_resolution(resolution, "modularity")
    matrix = _weighted(connectome, weight, "modularity").tocoo()
    codes, groups = grouped(connectome.nodes, by, "modularity.by")
    codes = np.where(codes < 0, len(groups) + np.arange(len(codes)), codes)
    total = float(matrix.data.sum())
    if total == 0:
        return float("nan")
    pre, post = codes[matrix.row], codes[matrix.col]
    size = len(groups) + len(codes)
    out, into = (np.bincount(ends, matrix.data, minlength=size) for ends in (pre, post))
    return float(matrix.data[pre == post].sum() / total - resolution * (out @ into) / total**2)


def _check_resolution(resolution: float, where: str) -> None:
    if not isinstance(resolution, int | float | np.number) or not 0 < resolution < np.inf:
        raise OptionError(f"{where}.resolution: {resolution!r}; give a number above 0.")


def _weighted(connectome: Connectome, weight: str | None, where: str) -> sparse.csr_array:
    """The matrix of connections, or of summed weights, without self-loops."""
    indptr, indices = simple(connectome, where)
    n_nodes = connectome.n_nodes
    if weight is None:
        return sparse.csr_array((np.ones(len(indices)), indices, indptr), shape=(n_nodes, n_nodes))
    if weight not in connectome.properties:
        raise OptionError(unknown(f"{where}.weight", "edge property", weight, connectome.properties))
    keep = connectome.pre != connectome.post
    matrix = connectome.filter(keep).adjacency(weight).astype(float)
    if not (np.isfinite(matrix.data).all() and (matrix.data >= 0).all()):
        raise OptionError(f"{where}.weight: {weight!r} holds negative, infinite or missing values. Give one from 0 on.")
    return sparse.csr_array(matrix)


def _by_size(labels: np.ndarray) -> np.ndarray:
    """The labels renumbered: the largest group is 0; ties by the first node."""
    _, first, inverse, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    return rank[inverse]
