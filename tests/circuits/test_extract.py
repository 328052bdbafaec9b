"""Extraction: the nodes and edges of subtargets, from connectomes and circuits alike."""

import bluepysnap
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sonata_files import write_circuit, write_config, write_edges, write_nodes

from conntap.circuits import Connectome, connectome, cross, groups, inputs, node_table, open_circuit, whole
from conntap.circuits.subtargets import Subtarget
from conntap.errors import CircuitError, ConnectomeError, OptionError

PRE, POST = [0, 0, 1, 3, 2, 1], [1, 2, 2, 0, 2, 3]
LAYER, WEIGHT = [1, 2, 1, 2], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


@pytest.fixture
def circuit(tmp_path):
    edge_attributes = {"weight": WEIGHT, "delay": [0.1] * 6}
    attributes = {"layer": LAYER}
    return open_circuit(
        write_circuit(tmp_path, pre=PRE, post=POST, attributes=attributes, edge_attributes=edge_attributes)
    )


@pytest.fixture
def square():
    nodes = pd.DataFrame({"layer": LAYER})
    return Connectome(nodes, PRE, POST, properties={"weight": WEIGHT, "delay": [0.1] * 6})


@pytest.fixture
def two_populations(tmp_path):
    """Cells, and inputs to them from a population of others."""
    write_nodes(tmp_path / "nodes.h5", "cells", n=3)
    write_nodes(tmp_path / "others.h5", "others", n=2)
    write_edges(tmp_path / "edges.h5", "cells__cells", pre=[0, 1], post=[1, 2], ends=("cells", "cells"))
    write_edges(tmp_path / "inputs.h5", "others__cells", pre=[0, 1, 1], post=[0, 0, 2], ends=("others", "cells"))
    nodes = [
        {"nodes_file": f"{name}.h5", "populations": {population: {"type": "virtual"}}}
        for name, population in (("nodes", "cells"), ("others", "others"))
    ]
    edges = [
        {"edges_file": f"{name}.h5", "populations": {population: {"type": "chemical"}}}
        for name, population in (("edges", "cells__cells"), ("inputs", "others__cells"))
    ]
    return open_circuit(write_config(tmp_path, nodes, edges))


def pairs(found):
    edges = found.edges
    return sorted(zip(edges["pre"].tolist(), edges["post"].tolist(), strict=True))


def test_the_edges_of_a_subtarget_lie_wholly_in_it(circuit):
    found = connectome(groups(circuit, by="layer")["1"])
    assert found.is_square
    assert (found.ids.tolist(), pairs(found)) == ([0, 2], [(0, 2), (2, 2)])
    assert found.name == "1"


def test_all_properties_of_nodes_and_edges_come_along(circuit):
    found = connectome(groups(circuit, by="layer")["1"])
    assert found.nodes["layer"].tolist() == [1, 1]
    assert {"weight", "delay"} <= set(found.properties)
    assert sorted(found.properties["weight"].tolist()) == [2.0, 5.0]


def test_chosen_edge_properties_alone_may_come_along(circuit, square):
    assert list(connectome(circuit, properties=["weight"]).properties) == ["weight"]
    assert not connectome(square, properties=[]).properties


def test_a_whole_circuit_is_a_target_too(circuit):
    assert pairs(connectome(circuit)) == sorted(zip(PRE, POST, strict=True))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.booleans(), min_size=4, max_size=4))
def test_intrinsic_edges_and_inputs_are_all_edges_onto_a_subtarget(chosen):
    square = Connectome(pd.DataFrame({"layer": LAYER}), PRE, POST)
    ids = np.flatnonzero(chosen)
    target = Subtarget("some", square, None, ids)
    both = pairs(connectome(target)) + pairs(inputs(target))
    assert sorted(both) == sorted((u, v) for u, v in zip(PRE, POST, strict=True) if v in ids)


@pytest.mark.parametrize("layer", ["1", "2"])
def test_a_circuit_and_a_connectome_give_the_same(circuit, square, layer):
    ours, theirs = groups(circuit, by="layer")[layer], groups(square, by="layer")[layer]
    for step in (connectome, inputs):
        assert pairs(step(ours)) == pairs(step(theirs))
    assert node_table(ours)["layer"].tolist() == node_table(theirs)["layer"].tolist()


@pytest.mark.parametrize("layer", [1, 2])
def test_the_edges_are_those_that_bluepysnap_finds(circuit, layer):
    ids = [i for i, each in enumerate(LAYER) if each == layer]
    edges = bluepysnap.Circuit(str(circuit.path)).edges["cells__cells"]
    theirs = edges.pathway_edges(source=ids, target=ids, properties=["@source_node", "@target_node", "weight"])
    ours = connectome(groups(circuit, by="layer")[str(layer)])
    assert pairs(ours) == sorted(zip(theirs["@source_node"].tolist(), theirs["@target_node"].tolist(), strict=True))
    assert sorted(ours.properties["weight"]) == sorted(theirs["weight"])


def test_inputs_come_from_outside_only(circuit):
    found = inputs(groups(circuit, by="layer")["1"])
    assert pairs(found) == [(1, 2), (3, 0)]
    assert found.pre_nodes.index.tolist() == [1, 3]
    assert found.post_nodes.index.tolist() == [0, 2]
    assert found.pre_nodes["layer"].tolist() == [2, 2]


