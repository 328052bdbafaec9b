"""Null models of distance: what they keep, and against the rule they are drawn by."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.circuits import Connectome
from conntap.circuits.rules import Bipolar, Constant, Exponential, Pathways, draw
from conntap.errors import OptionError
from conntap.manipulate import distance_dependent, distance_preserving

XYZ = ["x", "y", "z"]


def rng(seed=0):
    return np.random.default_rng(seed)


def cells(n, seed=0):
    source = rng(seed)
    table = pd.DataFrame(source.uniform(0, (300, 600, 300), (n, 3)), columns=XYZ)
    return table.assign(ei=pd.Categorical(source.choice(["e", "i"], n)))


def wired(rule, n=1500, seed=0):
    nodes = cells(n, seed)
    return Connectome(nodes, *draw(rule, nodes, rng=rng(seed + 1)), properties={})


def lengths(connectome):
    places = connectome.nodes[XYZ].to_numpy()
    return np.linalg.norm(places[connectome.post] - places[connectome.pre], axis=1)


def deeper(connectome):
    depth = connectome.nodes["y"].to_numpy()
    return (depth[connectome.post] > depth[connectome.pre]).mean()


def codes(connectome):
    return set(zip(connectome.pre.tolist(), connectome.post.tolist(), strict=True))


def test_a_drawn_connectome_has_as_many_connections_as_long():
    given_one = wired(Exponential(0.4, 0.01))
    drawn = distance_dependent(given_one, rng=rng())
    assert drawn.n_edges == pytest.approx(given_one.n_edges, rel=0.02)
    assert lengths(drawn).mean() == pytest.approx(lengths(given_one).mean(), rel=0.01)
    shared = len(codes(drawn) & codes(given_one)) / drawn.n_edges
    assert shared < 0.3


def test_the_third_order_keeps_how_many_go_deeper_and_the_second_does_not():
    given_one = wired(Bipolar(0.1, 0.01, 0.4, 0.01))
    assert deeper(given_one) == pytest.approx(0.8, abs=0.01)
    assert deeper(distance_dependent(given_one, order=3, rng=rng())) == pytest.approx(0.8, abs=0.01)
    assert deeper(distance_dependent(given_one, rng=rng())) == pytest.approx(0.5, abs=0.01)


def test_the_first_order_knows_no_distance():
    given_one = wired(Exponential(0.4, 0.02))
    drawn = distance_dependent(given_one, order=1, rng=rng())
    assert drawn.n_edges == pytest.approx(given_one.n_edges, rel=0.05)
    assert lengths(drawn).mean() > 1.5 * lengths(given_one).mean()


def test_pathways_keep_their_own_numbers():
    rule = Pathways(("ei",), (("e", "i", Exponential(0.4, 0.01)), ("i", "i", Exponential(0.1, 0.0))))
    given_one = wired(rule)
    drawn = distance_dependent(given_one, by="ei", rng=rng())
    counts = [
        pd.crosstab(each.nodes["ei"].to_numpy()[each.pre], each.nodes["ei"].to_numpy()[each.post])
        for each in (given_one, drawn)
    ]
    assert counts[1].index.tolist() == ["e", "i"]
    assert counts[1].columns.tolist() == ["i"]
    assert counts[1].to_numpy() == pytest.approx(counts[0].to_numpy(), rel=0.04)


def test_a_rule_that_is_given_is_drawn_as_written():
    rule = Pathways(("ei",), (("e", "i", Constant(1.0)), ("i", "e", Bipolar(1.0, 0.0, 0.0, 0.0))))
    nodes = cells(40)
    drawn = distance_dependent(Connectome(nodes, [], []), rule=rule.to_dict(), rng=rng())
    chances = rule.probabilities(nodes, nodes)
    assert set(np.unique(chances)) == {0.0, 1.0}
    assert np.array_equal(drawn.adjacency().toarray(), chances)


def test_rectangular_connectomes_are_drawn_too():
    whole = wired(Exponential(0.5, 0.01))
    block = whole.subset(pre=whole.ids[:700], post=whole.ids[700:])
    for drawn in (distance_dependent(block, rng=rng()), distance_preserving(block, rng=rng())):
        assert not drawn.is_square
        assert drawn.n_edges == pytest.approx(block.n_edges, rel=0.03)


def test_exactly_as_many_of_each_length_are_kept():
    given_one = wired(Exponential(0.4, 0.01), n=500)
    drawn = distance_preserving(given_one, bin_um=30, rng=rng())
    counts = [np.bincount((lengths(each) / 30).astype(int)).tolist() for each in (given_one, drawn)]
    assert counts[0] == counts[1]
    assert codes(given_one) != codes(drawn)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(0, 60), st.booleans())
def test_counts_stay_and_no_loops_or_doubles_arise(seed, n, m, sided):
    source = rng(seed)
    nodes = pd.DataFrame({"x": source.integers(0, 4, n) * 20.0, "ei": source.choice(["e", "i", None], n)})
    connectome = Connectome(nodes, *source.integers(0, n, (2, m)), properties={"w": np.arange(m)})
    options = {"positions": ["x"], "by": "ei", "axis": "x" if sided else None, "bin_um": 20}
    drawn = distance_preserving(connectome, **options, rng=rng(seed))
    merged = {pair for pair in codes(connectome) if pair[0] != pair[1]}

    def kinds(pairs):
        x, ei = nodes["x"].to_numpy(), nodes["ei"].fillna("none").to_numpy()
        return sorted((ei[u], ei[v], (x[v] - x[u]) if sided else abs(x[v] - x[u])) for u, v in pairs)

    assert kinds(codes(drawn)) == kinds(merged)
    assert len(codes(drawn)) == drawn.n_edges
    assert not drawn.properties
    assert drawn.nodes.equals(connectome.nodes)


@pytest.mark.parametrize("model", [distance_dependent, distance_preserving])
def test_equal_states_give_equal_connectomes_on_any_number_of_threads(model):
    given_one = wired(Exponential(0.3, 0.01), n=1200)
    first = model(given_one, rng=rng(4))
    assert first == model(given_one, threads=2, rng=rng(4))
    assert first != model(given_one, rng=rng(5))
    assert (np.diff(first.pre.astype(np.int64) * 1200 + first.post) > 0).all()


@pytest.mark.parametrize("model", [distance_dependent, distance_preserving])
def test_graphs_that_hurt(model):
    for n, pre, post in ((0, [], []), (1, [0], [0]), (3, [], []), (2, [0, 0], [1, 1])):
        nodes = pd.DataFrame(np.zeros((n, 3)), columns=XYZ)
        drawn = model(Connectome(nodes, pre, post), rng=rng())
        assert drawn.n_nodes == n
        assert n > 1 or drawn.n_edges == 0
    whole = Connectome(cells(30), *np.nonzero(~np.eye(30, dtype=bool)))
    assert model(whole, rng=rng()) == whole


@pytest.mark.parametrize("model", [distance_dependent, distance_preserving])
def test_what_cannot_be_is_refused(model):
    nowhere = Connectome(pd.DataFrame({"x": [0.0, np.nan]}), [0], [1])
    with pytest.raises(OptionError, match=f"{model.__name__}: 1 of 2 nodes have no position"):
        model(nowhere, positions=["x"], rng=rng())
    with pytest.raises(OptionError, match=rf"{model.__name__}.positions: unknown node property 'y'"):
        model(nowhere, rng=rng())
    with pytest.raises(OptionError, match=rf"{model.__name__}.threads: 0"):
        model(nowhere, threads=0, positions=["x"], rng=rng())


def test_a_rule_of_another_kind_is_refused():
    with pytest.raises(OptionError, match=r"distance_dependent.rule: unknown kind of rule 'Gaussian'"):
        distance_dependent(wired(Constant(0.1), n=5), rule={"kind": "Gaussian"}, rng=rng())


@pytest.mark.parametrize("model", [distance_dependent, distance_preserving])
def test_the_input_is_untouched(model):
    connectome = wired(Exponential(0.3, 0.01), n=50)
    before = connectome.edges, connectome.nodes
    model(connectome, rng=rng())
    pd.testing.assert_frame_equal(connectome.edges, before[0])
    pd.testing.assert_frame_equal(connectome.nodes, before[1])
