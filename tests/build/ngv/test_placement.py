import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from conntap.build.ngv._placing import clearance
from conntap.build.ngv.placement import Spacing, astrocytes
from conntap.circuits.tissue import Vasculature, Volume
from conntap.circuits.tissue.voxel_files import write_volume
from conntap.errors import OptionError

CUBE = ((0, 0, 0), (150, 150, 150))


def placed(vessels=None, atlas=None, seed=1, **options):
    return astrocytes(vessels, atlas, rng=np.random.default_rng(seed), **options)


def sticks(side, n, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.random((2 * n, 3)) * side
    points[1::2] = points[::2] + rng.normal(size=(n, 3)) * 25
    numbers = np.arange(n)
    diameters = rng.uniform(3, 30, 2 * n)
    return Vasculature(points, diameters, np.arange(2 * n).reshape(-1, 2), numbers, 0 * numbers, np.full(n, 6))


def centres(cells):
    return cells[["x", "y", "z"]].to_numpy()


def nearest(cells):
    return cKDTree(centres(cells)).query(centres(cells), k=2)[0][:, 1]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.floats(5_000, 60_000), st.sampled_from(["spring", "coulomb", "lennard_jones", "none"]))
def test_no_two_somata_overlap_and_all_lie_inside(seed, density, kind):
    box = ((-50, 10, 0), (30, 150, 90))
    cells = placed(seed=seed, box_um=box, density=density, spacing=Spacing(kind=kind))
    assert len(cells) == round(density * 80 * 140 * 90 * 1e-9)
    radii = cells["radius"].to_numpy()
    i, j = np.triu_indices(len(cells), 1)
    assert (pdist(centres(cells)) >= radii[i] + radii[j]).all()
    assert ((centres(cells) >= box[0]) & (centres(cells) <= box[1])).all()
    assert ((radii >= 0.1) & (radii <= 20)).all()


def test_no_soma_meets_a_vessel_by_brute_force():
    vessels = sticks(150, 60)
    cells = placed(vessels, box_um=CUBE, density=20_000)
    t = np.linspace(0, 1, 2001)[:, None]
    for start, end, (a, b) in zip(vessels.starts, vessels.ends, vessels.radii, strict=True):
        line, thick = start + t * (end - start), a + t[:, 0] * (b - a)
        away = np.linalg.norm(centres(cells)[:, None] - line, axis=2) - thick
        assert (away.min(axis=1) >= cells["radius"] - 1e-3).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-20, 20), min_size=9, max_size=9), st.floats(0.1, 30), st.floats(0.1, 30))
def test_the_distance_to_a_segment_is_the_least_over_its_balls(numbers, ra, rb):
    p, a, b = np.reshape(numbers, (3, 3))

    def away(t):
        return np.linalg.norm(p - a - t * (b - a)) - (ra + t * (rb - ra))

    wanted = min(away(0), away(1), minimize_scalar(away, bounds=(0, 1), method="bounded", options={"xatol": 1e-9}).fun)
    assert clearance(*p, a, b, ra, rb) == pytest.approx(wanted, abs=1e-6)


def test_neighbours_lie_as_far_apart_as_was_counted_in_tissue():
    distances = nearest(placed(box_um=((0, 0, 0), (400, 400, 400))))
    assert distances.mean() == pytest.approx(30, abs=1)  # 30 +- 4 um: Lopez-Hidalgo et al.
    assert distances.std() == pytest.approx(4, abs=1)


def test_without_spacing_neighbours_lie_as_at_random():
    cells = placed(
        box_um=((0, 0, 0), (600, 600, 600)), spacing=Spacing(kind="none"), radius_um=(0.01, 0.001, 0.001, 0.1)
    )
    inner = ((centres(cells) > 60) & (centres(cells) < 540)).all(axis=1)
    expected = 0.55396 / (12_286e-9) ** (1 / 3)  # of a Poisson process: Hertz, 1909
    assert nearest(cells)[inner].mean() == pytest.approx(expected, rel=0.03)


