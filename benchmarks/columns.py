"""Columns wired by distance, beside all pairs with numpy and candidates from scipy's KD-tree; synapses and an atlas.

Each line is a process of its own: processor seconds, peak memory, edges. The plain ways draw by the rule that `build.column` has
by itself. "pairs": all pairs in blocks, as `build.column` did before it was version 2. "tree": pairs within the distance beyond
which a chance is below 1e-3, so it leaves some out.

    python benchmarks/columns.py [CELLS] [RADIUS_UM]
"""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import version

import numpy as np

from conntap.build import Details, column, from_atlas, synapse_cloud, synthetic_atlas

PATHWAYS, REACH, DOWNWARD = np.array([[1.0, 1.5], [1.5, 1.0]]), np.array([1.0, 0.7]), np.array([0.2, 0.0])
CUBE = ((0.0, 0.0, 0.0), (300.0, 300.0, 300.0))
DENSE = Details(box_um=CUBE, densities_per_mm3=100_000.0, edges="synapses", synapses_per_um3=0.1)


def cells(n: int, radius_um: float) -> tuple[np.ndarray, np.ndarray]:
    """Places and kinds (0: e, 1: i) of the cells of a column."""
    nodes = column(n_nodes=n, radius_um=radius_um, p_near=0.0, rng=np.random.default_rng(0)).nodes
    return nodes[["x", "y", "z"]].to_numpy(np.float32), (nodes["ei"] == "i").to_numpy().astype(int)


def chances(steps: np.ndarray, pre: np.ndarray, post: np.ndarray) -> np.ndarray:
    """The rule of a column, of steps from pre to post cells of these kinds."""
    distance = np.sqrt((steps**2).sum(axis=-1))
    return 0.4 * PATHWAYS[pre, post] * np.exp((DOWNWARD[pre] * steps[..., 1] - distance) / (100.0 * REACH[pre]))


def by_pairs(n: int, radius_um: float) -> None:
    """All pairs with numpy: distances below exponential numbers, in blocks."""
    places, kind = cells(n, radius_um)
    rng, found, rows = np.random.default_rng(1), [], max(1, 2_000_000 // n)
    began = time.process_time()
    for begin in range(0, n, rows):
        own = slice(begin, begin + rows)
        reach = rng.standard_exponential((len(places[own]), n), dtype=np.float32)
        reach += np.log(0.4 * PATHWAYS).astype(np.float32)[kind[own]][:, kind]
        reach *= (100.0 * REACH[kind[own]]).astype(np.float32)[:, None]
        down = places[None, :, 1] - places[own, 1, None]
        squares = down * down
        for axis in (0, 2):
            step = places[None, :, axis] - places[own, axis, None]
            step *= step
            squares += step
        down *= DOWNWARD[kind[own]].astype(np.float32)[:, None]
        pre, post = np.nonzero(np.sqrt(squares, out=squares) - down < reach)
        found.append(np.stack([pre + begin, post]))
    ends = np.concatenate(found, axis=1)
    report(began, int((ends[0] != ends[1]).sum()))


def by_tree(n: int, radius_um: float) -> None:
    """Candidates within reach from scipy's KD-tree, each drawn by its chance."""
    from scipy.spatial import cKDTree

    places, kind = cells(n, radius_um)
    rng, found = np.random.default_rng(1), []
    began = time.process_time()
    tree = cKDTree(places)
    reach = np.log(0.6 / 1e-3) * 100.0 / 0.8
    for begin in range(0, n, 256):
        near = tree.query_ball_point(places[begin : begin + 256], reach)
        pre = np.repeat(np.arange(begin, begin + len(near)), [len(each) for each in near])
        post = np.concatenate([np.asarray(each, dtype=np.int64) for each in near])
        keep = rng.random(len(pre)) < chances(places[post] - places[pre], kind[pre], kind[post])
        keep &= pre != post
        found.append(np.stack([pre[keep], post[keep]]))
    report(began, sum(each.shape[1] for each in found))


def ours(n: int, radius_um: float) -> None:
    """`build.column`, connections with their properties."""
    column(n_nodes=20, rng=np.random.default_rng(0))  # compiled, or read from the cache
    began = time.process_time()
    report(began, column(n_nodes=n, radius_um=radius_um, rng=np.random.default_rng(0)).n_edges)


def synapses(n: int, radius_um: float) -> None:
    """A cube of 300 um with an edge a synapse, 0.1 in a um^3."""
    column(n_nodes=20, rng=np.random.default_rng(0))
    began = time.process_time()
    report(began, column(details=DENSE, rng=np.random.default_rng(1)).n_edges)


def cloud(n: int, radius_um: float) -> None:
    """As many synapses in the cube, as a cloud."""
    neurons = column(details=DENSE | {"edges": "connections"}, rng=np.random.default_rng(1))
    began = time.process_time()
    report(began, synapse_cloud(neurons, box_um=CUBE, per_um3=0.1, rng=np.random.default_rng(1)).n_edges)


def atlas(n: int, radius_um: float) -> None:
    """Cells by an atlas of 10 million voxels and two types."""
    made = synthetic_atlas(box_um=((0, 0, 0), (2000, 1600, 3200)), voxel_um=10.0, layers_um=(1600,), rng=np.random.default_rng(0),
                           densities_per_mm3={"PC": 80_000.0, "BC": 20_000.0})  # fmt: skip
    began = time.process_time()
    report(began, from_atlas(made, rng=np.random.default_rng(1)).n_nodes)


def report(began: float, size: int) -> None:
    """What a process found, for the one that started it."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(json.dumps([time.process_time() - began, memory, size]))


WAYS = {"ours": ours, "pairs": by_pairs, "tree": by_tree, "synapses": synapses, "cloud": cloud, "atlas": atlas}


def main(n: int, radius_um: float) -> None:
    """Measure all."""
    named = ", ".join(f"{each} {version(each)}" for each in ("conntap", "numpy", "scipy", "numba"))
    print(f"Python {platform.python_version()}, {named}; {n} cells, radius {radius_um:g} um")
    found = {}
    for way in WAYS:
        if way == "tree" and n > 10_000:
            continue  # minutes
        command = [sys.executable, __file__, way, str(n), str(radius_um)]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        found[way] = seconds, memory, size = json.loads(lines[-1])
        ratio = f", {seconds / found['ours'][0]:.1f} times ours" if way in ("pairs", "tree") else ""
        print(f"{way:9} {seconds:8.2f} s {memory:6d} MB {size:10,d}{ratio}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in WAYS:
        WAYS[sys.argv[1]](int(sys.argv[2]), float(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 47_521, float(sys.argv[2]) if len(sys.argv) > 2 else 800.0)
