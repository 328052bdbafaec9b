"""Counting directed simplices: conntap beside flagser-count, on graphs made here.

Processor seconds of one thread, the best of several, and the clock with two threads; both must find the same counts.
flagser-count is taken where it is installed (`pip install pyflagsercount`), else left out. Run it by itself:

    python benchmarks/simplex_counts.py
"""

from __future__ import annotations

import contextlib
import io
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from scipy import sparse

from conntap.build import column
from conntap.topology import count_simplices, simple_graph

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


GRAPHS: dict[str, Callable[[], Graph]] = {
    "random, 2,000 nodes, density 0.1": lambda: random(2_000, 0.1),
    "random, 5,000 nodes, density 0.05": lambda: random(5_000, 0.05),
    "random, 5,000 nodes, density 0.1": lambda: random(5_000, 0.1),
    "column, 6,700 nodes": lambda: layered(6_700, 0.5),
    "column, 26,567 nodes": lambda: layered(26_567, 0.16),
}


def best(work: Callable[[], Any], repeats: int) -> tuple[float, float, Any]:
    """Seconds of the processor and by the clock, the best of several, and the result."""
    took = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        took.append((time.process_time() - cpu, time.perf_counter() - wall))
    return min(cpu for cpu, _ in took), min(wall for _, wall in took), result


def by_flagser(graph: Graph) -> Callable[[], list[int]] | None:
    """flagser-count on the same graph, one thread, or None where it is not installed."""
    try:
        from pyflagsercount import flagser_count
    except ImportError:
        return None
    indptr, indices = graph
    n = len(indptr) - 1
    matrix = sparse.csr_matrix((np.ones(len(indices), dtype=np.int8), indices, indptr), shape=(n, n))

    def work() -> list[int]:
        with contextlib.redirect_stdout(io.StringIO()):
            return list(flagser_count(matrix, threads=1)["cell_counts"])

    return work


def main() -> None:
    """Time every graph and print the ratios."""
    packages = ["numpy", "scipy", "numba", "pyflagsercount"]
    known = []
    for name in packages:
        with contextlib.suppress(PackageNotFoundError):
            known.append(f"{name} {version(name)}")
    print(f"Python {platform.python_version()}, {', '.join(known)}")
    wall = time.perf_counter()
    count_simplices(*random(20, 0.5))
    print(f"first call (compiled, or read from the cache): {time.perf_counter() - wall:.2f} s")
    for name, make in GRAPHS.items():
        graph = make()
        ours, _, counts = best(lambda graph=graph: count_simplices(*graph).tolist(), 3)
        _, two, _ = best(lambda graph=graph: count_simplices(*graph, threads=2).tolist(), 3)
        print(f"{name}: {len(graph[1]):,} connections; {', '.join(f'{each:,}' for each in counts[2:])}")
        print(f"    conntap: {ours:.3f} CPU s; with two threads {two:.3f} s by the clock")
        peer = by_flagser(graph)
        if peer is None:
            print("    flagser-count is not installed")
            continue
        theirs, _, found = best(peer, 1)
        if found != counts:
            raise SystemExit(f"{name}: flagser-count finds {found}")
        print(f"    flagser-count: {theirs:.3f} CPU s (x {theirs / ours:.1f})")


if __name__ == "__main__":
    main()
