"""The layered column: its cells, and that wiring follows the stated rule."""

import math

import numpy as np
import pytest
from scipy import stats

from conntap.analyze import simplex_counts
from conntap.build import column
from conntap.errors import OptionError
from conntap.manipulate import erdos_renyi


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


def test_blocks_do_not_change_the_result(monkeypatch):
    import sys

    whole = grown(5, n_nodes=90)
    monkeypatch.setattr(sys.modules["conntap.build.column"], "_PAIRS_A_BLOCK", 700)
    assert grown(5, n_nodes=90) == whole


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
    ],
)
def test_numbers_out_of_range_are_refused(option, value):
    with pytest.raises(OptionError, match=f"column: {option}"):
        grown(**{option: value})
