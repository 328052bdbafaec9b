"""Documents for `tap manipulate`: each function of connectome-manipulator is mapped, and what is not known is refused."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from conntap.circuits import Connectome, open_circuit
from conntap.circuits.sonata.writing import write_sonata
from conntap.errors import OptionError
from conntap.manipulate.circuits import examine_circuit, manipulate_circuit
from conntap.manipulate.configurations import prepared, read_configuration
from conntap.manipulate.elsewhere import FUNCTIONS, steps_of
from conntap.manipulate.recipes import changes

HERE = Path("here")


def theirs(source, **options):
    return {"circuit_config": "c.json", "manip": {"name": "m", "fcts": [{"source": source, "kwargs": options}]}}


def mapped(source, **options):
    return list(read_configuration(theirs(source, **options), HERE).recipe)


CHANCE = {"model": "ConnProb2ndOrderExpModel", "scale": 0.3, "exponent": 0.02}
DELAY = {"model": "LinDelayModel", "delay_mean_coeff_a": 1.0, "delay_mean_coeff_b": 0.0, "delay_std": 0.0}
EXPONENTIAL = {"kind": "Exponential", "a": 0.3, "b": 0.02, "positions": ["x", "y", "z"]}
LINE = {"kind": "DelayLine", "a_ms": 1.0, "b_ms_per_um": 0.0, "sd_ms": 0.0, "least_ms": 0.2}
DELAYS = {"kind": "Delays", "by": [], "pathways": [[[], [], LINE]], "positions": ["x", "y", "z"]}


def rewiring(**options):
    return theirs(
        "conn_rewiring", **{"syn_class": "EXC", "prob_model_spec": CHANCE, "delay_model_spec": DELAY} | options
    )


@pytest.fixture
def circuit(tmp_path):
    """Five cells of two layers, with parallel synapses, and two node sets."""
    nodes = pd.DataFrame({"layer": [1, 1, 2, 2, 1]})
    ends = [0, 0, 0, 1, 2, 2, 3, 4], [1, 1, 2, 2, 3, 3, 4, 0]
    properties = {"conductance": np.arange(1.0, 9), "kind": [0, 1, 2, 0, 1, 2, 0, 1]}
    path = write_sonata(Connectome(nodes, *ends, properties=properties), tmp_path / "circuit")
    (path.parent / "node_sets.json").write_text(json.dumps({"upper": {"layer": 1}, "ends": {"node_id": [0, 4]}}))
    path.write_text(json.dumps({**json.loads(path.read_text()), "node_sets_file": "node_sets.json"}))
    return open_circuit(path)


# -- connectome-manipulator ------------------------------------------------------------------------------------

CASES = [
    ("null_manipulation", {}, None),
    ("conn_removal", {}, {"do": "remove_connections", "fraction": 1.0}),
    (
        "conn_removal",
        {"sel_src": "L4", "sel_dest": {"layer": [2, 3]}, "amount_pct": 25, "min_syn_per_conn": 2},
        {
            "do": "remove_connections",
            "pre": {"node_set": "L4"},
            "post": {"layer": [2, 3]},
            "fraction": 0.25,
            "synapses": [2, None],
        },
    ),
    (
        "conn_removal",
        {"sel_src": [3, 1], "sel_dest": 7, "max_syn_per_conn": 4, "conn_mask_file": "m.npz"},
        {
            "do": "remove_connections",
            "pre": [3, 1],
            "post": [7],
            "fraction": 1.0,
            "synapses": [1, 4],
            "mask": {"path": "here/m.npz", "pre": [3, 1], "post": [7]},
        },
    ),
    ("conn_extraction", {"target_name": "hex0"}, {"do": "extract", "nodes": {"node_set": "hex0"}}),
    (
        "conn_extraction",
        {"target_name": "hex0", "node_sets_file": "sets.json"},
        {"do": "extract", "nodes": {"node_set": "hex0", "node_sets_file": "here/sets.json"}},
    ),
    ("syn_removal", {"amount_pct": 50}, {"do": "remove_synapses", "fraction": 0.5}),
    (
        "syn_removal",
        {"amount_pct": 50, "keep_conns": True, "rescale_gsyn": True, "sel_src": None},
        {"do": "remove_synapses", "fraction": 0.5, "keep_connections": "one", "rescale": "conductance"},
    ),
    ("syn_subsampling", {"keep_pct": 10.0}, {"do": "subsample", "fraction": 0.1}),
    (
        "syn_prop_alteration",
        {"syn_prop": "delay", "new_value": {"mode": "setval", "value": 2}, "sel_dest": "L5"},
        {"do": "alter_property", "property": "delay", "how": "set", "post": {"node_set": "L5"}, "value": 2},
    ),
    (
        "syn_prop_alteration",
        {
            "syn_prop": "u",
            "new_value": {"mode": "scale", "factor": 2, "range": [0, 1]},
            "syn_filter": {"kind": [0, 2], "a b": ["x'y"]},
        },
        {
            "do": "alter_property",
            "property": "u",
            "how": "scale",
            "value": 2,
            "clip": [0, 1],
            "where": 'kind in [0, 2] and `a b` in ["x\'y"]',
        },
    ),
    (
        "syn_prop_alteration",
        {"syn_prop": "u", "new_value": {"mode": "shuffle"}},
        {"do": "alter_property", "property": "u", "how": "shuffle"},
    ),
    (
        "syn_prop_alteration",
        {"syn_prop": "u", "new_value": {"mode": "offset", "value": -1}},
        {"do": "alter_property", "property": "u", "how": "offset", "value": -1},
    ),
    (
        "syn_prop_alteration",
        {"syn_prop": "u", "new_value": {"mode": "randadd", "rng": "normal", "kwargs": {"loc": 3}}},
        {
            "do": "alter_property",
            "property": "u",
            "how": "random_offset",
            "value": {"kind": "normal", "mean": 3, "std": 1.0},
        },
    ),
    (
        "conn_rewiring",
        {"syn_class": "EXC", "prob_model_spec": CHANCE, "delay_model_spec": {"file": "d.json"}, "sel_src": "L4"},
        {
            "do": "rewire",
            "pre": {"node_set": "L4", "synapse_class": "EXC"},
            "rule": EXPONENTIAL,
            "preserve": "in-degree",
            "properties": "reuse",
            "delays": {"path": "here/d.json"},
        },
    ),
    (
        "conn_rewiring",
        {
            "syn_class": "INH",
            "sel_src": [3, 4],
            "sel_dest": {"layer": 2},
            "prob_model_spec": {"file": "p.json"},
            "pos_map_file": "flat.json",
            "delay_model_spec": DELAY,
            "keep_indegree": False,
            "reuse_conns": False,
            "gen_method": "randomize",
            "props_model_spec": {"file": "props.json"},
            "p_scale": 2.0,
            "keep_conns": True,
        },
        {
            "do": "rewire",
            "pre": {"node_id": [3, 4], "synapse_class": "INH"},
            "post": {"layer": 2},
            "rule": {
                "kind": "Placed",
                "rule": {"path": "here/p.json"},
                "pre": {"path": "here/flat.json"},
                "post": {"path": "here/flat.json"},
            },
            "preserve": "none",
            "properties": {
                "how": "sample",
                "by": "mtype",
                "values": {"path": "here/props.json"},
                "synapses": {"path": "here/props.json"},
            },
            "delays": DELAYS,
            "scale": 2.0,
        },
    ),
    (
        "conn_wiring",
        {"prob_model_spec": CHANCE, "nsynconn_model_spec": {"file": "n.json"}, "delay_model_spec": DELAY},
        {
            "do": "wire",
            "rule": EXPONENTIAL,
            "synapses": {"path": "here/n.json"},
            "delays": DELAYS,
            "properties": {
                "kind": "Properties",
                "by": ["synapse_class"],
                "properties": [
                    {
                        "kind": "Property",
                        "name": "syn_type_id",
                        "dtype": "int16",
                        "within": "connection",
                        "lower": None,
                        "upper": None,
                    }
                ],
                "pathways": [
                    [
                        [name],
                        [],
                        {"kind": "Joint", "distributions": [{"kind": "Fixed", "value": value}], "correlation": None},
                    ]
                    for name, value in (("EXC", 100), ("INH", 0))
                ],
            },
        },
    ),
]


@pytest.mark.parametrize(("source", "options", "step"), CASES)
def test_a_function_is_mapped(source, options, step):
    assert mapped(source, **options) == ([] if step is None else [step])


def test_every_function_mapped_has_a_case():
    assert {source for source, _, _ in CASES} == set(FUNCTIONS)


@pytest.mark.parametrize(
    ("rng", "given"),
    [
        ("exponential", {"scale": 0.5}),
        ("gamma", {"shape": 4, "scale": 0.5}),
        ("lognormal", {"mean": 0.3, "sigma": 0.4}),
        ("normal", {"loc": 2, "scale": 0.3}),
        ("poisson", {"lam": 3}),
        ("uniform", {"low": 1, "high": 4}),
    ],
)
def test_distributions_have_the_mean_and_spread_of_numpys(rng, given):
    from conntap.manipulate.distributions import drawn_from

    new = {"mode": "randval", "rng": rng, "kwargs": given}
    ours = mapped("syn_prop_alteration", syn_prop="u", new_value=new)[0]["value"]
    drawn = drawn_from(ours, 200_000, np.random.default_rng(1), "test")
    expected = getattr(np.random.default_rng(2), rng)(**given, size=200_000)
    assert drawn.mean() == pytest.approx(expected.mean(), rel=0.01)
    assert drawn.std() == pytest.approx(expected.std(), rel=0.02)
    assert np.quantile(drawn, [0.1, 0.9]) == pytest.approx(np.quantile(expected, [0.1, 0.9]), rel=0.03)


def test_options_stand_beside_the_source_or_in_either_of_two_places():
    functions = [
        {"source": "syn_subsampling", "keep_pct": 50},
        {"source": "syn_subsampling", "kwargs": {"keep_pct": 50}},
        {"source": "syn_subsampling", "model_config": {"keep_pct": 50}, "kwargs": {}},
    ]
    assert steps_of({"name": "m", "fcts": functions}) == [{"do": "subsample", "fraction": 0.5}] * 3


def test_the_rest_of_their_document_is_read():
    values = theirs("syn_subsampling") | {
        "circuit_path": "circuits",
        "output_path": "out",
        "seed": 7,
        "N_split_nodes": 100,
        "edges_popul_name": "a__b",
        "src_node_popul_name": "a",
        "tgt_node_popul_name": "b",
    }
    found = read_configuration(values, HERE)
    assert (found.circuit, found.output) == (HERE / "circuits" / "c.json", HERE / "out")
    assert (found.seed, found.edges, found.source, found.target) == (7, "a__b", "a", "b")
    assert found.notes[0].startswith("N_split_nodes: ")
    assert read_configuration(theirs("syn_subsampling"), HERE).seed == 123456


# -- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"recipe": [], "circuit": "c", "sede": 1}, "unknown key 'sede'.*Did you mean 'seed'"),
        ({"recipe": []}, "'circuit' is not given"),
        ({"recipe": [], "circuit": None}, "'circuit' is not given"),
        (theirs("syn_subsampling") | {"circuit_config": None}, "'circuit_config' is not given"),
        ({"recipe": {"do": "subsample"}, "circuit": "c"}, "give a list"),
        ({"recipe": [], "circuit": "c", "seed": -1}, "seed"),
        ({"recipe": [{"do": "extract", "mask": 3}], "circuit": "c"}, "give a file"),
        ({"recipe": [{"do": "x", "mask": {"path": "m", "prw": 1}}], "circuit": "c"}, "unknown key 'prw'"),
        (theirs("syn_subsampling") | {"sede": 1}, "unknown key 'sede'"),
        ({"manip": {"name": "m", "fcts": []}}, "'circuit_config' is not given"),
        ({"circuit_config": "c", "manip": {"fcts": [], "syn_props_init": {}}}, "unknown key 'syn_props_init'"),
        ({"circuit_config": "c", "manip": {"name": "m"}}, "manip.fcts"),
        ({"circuit_config": "c", "manip": 3}, "give a mapping"),
        ({"circuit_config": "c", "manip": {"fcts": ["conn_removal"]}}, r"fcts\[0\].*give \{source"),
        (theirs("conn_remval"), "unknown function 'conn_remval'.*Did you mean 'conn_removal'"),
        (theirs("__import__"), "unknown function"),
        (theirs(["conn_removal"]), "unknown function"),
        (theirs("conn_rewiring", syn_class="EXC"), "'prob_model_spec' is not given"),
        (rewiring(syn_class="E"), "syn_class"),
        (rewiring(gen_method="sample"), "Leave it out"),
        (rewiring(keep_indegree=False), "gen_method"),
        (rewiring(keep_indegree=False, gen_method="randomize"), "needs 'props_model_spec'"),
        (rewiring(keep_indegree=False, gen_method="sample", props_model_spec={"file": "p"}), "goes with gen_method"),
        (rewiring(opt_nconn=True), "opt_nconn: .*preserve: number"),
        (rewiring(estimation_run=True), "--dry-run"),
        (rewiring(syn_pos_mode="external"), "place_synapses"),
        (rewiring(syn_pos_mode="nowhere"), "reuse_strict"),
        (rewiring(amount_pct=50), "all cells selected are wired"),
        (rewiring(rewire_mode="add"), "add_only"),
        (rewiring(sel_src={"synapse_class": "INH"}), "Give one of them"),
        (rewiring(pos_map_file="flat.nrrd"), "voxels"),
        (rewiring(prob_model_spec={"file": "a.json", "scale": 1}), "a file stands alone"),
        (rewiring(prob_model_spec={"model": "ConnProb2ndOrder"}), "unknown class of model"),
        (rewiring(prob_model_spec={"model": "ConnProb4thOrderLinInterpnModel"}), "needs the table"),
        (rewiring(prob_model_spec={"model": "NSynConnModel"}), "gives no probability"),
        (theirs("conn_wiring", nsynconn_model_spec=3), "give {file"),
        (theirs("conn_wiring", model_pathways="p.parquet"), "parquet"),
        (theirs("conn_wiring", keep_conns=True), "unknown key 'keep_conns'"),
        (theirs("conn_removal", amount=50), "unknown key 'amount'"),
        (theirs("conn_removal", amount_pct=101), "0 to 100"),
        (theirs("conn_removal", amount_pct=True), "0 to 100"),
        (theirs("conn_removal", amount_pct="50"), "0 to 100"),
        (theirs("conn_removal", min_syn_per_conn=0), "from 1 on"),
        (theirs("conn_removal", sel_src=1.5), "sel_src"),
        (theirs("conn_extraction"), "target_name"),
        (theirs("syn_removal", keep_conns=1), "true or false"),
        (theirs("syn_prop_alteration", new_value={"mode": "shuffle"}), "'syn_prop' is not given"),
        (theirs("syn_prop_alteration", syn_prop="u", new_value={"mode": "sett"}), "unknown mode"),
        (theirs("syn_prop_alteration", syn_prop="u", new_value={"mode": "setval"}), "needs 'value'"),
        (theirs("syn_prop_alteration", syn_prop="u", new_value={"mode": "scale", "value": 1}), "unknown key 'value'"),
        (theirs("syn_prop_alteration", syn_prop="u", new_value={"mode": "shuffle"}, amount_pct=50), "only all"),
        (
            theirs("syn_prop_alteration", syn_prop="u", new_value={"mode": "randval", "rng": "seed"}),
            "unknown distribution",
        ),
        (
            theirs("syn_prop_alteration", syn_prop="u", new_value={"mode": "randval", "rng": "gamma"}),
            "kwargs.shape: None",
        ),
        (
            theirs("syn_prop_alteration", syn_prop="u", new_value={"mode": "shuffle"}, syn_filter={"a` or `b": 1}),
            "no name",
        ),
        (
            theirs("syn_prop_alteration", syn_prop="u", new_value={"mode": "shuffle"}, syn_filter={"a": math.inf}),
            "numbers or text",
        ),
        (
            {
                "circuit_config": "c",
                "manip": {"fcts": [{"source": "syn_subsampling", "keep_pct": 1, "kwargs": {"keep_pct": 2}}]},
            },
            "stands twice",
        ),
    ],
)
def test_what_is_not_known_is_refused(values, message):
    with pytest.raises(OptionError, match=message):
        read_configuration(values, HERE)


# -- in a circuit ----------------------------------------------------------------------------------------------


def run(values, circuit, folder, name="new"):
    asked = read_configuration({**values, "circuit_config": "c"}, folder)
    return open_circuit(manipulate_circuit(circuit, folder / name, recipe=prepared(asked, circuit), seed=asked.seed))


def edges_of(circuit):
    return circuit.edges().connectome().edges[["pre", "post"]].values.tolist()


def test_node_sets_and_properties_must_hold_together(circuit, tmp_path):
    values = theirs("conn_removal", sel_src={"node_set": "ends", "layer": 1}, sel_dest="upper")
    assert edges_of(run(values, circuit, tmp_path)) == [[0, 2], [1, 2], [2, 3], [2, 3], [3, 4]]


def test_a_mask_is_read_by_the_sorted_ids_of_both_selections(circuit, tmp_path):
    sparse.save_npz(tmp_path / "mask.npz", sparse.csc_matrix(np.array([[0, 1], [0, 0], [1, 0]])))  # [0, 1, 4] x [2, 3]
    values = theirs("conn_removal", sel_src="upper", sel_dest={"layer": 2}, conn_mask_file="mask.npz")
    asked = prepared(read_configuration(values, tmp_path), circuit)
    assert asked[0]["mask"].pairs().values.tolist() == [[0, 3], [4, 2]]


def test_a_mask_of_another_shape_is_refused(circuit, tmp_path):
    sparse.save_npz(tmp_path / "mask.npz", sparse.csc_matrix((5, 5)))
    values = theirs("conn_removal", sel_src="upper", conn_mask_file="mask.npz")
    with pytest.raises(OptionError, match=r"recipe\[0\]\.mask: .*shape"):
        prepared(read_configuration(values, tmp_path), circuit)


def test_text_is_a_node_set_and_never_an_expression_there(circuit):
    with pytest.raises(OptionError, match="unknown node set 'layer == 1'"):
        prepared(read_configuration(theirs("conn_removal", sel_src="layer == 1"), HERE), circuit)


def test_a_node_set_of_a_file_of_its_own_extracts(circuit, tmp_path):
    (tmp_path / "sets.json").write_text(json.dumps({"pair": {"node_id": [2, 3]}}))
    values = theirs("conn_extraction", target_name="pair", node_sets_file="sets.json")
    assert edges_of(run(values, circuit, tmp_path)) == [[2, 3], [2, 3]]


def test_a_filter_of_synapses_alters_these_alone(circuit, tmp_path):
    new = {"mode": "scale", "factor": 10}
    values = theirs("syn_prop_alteration", syn_prop="conductance", new_value=new, syn_filter={"kind": [1, 2]})
    found = run(values, circuit, tmp_path).edges().connectome(properties=["conductance", "kind"])
    before = circuit.edges().connectome(properties=["conductance", "kind"])
    factor = np.where(before.properties["kind"] == 0, 1, 10)
    assert found.properties["conductance"].tolist() == (before.properties["conductance"] * factor).tolist()


def test_other_populations_of_nodes_are_refused(circuit):
    values = theirs("syn_subsampling") | {"src_node_popul_name": "elsewhere"}
    with pytest.raises(OptionError, match="source nodes 'elsewhere'"):
        prepared(read_configuration(values, HERE), circuit)


def test_what_a_dry_run_tells_is_what_the_new_circuit_says(circuit, tmp_path):
    values = theirs("syn_removal", amount_pct=40, keep_conns=True, rescale_gsyn=True)
    recipe = prepared(read_configuration(values, tmp_path), circuit)
    told = examine_circuit(circuit, recipe=recipe, seed=5)
    made = open_circuit(manipulate_circuit(circuit, tmp_path / "new", recipe=recipe, seed=5))
    pd.testing.assert_frame_equal(changes(made), told)


# -- drawn by rules --------------------------------------------------------------------------------------------

FILES = Path(__file__).parents[1] / "circuits" / "files" / "connectome_manipulator"


@pytest.fixture
def typed(tmp_path):
    """Sixty cells with what their functions look at, sparsely connected."""
    rng = np.random.default_rng(3)
    nodes = pd.DataFrame(rng.uniform(0, 60, (60, 3)), columns=list("xyz"))
    nodes = nodes.assign(mtype=rng.choice(["e", "i"], 60), layer=rng.choice([1, 2], 60))
    nodes = nodes.assign(synapse_class=np.where(nodes["mtype"] == "e", "EXC", "INH"))
    pre, post = np.nonzero((rng.random((60, 60)) < 0.15) & ~np.eye(60, dtype=bool))
    columns = {"delay": np.full(len(pre), 9.0), "u": rng.random(len(pre))}
    return open_circuit(write_sonata(Connectome(nodes, pre, post, properties=columns), tmp_path / "typed"))


def table_of(circuit):
    edges = circuit.edges().connectome(properties=None, node_properties=None)
    classes = edges.nodes["synapse_class"].to_numpy()[edges.pre]
    return edges, edges.edges.assign(synapse_class=classes)


def test_sources_of_one_class_are_drawn_anew_and_in_degrees_kept(typed, tmp_path):
    before, old = table_of(typed)
    _, new = table_of(run(rewiring(), typed, tmp_path))
    for name, one, other in (
        (each, old[old["synapse_class"] == each], new[new["synapse_class"] == each]) for each in ("EXC", "INH")
    ):
        assert (one["post"].value_counts().sort_index() == other["post"].value_counts().sort_index()).all()
        assert one["u"].sum() == pytest.approx(other["u"].sum())
        assert other["delay"].isin([9.0, 1.0]).all()
        assert (other["delay"] == 9.0).all() == (name == "INH")
    assert before.n_edges == len(new)


def test_new_connections_take_numbers_and_values_from_model_files(typed, tmp_path):
    for path in FILES.glob("properties.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    options = {
        "keep_indegree": False,
        "gen_method": "randomize",
        "p_scale": 3.0,
        "props_model_spec": {"file": "props.json"},
    }
    told = json.loads((tmp_path / "properties.json").read_text())
    told["prop_stats"] = {name: told["prop_stats"][name] for name in ("u", "n_syn_per_conn")}
    (tmp_path / "props.json").write_text(json.dumps({**told, "prop_cov": {}}))
    _, new = table_of(run(rewiring(**options), typed, tmp_path))
    counts = new[new["synapse_class"] == "EXC"].groupby(["pre", "post"]).size()
    assert counts[counts > 1].mean() == pytest.approx(3.6, abs=0.3)


def test_a_circuit_is_wired_from_their_models(typed, tmp_path):
    path = write_sonata(Connectome(typed.nodes().table(), [], []), tmp_path / "empty")
    specs = {
        name: {"file": str(FILES / f"{file}.json")}
        for name, file in (
            ("prob_model_spec", "order2"),
            ("nsynconn_model_spec", "synapses"),
            ("delay_model_spec", "delays"),
        )
    }
    wired, edges = table_of(run(theirs("conn_wiring", **specs), open_circuit(path), tmp_path))
    assert (edges["syn_type_id"] == np.where(edges["synapse_class"] == "EXC", 100, 0)).all()
    x = wired.nodes[["x", "y", "z"]].to_numpy()
    distances = np.linalg.norm(x[wired.pre] - x[wired.post], axis=1)
    assert edges["delay"].to_numpy() == pytest.approx(np.maximum(0.7 + 0.004 * distances, 0.9))
    chances = 0.3 * np.exp(-0.011 * np.linalg.norm(x[:, None] - x[None], axis=2))
    np.fill_diagonal(chances, 0)
    n = len(edges.groupby(["pre", "post"]))
    assert abs(n - chances.sum()) < 5 * np.sqrt(chances.sum())


def test_what_a_function_leaves_aside_is_told():
    assert (
        read_configuration(theirs("conn_wiring"), HERE)
        .notes[0]
        .startswith("conn_wiring: places of synapses on morphologies")
    )


def test_models_of_a_recipe_are_looked_for_beside_the_document(typed, tmp_path):
    (tmp_path / "order2.json").write_bytes((FILES / "order2.json").read_bytes())
    recipe = [{"do": "rewire", "rule": {"path": "order2.json"}, "properties": {"by": "mtype"}}]
    asked = read_configuration({"circuit": "c", "recipe": recipe}, tmp_path)
    assert asked.recipe[0]["rule"] == {"path": str(tmp_path / "order2.json")}
    assert len(examine_circuit(typed, recipe=prepared(asked, typed))) == 1


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            rewiring(),
            r"^conn_rewiring: syn_class is that of the pre node, by the node property 'synapse_class', which nodes",
        ),
        (
            theirs("conn_wiring"),
            r"^conn_wiring: the class of new synapses is that of the pre node, .*known: layer\. Give",
        ),
    ],
)
def test_a_circuit_without_classes_of_synapses_is_told_what_asks_for_them(document, message, circuit):
    asked = read_configuration(document, HERE)
    with pytest.raises(OptionError, match=message):
        prepared(asked, circuit)


def test_the_example_of_the_how_to_runs(typed, tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "manipulate-from-the-terminal.md").read_text()
    document = json.loads(page.split("```json")[1].split("```")[0])
    document["manip"]["fcts"][0]["kwargs"]["sel_dest"] = {"mtype": "e"}
    assert len(run(document, typed, tmp_path).edges().connectome().pre)
