"""Rules of connection probability: counted as by hand, recovered where they are known, foretelling other nodes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator
from strategies import connectomes

from conntap import analyze, manipulate
from conntap.circuits.connectome import Connectome
from conntap.circuits.rules import (
    Bin,
    Bipolar,
    Constant,
    DoubleExponential,
    Exponential,
    Interpolated,
    Listed,
    Pathways,
    Sided,
    draw,
    fit_probability,
)
from conntap.circuits.rules.complex_fit import fit_double
from conntap.circuits.rules.smoothing import smoothed
from conntap.errors import OptionError

XYZ = ("x", "y", "z")
ORDERS = [1, 2, "2-complex", 3, "3-complex", 4, "4-reduced", 5, "5-reduced"]


def cells(n=600, seed=0, side=400.0):
    source = np.random.default_rng(seed)
    nodes = pd.DataFrame(source.uniform(0, side, (n, 3)), columns=XYZ)
    return nodes.assign(ei=source.choice(["e", "i"], n)), source


def drawn(rule, n=600, seed=0):
    nodes, source = cells(n, seed)
    return Connectome(nodes, *draw(rule, nodes, rng=source))


@pytest.mark.parametrize(
    ("order", "rule"),
    [
        (1, Constant(0.1)),
        (2, Exponential(0.4, 0.01)),
        ("2-complex", DoubleExponential(0.5, 1 / 80**2, 2.0, 0.1, 1 / 300)),
        (3, Bipolar(0.4, 0.01, 0.2, 0.005)),
    ],
)
def test_a_known_rule_is_recovered_with_honest_errors(order, rule):
    scores = []
    for seed in range(12):
        numbers = fit_probability(drawn(rule, 350, seed), order=order).numbers
        scores.append((numbers["value"] - [getattr(rule, name) for name in numbers.index]) / numbers["error"])
    scores = np.array(scores)
    assert np.abs(scores.mean(axis=0)).max() < 4 / np.sqrt(12)
    assert (scores.std(axis=0) < 1.8).all()


def test_the_second_order_is_within_2_percent():
    numbers = fit_probability(drawn(Exponential(0.4, 0.01), 1500)).numbers["value"]
    assert numbers.to_dict() == pytest.approx({"a": 0.4, "b": 0.01}, rel=0.02)


@pytest.mark.parametrize("order", [2, 3])
def test_rules_of_distance_are_those_of_distance_fit(order):
    connectome = drawn(Bipolar(0.4, 0.01, 0.2, 0.005))
    own, other = (
        fit_probability(connectome, order=order, by="ei"),
        analyze.distance_fit(connectome, order=order, by="ei"),
    )
    assert own.numbers["value"].to_numpy() == pytest.approx(other["value"].to_numpy(), rel=1e-3)
    assert own.numbers["error"].to_numpy() == pytest.approx(other["error"].to_numpy(), rel=1e-2)
    assert own.numbers.index.equals(other.index)


@pytest.mark.parametrize("order", ORDERS)
def test_bins_hold_every_pair_and_connection_and_the_fit_expects_as_many(order):
    connectome = drawn(Exponential(0.4, 0.01))
    fitted = fit_probability(connectome, order=order, by="ei", bins={"width_um": 150.0} if order == 5 else None)
    table = fitted.bins
    assert table["pairs"].sum() == 600 * 599 == fitted.facts["pairs"]
    assert table["connections"].sum() == connectome.n_edges
    assert (table["pairs"] * table["fitted"]).sum() == pytest.approx(connectome.n_edges, rel=0.03)
    chances = fitted.model.probabilities(connectome.nodes, connectome.nodes)
    assert chances[~np.eye(600, dtype=bool)].sum() == pytest.approx(connectome.n_edges, rel=0.06)


@pytest.mark.parametrize("order", [4, "5-reduced"])
def test_cells_of_a_table_are_counted_as_numpy_counts_them(order):
    connectome = drawn(Exponential(0.4, 0.01), 120)
    fitted = fit_probability(connectome, order=order, bins={"width_um": 100.0, "fewest": 1})
    at = connectome.nodes[list(XYZ)].to_numpy()
    step = (at[None] - at[:, None])[~np.eye(120, dtype=bool)]
    pre = np.repeat(at, 119, axis=0)
    told = step if order == 4 else np.stack([pre[:, 1], np.hypot(step[:, 0], step[:, 2]), step[:, 1]], axis=1)
    edges = [each.origin + each.width * np.arange(each.size + 1) for each in fitted.model.bins]
    counts = np.histogramdd(told, bins=edges)[0]
    connected = (connectome.adjacency().toarray() > 0)[~np.eye(120, dtype=bool)]
    ones = np.histogramdd(told[connected], bins=edges)[0]
    assert fitted.bins["pairs"].tolist() == counts[counts > 0].tolist()
    assert fitted.bins["connections"].tolist() == ones[counts > 0].tolist()
    assert fitted.model.table[counts > 0] == pytest.approx((ones / np.maximum(counts, 1))[counts > 0])


def test_a_table_is_interpolated_as_scipy_does_it():
    source = np.random.default_rng(1)
    bins = Bin(-50.0, 20.0, 5), Bin(0.0, 30.0, 4), Bin(-40.0, 40.0, 2)
    rule = Interpolated((("offset", "x"), ("distance", "y", "z"), ("place", "x")), bins, source.random((5, 4, 2)))
    nodes = pd.DataFrame(source.uniform(-60, 60, (40, 3)), columns=XYZ)
    at = nodes.to_numpy()
    step = at[None] - at[:, None]
    told = np.stack([step[..., 0], np.hypot(step[..., 1], step[..., 2]), np.repeat(at[:, :1], 40, axis=1)], axis=-1)
    middles = [each.middles() for each in bins]
    held = np.stack([np.clip(told[..., k], m[0], m[-1]) for k, m in enumerate(middles)], axis=-1)
    ends = np.array([[b.origin, b.origin + b.width * b.size] for b in bins])
    inside = ((told >= ends[:, 0]) & (told < ends[:, 1])).all(axis=-1)
    expected = np.where(inside, RegularGridInterpolator(middles, rule.table)(held), 0.0)
    assert rule.probabilities(nodes, nodes) == pytest.approx(expected, abs=1e-12)


def test_what_a_table_says_of_a_node_without_a_position_is_not_known():
    rule = Interpolated((("offset", "x"),), (Bin(-10.0, 20.0, 1),), np.array([0.3]))
    nodes = pd.DataFrame({"x": [0.0, np.nan]})
    assert np.isnan(rule.probabilities(nodes, nodes)).tolist() == [[False, True], [True, True]]


def test_a_complex_rule_without_a_near_part_is_the_simple_one():
    d = np.arange(5.0, 500.0, 10.0)
    pairs = np.full(50, 5000)
    found = fit_double(pairs, np.random.default_rng(0).binomial(pairs, 0.3 * np.exp(-0.01 * d)), d)
    assert found.rule.a_near == 0.0
    assert found.rule.a_far == pytest.approx(0.3, abs=4 * found.errors["a_far"])


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 1)), min_size=1, max_size=12))
def test_any_counts_give_a_complex_rule_whose_chances_are_chances(bins):
    pairs = np.array([n for n, _ in bins])
    d = np.arange(len(bins)) * 10.0
    found = fit_double(pairs, np.rint(pairs * [share for _, share in bins]), d)
    assert ((found.rule.at(d) >= 0) & (found.rule.at(d) <= 1)).all()


@settings(deadline=None, max_examples=30)
@given(
    connectomes(square=None, columns=False, properties=False), st.sampled_from([*ORDERS, "listed"]), st.integers(0, 99)
)
def test_any_connectome_gives_chances_from_0_to_1(connectome, order, seed):
    source = np.random.default_rng(seed)
    tables = [
        pd.DataFrame(source.normal(0, 99, (n, 3)).round(), columns=XYZ) for n in (connectome.n_pre, connectome.n_post)
    ]
    post = None if connectome.is_square else tables[1]
    placed = Connectome(tables[0], connectome.pre, connectome.post, post_nodes=post)
    chances = fit_probability(placed, order=order).model.probabilities(placed.pre_nodes, placed.post_nodes)
    assert chances.shape == (placed.n_pre, placed.n_post)
    assert ((chances >= 0) & (chances <= 1)).all()


def test_each_pathway_has_a_rule_of_its_own():
    rule = Pathways(("ei",), (("e", "i", Exponential(0.5, 0.01)), ("i", "e", Constant(0.1))))
    fitted = fit_probability(drawn(rule), by="ei")
    assert fitted.numbers.loc[("e", "i", "a"), "value"] == pytest.approx(0.5, rel=0.1)
    assert fitted.numbers.loc[("e", "e", "a"), "value"] == 0.0
    assert fitted.model.by == ("ei",)


def test_listed_connections_are_those_and_no_others():
    connectome = drawn(Constant(0.1), 50)
    fitted = fit_probability(connectome, order="listed")
    assert np.array_equal(
        fitted.model.probabilities(connectome.nodes, connectome.nodes) > 0, connectome.adjacency().toarray() > 0
    )
    with pytest.raises(OptionError, match="1 pairs stand there twice"):
        Listed(np.array([1, 1]), np.array([2, 2]))


def test_the_sides_of_a_sided_rule_are_told_by_the_axis():
    rule = Sided(Constant(0.1), Exponential(0.3, 0.0, ("y",)), axis="y")
    line = pd.DataFrame({"y": [0.0, 1.0]})
    assert rule.probabilities(line, line).tolist() == [[0.2, 0.3], [0.1, 0.2]]


def test_validation_tells_the_right_rule_from_the_wrong_one():
    connectome = drawn(Bipolar(0.5, 0.01, 0.1, 0.01))
    gains = {order: fit_probability(connectome, order=order, folds=4).validation for order in (1, 2, 3)}
    assert gains[1]["gain_bits"].abs().max() < 0.01
    assert (gains[3]["gain_bits"] > gains[2]["gain_bits"] + 0.05).all()
    table = gains[3]
    assert (table["expected"] / table["connections"]).to_numpy() == pytest.approx(np.ones(4), abs=0.05)
    assert table["pairs"].tolist() == [600 * 599 - 450 * 449] * 4


def test_errors_by_folds_are_those_of_the_jackknife_of_distance_fit():
    connectome = drawn(Exponential(0.4, 0.01))
    own = fit_probability(connectome, folds=6).numbers["fold_error"]
    assert own.to_numpy() == pytest.approx(
        analyze.distance_fit(connectome, batches=6)["batch_error"].to_numpy(), rel=1e-2
    )


def test_a_sample_of_nodes_tells_nearly_the_same():
    connectome = drawn(Exponential(0.4, 0.01), 1200)
    fitted = fit_probability(connectome, sample=500, rng=np.random.default_rng(0))
    assert fitted.facts["nodes"] == [500, 500]
    assert fitted.numbers.loc["a", "value"] == pytest.approx(0.4, abs=4 * fitted.numbers.loc["a", "error"])
    with pytest.raises(OptionError, match="give rng"):
        fit_probability(connectome, sample=500)


def test_threads_do_not_change_what_is_found():
    connectome = drawn(Exponential(0.4, 0.01), 300)
    for order in (3, "5-reduced"):
        assert fit_probability(connectome, order=order, by="ei", threads=3) == fit_probability(
            connectome, order=order, by="ei"
        )


def test_smoothing_keeps_the_sum_and_few_pairs_take_the_nearest():
    pairs, ones = np.array([100, 100, 0, 3]), np.array([50, 10, 0, 3])
    bins = [Bin(0.0, 10.0, 4)]
    assert smoothed(pairs, ones, bins, fewest=10, smooth_um=0).tolist() == [0.5, 0.1, 0.1, 0.1]
    soft = smoothed(pairs, ones, bins, fewest=10, smooth_um=10)
    assert 0.1 < soft[1] < soft[0] < 0.5


def test_nodes_without_a_position_are_left_out():
    nodes = pd.DataFrame({"x": [0.0, 10.0, np.nan]})
    fitted = fit_probability(Connectome(nodes, [0, 2], [1, 0]), order=2, positions=["x"])
    assert (fitted.facts["left_out"], fitted.facts["pairs"], fitted.facts["connections"]) == (1, 2, 1)


def test_what_makes_no_sense_is_refused():
    connectome = drawn(Constant(0.1), 20)
    for options, words in [
        ({"order": 6}, "fit_probability.order: unknown value '6'"),
        ({"order": "4-reduced", "axis": "w"}, "fit_probability.axis: 'w'; give one of two or more positions"),
        ({"bins": {"width": 3}}, r"fit_probability.bins: unknown name 'width'.*Did you mean 'width_um'"),
        ({"order": 5, "bins": {"width_um": 1.0}}, "are too many"),
        ({"bins": {"width_um": -1}}, "fit_probability.bins.width_um: -1; give a number above 0"),
        ({"by": "eye"}, "unknown property 'eye'|unknown node property 'eye'"),
        ({"folds": 1}, "fit_probability.folds: 1; give a whole number from 2 on"),
    ]:
        with pytest.raises(OptionError, match=words):
            fit_probability(connectome, **options)
    with pytest.raises(OptionError, match="holds what is no probability"):
        Interpolated((("offset", "x"),), (Bin(0.0, 1.0, 1),), np.array([2.0]))
    with pytest.raises(OptionError, match="unknown kind of feature 'offsett'"):
        Interpolated((("offsett", "x"),), (Bin(0.0, 1.0, 1),), np.array([0.5]))


def test_the_connectome_stays_as_it_was():
    connectome = drawn(Constant(0.1), 30)
    before = connectome.edges
    fit_probability(connectome, order=4)
    pd.testing.assert_frame_equal(connectome.edges, before)


def test_rules_of_higher_order_are_not_drawn_by_distance_dependent():
    rule = Sided(Constant(0.1), Constant(0.2)).to_dict()
    with pytest.raises(OptionError, match=r"distance_dependent.rule: Sided; give Constant, Exponential or Bipolar"):
        manipulate.distance_dependent(drawn(Constant(0.1), 10), rule=rule, rng=np.random.default_rng(0))
