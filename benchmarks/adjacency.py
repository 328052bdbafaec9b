"""The adjacency matrix of an edge population on disk: conntap beside bare h5py, libsonata and bluepysnap.

Synthetic populations of 1 and 7 million edges, uncompressed, sorted by target and indexed, are written to a
temporary folder and read from the page cache; each time is the best of several. Run it by itself:

    python benchmarks/adjacency.py
"""

from __future__ import annotations

import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy import sparse

from conntap.circuits import Connectome, EdgePopulation, open_circuit
from conntap.circuits.sonata import ends
from conntap.circuits.sonata.writing import write_sonata

SIZES = {"1 M edges, 10,000 nodes": (10_000, 1_000_000), "7 M edges, 31,000 nodes": (31_000, 7_000_000)}
FEW = 1_000  # chosen targets
PART = 10_000  # edges that iter_connections is timed on


def write(folder: Path, nodes: int, edges: int) -> Path:
    """A random population with one numeric property."""
    rng = np.random.default_rng(0)
    pre, post = rng.integers(0, nodes, edges), rng.integers(0, nodes, edges)
    connectome = Connectome(nodes, pre, post, properties={"syn_weight": rng.random(edges)}, name="cells")
    return write_sonata(connectome, folder)


def timed(work: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Seconds by the clock and of the processor: the best of several."""
    took = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        took.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(took)


def counts(pre: np.ndarray, post: np.ndarray, n: int) -> sparse.csr_array:
    """The matrix [pre, post] of edge counts, as anyone would write it with scipy."""
    return sparse.csr_array((np.ones(len(pre), dtype=np.int32), (pre, post)), shape=(n, n))


def by_h5py(path: Path, name: str, n: int) -> sparse.csr_array:
    """The floor: both columns of ids and scipy."""
    with h5py.File(path) as file:
        group = file["edges"][name]
        return counts(group["source_node_id"][:], group["target_node_id"][:], n)


def by_libsonata(path: Path, name: str, n: int) -> sparse.csr_array:
    """The same by libsonata."""
    import libsonata

    edges = libsonata.EdgeStorage(str(path)).open_population(name)
    every = edges.select_all()
    return counts(edges.source_nodes(every), edges.target_nodes(every), n)


def by_bluepysnap(config: Path, name: str, n: int) -> sparse.csr_array:
    """The same by bluepysnap's pathway_edges of all nodes."""
    import bluepysnap

    ends = ["@source_node", "@target_node"]
    table = bluepysnap.Circuit(str(config)).edges[name].pathway_edges(source=None, target=np.arange(n), properties=ends)
    return counts(table[ends[0]].to_numpy(), table[ends[1]].to_numpy(), n)


def iterated(config: Path, name: str, n: int) -> Iterator[Any]:
    """The first connections that bluepysnap's iter_connections yields."""
    import bluepysnap

    edges = bluepysnap.Circuit(str(config)).edges[name]
    return islice(edges.iter_connections(source=np.arange(n), target=np.arange(n), return_edge_count=True), PART)


def by_scan(edges: EdgePopulation, **chosen: Any) -> Connectome:
    """What conntap reads with its use of the index switched off."""
    kept, ends._GATHER_BELOW = ends._GATHER_BELOW, -1.0
    try:
        return edges.connectome(**chosen)
    finally:
        ends._GATHER_BELOW = kept


def report(rows: list[tuple[str, float, float]], base: float) -> None:
    """Print seconds, processor seconds and the ratio to the first row."""
    for name, wall, cpu in rows:
        print(f"  {name:58} {wall:8.4f} s  cpu {cpu:8.4f} s  x {wall / base:8.2f}")


def whole(config: Path, n: int, repeats: int) -> None:
    """All edges as a matrix."""
    edges = open_circuit(config).edges()
    name, path = edges.name, edges.path
    expected = by_h5py(path, name, n)
    for other in (edges.adjacency(), by_libsonata(path, name, n), by_bluepysnap(config, name, n)):
        if (expected != other).nnz:
            sys.exit("the readers disagree")
    rows = [
        ("h5py + scipy, the floor", *timed(lambda: by_h5py(path, name, n), repeats)),
        ("conntap, EdgePopulation.adjacency()", *timed(edges.adjacency, repeats)),
        ("conntap, EdgePopulation.connectome()", *timed(edges.connectome, repeats)),
        ("libsonata + scipy", *timed(lambda: by_libsonata(path, name, n), repeats)),
        ("bluepysnap, pathway_edges + scipy", *timed(lambda: by_bluepysnap(config, name, n), 3)),
    ]
    wall, cpu = timed(lambda: sum(1 for _ in iterated(config, name, n)), 1)
    scale = expected.nnz / PART
    rows.append((f"bluepysnap, iter_connections, {PART:,} scaled up", wall * scale, cpu * scale))
    report(rows, rows[0][1])


def few(config: Path, n: int, repeats: int) -> None:
    """The edges onto a few targets, and among them."""
    edges = open_circuit(config).edges()
    ids = np.sort(np.random.default_rng(1).choice(n, FEW, replace=False))
    for label, chosen in ((f"onto {FEW:,} targets", {"post_ids": ids}), (f"among {FEW:,} nodes", {"ids": ids})):
        rows = [
            (f"conntap, as it chooses, {label}", *timed(lambda c=chosen: edges.connectome(**c), repeats)),
            (f"conntap, scan, {label}", *timed(lambda c=chosen: by_scan(edges, **c), repeats)),
            (f"bluepysnap, pathway_edges, {label}", *timed(lambda c=chosen: peer_few(config, edges.name, ids, c), 3)),
        ]
        report(rows, rows[0][1])


def peer_few(config: Path, name: str, ids: np.ndarray, chosen: dict[str, Any]) -> Any:
    """The same edges by bluepysnap."""
    import bluepysnap

    edges = bluepysnap.Circuit(str(config)).edges[name]
    source = ids if "ids" in chosen else None
    return edges.pathway_edges(source=source, target=ids, properties=["@source_node", "@target_node"])


def main() -> None:
    """Print every comparison."""
    names = ("numpy", "scipy", "h5py", "libsonata", "bluepysnap")
    print(f"Python {platform.python_version()}; " + ", ".join(f"{name} {version(name)}" for name in names))
    for label, (nodes, edges) in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            config = write(Path(folder), nodes, edges)
            print(label)
            whole(config, nodes, 7)
            few(config, nodes, 7)


if __name__ == "__main__":
    main()
