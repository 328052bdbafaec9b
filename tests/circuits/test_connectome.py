"""The connectome in memory: what it holds, what it refuses, and that nothing can change it."""

import pickle
import sys

import networkx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from strategies import connectomes

from conntap.circuits.connectome import Connectome
from conntap.errors import ConnectomeError

few = settings(deadline=None, max_examples=60)


@pytest.fixture
def triangle() -> Connectome:
    """a -> b twice, b -> c, c -> a; a weight and a kind on each edge; a layer on each node."""
    return Connectome(
        pd.DataFrame({"layer": [1, 2, 2]}, index=["a", "b", "c"]),
        [0, 0, 1, 2],
        [1, 1, 2, 0],
        properties={"weight": [1.0, 2.0, 3.0, 4.0], "kind": ["e", "i", "e", "e"]},
    )


# -- what it holds -------------------------------------------------------------------------------------------


def test_edges_are_told_by_ids(triangle):
    assert triangle.edges["pre"].tolist() == ["a", "a", "b", "c"]
    assert triangle.edges["post"].tolist() == ["b", "b", "c", "a"]


def test_a_number_of_nodes_gives_ids_from_zero():
    assert Connectome(3, [], []).ids.tolist() == [0, 1, 2]


def test_no_nodes_and_no_edges_are_allowed():
    empty = Connectome(0, [], [])
    assert (empty.n_nodes, empty.n_edges, empty.adjacency().shape) == (0, 0, (0, 0))


def test_positions_are_of_32_bits(triangle):
    assert triangle.pre.dtype == np.int32


def test_root_ids_of_64_bits_stay_exact():
    ids = np.array([720575940628857210, 720575940628857211])
    c = Connectome.from_ids(ids, ids[:1], ids[1:])
    assert c.edges.to_numpy().tolist() == [ids.tolist()]


def test_equal_ids_may_stand_in_two_populations():
    nodes = pd.DataFrame({"population": ["v1", "lgn"]}, index=[0, 0])
    assert Connectome(nodes, [0], [1]).n_nodes == 2
    with pytest.raises(ConnectomeError, match="stands twice"):
        Connectome(nodes.drop(columns="population"), [0], [1])


def test_the_repr_tells_the_parts(triangle):
    assert repr(triangle) == "Connectome(3 nodes, 4 edges; node properties: layer; edge properties: weight, kind)"


# -- what it refuses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((2, [0], [2]), "position 2 is out of range"),
        ((2, [-1], [0]), "position -1 is out of range"),
        ((2, [0.5], [0]), "float64"),
        ((2, [0, 1], [0]), "2 edges and post has 1"),
        ((2, [[0]], [[0]]), "shape"),
        ((-1, [], []), "-1 nodes"),
        ((["a", "a"], [], []), "stands twice"),
        (([1.0, np.nan], [], []), "1 ids are missing"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ConnectomeError, match=message):
        Connectome(*arguments)


def test_a_property_of_another_length_is_refused():
    with pytest.raises(ConnectomeError, match="one value an edge"):
        Connectome(2, [0], [1], properties={"w": [1, 2]})


def test_an_edge_of_an_unknown_node_is_refused():
    with pytest.raises(ConnectomeError, match="not among the 2 nodes: z"):
        Connectome.from_ids(["a", "b"], ["a"], ["z"])


def test_a_rectangular_connectome_has_no_one_node_table():
    with pytest.raises(ConnectomeError, match="rectangular"):
        _ = Connectome(2, [0], [0], post_nodes=1).nodes


def test_misspelt_properties_are_met_by_the_right_name(triangle):
    with pytest.raises(ConnectomeError, match="Did you mean 'weight'"):
        triangle.adjacency("wieght")


def test_text_has_no_sum(triangle):
    with pytest.raises(ConnectomeError, match="not numeric"):
        triangle.adjacency("kind")
    with pytest.raises(ConnectomeError, match="not numeric"):
        triangle.connections(merge={"kind": "sum"})


