"""Parameters of each node's neighbourhood, as the literature of tribes has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy import sparse, special

from conntap.analyze.graphs import simple
from conntap.analyze.normalised import share_of_possible
from conntap.analyze.spectra import gaps_of
from conntap.analyze.triangles import clustering
from conntap.circuits.connectome import Connectome
from conntap.circuits.selection import Selection, selected
from conntap.errors import OptionError, one_of, told_as, whole
from conntap.topology.maximal import oriented
from conntap.topology.neighbourhoods import (
    Centre,
    Direction,
    check_surroundings,
    map_neighbourhoods,
    neighbourhood_sizes,
)
from conntap.topology.simplices import count_simplices

__all__ = ["degree_complexity", "neighbourhood_complexity", "neighbourhood_parameters"]

Parameter = Literal["size", "tcc", "ccc", "dc", "nsc", "ec", "nbc", "complexity", "spectral"]
_CHEAP: tuple[Parameter, ...] = ("size", "tcc", "ccc", "dc", "ec", "complexity")
_MATRICES = {"adjacency": "as", "transition": "tps", "bauer": "bls", "chung": "cls"}
_OF_MATRIX = {
    (matrix, column): name + letter
    for matrix, name in _MATRICES.items()
    for column, letter in (("radius", "r"), ("low" if matrix == "chung" else "high", "g"))
} | {
    ("reversed", "radius"): "tpsr_reversed",
    ("reversed", "high"): "tpsg_reversed",
    ("adjacency", "low"): "asg_low",
    ("transition", "low"): "tpsg_low",
    ("reversed", "low"): "tpsg_reversed_low",
    ("bauer", "low"): "blsg_low",
    ("chung", "high"): "clsg_high",
}


def neighbourhood_parameters(
    connectome: Connectome,
    *,
    parameters: list[Parameter] | None = None,
    nodes: Selection | None = None,
    max_dimension: int = 3,
    threads: int = 1,
) -> pd.DataFrame:
    """The structural parameters of the neighbourhood of each node.

    The neighbourhood of a node (its tribe, of which it is the chief) holds the node, its presynaptic and its
    postsynaptic partners, and all connections among them.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    parameters
        Which; default: all but `nsc`, `nbc` and `spectral`, which cost most.
    nodes
        The chiefs; default: all nodes.
    max_dimension
        The largest k of the density coefficients and of the normalised simplex counts.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    float64, one row a chief, indexed by "id"; NaN where undefined (0 / 0; other programs give 0 there). Columns by
    parameter:

    - size: `size`, `connections`, `reciprocal_pairs`, `density`;
    - tcc: the transitive clustering coefficient of the chief; ccc: the classical one (`clustering`'s all);
    - dc: `dc_2` to `dc_K`, the density coefficients k P_k / ((k + 1) (n - k) P_(k - 1)), P_k the k-simplices of which
      the chief is a vertex and n the size;
    - nsc: `nsc_2` to `nsc_K`, the normalised simplex counts: the directed k-simplices of the neighbourhood over the most
      that its connections could make if all went both ways, (k + 1)! for each clique of k + 1 nodes;
    - ec: the Euler characteristic of the neighbourhood;
    - nbc: the normalised Betti coefficient, the sum over i of (i + 1) betti_i / number of i-simplices;
    - complexity: as `neighbourhood_complexity`;
    - spectral: radius and gap of the adjacency (`asr`, `asg`), transition (`tpsr`, `tpsg`), reversed transition
      (`tpsr_reversed`, `tpsg_reversed`), Bauer (`blsr`, `blsg`) and Chung Laplacian (`clsr`, `clsg`) matrices of
      `spectral_gaps`: the gap is the largest less the second largest different modulus, that of Chung's the smallest modulus above
      zero. `asg_low`, `tpsg_low`, `tpsg_reversed_low`, `blsg_low` and `clsg_high` are the gaps of the other sort.

    Raises
    ------
    OptionError
        The connectome is rectangular, an option does not fit, or a neighbourhood has too many simplices.

    Notes
    -----
    size, tcc, ccc, dc cost passes over all neighbourhoods by compiled code; ec and nsc the simplex counts, nbc the homology and
    spectral all eigenvalues of each: choose nodes. Conceicao et al., 2022, doi:10.1162/netn_a_00228; transitive
    clustering and density coefficients there too.

    Examples
    --------
    >>> order = Connectome(list("abcd"), *np.triu_indices(4, 1))
    >>> table = neighbourhood_parameters(order, parameters=["tcc", "dc", "ec"])
    >>> table.loc["a"].round(2).to_dict()
    {'tcc': 0.5, 'dc_2': 0.33, 'dc_3': 0.25, 'ec': 1.0}
    """
    graph = simple(connectome, "neighbourhood_parameters")
    rows = selected(connectome.nodes, nodes, "neighbourhood_parameters.nodes")
    whole("neighbourhood_parameters.max_dimension", max_dimension, 2)
    if isinstance(parameters, str):
        raise OptionError(f"neighbourhood_parameters.parameters: {parameters!r} is text. Give a list of names.")
    wanted = list(dict.fromkeys(_CHEAP if parameters is None else parameters))
    for each in wanted:
        one_of("neighbourhood_parameters.parameters", each, get_args(Parameter))
    tables = {each: told_as("neighbourhood_parameters", _TABLES[each]) for each in wanted}
    parts = [tables[each](connectome, graph, rows, max_dimension, threads) for each in wanted]
    return pd.concat([*parts, pd.DataFrame(index=connectome.nodes.index[rows])], axis=1).astype(float)


def neighbourhood_complexity(
    connectome: Connectome,
    *,
    direction: Direction = "both",
    centre: Centre = "with",
    nodes: Selection | None = None,
    threads: int = 1,
) -> pd.Series:
    """How far the degrees in the neighbourhood of each node are from those of a random graph of its size.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    direction, centre, nodes, threads
        As for `neighbourhoods`.

    Returns
    -------
    float64, named "complexity", one value a node wanted, indexed by "id": the first Wasserstein distance between the
    total degrees of the neighbourhood's nodes and those expected in an Erdos-Renyi graph of as many nodes and
    connections; 0 below two nodes.

    Raises
    ------
    OptionError
        The connectome is rectangular, the selection does not fit, or `threads` is less than 1.

    Notes
    -----
    In the random graph a total degree is hypergeometric: of the n (n - 1) ordered pairs 2 (n - 1) are at a node, m are
    connected. A graph that is random has a small distance and not none, the larger the fewer its nodes: compare
    neighbourhoods of like size, or set the measure against drawn controls by `compare`. The idea, with drawn controls in place of the expectation: Egas Santander et al., 2025, iScience,
    doi:10.1016/j.isci.2024.111585.

    Examples
    --------
    >>> neighbourhood_complexity(Connectome(3, [0, 1, 2], [1, 2, 0])).round(3).tolist()
    [0.4, 0.4, 0.4]
    """
    graph = simple(connectome, "neighbourhood_complexity")
    rows = selected(connectome.nodes, nodes, "neighbourhood_complexity.nodes")
    check_surroundings("neighbourhood_complexity", direction, centre)
    whole("neighbourhood_complexity.threads", threads, 1)
    values = map_neighbourhoods(
        lambda _, begins, ends: _complexity(begins, ends),
        *graph,
        nodes=rows,
        direction=direction,
        centre=centre,
        threads=threads,
    )
    index = connectome.nodes.index[rows]
    return pd.Series(list(values), index=index, name="complexity", dtype=float)


def degree_complexity(connectome: Connectome) -> float:
    """How far the total degrees of a connectome are from those of a random graph of its size.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.

    Returns
    -------
    The measure of `neighbourhood_complexity`, of the whole.

    Raises
    ------
    OptionError
        The connectome is rectangular.

    Notes
    -----
    Linear in nodes and connections.

    Examples
    --------
    >>> round(degree_complexity(Connectome(3, [0, 1, 2], [1, 2, 0])), 3)
    0.4
    """
    return _complexity(*simple(connectome, "degree_complexity"))


def _complexity(begins: np.ndarray, ends: np.ndarray) -> float:
    n_nodes, n_connections = len(begins) - 1, len(ends)
    if n_nodes < 2:
        return 0.0
    degrees = np.diff(begins) + np.bincount(ends, minlength=n_nodes)
    most = 2 * (n_nodes - 1)
    found = np.cumsum(np.bincount(degrees, minlength=most + 1)) / n_nodes
    expected = np.cumsum(_hypergeometric(n_nodes * (n_nodes - 1), most, n_connections))
    return float(np.abs(found - expected).sum())


def _hypergeometric(pairs: int, here: int, connected: int) -> np.ndarray:
    """The chance that 0, 1 ... of the pairs `here` are among the `connected` ones."""
    k = np.arange(here + 1)
    rest = pairs - here
    possible = (k <= connected) & (connected - k <= rest)
    logs = _log_choices(here, k) + _log_choices(rest, np.clip(connected - k, 0, rest)) - _log_choices(pairs, connected)
    return np.where(possible, np.exp(np.where(possible, logs, 0.0)), 0.0)


def _log_choices(n: int, k: np.ndarray | int) -> np.ndarray:
    return special.gammaln(n + 1) - special.gammaln(np.asarray(k) + 1) - special.gammaln(n - np.asarray(k) + 1)


Graph = tuple[np.ndarray, np.ndarray]


def _size(connectome: Connectome, graph: Graph, rows: np.ndarray, most: int, threads: int) -> pd.DataFrame:
    counts = neighbourhood_sizes(*graph, nodes=rows, threads=threads)
    table = pd.DataFrame(
        counts, columns=["size", "connections", "reciprocal_pairs"], index=connectome.nodes.index[rows]
    )
    table["reciprocal_pairs"] //= 2
    pairs = (table["size"] * (table["size"] - 1)).replace(0, np.nan)
    return table.assign(density=table["connections"] / pairs)


def _clustering(column: str, name: str) -> Callable[..., pd.DataFrame]:
    def make(connectome: Connectome, graph: Graph, rows: np.ndarray, most: int, threads: int) -> pd.DataFrame:
        return clustering(connectome, threads=threads)[[column]].iloc[rows].set_axis([name], axis=1)

    return make


def _density(connectome: Connectome, graph: Graph, rows: np.ndarray, most: int, threads: int) -> pd.DataFrame:
    from conntap.topology.participation import node_participation

    found = node_participation(*graph, max_dimension=most, threads=threads)[rows].astype(float)
    taken = np.zeros((len(rows), most + 1))
    taken[:, : found.shape[1]] = found
    n_members = neighbourhood_sizes(*graph, nodes=rows, threads=threads)[:, 0]
    columns = {}
    for k in range(2, most + 1):
        possible = (k + 1) * (n_members - k) * taken[:, k - 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            columns[f"dc_{k}"] = np.where(possible > 0, k * taken[:, k] / possible, np.nan)
    return pd.DataFrame(columns, index=connectome.nodes.index[rows])


def _normalised(connectome: Connectome, graph: Graph, rows: np.ndarray, most: int, threads: int) -> pd.DataFrame:
    def ratios(begins: np.ndarray, ends: np.ndarray) -> list[float]:
        parts = (begins, ends), oriented(begins, ends, kind="undirected")
        shares = share_of_possible(*(count_simplices(*part, max_dimension=most) for part in parts))
        return [*shares[2:], *[np.nan] * (most + 1 - max(2, len(shares)))]

    return _each(ratios, [f"nsc_{k}" for k in range(2, most + 1)])(connectome, graph, rows, most, threads)


def _each(function: Callable[[np.ndarray, np.ndarray], list[float]], names: list[str]) -> Callable[..., pd.DataFrame]:
    """A table of what a function says of the graph around each chief."""

    def make(connectome: Connectome, graph: Graph, rows: np.ndarray, most: int, threads: int) -> pd.DataFrame:
        values = map_neighbourhoods(lambda _, begins, ends: function(begins, ends), *graph, nodes=rows, threads=threads)
        table = np.array(list(values), dtype=float).reshape(-1, len(names))
        return pd.DataFrame(table, columns=names, index=connectome.nodes.index[rows])

    return make


def _euler(begins: np.ndarray, ends: np.ndarray) -> list[float]:
    counts = count_simplices(begins, ends)
    return [float(counts[::2].sum() - counts[1::2].sum())]


def _betti(begins: np.ndarray, ends: np.ndarray) -> list[float]:
    from conntap.topology.homology import betti

    counts = count_simplices(begins, ends)
    numbers = betti(begins, ends)[: len(counts)]
    return [float(sum((i + 1) * number / counts[i] for i, number in enumerate(numbers)))]


def _spectral(begins: np.ndarray, ends: np.ndarray) -> list[float]:
    n_nodes = len(begins) - 1
    matrix = sparse.csr_array((np.ones(len(ends)), ends, begins), shape=(n_nodes, n_nodes))
    table = gaps_of(matrix, list(dict.fromkeys(matrix for matrix, _ in _OF_MATRIX)), most_dense=n_nodes)
    return [table.loc[matrix, column] for matrix, column in _OF_MATRIX]


_TABLES: dict[Parameter, Callable[..., pd.DataFrame]] = {
    "size": _size,
    "tcc": _clustering("transitive", "tcc"),
    "ccc": _clustering("all", "ccc"),
    "dc": _density,
    "nsc": _normalised,
    "ec": _each(_euler, ["ec"]),
    "nbc": _each(_betti, ["nbc"]),
    "complexity": _each(lambda begins, ends: [_complexity(begins, ends)], ["complexity"]),
    "spectral": _each(_spectral, list(_OF_MATRIX.values())),
}
