"""Distance dependence: by hand, a known rule recovered, and the invariants of counts."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from scipy.spatial.distance import cdist
from strategies import connectomes

from conntap.analyze import connection_probability_within, distance_dependence, distance_fit
from conntap.circuits import Connectome
from conntap.circuits.rules import Bipolar, Exponential, Pathways, draw
from conntap.errors import OptionError

LINE = Connectome(pd.DataFrame({"x": [0.0, 10.0, 90.0], "ei": ["e", "e", "i"]}), [0, 0, 1, 1], [1, 1, 2, 1])
XYZ = ["x", "y", "z"]


def cells(n, seed=0, extent=(300.0, 600.0, 300.0)):
    source = np.random.default_rng(seed)
    table = pd.DataFrame(source.uniform(0, extent, (n, 3)), columns=XYZ)
    return table.assign(ei=pd.Categorical(source.choice(["e", "i"], n)))


def wired(rule, n=2500, seed=0):
    nodes = cells(n, seed)
    return Connectome(nodes, *draw(rule, nodes, rng=np.random.default_rng(seed + 1)))


def test_pairs_and_connections_of_a_line_are_those_counted_by_hand():
    table = distance_dependence(LINE, positions=["x"])
    assert table.index.tolist() == [25.0, 75.0]
    assert table.index.name == "distance_um"
    assert table["pairs"].tolist() == [2, 4]
    assert table["connections"].tolist() == [1, 1]
    assert table["probability"].tolist() == [0.5, 0.25]
    assert table["error"].tolist() == pytest.approx([np.sqrt(0.25 / 2), np.sqrt(0.3 * 0.7 / 4)])


def test_pairs_and_connections_of_a_line_add_up_by_pathway():
    table = distance_dependence(LINE, positions=["x"], by="ei", bin_um=50)
    assert table.index.names == ["pre_ei", "post_ei", "distance_um"]
    assert table["pairs"].to_dict() == {
        ("e", "e", 25.0): 2,
        ("e", "e", 75.0): 0,
        ("e", "i", 25.0): 0,
        ("e", "i", 75.0): 2,
        ("i", "e", 25.0): 0,
        ("i", "e", 75.0): 2,
        ("i", "i", 25.0): 0,
        ("i", "i", 75.0): 0,
    }
    assert table.loc[("e", "i", 75.0), "probability"] == 0.5
    assert np.isnan(table.loc[("i", "i", 75.0), "probability"])


def test_sides_are_told_by_the_sign_of_post_minus_pre():
    nodes = pd.DataFrame({"x": 0.0, "depth": [0.0, 10.0, 10.0]})
    table = distance_dependence(Connectome(nodes, [0], [1]), positions=["x"], order=3, axis="depth")
    assert table["pairs"].to_dict() == {("negative", 25.0): 2, ("zero", 25.0): 2, ("positive", 25.0): 2}
    assert table["connections"].tolist() == [0, 0, 1]
    assert table["fitted"].tolist() == [0.0, 0.25, 0.5]


def test_a_known_rule_is_recovered_within_two_percent_and_its_errors():
    table = distance_fit(wired(Exponential(0.3, 0.01)))
    assert table["value"].to_dict() == pytest.approx({"a": 0.3, "b": 0.01}, rel=0.02)
    assert (abs(table["value"] - [0.3, 0.01]) < 2.6 * table["error"]).all()
    assert (table["error"] / table["value"] < 0.01).all()


@pytest.mark.parametrize(
    "options", [{"order": 2}, {"order": 3, "by": "ei"}, {"order": 1, "method": "least-squares"}], ids=str
)
def test_the_error_of_batches_is_that_of_fits_without_the_nodes_of_each(options):
    connectome = wired(Exponential(0.3, 0.01), n=300)
    options |= {"max_distance_um": 200.0}
    table = distance_fit(connectome, batches=4, **options)
    batch = np.arange(300) % 4
    without = np.array([distance_fit(connectome.subset(batch != i), **options)["value"] for i in range(4)])
    expected = np.sqrt(3 / 4 * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    assert table["batch_error"].tolist() == pytest.approx(expected.tolist(), rel=1e-6)
    pd.testing.assert_frame_equal(table[["value", "error"]], distance_fit(connectome, **options))


def test_the_error_of_batches_holds_where_nodes_differ_in_their_partners():
    found = []
    for seed in range(25):
        source = np.random.default_rng(seed)
        nodes = cells(250, seed, (300.0, 300.0, 300.0))
        likely = 0.2 * np.exp(-0.005 * cdist(nodes[XYZ], nodes[XYZ])) * source.uniform(0.0, 2.0, (250, 1))
        there = (source.random((250, 250)) < likely) & ~np.eye(250, dtype=bool)
        found.append(distance_fit(Connectome(nodes, *np.nonzero(there)), batches=10).loc["a"])
    table = pd.DataFrame(found)
    spread = table["value"].std()
    assert table["error"].mean() < 0.8 * spread
    assert 0.8 * spread < table["batch_error"].mean() < 1.5 * spread


def test_a_rectangular_connectome_has_batches_on_both_sides():
    connectome = wired(Exponential(0.3, 0.01), n=400)
    block = connectome.subset(pre=np.arange(150), post=np.arange(150, 400))
    table = distance_fit(block, batches=5, max_distance_um=200.0)
    without = [
        distance_fit(
            block.subset(
                pre=np.flatnonzero(np.arange(150) % 5 != i), post=150 + np.flatnonzero(np.arange(250) % 5 != i)
            ),
            max_distance_um=200.0,
        )["value"]
        for i in range(5)
    ]
    assert table["batch_error"].tolist() == pytest.approx((2 * np.std(without, axis=0)).tolist(), rel=1e-6)


@pytest.mark.parametrize("batches", [0, 1, True])
def test_few_batches_are_refused(batches):
    with pytest.raises(OptionError, match=r"distance_fit\.batches: .*; give a whole number from 2 on"):
        distance_fit(LINE, positions=["x"], batches=batches)


@pytest.mark.parametrize("batches", [10**5, 2**32, 10**10])
def test_more_batches_than_can_be_counted_are_refused(batches):
    with pytest.raises(OptionError, match=r"distance_fit: .* counts of bins and pathways are too many.*fewer batches"):
        distance_fit(LINE, positions=["x"], batches=batches)


def test_least_squares_that_do_not_converge_are_told_by_the_measure(monkeypatch):
    def stuck(*_, **__):
        raise RuntimeError("too many calls")

    monkeypatch.setattr("scipy.optimize.curve_fit", stuck)
    with pytest.raises(OptionError, match=r"^distance_fit\.method: least squares do not converge.*'likelihood'"):
        distance_fit(LINE, positions=["x"], method="least-squares")


def test_more_batches_than_nodes_leave_out_nobody_in_some():
    table = distance_fit(wired(Exponential(0.3, 0.01), n=20), batches=25)
    assert list(table.columns) == ["value", "error", "batch_error"]
    assert len(distance_fit(Connectome(cells(0), [], []), batches=3, by="ei").columns) == 3


def test_the_fitted_curve_lies_on_the_measured_one():
    table = distance_dependence(wired(Exponential(0.3, 0.01)), bin_um=25)
    error = np.sqrt(table["fitted"] * (1 - table["fitted"]) / table["pairs"])
    assert (abs(table["probability"] - table["fitted"]) < 4 * error + 1e-9).all()


def test_least_squares_recovers_it_too():
    table = distance_fit(wired(Exponential(0.3, 0.01)), method="least-squares")
    assert table["value"].to_dict() == pytest.approx({"a": 0.3, "b": 0.01}, rel=0.03)


def test_a_rule_of_the_third_order_is_recovered():
    truth = {"a_negative": 0.2, "b_negative": 0.01, "a_positive": 0.4, "b_positive": 0.015}
    table = distance_fit(wired(Bipolar(**truth)), order=3)
    assert table["value"].to_dict() == pytest.approx(truth, rel=0.02)


def test_each_pathway_has_a_rule_of_its_own():
    rules = (("e", "i", Exponential(0.2, 0.01)), ("i", "e", Exponential(0.5, 0.02)))
    table = distance_fit(wired(Pathways(("ei",), rules)), by="ei")
    assert table.index.names == ["pre_ei", "post_ei", "parameter"]
    assert table.loc[("i", "e"), "value"].tolist() == pytest.approx([0.5, 0.02], rel=0.03)
    assert table.loc[("e", "i"), "value"].tolist() == pytest.approx([0.2, 0.01], rel=0.03)
    assert table.loc[("e", "e"), "value"].tolist() == [0.0, 0.0]


def test_a_rectangular_connectome_is_the_off_diagonal_block():
    whole = wired(Exponential(0.3, 0.01), n=300)
    pre, post = whole.ids[:100], whole.ids[100:]
    table = distance_dependence(whole.subset(pre=pre, post=post))
    distances = cdist(whole.nodes.loc[pre, XYZ], whole.nodes.loc[post, XYZ])
    counts = np.bincount((distances / 50).astype(int).ravel())
    assert table["pairs"].tolist() == counts.tolist()
    assert table["connections"].sum() == whole.subset(pre=pre, post=post).n_edges


def test_a_limit_of_distance_leaves_out_what_is_farther():
    whole = wired(Exponential(0.3, 0.01), n=300)
    near, all_of = distance_dependence(whole, max_distance_um=149.0), distance_dependence(whole)
    assert near.index.tolist() == [25.0, 75.0, 125.0]
    assert near["pairs"].tolist() == all_of["pairs"].tolist()[:3]


def test_nodes_without_a_position_or_a_group_are_left_out():
    nodes = pd.DataFrame({"x": [0.0, 1.0, np.nan, 2.0], "ei": ["e", "e", "e", None]})
    connectome = Connectome(nodes, [0, 2, 3], [1, 1, 0])
    assert distance_dependence(connectome, positions=["x"])["pairs"].sum() == 6
    table = distance_dependence(connectome, positions=["x"], by="ei")
    assert (table["pairs"].sum(), table["connections"].sum()) == (2, 1)


@settings(deadline=None, max_examples=40)
@given(connectomes(square=None, columns=False, properties=False))
def test_all_pairs_are_counted_once(connectome):
    def with_x(nodes, seed):
        return nodes.assign(x=np.random.default_rng(seed).integers(0, 5, len(nodes)) * 10.0)

    pre = with_x(connectome.pre_nodes, 0)
    post = None if connectome.is_square else with_x(connectome.post_nodes, 1)
    placed = Connectome(pre, connectome.pre, connectome.post, post_nodes=post)
    table = distance_dependence(placed, positions=["x"], bin_um=10)
    n = placed.n_pre * placed.n_post - (placed.n_pre if placed.is_square else 0)
    edges = set(zip(placed.pre.tolist(), placed.post.tolist(), strict=True))
    assert table["pairs"].sum() == n
    assert table["connections"].sum() == sum(not placed.is_square or u != v for u, v in edges)
    assert (table["connections"] <= table["pairs"]).all()
    assert distance_fit(placed, positions=["x"], order=1)["value"].isna().all() == (n == 0)


@settings(deadline=None, max_examples=40)
@given(connectomes())
def test_any_property_called_x_gives_a_table_or_one_clear_error(connectome):
    x = connectome.nodes.get("x", pd.Series(dtype=object))
    for measure in (distance_dependence, distance_fit):
        if x.dtype.kind in "if" and abs(x.astype(float)).max() < 1e9:
            options = {"bin_um": 1e7} if measure is distance_dependence else {}
            assert len(measure(connectome, positions=["x"], **options)) > 0 or len(x) == 1
        elif len(x):
            with pytest.raises(OptionError, match=measure.__name__):
                measure(connectome, positions=["x"])


def test_the_probability_within_a_distance_counts_pairs_at_it():
    line = Connectome(pd.DataFrame({"x": [0.0, 10.0, 20.0]}), [0, 1, 1], [1, 0, 2])
    assert connection_probability_within(line, distance_um=10, positions=["x"]) == 3 / 4
    assert connection_probability_within(line, distance_um=10, positions=["x"], kind="undirected") == 1
    assert connection_probability_within(line, distance_um=10, positions=["x"], kind="reciprocal") == 1 / 2
    assert np.isnan(connection_probability_within(line, distance_um=9, positions=["x"]))


def test_the_probability_within_a_distance_is_that_of_the_matrix():
    connectome = wired(Exponential(0.3, 0.01), n=400)
    near = (cdist(connectome.nodes[XYZ], connectome.nodes[XYZ]) <= 120) & ~np.eye(400, dtype=bool)
    found = connection_probability_within(connectome, distance_um=120)
    assert found == pytest.approx(connectome.adjacency().toarray()[near].mean())


FOUR = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]})
FAR = Connectome(FOUR, [0, 3], [3, 0])
NEAR = Connectome(FOUR, [0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2])


@pytest.mark.parametrize("connectome", [FAR, NEAR], ids=["far", "near"])
@pytest.mark.parametrize("method", ["likelihood", "least-squares"])
def test_where_connections_are_at_one_end_of_the_distances_no_numbers_fit_best(connectome, method, caplog):
    table = distance_fit(connectome, positions=["x"], method=method)
    assert table.isna().all(axis=None)
    assert "distance_fit: in 1 of 1 fits all connections lie at one distance" in caplog.text
    curve = distance_dependence(connectome, positions=["x"], bin_um=1)
    assert curve["fitted"].isna().all()
    assert curve["probability"].max() == 1.0


def test_errors_that_cannot_be_told_are_missing_never_infinite():
    for seed in range(20):
        ends = np.random.default_rng(seed).integers(0, 4, (2, 5))
        table = distance_fit(Connectome(FOUR, *ends), positions=["x"], method="least-squares")
        assert not np.isinf(table).any(axis=None)


def test_bins_without_a_connection_are_not_certain():
    table = distance_dependence(NEAR, positions=["x"], bin_um=1)
    assert table.loc[3.5, ["probability", "pairs"]].tolist() == [0.0, 2.0]
    assert table.loc[3.5, "error"] == pytest.approx(np.sqrt(1 / 6 * 5 / 6 / 2))


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("nodes", [[], [None, None]], ids=["no nodes", "no group"])
def test_without_groups_the_tables_are_empty(nodes, order):
    table = pd.DataFrame({"x": np.arange(float(len(nodes))), "ei": pd.Series(nodes, dtype=object)})
    for measure in (distance_dependence, distance_fit):
        found = measure(Connectome(table, [], []), positions=["x"], by="ei", order=order, axis="x")
        assert len(found) == 0
        assert found.index.names[:2] == ["pre_ei", "post_ei"]


@pytest.mark.parametrize("value", ["9", -1, np.inf, np.nan, 0])
def test_lengths_that_are_none_are_refused(value):
    for name in ("bin_um", "max_distance_um"):
        with pytest.raises(OptionError, match=rf"distance_dependence.{name}: .*; give a length above 0"):
            distance_dependence(LINE, positions=["x"], **{name: value})
    if value != 0:
        with pytest.raises(OptionError, match=r"within.distance_um: .*; give a distance from 0 on"):
            connection_probability_within(LINE, positions=["x"], distance_um=value)


def test_misspelt_choices_are_refused():
    for options, message in (
        ({"method": "least-sqares"}, r"distance_fit.method: unknown value .* Did you mean 'least-squares'"),
        ({"order": 4}, r"distance_fit.order: 4; give 1, 2 or 3"),
        ({"axis": "bogus"}, r"distance_fit.axis: unknown node property 'bogus'; known: ei, x"),
        ({"threads": "2"}, r"distance_fit.threads: '2'; give a whole number from 1 on"),
    ):
        with pytest.raises(OptionError, match=message):
            distance_fit(LINE, positions=["x"], **options)
    with pytest.raises(OptionError, match=r"distance_dependence.axis: unknown node property 'bogus'"):
        distance_dependence(LINE, positions=["x"], axis="bogus")
    for options, message in (
        ({"kind": "reciprok"}, "kind: unknown value"),
        ({"threads": 0}, "threads: 0; give a whole"),
    ):
        with pytest.raises(OptionError, match=message):
            connection_probability_within(LINE, distance_um=1, positions=["x"], **options)


def test_positions_are_told_to_come_with_the_nodes():
    with pytest.raises(OptionError, match=r"unknown node property 'x'; known: none.* These nodes have no properties"):
        distance_fit(Connectome(3, [0], [1]))


def test_what_cannot_be_is_refused():
    with pytest.raises(OptionError, match=r"distance_dependence.positions: unknown node property 'y'; known: ei, x"):
        distance_dependence(LINE)
    with pytest.raises(OptionError, match=r"node property 'ei' is not numeric"):
        distance_fit(LINE, positions=["ei"])
    with pytest.raises(OptionError, match="bin_um: 0; give a length above 0"):
        distance_dependence(LINE, positions=["x"], bin_um=0)
    with pytest.raises(OptionError, match=r"bin_um: 1e-09 makes 9e\+10 bins"):
        distance_dependence(LINE, positions=["x"], bin_um=1e-9)
    with pytest.raises(OptionError, match="connection_probability_within: the connectome is rectangular"):
        connection_probability_within(LINE.subset(pre=[0]), distance_um=1, positions=["x"], kind="reciprocal")


def test_the_input_is_untouched():
    before = LINE.edges, LINE.nodes
    distance_dependence(LINE, positions=["x"], by="ei", order=3, axis="x")
    pd.testing.assert_frame_equal(LINE.edges, before[0])
    pd.testing.assert_frame_equal(LINE.nodes, before[1])
