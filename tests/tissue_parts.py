"""A little tissue, made by hand: two cubes with an astrocyte each, a vessel along both, synapses everywhere."""

import numpy as np
import pandas as pd

from conntap.build.ngv.finishing import finished_synapses
from conntap.build.ngv.synapses import astrocyte_synapses
from conntap.build.ngv.touches import gap_junctions
from conntap.circuits import Connectome
from conntap.circuits.tissue import Domains, Endfeet, Mesh, Meshes, MorphologySet, Vasculature

FACES = [[0, 2, 3], [0, 3, 1], [4, 5, 7], [4, 7, 6], [0, 1, 5], [0, 5, 4], [2, 6, 7], [2, 7, 3], [0, 4, 6], [0, 6, 2]]
FACES += [[1, 3, 7], [1, 7, 5]]
CORNERS = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], dtype=float)


def tissue():
    """Two cubes side by side with an astrocyte each, a vessel along both, synapses everywhere."""
    rng = np.random.default_rng(1)
    vessels = Vasculature([[0, 2, 2], [10, 2, 2], [20, 2, 2]], [2, 2, 2], [[0, 1], [1, 2]], [3, 3], [0, 1], [6, 6])
    somata = pd.DataFrame({"x": [5.0, 15.0], "y": 6.0, "z": 6.0, "radius": 1.0}).rename_axis("id")
    cubes = [Mesh(CORNERS * [11, 10, 10] + [9 * n, 0, 0], FACES) for n in (0, 1)]
    domains = Domains(Meshes.of(cubes), np.full(24, -1), [1.1, 1.1])
    rows = [[1, 1, 14.0], [0, 0, 7.0], [0, 0, 3.0]]  # astrocyte, segment, x
    sites = pd.DataFrame([{"astrocyte": a, "vasculature_node_id": s, "endfoot_surface_x": x} for a, s, x in rows])
    sites = sites.assign(vasculature_section_id=3, vasculature_segment_id=sites["vasculature_node_id"])
    sites = sites.assign(endfoot_surface_y=3.0, endfoot_surface_z=2.0).rename_axis("endfoot_id")
    patches = [Mesh([[x - 1, 3, 2], [x + 1, 3, 2], [x, 3, 3]], [[0, 1, 2]]) for _, _, x in rows]
    table = pd.DataFrame(
        {"astrocyte": sites["astrocyte"], "area": 1.0, "unreduced_area": 2.0, "thickness": [0.7, 0.8, 0.9]}
    )
    endfeet = Endfeet(table, Meshes.of(patches))
    cells = [cell(n, somata.iloc[n], sites[sites["astrocyte"] == n], rng) for n in (0, 1)]
    places = rng.uniform([0, 0, 0], [20, 10, 10], (60, 3))
    place = {f"afferent_center_{axis}": places[:, i].astype(np.float32) for i, axis in enumerate("xyz")}
    neurons = Connectome(pd.DataFrame({"layer": [1, 2, 2]}), *rng.integers(0, 3, (2, 60)), properties=place)
    found = finished_synapses(astrocyte_synapses(domains, neurons), cells)
    surface = Mesh(CORNERS * [20, 2, 2] + [0, 1, 1], FACES)
    parts = [neurons, vessels, surface, somata, domains, sites, endfeet, cells, found, gap_junctions(cells)]
    names = [
        "neurons",
        "vessels",
        "surface",
        "astrocytes",
        "domains",
        "sites",
        "endfeet",
        "morphologies",
        "synapses",
        "junctions",
    ]
    return dict(zip(names, parts, strict=True))


def cell(number, soma, sites, rng):
    """A process to each endfoot, then one toward the other cell."""
    start = soma[["x", "y", "z"]].to_numpy(dtype=float)
    ends = [*sites[[f"endfoot_surface_{a}" for a in "xyz"]].to_numpy(), [10.0, 6.0, 6.0]]
    points = np.concatenate([np.linspace(start, end, 4) for end in ends])
    n, kinds = len(ends), [2] * len(sites) + [3]
    table = pd.DataFrame({"astrocyte": [number], **soma.to_dict(), "morphology": [f"cell_{number}"]})
    thick = np.full(4 * n, 0.5)
    return MorphologySet(table, points, thick, 3 * thick, np.arange(n + 1) * 4, [-1] * n, kinds, [0, n])
