"""Subtargets: by hexagon, box, atlas, property, node set, table; of circuits and connectomes."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sonata_files import write_circuit

from conntap import store
from conntap.circuits import (
    Connectome,
    Subtargets,
    grid,
    groups,
    hexgrid,
    node_sets,
    open_circuit,
    table,
    voxels,
    whole,
)
from conntap.errors import CircuitError, NodeSetError, OptionError

X, Z = [0.0, 1.0, 17.0, 9.0], [0.0, -2.0, 0.0, 15.0]


@pytest.fixture
def cells():
    nodes = pd.DataFrame({"x": X, "y": [5.0, 15.0, 25.0, 35.0], "z": Z, "layer": [1, 2, 1, 2]}, index=list("abcd"))
    return Connectome(nodes, [0, 1], [1, 2])


@pytest.fixture
def circuit(tmp_path):
    path = write_circuit(tmp_path, attributes={"x": X, "z": Z, "layer": [1, 2, 1, 2]})
    (tmp_path / "sets.json").write_text(
        json.dumps({"upper": {"layer": 1}, "late": {"node_id": [2, 3]}, "none": {"layer": 9}})
    )
    path.write_text(json.dumps(json.loads(path.read_text()) | {"node_sets_file": "sets.json"}))
    return open_circuit(path)


def members(found):
    return {each.name: each.ids.tolist() for each in found}


# -- what a Subtargets is


def test_subtargets_are_found_by_name_and_by_position(cells):
    found = groups(cells, by="layer")
    assert found["2"] is found[1]
    assert len(found[:1]) == 1
    assert found.names == ["1", "2"]


def test_an_unknown_name_suggests_a_near_one(cells):
    with pytest.raises(CircuitError, match=r"unknown subtarget 'alll'; known: all. Did you mean 'all'"):
        whole(cells)["alll"]


def test_a_name_that_stands_twice_is_refused(cells):
    one = whole(cells)[0]
    with pytest.raises(CircuitError, match="the name 'all' stands twice"):
        Subtargets([one, one])


def test_what_is_known_is_one_table(cells):
    info = groups(cells, by="layer").info
    assert info.index.name == "subtarget"
    assert info.to_dict("list") == {"layer": [1, 2], "n_nodes": [2, 2]}


def test_they_are_kept_in_a_store_without_their_source(cells):
    found = hexgrid(cells, radius_um=10.0)
    back = store.decode(store.encode(found))
    assert members(back) == members(found)
    pd.testing.assert_frame_equal(back.info, found.info)
    assert replace(back[0], source=cells).source is cells


def test_they_pickle_with_their_circuit(circuit):
    back = pickle.loads(pickle.dumps(whole(circuit)))
    assert back[0].source == circuit
    assert back[0].ids.tolist() == [0, 1, 2, 3]


# -- hexagons


def test_nodes_belong_to_the_hexagon_around_them(cells):
    found = hexgrid(cells, radius_um=10.0, origin=(0.0, 0.0))
    assert members(found) == {"R0;C0": ["a", "b"], "R0;C1": ["c"], "R1;C0": ["d"]}


def test_hexagons_know_their_centre_and_place(cells):
    info = hexgrid(cells, radius_um=10.0, origin=(0.0, 0.0)).info.loc["R1;C0"]
    assert info["center_x"] == pytest.approx(10 * 3**0.5 / 2)
    assert (info["center_z"], info["row"], info["column"], info["n_nodes"]) == (15.0, 1, 0, 1)


def test_a_circuit_and_a_connectome_give_the_same_hexagons(cells, circuit):
    letters = dict(enumerate("abcd"))
    of_circuit = members(hexgrid(circuit, radius_um=10.0))
    assert {name: [letters[i] for i in ids] for name, ids in of_circuit.items()} == members(
        hexgrid(cells, radius_um=10.0)
    )


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.floats(-500, 500), st.floats(-500, 500)), min_size=1, max_size=30),
    st.floats(5, 300),
)
def test_no_other_centre_is_nearer_and_every_node_has_one_hexagon(points, radius):
    nodes = pd.DataFrame(points, columns=["x", "z"])
    found = hexgrid(Connectome(nodes, [], []), radius_um=radius)
    assert sorted(i for each in found for i in each.ids) == list(range(len(nodes)))
    for each in found:
        own = nodes.loc[each.ids].to_numpy() - [each.info["center_x"], each.info["center_z"]]
        distance = np.linalg.norm(own, axis=1)
        assert (distance <= radius * (1 + 1e-9)).all()
        for angle in np.arange(6) * np.pi / 3:
            near = radius * 3**0.5 * np.array([np.cos(angle), np.sin(angle)])
            assert (distance <= np.linalg.norm(own - near, axis=1) + 1e-6).all()


def test_the_middle_of_a_patch_is_no_boundary():
    x, z = (each.ravel() for each in np.meshgrid(np.linspace(-40, 40, 81), np.linspace(-40, 40, 81)))
    info = hexgrid(Connectome(pd.DataFrame({"x": x, "z": z}), [], []), radius_um=10.0, origin=(0.0, 0.0)).info
    assert not info.loc["R0;C0", "boundary"]
    assert info.loc[info["column"] == info["column"].max(), "boundary"].all()


def test_boundary_agrees_with_distances_between_centres():
    rng = np.random.default_rng(0)
    nodes = pd.DataFrame(rng.normal(0, 30, (300, 2)), columns=["x", "z"])
    info = hexgrid(Connectome(nodes, [], []), radius_um=8.0).info
    centres = info[["center_x", "center_z"]].to_numpy()
    distance = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    neighbours = (np.abs(distance - 8 * 3**0.5) < 1e-6).sum(axis=1)
    assert (info["boundary"].to_numpy() == (neighbours < 6)).all()


def test_numbers_begin_at_0_where_no_origin_is_given():
    nodes = pd.DataFrame({"x": np.linspace(-900, -500, 50), "z": np.linspace(4000, 4300, 50)})
    info = hexgrid(Connectome(nodes, [], []), radius_um=20.0).info
    assert info["column"].min() == 0
    assert info["row"].min() in (0, 1)


def test_a_flatmap_file_gives_the_coordinates(cells, tmp_path):
    path = tmp_path / "flat.csv"
    path.write_text("id,u,v\nd,0,0\na,0,0\nb,100,0\nc,100,0\n")
    found = hexgrid(cells, radius_um=10.0, plane=("u", "v"), flatmap=path)
    assert list(members(found).values()) == [["a", "d"], ["b", "c"]]
    assert "center_u" in found.info


def test_a_flatmap_may_be_arrays(tmp_path):
    path = tmp_path / "flat.npz"
    np.savez(path, id=[1, 0], u=[5.0, 0.0], v=[0.0, 0.0])
    found = hexgrid(Connectome(2, [], []), radius_um=2.0, plane=("u", "v"), flatmap=path)
    assert list(members(found).values()) == [[0], [1]]


def test_a_flatmap_may_leave_nodes_out(tmp_path):
    path = tmp_path / "flat.csv"
    path.write_text("id,u,v\n0,0,0\n1,,0\n7,1,1\n")
    options = {"radius_um": 2.0, "plane": ("u", "v"), "flatmap": path}
    with pytest.raises(OptionError, match="2 of 3 nodes have no finite u, v: 1, 2"):
        hexgrid(Connectome(3, [], []), **options)
    assert list(members(hexgrid(Connectome(3, [], []), **options, missing="drop")).values()) == [[0]]


def test_arrays_that_need_unpickling_are_refused(tmp_path):
    path = tmp_path / "flat.npz"
    np.savez(path, id=np.array([1, None]), u=[0.0, 0.0], v=[0.0, 0.0])
    with pytest.raises(CircuitError, match=r"flat.npz: Object arrays cannot be loaded"):
        hexgrid(Connectome(2, [], []), radius_um=2.0, plane=("u", "v"), flatmap=path)


def test_nodes_without_a_place_are_named(cells):
    lost = cells.with_nodes(cells.nodes.assign(x=[0.0, np.nan, np.inf, 1.0]))
    with pytest.raises(OptionError, match="hexgrid: 2 of 4 nodes have no finite x, z: b, c"):
        hexgrid(lost, radius_um=10.0)
    found = hexgrid(lost, radius_um=100.0, missing="drop")
    assert list(members(found).values()) == [["a", "d"]]


def test_small_hexagons_may_be_left_out(cells):
    assert members(hexgrid(cells, radius_um=10.0, origin=(0.0, 0.0), min_nodes=2)) == {"R0;C0": ["a", "b"]}
    with pytest.raises(OptionError, match=r"no subtarget has 3 nodes or more; .* the largest group has 2"):
        hexgrid(cells, radius_um=10.0, origin=(0.0, 0.0), min_nodes=3)


@pytest.mark.parametrize("radius", [0.0, -1.0, np.nan, np.inf])
def test_a_radius_is_above_0(cells, radius):
    with pytest.raises(OptionError, match=r"hexgrid: radius_um is .*; give a length above 0"):
        hexgrid(cells, radius_um=radius)


def test_an_unknown_axis_suggests_a_near_one(cells):
    with pytest.raises(CircuitError, match=r"unknown node property 'layr'.*Did you mean 'layer'"):
        hexgrid(cells, radius_um=1.0, plane=("x", "layr"))


def test_a_selection_without_nodes_is_said(cells):
    for step, size in ((hexgrid, {"radius_um": 1.0}), (grid, {"size_um": 1.0})):
        with pytest.raises(OptionError, match="no subtarget has 1 nodes or more; 0 nodes were chosen"):
            step(cells, nodes={"layer": 9}, **size)


def test_coordinates_beyond_all_reason_are_refused(cells):
    with pytest.raises(OptionError, match="hexgrid: coordinates reach over"):
        hexgrid(cells, radius_um=1e-12)


# -- boxes


def test_boxes_are_named_by_their_numbers(cells):
    found = grid(cells, size_um=10.0, axes=("x", "y"), origin=(0.0, 0.0))
    assert members(found) == {"x0;y0": ["a"], "x0;y1": ["b"], "x0;y3": ["d"], "x1;y2": ["c"]}
    assert found.info.loc["x1;y2"].to_dict() == {"center_x": 15.0, "center_y": 25.0, "n_nodes": 1.0}


def test_boxes_may_have_a_size_for_each_axis(cells):
    assert members(grid(cells, size_um=[100.0, 20.0], axes=("x", "y"))) == {"x0;y0": ["a", "b"], "x0;y1": ["c", "d"]}


def test_sizes_fit_the_axes(cells):
    with pytest.raises(OptionError, match="grid: 3 axes"):
        grid(cells, size_um=[1.0, 2.0])


# -- atlases


@pytest.fixture
def atlas(tmp_path):
    nrrd = pytest.importorskip("nrrd")
    numbers = np.zeros((3, 4, 4), dtype=np.uint32)
    numbers[1], numbers[2] = 7, 9
    path = tmp_path / "atlas.nrrd"
    nrrd.write(str(path), numbers, {"space directions": np.diag([8.0, 10.0, 10.0]), "space origin": [0.0, 0.0, -20.0]})
    return path


def test_nodes_belong_to_the_region_of_their_voxel(cells, atlas):
    found = voxels(cells, annotation=atlas)
    assert members(found) == {"7": ["d"], "9": ["c"]}
    assert found.info["n_voxels"].tolist() == [16, 16]


def test_regions_are_called_by_a_table_of_names(cells, atlas, tmp_path):
    names = tmp_path / "names.csv"
    names.write_text("id,name\n9,outer\n7,inner\n")
    assert voxels(cells, annotation=atlas, names=names).names == ["inner", "outer"]


def test_the_origin_may_be_the_centre_of_the_first_voxel(atlas):
    edge = Connectome(pd.DataFrame({"x": [5.0], "y": [5.0], "z": [0.0]}), [], [])
    assert voxels(edge, annotation=atlas, first_voxel="centre").names == ["7"]
    with pytest.raises(OptionError, match="no subtarget has 1 nodes"):
        voxels(edge, annotation=atlas, first_voxel="corner")


def test_an_atlas_whose_data_lie_elsewhere_is_refused(cells, tmp_path):
    pytest.importorskip("nrrd")
    (tmp_path / "secret.raw").write_bytes(bytes(8))
    folder = tmp_path / "atlas"
    folder.mkdir()
    header = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: raw\ndata file: ../secret.raw\n\n"
    (folder / "atlas.nhdr").write_text(header)
    with pytest.raises(CircuitError, match=r"its data file '../secret.raw' is not one file beside it"):
        voxels(cells, annotation=folder / "atlas.nhdr")


def test_a_file_that_is_no_atlas_is_refused(cells, tmp_path):
    path = tmp_path / "atlas.nrrd"
    path.write_text("hello")
    with pytest.raises(CircuitError, match="is no whole NRRD file"):
        voxels(cells, annotation=path)


# -- by name


def test_groups_are_the_values_of_a_property(circuit):
    assert members(groups(circuit, by="layer")) == {"1": [0, 2], "2": [1, 3]}


def test_groups_may_be_those_of_any_grouping(circuit, cells):
    assert members(groups(circuit, by={"layer": [2]})) == {"2": [1, 3]}
    assert members(groups(cells, by={"far": "x > 5", "near": "x <= 5"})) == {"far": ["c", "d"], "near": ["a", "b"]}
    halves = groups(cells, by=["layer", {"quantiles": {"y": 2}}])
    assert members(halves) == {
        "layer=1, y_quantile=1": ["a"], "layer=1, y_quantile=2": ["c"],
        "layer=2, y_quantile=1": ["b"], "layer=2, y_quantile=2": ["d"],
    }  # fmt: skip
    assert halves.info["y_quantile"].tolist() == [1, 2, 1, 2]
    assert members(groups(circuit, by=["layer"])) == members(groups(circuit, by="layer"))


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ({"top": {"in_degree": [5]}}, "groups.by.top: .* Ways to group beside properties: quantiles"),
        ({"top": 3}, "groups.by: unknown node property 'top'; known: "),
        ({"quantiles": {"y": 1}}, "groups.by.quantiles: 'y': 1; give a whole number of groups"),
        (3, "groups.by: 3; give a node property"),
    ],
)
def test_groups_that_are_none_are_told(cells, by, said):
    with pytest.raises(OptionError, match=said):
        groups(cells, by=by)


def test_groups_of_numbers_and_text_stand_as_those_of_any_grouping():
    mixed = Connectome(pd.DataFrame({"kind": ["b", 2, "a", 2, None]}), [], [])
    assert list(members(groups(mixed, by="kind"))) == list(members(groups(mixed, by=["kind"]))) == ["2", "a", "b"]
    assert members(groups(mixed, by="kind"))["2"] == [1, 3]


@pytest.mark.parametrize("min_nodes", [0, 1.5, "2", None, True])
def test_the_fewest_nodes_are_a_whole_number(cells, min_nodes):
    with pytest.raises(OptionError, match=r"groups\.min_nodes: .*; give a whole number from 1 on"):
        groups(cells, by="layer", min_nodes=min_nodes)


def test_groups_may_be_of_some_nodes_only(cells):
    assert members(groups(cells, by="layer", nodes={"x": {"$gt": 0.5}})) == {"1": ["c"], "2": ["b", "d"]}
    assert members(groups(cells, by="layer", nodes=["a", "b"])) == {"1": ["a"], "2": ["b"]}


def test_nodes_without_a_value_are_in_no_group():
    nodes = pd.DataFrame({"kind": ["a", None, "b"]})
    assert members(groups(Connectome(nodes, [], []), by="kind")) == {"a": [0], "b": [2]}


def test_node_sets_become_subtargets_in_the_order_asked_for(circuit):
    assert members(node_sets(circuit, names=["late", "upper"])) == {"late": [2, 3], "upper": [0, 2]}


def test_an_unknown_node_set_suggests_a_near_one(circuit):
    with pytest.raises(NodeSetError, match=r"unknown node set 'uper'.*Did you mean 'upper'"):
        node_sets(circuit, names=["uper"])


def test_a_node_set_without_nodes_is_refused(circuit):
    with pytest.raises(OptionError, match="node set 'none' has no nodes in population 'cells'"):
        node_sets(circuit, names=["none"])


def test_a_connectome_has_no_node_sets(cells):
    with pytest.raises(OptionError, match="a connectome has no node sets"):
        node_sets(cells, names=["upper"])


def test_a_table_lists_the_nodes_of_each(cells, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("subtarget,id\nB,c\nA,b\nB,a\nB,a\n")
    assert members(table(cells, path=path)) == {"B": ["a", "c"], "A": ["b"]}


def test_names_that_look_like_numbers_stay_text(circuit, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("subtarget,id\n01,2\n1,0\n")
    assert members(table(circuit, path=path)) == {"01": [2], "1": [0]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("subtarget,id\nA,9\n", "1 are not among the 4 nodes: 9"),
        ("subtarget,id\nA,x\n", "not whole numbers"),
        ("subtarget,node\nA,1\n", "unknown column 'id'"),
        ("subtarget,id\n,1\n", "line 2: no subtarget"),
        ("", "is no CSV table"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(circuit, tmp_path, text, message):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(CircuitError, match=message):
        table(circuit, path=path)


def test_a_missing_table_is_said(circuit, tmp_path):
    with pytest.raises(CircuitError, match="cannot be read"):
        table(circuit, path=tmp_path / "no.csv")


def test_all_nodes_are_one_subtarget(circuit):
    assert members(whole(circuit)) == {"all": [0, 1, 2, 3]}
    assert members(whole(circuit, nodes="upper", label="upper")) == {"upper": [0, 2]}


def test_a_connectome_has_no_populations(cells):
    with pytest.raises(OptionError, match="Leave population out"):
        whole(cells, population="cells")


def test_the_source_is_untouched(cells):
    before = cells.nodes.copy()
    hexgrid(cells, radius_um=10.0)
    pd.testing.assert_frame_equal(cells.nodes, before)
