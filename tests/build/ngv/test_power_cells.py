import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import HalfspaceIntersection

from conntap.build.ngv.power_cells import domains, scaling_of
from conntap.circuits.tissue import Volume
from conntap.circuits.tissue.voxel_files import write_volume
from conntap.errors import CircuitError, OptionError

BOX = ((0, 0, 0), (100, 120, 90))


def table(points, radii=5.0):
    frame = pd.DataFrame(np.reshape(points, (-1, 3)).astype(float), columns=["x", "y", "z"])
    return frame.assign(radius=radii)


def scattered(n, seed=0, box=BOX):
    rng = np.random.default_rng(seed)
    low, high = np.array(box, dtype=float)
    return table(low + rng.random((n, 3)) * (high - low), rng.uniform(1, 12, n))


def divided(cells, box=BOX, overlap=0.0, **options):
    return domains(cells, box_um=box, overlap=overlap, rng=np.random.default_rng(0), **options)


def check_sound(found):
    """Closed, outward, no triangle without an area, neighbours that know each other."""
    for mesh in found.meshes:
        if len(mesh.triangles):
            assert mesh.is_closed
            assert mesh.volume > 0
            assert (mesh.areas > 0).all()
            assert len(mesh.points) - len(mesh.triangles) // 2 == 2  # Euler's number of a sphere


def check_partition(found, box=BOX):
    check_sound(found)
    low, high = np.array(box, dtype=float)
    assert found.volumes.sum() == pytest.approx(np.prod(high - low), rel=1e-9)


def check_nearest(found, cells, box=BOX, n=400, seed=3):
    """Each of some points lies in the domain whose soma has the least power distance, by brute force."""
    low, high = np.array(box, dtype=float)
    points = low + np.random.default_rng(seed).random((n, 3)) * (high - low)
    xyz, radii = cells[["x", "y", "z"]].to_numpy(), cells["radius"].to_numpy()
    power = ((points[:, None] - xyz) ** 2).sum(axis=2) - radii**2
    least = power.argmin(axis=1)
    gap = np.sort(power, axis=1)
    clear = np.ones(n, dtype=bool) if len(cells) < 2 else gap[:, 1] - gap[:, 0] > 1e-6
    for i in np.unique(least[clear]):
        mine = clear & (least == i)
        assert found.contains(i, points[mine], tolerance_um=1e-7).all()
        assert not found.contains(i, points[clear & (least != i)]).any()


def test_two_equal_somata_halve_a_box():
    found = divided(table([[25, 60, 45], [75, 60, 45]]))
    assert found.volumes.tolist() == pytest.approx([540_000, 540_000])
    assert sorted(set(found.neighbours[:12].tolist())) == [-6, -5, -4, -3, -1, 1]
    assert found.meshes[1].points[:, 0].min() == pytest.approx(50)


def test_the_wall_between_two_somata_shifts_by_their_radii():
    found = divided(table([[25, 60, 45], [75, 60, 45]], [10, 5]))
    assert found.meshes[0].points[:, 0].max() == pytest.approx(50 + (100 - 25) / (2 * 50))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 120), st.integers(0, 2**32))
def test_cells_partition_the_box_by_power_distance(n, seed):
    cells = scattered(n, seed)
    found = divided(cells)
    check_partition(found)
    check_nearest(found, cells, n=100)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=40), st.sampled_from([0.0, 3.0]))
def test_somata_on_a_lattice_in_lines_planes_and_one_place_partition_the_box(places, radius):
    cells = table(np.array(places) * 20.0 + 5, radius)
    found = divided(cells)
    check_partition(found)
    check_nearest(found, cells, n=50)
    assert (found.volumes > 0).sum() == len(set(places))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=2, max_size=30), st.integers(0, 99))
def test_somata_all_but_on_a_lattice_partition_the_box(places, seed):
    shift = np.random.default_rng(seed).normal(size=(len(places), 3)) * 10.0 ** -np.random.default_rng(seed).uniform(
        5, 14
    )
    cells = table(np.array(places) * 25.0 + 10 + shift, 4.0)
    check_partition(divided(cells))


