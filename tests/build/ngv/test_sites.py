"""Where endfeet stand: every one on its vessel, none on another's target, against brute force."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.spatial import ConvexHull

from conntap.build.ngv.sites import _candidates, _faces, _numbers, _targets, endfoot_sites
from conntap.circuits.tissue import Domains, Mesh, Meshes, Vasculature
from conntap.errors import CircuitError, OptionError


def hull(points):
    """The convex hull of points as a closed surface that faces outward."""
    points = np.asarray(points, dtype=float)
    found = ConvexHull(points)
    triangles = found.simplices.copy()
    a, b, c = (points[triangles[:, i]] for i in range(3))
    inward = (np.cross(b - a, c - a) * found.equations[:, :3]).sum(axis=1) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    used, number = np.unique(triangles, return_inverse=True)
    return Mesh(points[used], number.reshape(-1, 3))


def box(low, high):
    return hull([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])


def domains_of(meshes):
    meshes = Meshes.of(meshes)
    return Domains(meshes, np.full(len(meshes.triangles), -1), np.ones(len(meshes)))


def straight(*, radius=2.0, length=60.0, n=6):
    points = np.stack([np.linspace(0, length, n + 1), np.zeros(n + 1), np.zeros(n + 1)], axis=1)
    edges = np.stack([np.arange(n), np.arange(n) + 1], axis=1)
    return Vasculature(points, np.full(n + 1, 2 * radius), edges, np.zeros(n), np.arange(n), np.full(n, 6))


def bent(rng, n_sections=30, size=100.0):
    """Crooked sections of changing width, some of which start where another ends."""
    points, edges, sections, segments = [], [], [], []
    for section in range(n_sections):
        m = int(rng.integers(1, 6))
        start = points[-1] if section % 3 == 1 else rng.random(3) * size
        first = len(points) - 1 if section % 3 == 1 else len(points)
        if section % 3 != 1:
            points.append(start)
        way = rng.normal(size=3)
        for i in range(m):
            way = way / np.linalg.norm(way) + 0.4 * rng.normal(size=3)
            points.append(points[-1] + rng.uniform(2, 9) * way / np.linalg.norm(way))
            edges.append([first if i == 0 else len(points) - 2, len(points) - 1])
        sections += [section] * m
        segments += range(m)
    return Vasculature(points, rng.uniform(2, 8, len(points)), edges, sections, segments, np.full(len(edges), 6))


def tissue(rng, size=100.0, per_side=3):
    pitch = size / per_side
    corners = pitch * np.stack(np.meshgrid(*[np.arange(per_side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    somata = pd.DataFrame(corners + pitch * rng.uniform(0.3, 0.7, corners.shape), columns=list("xyz"))
    return somata, domains_of([box(each - 1, each + pitch + 1) for each in corners])


def off_the_side(vessels, sites):
    """How far each surface point lies from the side of its segment's frustum, and beyond its ends."""
    row = sites["vasculature_node_id"].to_numpy()
    points = sites[[f"endfoot_surface_{each}" for each in "xyz"]].to_numpy()
    start, length, radii = vessels.starts[row], vessels.lengths[row], vessels.radii[row]
    axis = (vessels.ends[row] - start) / length[:, None]
    along = ((points - start) * axis).sum(axis=1)
    away = np.linalg.norm(points - start - along[:, None] * axis, axis=1)
    return away - radii[:, 0] - (radii[:, 1] - radii[:, 0]) * along / length, np.maximum(-along, along - length)


def is_buried(vessels, segment, point):
    """Whether a point lies within another segment, or the ball at one's end that is none of its own."""
    start, length, radii = vessels.starts, vessels.lengths, vessels.radii
    axis = (vessels.ends - start) / length[:, None]
    along = ((point - start) * axis).sum(axis=1)
    away = np.linalg.norm(point - start - along[:, None] * axis, axis=1)
    within = (along > 0) & (along < length) & (away < radii[:, 0] + (radii[:, 1] - radii[:, 0]) * along / length - 1e-6)
    balls = np.linalg.norm(vessels.points - point, axis=1) < vessels.diameters / 2 - 1e-6
    balls[vessels.edges[segment]] = False
    return bool(within[np.arange(len(within)) != segment].any() or balls.any())


def test_an_endfoot_does_not_stand_within_a_vessel_that_only_comes_near():
    thin = straight(radius=2.0)
    points = np.concatenate([thin.points, [[0, 5.0, 0], [60, 5.0, 0]]])
    edges = np.concatenate([thin.edges, [[7, 8]]])
    vessels = Vasculature(
        points, np.append(np.full(7, 4.0), [9, 9]), edges, np.append(np.zeros(6), 1), [*range(6), 0], np.full(7, 6)
    )
    soma = pd.DataFrame({"x": [30.0], "y": [1.0], "z": [20.0]})
    domains = domains_of([box([0, -20, -20], [60, 2.2, 20])])
    sites = endfoot_sites(vessels, soma, domains, mean_endfeet=4, sd_endfeet=0, rng=np.random.default_rng(0))
    surface = sites[[f"endfoot_surface_{each}" for each in "xyz"]].to_numpy()
    rows = sites["vasculature_node_id"]
    assert len(sites) == 4
    assert not any(is_buried(vessels, row, point) for row, point in zip(rows, surface))