# -- that nothing can change it ------------------------------------------------------------------------------


def test_arrays_and_text_are_read_only(triangle):
    for array in (triangle.pre, triangle.post, triangle.properties["weight"], triangle.ids):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        triangle.properties["kind"][0] = "i"
    with pytest.raises(TypeError):
        triangle.properties["weight"] = 1


def test_attributes_cannot_be_set(triangle):
    with pytest.raises(AttributeError):
        triangle.pre = np.zeros(4)


def test_changing_a_handed_out_table_changes_nothing(triangle):
    nodes = triangle.nodes
    nodes["layer"] = 9
    nodes["new"] = 1
    assert triangle.nodes.to_dict("list") == {"layer": [1, 2, 2]}


def test_neither_the_callers_table_nor_one_handed_out_is_a_way_in():
    table = pd.DataFrame({"x": [1, 2]})
    c = Connectome(table, [0], [1])
    table.loc[0, "x"] = 99
    nodes, post_nodes = c.nodes, c.post_nodes
    nodes.loc[0, "x"] = 98
    post_nodes.loc[1, "x"] = 97
    assert c.nodes["x"].tolist() == [1, 2]


def test_tables_are_copied_at_once_where_pandas_does_not_copy_on_writing(monkeypatch):
    monkeypatch.setattr(sys.modules["conntap.circuits.connectome"], "_COPIES_ON_WRITE", False)
    table = pd.DataFrame({"x": [1, 2]})
    c = Connectome(table, [0], [1])
    assert not np.shares_memory(table["x"].to_numpy(), c.nodes["x"].to_numpy())
    assert not np.shares_memory(c.post_nodes["x"].to_numpy(), c.post_nodes["x"].to_numpy())


def test_the_callers_arrays_stay_writeable_and_as_they_were():
    pre, weight = np.array([0, 1], dtype=np.int32), pd.Series([1.0, 2.0])
    kind = pd.Categorical(["e", "i"])
    Connectome(2, pre, [1, 0], properties={"weight": weight, "kind": kind})
    pre[0], weight[0], kind[0] = 1, 5.0, "i"
    assert (pre[0], weight[0], kind[0]) == (1, 5.0, "i")


def test_the_callers_table_keeps_the_name_of_its_index():
    table = pd.DataFrame({"layer": [1]}, index=pd.Index([4], name="gid"))
    assert Connectome(table, [], []).nodes.index.name == "id"
    assert table.index.name == "gid"


# -- other forms of it ---------------------------------------------------------------------------------------


@few
@given(c=connectomes(square=None))
def test_the_adjacency_counts_as_scipy_does(c):
    ones = np.ones(c.n_edges, dtype=int)
    expected = sparse.coo_array((ones, (c.pre, c.post)), shape=(c.n_pre, c.n_post)).toarray()
    assert c.adjacency().toarray().tolist() == expected.tolist()


@few
@given(c=connectomes(min_nodes=1))
def test_the_adjacency_counts_as_networkx_does(c):
    graph = networkx.MultiDiGraph()
    graph.add_nodes_from(range(c.n_nodes))
    graph.add_edges_from(zip(c.pre.tolist(), c.post.tolist(), strict=True))
    assert c.adjacency().toarray().tolist() == networkx.to_numpy_array(graph, dtype=int).tolist()


def test_sums_do_not_overflow_the_type_of_the_property():
    c = Connectome(2, [0] * 3, [1] * 3, properties={"n": np.full(3, 100, dtype=np.int8)})
    assert c.adjacency("n")[0, 1] == 300
    assert c.connections(merge={"n": "sum"}).properties["n"].tolist() == [300]
    big = Connectome(2, [0] * 3, [1] * 3, properties={"n": np.full(3, 2**30, dtype=np.int32)})
    assert big.adjacency("n")[0, 1] == 3 * 2**30


