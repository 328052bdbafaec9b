"""Drawing as many connections anew, uniformly: conntap beside bare numpy and networkx.

Processor seconds, the best of several, and the peak of memory above the input. networkx draws a tenth of the
connections and is scaled up. Run it by itself:

    python benchmarks/erdos_renyi.py
"""

from __future__ import annotations

import platform
import time
import tracemalloc
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import networkx
import numpy as np

from conntap.circuits import Connectome
from conntap.manipulate import erdos_renyi

NODES, CONNECTIONS = 26_567, 6_758_608


def best(work: Callable[[], Any], repeats: int) -> float:
    """Processor seconds, the best of several."""
    took = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)


def peak(work: Callable[[], Any]) -> int:
    """Bytes allocated at most while it runs."""
    tracemalloc.start()
    work()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def main() -> None:
    """Time each and print the ratios."""
    print(f"Python {platform.python_version()}, numpy {version('numpy')}, networkx {version('networkx')}")
    codes = np.sort(np.random.default_rng(0).choice(NODES * (NODES - 1), CONNECTIONS, replace=False))
    pre, rest = np.divmod(codes, NODES - 1)
    connectome = Connectome(NODES, pre, rest + (rest >= pre))

    def ours() -> Connectome:
        return erdos_renyi(connectome, rng=np.random.default_rng(1))

    def bare() -> np.ndarray:
        return np.random.default_rng(1).choice(NODES * (NODES - 1), CONNECTIONS, replace=False)

    def theirs() -> networkx.DiGraph:
        return networkx.gnm_random_graph(NODES, CONNECTIONS // 10, seed=1, directed=True)

    ours_s, bare_s, theirs_s = best(ours, 3), best(bare, 3), 10 * best(theirs, 1)
    print(f"{NODES:,} nodes, {CONNECTIONS:,} connections")
    print(f"conntap: {ours_s:.2f} CPU s, {peak(ours) / CONNECTIONS:.0f} bytes a connection")
    print(f"numpy, Generator.choice of pair numbers, nothing else: {bare_s:.2f} CPU s (x {bare_s / ours_s:.2f})")
    print(f"networkx, gnm_random_graph: about {theirs_s:.0f} CPU s (x {theirs_s / ours_s:.0f})")


if __name__ == "__main__":
    main()