def test_radii_follow_their_law_even_where_it_is_crowded():
    radii = placed(box_um=CUBE, density=200_000)["radius"]
    assert radii.mean() == pytest.approx(5.6, abs=0.1)
    assert radii.std() == pytest.approx(0.74, abs=0.08)


def test_cells_follow_the_densities_of_oblong_voxels_and_leave_out_those_without():
    values = np.zeros((3, 2, 2))
    values[0], values[2], values[1, 0, 0] = 10_000, 30_000, np.nan
    atlas = Volume(values, [100, 0, -50], [40, 100, 150])
    cells = placed(atlas=atlas)
    found = atlas.voxels(centres(cells))[:, 0]
    assert len(cells) == round(2.4e-3 * 40_000)
    assert not (found == 1).any()
    assert (found == 2).mean() == pytest.approx(0.75, abs=0.12)


def test_a_box_cuts_the_voxels_it_runs_through():
    atlas = Volume(np.full((2, 2, 2), 20_000.0), [0, 0, 0], [100, 100, 100])
    cells = placed(atlas=atlas, box_um=((50, 0, 0), (120, 200, 100)))
    assert len(cells) == round(0.07 * 0.2 * 0.1 * 20_000)
    assert centres(cells).min(axis=0)[0] >= 50
    assert centres(cells).max(axis=0)[0] <= 120


def test_voxels_may_lie_obliquely_or_run_backwards():
    turned = np.array([[60.0, 60, 0], [-60, 60, 0], [0, 0, 80]])
    atlas = Volume(np.full((2, 2, 2), 12_000.0), [0, 0, 0], turned)
    assert (atlas.at(centres(placed(atlas=atlas))) > 0).all()
    back = Volume(np.full((2, 2, 2), 12_000.0), [0, 0, 0], [-80, 80, 80])
    assert (back.at(centres(placed(atlas=back)) - 1e-9) > 0).all()


def test_densities_and_masks_come_from_files(tmp_path):
    mask = np.zeros((3, 3, 3), dtype=np.uint8)
    mask[1] = 1
    write_volume(Volume(mask, [0, 0, 0], [50, 50, 50]), tmp_path / "mask.nrrd")
    write_volume(Volume(np.full((3, 3, 3), 20_000.0), [0, 0, 0], [50, 50, 50]), tmp_path / "density.nrrd")
    for density in (20_000.0, tmp_path / "density.nrrd"):
        cells = placed(density=density, mask=tmp_path / "mask.nrrd")
        assert len(cells) == round(20_000 * 9 * 50**3 * 1e-9)
        assert cells["x"].between(50, 100).all()
    write_volume(Volume(mask, [0, 0, 0], [50, 50, 40]), tmp_path / "other.nrrd")
    with pytest.raises(OptionError, match=r"astrocytes\.mask: its voxels"):
        placed(density=tmp_path / "density.nrrd", mask=tmp_path / "other.nrrd")


def test_equal_states_give_equal_cells_and_inputs_stay():
    vessels = sticks(150, 20)
    before = vessels.points.copy()
    one, two = (placed(vessels, box_um=CUBE) for _ in range(2))
    assert one.equals(two)
    assert not one.equals(placed(vessels, box_um=CUBE, seed=2))
    np.testing.assert_array_equal(before, vessels.points)


def test_vessels_outside_change_nothing():
    far = Vasculature([[1e4, 0, 0], [2e4, 0, 0]], [5, 5], [[0, 1]], [0], [0], [6])
    assert placed(far, box_um=CUBE).equals(placed(box_um=CUBE))


def test_one_cell_is_placed_anywhere():
    cells = placed(box_um=CUBE, density=1 / 0.15**3)
    assert cells.index.tolist() == [0]
    assert cells.index.name == "id"