@pytest.mark.parametrize(("value", "dtype"), [(2**62, "int64"), (-(2**63), "int64"), (2**63, "uint64")])
def test_a_sum_beyond_64_bits_is_refused(value, dtype):
    c = Connectome(2, [0, 0], [1, 1], properties={"n": np.array([value, value], dtype=dtype)})
    with pytest.raises(ConnectomeError, match=r"1 sums of edge property 'n' exceed 64 bits\. Make it floats"):
        c.adjacency("n")
    with pytest.raises(ConnectomeError, match="exceed 64 bits"):
        c.connections(merge={"n": "sum"})


def test_large_numbers_that_are_not_added_up_stay_exact():
    c = Connectome(3, [0, 1], [1, 2], properties={"n": [2**62 + 1, 2**62]})
    assert c.adjacency("n").data.tolist() == [2**62 + 1, 2**62]
    unsigned = c.with_edges([0, 0], [1, 1], properties={"n": np.array([2**62, 2**63], dtype="u8")})
    assert unsigned.connections(merge={"n": "sum"}).properties["n"].tolist() == [2**62 + 2**63]
    small = c.with_edges([0], [1], properties={"n": np.array([2**40], dtype="u8")})
    assert small.adjacency("n").dtype == np.int64


def test_a_sum_of_zero_stays_an_entry():
    c = Connectome(2, [0, 0], [1, 1], properties={"sign": [1, -1]})
    assert c.adjacency("sign").nnz == 1


@few
@given(c=connectomes(square=None, min_nodes=1), weights=st.data())
def test_connections_are_pandas_groups(c, weights):
    values = weights.draw(st.lists(st.integers(-100, 100), min_size=c.n_edges, max_size=c.n_edges))
    c = c.with_edges(c.pre, c.post, properties={"w": np.array(values, dtype=np.int64)})
    ways = {"w": "sum"}
    merged = c.connections(merge=ways)
    groups = pd.DataFrame({"pre": c.pre, "post": c.post, "w": values}).groupby(["pre", "post"])["w"]
    assert merged.properties["count"].tolist() == groups.size().tolist()
    assert merged.properties["w"].tolist() == groups.sum().tolist()
    for how in ("mean", "min", "max", "first"):
        assert c.connections(merge={"w": how}).properties["w"].tolist() == groups.agg(how).tolist()


def test_first_keeps_text(triangle):
    assert list(triangle.connections(merge={"kind": "first"}).properties["kind"]) == ["e", "e", "e"]


def test_an_adjacency_gives_its_connectome_back(triangle):
    back = Connectome.from_adjacency(triangle.adjacency(), nodes=triangle.nodes, weight="count")
    assert back == triangle.connections()


# -- parts of it ---------------------------------------------------------------------------------------------


@few
@given(c=connectomes(min_nodes=1), data=st.data())
def test_a_subset_of_a_subset_is_the_subset(c, data):
    order = data.draw(st.permutations(range(c.n_nodes)))
    outer = order[: data.draw(st.integers(0, c.n_nodes))]
    inner = outer[: data.draw(st.integers(0, len(outer)))]
    assert c.subset(c.ids[outer]).subset(c.ids[inner]) == c.subset(c.ids[inner])


@few
@given(c=connectomes(min_nodes=1), data=st.data())
def test_a_subset_is_the_block_of_the_matrix(c, data):
    rows = data.draw(st.lists(st.integers(0, c.n_nodes - 1), unique=True))
    part = c.subset(c.ids[rows])
    assert part.ids.tolist() == c.ids[rows].tolist()
    assert part.adjacency().toarray().tolist() == c.adjacency().toarray()[np.ix_(rows, rows)].tolist()


def test_a_mask_and_ids_choose_alike(triangle):
    assert triangle.subset(np.array([True, False, True])) == triangle.subset(["a", "c"])


def test_a_subset_keeps_columns_and_properties(triangle):
    part = triangle.subset(["b", "c"])
    assert part.nodes["layer"].to_dict() == {"b": 2, "c": 2}
    assert part.edges.to_dict("list") == {"pre": ["b"], "post": ["c"], "weight": [3.0], "kind": ["e"]}