def test_targets_stand_evenly_along_each_section():
    points, radii, segments = _targets(straight(length=60, n=7), 6.0)
    np.testing.assert_allclose(points[:, 0], np.arange(10) * 6.0 + 3)
    np.testing.assert_allclose(radii, 2)
    np.testing.assert_array_equal(segments, np.floor(points[:, 0] / (60 / 7)))


def test_an_endfoot_stands_where_the_soma_sees_the_vessel():
    soma = pd.DataFrame({"x": [30.0], "y": [20.0], "z": [0.0]})
    domains = domains_of([box([0, -20, -20], [60, 30, 20])])
    sites = endfoot_sites(
        straight(), soma, domains, spacing_um=4, mean_endfeet=1, sd_endfeet=0, rng=np.random.default_rng(0)
    )
    assert len(sites) == 1
    assert sites["target_x"][0] == pytest.approx(30)
    np.testing.assert_allclose(sites.iloc[0, 4:7], [30, 2, 0])
    assert (sites["vasculature_node_id"][0], sites["vasculature_segment_id"][0]) in [(2, 2), (3, 3)]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), choice=st.sampled_from(["maximum_reach", "random"]))
def test_every_endfoot_stands_on_its_vessel_alone_on_its_target(seed, choice):
    rng = np.random.default_rng(seed)
    vessels, (somata, domains) = bent(rng), tissue(rng)
    sites = endfoot_sites(vessels, somata, domains, choice=choice, rng=rng)
    away, beyond = off_the_side(vessels, sites)
    assert np.abs(away).max(initial=0) < 1e-9
    assert beyond.max(initial=0) < 1e-9
    assert not sites[["target_x", "target_y", "target_z"]].duplicated().any()
    assert sites["astrocyte"].is_monotonic_increasing
    assert sites.groupby("astrocyte").size().max() <= 5 if len(sites) else True
    surface = sites[[f"endfoot_surface_{each}" for each in "xyz"]].to_numpy()
    outside = [not domains.contains(a, p[None], tolerance_um=1e-6)[0] for a, p in zip(sites["astrocyte"], surface)]
    assert sum(outside) == sites.attrs["outside_domain"] <= 0.1 * len(sites)
    buried = [is_buried(vessels, row, point) for row, point in zip(sites["vasculature_node_id"], surface)]
    assert sum(buried) == sites.attrs["inside_vessel"] <= 0.1 * len(sites)
    assert sites.attrs["placed"] == len(sites) <= sites.attrs["wanted"]


def test_targets_of_a_domain_are_those_that_brute_force_finds():
    rng = np.random.default_rng(3)
    vessels = bent(rng)
    targets, radii, _ = _targets(vessels, 5.0)
    domains = domains_of([hull(rng.random(3) * 80 + 40 * rng.random((12, 3))) for _ in range(12)] + [Mesh([], [])])
    counts, found = _candidates(targets, radii, domains, _faces(domains))
    ends = np.cumsum(counts)
    for d in range(12):
        normals, offsets = domains.planes(d)
        touching = [t for t in range(len(targets)) if _far(targets[t], normals, offsets) <= radii[t]]
        assert found[ends[d] - counts[d] : ends[d]].tolist() == touching
    assert counts[12] == 0


def _far(point, normals, offsets):
    """From a convex polyhedron, by scipy's optimiser."""
    if (normals @ point <= offsets).all():
        return 0.0
    if (normals @ point - offsets).max() > 10:
        return np.inf
    limits = {"type": "ineq", "fun": lambda x: offsets - normals @ x, "jac": lambda x: -normals}
    found = minimize(lambda x: ((x - point) ** 2).sum(), point, jac=lambda x: 2 * (x - point), constraints=limits)
    return np.sqrt(found.fun)


def test_nearest_sections_come_first_and_one_on_each():
    sections = [straight(), straight(), straight()]
    points = np.concatenate([each.points + np.array([0, 10.0 * i, 0]) for i, each in enumerate(sections)])
    edges = np.concatenate([each.edges + 7 * i for i, each in enumerate(sections)])
    vessels = Vasculature(
        points, np.full(21, 2.0), edges, np.repeat([0, 1, 2], 6), np.tile(np.arange(6), 3), np.full(18, 6)
    )
    soma = pd.DataFrame({"x": [30.0], "y": [15.0 + 3], "z": [0.0]})
    domains = domains_of([box([0, -20, -20], [60, 40, 20])])

    def chosen(n):
        sites = endfoot_sites(
            vessels, soma, domains, mean_endfeet=n, sd_endfeet=0, range_endfeet=(1, 8), rng=np.random.default_rng(0)
        )
        return sites["vasculature_section_id"].tolist(), sites["target_x"].tolist()

    assert chosen(2)[0] == [2, 1]
    assert chosen(3)[0] == [2, 1, 0]
    sections, along = chosen(5)
    assert sections[:3] == [2, 1, 0]
    assert min(along[3:]) < 5 or max(along[3:]) > 55  # then the ends, which are farthest


