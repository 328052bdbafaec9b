"""Neurons of an atlas: as many as its densities say, where they say; and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from conntap.build import distance, from_atlas, synthetic_atlas
from conntap.circuits.tissue import Volume, write_volume
from conntap.errors import CircuitError, OptionError

TURNED = np.array([[0.0, 20.0, 0.0], [-10.0, 0.0, 0.0], [0.0, 0.0, 40.0]])  # not cubes, and turned
VOXEL = 8e-6  # mm^3


def volume(values, directions=TURNED, origin=(5.0, -7.0, 100.0)):
    return Volume(np.asarray(values), origin, directions)


def cells(seed=0, **options):
    return from_atlas(rng=np.random.default_rng(seed), **options)


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(5)
    dense = rng.uniform(0, 1e6, (3, 4, 5))
    dense[0, 0, 0] = np.nan
    number = np.arange(60).reshape(3, 4, 5) % 3 + 1
    write_volume(volume(dense), tmp_path / "PC.nrrd")
    write_volume(volume(dense[::-1] / 4), tmp_path / "BC.nrrd")
    write_volume(volume(number.astype(np.uint32)), tmp_path / "regions.nrrd")
    tree = {"id": 9, "acronym": "CTX", "name": "Cortex", "children": [
        {"id": 1, "acronym": "L1", "name": "Layer 1"},
        {"id": 8, "acronym": "deep", "name": "Deep layers", "children": [{"id": 2, "acronym": "L2"}, {"id": 3, "acronym": "L3"}]},
    ]}  # fmt: skip
    (tmp_path / "tree.json").write_text(json.dumps({"msg": [tree]}))
    return tmp_path


def test_each_type_has_as_many_cells_as_its_density_gives(files):
    nodes = cells(densities={"PC": files / "PC.nrrd", "BC": files / "BC.nrrd"}, inhibitory=["BC"]).nodes
    dense = np.random.default_rng(5).uniform(0, 1e6, (3, 4, 5))
    dense[0, 0, 0] = 0
    expected = {"PC": round(dense.sum() * VOXEL), "BC": round(dense.sum() / 4 * VOXEL)}
    assert nodes["type"].value_counts().to_dict() == expected
    assert ((nodes["ei"] == "i") == (nodes["type"] == "BC")).all()


def test_cells_lie_in_voxels_in_proportion_to_density_and_evenly_within(files):
    """Turned voxels that are no cubes: places are taken apart by solving for the steps."""
    dense = volume(np.array([[[4e9, 1e9]]]) / 8)
    nodes = cells(densities={"a": dense}).nodes
    steps = np.linalg.solve(TURNED.T, (nodes[["x", "y", "z"]].to_numpy() - dense.origin).T).T
    assert len(nodes) == 5000
    assert stats.binomtest(int((steps[:, 2] < 1).sum()), 5000, 0.8).pvalue > 0.01
    for axis in range(3):
        assert stats.kstest(steps[:, axis] % 1, "uniform").pvalue > 0.01
    assert ((steps >= 0) & (steps < dense.values.shape)).all()


def test_regions_come_with_what_lies_within_them(files):
    given_ones = {
        "densities": {"PC": files / "PC.nrrd"},
        "annotation": files / "regions.nrrd",
        "hierarchy": files / "tree.json",
    }
    assert set(cells(**given_ones, regions=["deep"]).nodes["region"]) == {"L2", "L3"}
    assert set(cells(**given_ones, regions=["Cortex"]).nodes["region"]) == {"L1", "L2", "L3"}
    assert set(cells(**given_ones, regions=["Layer 1", 3]).nodes["region"]) == {"L1", "L3"}
    found = cells(densities={"PC": files / "PC.nrrd"}, annotation=files / "regions.nrrd", regions=[2]).nodes
    assert set(found["region"]) == {2}
    dense = np.nan_to_num(np.random.default_rng(5).uniform(0, 1e6, 60)[1::3])
    assert len(found) == round(dense.sum() * VOXEL)


def test_cells_lie_in_the_mask(files):
    mask = np.zeros((3, 4, 5), np.uint8)
    mask[2, 1] = 1
    write_volume(volume(mask), files / "mask.nrrd")
    nodes = cells(densities={"PC": files / "PC.nrrd"}, mask=files / "mask.nrrd").nodes
    assert (volume(mask).at(nodes[["x", "y", "z"]].to_numpy()) == 1).all()
    assert len(nodes) > 10


def test_flat_coordinates_and_orientations_are_those_of_the_voxel(files):
    nrrd = pytest.importorskip("nrrd")
    flat = np.random.default_rng(1).uniform(0, 9, (2, 3, 4, 5))
    flat[:, 1, 1, 1] = -1
    turns = np.random.default_rng(2).normal(size=(4, 3, 4, 5))
    header = {"space directions": np.vstack([np.full(3, np.nan), TURNED]), "space origin": np.array([5.0, -7, 100])}
    nrrd.write(str(files / "flat.nrrd"), flat, header)
    nrrd.write(str(files / "turns.nrrd"), turns, header)
    nodes = cells(
        densities={"PC": files / "PC.nrrd"}, flatmap=files / "flat.nrrd", orientations=files / "turns.nrrd"
    ).nodes
    places = nodes[["x", "y", "z"]].to_numpy()
    own = volume(flat[0]).at(places)
    np.testing.assert_array_equal(nodes["flat_x"], np.where(own == -1, np.nan, own))
    np.testing.assert_array_equal(nodes["orientation_z"], volume(turns[3]).at(places))


def test_cells_of_a_type_do_not_depend_on_the_others(files):
    both = cells(densities={"PC": files / "PC.nrrd", "BC": files / "BC.nrrd"}).nodes
    alone = cells(densities={"BC": files / "BC.nrrd"}).nodes
    own = both[both["type"] == "BC"]
    np.testing.assert_array_equal(own[["x", "y", "z"]], alone[["x", "y", "z"]])


def test_equal_states_give_equal_cells_and_options_stay_as_they_were(files):
    atlas = {"densities": {"PC": volume(np.full((2, 2, 2), 1e6))}}
    assert cells(3, atlas=atlas) == cells(3, atlas=atlas)
    assert cells(3, atlas=atlas) != cells(4, atlas=atlas)
    assert list(atlas) == ["densities"]


def test_placed_cells_can_be_wired(files):
    placed = cells(densities={"PC": files / "PC.nrrd"})
    wired = distance(placed, rule={"kind": "Exponential", "a": 0.5, "b": 0.05}, rng=np.random.default_rng(0))
    assert wired.n_edges > 0
    assert wired.nodes["type"].equals(placed.nodes["type"])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1e7), min_size=8, max_size=8), st.integers(0, 99))
def test_the_number_of_cells_is_the_sum_rounded(values, seed):
    dense = np.array(values).reshape(2, 2, 2)
    if not dense.any():
        return
    nodes = cells(seed, atlas={"densities": {"a": volume(dense)}}).nodes
    assert len(nodes) == round(np.cumsum(dense.ravel()[dense.ravel() > 0])[-1] * abs(np.linalg.det(TURNED)) * 1e-9)
    assert (volume(dense).at(nodes[["x", "y", "z"]].to_numpy()) > 0).mean() > 0.99 if len(nodes) else True


ONE = volume(np.ones((2, 2, 2)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "densities: none"),
        ({"atlas": {"density": 1}}, "Did you mean 'densities'"),
        ({"densities": {"a": volume(np.zeros((2, 2, 2)))}}, "densities.a: 0 everywhere"),
        ({"densities": {"a": volume(np.full((2, 2, 2), np.nan))}}, "densities.a: 0 everywhere"),
        ({"densities": {"a": volume(-np.ones((2, 2, 2)))}}, "a density of -1"),
        ({"densities": {"a": volume(np.full((2, 2, 2), np.inf))}}, "a density of inf"),
        ({"densities": {"a": volume(np.full((2, 2, 2), 1e20))}}, "too many"),
        ({"densities": {"a": ONE, "b": volume(np.ones((2, 2, 3)))}}, "densities.b: a grid of 2 x 2 x 3 voxels"),
        ({"densities": {"a": ONE, "b": volume(np.ones((2, 2, 2)), origin=(0, 0, 0))}}, "densities.b: origin"),
        ({"densities": {"a": ONE, "b": volume(np.ones((2, 2, 2)), TURNED * 2)}}, "densities.b: directions"),
        ({"densities": {"a": 3}}, "give a volume, or the path"),
        ({"densities": {"a": ONE}, "regions": [1]}, "there is no annotation"),
        ({"densities": {"a": ONE}, "annotation": ONE}, "annotation: float64; give whole numbers"),
        ({"densities": {"a": ONE}, "annotation": volume(np.ones((2, 2, 2), int)), "regions": [7]}, "no voxel of the annotation"),
        ({"densities": {"a": ONE}, "annotation": volume(np.ones((2, 2, 2), int)), "regions": ["L1"]}, "unknown region 'L1'"),
        ({"densities": {"a": ONE}, "annotation": volume(np.ones((2, 2, 2), int)), "regions": []}, "regions: none"),
        ({"densities": {"a": ONE}, "mask": volume(np.zeros((2, 2, 2)))}, "mask: it is 0 everywhere"),
        ({"densities": {"a": ONE}, "mask": volume(np.ones((2, 2, 1)))}, "mask: a grid"),
        ({"densities": {"a": ONE}, "flatmap": [ONE]}, "flatmap: 1 values a voxel; give 2"),
        ({"densities": {"a": ONE}, "inhibitory": ["b"]}, "unknown type 'b'"),
    ],
)  # fmt: skip
def test_atlases_that_make_no_sense_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        cells(**options)


def test_a_hierarchy_that_makes_no_sense_is_refused(files):
    common = {"densities": {"PC": files / "PC.nrrd"}, "annotation": files / "regions.nrrd"}
    for text, message in (
        ("{", "no JSON"),
        ("[]", "give a region"),
        ('{"id": "x"}', "whole number"),
        ("3", "give a region"),
    ):
        (files / "bad.json").write_text(text)
        with pytest.raises(OptionError, match=message):
            cells(**common, hierarchy=files / "bad.json")
    (files / "bad.json").write_text(json.dumps({"id": 1, "children": [{"id": 1}]}))
    with pytest.raises(OptionError, match="stands there twice"):
        cells(**common, hierarchy=files / "bad.json")
    with pytest.raises(OptionError, match="cannot be read"):
        cells(**common, hierarchy=files / "none.json")
    with pytest.raises(CircuitError, match="cannot be read"):
        cells(densities={"PC": files / "none.nrrd"})


def test_a_density_below_one_cell_gives_none(caplog):
    assert cells(densities={"a": ONE}).n_nodes == 0
    assert "so none" in caplog.text


# -- atlases made for trial


def test_a_synthetic_atlas_has_the_densities_of_its_layers():
    box = ((-50.0, 100.0, 0.0), (50.0, 300.0, 100.0))
    atlas = synthetic_atlas(
        box_um=box, voxel_um=(10, 20, 25), layers_um=(60.0, 100.0), densities_per_mm3={"a": (1000.0, 5000.0)},
        rng=np.random.default_rng(0),
    )  # fmt: skip
    depths = np.array([[0.0, each, 50.0] for each in (101.0, 159.0, 161.0, 259.0, 261.0)])
    assert atlas["annotation"].at(depths).tolist() == [1, 1, 2, 2, 0]
    assert atlas["densities"]["a"].at(depths).tolist() == [1000, 1000, 5000, 5000, 0]
    assert atlas["mask"].at(depths).tolist() == [1, 1, 1, 1, 0]
    np.testing.assert_array_equal(atlas["densities"]["a"].box, box)
    nodes = from_atlas(atlas, regions=["L2"], rng=np.random.default_rng(0)).nodes
    assert len(nodes) == 5
    assert nodes["y"].between(160, 260).all()
    assert np.abs(nodes["flat_x"] - 50 - nodes["x"]).max() <= 5


def test_noise_keeps_the_mean_density_and_a_cylinder_its_area():
    atlas = synthetic_atlas(
        box_um=((0, 0, 0), (400, 400, 400)), voxel_um=10.0, layers_um=(400.0,), densities_per_mm3={"a": 1000.0},
        mask="cylinder", noise=0.5, rng=np.random.default_rng(0),
    )  # fmt: skip
    values = atlas["densities"]["a"].values
    assert values.mean() == pytest.approx(1000, rel=0.02)
    assert np.log(values).std() == pytest.approx(0.5, rel=0.02)
    assert atlas["mask"].values.mean() == pytest.approx(np.pi / 4, rel=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"box_um": ((0, 0, 0), (1, 1, -1))}, "synthetic_atlas.box_um"),
        ({"voxel_um": 0.0}, "voxel_um: 0.0"),
        ({"voxel_um": 0.001}, "too many"),
        ({"layers_um": ()}, "layers_um"),
        ({"densities_per_mm3": {"a": (1.0, 2.0)}}, "2 of them for 6 layers"),
        ({"densities_per_mm3": {"a": -1.0}}, "from 0 to"),
        ({"mask": "ball"}, "unknown value 'ball'"),
        ({"noise": np.nan}, "noise"),
    ],
)
def test_synthetic_atlases_that_make_no_sense_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        synthetic_atlas(**options, rng=np.random.default_rng(0))


def test_an_atlas_can_be_a_stage_of_a_study(tmp_path):
    from conntap.store import open_store
    from conntap.study import load_study, run

    write_volume(volume(np.full((2, 2, 2), 1e6)), tmp_path / "pc.nrrd")
    (tmp_path / "study.yaml").write_text(
        """
