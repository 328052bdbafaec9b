"""Connections inside simplices by place: conntap beside connalysis.

Processor seconds of one thread (the best of three; connalysis: of one), the clock with two threads, and the peak of
memory above what the graph takes. connalysis gives its matrices turned round, [post, pre]; they are compared so. It lists
all simplices, which only the first two graphs allow. Run it by itself:

    python benchmarks/bedge_counts.py
"""

from __future__ import annotations

from collections.abc import Callable

import graphs_of_benchmarks as graphs
import numpy as np
from maximal_simplices import measured

from conntap.topology import simple_graph
from conntap.topology.bedges import count_bedges

GRAPHS: dict[str, Callable[[], graphs.Graph | None]] = {
    "random, 500 nodes, density 0.1": lambda: graphs.random(500, 0.1),
    "random, 1,000 nodes, density 0.1": lambda: graphs.random(1_000, 0.1),
    "worm": graphs.worm,
    "random, 5,000 nodes, density 0.05": lambda: graphs.random(5_000, 0.05),
    "column": graphs.column,
    "fly": graphs.fly,
}
SMALL = 2  # graphs that connalysis is given


def by_connalysis(graph: graphs.Graph) -> list[np.ndarray]:
    """The matrices of dimensions from 1 on, [pre, post]."""
    from connalysis.network import topology

    found = topology.bedge_counts(graphs.as_matrix(graph), threads=1)
    return [np.asarray(each).T for each in found.iloc[1:] if np.ndim(each) == 2]


def main() -> None:
    """Time every graph and print the ratios."""
    count_bedges(*simple_graph(np.array([0]), np.array([1]), 2))
    for number, (name, make) in enumerate(GRAPHS.items()):
        graph = make()
        if graph is None:
            print(f"{name}: the data are not here")
            continue
        cpu, _, peak, sums = measured(lambda graph=graph: count_bedges(*graph), 3)
        _, two, _, _ = measured(lambda graph=graph: count_bedges(*graph, threads=2), 3)
        print(f"{name}: {len(graph[1]):,} connections, up to dimension {len(sums) - 1}")
        print(f"    conntap: {cpu:.3f} CPU s, {peak:.0f} MB; two threads: {two:.3f} s by the clock")
        if number >= SMALL:
            continue
        try:
            theirs, _, peak, found = measured(lambda graph=graph: by_connalysis(graph))
        except ImportError:
            print("    connalysis is not installed")
            continue
        same = len(found) == len(sums) - 1 and all(map(np.array_equal, sums[1:], found))
        print(f"    connalysis: {theirs:.3f} CPU s (x {theirs / cpu:.0f}), {peak:.0f} MB; equal: {same}")


if __name__ == "__main__":
    main()
