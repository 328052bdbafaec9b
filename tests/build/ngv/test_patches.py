"""Endfeet: distances along surfaces against closed forms, areas as asked for, patches apart and in one piece."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csgraph
from scipy.spatial import ConvexHull
from scipy.stats import truncnorm

from conntap.build.ngv._fronts import corners_of, fronts, nearest_triangles
from conntap.build.ngv.patches import endfeet, endfoot_statistics
from conntap.build.ngv.refining import refined
from conntap.circuits.tissue import Endfeet, Mesh, Meshes
from conntap.errors import CircuitError, OptionError


def sheet(n, m, *, jitter=0.0, rng=None):
    """A grid of n x m points, 1 apart, each cell two triangles."""
    places = np.stack(np.meshgrid(np.arange(n), np.arange(m), indexing="ij"), axis=-1).astype(float)
    if jitter:
        places[1:-1, 1:-1] += rng.uniform(-jitter, jitter, (n - 2, m - 2, 2))
    number = np.arange(n * m).reshape(n, m)
    a, b, c, d = (each.ravel() for each in (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]))
    return places.reshape(-1, 2), np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


def plane(n=41, m=41, **jitter):
    places, triangles = sheet(n, m, **jitter)
    return Mesh(np.column_stack([places, np.zeros(len(places))]), triangles)


def tube(n=60, around=24, radius=3.0, *, jitter=0.2, seed=0):
    """An open cylinder along z, and the angle of each of its points."""
    places, triangles = sheet(n, around + 1, jitter=jitter, rng=np.random.default_rng(seed))
    last = np.arange(n * (around + 1)).reshape(n, around + 1)
    same = last.copy()
    same[:, -1] = same[:, 0]
    used, number = np.unique(same.ravel()[triangles], return_inverse=True)
    angle = 2 * np.pi * places[used, 1] / around
    z = places[used, 0] * 2 * np.pi * radius / around
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)
    return Mesh(points, number.reshape(-1, 3)), angle


def sphere(times):
    golden = (1 + 5**0.5) / 2
    points = [[x, y * golden, 0] for x in (-1, 1) for y in (-1, 1)]
    points = np.array([np.roll(each, k) for k in range(3) for each in points], dtype=float)
    points /= np.linalg.norm(points[0])
    triangles = ConvexHull(points).simplices
    for _ in range(times):
        edges = np.sort(np.concatenate([triangles[:, [i, (i + 1) % 3]] for i in range(3)]), axis=1)
        edges, number = np.unique(edges, axis=0, return_inverse=True)
        middle = points[edges].sum(axis=1)
        ab, bc, ca = number.reshape(3, -1) + len(points)
        a, b, c = triangles.T
        points = np.concatenate([points, middle / np.linalg.norm(middle, axis=1, keepdims=True)])
        triangles = np.concatenate(
            [np.stack(each, axis=1) for each in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))]
        )
    return Mesh(points, triangles)


def distances(mesh, sources, reach=1e9):
    starts, others = corners_of(mesh.triangles.astype(np.int32), len(mesh.points))
    begins = np.arange(len(sources) + 1)
    return fronts(
        np.array(mesh.points), starts, others, begins, np.array(sources), np.zeros(len(sources)), reach, 4.0, 4.0
    )


def nearest(places, mesh, tolerance):
    return nearest_triangles(places, np.array(mesh.points), mesh.triangles.astype(np.int32), tolerance)


def sites_at(places, astrocyte=None):
    places = np.atleast_2d(np.asarray(places, dtype=float))
    table = pd.DataFrame(places, columns=[f"endfoot_surface_{each}" for each in "xyz"]).rename_axis("endfoot_id")
    return table.assign(astrocyte=np.arange(len(places)) if astrocyte is None else astrocyte)


def in_one_piece(mesh):
    edges = np.concatenate([mesh.triangles[:, [i, (i + 1) % 3]] for i in range(3)]).T
    graph = coo_array((np.ones(edges.shape[1]), edges), shape=(len(mesh.points),) * 2)
    return csgraph.connected_components(graph, directed=False)[0] == 1


@pytest.mark.parametrize(("jitter", "stretch"), [(0.0, 1), (0.0, 6), (0.3, 1), (0.3, 5)])
def test_on_a_plane_distances_are_straight_also_past_obtuse_corners(jitter, stretch):
    places, triangles = sheet(41, 41, jitter=jitter, rng=np.random.default_rng(1))
    mesh = Mesh(np.column_stack([places * [1, stretch], np.zeros(len(places))]), triangles)
    source = 20 * 41 + 20
    found, _ = distances(mesh, [source])
    straight = np.linalg.norm(mesh.points - mesh.points[source], axis=1)
    inner = ((places > 1) & (places < 39)).all(axis=1)  # a border bars the straight way to some
    assert (found >= straight - 1e-9).all()
    np.testing.assert_allclose(found[inner], straight[inner], rtol=2e-2)
    assert np.median(np.abs(found - straight)) < 1e-9


def test_on_a_cylinder_distances_are_those_of_its_unfolding():
    errors = []
    for around in (16, 32, 64):
        mesh, angle = tube(4 * around, around)
        source = np.argmin(((mesh.points - [3, 0, mesh.points[:, 2].max() / 2]) ** 2).sum(axis=1))
        found, _ = distances(mesh, [source])
        turn = np.abs((angle - angle[source] + np.pi) % (2 * np.pi) - np.pi)
        true = np.hypot(3 * turn, mesh.points[:, 2] - mesh.points[source, 2])
        true[source] = 1
        errors.append(np.abs(found / true - 1)[true > 0].clip(max=None)[np.arange(len(true)) != source].max())
    assert errors[-1] < 0.005
    assert errors[0] > errors[1] > errors[2]


def test_on_a_sphere_distances_converge_to_great_circles():
    errors = []
    for times in (2, 3, 4, 5):
        mesh = sphere(times)
        found, _ = distances(mesh, [3])
        true = np.arccos(np.clip(mesh.points @ mesh.points[3], -1, 1))
        errors.append(np.abs(found - true)[true > 1e-6] / true[true > 1e-6])
    means = [each.mean() for each in errors]
    assert means[-1] < 0.002
    assert errors[-1].max() < 0.01
    assert all(fine < 0.6 * coarse for coarse, fine in pairwise(means))


def test_on_any_surface_distances_lie_between_straight_lines_and_walks_along_edges():
    rng = np.random.default_rng(4)
    places, triangles = sheet(30, 30, jitter=0.3, rng=rng)
    height = 3 * np.sin(places[:, 0] / 3) * np.cos(places[:, 1] / 4)
    mesh = Mesh(np.column_stack([places, height]), triangles)
    edges = np.concatenate([triangles[:, [i, (i + 1) % 3]] for i in range(3)])
    length = np.linalg.norm(mesh.points[edges[:, 0]] - mesh.points[edges[:, 1]], axis=1)
    edges, first = np.unique(np.sort(edges, axis=1), axis=0, return_index=True)
    graph = coo_array((length[first], edges.T), shape=(900, 900))
    walks = csgraph.dijkstra(graph, directed=False, indices=[100, 444, 777])
    found, owner = distances(mesh, [100, 444, 777])
    assert (found <= walks.min(axis=0) + 1e-9).all()
    assert (found >= np.linalg.norm(mesh.points - mesh.points[[100, 444, 777]][owner], axis=1) - 0.01).all()


def test_each_point_belongs_to_the_source_that_is_nearest_alone():
    mesh, _ = tube(80)
    sources = np.random.default_rng(1).choice(len(mesh.points), 12, replace=False)
    alone = np.array([distances(mesh, [each])[0] for each in sources])
    together, owner = distances(mesh, sources)
    np.testing.assert_allclose(together, alone.min(axis=0), rtol=1e-9, atol=1e-9)
    nearest = np.sort(alone, axis=0)
    clear = nearest[1] > nearest[0] + 1e-9
    np.testing.assert_array_equal(owner[clear], alone.argmin(axis=0)[clear])


def test_an_endfoot_alone_on_a_plane_is_a_disc():
    feet = endfeet(plane(), sites_at([20.3, 19.8, 0.1]), area_um2=(300, 0), rng=np.random.default_rng(0))
    assert feet.table["area"][0] == pytest.approx(300, rel=1e-9)
    away = np.linalg.norm(feet.meshes[0].points - [20.3, 19.8, 0], axis=1)
    assert away.max() == pytest.approx(np.sqrt(300 / np.pi), rel=0.01)
    assert in_one_piece(feet.meshes[0])


def test_an_endfoot_smaller_than_a_triangle_lies_around_its_site():
    feet = endfeet(plane(5, 5), sites_at([2.6, 1.2, 0]), area_um2=(0.01, 0), rng=np.random.default_rng(0))
    assert feet.table["area"][0] == pytest.approx(0.01, rel=1e-9)
    assert np.abs(feet.meshes[0].points - [2.6, 1.2, 0]).max() < 0.3


def test_without_a_limit_endfeet_part_the_surface():
    mesh, _ = tube(80)
    places = mesh.points[np.random.default_rng(1).choice(len(mesh.points), 9, replace=False)]
    feet = endfeet(
        mesh, sites_at(places), area_um2=(1e5, 0), area_range_um2=(0, 1e6), reach_um=1e4, rng=np.random.default_rng(0)
    )
    assert feet.table["unreduced_area"].sum() == pytest.approx(mesh.areas.sum(), rel=1e-9)
    np.testing.assert_allclose(feet.table["area"], feet.table["unreduced_area"], rtol=1e-9)
    assert all(in_one_piece(each) for each in feet.meshes)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 25))
def test_patches_are_apart_in_one_piece_and_hold_their_sites(seed, n):
    rng = np.random.default_rng(seed)
    mesh, _ = tube(60, 14, seed=seed % 1000)
    places = mesh.points[rng.choice(len(mesh.points), n)] + rng.normal(size=(n, 3)) * 0.1  # some twice
    feet = endfeet(mesh, sites_at(places), reach_um=20, rng=rng)
    table = feet.table
    assert (table["area"] > 0).all()
    np.testing.assert_allclose(table["area"], np.minimum(table["wanted_area"], table["unreduced_area"]), rtol=1e-9)
    assert table["unreduced_area"].sum() <= mesh.areas.sum() * (1 + 1e-9)
    on = []
    for number, patch in enumerate(feet.meshes):
        assert in_one_piece(patch)
        assert (patch.areas >= 0).all()
        near = nearest(places[[number]], patch, 5.0)[2][0]
        near_whole = nearest(places[[number]], mesh, 5.0)[2][0]
        assert np.sqrt(near) < np.sqrt(near_whole) + 0.01
        on.append(patch.points[patch.triangles[patch.areas > 1e-3]].mean(axis=1))
    owner = np.repeat(np.arange(n), [len(each) for each in on])
    whole = [nearest(np.concatenate(on), each, 1e-7)[0] >= 0 for each in feet.meshes]
    for number, inside in enumerate(whole):  # the middle of a triangle of one lies in no other
        assert (owner[inside] == number).all()


def test_areas_follow_the_law_that_is_asked_for():
    mesh = plane(161, 161)
    rng = np.random.default_rng(2)
    grid = np.stack(np.meshgrid(np.arange(20) * 8 + 4.3, np.arange(20) * 8 + 4.4), axis=-1).reshape(-1, 2)
    sites = sites_at(np.column_stack([grid, np.zeros(400)]))
    feet = endfeet(mesh, sites, area_um2=(36.0, 10.0), area_range_um2=(0, 63), rng=rng)
    assert feet.table["area"].mean() == pytest.approx(36, abs=1.5)
    assert feet.table["area"].std() == pytest.approx(10, abs=1)
    assert feet.table["thickness"].mean() == pytest.approx(0.97, abs=0.02)
    assert feet.table["thickness"].std() == pytest.approx(0.1, abs=0.01)
    before = endfeet(mesh, sites, area_um2=(36.0, 30.0), area_range_um2=(0, 60), moments="before", rng=rng)
    assert before.table["area"].mean() == pytest.approx(truncnorm(-1.2, 0.8, 36, 30).mean(), abs=2)


def test_the_largest_area_goes_where_there_is_most_room():
    rng = np.random.default_rng(2)
    places = np.column_stack([rng.uniform(0, 40, (30, 2)), np.zeros(30)])
    feet = endfeet(plane(), sites_at(places), area_um2=(40, 20), area_range_um2=(0, 100), rng=rng)
    by_room = feet.table.sort_values("unreduced_area", kind="stable")
    assert by_room["wanted_area"].is_monotonic_increasing


def test_sites_at_one_place_share_what_is_around():
    sites = sites_at([[20.3, 19.8, 0]] * 2 + [[5, 5, 0]])
    feet = endfeet(
        plane(), sites, area_um2=(1e4, 0), area_range_um2=(0, 1e5), reach_um=10, rng=np.random.default_rng(0)
    )
    first, second, other = feet.table["area"]
    assert first / second == pytest.approx(1, abs=0.3)
    assert 0.85 * np.pi * 100 < first + second <= np.pi * 100
    assert other > 0
    assert feet.table.attrs["shared"] == 2


def test_many_sites_in_one_triangle_all_get_something():
    rng = np.random.default_rng(0)
    mesh = Mesh([[0, 0, 0], [90, 0, 0], [0, 90, 0], [90, 90, 0]], [[0, 1, 2], [1, 3, 2]])
    places = np.column_stack([rng.uniform(1, 40, (20, 2)), np.zeros(20)])
    feet = endfeet(mesh, sites_at(places), area_um2=(5, 0), reach_um=200, rng=rng)
    assert (feet.table["area"] > 0).all()
    assert feet.table["unreduced_area"].sum() == pytest.approx(8100)


@pytest.mark.parametrize("number", [3, 5, 8])
def test_many_sites_at_one_place_all_get_something(number):
    feet = endfeet(plane(), sites_at([[20.3, 19.8, 0]] * number), area_um2=(5, 0), rng=np.random.default_rng(0))
    assert (feet.table["area"] > 0).all()
    assert feet.table.attrs["shared"] == number


def test_a_coarse_surface_is_refined_in_place():
    mesh = Mesh([[0, 0, 0], [900, 0, 0], [0, 900, 0], [900, 900, 9.0]], [[0, 1, 2], [1, 3, 2]])
    points, triangles = refined(np.array(mesh.points), mesh.triangles.astype(np.int32), 12.0)
    fine = Mesh(points, triangles)
    assert fine.areas.sum() == pytest.approx(mesh.areas.sum(), rel=1e-12)
    np.testing.assert_allclose(fine.normals.sum(axis=0), mesh.normals.sum(axis=0))
    ends = points[triangles]
    assert np.linalg.norm(ends - np.roll(ends, 1, axis=1), axis=2).max() <= 12
    edges = np.sort(np.concatenate([triangles[:, [i, (i + 1) % 3]] for i in range(3)]), axis=1)
    number = np.unique(edges, axis=0, return_counts=True)[1]
    assert (number == 1).sum() == 4 * 128  # only the border has one side: no gap opened
    feet = endfeet(mesh, sites_at([450.0, 100.0, 0.2]), area_um2=(600, 0), rng=np.random.default_rng(0))
    assert feet.table["area"][0] == pytest.approx(600)


def test_the_order_of_triangles_and_points_is_of_no_account():
    mesh, _ = tube(80)
    rng = np.random.default_rng(3)
    places = (
        mesh.points[mesh.triangles[rng.choice(len(mesh.triangles), 15, replace=False)]] * [[0.2], [0.3], [0.5]]
    ).sum(axis=1)
    turn = rng.permutation(len(mesh.points))
    other = Mesh(mesh.points[np.argsort(turn)], turn[mesh.triangles][rng.permutation(len(mesh.triangles))])
    first = endfeet(mesh, sites_at(places), rng=np.random.default_rng(1)).table
    second = endfeet(other, sites_at(places), rng=np.random.default_rng(1)).table
    pd.testing.assert_frame_equal(first, second, rtol=1e-6)


def test_equal_seeds_give_equal_endfeet_and_leave_the_input_untouched():
    mesh, _ = tube(40)
    sites = sites_at(mesh.points[[5, 100, 500]])
    before = sites.copy()
    first, second = (endfeet(mesh, sites, rng=np.random.default_rng(1)) for _ in range(2))
    pd.testing.assert_frame_equal(first.table, second.table)
    np.testing.assert_array_equal(first.meshes.points, second.meshes.points)
    pd.testing.assert_frame_equal(sites, before)


def test_holes_unused_points_and_triangles_without_area_are_borne():
    mesh = plane()
    centre = mesh.points[mesh.triangles].mean(axis=1)
    kept = np.linalg.norm(centre - [20, 25, 0], axis=1) > 4
    triangles = np.concatenate([mesh.triangles[kept], [[0, 0, 1], [3, 3, 3]]])
    feet = endfeet(
        Mesh(mesh.points, triangles), sites_at([20.3, 19.8, 0]), area_um2=(300, 0), rng=np.random.default_rng(0)
    )
    assert feet.table["area"][0] == pytest.approx(300, rel=1e-9)
    assert (np.linalg.norm(feet.meshes[0].points - [20, 25, 0], axis=1) > 3).all()


def test_triangles_that_share_no_points_are_joined():
    mesh = plane(20, 20)
    soup = Mesh(mesh.points[mesh.triangles].reshape(-1, 3), np.arange(3 * len(mesh.triangles)).reshape(-1, 3))
    feet = endfeet(soup, sites_at([9.3, 9.8, 0]), area_um2=(50, 0), rng=np.random.default_rng(0))
    assert feet.table["area"][0] == pytest.approx(50, rel=1e-9)


def test_a_site_off_the_surface_gets_nothing_and_is_told(caplog):
    sites = sites_at([[5, 5, 0], [15, 15, 0], [15, 15, 30.0]])
    feet = endfeet(plane(), sites, area_um2=(20, 0), rng=np.random.default_rng(0))
    np.testing.assert_allclose(feet.table["area"], [20, 20, 0])
    assert len(feet.meshes[2].triangles) == 0
    assert "1 of 3 got nothing, 1 of these lie off the surface" in caplog.text
    with pytest.raises(CircuitError, match="2 of 2 sites are farther than tolerance_um, 5, from the surface"):
        endfeet(plane(), sites_at([[5, 5, 50], [15, 15, 30.0]]), rng=np.random.default_rng(0))


def test_crowded_endfeet_are_told(caplog):
    feet = endfeet(plane(9, 9), sites_at([[2, 2, 0], [6, 6, 0.0]]), area_um2=(500, 0), rng=np.random.default_rng(0))
    assert feet.table["area"].sum() == pytest.approx(64)
    assert "2 of 2 have less room than they should have; 93.6 %" in caplog.text


def test_no_sites_give_no_endfeet():
    feet = endfeet(plane(5, 5), sites_at(np.empty((0, 3))), rng=np.random.default_rng(0))
    assert len(feet) == 0
    assert len(endfeet(Mesh([], []), sites_at(np.empty((0, 3))), rng=np.random.default_rng(0))) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"reach_um": 0.0}, "reach_um: 0.0; give a length above 0"),
        ({"tolerance_um": float("nan")}, "tolerance_um: nan; give a length"),
        ({"moments": "after"}, "unknown value 'after'"),
        ({"area_um2": (2000.0, 1.0)}, "area_um2.mean: 2000 must lie between the ends 0 and 1000"),
        ({"area_range_um2": (-1.0, 10.0)}, "area_range_um2: begins at -1"),
        ({"thickness_range_um": (-1.0, 10.0)}, "thickness_range_um: begins at -1"),
        ({"moments": "before", "area_range_um2": (9.0, 1.0)}, "a normal law of 191.6"),
    ],
)
def test_options_out_of_range_are_refused(options, said):
    with pytest.raises(OptionError, match=said):
        endfeet(plane(5, 5), sites_at([1, 1, 0]), rng=np.random.default_rng(0), **options)


def test_sites_that_do_not_fit_are_refused():
    with pytest.raises(CircuitError, match="no column endfoot_surface_z"):
        endfeet(plane(5, 5), sites_at([1, 1, 0]).drop(columns="endfoot_surface_z"), rng=np.random.default_rng(0))
    with pytest.raises(CircuitError, match="not all places of sites are finite"):
        endfeet(plane(5, 5), sites_at([1, np.nan, 0]), rng=np.random.default_rng(0))


def test_statistics_tell_how_much_of_the_surface_is_covered():
    mesh = plane(41, 41)
    sites = sites_at([[5, 5, 0], [15, 15, 0], [30, 30, 0]], astrocyte=[0, 0, 3])
    said = endfoot_statistics(endfeet(mesh, sites, area_um2=(20, 0), rng=np.random.default_rng(0)), mesh)
    assert said.loc["coverage", "built"] == pytest.approx(60 / 1600)
    assert said.loc["per_astrocyte", "built"] == 1.5
    assert said.loc["area", ["built", "published", "published_sd"]].tolist() == pytest.approx([20, 191.6, 160.6])
    empty = Endfeet(pd.DataFrame({"astrocyte": [], "area": [], "unreduced_area": [], "thickness": []}), Meshes.of([]))
    assert endfoot_statistics(empty, mesh).loc["coverage", "built"] == 0
    with pytest.raises(CircuitError, match="the surface has no area"):
        endfoot_statistics(empty, Mesh([], []))
