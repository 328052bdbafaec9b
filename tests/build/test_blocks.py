"""Networks of types: how many connections each block gets, which, and how strong they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from conntap import open_store
from conntap.build import typed
from conntap.errors import OptionError
from conntap.study import load_study, run
from conntap.study.steps import find_step


def wired(seed=0, **options):
    return typed(rng=np.random.default_rng(seed), **options)


TWO = {"E": 3, "I": 2}


def test_probability_one_connects_all_pairs_of_different_cells():
    c = wired(counts=TWO, probability=1.0)
    assert (c.adjacency().toarray() == 1 - np.eye(5)).all()


def test_only_the_blocks_that_are_named_are_wired():
    c = wired(counts=TWO, probability={"E": {"I": 1.0}})
    assert sorted(zip(c.pre.tolist(), c.post.tolist(), strict=True)) == [(i, j) for i in range(3) for j in (3, 4)]


def test_exact_numbers_are_met_in_each_block():
    c = wired(counts={"E": 50, "I": 20}, n_edges={"E": {"E": 300, "I": 7}, "I": 11})
    is_inhibitory = np.arange(70) >= 50
    blocks = [int(((is_inhibitory[c.pre] == a) & (is_inhibitory[c.post] == b)).sum()) for a in (0, 1) for b in (0, 1)]
    assert blocks == [300, 7, 11, 11]


@settings(max_examples=30)
@given(st.integers(0, 6), st.integers(0, 6), st.floats(0, 1), st.integers(0, 1000))
def test_no_pair_is_connected_twice_and_none_with_itself(n_e, n_i, probability, seed):
    c = wired(seed, counts={"E": n_e, "I": n_i}, probability=probability)
    assert c.adjacency().toarray().max(initial=0) <= 1
    assert (c.pre != c.post).all()
    assert c.n_nodes == n_e + n_i


def test_every_pair_is_equally_likely():
    hits = sum(wired(seed, counts=TWO, probability=0.3).adjacency().toarray() for seed in range(800))
    off = hits[~np.eye(5, dtype=bool)]
    expected, spread = 800 * 0.3, np.sqrt(800 * 0.3 * 0.7)
    assert (np.abs(off - expected) < 4.5 * spread).all()


def test_weights_have_the_mean_the_sign_and_the_spread_asked_for():
    c = wired(counts={"E": 120, "I": 60}, probability=0.5, weight={"E": 1.0, "I": -5.0}, weight_spread=0.5)
    weight, from_e = c.properties["weight"], c.pre < 120
    assert weight[from_e].mean() == pytest.approx(1, rel=0.03)
    assert weight[~from_e].mean() == pytest.approx(-5, rel=0.03)
    assert np.log(weight[from_e]).std() == pytest.approx(0.5, rel=0.03)
    assert c.nodes["ei"].tolist() == ["e"] * 120 + ["i"] * 60


def test_delays_lie_in_their_range():
    delays = wired(counts={"E": 40}, probability=0.5, delay_ms=(1.0, 3.0)).properties["delay_ms"]
    assert delays.min() >= 1
    assert delays.max() <= 3
    assert set(wired(counts={"E": 9}, probability=0.5, delay_ms=1.5).properties["delay_ms"]) == {1.5}


def test_equal_seeds_give_equal_networks():
    assert wired(3, counts=TWO, probability=0.5) == wired(3, counts=TWO, probability=0.5)


@pytest.mark.parametrize("counts", [{}, {"E": 0}, {"E": 1}])
def test_few_cells_have_no_connections(counts):
    assert wired(counts=counts, probability=1.0).n_edges == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"counts": TWO}, "one of them"),
        ({"counts": TWO, "probability": 0.1, "n_edges": 3}, "one of them"),
        ({"counts": TWO, "probability": 1.5}, "from 0 to 1"),
        ({"counts": TWO, "probability": {"X": 0.1}}, "unknown type 'X'"),
        ({"counts": TWO, "n_edges": 7}, "6 pairs"),
        ({"counts": {"E": -1}, "probability": 0.1}, "counts.E"),
        ({"counts": TWO, "probability": 0.1, "delay_ms": (3.0, 1.0)}, "delay_ms"),
        ({"counts": TWO, "probability": 0.1, "weight_spread": -1.0}, "weight_spread"),
    ],
)
def test_what_makes_no_sense_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        wired(**options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"probability": 0.5, "delay_ms": (1, 2, 3)}, r"typed\.delay_ms: \(1, 2, 3\)"),
        ({"probability": "often"}, r"typed\.probability: often from E to E"),
        ({"n_edges": 2.5}, r"typed\.n_edges: 2\.5 from E to E.*whole number"),
        ({"counts": {"E": "ten"}, "probability": 0.5}, r"typed\.counts\.E: 'ten'"),
        ({"counts": {"E": None}, "probability": 0.5}, r"typed\.counts\.E: None"),
        ({"counts": {"E": 2**40}, "probability": 0.5}, r"typed\.counts: \d+ cells; give up to"),
        ({"counts": {1: 3, "1": 4}, "probability": 0.5}, r"two types of one name"),
        ({"counts": {"n_nodes": 9, "proportions": {"E": 1e301}}, "probability": 0.5}, r"proportions\.E: 1e\+301"),
        ({"counts": {"E": 100_000}, "probability": 1.0}, r"1e\+10 connections"),
        ({"probability": 0.5, "weight_spread": "wide"}, r"typed\.weight_spread: 'wide'"),
        ({"probability": 0.5, "weight_spread": 1e300}, r"typed\.weight_spread: 1e\+300; give a number from 0 to 20"),
        ({"probability": 0.5, "delay_ms": ("a", "b")}, r"typed\.delay_ms"),
        ({"probability": 0.5, "inhibitory": 0.2}, r"typed\.inhibitory: 0\.2; give type"),
        ({"probability": 0.5, "inhibitory": {"E": None}}, r"typed\.inhibitory\.E: None"),
    ],
)
def test_what_is_no_such_number_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        typed(**{"counts": {"E": 5, "I": 4}, **options}, rng=np.random.default_rng(0))


def test_a_matrix_says_the_same_as_types_by_name():
    table = [[0.5, 0.0], [1.0, 0.25]]
    by_name = {"E": {"E": 0.5}, "I": {"E": 1.0, "I": 0.25}}
    counts = {"E": 20, "I": 10}
    assert wired(counts=counts, probability=table) == wired(counts=counts, probability=by_name)
    assert wired(counts=counts, n_edges=[[5, 6], [7, 8]]) == wired(
        counts=counts, n_edges={"E": {"E": 5, "I": 6}, "I": {"E": 7, "I": 8}}
    )


def test_rows_of_a_matrix_are_those_the_connections_come_from():
    c = wired(counts={"E": 3, "I": 2}, probability=[[0.0, 1.0], [0.0, 0.0]])
    assert set(zip(c.pre.tolist(), c.post.tolist(), strict=True)) == {(i, j) for i in range(3) for j in (3, 4)}


def test_cells_may_connect_to_themselves_where_asked():
    assert wired(counts=TWO, probability=1.0, autapses="yes").adjacency().toarray().tolist() == np.ones((5, 5)).tolist()
    hits = sum(wired(seed, counts=TWO, probability=0.3, autapses="yes").adjacency().toarray() for seed in range(600))
    assert (np.abs(hits - 180) < 4.5 * np.sqrt(180 * 0.7)).all()


@settings(max_examples=40)
@given(st.integers(0, 300), st.lists(st.floats(0, 10), min_size=1, max_size=7), st.sampled_from(["exact", "drawn"]))
def test_all_cells_get_a_type_and_exact_counts_are_off_by_less_than_one(n, shares, assign):
    if sum(shares) < 1e-3:
        return
    proportions = {f"t{number}": share for number, share in enumerate(shares)}
    counts = {"n_nodes": n, "proportions": proportions, "assign": assign}
    found = wired(counts=counts, probability=0.0).nodes["type"].value_counts().reindex(list(proportions)).to_numpy()
    assert found.sum() == n
    if assign == "exact":
        assert (np.abs(found - n * np.array(shares) / sum(shares)) < 1).all()


def test_types_drawn_for_each_cell_have_the_shares_in_the_mean():
    counts = {"n_nodes": 10, "proportions": {"E": 3, "I": 1}, "assign": "drawn"}
    found = [int((wired(seed, counts=counts, probability=0.0).nodes["type"] == "E").sum()) for seed in range(400)]
    assert np.mean(found) == pytest.approx(7.5, abs=4 * np.sqrt(10 * 0.1875 / 400))
    assert np.var(found) == pytest.approx(10 * 0.1875, rel=0.3)


def test_weights_follow_the_distributions_of_their_blocks():
    gamma, normal = {"kind": "gamma", "mean": 2.0, "sd": 1.0}, {"kind": "normal", "mean": -3.0, "sd": 0.5}
    c = wired(
        counts={"E": 150, "I": 80}, probability=0.5, weight={"E": {"E": gamma, "I": 0.7}, "I": normal}, weight_spread=0
    )
    weight, from_e, to_e = c.properties["weight"], c.pre < 150, c.post < 150
    assert kstest(weight[from_e & to_e], "gamma", args=(4.0, 0.0, 0.5)).pvalue > 1e-3
    assert kstest(weight[~from_e], "norm", args=(-3.0, 0.5)).pvalue > 1e-3
    assert set(weight[from_e & ~to_e]) == {0.7}
    assert c.nodes["ei"].value_counts().to_dict() == {"e": 150, "i": 80}


def test_signs_are_those_of_inhibitory_cells():
    sizes = {"kind": "gamma", "mean": 2.0, "sd": 1.0}
    c = wired(counts={"E": 40, "mixed": 200}, probability=0.2, weight=sizes, inhibitory={"mixed": 0.5})
    is_inhibitory = (c.nodes["ei"] == "i").to_numpy()
    assert not is_inhibitory[:40].any()
    assert 60 < is_inhibitory.sum() < 140
    assert ((c.properties["weight"] < 0) == is_inhibitory[c.pre]).all()


def test_a_study_may_give_all_forms():
    options = find_step("build.typed").options
    shares = {"n_nodes": 10, "proportions": {"E": 0.8, "I": 0.2}}
    counts = options["counts"].check(shares, "here")
    weight = options["weight"].check({"E": {"kind": "gamma", "mean": 2.0, "sd": 1.0}, "I": -1.0}, "here")
    probability = options["probability"].check([[0.1, 0.2], [0.3, 0.4]], "here")
    assert wired(counts=counts, weight=weight, probability=probability) == wired(
        counts=shares,
        weight={"E": {"kind": "gamma", "mean": 2.0, "sd": 1.0}, "I": -1.0},
        probability=[[0.1, 0.2], [0.3, 0.4]],
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"probability": [[0.1, 0.2]]}, "a matrix of 2 rows"),
        ({"probability": [[0.1, 0.2], [0.3, 1.4]]}, r"1\.4 from I to I; give a number from 0 to 1"),
        ({"counts": {"n_nodes": 5, "proportions": {"E": -1}}}, r"proportions\.E"),
        ({"counts": {"n_nodes": 5, "proportions": {}}}, "add up to 0"),
        ({"counts": {"n_nodes": 2.5, "proportions": {"E": 1}}}, "n_nodes"),
        ({"counts": {"proportions": {"E": 1}}}, "give n_nodes and proportions"),
        ({"weight": {"E": {"kind": "gama", "mean": 1, "sd": 1}}}, r"typed\.weight\.E: unknown kind"),
        ({"weight": {"E": {"kind": "discrete", "values": ["a"], "probabilities": [1.0]}}}, "gives text"),
        ({"inhibitory": {"X": 0.1}}, "unknown type 'X'"),
        ({"inhibitory": {"E": 1.5}}, "inhibitory.E"),
        ({"autapses": "some"}, "autapses"),
        ({"weight": {"E": {"I": "heavy"}}}, "weight: heavy from E to I"),
        ({"weight": [[1.0, None], [1.0, 1.0]]}, "None from E to I"),
        ({"counts": {"E": float("nan")}}, "counts.E"),
    ],
)
def test_forms_that_make_no_sense_are_told(options, told):
    with pytest.raises(OptionError, match=told):
        typed(**{"counts": TWO, "probability": 0.5, **options}, rng=np.random.default_rng(0))


def test_a_study_keeps_shares_as_it_keeps_counts(tmp_path):
    text = "study: s\nseed: 1\nstages:\n  net: {do: build.typed, probability: 0.1, counts: {n_nodes: 50, proportions: {E: 4, I: 1}}}\n"
    (tmp_path / "study.yaml").write_text(text)
    with open_store(run(load_study(tmp_path / "study.yaml"), out=tmp_path / "out").store) as store:
        ((_, network),) = store["net"].values()
    assert network.nodes["type"].value_counts().to_dict() == {"E": 40, "I": 10}
