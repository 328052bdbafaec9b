"""Circuits manipulated chunk by chunk: the same as in memory, for any number of chunks and workers."""

import json
import logging
import re

import h5py
import numpy as np
import pandas as pd
import pytest
import sonata_files as files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conntap import manipulate
from conntap.circuits import Connectome, open_circuit
from conntap.circuits.masks import Mask
from conntap.circuits.rules import Discrete, Joint, Normal, Properties, Property
from conntap.circuits.sonata.writing import write_sonata
from conntap.errors import CircuitError, OptionError
from conntap.manipulate import streamed
from conntap.manipulate.circuits import examine_circuit, manipulate_circuit, step_rng

few = settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])

MASK = Mask.from_pairs([0, 1, 2, 3, 3], [1, 2, 0, 3, 1])
PROPERTIES = Properties(
    (),
    (Property("weight", "float32"), Property("kind", "category")),
    (((), (), Joint((Normal(1.0, 0.1), Discrete(("e", "i"), (0.5, 0.5))))),),
)
TWO = {"kind": "SynapseCounts", "by": [], "pathways": [[[], [], {"kind": "Gamma", "mean": 2.0, "sd": 1.0}]]}
STEPS = [
    {"do": "remove_connections", "fraction": 0.5},
    {"do": "remove_connections", "fraction": 1, "mask": MASK},
    {"do": "remove_connections", "fraction": 0.3, "mask": ~MASK, "pre": "layer == 1"},
    {"do": "remove_connections", "connections": 1, "post": [0, 1, 2, 3, 4], "synapses": [0, 3]},
    {"do": "remove_connections", "fraction": 0.4, "synapses": (2, None)},
    {"do": "remove_synapses", "fraction": 0.6},
    {"do": "remove_synapses", "fraction": 0.5, "keep_connections": "one", "rescale": "weight"},
    {"do": "remove_synapses", "fraction": 1, "keep_connections": "one", "pre": {"layer": 2}, "rescale": "weight"},
    {"do": "subsample", "fraction": 0.5, "mask": MASK},
    {"do": "subsample", "synapses": 1, "post": "id > 1"},
    {
        "do": "alter_property",
        "property": "weight",
        "how": "scale",
        "value": 2,
        "where": "kind == 'e' and pre_layer == 1",
    },
    {"do": "alter_property", "property": "weight", "how": "set", "value": 0.5, "mask": MASK},
    {"do": "alter_property", "property": "weight", "how": "shuffle", "where": "weight > 0.3"},
    {"do": "alter_property", "property": "kind", "how": "shuffle", "post": "layer == 1"},
    {"do": "alter_property", "property": "kind", "how": "set", "value": "e", "pre": [0, 1]},
    {"do": "alter_property", "property": "kind", "how": "random", "value": {"kind": "discrete", "values": ["i", "e"]}},
    {
        "do": "alter_property",
        "property": "weight",
        "how": "random_scale",
        "value": {"kind": "zero_truncated_poisson", "rate": 2},
        "clip": (0.2, 1.5),
    },
    {"do": "alter_property", "property": "weight", "how": "random", "value": {"kind": "normal", "mean": 1, "std": 2}},
    {"do": "extract", "nodes": "layer == 1 or id == 3"},
    {"do": "rewire", "rule": {"kind": "Constant", "p": 0.5}, "preserve": "none", "mode": "delete"},
]
NEW = [
    {"do": "rewire", "rule": {"kind": "Constant", "p": 0.5}, "post": "layer == 1"},
    {"do": "rewire", "rule": {"kind": "Constant", "p": 0.5}, "preserve": "none", "properties": {"by": "layer"}},
    {"do": "rewire", "rule": {"kind": "Constant", "p": 0.5}, "preserve": "none", "scale": 0.4},
    {"do": "rewire", "rule": {"kind": "Constant", "p": 0.05}, "preserve": "number", "properties": {"synapses": TWO}},
    {"do": "rewire", "rule": {"kind": "Constant", "p": 0.6}, "preserve": "none", "properties": "sample"},
    {"do": "rewire", "rule": {"kind": "Constant", "p": 0.9}, "preserve": "none", "mode": "add", "pre": "layer == 2"},
    {"do": "wire", "rule": {"kind": "Constant", "p": 0.4}, "post": [0, 3], "properties": PROPERTIES},
]
"""Steps by a rule; edges that they add come to lie behind the others to their post node."""


