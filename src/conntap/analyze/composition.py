"""What a connectome's nodes are, and whether like connects to like."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.circuits.grouping import Grouping, grouped
from conntap.errors import OptionError, one_of, unknown

__all__ = ["assortativity", "degree_assortativity", "group_composition", "property_assortativity"]


def group_composition(connectome: Connectome, *, by: Grouping, side: Literal["pre", "post"] = "pre") -> pd.DataFrame:
    """Count the nodes of each group.

    Parameters
    ----------
    connectome
        Square; or rectangular, where `side` says which nodes are meant.
    by
        The node property (or several, whose combinations that occur count) that makes the groups.
    side
        Which nodes of a rectangular connectome.

    Returns
    -------
    One row a group in rising order, indexed by the properties: `count` (int64) and `fraction` of all nodes. Nodes that lack
    a value are in no group, so fractions may add up to less than 1.

    Raises
    ------
    OptionError
        An unknown property.

    Notes
    -----
    Linear in nodes.

    Examples
    --------
    >>> nodes = pd.DataFrame({"ei": ["e", "e", "e", "i"]})
    >>> group_composition(Connectome(nodes, [], []), by="ei")["fraction"].to_dict()
    {'e': 0.75, 'i': 0.25}
    """
    one_of("group_composition.side", side, ("pre", "post"))
    nodes = connectome.pre_nodes if side == "pre" else connectome.post_nodes
    codes, groups = grouped(nodes, by, "group_composition.by")
    counts = np.bincount(codes[codes >= 0], minlength=len(groups)).astype(np.int64)
    return pd.DataFrame({"count": counts, "fraction": counts / max(1, len(nodes))}, index=groups)


def assortativity(connectome: Connectome, *, by: Grouping) -> float:
    """Measure whether connections join nodes of the same group: Newman's coefficient.

    1 where all connections stay within groups, 0 where ends are independent, below 0 where they lie apart. Parallel edges are
    merged, self-loops ignored; connections of nodes without a value are left out.

    Parameters
    ----------
    connectome
        A square connectome.
    by
        The node property (or several) that makes the groups.

    Returns
    -------
    (trace(e) - sum(e^2)) / (1 - sum(e^2)), where e is the fraction of connections from group to group. NaN without
    connections, or where all lie in one group.

    Raises
    ------
    OptionError
        The connectome is rectangular, or a property unknown.

    Notes
    -----
    Linear in nodes and connections. Newman, 2003, doi:10.1103/PhysRevE.67.026126.

    Examples
    --------
    >>> nodes = pd.DataFrame({"ei": ["e", "e", "i", "i"]})
    >>> assortativity(Connectome(nodes, [0, 1, 2, 3], [1, 0, 3, 2]), by="ei")
    1.0
    """
    pre, post = _ends(connectome, "assortativity")
    codes, groups = grouped(connectome.nodes, by, "assortativity.by")
    one, other = codes[pre], codes[post]
    there = (one >= 0) & (other >= 0)
    one, other, n = one[there], other[there], len(groups)
    if len(one) == 0:
        return float("nan")
    within = float((one == other).mean())
    expected = float((np.bincount(one, minlength=n) / len(one)) @ (np.bincount(other, minlength=n) / len(one)))
    return (within - expected) / (1 - expected) if expected < 1 else float("nan")


def property_assortativity(connectome: Connectome, *, property: str, post_property: str | None = None) -> float:
    """Measure whether the values of a numeric node property go together across connections.

    Parallel edges are merged, self-loops ignored; connections of nodes without a finite value are left out.

    Parameters
    ----------
    connectome
        A square connectome.
    property
        A numeric node property, taken of the pre node.
    post_property
        The one taken of the post node; default: the same.

    Returns
    -------
    Pearson's correlation over connections; NaN where either end does not vary.

    Raises
    ------
    OptionError
        The connectome is rectangular, or a property unknown or not numeric.

    Notes
    -----
    Linear in nodes and connections. Newman, 2003, doi:10.1103/PhysRevE.67.026126.

    Examples
    --------
    >>> nodes = pd.DataFrame({"depth": [0.0, 1.0, 5.0, 6.0]})
    >>> round(property_assortativity(Connectome(nodes, [0, 1, 2, 3], [1, 0, 3, 2]), property="depth"), 3)
    0.923
    """
    where = "property_assortativity"
    pre, post = _ends(connectome, where)
    one = _numbers(connectome.nodes, property, f"{where}.property")
    other = one if post_property is None else _numbers(connectome.nodes, post_property, f"{where}.post_property")
    return _correlation(one[pre], other[post])


def degree_assortativity(connectome: Connectome) -> pd.Series:
    """Measure whether the degrees of the two ends of a connection go together.

    Parallel edges are merged, self-loops ignored.

    Parameters
    ----------
    connectome
        A square connectome.

    Returns
    -------
    Pearson's correlation over connections, named "correlation", indexed by `pre_degree` and `post_degree`: each of "in",
    "out", "total". NaN where a degree does not vary.

    Raises
    ------
    OptionError
        The connectome is rectangular.

    Notes
    -----
    Linear in nodes and connections. Foster et al., 2010, doi:10.1073/pnas.0912671107.

    Examples
    --------
    >>> star = Connectome(4, [0, 0, 0, 1], [1, 2, 3, 2])
    >>> round(float(degree_assortativity(star)["out", "in"]), 3)
    -0.577
    """
    pre, post = _ends(connectome, "degree_assortativity")
    n = connectome.n_nodes
    degrees = {"in": np.bincount(post, minlength=n), "out": np.bincount(pre, minlength=n)}
    degrees["total"] = degrees["in"] + degrees["out"]
    values = {
        (one, other): _correlation(degrees[one][pre].astype(np.float64), degrees[other][post].astype(np.float64))
        for one in degrees
        for other in degrees
    }
    index = pd.MultiIndex.from_tuples(list(values), names=["pre_degree", "post_degree"])
    return pd.Series(list(values.values()), index=index, name="correlation")


def _ends(connectome: Connectome, where: str) -> tuple[np.ndarray, np.ndarray]:
    indptr, indices = simple(connectome, where)
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)), indices


def _numbers(nodes: pd.DataFrame, name: str, where: str) -> np.ndarray:
    if name not in nodes.columns:
        raise OptionError(unknown(where, "node property", name, nodes.columns))
    column = nodes[name]
    if not pd.api.types.is_numeric_dtype(column) or column.dtype.kind not in "biuf":
        raise OptionError(f"{where}: node property {name!r} is not numeric ({column.dtype}); choose a numeric one.")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    there = np.isfinite(one) & np.isfinite(other)
    one, other = one[there], other[there]
    if len(one) == 0 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    scales = np.abs(one).max(), np.abs(other).max()  # so that squares stay in range
    one, other = one / scales[0], other / scales[1]
    one, other = one - one.mean(), other - other.mean()
    spread = np.sqrt((one @ one) * (other @ other))
    return float(np.clip(one @ other / spread, -1.0, 1.0)) if spread > 0 else float("nan")
