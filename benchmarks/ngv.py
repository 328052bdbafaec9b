"""Stages of neurons, glia and vessels beside archngv: processor seconds and peak memory, in cubes of several sizes.

Each stage of each side runs in a process of its own, on the same inputs, after a small run that compiles what is to be compiled. archngv's
stages are called as functions, without its command line and its files. Its Python is given by hand:

    python benchmarks/ngv.py --peer /path/to/archngv/bin/python [--sides 150 300 600] [--stages placement domains]

A stage is a function `ours_NAME(folder)` and, where the peer has it, `theirs_NAME(folder)`: it reads what it needs from the folder of
its cube (made by `inputs`), and gives what it computes, as a function without arguments, and what to say of its result.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DENSITY = 15_696.0
Work = tuple[Callable[[], Any], Callable[[Any], str]]


def inputs(folder: Path, side: float) -> None:
    """What the stages of a cube begin with: its side, vessels, astrocytes."""
    import numpy as np

    from conntap import build

    box = ((0.0, 0.0, 0.0), (side, side, side))
    vessels = build.vessels(box_um=box, rng=np.random.default_rng(1))
    cells = build.astrocytes(vessels, box_um=box, density=DENSITY, rng=np.random.default_rng(2))
    names = ("points", "diameters", "edges", "section_ids", "segment_ids", "types")
    np.savez(folder / "vessels.npz", **{name: getattr(vessels, name) for name in names})
    np.save(folder / "astrocytes.npy", cells.to_numpy())
    (folder / "side.json").write_text(json.dumps(side))


def side_of(folder: Path) -> float:
    """The side of a folder's cube, um."""
    return json.loads((folder / "side.json").read_text())


def spacing_said(places: Any) -> str:
    """Distances to the nearest neighbour, in words."""
    from scipy.spatial import cKDTree

    nearest = cKDTree(places).query(places, k=2)[0][:, 1]
    return f"{len(places):,} cells, nearest neighbour {nearest.mean():.1f} ± {nearest.std():.1f} um"


def ours_placement(folder: Path) -> Work:
    """Somata off the vessels, spaced by a spring."""
    import numpy as np

    from conntap import build
    from conntap.circuits.tissue import Vasculature

    vessels = Vasculature(**np.load(folder / "vessels.npz"))
    box = ((0.0, 0.0, 0.0), (side_of(folder),) * 3)
    return (
        lambda: build.astrocytes(vessels, box_um=box, density=DENSITY, rng=np.random.default_rng(0)),
        lambda cells: spacing_said(cells[["x", "y", "z"]].to_numpy()),
    )


def theirs_placement(folder: Path) -> Work:
    """The same; vessels are spheres at the points of the skeleton there."""
    import numpy as np
    from archngv.building.cell_placement.positions import create_positions
    from brain_indexer import SphereIndexBuilder
    from voxcell import VoxelData

    side = side_of(folder)
    atlas = VoxelData(np.full((10, 10, 10), DENSITY), (side / 10,) * 3, (0.0, 0.0, 0.0))
    vessels = np.load(folder / "vessels.npz")
    index = SphereIndexBuilder.from_numpy(
        vessels["points"].astype(np.float32), (vessels["diameters"] / 2).astype(np.float32)
    )
    options = {
        "soma_radius": [5.6, 0.74, 0.1, 20.0],
        "Energy": {"potentials": {"spring": [32.0, 1.0]}},
        "MetropolisHastings": {"n_initial": 10, "beta": 0.01, "ntrials": 3, "cutoff_radius": 60.0},
    }
    np.random.seed(0)
    return lambda: create_positions(options, atlas, spatial_indexes=[index]), lambda found: spacing_said(found[0])


def ours_domains(folder: Path) -> Work:
    """Power cells, grown."""
    import numpy as np
    import pandas as pd

    from conntap import build

    cells = pd.DataFrame(np.load(folder / "astrocytes.npy"), columns=["x", "y", "z", "radius"])
    box = ((0.0, 0.0, 0.0), (side_of(folder),) * 3)
    return (
        lambda: build.domains(cells, box_um=box, rng=np.random.default_rng(0)),
        lambda found: f"mean volume {found.volumes.mean():,.0f} um^3",
    )


def theirs_domains(folder: Path) -> Work:
    """The same, by multivoro and numpy, in float32."""
    import numpy as np
    from archngv.building.microdomains import (
        generate_microdomain_tessellation,
        scale_microdomains,
        scaling_factor_from_overlap,
    )
    from archngv.spatial.bounding_box import BoundingBox

    cells, side = np.load(folder / "astrocytes.npy"), side_of(folder)
    box = BoundingBox(np.zeros(3), np.full(3, side))

    def work() -> list[Any]:
        plain = list(generate_microdomain_tessellation(cells[:, :3], cells[:, 3], box))
        return list(scale_microdomains(plain, [scaling_factor_from_overlap(0.1) for _ in plain], box))

    def said(found: list[Any]) -> str:
        volumes = []
        for each in found:
            points = np.asarray(each.points, dtype=np.float64)
            a, b, c = (points[each.triangles[:, k]] - points[0] for k in range(3))
            volumes.append((a * np.cross(b, c)).sum() / 6)
        return f"mean volume {np.mean(volumes):,.0f} um^3"

    return work, said


def measured(stage: str, whose: str, folder: Path, small: Path) -> None:
    """Run a stage after a small run; print its processor seconds, the process's peak memory, what came out."""
    function = globals()[f"{whose}_{stage}"]
    function(small)[0]()
    work, said = function(folder)
    start = time.process_time()
    result = work()
    seconds = time.process_time() - start
    print(json.dumps({"seconds": seconds, "megabytes": peak_megabytes(), "said": said(result)}))


def peak_megabytes() -> float:
    """The most memory that this process has held; what it had of its parent before is not counted."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_in_process(python: str, *words: str | Path) -> dict[str, Any]:
    """A stage in a process of its own; what it printed last."""
    command = [python, __file__, *map(str, words)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def compared(stage: str, side: float, folder: Path, small: Path, peer: str | None) -> None:
    """One stage of one cube, on both sides."""
    ours = run_in_process(sys.executable, "--one", stage, "ours", folder, small)
    line = f"{stage:<12} {side:5.0f} um  ours {ours['seconds']:8.3f} s {ours['megabytes']:6.0f} MB ({ours['said']})"
    if peer and f"theirs_{stage}" in globals():
        theirs = run_in_process(peer, "--one", stage, "theirs", folder, small)
        line += f"  peer {theirs['seconds']:8.3f} s {theirs['megabytes']:6.0f} MB ({theirs['said']})"
        line += f"  ratio {theirs['seconds'] / ours['seconds']:.0f}"
    print(line, flush=True)


def main() -> None:
    """Print a line for each stage and cube."""
    stages = [name.removeprefix("ours_") for name in globals() if name.startswith("ours_")]
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", help="the Python of an environment with archngv")
    parser.add_argument("--sides", type=float, nargs="+", default=[150.0, 300.0, 600.0])
    parser.add_argument("--stages", nargs="+", default=stages, choices=stages)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        stage, whose, folder, small = given.one
        measured(stage, whose, Path(folder), Path(small))
        return
    with tempfile.TemporaryDirectory() as parent:
        folders = {}
        for side in [80.0, *given.sides]:
            folders[side] = Path(parent) / f"{side:g}"
            folders[side].mkdir(exist_ok=True)
            inputs(folders[side], side)
        for stage in given.stages:
            for side in given.sides:
                compared(stage, side, folders[side], folders[80.0], given.peer)


if __name__ == "__main__":
    main()