@st.composite
def columns(draw):
    """Five cells of two layers with parallel synapses that weigh something and are of a kind."""
    pairs = draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=4, max_size=30))
    pairs += [(0, 1), (1, 1), (1, 2), (4, 4)]
    rng = np.random.default_rng(len(pairs))
    weights = rng.uniform(0.1, 1, len(pairs)).astype(draw(st.sampled_from(["f4", "f8"])))
    kinds = rng.choice(["e", "i"], len(pairs))
    nodes = pd.DataFrame({"layer": [1, 1, 2, 2, 1]})
    return Connectome(nodes, *np.transpose(pairs), properties={"weight": weights, "kind": kinds})


@pytest.fixture
def quiet():
    """No warnings of pairs that are not connected, of which there are many."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def in_memory(circuit, recipe, seed):
    edges = circuit.edges().connectome(properties=None, node_properties=None)
    for position, step in enumerate(recipe):
        options = {key: value for key, value in step.items() if key != "do"}
        rng = step_rng(seed, position, step["do"])
        function = getattr(manipulate, step["do"])
        edges = function(edges, **options) if step["do"] == "extract" else function(edges, **options, rng=rng)
    return edges


@pytest.mark.usefixtures("quiet")
@few
@given(c=columns(), recipe=st.lists(st.sampled_from(STEPS), min_size=1, max_size=3), data=st.data())
def test_any_chunks_and_workers_give_what_the_functions_give_in_memory(c, recipe, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chunks")
    circuit = open_circuit(write_sonata(c, folder / "old"))
    mem_gb, workers = data.draw(st.sampled_from([1e-9, 3e-6, 2e-5, 1.0])), data.draw(st.integers(1, 3))
    refused = None
    try:
        expected = in_memory(circuit, recipe, 7)
    except OptionError as error:
        refused = str(error)
    if refused is not None:
        with pytest.raises(OptionError) as here:
            manipulate_circuit(circuit, folder / "new", recipe=recipe, seed=7, mem_gb=mem_gb, workers=workers)
        assert re.sub(r"^recipe\[\d\]: ", "", str(here.value)) == refused
        assert not (folder / "new").exists()
        return
    path = manipulate_circuit(circuit, folder / "new", recipe=recipe, seed=7, mem_gb=mem_gb, workers=workers)
    found = open_circuit(path).edges().connectome(properties=None, node_properties=None)
    pd.testing.assert_frame_equal(found.edges, expected.edges)
    assert found == expected


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step['do']} {len(str(step))}")
def test_each_manipulation_gives_what_it_gives_in_memory(step, tmp_path):
    rng = np.random.default_rng(0)
    pre, post = rng.integers(0, 5, (2, 40))
    columns = {"weight": rng.uniform(0.1, 1, 40).astype("f4"), "kind": rng.choice(["e", "i"], 40)}
    c = Connectome(pd.DataFrame({"layer": [1, 1, 2, 2, 1]}), pre, post, properties=columns)
    circuit = open_circuit(write_sonata(c, tmp_path / "old"))
    expected = in_memory(circuit, [step], 7)
    for number, (mem_gb, workers) in enumerate([(1e-9, 1), (3e-6, 2), (1.0, 1)]):
        path = manipulate_circuit(
            circuit, tmp_path / f"new{number}", recipe=[step], seed=7, mem_gb=mem_gb, workers=workers
        )
        found = open_circuit(path).edges().connectome(properties=None, node_properties=None)
        pd.testing.assert_frame_equal(found.edges, expected.edges)


@pytest.mark.parametrize("step", NEW, ids=lambda step: f"{step['do']} {len(str(step))}")
def test_what_is_drawn_by_a_rule_is_that_in_memory(step, tmp_path):
    rng = np.random.default_rng(0)
    pre, post = rng.integers(0, 5, (2, 30))
    post += pre == post
    post %= 5
    columns = {"weight": rng.uniform(0.1, 1, 30).astype("f4"), "kind": rng.choice(["e", "i"], 30)}
    c = Connectome(pd.DataFrame({"layer": [1, 1, 2, 2, 1]}), pre, post, properties=columns)
    circuit = open_circuit(write_sonata(c, tmp_path / "old"))
    expected = in_memory(circuit, [step, STEPS[0]], 7)
    by_post = expected.edges.iloc[np.argsort(expected.post, kind="stable")].reset_index(drop=True)
    for number, (mem_gb, workers) in enumerate([(1e-9, 1), (3e-6, 2), (1.0, 1)]):
        path = manipulate_circuit(
            circuit, tmp_path / f"new{number}", recipe=[step, STEPS[0]], seed=7, mem_gb=mem_gb, workers=workers
        )
        found = open_circuit(path).edges().connectome(properties=None, node_properties=None)
        pd.testing.assert_frame_equal(found.edges, by_post)


@pytest.fixture
def ring(tmp_path):
    """Six cells in a ring, each connection of two synapses."""
    nodes = pd.DataFrame({"layer": [1, 1, 1, 2, 2, 2]})
    pre = np.repeat(np.arange(6), 2)
    weights = np.arange(12, dtype="f4")
    return open_circuit(
        write_sonata(Connectome(nodes, pre, (pre + 1) % 6, properties={"w": weights}), tmp_path / "old")
    )


def test_what_was_done_is_told_in_the_file(ring, tmp_path):
    recipe = [{"do": "remove_connections", "mask": Mask.from_pairs([0, 1], [1, 2]), "fraction": 1}]
    path = manipulate_circuit(ring, tmp_path / "new", recipe=recipe, seed=3)
    with h5py.File(path.parent / "edges.h5") as file:
        told = dict(next(iter(file["edges"].values())).attrs)
    assert (told["number_of_edges"], told["seed"], told["source"]) == (8, 3, ring.fingerprint())
    assert json.loads(told["recipe"])[0]["mask"]["connections"] == 2
    assert json.loads(told["changed"]) == [
        {"pairs of the mask connected": 2, "connections selected": 2, "connections": 2, "synapses": 4}
    ]


def test_what_would_be_done_is_told_before(ring, tmp_path):
    recipe = [{"do": "remove_connections", "fraction": 0.5}, {"do": "subsample", "fraction": 0.5}]
    told = examine_circuit(ring, recipe=recipe)
    assert told["connections selected"].tolist()[0] == 6
    assert told["synapses selected"].tolist()[1] == 6
    assert told["synapses"].tolist() == [6, 3]
    assert [each.name for each in tmp_path.iterdir()] == ["old"]


def test_pairs_of_a_mask_that_are_not_connected_are_told_once(ring, tmp_path, caplog):
    recipe = [{"do": "remove_connections", "mask": Mask.from_pairs([0, 1, 5], [1, 0, 3]), "fraction": 1}]
    with caplog.at_level(logging.WARNING):
        manipulate_circuit(ring, tmp_path / "new", recipe=recipe, mem_gb=1e-9)
    told = "recipe[0]: remove_connections.mask: 2 of its 3 pairs are not connected."
    assert [each.message for each in caplog.records] == [told]


def test_a_node_set_is_a_selection(ring, tmp_path):
    (tmp_path / "sets.json").write_text('{"deep": {"layer": 2}}')
    config = json.loads(ring.path.read_text())
    ring.path.write_text(json.dumps({**config, "node_sets_file": str(tmp_path / "sets.json")}))
    circuit = open_circuit(ring.path)
    recipe = [{"do": "remove_connections", "pre": "deep", "fraction": 1}]
    assert open_circuit(manipulate_circuit(circuit, tmp_path / "new", recipe=recipe)).edges().size == 6


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (
            {"do": "remove_conections", "fraction": 1},
            r"recipe\[0\]: unknown manipulation .*Did you mean 'remove_connections'",
        ),
        ({"do": "erdos_renyi"}, r"recipe\[0\]: 'erdos_renyi' runs in memory only: .* In chunks run: alter_property"),
        ({"do": "remove_connections", "fracton": 1}, r"recipe\[0\]: remove_connections: unknown option 'fracton'"),
        ({"do": "remove_connections"}, "give either connections or fraction"),
        ({"do": "remove_connections", "fraction": 2}, "give a number from 0 to 1"),
        ({"do": "remove_connections", "connections": 7}, "there are 6 connections"),
        ({"do": "remove_connections", "fraction": 1, "pre": "leyer == 1"}, "unknown node property 'leyer'"),
        ({"do": "remove_connections", "fraction": 1, "mask": [1, 2]}, "give a Mask"),
        ({"do": "remove_connections", "fraction": 1, "mask": Mask.from_pairs([99], [0])}, "not among the 6 nodes"),
        ({"do": "remove_synapses", "fraction": 1, "rescale": "v"}, "unknown edge property 'v'"),
        ({"do": "alter_property", "property": "v", "how": "scale", "value": 1}, "unknown edge property 'v'"),
        ({"do": "alter_property", "property": "w", "how": "scale"}, "none given; scale takes a value"),
        (
            {"do": "alter_property", "property": "w", "how": "set", "value": 1, "where": "v > 1"},
            "unknown edge property 'v'",
        ),
        ({"do": "extract"}, "nodes is not given"),
        ("remove", "give a mapping"),
    ],
)
def test_a_wrong_recipe_is_refused_and_nothing_is_written(ring, tmp_path, step, why):
    with pytest.raises((OptionError, CircuitError), match=why):
        manipulate_circuit(ring, tmp_path / "new", recipe=[step])
    assert [each.name for each in tmp_path.iterdir()] == ["old"]


def test_the_circuit_is_untouched_and_never_written_to(ring, tmp_path):
    before = {each.name: each.read_bytes() for each in ring.path.parent.iterdir()}
    recipe = [{"do": "remove_synapses", "fraction": 0.5, "rescale": "w"}]
    manipulate_circuit(ring, tmp_path / "new", recipe=recipe)
    assert {each.name: each.read_bytes() for each in ring.path.parent.iterdir()} == before
    with pytest.raises(CircuitError, match="never changed in place"):
        manipulate_circuit(ring, ring.path.parent, recipe=recipe)


def test_progress_is_told(ring, tmp_path):
    heard = []
    recipe = [{"do": "remove_connections", "fraction": 0.5}]
    manipulate_circuit(ring, tmp_path / "new", recipe=recipe, mem_gb=1e-9, listen=lambda *told: heard.append(told))
    assert heard == [(what, node, 6) for what in ("counting 0", "writing") for node in range(1, 7)]


def test_circuits_of_the_allen_dialect_lose_connections(shared_data, tmp_path):
    circuit = open_circuit(shared_data / "sonata/300_intfire", edges="v1_to_v1")
    recipe = [{"do": "remove_connections", "fraction": 0.25}]
    path = manipulate_circuit(circuit, tmp_path / "new", recipe=recipe, seed=1, mem_gb=0.01)
    found = open_circuit(path, edges="v1_to_v1").edges().connectome(properties=None, node_properties=None)
    assert found == in_memory(circuit, recipe, 1)


# -- files of other kinds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("indexed", [True, False])
def test_edges_in_any_order_are_manipulated_as_those_by_post_node(tmp_path, indexed):
    rng = np.random.default_rng(5)
    pre, post = rng.integers(0, 6, (2, 60))
    files.write_nodes(tmp_path / "nodes.h5", n=6)
    weights = rng.random(60).astype("f4")
    files.write_edges(tmp_path / "edges.h5", pre=pre, post=post, attributes={"w": weights}, index=indexed)
    entries = [{"nodes_file": "nodes.h5"}], [{"edges_file": "edges.h5"}]
    circuit = open_circuit(files.write_config(tmp_path, *entries))
    edges = circuit.edges().connectome(properties=None)
    order = np.argsort(edges.post, kind="stable")
    expected = edges.with_edges(edges.pre[order], edges.post[order], properties={"w": edges.properties["w"][order]})
    recipe = [
        {"do": "remove_synapses", "fraction": 0.4, "keep_connections": "one", "rescale": "w"},
        {"do": "alter_property", "property": "w", "how": "shuffle"},
        {"do": "remove_connections", "fraction": 0.5},
    ]
    for position, step in enumerate(recipe):
        options = {key: value for key, value in step.items() if key != "do"}
        function = getattr(manipulate, step["do"])
        expected = function(expected, **options, rng=step_rng(2, position, step["do"]))
    path = manipulate_circuit(circuit, tmp_path / "new", recipe=recipe, seed=2, mem_gb=1e-6, workers=2)
    pd.testing.assert_frame_equal(open_circuit(path).edges().connectome(properties=None).edges, expected.edges)


def test_explicit_ids_of_nodes_are_kept(tmp_path):
    files.write_nodes(tmp_path / "nodes.h5", n=3, node_id=[2, 5, 9])
    files.write_edges(tmp_path / "edges.h5", pre=[2, 5, 9], post=[5, 9, 9], index=False)
    entries = [{"nodes_file": "nodes.h5"}], [{"edges_file": "edges.h5"}]
    circuit = open_circuit(files.write_config(tmp_path, *entries))
    recipe = [{"do": "remove_connections", "mask": Mask.from_pairs([9], [9]), "fraction": 1}]
    path = manipulate_circuit(circuit, tmp_path / "new", recipe=recipe)
    assert open_circuit(path).edges().table()[["pre", "post"]].values.tolist() == [[2, 5], [5, 9]]


def test_a_property_of_the_table_of_types_cannot_be_changed_edge_by_edge(shared_data, tmp_path):
    circuit = open_circuit(shared_data / "sonata/300_intfire", edges="v1_to_v1")
    recipe = [{"do": "alter_property", "property": "syn_weight", "how": "scale", "value": 2}]
    with pytest.raises(OptionError, match="of the table of types"):
        manipulate_circuit(circuit, tmp_path / "new", recipe=recipe)


def test_a_function_that_draws_by_post_node_runs_in_chunks(ring, tmp_path, monkeypatch):
    def other_sources(connectome, *, rng):
        key = int(rng.integers(2**60))
        pre = connectome.pre.copy()
        for post in np.unique(connectome.post):
            rows = np.flatnonzero(connectome.post == post)
            pre[rows] = step_rng(key, int(post), "sources").choice(connectome.n_pre, len(rows))
        return connectome.with_edges(pre, connectome.post, properties=connectome.properties)

    by_post = lambda options, nodes, rng: streamed.ByPost(other_sources, options, rng)  # noqa: E731
    monkeypatch.setitem(streamed.STREAMED, "other_sources", by_post)
    monkeypatch.setattr(manipulate, "other_sources", other_sources, raising=False)
    recipe = [{"do": "other_sources"}]
    expected = in_memory(ring, recipe, 4)
    for number, mem_gb in enumerate([1e-9, 1.0]):
        path = manipulate_circuit(ring, tmp_path / str(number), recipe=recipe, seed=4, mem_gb=mem_gb)
        found = open_circuit(path).edges().connectome(properties=None, node_properties=None)
        pd.testing.assert_frame_equal(found.edges, expected.edges)


def test_models_alone_make_connections_where_there_are_none_to_make_them_like(tmp_path):
    nodes = pd.DataFrame({"layer": [1, 1, 2, 2]})
    columns = {"weight": np.array([1.0, 2.0])}
    circuit = open_circuit(write_sonata(Connectome(nodes, [0, 0], [1, 1], properties=columns), tmp_path / "old"))
    step = {"do": "rewire", "rule": {"kind": "Constant", "p": 1.0}, "pre": "layer == 2", "preserve": "none"}
    with pytest.raises(OptionError, match="no connection is there whose weight new ones could have"):
        manipulate_circuit(circuit, tmp_path / "refused", recipe=[step])
    weight = {
        "kind": "Property",
        "name": "weight",
        "dtype": "float64",
        "within": "synapse",
        "lower": None,
        "upper": None,
    }
    joint = {"kind": "Joint", "distributions": [{"kind": "Fixed", "value": 9.0}], "correlation": None}
    model = {"kind": "Properties", "by": [], "properties": [weight], "pathways": [[[], [], joint]]}
    for number, properties in enumerate((model, {"values": model, "synapses": TWO})):
        recipe = [{**step, "properties": properties}]
        found = (
            open_circuit(manipulate_circuit(circuit, tmp_path / f"{number}", recipe=recipe, seed=7))
            .edges()
            .connectome()
        )
        expected = in_memory(circuit, recipe, 7)
        assert sorted(found.edges["post"]) == sorted(expected.edges["post"])
        assert found.n_edges == expected.n_edges > 7


def test_a_folder_that_is_no_path_is_told(tmp_path):
    circuit = open_circuit(write_sonata(Connectome(3, [0], [1]), tmp_path / "old"))
    with pytest.raises(OptionError, match=r"manipulate_circuit\.path: 3; give the new folder"):
        manipulate_circuit(circuit, 3, recipe=[])
