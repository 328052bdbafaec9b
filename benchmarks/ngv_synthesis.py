"""Growing astrocytes: processor seconds a cell and what grows, beside archngv's synthesis of the same cells in the same run.

    python benchmarks/ngv_synthesis.py [--cells 20] [--peer PYTHON --peer-cells 2]

PYTHON is the interpreter of an environment with archngv 3.3 (pip install archngv). Both get the same somata, domains and endfeet and
as many attractors, and grow, thin out to 2 points per um, and add diameters and perimeters. Memory: peak of resident memory (VmHWM) of each
process, with its libraries.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PEER = """
import json, sys, time
import numpy as np
from pathlib import Path
import archngv
from archngv.building.morphology_synthesis.data_extraction import TNSData
from archngv.building.morphology_synthesis.data_structures import AstrocyteProperties, EndfeetAttractionData, SpaceColonizationData
from archngv.building.morphology_synthesis.full_astrocyte import grow_circuit_astrocyte, resample_linear_density
from archngv.building.morphology_synthesis.perimeters import add_perimeters_to_morphology
from archngv.spatial.shapes import ConvexPolygon

folder, n_cells = Path(sys.argv[1]), int(sys.argv[2])
given = Path(archngv.__file__).parent / "app/exemplar/bioname"
data = TNSData(*(json.loads((given / f"tns_{name}.json").read_text()) for name in ("parameters", "distributions", "context")))
line = {"slope": 2.060005867796768, "intercept": 1.0219733661696733, "standard_deviation": 1.1161359624857308}
perimeters = {"statistical_model": line, "smoothing": {"window": [1.0] * 5}}
for number in range(n_cells):
    cell = np.load(folder / f"{number}.npz")
    rng = np.random.default_rng(number)
    start = time.process_time()
    domain = ConvexPolygon(cell["points"], cell["triangles"])
    properties = AstrocyteProperties("cell", cell["soma"][:3], float(cell["soma"][3]), domain)
    cloud = SpaceColonizationData(cell["cloud"].astype(np.float32))
    grown = grow_circuit_astrocyte(data, properties, EndfeetAttractionData(cell["targets"]), cloud, rng)
    grown = resample_linear_density(grown, 2.0)
    add_perimeters_to_morphology(grown, perimeters, rng)
    seconds = time.process_time() - start
    sections = [section.points for section in grown.iter()]
    numbers = {section.id: row for row, section in enumerate(grown.iter())}
    parents = [-1 if section.is_root else numbers[section.parent.id] for section in grown.iter()]
    kinds = [int(section.type) for section in grown.iter()]
    starts = np.cumsum([0, *(len(each) for each in sections)])
    diameters = np.concatenate([section.diameters for section in grown.iter()])
    status = Path("/proc/self/status").read_text()
    memory = int(status.split("VmHWM:")[1].split()[0]) / 1024
    np.savez(folder / f"{number}_peer.npz", points=np.concatenate(sections), starts=starts, parents=parents, kinds=kinds,
             diameters=diameters, seconds=seconds, memory=memory)
    print(number, round(seconds, 1), flush=True)
