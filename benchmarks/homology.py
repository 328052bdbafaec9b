"""Betti numbers and persistence of directed flag complexes: conntap beside flagser, on graphs made here.

Each case runs in a process of its own: processor seconds, the clock, and peak memory above what was taken before.
Both must find the same numbers. flagser is taken where it is installed (`pip install pyflagser`), and given up after a
limit in seconds, the first argument (default 300); connectomes in edge lists (Source, Target, Type) may follow:

    python benchmarks/homology.py 900 herm_full_edgelist.csv
"""

from __future__ import annotations

import contextlib
import multiprocessing
import platform
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pandas as pd

from conntap.topology import simple_graph
from conntap.topology.homology import betti, betti_bounds, persistence

Ends = tuple[np.ndarray, np.ndarray, int]


def random(n: int, p: float) -> Ends:
    """A random graph of density p."""
    rng = np.random.default_rng(0)
    matrix = rng.random((n, n), dtype=np.float32) < p
    np.fill_diagonal(matrix, False)
    return *np.nonzero(matrix), n


def listed(path: str, kind: str) -> Ends:
    """The connections of a kind in an edge list."""
    edges = pd.read_csv(path).map(lambda value: str(value).strip())
    edges.columns = edges.columns.str.strip()
    edges = edges if kind == "both" else edges[edges["Type"] == kind]
    names = pd.Index(pd.unique(pd.concat([edges["Source"], edges["Target"]])))
    return names.get_indexer(edges["Source"]), names.get_indexer(edges["Target"]), len(names)


def dense(ends: Ends) -> np.ndarray:
    """The graph as flagser takes it."""
    indptr, indices = simple_graph(*ends)
    matrix = np.zeros((ends[2], ends[2]), dtype=bool)
    matrix[np.repeat(np.arange(ends[2]), np.diff(indptr)), indices] = True
    return matrix


def weights_of(ends: Ends) -> np.ndarray:
    """A weight a connection."""
    return np.random.default_rng(1).random(len(simple_graph(*ends)[1]))


def ours(ends: Ends, top: int | None) -> list[int]:
    """Betti numbers by conntap."""
    return betti(*simple_graph(*ends), top).tolist()


def theirs(ends: Ends, top: int | None) -> list[int]:
    """Betti numbers by flagser."""
    from pyflagser import flagser_unweighted

    options = {} if top is None else {"max_dimension": top}
    return [int(each) for each in flagser_unweighted(dense(ends), **options)["betti"]]


def our_classes(ends: Ends, top: int) -> list[int]:
    """Classes that last, by dimension, with a weight a connection: conntap."""
    dimension, *_ = persistence(*simple_graph(*ends), weights_of(ends), top, start=0.0)
    return np.bincount(dimension).tolist()


def their_classes(ends: Ends, top: int) -> list[int]:
    """The same by flagser."""
    from pyflagser import flagser_weighted

    matrix = np.full((ends[2], ends[2]), np.inf)
    matrix[dense(ends)] = weights_of(ends)
    np.fill_diagonal(matrix, 0)
    return [int((each[:, 0] != each[:, 1]).sum()) for each in flagser_weighted(matrix, max_dimension=top)["dgms"]]


def our_bounds(ends: Ends, top: int | None) -> list[Any]:
    """Bounds by conntap."""
    return [each.tolist() for each in betti_bounds(*simple_graph(*ends), top)]


def _measured(work: Callable[..., Any], ends: Ends, top: int | None, answer: Any) -> None:
    work(random(30, 0.4), 2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    found = work(ends, top)
    took = time.process_time() - cpu, time.perf_counter() - wall
    answer.send((*took, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000, found))


def measured(work: Callable[..., Any], ends: Ends, top: int | None, limit: float) -> tuple | None:
    """Processor seconds, the clock, megabytes and the result, in a process of its own; None where it was given up."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_measured, args=(work, ends, top, there))
    process.start()
    there.close()
    answer = None
    if here.poll(limit):
        with contextlib.suppress(EOFError):
            answer = here.recv()
    process.kill()
    process.join()
    return answer


def told(name: str, answer: tuple | None, limit: float) -> str:
    """A line of figures."""
    if answer is None:
        return f"    {name}: not finished after {limit:.0f} s"
    cpu, wall, megabytes, _ = answer
    return f"    {name}: {cpu:.2f} CPU s, {wall:.2f} s by the clock, {megabytes:.0f} MB"


def compared(title: str, works: tuple[Callable, Callable], ends: Ends, top: int | None, limit: float) -> None:
    """Run both on one graph and print the ratio."""
    print(f"{title}, {'all dimensions' if top is None else f'to dimension {top}'}")
    mine = min((measured(works[0], ends, top, 3600.0) for _ in range(3)), key=lambda each: each[0])
    print(f"{told('conntap', mine, 3600)}; {mine[3]}", flush=True)
    peer = measured(works[1], ends, top, limit)
    print(told("flagser", peer, limit), flush=True)
    if peer is None:
        print(f"    more than x {limit / mine[1]:.0f}")
        return
    if (peer[3] + [0] * 30)[: len(mine[3])] != mine[3]:
        raise SystemExit(f"flagser finds {peer[3]}")
    print(f"    x {peer[0] / mine[0]:.1f} in CPU, x {peer[2] / max(mine[2], 1):.1f} in memory")


def main() -> None:
    """Time every case."""
    known = []
    for name in ("numpy", "numba", "pyflagser"):
        with contextlib.suppress(PackageNotFoundError):
            known.append(f"{name} {version(name)}")
    print(f"Python {platform.python_version()}, {', '.join(known)}")
    limit = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0
    compared("random, 100 nodes, density 0.1", (ours, theirs), random(100, 0.1), None, limit)
    compared("random, 500 nodes, density 0.1", (ours, theirs), random(500, 0.1), None, limit)
    compared("random, 1,000 nodes, density 0.1", (ours, theirs), random(1000, 0.1), 1, limit)
    compared("random, 100 nodes, density 0.1, weighted", (our_classes, their_classes), random(100, 0.1), 2, limit)
    compared("random, 300 nodes, density 0.1, weighted", (our_classes, their_classes), random(300, 0.1), 1, limit)
    for path in sys.argv[2:]:
        for kind in ("chemical", "electrical", "both"):
            compared(f"{path}, {kind}", (ours, theirs), listed(path, kind), None, limit)
            bounds = measured(our_bounds, listed(path, kind), None, 3600.0)
            print(f"{told('conntap, bounds', bounds, 3600)}; {bounds[3]}")
        compared(f"{path}, chemical, weighted", (our_classes, their_classes), listed(path, "chemical"), 3, limit)
    ends = random(1000, 0.1)
    bounds = measured(our_bounds, ends, 2, 3600.0)
    print(f"{told('random, 1,000 nodes, density 0.1, to dimension 2: bounds', bounds, 3600)}; {bounds[3]}", flush=True)
    exact = measured(ours, ends, 2, 3600.0)
    print(f"{told('exact', exact, 3600)}; {exact[3]}", flush=True)
    print(told("flagser", measured(theirs, ends, 2, limit), limit))


if __name__ == "__main__":
    main()
