"""Random connectomes: conntap beside connectome-analysis (connalysis) and igraph, and what each truly keeps.

Processor seconds, the best of several, and the peak of resident memory above what was resident before, each case in
a process of its own. Every result is then held against the original: its connections, its reciprocal pairs, the nodes
that keep their degrees, the pairs that stay connected, and the connections that lead from a low to a high number.
Peers that are not installed are left out. Run it by itself:

    python benchmarks/null_models.py
"""

from __future__ import annotations

import contextlib
import multiprocessing
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import graphs_of_benchmarks as graphs
import numpy as np
import pandas as pd
from scipy import sparse

from conntap import manipulate
from conntap.circuits import Connectome

GROUPS = 12
Result = tuple[float, float, dict[str, Any]]


def made(graph: graphs.Graph) -> Connectome:
    """The connectome, its nodes in twelve groups by their number."""
    indptr, indices = graph
    n = len(indptr) - 1
    nodes = pd.DataFrame({"group": np.arange(n) * GROUPS // max(1, n)})
    return Connectome(nodes, np.repeat(np.arange(n, dtype=np.int32), np.diff(indptr)), indices)


def resident(kind: str) -> float:
    """Megabytes resident now ("VmRSS"), or at most since they were last forgotten ("VmHWM")."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(each.split()[1]) / 1024 for each in lines if each.startswith(kind))


def held_against(original: sparse.csr_array, result: sparse.csr_array) -> dict[str, Any]:
    """What a result shares with the original."""
    loops, most = int(np.count_nonzero(result.diagonal())), int(result.data.max(initial=0))
    result = result.astype(bool).astype(np.int32)
    coo = result.tocoo()
    same = [np.mean(original.sum(axis=axis) == result.sum(axis=axis)) for axis in (1, 0)]
    joined, was = (matrix + matrix.T for matrix in (result, original))
    return {
        "connections": result.nnz,
        "pairs": int(result.multiply(result.T).nnz) // 2,
        "out": same[0],
        "in": same[1],
        "linked": was.astype(bool).multiply(joined.astype(bool)).nnz / was.nnz,
        "upward": float(np.mean(coo.row < coo.col)),
        "place": original.multiply(result).nnz / original.nnz,
        "loops": loops,
        "most": most,
    }


def as_matrix(connectome: Connectome) -> sparse.csr_array:
    """Counts of edges as a matrix."""
    return connectome.adjacency()


def measured(work: Callable[[int], Any], form: Callable[[Any], Any], original: Any, repeats: int, answer: Any) -> None:
    """Run in a child: seconds, megabytes and what is kept, or the error's text."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        before, took, result = resident("VmRSS"), [], None
        for seed in range(repeats):
            began = time.process_time()
            result = work(seed)
            took.append(time.process_time() - began)
            if seed == 0:
                peak = resident("VmHWM") - before
        answer.send((min(took), peak, held_against(original, sparse.csr_array(form(result)))))
    except Exception as error:  # what a peer raises is a finding
        answer.send(f"{type(error).__name__}: {error}".splitlines()[0][:90])


def run(work: Callable[[int], Any], form: Callable[[Any], Any], original: Any, repeats: int = 3) -> Result | str:
    """A case in a process of its own."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=measured, args=(work, form, original, repeats, there))
    child.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        return "ended without an answer"
    finally:
        child.join()


def ours(connectome: Connectome) -> dict[str, Callable[[int], Connectome]]:
    """Every model of conntap, by what it is compared with."""

    def model(name: str, **options: Any) -> Callable[[int], Connectome]:
        function = getattr(manipulate, name)
        return lambda seed: function(connectome, rng=np.random.default_rng(seed), **options)

    return {
        "erdos_renyi": model("erdos_renyi"),
        "adjusted_erdos_renyi": model("adjusted_erdos_renyi"),
        "stochastic_block": model("stochastic_block", by="group"),
        "stochastic_block, expectation": model("stochastic_block", by="group", preserve="expectation"),
        "configuration_approximate": model("configuration_approximate"),
        "configuration_approximate, rewire": model("configuration_approximate", conflicts="rewire"),
        "degree_preserving, 20 sweeps": model("degree_preserving"),
        "degree_and_reciprocity_preserving, 50 sweeps": model("degree_and_reciprocity_preserving"),
        "shuffle_directions": model("shuffle_directions"),
        "bishuffled": model("bishuffled"),
    }


def theirs(original: sparse.csr_array) -> dict[str, Callable[[int], Any]]:
    """The models of connectome-analysis, by the one of conntap that each is beside."""
    try:
        with contextlib.redirect_stderr(None):
            from connalysis.randomization import randomization as peer
    except ImportError:
        return {}
    matrix = sparse.csc_matrix(original.astype(np.int64))
    n = matrix.shape[0]
    blocks = np.arange(n) * GROUPS // max(1, n)
    member = sparse.csr_matrix((np.ones(n), (blocks, np.arange(n))))
    sizes = np.bincount(blocks)
    cells = np.outer(sizes, sizes) - np.diag(sizes)
    chances = (member @ matrix @ member.T).toarray() / cells
    return {
        "erdos_renyi": lambda seed: peer.ER_shuffle(matrix.tocsr(), seed=seed),
        "adjusted_erdos_renyi": lambda seed: peer.adjusted_ER(matrix, seed=seed),
        "stochastic_block, expectation": lambda seed: peer.run_SBM(n, chances, blocks, 1, (seed, seed)),
        "configuration_approximate": lambda seed: peer.configuration_model(matrix.tocoo(), seed=seed),
        "shuffle_directions": lambda seed: peer.underlying_model(matrix, seed=seed),
        "bishuffled": lambda seed: peer.bishuffled_model(matrix, seed=seed),
    }


def by_igraph(connectome: Connectome, trials: int) -> tuple[Callable[[int], Any], Callable[[Any], Any]] | None:
    """igraph's chain: some trials a connection, each of which changes two connections at most."""
    try:
        import igraph
    except ImportError:
        return None
    ends = np.column_stack([connectome.pre, connectome.post])
    graph = igraph.Graph(n=connectome.n_nodes, edges=ends, directed=True)

    def work(seed: int) -> Any:
        graph.rewire(n=trials * connectome.n_edges)
        return graph

    def form(result: Any) -> sparse.coo_array:
        pre, post = np.array(result.get_edgelist()).T
        return sparse.coo_array((np.ones(len(pre), np.int32), (pre, post)), shape=(connectome.n_nodes,) * 2)

    return work, form


def shown(name: str, result: Result | str, beside: float | None = None) -> None:
    """One line a case."""
    if isinstance(result, str):
        print(f"    {name:46s} {result}")
        return
    seconds, peak, kept = result
    ratio = f" (x {seconds / beside:.1f})" if beside else ""
    print(
        f"    {name:46s} {seconds:6.2f} CPU s{ratio}, {peak:6.0f} MB; {kept['connections']:,} connections, "
        f"{kept['pairs']:,} reciprocal pairs; out-degree kept by {kept['out']:.1%} of nodes, in-degree by {kept['in']:.1%}; "
        f"linked still {kept['linked']:.1%}; low to high {kept['upward']:.1%}; in place {kept['place']:.2%}; "
        f"{kept['loops']} loops, entries up to {kept['most']}",
        flush=True,
    )


def compared(name: str, graph: graphs.Graph) -> None:
    """Every model on one graph."""
    connectome = made(graph)
    original = as_matrix(connectome)
    print(f"{name}: {connectome.n_nodes:,} nodes")
    shown("as it is", (0.0, 0.0, held_against(original, original)))
    small = made(graphs.random(50, 0.2))
    for work in ours(small).values():
        work(0)  # compiled, or read from the cache
    peers = theirs(original)
    for model, work in ours(connectome).items():
        result = run(work, as_matrix, original)
        shown(model, result)
        if model in peers:
            beside = None if isinstance(result, str) else result[0]
            shown("        connalysis", run(peers[model], lambda matrix: matrix, original, 1), beside)
    for trials in (1, 5):
        chain = by_igraph(connectome, trials)
        if chain:
            shown(f"igraph, rewire, {trials} a connection", run(*chain, original, 1))
    if chain is None:
        print("    igraph is not installed")
    if not peers:
        print("    connectome-analysis is not installed")


def spread(side: int) -> None:
    """Connections grown on a torus whose nodes project to their 48 neighbours."""
    at = np.arange(side * side, dtype=np.int32).reshape(side, side)
    shifts = [(x, y) for x in range(-3, 4) for y in range(-3, 4) if (x, y) != (0, 0)]
    ends = [np.stack([at.ravel(), np.roll(at, shift, (0, 1)).ravel()]) for shift in shifts]
    base = Connectome(side * side, *np.concatenate(ends, axis=1))
    matrix = as_matrix(base)
    small = Connectome(2, [0], [1])
    manipulate.stochastic_spread(small, rng=np.random.default_rng(0))
    print(
        f"stochastic_spread on a torus: {base.n_nodes:,} nodes, {base.n_edges:,} connections, 10 nodes a step, 30 steps"
    )

    def ours(seed: int) -> Connectome:
        return manipulate.stochastic_spread(base, expected=10, steps=30, rng=np.random.default_rng(seed))

    result = run(ours, as_matrix, matrix)
    shown("stochastic_spread", result)
    with contextlib.suppress(ImportError), contextlib.redirect_stderr(None):
        from connalysis.randomization import randomization as peer

        own = sparse.csr_matrix(matrix.astype(bool))
        beside = None if isinstance(result, str) else result[0]
        theirs = run(lambda seed: peer.stochastic_spread_model(own, n_steps=30, q=10.0), lambda each: each, matrix, 1)
        shown("        connalysis", theirs, beside)


def main() -> None:
    """Time every model on every graph and say what each keeps."""
    known = []
    for package in ("numpy", "scipy", "numba", "connectome-analysis", "igraph"):
        with contextlib.suppress(PackageNotFoundError):
            known.append(f"{package} {version(package)}")
    print(f"Python {platform.python_version()}, {', '.join(known)}")
    if "small" in sys.argv[1:]:
        compared("random, 2,000 nodes, density 0.02", graphs.random(2_000, 0.02))
        return spread(40)
    compared("column", graphs.column())
    return spread(163)


if __name__ == "__main__":
    main()