@pytest.mark.parametrize("far", [0.0, 1e5])
def test_whole_lattices_give_cubes(far):
    grid = np.stack(np.meshgrid(*[np.arange(5) * 20.0 + 10] * 3), axis=-1).reshape(-1, 3) + far
    found = divided(table(grid), box=((far,) * 3, (far + 100,) * 3))
    np.testing.assert_allclose(found.volumes, 8000, rtol=1e-9)
    assert set(np.diff(found.meshes.triangle_starts)) == {12}


def test_staggered_lattices_give_rhombic_dodecahedra():
    points = [(x, y, z) for x in range(10) for y in range(10) for z in range(10) if (x + y + z) % 2 == 0]
    found = divided(table(np.array(points) * 10.0 + 5), box=((0, 0, 0), (100, 100, 100)))
    check_partition(found, box=((0, 0, 0), (100, 100, 100)))
    inner = [i for i, place in enumerate(points) if min(place) > 1 and max(place) < 8]
    assert set(np.diff(found.meshes.triangle_starts)[inner]) == {24}


def test_a_cell_is_that_of_scipys_half_spaces():
    cells = scattered(60, 5)
    found = divided(cells)
    xyz, radii = cells[["x", "y", "z"]].to_numpy(), cells["radius"].to_numpy()
    low, high = np.array(BOX, dtype=float)
    for i in np.flatnonzero(found.volumes > 0)[:20]:
        others = np.arange(60) != i
        normals = 2 * (xyz[others] - xyz[i])
        offsets = (xyz[others] ** 2).sum(axis=1) - (xyz[i] ** 2).sum() - radii[others] ** 2 + radii[i] ** 2
        rows = np.vstack([np.column_stack([normals, -offsets]), np.c_[np.eye(3), -high], np.c_[-np.eye(3), low]])
        corners = HalfspaceIntersection(rows, found.meshes[i].points.mean(axis=0)).intersections
        points = found.meshes[i].points
        away = np.abs(corners[:, None] - points).max(axis=2)
        assert away.min(axis=1).max() < 1e-6
        assert away.min(axis=0).max() < 1e-6


def test_a_neighbour_is_one_of_both():
    found = divided(scattered(80, 7))
    assert all(i in found.neighbours_of(j) for i in range(80) for j in found.neighbours_of(i))


def test_a_soma_within_anothers_power_has_no_domain_and_it_is_said(caplog):
    cells = table([[50, 60, 45], [51, 60, 45], [20, 20, 20]], [30, 1, 5])
    with caplog.at_level(logging.WARNING):
        found = divided(cells, overlap=0.1)
    assert np.diff(found.meshes.triangle_starts)[1] == 0
    assert found.volumes[1] == 0
    assert "domains: 1 of 3 astrocytes have none: 1" in caplog.text
    check_partition(divided(cells))


def test_a_soma_among_a_thousand_around_it_is_cut_by_all():
    rng = np.random.default_rng(0)
    ball = rng.normal(size=(1000, 3))
    middle = np.array([50, 60, 45])
    around = middle + 40 * ball / np.linalg.norm(ball, axis=1)[:, None]
    cells = table(np.vstack([middle, around]), 1.0)
    found = divided(cells)
    check_partition(found)
    assert len(found.neighbours_of(0)) > 900


def test_somata_beyond_the_box_or_with_large_radii_far_away_count():
    cells = table([[-30, 60, 45], [50, 60, 45], [300, 60, 45]], [5, 5, 220])
    found = divided(cells)
    check_partition(found)
    check_nearest(found, cells)
    many = scattered(300, 1)
    many.loc[0, "radius"] = 60.0  # larger than the distance to most of its neighbours
    found = divided(many)
    check_partition(found)
    check_nearest(found, many)


