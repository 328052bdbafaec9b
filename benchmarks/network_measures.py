"""Paths, components, common neighbours, rich clubs: conntap beside igraph, networkx, scipy and connalysis.

Processor seconds of one thread, the best of three (peers: of one). What can be compared is compared. A peer is left out
where it is not installed, and on graphs that take it more than minutes. Run it by itself:

    python benchmarks/network_measures.py
"""

from __future__ import annotations

import contextlib
import platform
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from scipy import sparse

from conntap import analyze
from conntap.build import column
from conntap.circuits import Connectome

Peers = Iterator[tuple[str, str, Callable[[], Any]]]


def layered(n: int, p_near: float) -> Connectome:
    """A column wired by distance."""
    rng = np.random.default_rng(5)
    return column(n_nodes=n, radius_um=230.0, p_near=p_near, length_um=130.0, inhibitory=0.15, rng=rng)


def random(n: int, p: float) -> Connectome:
    """A random connectome of density p."""
    matrix = np.random.default_rng(0).random((n, n), dtype=np.float32) < p
    np.fill_diagonal(matrix, False)
    pre, post = np.nonzero(matrix)
    return Connectome(n, pre, post, properties={"n_syn": np.random.default_rng(1).poisson(2.0, len(pre)) + 1})


GRAPHS: dict[str, tuple[Callable[[], Connectome], set[str]]] = {
    "random, 1,000 nodes, density 0.05": (lambda: random(1_000, 0.05), {"networkx", "igraph", "scipy", "connalysis"}),
    "column, 6,719 nodes": (lambda: layered(6_719, 0.31), {"igraph", "scipy", "connalysis"}),
    "column, 26,567 nodes": (lambda: layered(26_567, 0.16), set()),
}

OURS: dict[str, Callable[[Connectome], Any]] = {
    "path_lengths": analyze.path_lengths,
    "closeness": analyze.closeness,
    "eccentricity": analyze.eccentricity,
    "efficiency, undirected": lambda c: analyze.efficiency(c, kind="undirected"),
    "connected_components": analyze.connected_components,
    "common_neighbours": analyze.common_neighbours,
    "common_neighbour_weight_bias": lambda c: analyze.common_neighbour_weight_bias(c, weight="n_syn"),
    "rich_club": analyze.rich_club,
    "degree_inequality": analyze.degree_inequality,
    "reciprocity": analyze.reciprocity,
}


def by_igraph(connectome: Connectome) -> Peers:
    """What igraph has."""
    import igraph

    edges = np.stack([connectome.pre, connectome.post], axis=1)
    peer = igraph.Graph(n=connectome.n_nodes, edges=edges, directed=True)
    yield "path_lengths", "igraph", lambda: [count for *_, count in peer.path_length_hist().bins()]
    yield "closeness", "igraph", lambda: peer.closeness(mode="in")
    yield "eccentricity", "igraph", lambda: peer.eccentricity(mode="out")
    yield (
        "connected_components",
        "igraph",
        lambda: [peer.connected_components(mode=mode) for mode in ("weak", "strong")],
    )
    yield "reciprocity", "igraph", peer.reciprocity


def by_networkx(connectome: Connectome) -> Peers:
    """What networkx has."""
    import networkx as nx

    peer = nx.DiGraph(list(zip(connectome.pre.tolist(), connectome.post.tolist())))
    peer.add_nodes_from(range(connectome.n_nodes))
    yield "path_lengths", "networkx", lambda: _lengths(nx.all_pairs_shortest_path_length(peer))
    yield "closeness", "networkx", lambda: _in_order(nx.closeness_centrality(peer))
    yield "efficiency, undirected", "networkx", lambda: nx.global_efficiency(peer.to_undirected())
    yield (
        "connected_components",
        "networkx",
        lambda: [list(find(peer)) for find in (nx.weakly_connected_components, nx.strongly_connected_components)],
    )
    yield "reciprocity", "networkx", lambda: nx.overall_reciprocity(peer)