def test_numbers_of_endfeet_have_the_mean_that_is_asked_for():
    rng = np.random.default_rng(0)
    domains = domains_of([box([0, -20, -20], [60, 30, 20])] * 4000)
    soma = pd.DataFrame({"x": np.full(4000, 30.0), "y": 20.0, "z": 0.0})
    built = _numbers(200_000, 2.06, 1.1, (1, 5), "built", rng)
    assert built.mean() == pytest.approx(2.06, abs=0.01)
    assert built.std() == pytest.approx(1.1, abs=0.01)
    assert _numbers(200_000, 2, 2, (1, 5), "before", rng).mean() == pytest.approx(2.7, abs=0.05)
    sites = endfoot_sites(straight(), soma, domains, rng=rng)  # ten targets, which four thousand want
    assert len(sites) == sites.attrs["placed"] == 10
    assert sites.attrs["astrocytes_without"] == 3990


def test_an_astrocyte_without_a_vessel_gets_no_endfoot(caplog):
    domains = domains_of([box([0, -20, -20], [60, 30, 20]), box([0, 50, 50], [9, 59, 59]), Mesh([], [])])
    soma = pd.DataFrame({"x": [30.0, 5, 5], "y": [20.0, 55, 0], "z": [0.0, 55, 0]})
    sites = endfoot_sites(straight(), soma, domains, rng=np.random.default_rng(0))
    assert set(sites["astrocyte"]) == {0}
    assert "2 astrocytes have no endfoot" in caplog.text
    assert endfoot_sites(straight(), soma[1:2], domains_of([domains.meshes[1]]), rng=np.random.default_rng(0)).empty
    assert "no vessel touches a domain: vessels lie from [0.0, 0.0, 0.0] to [60.0, 0.0, 0.0] um" in caplog.text
    nothing = Vasculature([], [], [], [], [], [])
    assert endfoot_sites(nothing, soma, domains, rng=np.random.default_rng(0)).empty
    assert endfoot_sites(straight(), soma[:0], domains_of([]), rng=np.random.default_rng(0)).empty


def test_a_soma_on_the_axis_of_a_vessel_still_touches_its_side():
    soma = pd.DataFrame({"x": [30.0], "y": [0.0], "z": [0.0]})
    vessels = straight()
    sites = endfoot_sites(vessels, soma, domains_of([box([0, -20, -20], [60, 30, 20])]), rng=np.random.default_rng(0))
    away, beyond = off_the_side(vessels, sites)
    assert np.abs(away).max() < 1e-9
    assert beyond.max() < 1e-9


def test_equal_seeds_give_equal_sites_and_leave_the_input_untouched():
    somata, domains = tissue(np.random.default_rng(1))
    vessels, before = bent(np.random.default_rng(2)), somata.copy()
    first = endfoot_sites(vessels, somata, domains, choice="random", rng=np.random.default_rng(3))
    pd.testing.assert_frame_equal(
        first, endfoot_sites(vessels, somata, domains, choice="random", rng=np.random.default_rng(3))
    )
    pd.testing.assert_frame_equal(somata, before)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"spacing_um": 0.0}, OptionError, "spacing_um: 0.0; give a length"),
        ({"choice": "near"}, OptionError, "unknown value 'near'; known: maximum_reach, random"),
        ({"range_endfeet": (3, 1)}, OptionError, "range_endfeet: 1; give a whole number from 3"),
        ({"mean_endfeet": 7.0}, OptionError, "mean: 7 must lie between the ends 1 and 5"),
        ({"moments": "before", "sd_endfeet": 0.0}, OptionError, "give a width above 0"),
    ],
)
def test_options_out_of_range_are_refused(options, error, said):
    somata, domains = tissue(np.random.default_rng(1), per_side=1)
    with pytest.raises(error, match=said):
        endfoot_sites(straight(), somata, domains, rng=np.random.default_rng(0), **options)


def test_astrocytes_that_do_not_fit_are_refused():
    somata, domains = tissue(np.random.default_rng(1), per_side=1)
    rng = np.random.default_rng(0)
    with pytest.raises(CircuitError, match="no column z"):
        endfoot_sites(straight(), somata[["x", "y"]], domains, rng=rng)
    with pytest.raises(CircuitError, match="not all places"):
        endfoot_sites(straight(), somata * np.nan, domains, rng=rng)
    with pytest.raises(CircuitError, match="2 astrocytes, 1 domains"):
        endfoot_sites(straight(), pd.concat([somata, somata]), domains, rng=rng)
