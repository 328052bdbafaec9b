"""Rich clubs and the inequality of degrees: against networkx, brute force and known curves."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from strategies import connectomes

from conntap.analyze import degree_inequality, degrees, lorenz_curve, rich_club
from conntap.circuits import Connectome
from conntap.errors import OptionError

DIRECTIONS = ["in", "out", "both"]


def random(n=60, density=0.15, seed=1):
    adjacency = np.random.default_rng(seed).random((n, n)) < density
    return Connectome(n, *np.nonzero(adjacency))


def test_a_connection_is_in_the_club_of_the_poorer_end():
    table = rich_club(Connectome(4, [0, 1, 2, 0], [1, 2, 0, 3]))
    assert table["nodes"].tolist() == [4, 3, 1]
    assert table["connections"].tolist() == [4, 3, 0]
    assert table["density"].tolist()[:2] == pytest.approx([4 / 12, 3 / 6])
    assert np.isnan(table["density"].iloc[2])


@pytest.mark.parametrize("direction", DIRECTIONS)
@settings(max_examples=30)
@given(connectomes(max_edges=40))
def test_the_curve_is_that_of_subgraphs(direction, connectome):
    table = rich_club(connectome, direction=direction)
    degree = degrees(connectome)[{"both": "total"}.get(direction, direction)].to_numpy()
    adjacency = connectome.adjacency().toarray() > 0
    np.fill_diagonal(adjacency, False)
    for k, row in table.iterrows():
        club = degree > k
        assert row["nodes"] == club.sum()
        assert row["connections"] == adjacency[np.ix_(club, club)].sum()
    assert len(table) == degree.max(initial=0)


def test_the_curve_of_a_symmetric_graph_is_that_of_networkx():
    graph = nx.gnp_random_graph(50, 0.2, seed=3)
    pre, post = np.array(graph.to_directed().edges).T
    table = rich_club(Connectome(50, pre, post), direction="out")
    theirs = pd.Series(nx.rich_club_coefficient(graph, normalized=False))
    assert table["density"][theirs.index].to_numpy() == pytest.approx(theirs.to_numpy())


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_random_graph_has_no_rich_club(direction):
    table = rich_club(random(400, 0.1), direction=direction)
    large = table["nodes"] > 50
    assert table["ratio"][large].to_numpy() == pytest.approx(1, abs=0.05)
    assert table["ratio"].iloc[0] == pytest.approx(1)


def test_equal_degrees_are_no_inequality():
    ring = Connectome(10, np.arange(10), (np.arange(10) + 1) % 10)
    assert degree_inequality(ring)["gini"].tolist() == pytest.approx([0, 0, 0])
    assert lorenz_curve(ring).to_numpy() == pytest.approx(np.linspace(0, 1, 11))


@settings(max_examples=50)
@given(connectomes(min_nodes=1, max_edges=40))
def test_the_coefficient_is_the_mean_difference_over_twice_the_mean(connectome):
    table = degree_inequality(connectome)
    for direction in DIRECTIONS:
        degree = degrees(connectome)[{"both": "total"}.get(direction, direction)].to_numpy()
        if not degree.any():
            assert np.isnan(table.loc[direction, "gini"])
            continue
        expected = np.abs(degree[:, None] - degree).mean() / (2 * degree.mean())
        assert table.loc[direction, "gini"] == pytest.approx(expected)
        curve = lorenz_curve(connectome, direction=direction)
        area = np.trapezoid(curve.to_numpy(), curve.index.to_numpy())
        assert 1 - 2 * area == pytest.approx(expected)


def test_a_random_graph_is_as_unequal_as_expected():
    table = degree_inequality(random(1500, 0.05))
    assert table["excess"].abs().max() < 0.003
    assert table["gini"].between(0.04, 0.2).all()


@pytest.mark.parametrize("measure", [rich_club, degree_inequality, lorenz_curve])
def test_few_nodes_and_rectangles(measure):
    for connectome in (Connectome(0, [], []), Connectome(1, [0], [0]), Connectome(2, [0], [1]), Connectome(3, [], [])):
        measure(connectome)
    measure(Connectome(30, *np.nonzero(~np.eye(30, dtype=bool))))
    with pytest.raises(OptionError, match=f"{measure.__name__}: the connectome is rectangular"):
        measure(Connectome(2, [0], [1], post_nodes=3))


@pytest.mark.parametrize("measure", [rich_club, lorenz_curve])
def test_directions_must_be_known(measure):
    with pytest.raises(OptionError, match=r"direction: unknown value 'inn'; known: both, in, out"):
        measure(Connectome(2, [0], [1]), direction="inn")


def test_the_input_is_untouched():
    connectome = random()
    before = connectome.edges
    for measure in (rich_club, degree_inequality, lorenz_curve):
        measure(connectome)
    pd.testing.assert_frame_equal(connectome.edges, before)
