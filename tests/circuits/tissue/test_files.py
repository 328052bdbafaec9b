"""Files of tissue: what is written comes back; MorphIO reads vessels; what is damaged is said to be."""

from itertools import pairwise

import h5py
import morphio.vasculature
import numpy as np
import pandas as pd
import pytest
from scipy.spatial import ConvexHull

from conntap.circuits.tissue import Domains, Endfeet, Mesh, Meshes, Vasculature
from conntap.circuits.tissue.grouped_files import read_domains, read_endfeet, write_domains, write_endfeet
from conntap.circuits.tissue.vessel_files import section_points, write_vasculature
from conntap.errors import CircuitError

CUBE = np.array([[x, y, z] for x in (0, 2) for y in (0, 2) for z in (0, 2)], dtype=float)


def cube(shift=0.0):
    found = ConvexHull(CUBE)
    triangles = found.simplices.copy()
    a, b, c = (CUBE[triangles[:, i]] for i in range(3))
    inward = (np.cross(b - a, c - a) * found.equations[:, :3]).sum(axis=1) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return Mesh(CUBE + shift, triangles)


@pytest.fixture
def domains():
    empty = Mesh(np.empty((0, 3)), np.empty((0, 3), dtype=int))
    meshes = Meshes.of([cube(), empty, cube(2.0)])
    return Domains(meshes, np.tile([2, 2, 2, -1, -1, -1], 4), [1.0, 1.0, 1.02])


def test_domains_come_back_with_neighbours_and_scalings(tmp_path, domains):
    write_domains(domains, tmp_path / "microdomains.h5")
    again = read_domains(tmp_path / "microdomains.h5")
    for name in ("points", "point_starts", "triangles", "triangle_starts"):
        np.testing.assert_array_equal(getattr(again.meshes, name), getattr(domains.meshes, name))
    assert again.neighbours.tolist() == domains.neighbours.tolist()
    assert again.scalings.tolist() == domains.scalings.tolist()


def test_triangles_of_one_plane_and_one_neighbour_are_one_face(tmp_path):
    mesh = cube()
    write_domains(Domains(Meshes.of([mesh, mesh]), np.full(24, -7), [1.0, 1.0]), tmp_path / "d.h5")
    with h5py.File(tmp_path / "d.h5") as file:
        faces = file["data/triangle_data"][:, 0]
        starts = file["offsets/triangle_data"][()]
    for begin, end in pairwise(starts):
        assert sorted(np.bincount(faces[begin:end])) == [2] * 6


def test_endfeet_come_back(tmp_path):
    meshes = Meshes.of([cube(), cube(3.0)])
    table = pd.DataFrame(
        {"astrocyte": [4, 4], "area": [24.0, 24.0], "unreduced_area": [30.0, 31.0], "thickness": [0.5, 1]}
    )
    write_endfeet(Endfeet(table, meshes), tmp_path / "endfeet.h5")
    again = read_endfeet(tmp_path / "endfeet.h5", np.array([4, 4]))
    pd.testing.assert_frame_equal(again.table, table, check_names=False, check_dtype=False)
    np.testing.assert_array_equal(again.meshes[1].points, meshes[1].points)
    with pytest.raises(CircuitError, match="2 patches of 3 endfeet"):
        read_endfeet(tmp_path / "endfeet.h5", np.array([4, 4, 5]))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.__delitem__("data/points"), "no dataset of numbers 'data/points'"),
        (lambda file: file["offsets/points"].__setitem__(1, 99), "must rise from 0 to 16"),
        (lambda file: file["data/triangle_data"].__setitem__((0, 1), 9), "beyond those of its surface"),
        (lambda file: file["data/neighbors"].__setitem__(0, 9), "9; there are 3 domains"),
        (lambda file: file["data/points"].__setitem__((0, 0), np.nan), "not all values are finite"),
    ],
)
def test_damaged_domains_are_told_with_their_file(tmp_path, domains, damage, message):
    path = tmp_path / "microdomains.h5"
    write_domains(domains, path)
    with h5py.File(path, "r+") as file:
        damage(file)
    with pytest.raises(CircuitError, match=rf"microdomains.h5: .*{message}"):
        read_domains(path)


def test_a_dataset_that_only_says_it_is_large_is_refused(tmp_path, domains):
    path = tmp_path / "microdomains.h5"
    write_domains(domains, path)
    with h5py.File(path, "r+") as file:
        del file["data/points"]
        file.create_dataset("data/points", shape=(10**12, 3), dtype=np.float64, chunks=(1000, 3))
    with pytest.raises(CircuitError, match="says that it holds"):
        read_domains(path)


def test_morphio_reads_sections_points_and_how_they_follow(tmp_path):
    points = np.random.default_rng(1).normal(size=(6, 3))
    edges = [[0, 1], [1, 2], [2, 3], [2, 4], [4, 5]]
    vessels = Vasculature(points, np.arange(1, 7), edges, [0, 0, 1, 5, 5], [0, 1, 0, 0, 1], [4, 4, 6, 6, 6])
    write_vasculature(vessels, tmp_path / "vessels.h5")
    read = morphio.vasculature.Vasculature(str(tmp_path / "vessels.h5"))
    sections = list(read.sections)
    assert [len(each.points) for each in sections] == [3, 2, 3]
    np.testing.assert_allclose(sections[2].points, points[[2, 4, 5]], rtol=1e-6)
    assert sections[2].diameters.tolist() == [3, 5, 6]
    assert sorted(each.id for each in sections[0].successors) == [1, 2]
    assert [int(each.type) for each in sections] == [4, 6, 6]


def test_a_broken_chain_of_segments_is_cut_into_sections():
    vessels = Vasculature(np.eye(4, 3), [1] * 4, [[0, 1], [2, 3]], [0, 0], [0, 1], [6, 6])
    assert [each.tolist() for each in section_points(vessels)] == [[0, 1, 2, 3], [0, 2, 4]]
    none = Vasculature(np.empty((0, 3)), [], np.empty((0, 2)), [], [], [])
    assert section_points(none)[1].tolist() == [0]