def by_scipy(connectome: Connectome) -> Peers:
    """The product of matrices alone, which holds the common neighbours of each pair."""
    n = connectome.n_nodes
    ones = np.ones(connectome.n_edges, dtype=np.int32)
    matrix = sparse.coo_array((ones, (connectome.pre, connectome.post)), shape=(n, n)).tocsr()
    yield "common_neighbours", "scipy, A @ A.T alone", lambda: (matrix @ matrix.T).nnz


def by_connalysis(connectome: Connectome) -> Peers:
    """What connalysis has; it lays out all pairs."""
    from connalysis.network import classic

    n = connectome.n_nodes
    ends = connectome.pre, connectome.post
    matrix = sparse.coo_matrix((np.ones(connectome.n_edges, dtype=np.int64), ends), shape=(n, n)).tocsr()
    synapses = sparse.coo_matrix((connectome.properties["n_syn"].astype(np.int64), ends), shape=(n, n)).tocsr()
    yield "common_neighbours", "connalysis", lambda: classic.distribution_number_of_common_neighbors(matrix).tolist()
    yield "common_neighbour_weight_bias", "connalysis", lambda: classic.common_neighbor_weight_bias(synapses)
    yield "rich_club", "connalysis", lambda: classic.efficient_rich_club_curve(matrix).tolist()


PEERS = {"igraph": by_igraph, "networkx": by_networkx, "scipy": by_scipy, "connalysis": by_connalysis}


def _lengths(found: Any) -> list[int]:
    counts: dict[int, int] = {}
    for _, ends in found:
        for length in ends.values():
            counts[length] = counts.get(length, 0) + 1
    return [counts[length] for length in sorted(counts) if length]


def _in_order(values: dict[int, float]) -> list[float]:
    return [values[node] for node in sorted(values)]


def agree(measure: str, peer: str, ours: Any, theirs: Any) -> bool:
    """Whether two results are the same, where they mean the same."""
    if measure in ("path_lengths", "eccentricity") or (measure, peer) == ("common_neighbours", "connalysis"):
        return ours.tolist() == [int(each) for each in theirs]
    if (measure, peer) == ("closeness", "networkx"):
        return bool(np.allclose(ours, theirs))
    if measure == "reciprocity":
        return bool(np.isclose(ours["fraction"], theirs))
    if measure in ("efficiency, undirected", "common_neighbour_weight_bias"):
        return bool(np.isclose(ours, theirs))
    return True


def best(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Processor seconds, the best of several, and the result."""
    took = []
    for _ in range(repeats):
        begun = time.process_time()
        result = work()
        took.append(time.process_time() - begun)
    return min(took), result


def beside(connectome: Connectome, peer: str, ours: dict[str, tuple[float, Any]]) -> None:
    """Time what one peer has and print the ratios."""
    try:
        works = list(PEERS[peer](connectome))
    except ImportError:
        print(f"    {peer} is not installed")
        return
    for measure, name, work in works:
        try:
            theirs, found = best(work, 1)
        except Exception as error:  # a peer that fails on current versions of what it builds on
            print(f"    {measure}: {name} fails: {type(error).__name__}: {error}")
            continue
        if not agree(measure, name, ours[measure][1], found):
            raise SystemExit(f"{measure}: {name} finds something else")
        print(f"    {measure}: {name} {theirs:.3f} CPU s (x {theirs / ours[measure][0]:.1f})")


def main() -> None:
    """Time every measure on every graph and print the ratios."""
    known = []
    for name in ("numpy", "scipy", "pandas", "numba", "igraph", "networkx", "connectome-analysis"):
        with contextlib.suppress(PackageNotFoundError):
            known.append(f"{name} {version(name)}")
    print(f"Python {platform.python_version()}, {', '.join(known)}")
    for work in OURS.values():
        work(random(20, 0.5))
    for name, (make, peers) in GRAPHS.items():
        connectome = make()
        print(f"{name}: {connectome.n_edges:,} connections")
        ours = {measure: best(lambda work=work, c=connectome: work(c), 3) for measure, work in OURS.items()}
        for measure, (took, _) in ours.items():
            print(f"    {measure}: conntap {took:.3f} CPU s")
        for peer in PEERS:
            if peer in peers:
                beside(connectome, peer, ours)


if __name__ == "__main__":
    main()
