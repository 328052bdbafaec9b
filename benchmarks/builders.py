"""Networks from nothing: conntap beside igraph, networkx and a random number for each pair.

Each case runs in a process of its own, on a small network first: processor seconds of the second run, and the peak of the
process's memory above what it had after the first. Run it by itself; it needs 4 GB:

    python benchmarks/builders.py
"""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

N, EDGES = 47_521, 5_000_000
TYPES = 65
DENSE = 10_000  # nodes of which all pairs are looked at


def _random() -> np.random.Generator:
    return np.random.default_rng(1)


def _cloud(n: int) -> pd.DataFrame:
    """Nodes of one density, so many."""
    side = 1000.0 * (n / 50_000) ** (1 / 3)
    return pd.DataFrame(np.random.default_rng(0).random((n, 3)) * [side, 2 * side, side], columns=["x", "y", "z"])


def typed(n: int) -> int:
    from conntap.build import typed

    counts = {"n_nodes": n, "proportions": {f"t{number}": 1.0 + number % 7 for number in range(TYPES)}}
    chances = _random().random((TYPES, TYPES)) * 2 * EDGES / N / n
    return typed(counts=counts, probability=chances.tolist(), rng=_random()).n_edges


def typed_igraph(n: int) -> int:
    import igraph

    sizes = np.full(TYPES, n // TYPES)
    sizes[: n - sizes.sum()] += 1
    chances = _random().random((TYPES, TYPES)) * 2 * EDGES / N / n
    return igraph.Graph.SBM(chances.tolist(), sizes.tolist(), directed=True).ecount()


def typed_networkx(n: int) -> int:
    import networkx

    sizes = np.full(TYPES, n // TYPES)
    chances = _random().random((TYPES, TYPES)) * 2 * EDGES / N / n
    graph = networkx.stochastic_block_model(sizes.tolist(), chances.tolist(), seed=1, directed=True, sparse=True)
    return graph.number_of_edges()


def typed_dense(n: int) -> int:
    """Types drawn for each neuron, then a number for each pair, as models of networks of types are commonly wired."""
    rng = _random()
    type_of = rng.integers(0, TYPES, n)
    chances = rng.random((TYPES, TYPES)) * 2 * EDGES / N / n
    return len(np.argwhere(rng.random((n, n)) < chances[type_of][:, type_of]))


def falling(n: int) -> int:
    from conntap.build import distance

    return distance(_cloud(n), rule={"kind": "Exponential", "a": 0.3, "b": 0.011}, rng=_random()).n_edges


def table(n: int) -> int:
    from conntap.build import distance
    from conntap.circuits.rules import Bin, Interpolated

    one = np.exp(-np.abs(np.arange(-180, 181, 60)) / 80)
    chances = 0.3 * one[:, None, None] * one[None, :, None] * one[None, None, :]
    rule = Interpolated(tuple(("offset", axis) for axis in "xyz"), (Bin(-210.0, 60.0, 7),) * 3, chances)
    return distance(_cloud(n), rule=rule, rng=_random()).n_edges


def falling_dense(n: int) -> int:
    from scipy.spatial.distance import cdist

    places = _cloud(n).to_numpy()
    return len(np.argwhere(_random().random((n, n)) < 0.3 * np.exp(-0.011 * cdist(places, places))))


def ring(n: int) -> int:
    from conntap.build import small_world

    return small_world(shape=n, reach=50, rewired=0.1, rng=_random()).n_edges


def ring_igraph(n: int) -> int:
    import igraph

    return igraph.Graph.Watts_Strogatz(1, n, 50, 0.1).ecount()


def ring_networkx(n: int) -> int:
    import networkx

    return networkx.watts_strogatz_graph(n, 100, 0.1, seed=1).number_of_edges()


def tails(n: int) -> int:
    from conntap.build import scale_free

    return scale_free(n_nodes=n, degree=min(100, n // 20), rng=_random()).n_edges


def tails_igraph(n: int) -> int:
    import igraph

    return igraph.Graph.Static_Power_Law(n, min(100, n // 20) * n, exponent_out=2.5, exponent_in=2.5).ecount()


def tails_grown(n: int) -> int:
    from conntap.build import scale_free

    return scale_free(n_nodes=n, degree=10, model="grown", rng=_random()).n_edges


def tails_networkx(n: int) -> int:
    import networkx

    return networkx.scale_free_graph(n, 0.05, 0.9, 0.05, 4.25, 4.25, seed=1).number_of_edges()


def sheet(n: int) -> int:
    from conntap.build import spatial_sheet

    side = round((n / 2) ** 0.5)
    return spatial_sheet(
        shape=(2 * side, side), size_um=(20.0 * side, 10.0 * side), synapses=100, rng=_random()
    ).n_edges


def sheet_dense(n: int) -> int:
    """A number for each pair, with the chance at its offset."""
    side = round((n / 2) ** 0.5)
    x, y = np.divmod(np.arange(2 * side * side), side)
    steps = [np.abs(each[:, None] - each[None]) for each in (x, y)]
    steps = [np.minimum(step, length - step) for step, length in zip(steps, (2 * side, side), strict=True)]
    chances = np.exp(-(steps[0] ** 2 + steps[1] ** 2) / 200.0) * 100 / (2 * np.pi * 100)
    return len(np.argwhere(_random().random(chances.shape) < chances))


CASES: dict[str, list[tuple[str, Callable[[int], int], int]]] = {
    "types of cells, 65 types": [
        ("conntap", typed, N),
        ("igraph, SBM", typed_igraph, N),
        ("networkx, stochastic_block_model", typed_networkx, DENSE),
        ("a number for each pair, numpy", typed_dense, DENSE),
    ],
    "by distance, a exp(-b d)": [("conntap", falling, N), ("a number for each pair, numpy", falling_dense, DENSE)],
    "by a table of offsets (order 4)": [("conntap", table, N)],
    "small world": [
        ("conntap, directed", ring, N),
        ("igraph, undirected", ring_igraph, N),
        ("networkx, undirected", ring_networkx, DENSE),
    ],
    "heavy tails, static": [("conntap", tails, N), ("igraph, Static_Power_Law", tails_igraph, N)],
    "heavy tails, grown, 10 edges a node": [
        ("conntap", tails_grown, N),
        ("networkx, scale_free_graph", tails_networkx, 2000),
    ],
    "sheet, 100 targets a neuron": [("conntap", sheet, N), ("a number for each pair, numpy", sheet_dense, 7200)],
}


def child(name: str, n: int) -> None:
    """One case: print edges, processor seconds and megabytes."""
    work = globals()[name]
    work(1000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    edges = work(n)
    took = time.process_time() - began
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps([edges, took, more / 1024]))


def measured(work: Callable[[int], int], n: int) -> list[Any]:
    """What a process of its own says of a case."""
    command = [sys.executable, __file__, work.__name__, str(n)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Run all cases and print the ratios, by edge where sizes differ."""
    print(
        f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in ("numpy", "igraph", "networkx"))
    )
    for what, rows in CASES.items():
        print(f"\n{what}")
        first = None
        for name, work, n in rows:
            edges, took, more = measured(work, n)
            each = took / edges * 1e6
            first = first or each
            print(
                f"| {name} | {n:,} | {edges:,} | {took:.2f} | {each:.2f} | {more:.0f} | x {each / first:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    child(sys.argv[1], int(sys.argv[2])) if len(sys.argv) > 1 else main()
