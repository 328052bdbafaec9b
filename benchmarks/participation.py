"""In how many directed simplices each node and each connection stands: conntap beside flagser-count and connalysis.

Processor seconds of one thread (the best of three up to two million connections, else of one; peers: of one), the clock
with two threads, and the peak of memory above what the graph takes. All must find the same. connalysis' tables of
connections are flagser-count's, put into pandas. Peers are taken where they are installed and the graph is not too large
for them; flagser-count is given the column by node only where asked for. Run it by itself:

    python benchmarks/participation.py [--long]
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
from conntap.topology.participation import edge_participation, node_participation

GRAPHS: dict[str, Callable[[], graphs.Graph | None]] = {
    "worm": graphs.worm,
    "random, 1,000 nodes, density 0.1": lambda: graphs.random(1_000, 0.1),
    "random, 2,000 nodes, density 0.1": lambda: graphs.random(2_000, 0.1),
    "random, 5,000 nodes, density 0.05": lambda: graphs.random(5_000, 0.05),
    "random, 10,000 nodes, density 0.01": lambda: graphs.random(10_000, 0.01),
    "fly": graphs.fly,
    "column": graphs.column,
}
LONG = {("nodes", "column"), ("nodes", "fly")}  # minutes for flagser-count
TOO_LARGE = {("connections", "column"), ("connections", "fly")}  # for the dictionaries of flagser-count


def measured(work: Callable[[], Any], repeats: int = 1) -> tuple[float, float, float, Any]:
    """Least processor and clock seconds, peak of memory in MB above what was there, and the result."""
    cpu, wall = [], []
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    for _ in range(repeats):
        result = None
        begin = time.process_time(), time.perf_counter()
        result = work()
        cpu.append(time.process_time() - begin[0])
        wall.append(time.perf_counter() - begin[1])
    return min(cpu), min(wall), memory("VmHWM") - before, result


def memory(what: str) -> float:
    """Resident memory, now or at its peak, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def nodes_by_flagser(matrix: Any) -> list[list[int]]:
    """A row a node, or an ImportError."""
    from pyflagsercount import flagser_count

    with contextlib.redirect_stdout(io.StringIO()):
        return flagser_count(matrix, containment=True, threads=1)["contain_counts"]


def edges_by_flagser(matrix: Any) -> list[list[int]]:
    """A row a connection in the order of the matrix, or an ImportError."""
    from pyflagsercount import flagser_count

    with contextlib.redirect_stdout(io.StringIO()):
        found = flagser_count(matrix, edge_containment=True, threads=1)["edge_contain_counts"]
    return [found[pair][1:] for pair in zip(*(each.tolist() for each in matrix.nonzero()), strict=True)]


def edges_by_connalysis(matrix: Any) -> Any:
    """connalysis' table, or an ImportError."""
    from connalysis.network.topology import edge_participation as theirs

    with contextlib.redirect_stdout(io.StringIO()):
        return theirs(matrix, threads=1)


def equal(ours: np.ndarray, theirs: list[list[int]]) -> bool:
    """Whether both hold the same; rows of theirs end with the last count that is not zero."""
    return all(row == other + [0] * (len(row) - len(other)) for row, other in zip(ours.tolist(), theirs, strict=True))


def compare(what: str, name: str, matrix: Any, ours: np.ndarray, cpu: float) -> None:
    """Time the peers and print their ratios to `cpu`."""
    if (what, name) in TOO_LARGE or ((what, name) in LONG and "--long" not in sys.argv):
        print(
            "        flagser-count: left out" + (" (see --long)" if (what, name) in LONG else ": a dictionary of lists")
        )
        return
    peers = {"flagser-count": nodes_by_flagser if what == "nodes" else edges_by_flagser}
    if what == "connections":
        peers["connalysis"] = edges_by_connalysis
    for peer, work in peers.items():
        try:
            theirs, _, peak, found = measured(lambda work=work: work(matrix))
        except ImportError:
            print(f"        {peer}: not installed")
            continue
        if peer == "flagser-count" and not equal(ours, found):
            raise SystemExit(f"{name}: {peer} finds something else")
        print(f"        {peer}: {theirs:.3f} CPU s (x {theirs / cpu:.1f}), {peak:.0f} MB")


def main() -> None:
    """Time every graph and print the ratios."""
    tiny = simple_graph(np.array([0]), np.array([1]), 2)
    works = {"nodes": node_participation, "connections": edge_participation}
    for work in works.values():
        work(*tiny)
    for name, make in GRAPHS.items():
        graph = make()
        if graph is None:
            print(f"{name}: the data are not here")
            continue
        matrix = graphs.as_matrix(graph)
        repeats = 3 if len(graph[1]) < 2e6 else 1
        print(f"{name}: {len(graph[1]):,} connections", flush=True)
        for what, work in works.items():
            cpu, _, peak, table = measured(lambda work=work, graph=graph: work(*graph), repeats)
            both, two, _, _ = measured(lambda work=work, graph=graph: work(*graph, threads=2), repeats)
            print(
                f"    {what}: {cpu:.3f} CPU s, {peak:.0f} MB; two threads: {two:.3f} s by the clock, {both:.3f} CPU s"
            )
            for position in ("source", "sink") if what == "nodes" else ("spine", "first"):
                seconds, *_ = measured(lambda: work(*graph, position=position))  # noqa: B023
                print(f"        {position}: {seconds:.3f} CPU s", flush=True)
            compare(what, name, matrix, table, cpu)


if __name__ == "__main__":
    main()
