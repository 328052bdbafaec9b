"""Counting directed simplices: conntap beside flagser-count and pyflagser, on graphs made here and on the fly.

Every measurement is a process of its own: processor seconds and the clock (the best of three; peers: of one), at one
thread and at two, and the peak of resident memory above what was resident with the graph loaded. All must find the
same counts. Peers are taken where they are installed (`pip install pyflagsercount pyflagser`), else left out. Then the
growth with connections and with density, drawn to a file where one is named. Run it by itself:

    python benchmarks/simplex_counts.py [docs/pictures/simplex_counts_growth.png]
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from graphs_of_benchmarks import Graph, as_matrix, column, fly, random

from conntap.topology import count_simplices

GRAPHS: dict[str, Callable[[], Graph | None]] = {
    "random, 1,000 nodes, density 0.1": lambda: random(1_000, 0.1),
    "random, 2,000 nodes, density 0.1": lambda: random(2_000, 0.1),
    "random, 5,000 nodes, density 0.05": lambda: random(5_000, 0.05),
    "random, 5,000 nodes, density 0.1": lambda: random(5_000, 0.1),
    "random, 10,000 nodes, density 0.01": lambda: random(10_000, 0.01),
    "random, 10,000 nodes, density 0.03": lambda: random(10_000, 0.03),
    "random, 140,000 nodes, 2.7 M connections": lambda: random(140_000, 2.7e6 / 1.4e5**2),
    "column, 26,567 nodes": column,
    "fly visual system": fly,
}
MOST_FOR_PYFLAGSER = 50_000  # nodes: 140,000 take it 35 s and 15 GB
BY_CONNECTIONS = [(n, 0.02) for n in (2_000, 3_000, 5_000, 7_000, 10_000)]
BY_DENSITY = [(2_000, density) for density in (0.01, 0.02, 0.04, 0.06, 0.08, 0.1)]


def by_conntap(graph: Graph, threads: int) -> list[int]:
    return count_simplices(*graph, threads=threads).tolist()


def by_flagser_count(graph: Graph, threads: int) -> list[int]:
    from pyflagsercount import flagser_count

    return list(flagser_count(as_matrix(graph), threads=threads)["cell_counts"])


def by_pyflagser(graph: Graph, threads: int) -> list[int]:
    from pyflagser import flagser_count_unweighted

    return list(flagser_count_unweighted(as_matrix(graph), directed=True))


TOOLS = {"conntap": by_conntap, "flagser-count": by_flagser_count, "pyflagser": by_pyflagser}
PACKAGES = {"conntap": "conntap", "flagser-count": "pyflagsercount", "pyflagser": "pyflagser"}


def resident(what: str) -> int:
    """Bytes of resident memory: VmRSS now, VmHWM the peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(what))


def measure(path: str, tool: str, threads: int) -> None:
    """In a process of its own: measure one tool on one graph, print JSON as the last line."""
    loaded = np.load(path)
    graph = loaded["indptr"], loaded["indices"]
    small = random(1_000 if len(graph[0]) <= 2**16 else 2**16 + 1, 1e-5)
    TOOLS[tool](small, 1)  # compiles what is not compiled yet
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = resident("VmRSS")
    took = []
    for _ in range(3 if tool == "conntap" else 1):
        wall, cpu = time.perf_counter(), time.process_time()
        counts = TOOLS[tool](graph, threads)
        took.append((time.process_time() - cpu, time.perf_counter() - wall))
    cpu, wall = (min(each) for each in zip(*took, strict=True))
    found = {"cpu": cpu, "wall": wall, "peak": resident("VmHWM") - before, "counts": [int(each) for each in counts]}
    print("\n" + json.dumps(found))


