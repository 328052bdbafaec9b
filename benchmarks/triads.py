"""Counting triads of all sixteen classes: conntap beside igraph and networkx, on graphs made here.

Processor seconds of one thread, the best of three, and the clock with two threads; all must find the same counts. A peer
is left out where it is not installed, and on graphs that take it more than minutes. Run it by itself:

    python benchmarks/triads.py
"""

from __future__ import annotations

import contextlib
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from conntap.build import column
from conntap.topology import simple_graph
from conntap.topology.triad_classes import TRIADS
from conntap.topology.triads import count_triads, sample_triads

Graph = tuple[np.ndarray, np.ndarray]


def layered(n: int, p_near: float) -> Graph:
    """A column wired by distance."""
    rng = np.random.default_rng(5)
    grown = column(n_nodes=n, radius_um=230.0, p_near=p_near, length_um=130.0, inhibitory=0.15, rng=rng)
    return simple_graph(grown.pre, grown.post, n)


def random(n: int, p: float) -> Graph:
    """A random graph of density p."""
    rng = np.random.default_rng(0)
    return simple_graph(*np.nonzero(rng.random((n, n), dtype=np.float32) < p), n)


GRAPHS: dict[str, tuple[Callable[[], Graph], bool, bool]] = {  # made, for igraph, for networkx
    "random, 500 nodes, density 0.05": (lambda: random(500, 0.05), True, True),
    "random, 2,000 nodes, density 0.1": (lambda: random(2_000, 0.1), True, False),
    "random, 5,000 nodes, density 0.1": (lambda: random(5_000, 0.1), False, False),
    "column, 1,700 nodes": (lambda: layered(1_700, 0.31), True, False),
    "column, 6,719 nodes": (lambda: layered(6_719, 0.31), True, False),
    "column, 26,567 nodes": (lambda: layered(26_567, 0.16), False, False),
}


def pairs(graph: Graph) -> np.ndarray:
    """The connections, one a row."""
    indptr, indices = graph
    return np.stack([np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)), indices], axis=1)


def by_igraph(graph: Graph) -> Callable[[], list[int]]:
    """The census of igraph."""
    import igraph

    peer = igraph.Graph(n=len(graph[0]) - 1, edges=pairs(graph), directed=True)

    def work() -> list[int]:
        census = peer.triad_census()
        return [int(getattr(census, f"t{name}")) for name in TRIADS]

    return work


def by_networkx(graph: Graph) -> Callable[[], list[int]]:
    """The census of networkx."""
    import networkx

    peer = networkx.DiGraph(pairs(graph).tolist())
    peer.add_nodes_from(range(len(graph[0]) - 1))

    def work() -> list[int]:
        census = networkx.triadic_census(peer)
        return [census[name] for name in TRIADS]

    return work


def best(work: Callable[[], Any], repeats: int) -> tuple[float, float, Any]:
    """Seconds of the processor and by the clock, the best of several, and the result."""
    took = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        took.append((time.process_time() - cpu, time.perf_counter() - wall))
    return min(cpu for cpu, _ in took), min(wall for _, wall in took), result


def beside(name: str, peer: Callable[[Graph], Callable[[], list[int]]], graph: Graph, ours: float, counts: Any) -> None:
    """Time one peer and print the ratio."""
    try:
        work = peer(graph)
    except ImportError:
        print(f"    {name} is not installed")
        return
    theirs, _, found = best(work, 1)
    if max(counts) < 2**53 and found != counts:
        raise SystemExit(f"{name} finds {found}")
    print(f"    {name}: {theirs:.2f} CPU s (x {theirs / ours:.0f})")


def main() -> None:
    """Time every graph and print the ratios."""
    known = []
    for name in ("numpy", "scipy", "numba", "igraph", "networkx"):
        with contextlib.suppress(PackageNotFoundError):
            known.append(f"{name} {version(name)}")
    print(f"Python {platform.python_version()}, {', '.join(known)}")
    wall = time.perf_counter()
    count_triads(*random(20, 0.5))
    print(f"first call (compiled, or read from the cache): {time.perf_counter() - wall:.2f} s")
    for name, (make, for_igraph, for_networkx) in GRAPHS.items():
        graph = make()
        ours, _, counts = best(lambda graph=graph: count_triads(*graph).tolist(), 3)
        _, two, _ = best(lambda graph=graph: count_triads(*graph, threads=2).tolist(), 3)
        rng = np.random.default_rng(1)
        sampled, _, _ = best(lambda graph=graph, rng=rng: sample_triads(*graph, draws=1_000_000, rng=rng), 1)
        print(f"{name}: {len(graph[1]):,} connections, {sum(counts[3:]) / 1e6:,.1f} M connected triads")
        print(
            f"    conntap: {ours:.3f} CPU s; two threads {two:.3f} s by the clock; a sample of 1 M {sampled:.2f} CPU s"
        )
        if for_igraph:
            beside("igraph", by_igraph, graph, ours, counts)
        if for_networkx:
            beside("networkx", by_networkx, graph, ours, counts)


if __name__ == "__main__":
    main()
