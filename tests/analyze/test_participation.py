"""Participation of a connectome's nodes and edges: by hand, under hypothesis, and of real connectomes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import connectomes

from conntap.analyze import (
    edge_participation,
    node_participation,
    simplex_counts,
    simplex_lists,
    simplicial_degrees,
)
from conntap.circuits import Connectome
from conntap.errors import OptionError

WORM = [448, 6579, 33030, 103930, 276513, 629887, 1071320, 1217863, 886540, 348281, 32340]
FLY = [45669, 1500851, 12382485, 50284784, 118861088, 176143507, 163305596, 75603117, 13984326]
MEASURES = [node_participation, edge_participation, simplicial_degrees]


def triangle(**options):
    return Connectome(["a", "b", "c", "d"], [0, 0, 1, 2], [1, 2, 2, 3], **options)


def test_a_place_beyond_all_simplices_keeps_the_dimensions_of_the_graph():
    for place, most, columns in ((2, None, [0, 1, 2]), (3, None, [0, 1, 2]), (3, 1, [0, 1]), (1, 0, [0])):
        table = node_participation(triangle(), position=place, max_dimension=most)
        assert table.columns.tolist() == columns
        assert table.to_numpy().sum() == (place == 2)
    assert node_participation(Connectome(2, [], []), position=5).to_numpy().tolist() == [[0], [0]]


def test_node_participation_is_a_table_by_node_and_dimension():
    table = node_participation(triangle())
    assert table.loc["c"].to_dict() == {0: 1, 1: 3, 2: 1}
    assert (table.index.name, table.columns.name) == ("id", "dimension")
    assert (table.dtypes == np.int64).all()


def test_edge_participation_is_a_table_by_edge_and_dimension():
    table = edge_participation(triangle())
    assert table.to_dict("list") == {1: [1, 1, 1, 1], 2: [1, 1, 1, 0]}
    assert (table.index.name, table.columns.name) == ("edge", "dimension")
    assert (table.dtypes == np.int64).all()


def test_simplicial_degrees_count_a_node_at_the_ends():
    assert simplicial_degrees(triangle())[2].to_dict() == {"a": 1, "b": 0, "c": 0, "d": 0}
    assert simplicial_degrees(triangle(), direction="in")[2].to_dict() == {"a": 0, "b": 0, "c": 1, "d": 0}
    assert simplicial_degrees(triangle(), direction="both")[2].tolist() == [1, 0, 1, 0]


def test_parallel_edges_share_the_counts_of_their_connection_and_loops_have_none():
    connectome = Connectome(3, [1, 0, 0, 0, 2, 0], [2, 1, 2, 1, 2, 2])
    assert edge_participation(connectome).to_numpy().tolist() == [[1, 1]] * 4 + [[0, 0]] + [[1, 1]]


def test_a_connectome_of_loops_has_no_participation():
    assert edge_participation(Connectome(2, [0, 1], [0, 1])).shape == (2, 0)
    assert node_participation(Connectome(2, [0, 1], [0, 1])).to_numpy().tolist() == [[1], [1]]
    assert simplicial_degrees(Connectome(0, [], [])).shape[0] == 0


@settings(max_examples=40)
@given(connectomes(max_nodes=7, max_edges=30))
def test_tables_add_up_to_the_counts_and_degrees(connectome):
    counts = simplex_counts(connectome)
    nodes, edges = node_participation(connectome), edge_participation(connectome)
    assert nodes.sum().tolist() == [count * (k + 1) for k, count in counts.items()]
    once = ~pd.DataFrame({"pre": connectome.pre, "post": connectome.post}).duplicated()
    assert edges[once.to_numpy()].sum().tolist() == [count * k * (k + 1) // 2 for k, count in counts.items() if k]
    assert nodes.index.equals(connectome.nodes.index)
    for direction in ("in", "out", "both"):
        table = simplicial_degrees(connectome, direction=direction)
        assert table.columns.tolist() == list(range(1, len(counts)))
        assert table.sum().tolist() == [(1 + (direction == "both")) * count for k, count in counts.items() if k]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=40), st.permutations(range(8)))
def test_participation_moves_with_the_nodes(edges, order):
    pre, post = np.array(edges, dtype=int).reshape(-1, 2).T
    order = np.array(order)
    one, other = Connectome(8, pre, post), Connectome(8, order[pre], order[post])
    assert np.array_equal(node_participation(other).to_numpy()[order], node_participation(one))
    assert edge_participation(other).equals(edge_participation(one))


@pytest.mark.parametrize("measure", MEASURES)
def test_a_rectangular_connectome_is_refused(measure):
    with pytest.raises(OptionError, match=rf"{measure.__name__}: .*rectangular \(2 pre, 3 post nodes\)"):
        measure(Connectome(2, [0], [1], post_nodes=3))


def test_an_unknown_direction_is_told():
    with pytest.raises(OptionError, match="direction: unknown value 'up'; known: both, in, out"):
        simplicial_degrees(triangle(), direction="up")


@pytest.mark.parametrize("measure", MEASURES)
def test_the_input_is_untouched(measure):
    connectome = triangle(properties={"weight": [1, 2, 3, 4]})
    before = connectome.edges, connectome.nodes
    measure(connectome)
    pd.testing.assert_frame_equal(connectome.edges, before[0])
    pd.testing.assert_frame_equal(connectome.nodes, before[1])


def test_the_worm_by_node_and_by_connection(shared_data):
    edges = pd.read_csv(shared_data / "celegans/herm_full_edgelist.csv").map(lambda v: str(v).strip())
    edges.columns = edges.columns.str.strip()
    cells = pd.unique(pd.concat([edges["Source"], edges["Target"]]))
    worm = Connectome.from_ids(cells, edges["Source"], edges["Target"]).connections()
    worm = worm.filter(worm.pre != worm.post)
    k = np.arange(len(WORM))
    assert node_participation(worm).sum().tolist() == (WORM * (k + 1)).tolist()
    assert simplicial_degrees(worm, direction="in").sum().tolist() == WORM[1:]
    assert edge_participation(worm).sum().tolist() == (WORM * k * (k + 1) // 2)[1:].tolist()
    assert edge_participation(worm, position="spine").sum().tolist() == (WORM * k)[1:].tolist()


def test_the_fly_by_node_and_by_connection(shared_data):
    edges = pd.read_parquet(shared_data / "fly_visual/edges.parquet")
    fly = Connectome(FLY[0], edges["pre"].to_numpy(), edges["post"].to_numpy())
    k = np.arange(len(FLY))
    assert node_participation(fly).sum().tolist() == (FLY * (k + 1)).tolist()
    edges = edge_participation(fly, position="spine", max_dimension=4).sum()
    assert edges.tolist() == (FLY * k)[1:5].tolist()


SUBSETS = st.lists(st.integers(0, 6), max_size=7, unique=True)


def listed(connectome, chosen, within):
    """The simplices of each dimension that lie in, or meet, the nodes chosen."""
    there = np.isin(np.arange(connectome.n_nodes), chosen)
    some = np.all if within == "lie" else np.any
    return [rows[some(there[rows], axis=1)] for rows in simplex_lists(connectome)]


@settings(max_examples=60, deadline=None)
@given(connectomes(min_nodes=7, max_edges=30, columns=False), SUBSETS, st.sampled_from(["lie", "meet"]))
def test_participation_of_some_nodes_is_that_over_the_list_of_their_simplices(connectome, chosen, within):
    lists = listed(connectome, chosen, within)
    lists = lists[: max([1, *(k + 1 for k, rows in enumerate(lists) if len(rows))])]
    ids = connectome.nodes.index[chosen].tolist()
    for position in ("any", "source", "sink", 0, 2):
        table = node_participation(connectome, position=position, nodes=ids, within=within)
        assert table.columns.tolist() == list(range(len(lists)))
        for k, rows in enumerate(lists):
            place = {"any": slice(None), "source": slice(0, 1), "sink": slice(k, k + 1)}.get(position)
            taken = rows[:, place or slice(position, position + 1)]
            assert table[k].tolist() == np.bincount(taken.ravel(), minlength=connectome.n_nodes).tolist()
    table = edge_participation(connectome, position="last", nodes=ids, within=within)
    assert table.columns.tolist() == list(range(1, len(lists)))
    for k, rows in enumerate(lists[1:], start=1):
        pairs = rows[:, -2].astype(int) * 10 + rows[:, -1]
        assert table[k].tolist() == [int((pairs == pair).sum()) for pair in connectome.pre * 10 + connectome.post]


def test_some_nodes_are_chosen_as_everywhere():
    table = node_participation(triangle(), nodes=["c", "d"], within="meet")
    assert table.to_dict("list") == {0: [0, 0, 1, 1], 1: [1, 1, 3, 1], 2: [1, 1, 1, 0]}
    assert node_participation(triangle(), nodes="id in ['c', 'd']").to_dict("list") == {
        0: [0, 0, 1, 1],
        1: [0, 0, 1, 1],
    }
    assert edge_participation(triangle(), nodes=["a", "b", "c"])[2].tolist() == [1, 1, 1, 0]
    assert edge_participation(triangle(), nodes=["d"], within="meet").to_dict("list") == {1: [0, 0, 0, 1]}


@pytest.mark.parametrize("measure", [node_participation, edge_participation])
def test_unknown_nodes_and_ways_to_be_among_them_are_refused(measure):
    with pytest.raises(OptionError, match=rf"{measure.__name__}\.nodes: .*: z\."):
        measure(triangle(), nodes=["a", "z"])
    with pytest.raises(OptionError, match=rf"{measure.__name__}\.within: unknown value 'touch'; known: lie, meet"):
        measure(triangle(), within="touch")
