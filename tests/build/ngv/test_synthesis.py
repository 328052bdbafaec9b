"""Astrocytes: trees that are sound, at home, the same however they are shared out, and as their barcodes say."""

import json

import morphio
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial import ConvexHull, cKDTree

from conntap.build.ngv.attractors import attractor_cloud, attractor_grid
from conntap.build.ngv.barcodes import bars_of, read_barcodes, scaled_bars
from conntap.build.ngv.growth import Growth, growth_of
from conntap.build.ngv.keeping import keep, taken_up
from conntap.build.ngv.morphology_features import endfoot_sections, morphology_statistics
from conntap.build.ngv.primary import directions_apart
from conntap.build.ngv.synthesis import astrocyte_morphologies
from conntap.build.ngv.thickness import diameters_of, perimeters_of
from conntap.circuits.morphologies import Morphologies
from conntap.circuits.tissue import Domains, Mesh, Meshes, MorphologySet
from conntap.circuits.tissue.morphology_files import read_morphology, write_morphologies
from conntap.errors import CircuitError, OptionError
from conntap.store.codecs import decode, encode
from conntap.study.steps import find_step

SURFACE = ["endfoot_surface_x", "endfoot_surface_y", "endfoot_surface_z"]
FEW = {"sections": 6000.0}  # in small domains


def hull(points):
    """The convex hull as a mesh whose triangles look outward."""
    points = points[ConvexHull(points).vertices]
    triangles = ConvexHull(points).simplices
    a, b, c = (points[triangles[:, i]] for i in range(3))
    inward = (np.cross(b - a, c - a) * (a - points.mean(axis=0))).sum(axis=1) < 0
    triangles[inward] = triangles[inward, ::-1]
    return Mesh(points, triangles)


def tissue(n=3, feet=1, seed=0, radius=10.0, ids=None):
    rng = np.random.default_rng(seed)
    ids = np.arange(n) if ids is None else ids
    corners = rng.normal(size=(n, 20, 3))
    corners *= radius / np.sqrt((corners**2).sum(axis=2, keepdims=True))
    somata = np.arange(n)[:, None] * [40.0, 0, 0] + [500.0, 0, 0]
    meshes = Meshes.of([hull(each + place) for each, place in zip(corners, somata, strict=True)])
    away = rng.normal(size=(n * feet, 3))
    away *= 8.0 / np.sqrt((away**2).sum(axis=1, keepdims=True))
    astrocytes = pd.DataFrame(somata, columns=["x", "y", "z"], index=pd.Index(ids, name="id")).assign(radius=3.0)
    sites = pd.DataFrame(np.repeat(somata, feet, axis=0) + away, columns=SURFACE).assign(astrocyte=np.repeat(ids, feet))
    return astrocytes, Domains(meshes, np.full(len(meshes.triangles), -1), np.ones(n)), sites


def same(one, other):
    pd.testing.assert_frame_equal(one.table, other.table)
    names = ("points", "diameters", "perimeters", "section_starts", "parents", "kinds", "cell_starts")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def persistence(cell, tree):
    """Bars of a tree by the elder rule, from path lengths alone."""
    n = len(cell.parents)
    steps = np.sqrt((np.diff(cell.points.astype(float), axis=0) ** 2).sum(axis=1))
    lengths = [steps[a : b - 1].sum() for a, b in zip(cell.section_starts[:-1], cell.section_starts[1:], strict=True)]
    path, oldest, bars = np.zeros(n), np.zeros(n), []
    roots = np.zeros(n, dtype=int)
    for section in range(n):
        parent = cell.parents[section]
        path[section] = lengths[section] + (path[parent] if parent >= 0 else 0.0)
        roots[section] = section if parent < 0 else roots[parent]
    for section in range(n - 1, -1, -1):
        if roots[section] != tree:
            continue
        children = np.flatnonzero(cell.parents == section)
        oldest[section] = path[section]
        if len(children):
            ends = oldest[children]
            bars.append([path[section], ends.min()])
            oldest[section] = ends.max()
    return np.array([[0.0, oldest[tree]], *bars])


