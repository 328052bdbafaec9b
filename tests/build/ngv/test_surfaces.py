"""The surface of vessels: closed, where it should be, as large as mathematics says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.build import vessel_surface, vessels
from conntap.build.ngv.marching_table import EDGES, triangle_table
from conntap.circuits.tissue import Vasculature
from conntap.errors import OptionError

trimesh = pytest.importorskip("trimesh")


def tube(points, diameters, section_ids=None):
    n = len(points) - 1
    edges = np.column_stack([np.arange(n), np.arange(1, n + 1)])
    sections = np.zeros(n, dtype=int) if section_ids is None else np.asarray(section_ids)
    numbers = np.arange(n) if section_ids is None else np.zeros(n, dtype=int)
    return Vasculature(points, diameters, edges, sections, numbers, np.full(n, 7))


def ring(n=40, radius=20.0):
    angle = 2 * np.pi * np.arange(n) / n
    points = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.zeros(n)])
    edges = np.column_stack([np.arange(n), (np.arange(n) + 1) % n])
    return Vasculature(points, np.full(n, 6.0), edges, np.zeros(n, dtype=int), np.arange(n), np.full(n, 7))


def oracle(mesh):
    return trimesh.Trimesh(mesh.points, mesh.triangles, process=False)


def winding(mesh, places):
    """How often the surface goes around each place: the sum of solid angles over 4 pi (van Oosterom and Strackee)."""
    out = []
    for place in places:
        a, b, c = (mesh.points[mesh.triangles[:, i]] - place for i in range(3))
        la, lb, lc = (np.linalg.norm(each, axis=1) for each in (a, b, c))
        top = (a * np.cross(b, c)).sum(axis=1)
        low = la * lb * lc + (a * b).sum(1) * lc + (b * c).sum(1) * la + (c * a).sum(1) * lb
        out.append(np.arctan2(top, low).sum() / (2 * np.pi))
    return np.array(out)


def from_cones(v, places):
    """The distance to the union of spheres along segments, by brute force."""
    share = np.linspace(0, 1, 2001)[:, None, None]
    centres = v.starts + share * (v.ends - v.starts)
    radii = (v.radii[:, 0] + share[..., 0] * (v.radii[:, 1] - v.radii[:, 0])).ravel()
    centres = centres.reshape(-1, 3)
    return np.array([(np.linalg.norm(centres - each, axis=1) - radii).min() for each in places])


@pytest.mark.parametrize("diameter", [4.0, 6.0])
def test_a_straight_vessel_is_a_capsule_whose_volume_no_spacing_biases(diameter):
    v = tube([[0, 0, 0], [15, 5, 3]], [diameter, diameter])
    length, r = v.lengths[0], diameter / 2
    volume, area = np.pi * (r**2 * length + 4 / 3 * r**3), np.pi * (2 * r * length + 4 * r**2)
    for spacing in (1.0, 0.4, 0.2):
        mesh = vessel_surface(v, spacing_um=spacing)
        assert oracle(mesh).is_watertight
        assert mesh.volume == pytest.approx(volume, rel=4e-3 * spacing**3)
        assert mesh.areas.sum() == pytest.approx(area, rel=0.012 * spacing**2)


def test_a_cone_has_the_volume_and_area_of_a_cone_between_two_spheres():
    first, second, length = 5.0, 2.0, 20.0
    s = (first - second) / length
    c = np.sqrt(1 - s**2)
    r, R, h = second * c, first * c, length - (first - second) * s
    cap = np.pi / 3 * (first**3 * (2 + s) * (1 - s) ** 2), np.pi / 3 * (second**3 * (2 + s) * (1 - s) ** 2)
    volume = np.pi * h / 3 * (R**2 + R * r + r**2) + (4 / 3 * np.pi * first**3 - cap[0]) + cap[1]
    area = np.pi * (R + r) * np.hypot(h, R - r) + 2 * np.pi * (first**2 * (1 + s) + second**2 * (1 - s))
    mesh = vessel_surface(tube([[1, 2, 3], [1, 2, 23]], [10, 4]), spacing_um=0.25)
    assert mesh.volume == pytest.approx(volume, rel=2e-4)
    assert mesh.areas.sum() == pytest.approx(area, rel=2e-3)


def test_points_lie_outside_by_as_little_as_triangles_lie_inside():
    v = tube([[0, 0, 0], [8, 3, 0], [14, -2, 5]], [7, 5, 4])
    mesh = vessel_surface(v, spacing_um=0.8)
    out = from_cones(v, mesh.points)
    middles = from_cones(v, mesh.points[mesh.triangles].mean(axis=1))
    assert out.min() > -0.06  # where the vessel bends, its surface is hollow
    assert out.max() < 0.09
    assert abs((2 * out[mesh.triangles].mean(axis=1) + middles) @ mesh.areas) < 0.03 * mesh.areas.sum()


def test_a_void_that_vessels_enclose_is_filled_and_other_parts_stay():
    ball = tube([[0, 0, 0], [0.1, 0, 0]], [40, 40])
    far = tube([[60, 0, 0], [70, 0, 0]], [6, 6])
    both = Vasculature(
        np.concatenate([ball.points, far.points]), [40, 40, 6, 6], [[0, 1], [2, 3]], [0, 1], [0, 0], [7, 7]
    )
    mesh = vessel_surface(both, spacing_um=2.0)
    assert oracle(mesh).body_count == 2
    assert mesh.is_closed


def test_a_ring_is_a_torus():
    mesh = vessel_surface(ring(), spacing_um=0.5)
    assert oracle(mesh).euler_number == 0
    assert mesh.volume == pytest.approx(2 * np.pi**2 * 20 * 9, rel=0.02)


@settings(max_examples=4)
@given(st.integers(0, 500))
def test_vessels_of_a_box_have_one_closed_outward_surface_around_all_their_points(seed):
    v = vessels(box_um=((0, 0, 0), (90, 90, 90)), rng=np.random.default_rng(seed), density_mm_per_mm3=2000.0)
    mesh = vessel_surface(v)
    assert mesh.is_closed
    assert oracle(mesh).is_watertight
    assert oracle(mesh).is_winding_consistent
    assert mesh.volume > 0
    places = v.points[:: max(1, len(v.points) // 10)]
    assert np.allclose(winding(mesh, places), 1.0, atol=1e-6)
    assert oracle(mesh).body_count == 1


def test_as_many_tunnels_as_the_network_has_loops():
    corners = 30.0 * np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)])
    edges = np.array([[i, i | bit] for i in range(8) for bit in (1, 2, 4) if not i & bit])
    n = len(edges)
    frame = Vasculature(corners, np.full(8, 5.0), edges, np.arange(n), np.zeros(n, dtype=int), np.full(n, 7))
    mesh = vessel_surface(frame)
    loops = 12 - 8 + 1
    assert oracle(mesh).euler_number == 2 - 2 * loops


def test_junctions_are_smooth_and_a_blend_only_adds():
    points = [[0, 0, 0], [20, 0, 0], [-12, 16, 0], [-12, -16, 0]]
    star = Vasculature(points, [5, 5, 5, 5], [[0, 1], [0, 2], [0, 3]], [0, 1, 2], [0, 0, 0], [7, 7, 7])
    sharp, smooth = (vessel_surface(star, spacing_um=0.4, blend_um=blend) for blend in (0.0, 2.0))
    assert sharp.volume < smooth.volume < sharp.volume * 1.05
    assert from_cones(star, smooth.points[::20]).min() > -0.51
    assert from_cones(star, smooth.points[::20]).max() < 0.51


def test_every_set_of_corners_is_cut_into_polygons_that_close():
    counts, table = triangle_table()
    for case in range(256):
        sides = [tuple(t[[i, (i + 1) % 3]]) for t in table[case, : counts[case]] for i in range(3)]
        assert len(set(sides)) == len(sides)
        cut = {i for i, (a, b) in enumerate(EDGES) if (case >> a & 1) != (case >> b & 1)}
        assert {each for side in sides for each in side} == cut


def test_the_same_surface_wherever_it_is_and_twice():
    v, by = tube([[0.3, 0.2, 0.1], [9.1, 3.7, 1.9]], [6, 5]), np.array([64.0, -32.0, 128.0])
    moved = Vasculature(v.points + by, v.diameters, v.edges, v.section_ids, v.segment_ids, v.types)
    one, two, again = vessel_surface(v), vessel_surface(moved), vessel_surface(v)
    assert np.array_equal(one.points, again.points)
    assert np.array_equal(one.triangles, two.triangles)
    assert np.allclose(one.points + by, two.points, atol=1e-6)


def test_no_vessels_have_no_surface():
    empty = Vasculature(np.empty((0, 3)), [], np.empty((0, 2), dtype=int), [], [], [])
    assert len(vessel_surface(empty).triangles) == 0


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"spacing_um": 0.0}, "spacing_um: 0.0"),
        ({"spacing_um": 5.0}, "thinnest vessel has a radius of 3 um"),
        ({"spacing_um": 1e-6}, "too fine"),
        ({"blend_um": -1.0}, "blend_um"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, match):
    with pytest.raises(OptionError, match=match):
        vessel_surface(ring(), **options)
