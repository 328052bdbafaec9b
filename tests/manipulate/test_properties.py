"""Properties of synapses changed, and the distributions that they are drawn from."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from strategies import connectomes

from conntap.circuits import Connectome, Mask, open_circuit
from conntap.circuits.sonata.writing import write_sonata
from conntap.errors import OptionError
from conntap.manipulate import alter_property
from conntap.manipulate.circuits import manipulate_circuit, step_rng
from conntap.manipulate.distributions import DISTRIBUTIONS, drawn_from


def rng(seed=0):
    return np.random.default_rng(seed)


EXAMPLE = Connectome(
    pd.DataFrame({"layer": [1, 2]}),
    [0, 1, 0, 1],
    [1, 0, 1, 1],
    properties={
        "weight": np.array([1, 2, 3, 4], dtype=np.float32),
        "count": np.array([1, 2, 3, 250], dtype=np.uint8),
        "big": np.array([2**62, 1, 2, 3]),
        "kind": pd.Categorical(["a", "b", "a", None], categories=["a", "b", "c"]),
        "flag": np.array([True, False, True, False]),
    },
)


def altered(property, how, value=None, seed=0, **options):
    after = alter_property(EXAMPLE, property=property, how=how, value=value, rng=rng(seed), **options)
    assert {name: column.dtype for name, column in after.properties.items()} == {
        name: column.dtype for name, column in EXAMPLE.properties.items()
    }
    return after.properties[property].tolist()


def test_values_are_set_scaled_and_shifted_by_hand():
    assert altered("weight", "set", 7) == [7, 7, 7, 7]
    assert altered("weight", "scale", 0.5, where="weight > 2") == [1, 2, 1.5, 2]
    assert altered("weight", "offset", -1, pre=[0]) == [0, 2, 2, 4]
    assert altered("weight", "scale", 10, mask=Mask.from_pairs([1], [1]), clip=(0, 35)) == [1, 2, 3, 35]
    assert altered("weight", "offset", 1, where="pre_layer == post_layer", post={"layer": 2}) == [1, 2, 3, 5]


def test_whole_numbers_stay_so_and_are_exact():
    assert altered("count", "scale", 0.5) == [0, 1, 2, 125]
    assert altered("count", "offset", 5) == [6, 7, 8, 255]
    assert altered("count", "offset", -1) == [0, 1, 2, 249]
    assert altered("big", "offset", 1) == [2**62 + 1, 2, 3, 4]
    assert altered("big", "offset", 1, clip=(3, None)) == [2**62 + 1, 3, 3, 4]
    assert altered("count", "scale", 3, where="count < 100", clip=(4, 8.5)) == [4, 6, 8, 250]
    assert altered("big", "set", 2**53 + 1, where="big == 1")[1] == 2**53 + 1


def test_text_and_booleans_are_set_drawn_and_shuffled():
    assert altered("kind", "set", "c", where="count > 1") == ["a", "c", "c", "c"]
    assert altered("flag", "set", False, pre=[0]) == [False] * 4
    assert set(altered("kind", "random", {"kind": "discrete", "values": ["b", "c"], "weights": [0, 1]})) == {"c"}
    assert sorted(altered("flag", "shuffle")) == [False, False, True, True]


@settings(deadline=None)
@given(connectomes(square=None, max_edges=40), st.data())
def test_what_is_shuffled_changes_places_and_the_rest_stays(connectome, data):
    name = data.draw(st.sampled_from(sorted(connectome.properties))) if connectome.properties else None
    if name is None:
        return
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=connectome.n_edges, max_size=connectome.n_edges)), bool)
    mask = Mask.of(connectome, keep)
    chosen = mask.edges(connectome)
    after = alter_property(connectome, property=name, how="shuffle", mask=mask, rng=rng())
    old, new = (pd.Series(each.properties[name]) for each in (connectome, after))
    pd.testing.assert_series_equal(old[~chosen], new[~chosen])
    assert sorted(map(str, old[chosen])) == sorted(map(str, new[chosen]))
    assert after.filter(~chosen) == connectome.filter(~chosen)
    assert (after.pre == connectome.pre).all()


@settings(deadline=None)
@given(
    st.sampled_from(["set", "scale", "offset", "random", "random_scale", "random_offset"]),
    st.sampled_from([np.float16, np.float32, np.float64, np.int8, np.uint16, np.int64]),
    st.integers(0, 9),
)
def test_types_and_untouched_values_stay(how, dtype, seed):
    values = rng(seed).integers(0, 5, 12).astype(dtype)
    connectome = Connectome(3, rng(1).integers(0, 3, 12), rng(2).integers(0, 3, 12), properties={"w": values})
    value = {"kind": "uniform", "low": 0, "high": 3} if how.startswith("random") else 2.5
    after = alter_property(connectome, property="w", how=how, value=value, pre=[1], rng=rng(seed)).properties["w"]
    outside = connectome.pre != 1
    assert after.dtype == dtype
    assert (after[outside] == values[outside]).all()
    drawn = drawn_from(value, int((~outside).sum()), rng(seed), "w") if how.startswith("random") else value
    own = values[~outside].astype(float)
    exact = {"s": own * drawn, "o": own + drawn, "t": np.zeros(len(own)) + drawn}[
        "t" if how in ("set", "random") else "s" if "scale" in how else "o"
    ]
    assert np.allclose(after[~outside], np.rint(exact) if np.dtype(dtype).kind in "iu" else exact, rtol=2e-3)


LAWS = {
    "gamma": ({"mean": 2.0, "std": 0.5}, stats.gamma(16, scale=2 / 16)),
    "lognormal": (
        {"mean": 2.0, "std": 1.0},
        stats.lognorm(np.sqrt(np.log(1.25)), scale=np.exp(np.log(2) - np.log(1.25) / 2)),
    ),
    "normal": ({"mean": -1.0, "std": 2.0}, stats.norm(-1, 2)),
    "truncated_normal": ({"mean": 1.0, "std": 2.0, "low": 0.0}, stats.truncnorm(-0.5, np.inf, 1, 2)),
    "uniform": ({"low": 1, "high": 3}, stats.uniform(1, 2)),
}


@pytest.mark.parametrize("kind", sorted(LAWS))
def test_numbers_follow_their_law(kind):
    parameters, law = LAWS[kind]
    drawn = drawn_from({"kind": kind, **parameters}, 4000, rng(1), "example")
    assert stats.kstest(drawn, law.cdf).pvalue > 0.001


@pytest.mark.parametrize(
    ("kind", "rate"), [("poisson", 2.0), ("zero_truncated_poisson", 0.3), ("zero_truncated_poisson", 4.0)]
)
def test_counts_follow_their_law(kind, rate):
    drawn = drawn_from({"kind": kind, "mean" if kind == "poisson" else "rate": rate}, 20_000, rng(2), "example")
    values = np.arange(12)
    chances = stats.poisson(rate).pmf(values)
    if kind != "poisson":
        chances[0] = 0
        chances /= 1 - np.exp(-rate)
    assert np.allclose(np.bincount(drawn.astype(int), minlength=12)[:12] / 20_000, chances, atol=0.015)


def test_far_tails_of_a_truncated_normal_are_drawn():
    for sign in (1, -1):
        low, high = sorted([sign * 20.0, sign * 21.0])
        drawn = drawn_from({"kind": "truncated_normal", "mean": 0, "std": 1, "low": low, "high": high}, 100, rng(), "x")
        assert ((drawn >= low) & (drawn <= high)).all()
        assert len(np.unique(drawn)) > 90


def test_discrete_values_come_with_their_weights():
    drawn = drawn_from({"kind": "discrete", "values": [1, 5], "weights": [1, 3]}, 4000, rng(), "x")
    assert abs((drawn == 5).mean() - 0.75) < 0.03
    assert drawn_from({"kind": "constant", "value": 3}, 2, rng(), "x").tolist() == [3, 3]
    assert set(DISTRIBUTIONS) >= set(LAWS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"property": "wait"},
            "alter_property.property: unknown edge property 'wait'; known: .* Did you mean 'weight'",
        ),
        ({"how": "double"}, "alter_property.how: unknown value 'double'"),
        ({"value": None}, "value: none given; set takes a value"),
        ({"value": {"kind": "normal"}}, "value: .*; set takes a value"),
        ({"value": "much"}, "alter_property.value: 'much'; give a number"),
        ({"value": float("nan")}, "value: nan; give a number"),
        ({"value": 1e39}, "4 values exceed float32"),
        ({"how": "shuffle"}, "value: 1.0; shuffle takes none"),
        ({"how": "random"}, "random takes a distribution"),
        ({"how": "random", "value": {"kind": "normal", "mean": 1}}, "value: normal lacks 'std'"),
        (
            {"how": "random", "value": {"kind": "normal", "mean": 1, "std": -1}},
            r"value.std: -1; give a finite number from 0",
        ),
        ({"how": "random", "value": {"kind": "normal", "mean": 1, "sd": 1}}, "unknown parameter of normal 'sd'"),
        ({"how": "random", "value": {"kind": "uniform", "low": 1, "high": 0}}, "low 1 and high 0; give a higher high"),
        ({"how": "random", "value": {"kind": "gamma", "mean": 0, "std": 1}}, "value.mean: 0; give a number above 0"),
        ({"how": "random", "value": {"kind": "discrete", "values": []}}, "values: .*at least one"),
        ({"how": "random", "value": {"kind": "discrete", "values": [1], "weights": [0]}}, "weights: give one number"),
        ({"how": "random", "value": {"kind": "discrete", "values": ["a"]}}, "where numbers are wanted"),
        ({"property": "count", "value": 256}, "4 values do not fit uint8"),
        ({"property": "count", "how": "offset", "value": 6}, "6 makes values exceed uint8"),
        ({"property": "kind", "value": "z"}, "'z' is none of its values; known: a, b, c"),
        ({"property": "kind", "how": "scale"}, "how: scale is for numbers"),
        ({"property": "kind", "value": "a", "clip": (0, 1)}, "clip: only numbers have bounds"),
        ({"clip": (2, 1)}, "clip: 2 and 1; give the least first"),
        ({"clip": [1]}, r"clip: \[1\]; give the least and the most"),
        ({"where": "weigth > 2"}, "alter_property.where.*unknown edge property 'weigth'"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        alter_property(EXAMPLE, **{"property": "weight", "how": "set", "value": 1.0, **options}, rng=rng())


def test_the_input_is_untouched_and_equal_states_give_equal_values():
    before = EXAMPLE.edges
    value = {"kind": "normal", "mean": 1, "std": 1}
    assert altered("weight", "random", value, seed=1) == altered("weight", "random", value, seed=1)
    assert altered("weight", "random", value, seed=1) != altered("weight", "random", value, seed=2)
    pd.testing.assert_frame_equal(EXAMPLE.edges, before)


@pytest.mark.parametrize(
    "distribution",
    [
        {"kind": []},
        {"kind": "discrete", "values": [[1], [1, 2]]},
        {"kind": "discrete", "values": [1, 2], "weights": ["a", "b"]},
        {"kind": "uniform", "low": -np.inf, "high": 0},
        {"kind": "uniform", "low": -1e308, "high": 1e308},
        {"kind": "poisson", "mean": 1e300},
        {"kind": "gamma", "mean": 1e200, "std": 1e-200},
        {"kind": "gamma", "mean": 1e-200, "std": 1e200},
        {"kind": "lognormal", "mean": 1e-200, "std": 1e200},
        {"kind": "normal", "mean": 10**400, "std": 1},
    ],
)
def test_distributions_that_give_no_numbers_are_refused(distribution):
    with pytest.raises(OptionError, match=r"^here"):
        drawn_from(distribution, 20, rng(), "here")


@pytest.mark.filterwarnings("error")
def test_numbers_beyond_all_types_are_refused():
    edges = Connectome(2, [0, 1], [1, 0], properties={"i": np.array([0, 1]), "w": np.array([0.0, 1.0])})
    for name, value in (("i", 10**30), ("i", 10**400), ("w", 10**400), ("i", np.inf)):
        for how in ("set", "scale", "offset"):
            if (name, how, value) != ("i", "scale", 10**30):
                with pytest.raises(OptionError, match=r"^alter_property\.value: "):
                    alter_property(edges, property=name, how=how, value=value, rng=rng())
    with pytest.raises(OptionError, match=r"^alter_property\.clip: \('a', 'b'\); give numbers"):
        alter_property(edges, property="w", how="scale", value=2, clip=("a", "b"), rng=rng())
    truth = Connectome(2, [0], [1], properties={"b": np.array([True])})
    with pytest.raises(OptionError, match=r"^alter_property\.value\.values: 3; give a list"):
        alter_property(truth, property="b", how="random", value={"kind": "discrete", "values": 3}, rng=rng())


@settings(deadline=None)
@given(
    st.lists(st.integers(-(2**61), 2**61), min_size=1, max_size=5),
    st.sampled_from([0.5, 1, -1.0, 0.3, 2, 0.999]),
    st.sampled_from(["scale", "offset"]),
)
def test_whole_numbers_beyond_those_of_floats_are_changed_exactly(values, value, how):
    connectome = Connectome(1, [0] * len(values), [0] * len(values), properties={"n": np.array(values, dtype=np.int64)})
    exact = [each * Fraction(value) if how == "scale" else each + Fraction(value) for each in values]
    found = alter_property(connectome, property="n", how=how, value=value, rng=rng()).properties["n"]
    assert found.dtype == np.int64
    assert all(abs(int(each) - wanted) <= Fraction(3, 4) for each, wanted in zip(found, exact, strict=True))


def test_whole_numbers_that_are_drawn_are_added_to_large_ones_exactly():
    connectome = Connectome(1, [0, 0], [0, 0], properties={"n": np.array([2**60 + 1, 5])})
    options = {"how": "random_offset", "value": {"kind": "constant", "value": 2}}
    found = alter_property(connectome, property="n", **options, rng=rng()).properties["n"]
    assert found.tolist() == [2**60 + 3, 7]


@settings(deadline=None)
@given(connectomes(), st.floats(0, 1), st.integers(0, 9))
def test_exactly_a_fraction_of_the_synapses_that_meet_an_expression_is_changed(connectome, fraction, seed):
    numbers = np.arange(connectome.n_edges, dtype=np.int16)
    connectome = connectome.with_edges(connectome.pre, connectome.post, properties={"n": numbers})
    options = {"how": "set", "value": -1, "where": {"expression": "n >= 2", "fraction": fraction}}
    found = alter_property(connectome, property="n", **options, rng=rng(seed)).properties["n"]
    assert (found == -1).sum() == round(fraction * max(len(numbers) - 2, 0))
    assert found.dtype == np.int16
    assert np.array_equal(found[found != -1], numbers[found != -1])


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"fractoin": 0.5}, "unknown entry 'fractoin'; known: expression, fraction, synapses"),
        ({"expression": "weight > 1"}, "give either synapses or fraction"),
        ({"fraction": 2}, "fraction: 2; give a number from 0 to 1"),
        ({"synapses": 5}, "synapses: 5; there are 4 synapses"),
    ],
)
def test_a_part_that_cannot_be_drawn_is_told(where, message):
    with pytest.raises(OptionError, match=rf"^alter_property\.where[:.] ?{message}"):
        alter_property(EXAMPLE, property="weight", how="set", value=1, where=where, rng=rng())


@pytest.mark.parametrize("how", ["set", "scale", "shuffle", "random", "random_offset"])
def test_a_part_is_the_same_in_any_chunks(how, tmp_path):
    pre, post = rng().integers(0, 9, (2, 80))
    order = np.lexsort((pre, post))  # as they are written
    connectome = Connectome(9, pre[order], post[order], properties={"w": np.arange(80.0)})
    values = {"set": 7.0, "scale": 2.0, "shuffle": None}
    step = {"property": "w", "how": how, "where": {"expression": "w > 9", "fraction": 0.4}}
    step["value"] = values.get(how, {"kind": "normal", "mean": 1, "std": 0.2})
    circuit = open_circuit(write_sonata(connectome, tmp_path / "old"))
    expected = alter_property(connectome, **step, rng=step_rng(3, 0, "alter_property")).properties["w"]
    for number, mem_gb in enumerate((1, 1e-6)):
        recipe = [{"do": "alter_property", **step}]
        path = manipulate_circuit(circuit, tmp_path / f"new{number}", recipe=recipe, seed=3, mem_gb=mem_gb)
        assert np.array_equal(open_circuit(path).edges().table()["w"], expected)