@settings(max_examples=12)
@given(st.integers(0, 2**32), st.integers(0, 3), st.floats(6.0, 14.0))
def test_cells_are_binary_trees_within_their_domain_that_reach_their_endfeet(seed, feet, radius):
    astrocytes, domains, sites = tissue(2, feet, seed, radius)
    cells = astrocyte_morphologies(astrocytes, domains, sites, growth=FEW, rng=np.random.default_rng(seed))
    assert (endfoot_sections(cells, sites) >= 0).all()
    for number in range(2):
        cell = cells.cell(number)
        n_children = np.bincount(cell.parents[cell.parents >= 0], minlength=len(cell.parents))
        assert set(n_children.tolist()) <= {0, 2}
        assert (np.diff(cell.section_starts) >= 2).all()
        joints = cell.parents >= 0
        firsts, lasts = cell.points[cell.section_starts[:-1]], cell.points[cell.section_starts[1:] - 1]
        assert np.array_equal(firsts[joints], lasts[cell.parents[joints]])
        assert (cell.diameters > 0).all()
        assert (cell.perimeters > 0).all()
        assert (np.diff(cell.kinds) >= 0).all(), "perivascular trees stand first"
        mine = cell.points[np.repeat(cell.kinds, np.diff(cell.section_starts)) == 3]
        assert domains.contains(number, mine, tolerance_um=3.3).all()


def test_a_cell_is_the_same_in_any_part_and_with_any_threads():
    astrocytes, domains, sites = tissue(5, 2)
    whole = astrocyte_morphologies(astrocytes, domains, sites, growth=FEW, rng=np.random.default_rng(4))
    for parts in (2, 3, 7):
        each = [
            astrocyte_morphologies(
                astrocytes, domains, sites, part=part, parts=parts, growth=FEW, threads=2, rng=np.random.default_rng(4)
            )
            for part in range(parts)
        ]
        assert same(MorphologySet.joined(each), whole)
    other = astrocyte_morphologies(astrocytes, domains, sites, growth=FEW, rng=np.random.default_rng(5))
    assert not np.array_equal(other.points[:50], whole.points[:50])


def test_a_cell_depends_on_its_id_and_not_on_its_row():
    astrocytes, domains, sites = tissue(3, 1, ids=np.array([7, 2, 9]))
    cells = astrocyte_morphologies(astrocytes, domains, sites, growth=FEW, rng=np.random.default_rng(4))
    order = [1, 2, 0]
    meshes = Meshes.of([domains.meshes[each] for each in order])
    turned = Domains(meshes, np.full(len(meshes.triangles), -1), np.ones(3))
    others = astrocyte_morphologies(astrocytes.iloc[order], turned, sites, growth=FEW, rng=np.random.default_rng(4))
    assert [same(others.cell(row), cells.cell(each)) for row, each in enumerate(order)] == [True] * 3


