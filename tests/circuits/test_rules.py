"""Connection rules: evaluated by hand, drawn by their own chances, fitted back to what they were."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from conntap.circuits.rules import Bipolar, Constant, Exponential, Pathways, draw, fit, rule_from_dict
from conntap.errors import OptionError

DISTANCES = np.arange(0.5, 500.0)
NUMBER = st.floats(0, 1, allow_subnormal=False)
SIMPLE = st.one_of(
    st.builds(Constant, NUMBER),
    st.builds(Exponential, NUMBER, NUMBER, st.just(("x",))),
    st.builds(Bipolar, NUMBER, NUMBER, NUMBER, NUMBER, st.just(("x", "y")), st.just("depth")),
)
GROUP = st.one_of(st.integers(0, 3), st.sampled_from(["e", "i"]), st.tuples(st.integers(0, 3), st.sampled_from("ab")))
PATHWAYS = st.builds(
    lambda by, rules: Pathways(by, tuple((*ends, rule) for ends, rule in rules.items())),
    st.sampled_from([("layer",), ("layer", "ei")]),
    st.dictionaries(st.tuples(GROUP, GROUP), SIMPLE, max_size=4),
)


def expected(a, b, pairs):
    return np.rint(pairs * a * np.exp(-b * DISTANCES))


@given(st.one_of(SIMPLE, PATHWAYS))
def test_a_rule_goes_through_json_unchanged(rule):
    assert rule_from_dict(json.loads(json.dumps(rule.to_dict()))) == rule


def test_a_probability_falls_to_1_over_e_within_its_length():
    nodes = pd.DataFrame({"x": [0.0, 30.0], "y": [0.0, 40.0], "z": [0.0, 0.0]})
    assert Exponential(0.5, 1 / 50).probabilities(nodes, nodes) == pytest.approx(
        np.array([[0.5, 0.5 / math.e], [0.5 / math.e, 0.5]])
    )


def test_a_probability_is_at_most_1():
    nodes = pd.DataFrame({"x": [0.0, 1.0]})
    assert Exponential(5.0, 0.0, positions=("x",)).probabilities(nodes, nodes).max() == 1.0


def test_the_negative_side_is_that_of_targets_with_smaller_values():
    cells = pd.DataFrame({"x": 0.0, "depth": [100.0, 200.0]})
    rule = Bipolar(0.1, 0.0, 0.3, 0.0, positions=("x",), axis="depth")
    up, down = rule.probabilities(cells, cells)[[1, 0], [0, 1]]
    assert (up, down) == (0.1, 0.3)


def test_each_pathway_has_its_own_rule_and_others_none():
    cells = pd.DataFrame({"layer": [4, 4, 5], "ei": ["e", "i", "e"]})
    rule = Pathways(("layer", "ei"), (((4, "e"), (5, "e"), Constant(0.5)),))
    assert rule.probabilities(cells, cells).tolist() == [[0, 0, 0.5], [0, 0, 0], [0, 0, 0]]


def test_connections_are_drawn_by_their_chances():
    line = pd.DataFrame({"x": [0.0, 10.0, 30.0]})
    rule, source, times = Exponential(0.8, 0.05, positions=("x",)), np.random.default_rng(1), 4000
    counts = np.zeros((3, 3))
    for _ in range(times):
        np.add.at(counts, draw(rule, line, rng=source), 1)
    chances = rule.probabilities(line, line) * (1 - np.eye(3))
    apart = (counts - times * chances)[~np.eye(3, dtype=bool)] ** 2
    spread = (times * chances * (1 - chances))[~np.eye(3, dtype=bool)]
    assert stats.chi2(6).sf((apart / spread).sum()) > 0.01
    assert counts.trace() == 0


def test_between_two_tables_every_pair_may_be_drawn():
    pre, post = draw(
        Constant(1.0), pd.DataFrame(index=[0, 1]), pd.DataFrame(index=[0, 1]), rng=np.random.default_rng(0)
    )
    assert list(zip(pre, post, strict=True)) == [(0, 0), (0, 1), (1, 0), (1, 1)]


@settings(deadline=None, max_examples=60)
@given(st.floats(0.001, 1), st.floats(0, 0.05))
def test_a_known_rule_is_recovered(a, b):
    pairs = np.full(len(DISTANCES), 10**12)
    found = fit(pairs, expected(a, b, pairs), DISTANCES, order=2).rule
    assert found.a == pytest.approx(a, rel=1e-4)
    assert found.b == pytest.approx(b, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("method", ["likelihood", "least-squares"])
def test_standard_errors_cover_the_truth_as_often_as_they_should(method):
    source, a, b, pairs = np.random.default_rng(2), 0.2, 0.01, np.full(50, 4000)
    distances = np.arange(5.0, 500.0, 10.0)
    scores = []
    for _ in range(150):
        found = fit(pairs, source.binomial(pairs, a * np.exp(-b * distances)), distances, order=2, method=method)
        scores.append([(found.rule.a - a) / found.errors["a"], (found.rule.b - b) / found.errors["b"]])
    if method == "likelihood":
        assert np.abs(np.mean(scores, axis=0)).max() < 0.25
    assert np.std(scores, axis=0) == pytest.approx([1, 1], abs=0.2)


def test_the_fit_has_the_greatest_likelihood():
    """Against a search by scipy that knows nothing of logarithms of a."""
    source, pairs = np.random.default_rng(3), np.full(len(DISTANCES), 50)
    ones = source.binomial(pairs, 0.3 * np.exp(-0.02 * DISTANCES))
    found = fit(pairs, ones, DISTANCES, order=2).rule

    def loss(numbers):
        return -stats.binom.logpmf(ones, pairs, np.clip(numbers[0] * np.exp(-numbers[1] * DISTANCES), 0, 1)).sum()

    best = optimize.minimize(loss, [0.25, 0.015], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-9})
    assert [found.a, found.b] == pytest.approx(best.x, rel=1e-4)


def test_each_side_of_the_third_order_is_fitted_by_itself():
    pairs = np.full((3, len(DISTANCES)), 10**9)
    ones = np.stack([expected(0.1, 0.01, pairs[0]), pairs[1], expected(0.4, 0.02, pairs[2])])
    rule = fit(pairs, ones, DISTANCES, order=3, axis="depth").rule
    assert rule.axis == "depth"
    numbers = rule.a_negative, rule.b_negative, rule.a_positive, rule.b_positive
    assert numbers == pytest.approx((0.1, 0.01, 0.4, 0.02), rel=1e-4)


def test_the_first_order_is_the_fraction():
    found = fit([10, 30], [1, 1], [1.0, 2.0], order=1)
    assert found.rule == Constant(0.05)
    assert found.errors["p"] == pytest.approx(math.sqrt(0.05 * 0.95 / 40))


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.floats(0, 1)), min_size=1, max_size=8),
    st.sampled_from([1, 2]),
)
def test_any_counts_give_a_rule_whose_chances_are_chances(bins, order):
    pairs = np.array([n for n, _ in bins])
    ones = np.rint(pairs * [share for _, share in bins])
    distances = np.arange(len(bins)) * 10.0
    found = fit(pairs, ones, distances, order=order)
    a, b = (found.rule.p, 0.0) if order == 1 else (found.rule.a, found.rule.b)
    chances = a * np.exp(-b * distances[pairs > 0])
    assert np.isfinite([a, b]).all()
    assert ((chances >= 0) & (chances <= 1 + 1e-9)).all()
    assert sum(chances * pairs[pairs > 0]) == pytest.approx(ones.sum(), rel=0.5, abs=1.0)


def test_without_connections_there_is_nothing_to_fall():
    found = fit([10, 10], [0, 0], [1.0, 2.0], order=2)
    assert (found.rule.a, found.rule.b) == (0.0, 0.0)
    assert np.isnan(list(found.errors.values())).all()


def test_a_rule_that_makes_no_sense_is_refused():
    with pytest.raises(OptionError, match=r"rules.Exponential: a is -1; give a number from 0 on"):
        Exponential(-1, 0.1)
    with pytest.raises(OptionError, match=r"unknown kind of rule 'exponential'.*Did you mean 'Exponential'"):
        rule_from_dict({"kind": "exponential", "a": 1, "b": 1})
    with pytest.raises(OptionError, match="unknown name 'c'; known: a, b, positions"):
        rule_from_dict({"kind": "Exponential", "a": 1, "b": 1, "c": 1})
    with pytest.raises(OptionError, match="Exponential takes a, b, positions"):
        rule_from_dict({"kind": "Exponential", "a": 1})
    with pytest.raises(OptionError, match="give one a pathway"):
        Pathways(("ei",), (("e", "i", Constant(0.1)), ("e", "i", Constant(0.2))))


def test_a_position_that_is_no_number_is_refused():
    nodes = pd.DataFrame({"x": ["a", "b"]})
    with pytest.raises(OptionError, match="node property 'x' is not numeric"):
        Exponential(1, 1, positions=("x",)).probabilities(nodes, nodes)


def test_a_node_without_a_position_cannot_be_drawn():
    nodes = pd.DataFrame({"x": [0.0, np.nan]})
    with pytest.raises(OptionError, match="lacks a position"):
        draw(Exponential(1, 1, positions=("x",)), nodes, rng=np.random.default_rng(0))


@pytest.mark.parametrize("end", [0, 3])
@pytest.mark.parametrize("method", ["likelihood", "least-squares"])
def test_connections_at_one_end_of_the_distances_have_no_best_fit_but_a_rule_as_good(end, method):
    distances, pairs = np.array([1.0, 2.0, 3.0, 400.0]), np.full(4, 10)
    connections = np.where(np.arange(4) == end, 10, 0)
    found = fit(pairs, connections, distances, order=2, method=method)
    assert found.unbounded == {"a", "b"}
    assert np.isnan([*found.values().values(), *found.errors.values()]).all()
    line = pd.DataFrame({"x": [0.0, *distances]})
    rule = Exponential(found.rule.a, found.rule.b, positions=("x",))
    assert rule.probabilities(line[:1], line[1:])[0] == pytest.approx(connections / 10, abs=1e-2)


def test_a_method_that_is_misspelt_is_refused():
    with pytest.raises(OptionError, match=r"rules.fit.method: unknown value 'likelyhood'.* Did you mean 'likelihood'"):
        fit(np.ones(2), np.ones(2), np.arange(2.0), order=2, method="likelyhood")
