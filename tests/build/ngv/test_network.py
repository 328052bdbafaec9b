"""Vessels that are grown: as long as wanted, one network, smooth, thick where they should be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from conntap.build import vessels
from conntap.circuits.tissue import VESSEL_TYPES
from conntap.errors import OptionError

BOX = ((0, 0, 0), (200, 200, 200))
TYPES = {name: number for number, name in VESSEL_TYPES.items()}


def grown(seed=1, **options):
    return vessels(**{"box_um": BOX, "rng": np.random.default_rng(seed)} | options)


def parts(v):
    n = len(v.points)
    return connected_components(coo_array((np.ones(len(v)), v.edges.T), shape=(n, n)), directed=False)[0]


@settings(max_examples=15)
@given(st.integers(0, 1000), st.sampled_from([700.0, 1000.0, 1400.0]))
def test_vessels_are_one_network_as_long_as_wanted_that_ends_at_the_walls(seed, density):
    v = grown(seed, density_mm_per_mm3=density)
    assert parts(v) == 1
    assert v.lengths.sum() / 200**3 * 1e6 == pytest.approx(density, rel=0.1)
    assert (v.points >= 0).all()
    assert (v.points <= 200).all()
    ends = v.points[np.bincount(v.edges.ravel()) == 1]
    assert np.minimum(ends, 200 - ends).min(axis=1).max() < 1e-9
    assert v.lengths.min() > 0.1


@pytest.mark.parametrize("seed", range(3))
def test_a_box_with_room_has_the_length_wanted_within_a_hundredth(seed):
    v = grown(seed, box_um=((0, 0, 0), (300, 300, 300)))
    assert v.lengths.sum() / 300**3 * 1e6 == pytest.approx(1000, rel=0.01)


def test_equal_states_give_equal_vessels_and_others_do_not():
    a, b, c = grown(3), grown(3), grown(4)
    assert np.array_equal(a.points, b.points)
    assert np.array_equal(a.edges, b.edges)
    assert len(a) != len(c) or not np.array_equal(a.points, c.points)


@pytest.mark.parametrize("pia", ["+x", "-x", "+y", "-y", "+z", "-z"])
def test_penetrating_vessels_come_through_the_pia(pia):
    v = grown(2, pia=pia)
    trunk = np.isin(v.types, [TYPES["arteriole"], TYPES["venule"]])
    axis, wall = "xyz".index(pia[1]), 200.0 if pia[0] == "+" else 0.0
    tops = v.points[np.unique(v.edges[trunk])][:, axis]
    assert (np.abs(tops - wall) < 1e-9).sum() >= 2
    widest = v.points[np.argmax(v.diameters), axis]
    assert abs(widest - wall) < 100


def test_a_box_elsewhere_and_of_other_sides_holds_its_vessels():
    v = grown(5, box_um=((-100, 50, 1000), (100, 200, 1300)))
    assert (v.points >= [-100, 50, 1000]).all()
    assert (v.points <= [100, 200, 1300]).all()


def test_without_penetrating_vessels_there_are_capillaries_alone():
    assert set(grown(6, arterioles_per_mm2=0, venules_per_mm2=0).types) == {TYPES["transitional"]}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"box_um": ((0, 0, 0), (0, 1, 1))}, "vessels.box_um"),
        ({"box_um": ((0, 0, 0), (10, 100, 100))}, "too small"),
        ({"density_mm_per_mm3": float("nan")}, "density_mm_per_mm3"),
        ({"pia": "z"}, "vessels.pia: unknown value 'z'"),
        ({"venules_per_mm2": -1}, "venules_per_mm2"),
        ({"arterioles_per_mm2": 900.0, "density_mm_per_mm3": 170.0}, "fewer arterioles"),
        ({"capillary_um": (5.0, 3.0)}, "capillary_um"),
        ({"segment_um": 0.0}, "segment_um"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, match):
    with pytest.raises(OptionError, match=match):
        grown(**options)


@pytest.mark.parametrize("side", [100.0, 120.0, 150.0])
def test_small_boxes_have_the_length_wanted_too(side):
    for seed in range(5):
        v = grown(seed, box_um=((0, 0, 0), (side, side, side)))
        assert parts(v) == 1
        assert v.lengths.sum() / side**3 * 1e6 == pytest.approx(1000, rel=0.05)


@pytest.mark.parametrize("seed", [0, 2, 5, 16])
def test_a_box_that_is_small_for_its_density_holds_nearly_the_length_and_says_what_is_missing(seed, caplog):
    v = grown(seed, box_um=((0, 0, 0), (80, 80, 80)))
    missed = abs(v.lengths.sum() / 80**3 * 1e6 / 1000 - 1)
    assert parts(v) == 1
    assert missed <= 0.1
    assert (missed > 0.05) == ("of the length wanted" in caplog.text)


def test_a_box_in_which_no_network_is_nearly_as_long_as_wanted_is_refused():
    with pytest.raises(OptionError, match=r"vessels.box_um: too small for this density"):
        grown(0, box_um=((0, 0, 0), (36, 36, 36)), density_mm_per_mm3=5000.0)


def test_sections_turn_nowhere_sharply_and_have_one_type_each():
    v = grown(8, box_um=((0, 0, 0), (300, 300, 300)))
    way = (v.ends - v.starts) / v.lengths[:, None]
    cosine = (way[1:] * way[:-1]).sum(axis=1)[np.diff(v.section_ids) == 0]
    assert np.mean(cosine < 0.65) < 1e-3  # sections that begin and end at one junction may
    first = np.flatnonzero(v.segment_ids == 0)
    assert np.array_equal(v.types, v.types[first][v.section_ids])


def test_by_murrays_law_a_penetrating_vessel_loses_the_cube_of_each_branch():
    from conntap.build.ngv.trunks import grow_trunks

    for trunk in grow_trunks(np.array([400.0, 400.0, 2000.0]), 20.0, 20.0, np.random.default_rng(1)):
        cubes = trunk.branch_diameters**3
        at = trunk.branches[:-1]
        above, below = trunk.diameters[at - 1] ** 3, trunk.diameters[at] ** 3
        assert np.allclose(above - below, cubes[:-1])
        assert trunk.diameters[trunk.branches[-1] - 1] ** 3 == pytest.approx(cubes[-1])