def measured(path: Path, tool: str, threads: int = 1) -> dict[str, Any] | None:
    """What a tool takes for a graph in a file; None where it is not installed."""
    if find_spec(PACKAGES[tool]) is None:
        return None
    command = [sys.executable, __file__, "measure", str(path), tool, str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def saved(graph: Graph, folder: str) -> Path:
    path = Path(folder) / "graph.npz"
    np.savez(path, indptr=graph[0], indices=graph[1])
    return path


def told(tool: str, found: dict[str, Any], ours: dict[str, Any]) -> str:
    ratio = f" (x {found['cpu'] / ours['cpu']:.1f})" if found is not ours else ""
    return f"{tool}: {found['cpu']:.3f} CPU s{ratio}, {found['wall']:.3f} s by the clock, {found['peak'] / 1e6:.0f} MB"


def table(folder: str) -> None:
    """Every graph with every tool."""
    for name, make in GRAPHS.items():
        graph = make()
        if graph is None:
            print(f"{name}: the data are not here")
            continue
        path, connections = saved(graph, folder), len(graph[1])
        del graph
        ours = measured(path, "conntap")
        print(f"{name}: {connections:,} connections; {', '.join(f'{each:,}' for each in ours['counts'][2:])}")
        for threads in (1, 2):
            for tool in TOOLS:
                if tool == "pyflagser" and (threads == 2 or ours["counts"][0] > MOST_FOR_PYFLAGSER):
                    continue  # it has no threads
                found = ours if (tool, threads) == ("conntap", 1) else measured(path, tool, threads)
                if found is None:
                    print(f"    {tool} is not installed")
                    continue
                if found["counts"] != ours["counts"]:
                    raise SystemExit(f"{name}: {tool} finds {found['counts']}")
                print(f"    {threads} {told(tool, found, ours)}", flush=True)


def growth(folder: str) -> dict[str, dict[str, list[tuple[float, float, float]]]]:
    """By panel and tool: connections (millions) or density, seconds, bytes."""
    panels: dict[str, dict[str, list[tuple[float, float, float]]]] = {}
    for panel, cases in (("connections", BY_CONNECTIONS), ("density", BY_DENSITY)):
        panels[panel] = {}
        for n, density in cases:
            graph = random(n, density)
            path = saved(graph, folder)
            for tool in ("conntap", "flagser-count"):
                found = measured(path, tool)
                if found is not None:
                    at = len(graph[1]) / 1e6 if panel == "connections" else density
                    panels[panel].setdefault(tool, []).append((at, found["cpu"], found["peak"] / 1e6))
                    print(
                        f"{panel} {at:.3g}: {tool} {found['cpu']:.3f} CPU s, {found['peak'] / 1e6:.1f} MB", flush=True
                    )
    return panels


def draw(panels: dict[str, dict[str, list[tuple[float, float, float]]]], path: Path) -> None:
    """Time above memory, by connections and by density."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(8, 5.2), sharex="col", layout="constrained")
    titles = {"connections": "random graphs of density 0.02", "density": "random graphs of 2,000 nodes"}
    labels = {"connections": "connections (millions)", "density": "density"}
    for column_of_axes, (panel, tools) in zip(axes.T, panels.items(), strict=True):
        for (tool, rows), colour in zip(tools.items(), ("#0b6e99", "#b5541c"), strict=False):
            at, seconds, megabytes = zip(*rows, strict=True)
            for axis, values in zip(column_of_axes, (seconds, megabytes), strict=True):
                axis.loglog(at, values, "o-", color=colour, label=tool, markersize=4, linewidth=1.5)
        column_of_axes[0].set_title(titles[panel], fontsize=10)
        column_of_axes[1].set_xlabel(labels[panel])
    axes[0, 0].set_ylabel("processor seconds")
    axes[1, 0].set_ylabel("peak memory (MB)")
    axes[0, 0].legend(frameon=False)
    for axis in axes.flat:
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


def main() -> None:
    """Measure everything; draw the growth where a file is named."""
    known = []
    for name in ["numpy", "scipy", "numba", "pyflagsercount", "pyflagser"]:
        with contextlib.suppress(PackageNotFoundError):
            known.append(f"{name} {version(name)}")
    print(f"Python {platform.python_version()}, {', '.join(known)}; load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        table(folder)
        panels = growth(folder)
    if len(sys.argv) == 2:
        draw(panels, Path(sys.argv[1]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
