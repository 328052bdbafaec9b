"""The process nearest to each synapse, and endfeet as compartments: by hand, by brute force, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from conntap.build.ngv.finishing import endfoot_compartments, finished_synapses
from conntap.build.ngv.segments import CellSegments
from conntap.circuits.tissue import Endfeet, Mesh, Meshes, MorphologySet
from conntap.errors import CircuitError


def walk(rng, astrocyte, sections=5):
    """A cell of random walks from one place."""
    sizes = rng.integers(2, 8, sections)
    points = np.concatenate([np.cumsum(rng.normal(0, 2, (n, 3)), axis=0) for n in sizes])
    table = pd.DataFrame({"astrocyte": [astrocyte], "x": 1.0, "y": 2.0, "z": 3.0, "radius": 3.0})
    ones = np.ones(len(points))
    return MorphologySet(
        table, points, ones, ones, np.cumsum([0, *sizes]), [-1] * sections, [3] * sections, [0, sections]
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_the_nearest_process_is_that_of_brute_force(seed):
    rng = np.random.default_rng(seed)
    cell = walk(rng, 4)
    points = rng.normal(0, rng.choice([1, 6, 40]), (40, 3))
    synapses = pd.DataFrame({"astrocyte": 4, "x": points[:, 0], "y": points[:, 1], "z": points[:, 2]})
    found = finished_synapses(synapses, cell)
    segments = CellSegments.of(cell)
    a, b = segments.start.astype(float), segments.end.astype(float)
    t = (((points[:, None] - a) * (b - a)).sum(-1) / ((b - a) ** 2).sum(-1)).clip(0, 1)
    apart = np.sqrt(((a + t[..., None] * (b - a) - points[:, None]) ** 2).sum(-1))
    np.testing.assert_allclose(found["astrocyte_distance"], apart.min(axis=1), rtol=1e-5, atol=1e-5)
    chosen = apart.argmin(axis=1)
    clear = np.sort(apart, axis=1)[:, 1] - apart.min(axis=1) > 1e-6
    assert (found["astrocyte_section_id"].to_numpy() == segments.section[chosen])[clear].all()
    assert (found["astrocyte_segment_id"].to_numpy() == segments.number[chosen])[clear].all()
    centre = found[[f"astrocyte_center_{axis}" for axis in "xyz"]].to_numpy(dtype=float)
    np.testing.assert_allclose(np.sqrt(((centre - points) ** 2).sum(axis=1)), found["astrocyte_distance"], atol=1e-4)


def test_each_synapse_goes_to_its_own_astrocyte_in_whatever_parts_and_order():
    rng = np.random.default_rng(2)
    cells = [walk(rng, each) for each in (5, 2, 9)]
    points = rng.normal(0, 4, (30, 3))
    synapses = pd.DataFrame({"astrocyte": rng.choice([5, 2, 9], 30), "synapse_id": np.arange(30)})
    synapses[["x", "y", "z"]] = points
    before = synapses.copy()
    whole = finished_synapses(synapses, MorphologySet.joined(cells))
    pd.testing.assert_frame_equal(finished_synapses(synapses, cells[::-1]), whole)
    pd.testing.assert_frame_equal(synapses, before)
    for cell in cells:
        mine = synapses["astrocyte"] == cell.table["astrocyte"].iloc[0]
        pd.testing.assert_frame_equal(finished_synapses(synapses[mine], cell), whole[mine])


def test_without_processes_the_soma_is_nearest():
    cell = walk(np.random.default_rng(1), 3)
    bare = MorphologySet(cell.table, np.empty((0, 3)), [], [], [0], [], [], [0, 0])
    synapses = pd.DataFrame({"astrocyte": [3], "x": [1.0], "y": [2.0], "z": [7.0]})
    found = finished_synapses(synapses, bare).iloc[0]
    assert found[["astrocyte_section_id", "astrocyte_center_z", "astrocyte_distance"]].tolist() == [0, 3, 4]


def test_synapses_of_a_cell_that_is_not_there_are_refused():
    cell = walk(np.random.default_rng(1), 3)
    with pytest.raises(CircuitError, match="no morphology of astrocytes 8"):
        finished_synapses(pd.DataFrame({"astrocyte": [8], "x": [1.0], "y": [2.0], "z": [7.0]}), cell)
    with pytest.raises(CircuitError, match="no column x"):
        finished_synapses(pd.DataFrame({"astrocyte": [3], "y": [2.0], "z": [7.0]}), cell)


def endfeet_of(meshes, thickness=0.5):
    meshes = Meshes.of(meshes)
    area = meshes.areas
    table = pd.DataFrame({"astrocyte": 0, "area": area, "unreduced_area": area, "thickness": thickness})
    return Endfeet(table.rename_axis("endfoot_id"), meshes)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_a_rectangle_however_it_lies_and_is_cut_has_its_own_length(seed, cuts):
    x, y = np.linspace(0, 9, cuts + 1), np.linspace(0, 2, 3)
    grid = np.array([[a, b, 0.0] for a in x for b in y])
    squares = [(i * 3 + j, (i + 1) * 3 + j, (i + 1) * 3 + j + 1, i * 3 + j + 1) for i in range(cuts) for j in range(2)]
    triangles = [each for a, b, c, d in squares for each in ((a, b, c), (a, c, d))]
    turned = Rotation.random(random_state=seed).apply(grid) + 100
    found = endfoot_compartments(endfeet_of([Mesh(turned, triangles)])).iloc[0]
    assert found["length"] == pytest.approx(9, rel=1e-6)
    assert found["perimeter"] == pytest.approx(2, rel=1e-6)
    assert np.pi / 4 * found["diameter"] ** 2 * found["length"] == pytest.approx(18 * 0.5, rel=1e-6)


def test_an_endfoot_without_a_patch_is_nothing():
    empty = Mesh(np.empty((0, 3)), np.empty((0, 3), dtype=int))
    found = endfoot_compartments(endfeet_of([empty]))
    assert found.to_numpy().tolist() == [[0, 0, 0]]
    assert len(endfoot_compartments(endfeet_of([]))) == 0