def test_one_soma_has_the_whole_box():
    found = divided(table([[3, 3, 3]]), overlap=0.1)
    assert found.volumes.tolist() == pytest.approx([1_080_000])
    assert set(found.neighbours) == {-1, -2, -3, -4, -5, -6}


def test_grown_cells_stay_in_the_box_and_are_scaled_about_their_centre():
    cells = scattered(150, 2)
    small, large = divided(cells), divided(cells, overlap=0.1)
    check_sound(large)
    low, high = np.array(BOX, dtype=float)
    assert large.meshes.points.min(axis=0) == pytest.approx(low, abs=1e-9)
    assert large.meshes.points.max(axis=0) == pytest.approx(high, abs=1e-9)
    walls = {i for i in range(150) if (large.neighbours[large.meshes.owners == i] < 0).any()}
    inner = [i for i in range(150) if i not in walls and small.volumes[i] > 0]
    scale = 2 / (1 + 0.9 ** (1 / 3))
    assert len(inner) > 5
    np.testing.assert_allclose(large.volumes[inner] / small.volumes[inner], scale**3)
    assert large.scalings.tolist() == pytest.approx([scale] * 150)


def test_the_factor_of_growth_solves_its_cubic():
    for a in (0.0, 0.05, 0.1, 0.5):
        s = scaling_of(a)
        assert s**3 * (2 - a) - 6 * s**2 + 12 * s - 8 == pytest.approx(0, abs=1e-12)


def test_fractions_may_differ_among_astrocytes():
    found = divided(scattered(2000, 3), overlap=0.1, overlap_sd=0.02)
    fractions = 1 - (2 / found.scalings - 1) ** 3
    assert fractions.mean() == pytest.approx(0.1, abs=0.002)
    assert fractions.std() == pytest.approx(0.02, abs=0.002)


def test_a_region_cuts_domains_off(tmp_path):
    cells = scattered(100, 4)
    halved = divided(cells, overlap=0.1, region=[(1, 1, 0, 110)])
    check_sound(halved)
    assert (halved.meshes.points[:, :2].sum(axis=1) <= 110 + 1e-9).all()
    assert -7 in halved.neighbours
    assert divided(cells, region=[(2, 2, 0, 220)]).volumes.sum() == pytest.approx(90 * (110**2 / 2 - 10**2 / 2))
    values = np.zeros((10, 12, 9))
    values[2:8, 3:9, 1:5] = 1
    write_volume(Volume(values, [0, 0, 0], [10, 10, 10]), tmp_path / "region.nrrd")
    assert divided(cells, region=tmp_path / "region.nrrd").volumes.sum() == pytest.approx(60 * 60 * 40)


def test_equal_inputs_give_equal_domains_in_any_company_and_inputs_stay():
    cells = scattered(5000, 6)
    before = cells.copy()
    one, two = divided(cells, overlap=0.1), divided(cells, overlap=0.1)
    np.testing.assert_array_equal(one.meshes.points, two.meshes.points)
    pd.testing.assert_frame_equal(cells, before)


def test_bad_inputs_are_refused():
    with pytest.raises(CircuitError, match="no column radius; the astrocytes have x, y, z"):
        divided(table([[1, 1, 1]]).drop(columns="radius"))
    with pytest.raises(CircuitError, match="there are no astrocytes"):
        divided(table([]))
    with pytest.raises(CircuitError, match="not finite"):
        divided(table([[np.nan, 1, 1]]))
    with pytest.raises(CircuitError, match="radii below 0"):
        divided(table([[1, 1, 1]], -1.0))
    with pytest.raises(OptionError, match=r"domains\.overlap: 1\.5"):
        divided(table([[1, 1, 1]]), overlap=1.5)
    with pytest.raises(OptionError, match=r"domains\.region: half-spaces"):
        divided(table([[1, 1, 1]]), region=[(0, 0, 0, 5)])
    with pytest.raises(OptionError, match="give the lower and the upper corner"):
        divided(table([[1, 1, 1]]), box=((0, 0, 0), (0, 1, 1)))
