"""The layered column: its cells, and that wiring follows the stated rule."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from conntap import open_store
from conntap.analyze import simplex_counts
from conntap.build import Details, column
from conntap.circuits.rules import Exponential, save
from conntap.errors import OptionError
from conntap.manipulate import erdos_renyi
from conntap.study import load_study, run


def grown(seed=0, **options):
    return column(rng=np.random.default_rng(seed), **options)


@pytest.fixture(scope="module")
def usual():
    return grown(n_nodes=1500)


def test_it_has_the_nodes_asked_for_numbered_from_the_top(usual):
    nodes = usual.nodes
    assert len(nodes) == 1500
    assert nodes["y"].is_monotonic_increasing
    assert list(nodes.columns) == ["x", "y", "z", "layer", "ei", "mtype"]


def test_cells_lie_in_the_cylinder_and_in_their_layer():
    nodes = grown(n_nodes=500, radius_um=50.0, layers_um=(10.0, 30.0)).nodes
    assert (np.hypot(nodes["x"], nodes["z"]) <= 50).all()
    assert nodes["y"].between(0, 40).all()
    assert ((nodes["y"] < 10) == (nodes["layer"] == 1)).all()


def test_cells_are_spread_evenly_over_the_disc(usual):
    """The square of the distance from the axis is uniform."""
    nodes = usual.nodes
    assert stats.kstest((nodes["x"] ** 2 + nodes["z"] ** 2) / 200.0**2, "uniform").pvalue > 0.01


def test_the_type_names_layer_and_kind(usual):
    nodes = usual.nodes
    assert (nodes["mtype"].astype(str).str.endswith("_PC") == (nodes["ei"] == "e")).all()
    assert (nodes["mtype"].astype(str).str[1].astype(int) == nodes["layer"]).all()


def test_inhibitory_cells_have_the_chance_asked_for(usual):
    n = int((usual.nodes["ei"] == "i").sum())
    assert stats.binomtest(n, 1500, 0.2).pvalue > 0.01


def test_there_are_no_loops_and_no_parallel_edges(usual):
    assert not (usual.pre == usual.post).any()
    assert usual.connections().n_edges == usual.n_edges


def test_connections_are_as_many_as_the_rule_expects_on_each_pathway(usual):
    nodes = usual.nodes
    points = nodes[["x", "y", "z"]].to_numpy()
    step = points[None] - points[:, None]
    is_i = (nodes["ei"] == "i").to_numpy()
    scale = np.where(is_i[:, None] == is_i[None], 1.0, 1.5)
    reach = np.where(is_i, 70.0, 100.0)[:, None]
    seen = np.linalg.norm(step, axis=2) - np.where(is_i, 0, 0.2)[:, None] * step[..., 1]
    p = np.minimum(1, 0.4 * scale * np.exp(-seen / reach))
    np.fill_diagonal(p, 0)
    for pre in (is_i, ~is_i):
        for post in (is_i, ~is_i):
            own = p[np.ix_(pre, post)]
            found = int((pre[usual.pre] & post[usual.post]).sum())
            assert abs(found - own.sum()) < 4 * math.sqrt((own * (1 - own)).sum())


def test_delays_grow_with_distance(usual):
    points = usual.nodes[["x", "y", "z"]].to_numpy()
    distance = np.linalg.norm(points[usual.pre] - points[usual.post], axis=1)
    assert usual.properties["delay_ms"] == pytest.approx(0.5 + distance / 300, abs=1e-4)


def test_connections_have_the_mean_number_of_synapses(usual):
    synapses = usual.properties["n_syn"]
    assert synapses.min() == 1
    assert synapses.mean() == pytest.approx(3, abs=0.1)


def test_it_has_more_simplices_than_a_random_graph_of_as_many_connections(usual):
    random = simplex_counts(erdos_renyi(usual, rng=np.random.default_rng(1)))
    counts = simplex_counts(usual)
    assert counts[1] == random[1]
    assert counts[2] > 2 * random[2]
    assert counts[3] > 10 * random.get(3, 0)


def test_equal_states_give_equal_columns():
    assert grown(3, n_nodes=60) == grown(3, n_nodes=60)
    assert grown(3, n_nodes=60) != grown(4, n_nodes=60)


def test_parts_do_not_change_the_result(monkeypatch):
    details = Details(edges="synapses")
    whole = grown(5, n_nodes=200, details=details)
    monkeypatch.setattr("conntap.build.synapse_places._A_PART", 70)
    assert grown(5, n_nodes=200, details=details) == whole


@pytest.mark.parametrize("n", [0, 1])
def test_no_or_one_node_has_no_connections(n):
    assert (grown(n_nodes=n).n_nodes, grown(n_nodes=n).n_edges) == (n, 0)


def test_no_probability_no_connections():
    assert grown(n_nodes=30, p_near=0.0).n_edges == 0


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("n_nodes", -1),
        ("radius_um", 0.0),
        ("radius_um", math.nan),
        ("layers_um", ()),
        ("layers_um", (100.0, -1.0)),
        ("inhibitory", 1.1),
        ("p_near", -0.1),
        ("length_um", math.inf),
        ("n_synapses", 0.5),
        ("n_synapses", 1e300),
        ("n_nodes", 1.5),
        ("n_nodes", "many"),
        ("n_nodes", 2**70),
        ("layers_um", 5.0),
        ("layers_um", ("a",)),
        ("p_near", None),
        ("length_um", "far"),
    ],
)
def test_numbers_out_of_range_are_refused(option, value):
    with pytest.raises(OptionError, match=rf"column\.{option}"):
        grown(**{option: value})


def test_pairs_are_connected_as_often_as_the_rule_says_below_and_above():
    """Chances of single pairs, over many draws: also where they are cut off at 1, and at one height."""
    from conntap.build.column import _wired

    nodes = pd.DataFrame(
        {"x": [0.0, 30, 0, 0, 20], "y": [0.0, 0, 40, 90, 35], "z": 0.0, "ei": ["e", "e", "i", "e", "i"]}
    )
    draws = [_wired(nodes, 1.0, 50.0, seed) for seed in range(800)]
    found = np.zeros((5, 5))
    for pre, post in draws:
        found[pre, post] += 1
    for pre in range(5):
        for post in range(5):
            step = nodes.loc[post, ["x", "y", "z"]].to_numpy(float) - nodes.loc[pre, ["x", "y", "z"]].to_numpy(float)
            excites = nodes["ei"][pre] == "e"
            seen = np.linalg.norm(step) - (0.2 * step[1] if excites else 0)
            s = 1.5 if nodes["ei"][pre] != nodes["ei"][post] else 1.0
            p = 0 if pre == post else min(1, s * math.exp(-seen / (50 if excites else 35)))
            assert abs(found[pre, post] - 800 * p) <= 4.5 * math.sqrt(800 * p * (1 - p)) + 1e-6


# -- shapes, densities, types


def test_cells_fill_a_hexagon_evenly():
    nodes = grown(n_nodes=6000, details={"shape": "hexagon"}, radius_um=100.0, p_near=0.0).nodes
    x, z = nodes["x"].to_numpy(), nodes["z"].to_numpy()
    across = np.max([np.abs(x * math.cos(a) + z * math.sin(a)) for a in np.pi * (np.arange(3) / 3 + 1 / 6)], axis=0)
    height = 100 * math.sqrt(3) / 2
    assert across.max() <= height
    assert np.hypot(x, z).max() > 95
    assert stats.kstest((across / height) ** 2, "uniform").pvalue > 0.01
    sector = np.floor(np.arctan2(z, x) / (np.pi / 3)).astype(int) % 6
    assert stats.chisquare(np.bincount(sector)).pvalue > 0.01


def test_a_box_cuts_its_depths_out_of_the_layers():
    box = ((-50.0, 100.0, 10.0), (50.0, 200.0, 30.0))
    nodes = grown(n_nodes=400, details=Details(box_um=box)).nodes
    for axis, low, high in zip("xyz", *box, strict=True):
        assert nodes[axis].between(low, high).all()
        assert stats.kstest((nodes[axis] - low) / (high - low), "uniform").pvalue > 0.01
    assert set(nodes["layer"]) == {1, 2}
    assert ((nodes["y"] < 125) == (nodes["layer"] == 1)).all()


def test_densities_give_the_number_of_cells_in_each_layer():
    details = Details(shape="hexagon", densities_per_mm3=(50_000, 0, 100_000))
    nodes = grown(layers_um=(100.0, 50.0, 200.0), radius_um=50.0, details=details).nodes
    area = 1.5 * math.sqrt(3) * 50**2
    counts = nodes["layer"].value_counts()
    assert counts.to_dict() == {1: round(50_000 * area * 1e-7), 3: round(100_000 * area * 2e-7)}
    assert nodes["y"].is_monotonic_increasing


def test_layers_begin_where_they_are_said_to():
    box, lower = ((0, 50, 0), (100, 150, 100)), ((0, -150, 0), (100, -50, 100))
    one = grown(n_nodes=50, layers_um=(100.0, 100.0), details=Details(box_um=box)).nodes
    other = grown(n_nodes=50, layers_um=(100.0, 100.0), details=Details(box_um=lower, top_um=-200.0)).nodes
    np.testing.assert_allclose(other["y"], one["y"] - 200)
    assert (other["layer"] == one["layer"]).all()
    round_one = grown(n_nodes=50, details=Details(top_um=-30.0)).nodes["y"]
    assert -30 <= round_one.min() < 30


def test_a_box_has_the_share_of_each_layer_that_it_holds():
    details = Details(box_um=((0, 50, 0), (100, 150, 100)), densities_per_mm3=(10_000.0, 30_000.0))
    nodes = grown(layers_um=(100.0, 100.0), details=details, p_near=0.0).nodes
    assert nodes["layer"].value_counts().to_dict() == {1: 5, 2: 15}


def test_types_are_drawn_by_their_shares_in_each_layer():
    types = ({"SST": 1.0}, {"IT": 3.0, "PV": 1.0})
    details = Details(types=types, inhibitory_types=("SST", "PV"))
    nodes = grown(n_nodes=3000, layers_um=(100.0, 100.0), details=details, p_near=0.0).nodes
    kinds = nodes["mtype"].astype(str)
    assert set(kinds) == {"L1_SST", "L2_IT", "L2_PV"}
    assert ((nodes["ei"] == "i") == kinds.isin(["L1_SST", "L2_PV"])).all()
    second = kinds[nodes["layer"] == 2]
    assert stats.binomtest(int((second == "L2_PV").sum()), len(second), 0.25).pvalue > 0.01


# -- synapses and rules


def test_an_edge_may_be_a_synapse_that_lies_between_its_cells():
    details = Details(box_um=((0, 0, 0), (200, 200, 200)), edges="synapses", spread=0.0)
    found = grown(n_nodes=150, details=details)
    same = grown(n_nodes=150, details=Details(box_um=details["box_um"]))
    assert found.n_edges == same.properties["n_syn"].sum()
    assert found.connections().n_edges == same.n_edges
    points = found.nodes[["x", "y", "z"]].to_numpy()
    centres = np.stack([found.properties[f"afferent_center_{axis}"] for axis in "xyz"], axis=1)
    to_pre, to_post = (np.linalg.norm(points[each] - centres, axis=1) for each in (found.pre, found.post))
    way = np.linalg.norm(points[found.pre] - points[found.post], axis=1)
    assert to_pre + to_post == pytest.approx(way, abs=1e-3)
    assert to_post.mean() < to_pre.mean()


def test_synapses_are_as_dense_as_asked_for():
    details = Details(
        box_um=((0, 0, 0), (150, 150, 150)), densities_per_mm3=1e5, edges="synapses", synapses_per_um3=0.1
    )
    found = grown(details=details)
    assert found.n_edges == pytest.approx(0.1 * 150**3, rel=0.01)


def test_a_rule_may_connect_the_cells():
    rule = {"kind": "Exponential", "a": 0.5, "b": 0.02}
    found = grown(n_nodes=600, details={"rule": rule})
    p = Exponential(0.5, 0.02).probabilities(found.nodes, found.nodes)
    np.fill_diagonal(p, 0)
    assert abs(found.n_edges - p.sum()) < 4 * math.sqrt((p * (1 - p)).sum())
    assert {"n_syn", "delay_ms"} == set(found.properties)


def test_delays_may_be_others():
    found = grown(n_nodes=80, details={"delay_ms": 0.0, "speed_um_per_ms": 100.0})
    points = found.nodes[["x", "y", "z"]].to_numpy()
    distance = np.linalg.norm(points[found.pre] - points[found.post], axis=1)
    assert found.properties["delay_ms"] == pytest.approx(distance / 100, rel=1e-5)


@pytest.mark.parametrize(
    ("details", "message"),
    [
        ({"shap": "box"}, "Did you mean 'shape'"),
        ({"shape": "box"}, "box_um: give it for a box"),
        ({"shape": "hexagon", "box_um": ((0, 0, 0), (1, 1, 1))}, "box_um: give it for a box"),
        ({"shape": "ball"}, "unknown value 'ball'"),
        ({"box_um": ((0, 0, 0), (1, 1, 0))}, "column.details.box_um"),
        ({"box_um": ((0, -1, 0), (1, 1, 1))}, r"depths \(y\) from -1 to 1"),
        ({"densities_per_mm3": (1.0, 2.0)}, "2 of them for 6 layers"),
        ({"densities_per_mm3": 0.0}, "not all 0"),
        ({"densities_per_mm3": math.nan}, "densities_per_mm3: nan; give a number from 0 on"),
        ({"densities_per_mm3": 1e15}, "too many"),
        ({"types": {}}, "not all of them 0"),
        ({"types": {"a": -1.0}}, "not all of them 0"),
        ({"edges": "all"}, "unknown value 'all'"),
        ({"speed_um_per_ms": 0.0}, "speed_um_per_ms: 0.0"),
        ({"spread": -1.0}, "spread: -1"),
        ({"synapses_per_um3": 1e-9}, "has at least 1"),
        ({"synapses_per_um3": 1e300}, "Give less"),
        ({"densities_per_mm3": "dense"}, "densities_per_mm3: 'dense'"),
        ({"types": 3}, "types: 3 of layer 1; give type -> share"),
        ({"types": {"PC": "most"}}, "'most'.* of layer 1; give type -> share"),
        ({"inhibitory_types": "BC"}, "inhibitory_types: 'BC'; give a list"),
        ({"delay_ms": "late"}, "delay_ms: 'late'"),
        ({"reach_um": None}, "reach_um: None"),
        ({"rule": {"kind": "Exponentiol"}}, "Did you mean 'Exponential'"),
    ],
)
def test_details_that_make_no_sense_are_refused(details, message):
    with pytest.raises(OptionError, match=message):
        grown(details=details)


def test_a_number_of_cells_and_densities_are_not_both_given():
    with pytest.raises(OptionError, match="n_nodes is given too"):
        grown(n_nodes=5, details={"densities_per_mm3": 1e4})


def test_synapses_of_a_box_lie_in_it():
    corners = ((-20.1, 10.0, 0.0), (60.0, 90.3, 70.7))
    found = grown(details=Details(box_um=corners, densities_per_mm3=3e5, edges="synapses", spread=1.0))
    places = np.stack([found.properties[f"afferent_center_{axis}"] for axis in "xyz"], axis=1).astype(float)
    assert found.n_edges > 5000
    assert ((places >= corners[0]) & (places <= corners[1])).all()


def test_a_study_finds_the_file_of_a_rule_beside_its_document(tmp_path):
    (tmp_path / "there").mkdir()
    save(Exponential(0.0, 0.02), tmp_path / "there" / "rule.json")
    (tmp_path / "there" / "study.yaml").write_text(
        "study: A rule beside it\nseed: 1\nstages:\n"
        "  c: {do: build.column, n_nodes: 60, details: {rule: {path: rule.json}}}\n"
    )
    found = run(load_study(tmp_path / "there" / "study.yaml"), out=tmp_path / "out")
    with open_store(found.store) as store:
        ((_, made),) = store["c"].values()
    assert (made.n_nodes, made.n_edges) == (60, 0)