def test_where_somata_find_no_room_it_says_so(caplog):
    vessel = Vasculature([[75, 75, 75], [75, 75, 76]], [230, 230], [[0, 1]], [0], [0], [6])
    with pytest.raises(OptionError, match=r"astrocytes\.density: \d+ of 169 somata find room off the vessels"):
        placed(vessel, box_um=CUBE, density=50_000)
    with caplog.at_level(logging.WARNING):
        cells = placed(vessel, box_um=CUBE, density=50_000, crowded="fewer")
    assert 0 < len(cells) < 169
    assert "of 169 somata find room" in caplog.text
    with pytest.raises(OptionError, match=r"somata would fill \d+% of the space"):
        placed(box_um=CUBE, density=1e6)
    assert len(placed(box_um=CUBE, density=1e6, crowded="fewer")) > 1000


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (0, "0 astrocytes are expected"),
        (np.nan, r"0 astrocytes are expected|density: nan;"),
        (-1, "negative"),
        (np.inf, "infinite"),
    ],
)
def test_bad_densities_are_refused(values, message):
    with pytest.raises(OptionError, match=message):
        placed(atlas=Volume(np.full((2, 2, 2), float(values)), [0, 0, 0], [50, 50, 50]))
    with pytest.raises(OptionError, match=message):
        placed(box_um=CUBE, density=float(values))


def test_voxels_without_astrocytes_are_told_by_their_file_and_place(tmp_path):
    path = tmp_path / "density.nrrd"
    write_volume(Volume(np.full((2, 2, 2), 1e4), [0, 0, 0], [50, 50, 50]), path)
    with pytest.raises(
        OptionError, match=r"density\.nrrd: no voxel above 0 lies in .*; they lie from \[0\.0, 0\.0, 0\.0\]"
    ):
        placed(density=path, box_um=((500, 0, 0), (600, 90, 90)))
    for value, told in (
        (np.nan, "no voxel is above 0"),
        (0.0, "no voxel is above 0"),
        (-3.0, "8 voxels .* such as -3"),
    ):
        write_volume(Volume(np.full((2, 2, 2), value), [0, 0, 0], [50, 50, 50]), path)
        with pytest.raises(OptionError, match=rf"density\.nrrd: .*{told}"):
            placed(density=path)


def test_bad_options_are_refused():
    with pytest.raises(OptionError, match=r"box_um: None; give the box"):
        placed()
    with pytest.raises(OptionError, match="Give astrocytes per mm"):
        placed(box_um=((0, 0, 0), (1e6, 1e6, 1e6)), density=1e6)
    with pytest.raises(OptionError, match=r"spacing\.kind: unknown value 'sprung'"):
        placed(box_um=CUBE, spacing=Spacing(kind="sprung"))
    with pytest.raises(OptionError, match=r"spacing\.beta: nan"):
        placed(box_um=CUBE, spacing=Spacing(beta=np.nan))
    with pytest.raises(OptionError, match=r"radius_um\.mean: 30"):
        placed(box_um=CUBE, radius_um=(30, 1, 0.1, 20))
    with pytest.raises(OptionError, match="0 astrocytes are expected"):
        placed(atlas=Volume(np.full((2, 2, 2), 1e4), [0, 0, 0], [50, 50, 50]), box_um=((500, 0, 0), (600, 9, 9)))


def test_a_density_that_is_none_is_refused_as_such():
    with pytest.raises(OptionError, match=r"astrocytes.density: nan; give astrocytes per mm\^3"):
        astrocytes(box_um=((0, 0, 0), (150, 150, 150)), density=float("nan"), rng=np.random.default_rng(0))


@pytest.mark.parametrize("radius", [None, "abcd", (5.6, 0.7, 0.1), (float("nan"), 1, 0, 10), (5, 1, -1, 10)])
def test_radii_that_are_not_four_numbers_are_refused(radius):
    with pytest.raises(OptionError, match=r"astrocytes.radius_um: .*; give the mean"):
        astrocytes(box_um=((0, 0, 0), (150, 150, 150)), radius_um=radius, rng=np.random.default_rng(0))