"""


def tissue(n, rng):
    """Somata with domains of a Voronoi diagram at 12,286 cells per mm^3, and two endfeet each."""
    import pandas as pd
    from scipy.spatial import ConvexHull, Voronoi, cKDTree

    from conntap.circuits.tissue import Domains, Mesh, Meshes

    side = (4 * n / 12_286e-9) ** (1 / 3) + 60
    places = rng.uniform(0, side, (round(side**3 * 12_286e-9), 3))
    for _ in range(20):
        distance, other = cKDTree(places).query(places, 2)
        away = places - places[other[:, 1]]
        away *= (np.clip(30 - distance[:, 1], 0, None) / 2 / distance[:, 1].clip(min=1e-9))[:, None]
        places = np.clip(places + away, 0, side)
    voronoi, meshes, somata, sites = Voronoi(places), [], [], []
    for cell in np.argsort(np.abs(places - side / 2).max(axis=1)):
        region = voronoi.regions[voronoi.point_region[cell]]
        if -1 in region or len(meshes) == n:
            continue
        points = voronoi.vertices[region]
        triangles = ConvexHull(points).simplices
        a, b, c = (points[triangles[:, i]] for i in range(3))
        inward = (np.cross(b - a, c - a) * (a - points.mean(axis=0))).sum(axis=1) < 0
        triangles[inward] = triangles[inward, ::-1]
        for _ in range(2):
            toward = rng.normal(size=3)
            sites.append([len(meshes), *(places[cell] + rng.uniform(14, 24) * toward / np.sqrt((toward**2).sum()))])
        meshes.append(Mesh(points, triangles))
        somata.append([*places[cell], 5.6])
    meshes = Meshes.of(meshes)
    names = ["astrocyte", *(f"endfoot_surface_{axis}" for axis in "xyz")]
    return (
        pd.DataFrame(somata, columns=["x", "y", "z", "radius"]),
        Domains(meshes, np.full(len(meshes.triangles), -1), np.ones(len(meshes))),
        pd.DataFrame(sites, columns=names).astype({"astrocyte": int}),
    )


def clouds(astrocytes, domains, rng):
    """Attractors of each cell as a table of synapses, 1.1 per um^3 of the domain scaled by 1.5."""
    import pandas as pd

    from conntap.build.ngv.attractors import attractor_cloud
    from conntap.build.ngv.growth import Growth

    found = []
    for row, soma in enumerate(astrocytes.to_numpy()):
        cloud = attractor_cloud(domains.meshes[row], np.empty((0, 3)), soma, Growth(), rng)
        found.append(pd.DataFrame(cloud, columns=["x", "y", "z"]).assign(astrocyte=row))
    return pd.concat(found, ignore_index=True)


def features(points, starts, parents, kinds, diameters, soma, domain, planes):
    """What a cell looks like, computed alike for both."""
    from scipy.spatial import cKDTree

    steps = np.append(np.sqrt((np.diff(points.astype(float), axis=0) ** 2).sum(axis=1)), 0.0)
    steps[starts[1:] - 1] = 0.0
    lengths = np.add.reduceat(steps, starts[:-1])
    order = np.zeros(len(parents), dtype=int)
    for section, parent in enumerate(parents):
        order[section] = 0 if parent < 0 else order[parent] + 1
    rng = np.random.default_rng(0)
    probes = rng.uniform(domain.points.min(axis=0), domain.points.max(axis=0), (20_000, 3))
    probes = probes[(probes @ planes[0].T <= planes[1]).all(axis=1)]
    distance = cKDTree(points).query(probes)[0]
    away = np.sqrt(((points - soma[:3]) ** 2).sum(axis=1))
    return {
        "points": len(points),
        "sections": len(parents),
        "trees": int((np.asarray(parents) < 0).sum()),
        "length (um)": lengths.sum(),
        "section (um)": lengths.mean(),
        "branch order": order.mean(),
        "diameter (um)": diameters.mean(),
        "extent (um)": np.quantile(away, 0.95),
        "domain within 3 um": (distance < 3).mean(),
        "domain within 5 um": (distance < 5).mean(),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cells", type=int, default=20)
    parser.add_argument("--peer")
    parser.add_argument("--peer-cells", type=int, default=2)
    asked = parser.parse_args()
    from conntap.build.ngv.synthesis import astrocyte_morphologies

    astrocytes, domains, sites = tissue(asked.cells, np.random.default_rng(1))
    synapses = clouds(astrocytes.iloc[:1], domains, np.random.default_rng(2))
    few = {"sections": 200}
    astrocyte_morphologies(
        astrocytes, domains, sites, None, synapses, growth=few, rng=np.random.default_rng(0)
    )  # compiled
    start = time.process_time()  # attractors are scattered cell by cell, as none are given
    cells = astrocyte_morphologies(astrocytes, domains, sites, rng=np.random.default_rng(3))
    seconds = (time.process_time() - start) / len(cells)
    memory = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    print(
        f"{len(cells)} cells, domains {domains.volumes.mean():,.0f} um^3, {cells.table['n_attractors'].mean():,.0f} attractors a cell"
    )
    ours, theirs, peer = [], [], []
    for row in range(len(cells)):
        cell = cells.cell(row)
        of = astrocytes.to_numpy()[row], domains.meshes[row], domains.planes(row)
        ours.append(features(cell.points, cell.section_starts, cell.parents, cell.kinds, cell.diameters, *of))
    if asked.peer:
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            n_peer = min(asked.peer_cells, len(cells))
            synapses = clouds(astrocytes.iloc[:n_peer], domains, np.random.default_rng(2))
            for row in range(n_peer):
                mesh, mine = domains.meshes[row], synapses[synapses["astrocyte"] == row]
                targets = sites[sites["astrocyte"] == row].to_numpy()[:, 1:]
                np.savez(folder / f"{row}.npz", points=mesh.points, triangles=mesh.triangles, soma=astrocytes.to_numpy()[row],
                         cloud=mine[["x", "y", "z"]].to_numpy(), targets=targets)  # fmt: skip
            (folder / "peer.py").write_text(PEER)
            subprocess.run([asked.peer, folder / "peer.py", folder, str(n_peer)], check=True, stderr=subprocess.DEVNULL)
            for row in range(n_peer):
                cell = dict(np.load(folder / f"{row}_peer.npz"))
                peer.append((float(cell.pop("seconds")), float(cell.pop("memory"))))
                of = astrocytes.to_numpy()[row], domains.meshes[row], domains.planes(row)
                theirs.append(features(**cell, soma=of[0], domain=of[1], planes=of[2]))
    print(f"{'':24}{'conntap':>12}{'archngv':>12}")
    print(f"{'CPU s a cell':24}{seconds:12.2f}" + (f"{np.mean(peer, axis=0)[0]:12.1f}" if peer else ""))
    print(f"{'peak memory (MB)':24}{memory:12.0f}" + (f"{np.max(peer, axis=0)[1]:12.0f}" if peer else ""))
    for name in ours[0]:
        row = f"{name:24}{np.mean([each[name] for each in ours]):12.2f}"
        print(row + (f"{np.mean([each[name] for each in theirs]):12.2f}" if peer else ""))
    if peer:
        print(f"archngv over conntap: x {np.mean(peer, axis=0)[0] / seconds:.0f}")
    print(json.dumps({"python": sys.version.split()[0], "numpy": np.__version__}))


if __name__ == "__main__":
    main()