def test_nodes_outside_that_project_elsewhere_are_no_inputs(circuit):
    found = inputs(Subtarget("one", circuit, "cells", np.array([1])))
    assert found.pre_nodes.index.tolist() == [0]


def test_inputs_may_come_from_another_population(two_populations):
    target = whole(two_populations, population="cells", nodes=[0, 1])["all"]
    found = inputs(target, edges="others__cells")
    assert pairs(found) == [(0, 0), (1, 0)]
    assert found.post_nodes.index.tolist() == [0, 1]


def test_equal_ids_of_another_population_are_outside(two_populations):
    found = inputs(whole(two_populations, population="cells")["all"], edges="others__cells")
    assert found.n_edges == 3


def test_equal_ids_of_the_other_side_of_a_rectangle_are_outside():
    rectangle = Connectome(2, [0, 1], [0, 0], post_nodes=2)
    found = inputs(Subtarget("some", rectangle, None, np.array([0, 1])))
    assert pairs(found) == [(0, 0), (1, 0)]
    assert pairs(inputs(rectangle)) == [(0, 0), (1, 0)]


def test_a_column_of_populations_tells_who_is_outside_of_a_rectangle():
    pre, post = (pd.DataFrame({"population": names}) for names in (["cells", "others"], ["cells", "cells"]))
    found = inputs(Connectome(pre, [0, 1], [1, 1], post_nodes=post))
    assert pairs(found) == [(1, 1)]


def test_inputs_of_a_whole_circuit_come_from_other_populations(two_populations):
    found = inputs(open_circuit(two_populations.path, nodes="cells"))
    assert pairs(found) == [(0, 0), (1, 0), (1, 2)]
    with pytest.raises(CircuitError, match="'cells__cells' do not run to 'cells' from another population"):
        inputs(open_circuit(two_populations.path, nodes="cells"), edges="cells__cells")


def test_a_whole_without_an_outside_has_no_inputs(circuit, square):
    with pytest.raises(OptionError, match="no edges run to 'cells' from another population"):
        inputs(circuit)
    with pytest.raises(OptionError, match="nothing is outside of a whole connectome"):
        inputs(square)


def test_wholes_are_crossed_all_to_all(circuit, square):
    for source in (circuit, square):
        assert pairs(cross(source, source)) == sorted(zip(PRE, POST, strict=True))
        one = groups(source, by="layer")["1"]
        assert sorted(pairs(cross(source, one))) == sorted(pairs(connectome(one)) + pairs(inputs(one)))
        assert cross(source, one).name == "all -> 1"
    rectangle = Connectome(2, [0], [1], post_nodes=3)
    assert cross(rectangle, rectangle) == rectangle


def test_edges_that_do_not_stay_within_the_nodes_are_refused(two_populations):
    with pytest.raises(CircuitError, match=r"edges 'others__cells' do not run from 'cells' to 'cells'"):
        connectome(whole(two_populations, population="cells")["all"], edges="others__cells")


def test_a_population_without_edges_says_so(two_populations):
    with pytest.raises(CircuitError, match="no edges run from 'others' to 'others'"):
        connectome(whole(two_populations, population="others")["all"])


def test_edges_between_two_subtargets_are_a_block(circuit, square):
    for source in (circuit, square):
        one, two = groups(source, by="layer")
        assert pairs(cross(one, two)) == [(0, 1)]
        assert pairs(cross(two, one)) == [(1, 2), (3, 0)]
        assert cross(one, two).name == "1 -> 2"


def test_a_subtarget_crossed_with_itself_is_square(circuit, square):
    for source in (circuit, square):
        one = groups(source, by="layer")["1"]
        assert cross(one, one).is_square
        assert pairs(cross(one, one)) == pairs(connectome(one))


def test_edges_between_populations_are_found_by_their_ends(two_populations):
    others, cells = (whole(two_populations, population=name)["all"] for name in ("others", "cells"))
    assert cross(others, cells).n_edges == 3


def test_subtargets_of_different_sources_are_not_crossed(circuit, square):
    with pytest.raises(OptionError, match="'1' and 'all' are of different sources"):
        cross(groups(circuit, by="layer")["1"], whole(square)["all"])


def test_the_nodes_of_a_subtarget_are_a_table(circuit):
    found = node_table(groups(circuit, by="layer")["2"], properties=["layer"])
    assert found.index.tolist() == [1, 3]
    assert found.index.name == "id"
    assert found["layer"].tolist() == [2, 2]


def test_an_unknown_property_suggests_a_near_one(square):
    with pytest.raises(CircuitError, match=r"unknown node property 'layr'.*Did you mean 'layer'"):
        node_table(square, properties=["layr"])
    with pytest.raises(ConnectomeError, match=r"unknown edge property 'wight'.*Did you mean 'weight'"):
        connectome(square, properties=["wight"])


def test_a_subtarget_read_from_a_store_needs_a_source():
    with pytest.raises(OptionError, match=r"subtarget 'a' has no source.*dataclasses.replace"):
        connectome(Subtarget("a", None, None, np.array([1])))


def test_a_connectome_has_no_edge_populations(square):
    with pytest.raises(OptionError, match="Leave edges out"):
        connectome(square, edges="cells__cells")


def test_the_source_is_untouched(square):
    before = square.edges
    inputs(groups(square, by="layer")["1"])
    pd.testing.assert_frame_equal(square.edges, before)