study: atlas
seed: 1
stages:
  atlas: {do: build.synthetic_atlas, box_um: [[0, 0, 0], [50, 50, 50]], layers_um: [50]}
  cells: {do: build.from_atlas, of: atlas, inhibitory: [BC]}
  others: {do: build.from_atlas, densities: {PC: pc.nrrd}}
  cube: {do: build.column, details: {box_um: [[0, 0, 0], [50, 50, 50]], densities_per_mm3: 200000, edges: synapses}}
"""
    )
    outcome = run(load_study(tmp_path / "study.yaml"))
    with open_store(outcome.store) as stored:
        assert outcome.ok, outcome
        assert {name: stored[name][0].n_nodes for name in ("cells", "others", "cube")} == {
            "cells": 9,
            "others": 64,
            "cube": 25,
        }


MADE = {"box_um": ((0, 0, 0), (100, 100, 100)), "layers_um": (50, 50)}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"voxel_um": "fine"}, "voxel_um: 'fine'"),
        ({"voxel_um": (10, 10)}, "one length, or three"),
        ({"voxel_um": 1e300}, "voxel_um: 1e\\+300"),
        ({"layers_um": 5.0, "voxel_um": None}, "voxel_um: None"),
        ({"layers_um": ("thick",)}, "layers_um: 'thick'"),
        ({"noise": "loud"}, "noise: 'loud'"),
        ({"noise": 1e300}, "noise: 1e"),
        ({"densities_per_mm3": 5}, "type -> cells per mm"),
        ({"densities_per_mm3": {"PC": "dense"}}, "densities_per_mm3.PC: 'dense'"),
    ],
)
def test_text_where_numbers_are_due_makes_no_atlas(options, told):
    with pytest.raises(OptionError, match=told):
        synthetic_atlas(**{**MADE, **options}, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"regions": "L1"}, "regions: 'L1'; give a list"),
        ({"regions": [1.7]}, "regions: 1.7; give names or whole numbers"),
        ({"regions": [float("nan")]}, "regions: nan"),
        ({"regions": [2**70]}, "names or whole numbers"),
        ({"inhibitory": "BC"}, "inhibitory: 'BC'; give a list"),
        ({"hierarchy": 5}, "hierarchy: a int"),
        ({"flatmap": 5}, "flatmap: a int"),
        ({"flatmap": [1, 2]}, "flatmap: a int among them"),
    ],
)
def test_what_is_no_part_of_an_atlas_is_told(options, told):
    atlas = synthetic_atlas(**MADE, rng=np.random.default_rng(0))
    with pytest.raises(OptionError, match=told):
        cells(atlas=atlas, **options)


@pytest.mark.parametrize(
    ("table", "told"),
    [({"number": [1]}, "no column 'id'"), ({"id": [1, 1], "name": ["a", "b"]}, "an id stands there twice")],
)
def test_a_table_of_regions_has_each_id_once(table, told):
    atlas = synthetic_atlas(**MADE, rng=np.random.default_rng(0))
    with pytest.raises(OptionError, match=told):
        cells(atlas={**atlas, "hierarchy": pd.DataFrame(table)})


def test_regions_of_one_name_are_chosen_together():
    atlas = synthetic_atlas(**MADE, rng=np.random.default_rng(0))
    table = pd.DataFrame({"id": [1, 2], "name": ["cortex", "cortex"]})
    assert cells(atlas={**atlas, "hierarchy": table}, regions=["cortex"]).n_nodes == cells(atlas=atlas).n_nodes


def test_a_point_nowhere_is_in_no_voxel():
    nowhere = np.array([[np.nan, 0.0, 0.0], [1e300, 0.0, 0.0]])
    assert (volume(np.ones((2, 2, 2))).voxels(nowhere)[0] == -1).any()
    assert volume(np.ones((2, 2, 2))).at(nowhere).tolist() == [0.0, 0.0]
    with pytest.raises(CircuitError, match="outside: -1 is none of uint32"):
        volume(np.ones((2, 2, 2), np.uint32)).at(nowhere, outside=-1)
