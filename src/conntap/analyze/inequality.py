"""How unequally connections are shared out among the nodes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import binom

from conntap.analyze.clubs import degrees_of
from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome

__all__ = ["degree_inequality", "lorenz_curve"]

Direction = Literal["in", "out", "both"]


def degree_inequality(connectome: Connectome) -> pd.DataFrame:
    """The Gini coefficients of the degrees, beside those of a random connectome.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.

    Returns
    -------
    float64, indexed by "direction" ("in", "out", "both"): `gini`, 0 where all nodes have equally many connections,
    towards 1 where few have all; `expected`, that of the binomial distribution of degrees among as many nodes and
    connections; and `excess` = gini - expected. NaN without connections.

    Raises
    ------
    OptionError
        The connectome is rectangular.

    Notes
    -----
    Linear in connections, and n log n in nodes. Gini: mean difference of two nodes' degrees (one of them may be drawn
    twice) over twice the mean. Gini, 1921, doi:10.2307/2223319.

    Examples
    --------
    >>> degree_inequality(Connectome(4, [0, 0, 0], [1, 2, 3]))["gini"].tolist()
    [0.25, 0.75, 0.25]
    """
    indptr, indices = simple(connectome, "degree_inequality")
    n_nodes, rows = connectome.n_nodes, {}
    for direction in ("in", "out", "both"):
        found = _gini(degrees_of(indptr, indices, direction, "degree_inequality"))
        trials = (n_nodes - 1) * (2 if direction == "both" else 1)
        expected = _binomial_gini(trials, len(indices) / (n_nodes * (n_nodes - 1))) if len(indices) else np.nan
        rows[direction] = (found, expected, found - expected)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["gini", "expected", "excess"], dtype=float)
    return table.rename_axis("direction")


def lorenz_curve(connectome: Connectome, *, direction: Direction = "both") -> pd.Series:
    """The share of connections that the nodes of fewest connections have.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    direction
        Which connections make the degree: into a node, out of it, or both (a reciprocal partner counts twice).

    Returns
    -------
    float64, named "share", indexed by "nodes": for 0, 1/n ... 1 of the nodes, from the poorest on, their share of all
    degrees, from 0 to 1; NaN after the first without connections. The area between it and the diagonal is half the Gini
    coefficient.

    Raises
    ------
    OptionError
        The connectome is rectangular, or `direction` is unknown.

    Notes
    -----
    Linear in connections, and n log n in nodes. Lorenz, 1905, doi:10.2307/2276207.

    Examples
    --------
    >>> lorenz_curve(Connectome(4, [0, 0, 1], [1, 2, 3]), direction="out").round(2).to_dict()
    {0.0: 0.0, 0.25: 0.0, 0.5: 0.0, 0.75: 0.33, 1.0: 1.0}
    """
    degree = np.sort(degrees_of(*simple(connectome, "lorenz_curve"), direction, "lorenz_curve"))
    total = degree.sum()
    share = np.append(0.0, np.cumsum(degree) / total if total else np.full(len(degree), np.nan))
    fractions = np.arange(len(degree) + 1) / max(1, len(degree))
    return pd.Series(share, index=pd.Index(fractions, name="nodes"), name="share")


def _gini(degree: np.ndarray) -> float:
    n, total = len(degree), int(degree.sum())
    if not total:
        return float("nan")
    return float((2 * np.arange(1, n + 1) - n - 1.0) @ np.sort(degree) / (n * total))


def _binomial_gini(trials: int, chance: float) -> float:
    """The sum of F (1 - F) over the mean; far from the mean, where that is nothing, it is not looked at."""
    mean, spread = trials * chance, np.sqrt(trials * chance * (1 - chance))
    low, high = max(0, int(mean - 40 * spread - 40)), min(trials, int(mean + 40 * spread + 40))
    below = binom.cdf(np.arange(low, high + 1), trials, chance)
    return float((below * (1 - below)).sum() / mean)
