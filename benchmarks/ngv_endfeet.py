"""Endfeet: their sites on vessels and their patches, beside archngv's same two stages, in cubes of several sizes.

    python benchmarks/ngv_endfeet.py [--sides 150 300 600] [--peer PYTHON]

PYTHON is the interpreter of an environment with archngv 3.3 (pip install archngv). Both get the same vessels, surface, astrocytes and
domains; patches grow from our sites on both sides. Each side of each stage runs in a process of its own, ours after a small run that compiles. Processor seconds
and the peak of resident memory, with that of the input.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

DENSITY = 15_696.0
NAMES = ("points", "diameters", "edges", "section_ids", "segment_ids", "types")
PARTS = ("points", "point_starts", "triangles", "triangle_starts")

PEER = """
import json, sys, time
from pathlib import Path
import numpy as np, pandas as pd

def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024

folder, stage = Path(sys.argv[1]), sys.argv[2]
np.random.seed(0)
if stage == "sites":
    from archngv.building.connectivity.gliovascular import generate_gliovascular
    from archngv.spatial.shapes import ConvexPolygon
    from vascpy import PointVasculature
    v, d, places = np.load(folder / "vessels.npz"), np.load(folder / "domains.npz"), np.load(folder / "astrocytes.npy")
    nodes = pd.DataFrame(v["points"], columns=list("xyz")).assign(diameter=v["diameters"])
    edges = pd.DataFrame(v["edges"], columns=["start_node", "end_node"])
    edges = edges.assign(type=v["types"], section_id=v["section_ids"], segment_id=v["segment_ids"])
    vessels = PointVasculature(nodes, edges)
    p, t = d["point_starts"], d["triangle_starts"]
    domains = [ConvexPolygon(d["points"][p[i]:p[i + 1]], d["triangles"][t[i]:t[i + 1]]) for i in range(len(p) - 1)]
    connection = {"reachout_strategy": "maximum_reachout", "endfeet_distribution": [2, 2, 1, 5]}
    options = {"graph_targeting": {"linear_density": 0.17}, "connection": connection, "surface_targeting": {}}
    start = time.process_time()
    found = generate_gliovascular(np.arange(len(places)), places, domains, vessels, options)
    seconds = time.process_time() - start
    said = f"{len(found[0])} sites"
else:
    import openmesh
    from archngv.building.endfeet_reconstruction.area_generation import endfeet_area_generation
    s = np.load(folder / "surface.npz")
    mesh = openmesh.TriMesh(s["points"], s["triangles"])
    options = {"fmm_cutoff_radius": 1000.0, "area_distribution": [192.0, 160.0, 0.0, 1000.0], "thickness_distribution": [0.97, 0.1, 0.01, 2.0]}
    sites = np.load(folder / "sites.npy")
    start = time.process_time()
    areas = [each.area for each in endfeet_area_generation(mesh, options, sites)]
    seconds = time.process_time() - start
    said = f"{len(areas)} of {len(sites)} have an area, {np.mean(areas):.1f} +- {np.std(areas):.1f} um^2"
print(json.dumps({"seconds": seconds, "mb": peak(), "said": said}))
"""


def peak() -> float:
    """The most memory that this process has held, MB; not that of its parent (Linux)."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def prepare(folder: Path, side: float) -> None:
    """Write a cube's vessels, astrocytes, domains, sites and surface."""
    from conntap import build

    box, rngs = ((0.0,) * 3, (side,) * 3), [np.random.default_rng(each) for each in range(4)]
    vessels = build.vessels(box_um=box, rng=rngs[0])
    cells = build.astrocytes(vessels, box_um=box, density=DENSITY, rng=rngs[1])
    domains = build.domains(cells, box_um=box, rng=rngs[2])
    sites = build.endfoot_sites(vessels, cells, domains, rng=rngs[3])
    surface = build.vessel_surface(vessels)
    np.savez(folder / "vessels.npz", **{name: getattr(vessels, name) for name in NAMES})
    np.savez(folder / "domains.npz", **{name: getattr(domains.meshes, name) for name in PARTS})
    np.savez(folder / "surface.npz", points=surface.points, triangles=surface.triangles)
    np.save(folder / "astrocytes.npy", cells[["x", "y", "z"]].to_numpy())
    np.save(folder / "sites.npy", sites[[f"endfoot_surface_{axis}" for axis in "xyz"]].to_numpy())
    print(
        f"cube of {side:g} um: {len(cells):,} astrocytes, {len(vessels):,} segments, surface of {len(surface.points):,} points"
    )


def ours(folder: Path, stage: str) -> dict[str, object]:
    """Run one of our stages; what it took."""
    import pandas as pd

    from conntap import build
    from conntap.circuits.tissue import Domains, Mesh, Meshes, Vasculature

    if stage == "sites":
        vessels, parts = Vasculature(**np.load(folder / "vessels.npz")), Meshes(**np.load(folder / "domains.npz"))
        domains = Domains(parts, np.full(len(parts.triangles), -1), np.ones(len(parts)))
        cells = pd.DataFrame(np.load(folder / "astrocytes.npy"), columns=list("xyz"))
        start = time.process_time()
        sites = build.endfoot_sites(vessels, cells, domains, rng=np.random.default_rng(0))
        seconds = time.process_time() - start
        return {"seconds": seconds, "said": f"{len(sites)} sites"}
    surface, places = Mesh(**np.load(folder / "surface.npz")), np.load(folder / "sites.npy")
    sites = pd.DataFrame(places, columns=[f"endfoot_surface_{axis}" for axis in "xyz"]).assign(astrocyte=0)
    start = time.process_time()
    feet = build.endfeet(surface, sites, rng=np.random.default_rng(0))
    seconds = time.process_time() - start
    area = feet.table["area"]
    said = f"{(area > 0).sum()} of {len(sites)} have an area, {area.mean():.1f} +- {area.std():.1f} um^2"
    return {"seconds": seconds, "said": said}


def shown(command: list[str]) -> dict[str, object]:
    """What a process prints last."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Compare the stages cube by cube."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=float, nargs="+", default=[150.0, 300.0, 600.0])
    parser.add_argument("--peer")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        folder, small, stage = given.one
        ours(Path(small), stage)
        found = ours(Path(folder), stage)
        print(json.dumps(found | {"mb": peak()}))
        return
    with tempfile.TemporaryDirectory() as parent:
        small = Path(parent) / "small"
        small.mkdir()
        prepare(small, 90.0)
        for side in given.sides:
            folder = Path(parent) / f"{side:g}"
            folder.mkdir()
            subprocess.run([sys.executable, "-c", MAKE, str(Path(__file__).parent), str(folder), str(side)], check=True)
            for stage in ("sites", "endfeet"):
                rows = {"conntap": shown([sys.executable, __file__, "--one", str(folder), str(small), stage])}
                if given.peer:
                    rows["archngv"] = shown([given.peer, "-c", PEER, str(folder), stage])
                for name, row in rows.items():
                    ratio = row["seconds"] / rows["conntap"]["seconds"]
                    print(
                        f"  {stage:8s} {name:8s} {row['seconds']:8.3f} s (x {ratio:.1f}), {row['mb']:6.0f} MB: {row['said']}",
                        flush=True,
                    )


MAKE = "import sys; sys.path.insert(0, sys.argv[1]); import ngv_endfeet as n; n.prepare(n.Path(sys.argv[2]), float(sys.argv[3]))"

if __name__ == "__main__":
    main()