def test_inputs_are_left_alone():
    astrocytes, domains, sites = tissue(1)
    synapses = pd.DataFrame(np.random.default_rng(0).normal(500, 5, (50, 3)), columns=["x", "y", "z"]).assign(
        astrocyte=0
    )
    copies = [each.copy() for each in (astrocytes, sites, synapses)]
    astrocyte_morphologies(astrocytes, domains, sites, None, synapses, growth=FEW, rng=np.random.default_rng(0))
    for one, other in zip((astrocytes, sites, synapses), copies, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_a_tree_grown_freely_has_the_bars_that_were_asked(tmp_path):
    rng = np.random.default_rng(3)
    asked = [bars_of(25, 30.0, rng).tolist() for _ in range(3)]
    path = tmp_path / "bars.json"
    path.write_text(json.dumps({"perisynaptic": asked, "perivascular": asked}))
    astrocytes, domains, sites = tissue(1, 0, radius=400.0)  # no border within reach
    growth = {"attractors_per_um3": 0.0, "tortuosity": 1.0, "points_per_um": 100.0, "sharpness_per_um": 100.0}
    options = {"barcodes": path, "growth": growth, "processes": (3.0, 0.0)}
    cell = astrocyte_morphologies(astrocytes, domains, sites, **options, rng=rng).cell(0)
    roots = np.flatnonzero(cell.parents < 0)
    assert len(roots) == 3
    for root in roots:
        found = persistence(cell, root)
        given_ = [scaled_bars(np.array(each), found[0, 1]) for each in asked]
        apart = [np.abs(found[:, None] - bars).max(axis=2) for bars in given_ if len(bars) == len(found)]
        assert (
            min(each[linear_sum_assignment(each)].max() for each in apart) < 0.31
        )  # a step, and those forks waited for


def test_the_usual_cell_is_as_large_and_as_dense_as_published_ones():
    rng = np.random.default_rng(1)
    corners = rng.normal(size=(40, 3))
    corners /= np.sqrt((corners**2).sum(axis=1, keepdims=True))
    mesh = hull(corners * 30.0)
    domains = Domains(Meshes.of([mesh]), np.full(len(mesh.triangles), -1), [1.0])
    astrocytes = pd.DataFrame({"x": [0.0], "y": [0.0], "z": [0.0], "radius": [5.6]})
    sites = pd.DataFrame([[0, 16.0, 0, 9.0], [0, -10.0, 15.0, 0]], columns=["astrocyte", *SURFACE])
    cells = astrocyte_morphologies(astrocytes, domains, sites, rng=rng)
    row = morphology_statistics(cells, sites).iloc[0]
    scale = mesh.volume / 81_394
    assert row["n_sections"] == pytest.approx(4500 * scale, rel=0.1)
    assert row["n_points"] == pytest.approx(20_000 * scale, rel=0.2)
    assert 4 <= row["n_primary"] <= 13
    assert row["n_perivascular"] == 2
    assert 12 <= row["endfoot_path"] <= 19
    probes = rng.uniform(-30, 30, (20_000, 3))
    distance = cKDTree(cells.points).query(probes[domains.contains(0, probes)])[0]
    assert (distance < 5).mean() > 0.8
    assert (distance < 3).mean() > 0.5


def test_a_soma_outside_its_domain_no_domain_and_no_endfeet_are_handled():
    astrocytes, domains, sites = tissue(2, 1)
    meshes = Meshes.of([domains.meshes[0], Mesh(np.empty((0, 3)), np.empty((0, 3)))])
    domains = Domains(meshes, np.full(len(meshes.triangles), -1), np.ones(2))
    astrocytes.loc[0, "x"] -= 14.0
    cells = astrocyte_morphologies(astrocytes, domains, sites, growth=FEW, rng=np.random.default_rng(0))
    assert domains.contains(0, cells.cell(0).points).mean() > 0.2
    assert cells.cell(1).kinds.tolist() == [2], "without a domain only the process to the endfoot"
    none = astrocyte_morphologies(astrocytes, domains, sites.iloc[:0], growth=FEW, rng=np.random.default_rng(0))
    assert set(none.kinds.tolist()) == {3}
    assert len(none.cell(1).parents) == 0


def test_a_domain_as_large_as_a_block_of_cortex_grows_a_large_cell_not_an_endless_one():
    astrocytes, domains, sites = tissue(1, 1, radius=2000.0)
    cells = astrocyte_morphologies(
        astrocytes, domains, sites, growth={"attractors_per_um3": 1e-6}, rng=np.random.default_rng(0)
    )
    assert len(cells.parents) == pytest.approx(3 * 4500, rel=0.1)


def test_an_endfoot_beside_or_within_the_soma_is_reached():
    astrocytes, domains, sites = tissue(1, 3)
    sites.loc[0, SURFACE] = [500.0, 0.0, 0.0]
    sites.loc[1, SURFACE] = [503.05, 0.0, 0.0]
    cells = astrocyte_morphologies(astrocytes, domains, sites, growth=FEW, rng=np.random.default_rng(0))
    assert (endfoot_sections(cells, sites) >= 0).all()


@pytest.mark.parametrize("source", ["model", "file"])
def test_the_process_to_an_endfoot_is_as_long_as_its_bar(tmp_path, source):
    astrocytes, domains, sites = tissue(3, 2, radius=20.0)
    sites[SURFACE] += 1.5 * (
        sites[SURFACE] - np.repeat(astrocytes[["x", "y", "z"]].to_numpy(), 2, axis=0)
    )  # 20 um away
    path = tmp_path / "bars.json"
    path.write_text('{"perisynaptic": [[[0, 30], [12, 15]]], "perivascular": [[[0, 20], [2, 9], [3, 5]]]}')
    options = {"barcodes": path if source == "file" else None, "growth": {"sections": 6000.0, "tortuosity": 2.2}}
    cells = astrocyte_morphologies(astrocytes, domains, sites, **options, rng=np.random.default_rng(0))
    asked = (20.0 - 3.0) * (1 + 1.2 / 4)
    for row in range(3):
        found = morphology_statistics(cells.cell(row), sites)["endfoot_path"].item()
        assert found == pytest.approx(asked, rel=0.04)


def test_a_morphology_that_cannot_be_a_file_is_refused_before_it_grows():
    astrocytes, domains, sites = tissue(2)
    for names, message in ((["a/b", "c"], "'a/b' cannot name a file"), (["a", "a"], "'a' stands twice")):
        with pytest.raises(CircuitError, match=message):
            astrocyte_morphologies(
                astrocytes.assign(morphology=names), domains, sites, growth=FEW, rng=np.random.default_rng(0)
            )


def test_finished_cells_are_taken_up_and_damaged_ones_made_again(tmp_path, caplog):
    given_ = tissue(3, 1)
    options = {"growth": FEW, "kept": tmp_path / "kept"}
    first = astrocyte_morphologies(*given_, **options, rng=np.random.default_rng(4))
    files = sorted((tmp_path / "kept").iterdir())
    assert len(files) == 3
    before = [each.stat().st_mtime_ns for each in files]
    assert same(astrocyte_morphologies(*given_, **options, rng=np.random.default_rng(4)), first)
    assert [each.stat().st_mtime_ns for each in files] == before
    content = files[0].read_bytes()
    files[0].write_bytes(content[: len(content) // 2])
    flipped = bytearray(files[1].read_bytes())
    flipped[len(flipped) // 2] ^= 255
    files[1].write_bytes(flipped)
    assert same(astrocyte_morphologies(*given_, **options, rng=np.random.default_rng(4)), first)
    assert "damaged" in caplog.text
    assert files[0].stat().st_mtime_ns != before[0]
    astrocyte_morphologies(*given_, **options, rng=np.random.default_rng(5))
    assert len(list((tmp_path / "kept").iterdir())) == 6, "another seed has other cells"


def test_files_are_read_by_morphio_and_by_the_package_as_they_were_grown(tmp_path):
    astrocytes, domains, sites = tissue(2, 1)
    cells = astrocyte_morphologies(astrocytes, domains, sites, growth=FEW, rng=np.random.default_rng(1))
    write_morphologies(cells, tmp_path)
    for row, name in enumerate(cells.table["morphology"]):
        path = tmp_path / f"{name}.h5"
        cell, soma = cells.cell(row), cells.table[["x", "y", "z"]].to_numpy()[row]
        read = morphio.GlialCell(path)
        assert np.array_equal(np.append(read.section_offsets, []), cell.section_starts)
        assert np.allclose(read.points, cell.points - soma, atol=1e-4)
        assert np.array_equal(read.diameters, cell.diameters)
        assert np.array_equal(read.perimeters, cell.perimeters)
        assert [int(each) for each in read.section_types] == cell.kinds.tolist()
        parents = [-1 if each.is_root else each.parent.id for each in read.sections]
        assert parents == cell.parents.tolist()
        assert np.allclose(read.soma.center, 0, atol=1e-5)
        ordered = morphio.Morphology(path, options=morphio.Option.nrn_order)
        assert np.array_equal(ordered.points, read.points), "the order of SONATA is that of the file"
        assert Morphologies(tmp_path)[path.stem].section.max() == len(cell.parents)
        again = read_morphology(path)
        assert np.array_equal(again.points, read.points)
        assert np.array_equal(again.parents, cell.parents)
        assert np.array_equal(again.perimeters, cell.perimeters)
        assert again.table["radius"][0] == pytest.approx(3.0)


def test_a_set_of_cells_survives_the_store():
    astrocytes, domains, sites = tissue(1)
    cells = astrocyte_morphologies(astrocytes, domains, sites, growth={"sections": 300}, rng=np.random.default_rng(1))
    assert same(decode(encode(cells)), cells)


def test_attractors_fill_the_scaled_domain_evenly_and_spare_the_soma():
    domain = hull(np.array(np.meshgrid([0, 10.0], [0, 20.0], [0, 30.0])).reshape(3, -1).T)
    soma = np.array([5.0, 10, 15, 3])
    cloud = attractor_cloud(domain, np.array([[1.0, 1, 1], [5, 10, 15]]), soma, Growth(), np.random.default_rng(0))
    assert len(cloud) == round(1.1 * 6000 * 1.5**3)
    assert np.array_equal(cloud[0], [1.0, 1, 1])
    low, high = np.array([-2.5, -5, -7.5]), np.array([12.5, 25, 37.5])
    assert (cloud >= low - 1e-9).all()
    assert (cloud <= high + 1e-9).all()
    assert (np.sqrt(((cloud - soma[:3]) ** 2).sum(axis=1)) >= 3).all()
    shares = ((cloud - low) / (high - low) < 0.5).mean(axis=0)
    assert np.allclose(shares, 0.5, atol=0.02)
    ordered, starts, ends, *_ = attractor_grid(cloud, 1.5)
    assert np.array_equal(np.unique(ordered, axis=0), np.unique(cloud, axis=0))
    assert np.array_equal(starts[1:], ends)


def test_more_synapses_than_allowed_are_drawn_from():
    domain = hull(np.array(np.meshgrid([0, 10.0], [0, 10.0], [0, 10.0])).reshape(3, -1).T)
    synapses = np.random.default_rng(1).random((500, 3)) * 10
    cloud = attractor_cloud(domain, synapses, np.zeros(4), Growth(most_attractors=100), np.random.default_rng(0))
    assert len(cloud) == 100
    assert {tuple(each) for each in cloud} <= {tuple(each) for each in synapses}


def test_processes_keep_apart_from_each_other_and_from_endfeet():
    fixed = np.array([[0.0, 0, 1], [1, 0, 0]])
    found = directions_apart(fixed, 6, np.random.default_rng(0))
    both = np.concatenate([found, fixed])
    angles = np.degrees(np.arccos((both @ both.T).clip(-1, 1)) + 10 * np.eye(8))
    assert angles.min() > 45
    assert np.allclose((found**2).sum(axis=1), 1)
    assert directions_apart(np.empty((0, 3)), 0, np.random.default_rng(0)).shape == (0, 3)


def test_at_a_fork_thickness_follows_a_power_law_and_trunks_are_as_asked():
    parents = np.array([-1, 0, 0, 1, 1])
    starts = np.array([0, 3, 5, 7, 9, 11])
    found = diameters_of(parents, starts, np.zeros(5, dtype=int), np.array([3]), np.random.default_rng(1))
    ends = found[starts[1:] - 1]
    power = np.linspace(1.0, 60, 200_001)
    residual = np.abs(ends[1] ** power - ends[3] ** power - ends[4] ** power) / ends[1] ** power
    best = power[np.argmin(residual)]
    assert ends[0] ** best == pytest.approx(ends[1] ** best + ends[2] ** best, rel=1e-2)
    assert (np.diff(found[:3]) <= 0).all()
    assert 0.36 <= ends[2] <= 1.09


def test_perimeters_follow_the_published_line():
    rng = np.random.default_rng(0)
    diameters = rng.uniform(2, 5, 50_000)
    slope, intercept = np.polyfit(diameters, perimeters_of(diameters, rng), 1)
    assert (slope, intercept) == (pytest.approx(2.060, abs=0.02), pytest.approx(1.022, abs=0.06))


def test_the_parametric_barcodes_have_the_measured_quantiles():
    rng = np.random.default_rng(0)
    bars = np.concatenate([bars_of(200, 44.0, rng)[1:] for _ in range(40)])
    lengths, births = np.diff(bars, axis=1)[:, 0], bars[:, 0] / 44
    assert np.allclose(np.quantile(lengths, [0.25, 0.5, 0.75, 0.9]), [0.7, 1.5, 3.4, 6.5], rtol=0.15)
    assert np.allclose(np.quantile(births, [0.1, 0.25, 0.5, 0.75]), [0.13, 0.22, 0.40, 0.60], atol=0.04)
    assert (lengths >= 0.2 - 1e-9).all()
    assert (bars[:, 1] <= 44 + 1e-9).all()


def test_barcodes_are_read_from_csv_and_refused_when_they_are_none(tmp_path):
    table = "kind,tree,birth,death\nperisynaptic,a,0,30\nperisynaptic,a,12,15\nperivascular,b,0,20\n"
    (tmp_path / "bars.csv").write_text(table)
    found = read_barcodes(tmp_path / "bars.csv")
    assert found[3][0].tolist() == [[0, 30], [12, 15]]
    assert found[2][0].tolist() == [[0, 20]]
    (tmp_path / "tns.json").write_text(
        json.dumps({"basal": {"persistence_diagram": [[[15, 12, 0.1], [30, 0, 0]]]}, "axon": [[[20, 0]]], "soma": {}})
    )
    assert scaled_bars(read_barcodes(tmp_path / "tns.json")[3][0], 60.0).tolist() == [[0, 60], [24, 30]]
    (tmp_path / "half.json").write_text('{"basal": [[[0, 1]]]}')
    with pytest.raises(OptionError, match="no perivascular trees; it has 3"):
        read_barcodes(tmp_path / "half.json")
    (tmp_path / "flat.json").write_text('{"basal": [[[1, 1]]], "axon": [[[0, 1]]]}')
    with pytest.raises(OptionError, match="no bar of a length above 0"):
        read_barcodes(tmp_path / "flat.json")
    for name in ("nowhere.json", "bars.txt"):
        (tmp_path / "bars.txt").write_text("hello")
        with pytest.raises(OptionError, match="no barcodes"):
            read_barcodes(tmp_path / name)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"part": 3, "parts": 3}, OptionError, "part: 3 of 3 parts, counted from 0"),
        ({"processes": (-1, 0)}, OptionError, "give mean and standard deviation"),
        ({"growth": {"stepp_um": 1}}, OptionError, "Did you mean 'step_um'"),
        ({"growth": {"step_um": 0}}, OptionError, "step_um: 0; give a number above 0"),
        ({"growth": {"perisynaptic": [0.9, 0.2]}}, OptionError, "below 1 together"),
        ({"threads": 0}, OptionError, "threads: 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        astrocyte_morphologies(*tissue(1), **options, rng=np.random.default_rng(0))


def test_inputs_that_do_not_fit_are_refused():
    astrocytes, domains, sites = tissue(2)
    rng = np.random.default_rng(0)
    with pytest.raises(CircuitError, match=r"2 domains for 1 astrocytes"):
        astrocyte_morphologies(astrocytes.iloc[:1], domains, sites.iloc[:1], rng=rng)
    with pytest.raises(CircuitError, match="astrocyte 9 is not among astrocytes"):
        astrocyte_morphologies(astrocytes, domains, sites.assign(astrocyte=9), rng=rng)
    with pytest.raises(CircuitError, match=r"endfoot_surface_y: not all values are finite"):
        astrocyte_morphologies(astrocytes, domains, sites.assign(endfoot_surface_y=np.nan), rng=rng)
    with pytest.raises(CircuitError, match="have no column radius"):
        astrocyte_morphologies(astrocytes.drop(columns="radius"), domains, sites, rng=rng)
    with pytest.raises(CircuitError, match="radii are above 0"):
        astrocyte_morphologies(astrocytes.assign(radius=0.0), domains, sites, rng=rng)


def test_a_study_may_give_growth_as_a_mapping():
    assert growth_of("growth", {"perisynaptic": [0.2, 0.05]}) == Growth(perisynaptic=[0.2, 0.05])
    option = find_step("build.astrocyte_morphologies").options["growth"]
    assert option.check({"perisynaptic": [0.2, 0.05]}, "stages.grow") == Growth(perisynaptic=(0.2, 0.05))
    with pytest.raises(OptionError, match="unknown number of growth 'stepum'"):
        astrocyte_morphologies(*tissue(1), growth=option.check({"stepum": 1}, "grow"), rng=np.random.default_rng(0))


def test_statistics_of_a_hand_made_cell():
    table = pd.DataFrame({"astrocyte": [4], "x": [10.0], "y": [0.0], "z": [0.0], "radius": [1.0]})
    points = [[11, 0, 0], [16, 0, 0], [16, 0, 0], [16, 4, 0], [16, 0, 0], [18, 0, 0]]
    cell = MorphologySet(table, points, [2] * 6, [3] * 6, [0, 2, 4, 6], [-1, 0, 0], [2] * 3, [0, 3])
    sites = pd.DataFrame([[4, 16.0, 4.0, 0.0]], columns=["astrocyte", *SURFACE])
    row = morphology_statistics([cell], sites, shell_um=2.0).iloc[0]
    assert (row["length"], row["path"], row["endfoot_path"], row["fork_angle"]) == (11.0, 9.0, 9.0, 90.0)
    assert (row["n_tips"], row["highest_order"], row["sholl"]) == (2, 1, [1, 1, 1])
    with pytest.raises(OptionError, match="shell_um"):
        morphology_statistics(cell, shell_um=0)


def test_whatever_byte_of_a_kept_cell_is_damaged_it_is_whole_or_made_again(tmp_path):
    arrays = {"points": np.arange(12.0).reshape(4, 3), "parents": np.array([-1, 0])}
    keep(tmp_path, "one", arrays)
    whole = (tmp_path / "one.npz").read_bytes()
    for place in range(len(whole)):
        (tmp_path / "one.npz").write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        found = taken_up(tmp_path, "one")
        assert found is None or all(np.array_equal(found[name], arrays[name]) for name in arrays)
