"""Rules of distance: counted, fitted and drawn, beside connalysis.

Processor seconds, the best of three. Positions are those of a synthetic column; the connectome is drawn by a known rule. The
peer's fit makes matrices of all pairs, so it is run on fewer nodes. Run it by itself, in an environment that holds
connectome-analysis too:

    python benchmarks/distance_models.py [NODES] [NODES OF THE FIT]
"""

from __future__ import annotations

import importlib
import logging
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from conntap.analyze import distance_fit
from conntap.build import column
from conntap.circuits import Connectome
from conntap.manipulate import distance_dependent, distance_preserving, random_geometric

A, B = 0.25, 0.01
XYZ = ["x", "y", "z"]


def best(work: Callable[[], Any], repeats: int = 3) -> tuple[float, float, Any]:
    """Processor seconds and wall seconds, the best of several, and what came out."""
    cpu, wall = [], []
    for _ in range(repeats):
        began = time.process_time(), time.perf_counter()
        result = work()
        cpu.append(time.process_time() - began[0])
        wall.append(time.perf_counter() - began[1])
    return min(cpu), min(wall), result


def peer(name: str) -> Any:
    """A module of connalysis, or None where it is not there."""
    try:
        return importlib.import_module(f"connalysis.{name}")
    except ImportError as error:
        print(f"connalysis is missing ({error}): its columns are left out")
        return None


def cells(n: int) -> Connectome:
    """The cells of a column and no connections."""
    return Connectome(column(n_nodes=n, p_near=0.0, rng=np.random.default_rng(0)).nodes, [], [])


def rule(order: int) -> dict[str, Any]:
    """The known rule."""
    if order == 2:
        return {"kind": "Exponential", "a": A, "b": B}
    return {"kind": "Bipolar", "a_negative": A, "b_negative": B, "a_positive": A, "b_positive": B}


def told(name: str, cpu: float, wall: float, rest: str = "") -> None:
    """Print one line."""
    print(f"{name:<58} {cpu:7.2f} CPU s {wall:7.2f} s  {rest}", flush=True)


def drawn(n: int, randomization: Any) -> Connectome:
    """Draw by a rule that is given, then by a fitted one."""
    empty = cells(n)
    xyz = empty.nodes[XYZ].to_numpy()
    for order in (2, 3):
        ours = best(lambda order=order: distance_dependent(empty, rule=rule(order), rng=np.random.default_rng(1)))
        told(f"conntap, order {order}, rule given", *ours[:2], f"{ours[2].n_edges:,} connections")
        if randomization is not None:
            arguments = (n, A, B, xyz) if order == 2 else (n, A, B, A, B, xyz, xyz[:, 1].copy())
            run = randomization.run_DD2 if order == 2 else randomization.run_DD3
            theirs = best(lambda run=run, arguments=arguments: run(*arguments, threads=1, seed=(1, 2)))
            told(f"connalysis, order {order}, rule given", *theirs[:2], f"x {theirs[0] / ours[0]:.1f}")
            print(f"{'':<58} their connections: {theirs[2].nnz:,}")
    connectome = distance_dependent(empty, rule=rule(2), rng=np.random.default_rng(1))
    for threads in (1, 2):
        for order in (2, 3):
            fitted = best(
                lambda order=order, threads=threads: distance_dependent(
                    connectome, order=order, threads=threads, rng=np.random.default_rng(1)
                )
            )
            told(f"conntap, order {order}, fitted and drawn, threads {threads}", *fitted[:2])
        kept = best(
            lambda threads=threads: distance_preserving(connectome, threads=threads, rng=np.random.default_rng(1))
        )
        told(f"conntap, exact counts in bins of 25 um, threads {threads}", *kept[:2])
    return connectome


def fitted(n: int, connectome: Connectome, modelling: Any) -> None:
    """Fit all of it, and less of it with both."""
    for order in (2, 3):
        ours = best(lambda order=order: distance_fit(connectome, order=order))
        off = (ours[2]["value"] / ([A, B] * (order - 1)) - 1) * 100
        off = ", ".join(f"{name} {value:+.2f} %" for name, value in off.items())
        told(f"conntap, fit of order {order}, {connectome.n_nodes:,} nodes", *ours[:2], off)
    part = distance_dependent(cells(n), rule=rule(2), rng=np.random.default_rng(2))
    ours = best(lambda: distance_fit(part))
    off = (ours[2]["value"] / [A, B] - 1) * 100
    told(f"conntap, fit of order 2, {n:,} nodes", *ours[:2], f"a {off['a']:+.2f} %, b {off['b']:+.2f} %")
    if modelling is not None:
        logging.disable(logging.CRITICAL)
        matrix = part.adjacency().tocsr()
        theirs = best(lambda: modelling.conn_prob_model(matrix, part.nodes, model_order=2, bin_size_um=50), 1)
        found = theirs[2].iloc[0]
        rest = f"a {100 * (found['exp_model_scale'] / A - 1):+.2f} %, b {100 * (found['exp_model_exponent'] / B - 1):+.2f} %"
        told(f"connalysis, fit of order 2, {n:,} nodes", *theirs[:2], f"{rest}; x {theirs[0] / ours[0]:.0f}")


def geometric(n: int, randomization: Any) -> None:
    """Random geometric graphs of 100 near candidates, half of them picked."""
    empty = cells(n)
    ours = best(lambda: random_geometric(empty, nearest=100, probability=0.5, rng=np.random.default_rng(1)))
    told(f"conntap, geometric, {n:,} nodes, half of 100 nearest", *ours[:2], f"{ours[2].n_edges:,} connections")
    if randomization is not None:
        xyz = empty.nodes[XYZ].to_numpy()
        theirs = best(lambda: randomization.random_geometric_model(xyz, n_neighbors=100, p_pick=0.5, mirror=False), 1)
        told("connalysis, the same", *theirs[:2], f"x {theirs[0] / ours[0]:.0f}")


def main() -> None:
    """Time each and print the ratios."""
    n, n_fit = (int(each) for each in [*sys.argv[1:], *("26567", "5000")[len(sys.argv) - 1 :]])
    print(f"Python {platform.python_version()}, numpy {version('numpy')}, numba {version('numba')}")
    try:
        print(f"connectome-analysis {version('connectome-analysis')}")
    except PackageNotFoundError:
        print("connectome-analysis is not installed")
    small = distance_dependent(cells(200), rule=rule(3), rng=np.random.default_rng(0))
    for order in (2, 3):  # compile
        distance_dependent(small, order=order, threads=2, rng=np.random.default_rng(0))
    distance_preserving(small, rng=np.random.default_rng(0))
    randomization, modelling = peer("randomization"), peer("modelling")
    print(f"{n:,} nodes")
    fitted(n_fit, drawn(n, randomization), modelling)
    geometric(n_fit, randomization)


if __name__ == "__main__":
    main()
