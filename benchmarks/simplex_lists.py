"""Listing directed simplices: conntap beside flagser-count and connalysis.

Processor seconds of one thread and the peak of memory above what the graph takes; all must list as many. Run it by
itself:

    python benchmarks/simplex_lists.py
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import graphs_of_benchmarks as graphs
import numpy as np
from maximal_simplices import measured

from conntap.topology import count_simplices, simple_graph
from conntap.topology.listing import iterate_simplices_of, simplices_of

GRAPHS: dict[str, Callable[[], graphs.Graph | None]] = {
    "worm": graphs.worm,
    "random, 1,000 nodes, density 0.1": lambda: graphs.random(1_000, 0.1),
    "random, 2,000 nodes, density 0.05": lambda: graphs.random(2_000, 0.05),
}


def by_flagser(graph: graphs.Graph) -> list[int]:
    """flagser-count: lists of lists."""
    from pyflagsercount import flagser_count

    with contextlib.redirect_stdout(io.StringIO()):
        found = flagser_count(graphs.as_matrix(graph), return_simplices=True, threads=1)["simplices"]
    return [len(each) for each in found[2:]]


def by_connalysis(graph: graphs.Graph) -> list[int]:
    """connalysis: arrays made of the lists of flagser-count."""
    from connalysis.network import topology

    found = topology.list_simplices_by_dimension(graphs.as_matrix(graph), threads=1)
    return [len(each) for each in found.iloc[2:]]


def of_conntap(graph: graphs.Graph, threads: int = 1) -> list[int]:
    """All dimensions from 2 on as packed arrays."""
    dimensions = len(count_simplices(*graph))
    return [len(simplices_of(*graph, dimension=each, threads=threads)) for each in range(2, dimensions)]


def streamed(graph: graphs.Graph, dimension: int) -> int:
    """The simplices of a dimension, a chunk at a time."""
    return sum(len(chunk) for chunk in iterate_simplices_of(*graph, dimension=dimension))


def told(name: str, work: Callable[[], Any], ours: float | None = None) -> tuple[float, Any]:
    """Measure, print, and give the processor seconds and the result back."""
    try:
        cpu, wall, peak, found = measured(work, 3 if ours is None else 1)
    except ImportError:
        print(f"    {name}: not installed")
        return 0.0, None
    ratio = "" if ours is None else f" (x {cpu / ours:.1f})"
    print(f"    {name}: {cpu:.3f} CPU s{ratio}, {wall:.3f} s by the clock, {peak:.0f} MB")
    return cpu, found


def main() -> None:
    """Time every graph and print the ratios."""
    of_conntap(simple_graph(np.array([0, 0, 1]), np.array([1, 2, 2]), 3))
    for name, make in GRAPHS.items():
        graph = make()
        if graph is None:
            print(f"{name}: the data are not here")
            continue
        print(f"{name}: {len(graph[1]):,} connections")
        ours, found = told("conntap", lambda graph=graph: of_conntap(graph))
        told("conntap, two threads", lambda graph=graph: of_conntap(graph, threads=2))
        print(f"        {sum(found):,} simplices from dimension 2")
        for peer in (by_flagser, by_connalysis):
            _, theirs = told(peer.__name__, lambda graph=graph, peer=peer: peer(graph), ours)
            if theirs is not None and np.trim_zeros(np.array(theirs), "b").tolist() != found:
                raise SystemExit(f"{peer.__name__} lists {theirs}, conntap {found}")
    graph = graphs.column()
    print(f"column: {len(graph[1]):,} connections, dimension 3")
    told("whole", lambda: len(simplices_of(*graph, dimension=3)))
    _, number = told("a chunk of 1,000,000 at a time", lambda: streamed(graph, 3))
    print(f"        {number:,} simplices")


if __name__ == "__main__":
    main()
