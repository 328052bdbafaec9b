"""Counting maximal directed simplices: conntap beside flagser-count.

Processor seconds of one thread (the best of three; flagser-count: of one), the clock with two threads, and the peak of
memory above what the graph takes. Both must find the same. flagser-count takes a quarter of an hour for the column, which
it is given only where asked for. Run it by itself:

    python benchmarks/maximal_simplices.py [--long]
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import graphs_of_benchmarks as graphs
import numpy as np

from conntap.topology import simple_graph
from conntap.topology.maximal import count_maximal_simplices

GRAPHS: dict[str, Callable[[], graphs.Graph | None]] = {
    "worm": graphs.worm,
    "random, 1,000 nodes, density 0.1": lambda: graphs.random(1_000, 0.1),
    "random, 2,000 nodes, density 0.1": lambda: graphs.random(2_000, 0.1),
    "random, 5,000 nodes, density 0.05": lambda: graphs.random(5_000, 0.05),
    "column": graphs.column,
    "fly": graphs.fly,
}
LONG = {"random, 5,000 nodes, density 0.05", "column", "fly"}  # minutes to hours for flagser-count


def measured(work: Callable[[], Any], repeats: int = 1) -> tuple[float, float, float, Any]:
    """Least processor and clock seconds, peak of memory in MB above what was there, and the result."""
    cpu, wall = [], []
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    for _ in range(repeats):
        begin = time.process_time(), time.perf_counter()
        result = work()
        cpu.append(time.process_time() - begin[0])
        wall.append(time.perf_counter() - begin[1])
    return min(cpu), min(wall), memory("VmHWM") - before, result


def memory(what: str) -> float:
    """Resident memory, now or at its peak, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def by_flagser(graph: graphs.Graph) -> Callable[[], list[int]] | None:
    """flagser-count of one thread, or None where it is not installed."""
    try:
        from pyflagsercount import flagser_count
    except ImportError:
        return None
    matrix = graphs.as_matrix(graph)

    def work() -> list[int]:
        with contextlib.redirect_stdout(io.StringIO()):
            counts = flagser_count(matrix, max_simplices=True, threads=1)["max_cell_counts"]
        return np.trim_zeros(np.array(counts), "b").tolist()

    return work


def main() -> None:
    """Time every graph and print the ratios."""
    count_maximal_simplices(*simple_graph(np.array([0]), np.array([1]), 2))
    for name, make in GRAPHS.items():
        graph = make()
        if graph is None:
            print(f"{name}: the data are not here")
            continue
        cpu, _, peak, counts = measured(lambda graph=graph: count_maximal_simplices(*graph), 3)
        both, two, _, _ = measured(lambda graph=graph: count_maximal_simplices(*graph, threads=2), 3)
        print(f"{name}: {len(graph[1]):,} connections; maximal: {', '.join(f'{each:,}' for each in counts)}")
        print(f"    conntap: {cpu:.3f} CPU s, {peak:.0f} MB; two threads: {two:.3f} s by the clock, {both:.3f} CPU s")
        peer = by_flagser(graph)
        if peer is None or (name in LONG and "--long" not in sys.argv):
            print("    flagser-count: " + ("not installed" if peer is None else "left out (see --long)"))
            continue
        theirs, _, peak, found = measured(peer)
        if found != counts.tolist():
            raise SystemExit(f"{name}: flagser-count finds {found}")
        print(f"    flagser-count: {theirs:.3f} CPU s (x {theirs / cpu:.1f}), {peak:.0f} MB")


if __name__ == "__main__":
    main()
