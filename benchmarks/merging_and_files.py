"""Sorting and merging edges beside numpy and pandas, and a connectome through each kind of file.

Five million random edges among 100,000 nodes with one number and one text each. Run it by itself:

    python benchmarks/merging_and_files.py
"""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits import Connectome
from conntap.circuits.formats import read, write
from conntap.circuits.sonata.ordering import order_of_pairs

NODES, EDGES = 100_000, 5_000_000


def best(function: Callable[[], Any], times: int = 3) -> float:
    """Processor seconds, the least of several runs."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        function()
        taken.append(time.process_time() - start)
    return min(taken)


def compared(title: str, ours: Callable[[], Any], peer: Callable[[], Any]) -> None:
    """Both in turn, and their ratio."""
    a, b = best(ours), best(peer)
    print(f"{title:<55} {a:7.3f} s  peer {b:7.3f} s  ratio {a / b:5.2f}")


def connectome() -> Connectome:
    """Random edges, some of them parallel."""
    rng = np.random.default_rng(0)
    pre, post = rng.integers(0, NODES, EDGES), rng.integers(0, NODES // 50, EDGES)
    kind = pd.Categorical.from_codes(rng.integers(0, 2, EDGES), ["chemical", "electrical"])
    return Connectome(NODES, pre, post, properties={"weight": rng.random(EDGES), "kind": kind})


def merged_by_pandas(c: Connectome) -> pd.DataFrame:
    """What `connections` does, by a group-by."""
    table = pd.DataFrame({"pre": c.pre, "post": c.post, "weight": c.properties["weight"]})
    return table.groupby(["pre", "post"])["weight"].agg(["size", "sum"])


def main() -> None:
    """Print the table."""
    c = connectome()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pandas", "h5py", "pyarrow"))
    print(f"Python {platform.python_version()}, {packages}; {EDGES:,} edges, {NODES:,} nodes; processor seconds")
    ours, theirs = c.connections(merge={"weight": "sum"}), merged_by_pandas(c)
    if not np.allclose(ours.properties["weight"], theirs["sum"]):
        raise SystemExit("the sums differ")
    compared(
        "order of edges, numpy.lexsort",
        lambda: order_of_pairs(c.pre, c.post, NODES, NODES),
        lambda: np.lexsort((c.post, c.pre)),
    )
    compared(
        "merge parallel edges, pandas groupby",
        lambda: c.connections(merge={"weight": "sum"}),
        lambda: merged_by_pandas(c),
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in ("c.h5", "c.parquet", "c.feather", "c.csv", "sonata"):
            path = Path(folder) / name
            writing = best(lambda path=path: write(c, path, overwrite=True), times=1)
            reading = best(lambda path=path: read(path), times=2)
            size = sum(each.stat().st_size for each in ([path] if path.is_file() else path.iterdir()))
            print(f"{name:<12} write {writing:7.2f} s  read {reading:7.2f} s  {size / 1e6:7.1f} MB")


if __name__ == "__main__":
    main()