def test_one_side_chosen_gives_a_rectangle(triangle):
    part = triangle.subset(post=["b"])
    assert not part.is_square
    assert (part.n_pre, part.n_post, part.n_edges) == (3, 1, 2)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"nodes": ["z"]}, "not among"),
        ({"nodes": ["a", "a"]}, "stands twice"),
        ({"nodes": np.array([True])}, "a mask of shape"),
        ({}, "nothing chosen"),
        ({"nodes": ["a"], "pre": ["a"]}, "not all"),
    ],
)
def test_wrong_choices_are_refused(triangle, choice, message):
    with pytest.raises(ConnectomeError, match=message):
        triangle.subset(**choice)


def test_filters_take_values_lists_functions_and_masks(triangle):
    assert triangle.filter(kind="e").n_edges == 3
    assert triangle.filter(kind=["e", "i"]).n_edges == 4
    assert triangle.filter(weight=lambda w: w > 2, kind="e").n_edges == 2
    assert triangle.filter(triangle.pre == 0).n_edges == 2
    assert triangle.filter(kind="unheard of").n_edges == 0


def test_a_filter_that_is_no_mask_is_refused(triangle):
    with pytest.raises(ConnectomeError, match="must be boolean"):
        triangle.filter(np.array([1, 0, 0, 0]))
    with pytest.raises(ConnectomeError, match="must be boolean"):
        triangle.filter(weight=lambda w: w)


def test_other_nodes_under_the_same_edges(triangle):
    renamed = triangle.with_nodes(triangle.nodes.set_axis(["x", "y", "z"]))
    assert renamed.edges["pre"].tolist() == ["x", "x", "y", "z"]
    with pytest.raises(ConnectomeError, match="1 rows for 3 nodes"):
        triangle.with_nodes(triangle.nodes.iloc[:1])


# -- the protocol of values ----------------------------------------------------------------------------------


@few
@given(c=connectomes(square=None), data=st.data())
def test_equality_does_not_see_the_order_of_edges(c, data):
    order = np.array(data.draw(st.permutations(range(c.n_edges))), dtype=int)
    properties = {name: column[order] for name, column in reversed(c.properties.items())}
    assert c.with_edges(c.pre[order], c.post[order], properties=properties) == c


def test_equality_does_not_see_the_order_of_node_columns():
    nodes = pd.DataFrame({"x": [1.0], "layer": ["a"]})
    assert Connectome(nodes, [0], [0]) == Connectome(nodes[["layer", "x"]], [0], [0])


def test_equality_sees_everything_else(triangle):
    others = [
        triangle.filter(weight=[1.0, 2.0, 3.0]),
        triangle.with_edges(triangle.post, triangle.pre, properties=triangle.properties),
        triangle.with_edges(triangle.pre, triangle.post),
        triangle.with_nodes(triangle.nodes.assign(layer=7)),
        triangle.with_nodes(triangle.nodes.set_axis([0, 1, 2])),
        triangle.subset(pre=["a", "b", "c"]),
    ]
    assert all(other != triangle for other in others)
    assert triangle != "triangle"


def test_a_missing_text_is_not_the_text_nan():
    def of(*kinds):
        return Connectome(2, [0] * len(kinds), [1] * len(kinds), properties={"kind": pd.Categorical(kinds)})

    assert of(None) != of("nan")
    assert of(None, "a") == of("a", None)
    assert of(1) != of("1")
    assert of("a") != Connectome(2, [0], [1], properties={"kind": [1]})


@few
@given(c=connectomes(square=None))
def test_pickling_gives_an_equal_connectome(c):
    back = pickle.loads(pickle.dumps(c))
    assert back == c
    assert back.is_square == c.is_square


def test_a_connectome_has_no_hash(triangle):
    with pytest.raises(TypeError, match="unhashable"):
        hash(triangle)
