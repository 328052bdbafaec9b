"""Whether a connectome is clustered and yet near."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.analyze.paths import mean_path_length
from conntap.analyze.triangles import clustering
from conntap.circuits.connectome import Connectome
from conntap.errors import told_as

__all__ = ["small_world"]


def small_world(connectome: Connectome, *, threads: int = 1) -> pd.Series:
    """The small-world index: clustering over that of chance, over path length over that of chance.

    Chance is an Erdos-Renyi graph of as many nodes and connections, by formulas that hold for large ones. To set it
    against drawn graphs of any null model, take `clustering` and `path_length` of this series through `compare`.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    float64, indexed by "property": `clustering` (the mean over nodes of the directed coefficient of all triangles,
    nodes without one counting 0), `path_length` (the mean over ordered pairs that have a path), `random_clustering`,
    `random_path_length`, and `index` = (clustering / random_clustering) / (path_length / random_path_length); NaN
    where undefined. An index well above 1 is called small-world.

    Raises
    ------
    OptionError
        The connectome is rectangular, or `threads` is less than 1.

    Notes
    -----
    Cost: that of `clustering` and of `path_lengths`. With n nodes and k connections a node: random clustering k /
    (n - 1), random path length (ln n - 0.5772) / ln k + 1/2. Humphries and Gurney, 2008,
    doi:10.1371/journal.pone.0002051; the path length: Fronczak et al., 2004, doi:10.1103/PhysRevE.70.056110.

    Examples
    --------
    >>> ring = np.arange(60)
    >>> near = Connectome(60, np.tile(ring, 4), np.concatenate([(ring + step) % 60 for step in (1, 2, -1, -2)]))
    >>> small_world(near).round(2).to_dict()["clustering"]
    0.5
    """
    _, indices = simple(connectome, "small_world")
    n_nodes = connectome.n_nodes
    found = told_as("small_world", clustering)(connectome, threads=threads)["all"].fillna(0.0)
    near, far = (float(found.mean()) if n_nodes else np.nan), mean_path_length(connectome, threads=threads)
    degree = len(indices) / n_nodes if n_nodes else np.nan
    chance = degree / (n_nodes - 1) if n_nodes > 1 else np.nan
    length = (np.log(n_nodes) - np.euler_gamma) / np.log(degree) + 0.5 if n_nodes and degree > 1 else np.nan
    index = near / chance / (far / length) if chance and length > 0 else np.nan
    values = {"clustering": near, "path_length": far, "random_clustering": chance, "random_path_length": length}
    return pd.Series({**values, "index": index}, dtype=float, name="small_world").rename_axis("property")
