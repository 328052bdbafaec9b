"""Connections get other sources by a rule; connections are drawn by one."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from strategies import connectomes

from conntap import manipulate
from conntap.circuits import Connectome, rules
from conntap.circuits.rules import (
    Constant,
    DelayLine,
    Delays,
    Discrete,
    DoubleExponential,
    Exponential,
    Fixed,
    Gamma,
    Joint,
    Listed,
    Pathways,
    Properties,
    Property,
    SynapseCounts,
)
from conntap.errors import OptionError
from conntap.manipulate import rewire, rewire_estimate, rewired, shuffle_connections, wire
from conntap.manipulate.sourcing import Rewiring
from conntap.manipulate.wiring import Wiring
from conntap.study.document import load_study
from conntap.study.setup import prepare

few = settings(deadline=None, max_examples=60)
ALL = (((), (), Gamma(2.0, 1.0)),)
SYNAPSES = SynapseCounts((), ALL)
DELAYS = Delays((), (((), (), DelayLine(1.0, 0.01, 0.0, 0.1)),), ("x",))
PROPERTIES = Properties((), (Property("weight", "float32"),), (((), (), Joint((Fixed(9.0),))),))


def rng(seed=0):
    return np.random.default_rng(seed)


def pairs(connectome):
    return set(zip(connectome.pre.tolist(), connectome.post.tolist(), strict=True))


def in_degrees(connectome):
    counts = Counter(post for _, post in pairs(connectome))
    return [counts[post] for post in range(connectome.n_post)]


def column(n=40, density=0.2, synapses=2):
    """Cells of two types on a line, with parallel synapses that have a weight, a delay and a mark of their own."""
    source = rng(5)
    nodes = pd.DataFrame({"x": source.uniform(0, 100, n), "type": source.choice(["e", "i"], n)})
    pre, post = np.nonzero(source.random((n, n)) < density)
    pre, post = np.repeat(pre, synapses), np.repeat(post, synapses)
    columns = {"weight": source.random(len(pre)).astype("f4"), "delay": np.ones(len(pre)), "mark": np.arange(len(pre))}
    return Connectome(nodes, pre, post, properties=columns)


@few
@given(connectomes(square=None, max_nodes=9, max_edges=60), st.data(), st.integers(0, 9))
def test_in_degrees_are_kept_and_all_else_stays(connectome, data, seed):
    pre, post = (
        np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool)
        for n in (connectome.n_pre, connectome.n_post)
    )
    options = {"rule": Constant(0.3), "pre": pre, "post": post}
    meant = pre[connectome.pre] & post[connectome.post]
    others = np.full(connectome.n_post, pre.sum()) - (pre if connectome.is_square else 0)
    if (in_degrees(connectome.filter(meant)) > others).any():  # connected with all others and itself
        with pytest.raises(OptionError, match="more sources than the rule gives a chance"):
            rewire(connectome, **options, rng=rng(seed))
        return
    after = rewire(connectome, **options, rng=rng(seed))
    assert after.filter(~meant).edges.equals(connectome.filter(~meant).edges)
    assert after.post.tolist() == connectome.post.tolist()
    assert {name: list(column) for name, column in after.properties.items()} == {
        name: list(column) for name, column in connectome.properties.items()
    }
    assert in_degrees(after.filter(meant)) == in_degrees(connectome.filter(meant))
    assert pre[after.pre[meant]].all()
    new = pairs(after) - pairs(connectome)
    assert not connectome.is_square or all(one != other for one, other in new)
    assert len(pairs(after)) == len(pairs(connectome))


@few
@given(
    connectomes(square=None, max_nodes=9, max_edges=60), st.sampled_from(["both", "add", "delete"]), st.integers(0, 9)
)
def test_what_is_drawn_is_there_and_what_is_not_drawn_is_not(connectome, mode, seed):
    rule = DoubleExponential(0.0, 0.0, 1.0, 0.5, 0.0, positions=("place",))
    nodes = [
        each.drop(columns=each.columns).assign(place=0.0) for each in (connectome.pre_nodes, connectome.post_nodes)
    ]
    connectome = Connectome(
        nodes[0],
        connectome.pre,
        connectome.post,
        post_nodes=None if connectome.is_square else nodes[1],
        properties=connectome.properties,
    )
    drawn = pairs(wire(connectome.with_edges([], []), rule=rule, rng=rng(seed)))
    options = {"rule": rule, "preserve": "none", "mode": mode}
    if connectome.n_edges == 0 and connectome.properties:
        connectome = connectome.with_edges([], [])
    after = rewire(connectome, **options, rng=rng(seed))
    old = pairs(connectome)
    assert pairs(after) == {"both": drawn, "add": old | drawn, "delete": old & drawn}[mode]
    assert not connectome.is_square or all(one != other for one, other in drawn)
    for name, values in connectome.properties.items():
        assert after.properties[name].dtype == values.dtype
        assert set(after.properties[name].tolist()) <= set(values.tolist())
    told = rewired(connectome, after, per="total").loc["all"]
    assert (told["before"], told["after"]) == (len(old), len(pairs(after)))
    assert told["stay"] == len(old & pairs(after))
    assert told["after"] == told["stay"] + told["rewired"] + told["added"]


@pytest.mark.parametrize("rule", [Exponential(0.5, 0.02, ("x",)), DoubleExponential(0.1, 0.0, 1.0, 0.4, 0.02, ("x",))])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"delays": DELAYS},
        {"properties": PROPERTIES},
        {"properties": {"how": "sample", "by": "type", "synapses": SYNAPSES}},
        {"preserve": "none", "properties": {"by": "type", "values": PROPERTIES}, "delays": DELAYS},
        {"preserve": "number", "properties": {"synapses": SYNAPSES}},
        {"preserve": "none", "mode": "add", "pre": {"type": "e"}},
    ],
    ids=str,
)
def test_any_parts_give_the_same_bits(rule, options):
    before = column()
    whole = rewire(before, rule=rule, **options, rng=rng(3))
    work = Rewiring(before, {"rule": rule, **options}, rng(3))
    parts = [(0, 1), (1, 17), (17, 17), (17, 40)]
    chunks = [before.filter((before.post >= first) & (before.post < last)) for first, last in parts]
    for chunk in reversed(chunks) if work.looks else []:
        work.look(chunk)
    work.settle()
    found = pd.concat([work.apply(chunk, part)[0].edges for chunk, part in zip(chunks, parts, strict=True)])
    by_post = {"by": "post", "kind": "stable", "ignore_index": True}
    pd.testing.assert_frame_equal(found.sort_values(**by_post), whole.edges.sort_values(**by_post))


def test_synapses_go_together_to_another_source():
    before = column()
    after = rewire(before, rule=Constant(0.1), delays=DELAYS, rng=rng())
    assert after.properties["mark"].tolist() == before.properties["mark"].tolist()
    assert (after.pre[::2] == after.pre[1::2]).all()
    moved = after.pre != before.pre
    x = before.nodes["x"].to_numpy()
    assert 0 < (~moved).sum() < moved.sum()
    assert np.allclose(after.properties["delay"][moved], 1 + 0.01 * np.abs(x[after.pre] - x[after.post])[moved])
    assert (after.properties["delay"][~moved] == 1).all()
    assert len(pairs(after)) == len(pairs(before))


def test_only_what_changes_takes_values_of_a_model():
    before = column()
    after = rewire(before, rule=Constant(0.1), properties=PROPERTIES, rng=rng())
    moved = after.pre != before.pre
    assert (after.properties["weight"][moved] == 9).all()
    assert after.properties["weight"].dtype == np.float32
    assert (after.properties["weight"][~moved] == before.properties["weight"][~moved]).all()


def test_new_connections_are_made_like_those_onto_their_own_type():
    before = column()
    types = before.nodes["type"].to_numpy()
    after = rewire(before, rule=Constant(0.5), preserve="none", mode="add", properties={"by": "type"}, rng=rng())
    assert after.edges.iloc[: before.n_edges].equals(before.edges)
    new = np.arange(before.n_edges, after.n_edges)
    model = after.properties["mark"][new]
    assert (types[before.post[model]] == types[after.post[new]]).all()
    assert (np.diff(after.pre[new]) >= 0).all()


def test_a_source_of_a_rectangular_connectome_may_have_the_row_of_its_target():
    after = wire(Connectome(2, [], [], post_nodes=2), rule=Constant(1.0), rng=rng())
    assert pairs(after) == {(0, 0), (0, 1), (1, 0), (1, 1)}


def inclusions(weights, size, draws, seed=0):
    """How often each source is drawn when `size` are, by another way: numpy's choice."""
    source, found = rng(seed), np.zeros(len(weights))
    for _ in range(draws):
        found[source.choice(len(weights), size, replace=False, p=weights / weights.sum())] += 1
    return found


@pytest.mark.parametrize("boxed", [True, False])
@pytest.mark.parametrize("size", [1, 3, 6, 7])
def test_weighted_draws_are_those_of_choice(boxed, size):
    weights, n = np.array([0.5, 0.1, 0.05, 0.3, 0.2, 0.9, 0.01, 0.4]), 8000
    sources = pd.DataFrame({"x": -np.log(weights) * 100})
    targets = pd.DataFrame({"x": np.zeros(n)})
    rule = Exponential(1.0, 0.01, ("x",)) if boxed else DoubleExponential(0.0, 0.0, 1.0, 1.0, 0.01, ("x",))
    before = Connectome(sources, np.tile(np.arange(size), n), np.repeat(np.arange(n), size), post_nodes=targets)
    after = rewire(before, rule=rule, rng=rng(size))
    assert in_degrees(after) == [size] * n
    found, wanted = np.bincount(after.pre, minlength=8), inclusions(weights, size, n)
    middle = (found + wanted) / 2
    spread = 2 * middle * (1 - middle / n)
    assert ((found - wanted) ** 2 / np.maximum(spread, 1)).sum() < chi2.ppf(1 - 1e-4, 8)


@pytest.mark.parametrize(
    "rule",
    [
        Constant(0.2),
        Exponential(0.6, 0.02, ("x",)),
        rules.Bipolar(0.6, 0.02, 0.1, 0.0, ("x",), "x"),
        Pathways(("type",), (("e", "i", Constant(0.7)), ("i", "e", Exponential(1.0, 0.01, ("x",))))),
        DoubleExponential(0.2, 0.001, 2.0, 0.3, 0.02, ("x",)),
        Listed(np.array([1, 3, 5]), np.array([2, 2, 0]), np.array([0.5, 1.0, 0.1])),
    ],
    ids=lambda rule: type(rule).__name__,
)
def test_connections_are_drawn_as_the_rule_says(rule):
    nodes, n = column(24).nodes, 400
    expected = rule.probabilities(nodes, nodes)
    np.fill_diagonal(expected, 0)
    counts = np.zeros_like(expected)
    for seed in range(n):
        after = wire(Connectome(nodes, [], []), rule=rule, rng=rng(seed))
        counts[after.pre, after.post] += 1
    sure = (expected < 1e-9) | (expected > 1 - 1e-9)
    assert np.allclose(counts[sure], n * expected[sure])
    p = expected[~sure]
    assert ((counts[~sure] - n * p) ** 2 / (n * p * (1 - p))).sum() < chi2.ppf(1 - 1e-4, len(p))


def test_what_is_expected_is_what_is_drawn_in_the_mean():
    before, rule, n = column(30), Exponential(0.9, 0.02, ("x",)), 300
    for preserve, tolerance in (("none", 5), ("in-degree", 6)):
        expected = rewire_estimate(before, rule=rule, preserve=preserve).sum()
        found = [
            rewired(before, rewire(before, rule=rule, preserve=preserve, rng=rng(seed)), per="total")
            for seed in range(n)
        ]
        found = pd.concat(found)
        assert expected["connections"] == found["before"].iloc[0]
        for name, values in {"after": found["after"], "stay": found["stay"]}.items():
            assert abs(values.mean() - expected[name]) < tolerance * values.std() / np.sqrt(n) + 0.02 * expected["stay"]


def test_new_connections_get_what_models_say():
    nodes = column().nodes
    options = {"rule": Constant(0.3), "synapses": SYNAPSES, "delays": DELAYS, "properties": PROPERTIES}
    after = wire(Connectome(nodes, [], []), **options, rng=rng())
    counts = np.array(list(Counter(zip(after.pre.tolist(), after.post.tolist(), strict=True)).values()))
    assert abs(counts.mean() - 2.0) < 0.25
    assert set(after.properties) == {"weight", "delay"}
    assert (after.properties["weight"] == 9).all()
    again = wire(after, **options, rng=rng(1))
    assert again.edges.iloc[: after.n_edges].equals(after.edges)
    old, new = pairs(after), pairs(again.filter(np.arange(again.n_edges) >= after.n_edges))
    assert new
    assert not old & new


def test_parts_are_wired_as_the_whole_is():
    before, options = column().connections(), {"rule": Constant(0.3), "synapses": SYNAPSES}
    before = before.with_edges(before.pre, before.post)
    whole = wire(before, **options, rng=rng(3))
    work, found = Wiring(before, options, rng(3)), Counter()
    for part in [(0, 1), (1, 17), (17, 40)]:
        chunk = before.filter((before.post >= part[0]) & (before.post < part[1]))
        after = work.apply(chunk, part)[0]
        found.update(zip(after.pre.tolist(), after.post.tolist(), strict=True))
    assert found == Counter(zip(whole.pre.tolist(), whole.post.tolist(), strict=True))


def test_the_input_is_untouched_and_equal_seeds_give_equal_bits():
    before, copy = column(), column()
    first, second = (rewire(before, rule=Constant(0.2), preserve="none", rng=rng(4)) for _ in range(2))
    assert first.edges.equals(second.edges)
    assert not first.edges.equals(rewire(before, rule=Constant(0.2), preserve="none", rng=rng(5)).edges)
    assert before == copy


def test_text_of_a_model_joins_the_categories_there_are():
    before = Connectome(3, [0, 1], [2, 2], properties={"kind": pd.Categorical(["p", "q"])})
    model = Properties((), (Property("kind", "category"),), (((), (), Joint((Discrete(("r",), (1.0,)),))),))
    after = wire(before, rule=Constant(1.0), properties=model, rng=rng())
    assert after.properties["kind"].tolist() == ["p", "q", "r", "r", "r", "r"]


def test_too_few_sources_with_a_chance_are_an_error_with_the_counts():
    before = Connectome(["a", "b", "c", "d"], [0, 1, 2], [3, 3, 3])
    rule = Listed(np.array(["a", "b"]), np.array(["d", "d"]), np.array([0.5, 1e-6]))
    with pytest.raises(OptionError, match=r"rewire\.rule: post nodes .* such as d: 3 sources, 2 with p > 0"):
        rewire(before, rule=rule, rng=rng())
    nodes = pd.DataFrame({"x": [0.0, 1.0, 1e5, 0.0]}, index=list("abcd"))
    with pytest.raises(OptionError, match="such as d: 3 sources, 2 with p > 0"):
        rewire(Connectome(nodes, [0, 1, 2], [3, 3, 3]), rule=Exponential(1.0, 1.0, ("x",)), rng=rng())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": {"kind": "Constnt", "p": 1}}, "unknown kind of rule 'Constnt'.*Did you mean 'Constant'"),
        ({"rule": SYNAPSES}, "rewire.rule: a SynapseCounts gives no probability"),
        ({"rule": Exponential(0.1, 0.1, ("y",))}, "unknown node property 'y'"),
        ({"mode": "add"}, "rewire.mode: 'add' changes in-degrees"),
        ({"delays": SYNAPSES}, "rewire.delays: model SynapseCounts; give a model of kind Delays"),
        ({"properties": 3}, "rewire.properties: value int; give a model of kind Properties"),
        ({"properties": "resue"}, "Did you mean 'reuse'"),
        ({"properties": {"by": "mtype"}}, "unknown node property 'mtype'"),
        ({"properties": {"bye": "mtype"}}, "rewire.properties: unknown name 'bye'.*Did you mean 'by'"),
        ({"properties": {"how": "resue"}}, "rewire.properties.how.*Did you mean 'reuse'"),
        ({"properties": {"synapses": DELAYS}}, "rewire.properties.synapses: model Delays"),
        ({"scale": 0.5}, "rewire.scale: 0.5 changes nothing where 'in-degree' is preserved"),
        ({"scale": -1, "preserve": "none"}, "rewire.scale: -1; give a number from 0 on"),
        ({"mode": "add", "preserve": "number"}, "rewire.mode: 'add' changes the number of connections"),
        ({"rule": Constant(0.0), "preserve": "number"}, "no factor makes the rule give more than 0"),
        ({"rule": {"path": "nowhere.json"}}, "rewire.rule: nowhere.json: there is no such file"),
        ({"rule": {"path": "a.json", "part": "b"}}, "and nothing else"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        rewire(column(), **({"rule": Constant(0.1)} | options), rng=rng())


def test_properties_that_cannot_be_given_are_refused():
    before = column()
    with pytest.raises(OptionError, match=r"wire\.properties: edges have delay, mark, weight, which no model gives"):
        wire(before, rule=Constant(0.1), rng=rng())
    with pytest.raises(OptionError, match="have no delay, which a model gives"):
        wire(Connectome(before.nodes, [0], [1]), rule=Constant(0.1), delays=DELAYS, rng=rng())
    bare = Connectome(before.nodes, [0], [1])
    with pytest.raises(OptionError, match="edges that stay have no property delay"):
        rewire(bare, rule=Constant(0.1), delays=DELAYS, rng=rng())
    empty = before.filter(np.zeros(before.n_edges, dtype=bool))
    with pytest.raises(OptionError, match="no connection is there whose delay, mark, weight new ones could have"):
        rewire(empty, rule=Constant(0.5), preserve="none", rng=rng())


def test_a_rule_that_gives_no_probabilities_is_refused():
    class Wrong:
        def probabilities(self, pre, post):
            return np.full((len(pre), len(post)), 1.5)

    with pytest.raises(OptionError, match="gives numbers that are no probabilities"):
        wire(Connectome(3, [], []), rule=Wrong(), rng=rng())


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_draw_from_gives_nothing(n):
    empty = Connectome(n, [], [])
    assert wire(empty, rule=Constant(1.0), rng=rng()).n_edges == 0
    assert rewire(empty, rule=Constant(1.0), preserve="none", rng=rng()).n_edges == 0
    assert len(rewire_estimate(empty, rule=Constant(1.0))) == n
    assert manipulate.rewired(empty, empty)["after"].sum() == 0


@few
@given(connectomes(max_nodes=9, max_edges=60), st.data(), st.integers(0, 9))
def test_a_shuffle_keeps_degrees_and_the_synapses_of_connections(connectome, data, seed):
    n = connectome.n_nodes
    nodes = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool)
    after = shuffle_connections(connectome, nodes=nodes, sweeps=3, rng=rng(seed))
    meant = nodes[connectome.pre] & nodes[connectome.post] & (connectome.pre != connectome.post)
    assert after.filter(~meant).edges.equals(connectome.filter(~meant).edges)
    assert after.post.tolist() == connectome.post.tolist()
    for name, values in connectome.properties.items():
        assert after.properties[name].tolist() == values.tolist()
    assert in_degrees(after) == in_degrees(connectome)
    turned = [each.with_edges(each.post, each.pre) for each in (after, connectome)]
    assert in_degrees(turned[0]) == in_degrees(turned[1])
    together = {}
    for old, new, post in zip(connectome.pre, after.pre, connectome.post, strict=True):
        assert together.setdefault((old, post), new) == new
    assert pairs(after.filter(meant)) & {(node, node) for node in range(n)} == set()


def test_a_shuffle_moves_most_connections_and_their_delays():
    before = column()
    after = shuffle_connections(before, delays=DELAYS, rng=rng())
    told = rewired(before, after, per="total").loc["all"]
    assert told["rewired"] > told["stay"]
    moved, x = after.pre != before.pre, before.nodes["x"].to_numpy()
    assert np.allclose(after.properties["delay"][moved], 1 + 0.01 * np.abs(x[after.pre] - x[after.post])[moved])
    assert (after.properties["delay"][~moved] == 1).all()
    with pytest.raises(OptionError, match="rectangular"):
        shuffle_connections(Connectome(2, [0], [0], post_nodes=1), rng=rng())


# -- numbers of connections and of synapses ----------------------------------------------------------------------


@pytest.mark.parametrize("rule", [Exponential(0.9, 0.02, ("x",)), DoubleExponential(0.1, 0.01, 1.0, 0.01, 0.0, ("x",))])
def test_the_rule_is_scaled_to_the_number_of_connections_there_are(rule):
    before, n = column(30, density=0.4), 200
    expected = rewire_estimate(before, rule=rule, preserve="number")
    present = len(pairs(before))
    assert expected["after"].sum() == pytest.approx(present, rel=1e-6)
    found = [len(pairs(rewire(before, rule=rule, preserve="number", rng=rng(seed)))) for seed in range(n)]
    assert abs(np.mean(found) - present) < 5 * np.std(found) / np.sqrt(n)


def test_a_scale_multiplies_chances_up_to_1():
    before, rule = column(30), Exponential(0.9, 0.02, ("x",))
    chances = rule.probabilities(before.nodes, before.nodes)
    np.fill_diagonal(chances, 0.0)
    expected = rewire_estimate(before, rule=rule, preserve="none", scale=1.7)
    assert expected["after"].to_numpy() == pytest.approx(np.minimum(1.7 * chances, 1.0).sum(axis=0))
    assert len(pairs(rewire(before, rule=rule, preserve="none", scale=0.0, rng=rng()))) == 0


def test_an_estimate_refuses_what_rewiring_refuses():
    before, rule = column(12, density=0.9), Listed(np.array([0]), np.array([1]))
    for call in (lambda **each: rewire(before, rng=rng(), **each), lambda **each: rewire_estimate(before, **each)):
        with pytest.raises(OptionError, match="more sources than the rule gives a chance"):
            call(rule=rule)
        with pytest.raises(OptionError, match="no factor makes the rule give more than 1"):
            call(rule=rule, preserve="number")
        with pytest.raises(OptionError, match="changes nothing where"):
            call(rule=rule, preserve="number", scale=2.0)


def test_new_connections_have_as_many_synapses_as_a_model_says_and_take_properties_in_turn():
    nodes = column(60).nodes
    before = Connectome(nodes, [0, 0], [1, 1], properties={"mark": [7, 8]})
    options = {"rule": Constant(0.5), "preserve": "none", "mode": "add"}
    counts = SynapseCounts((), (((), (), Gamma(3.0, 0.0)),))
    after = rewire(before, **options, properties={"synapses": counts}, rng=rng())
    assert after.properties["mark"][:2].tolist() == [7, 8]
    new = after.filter(np.arange(after.n_edges) >= 2)
    assert set(Counter(zip(new.pre.tolist(), new.post.tolist(), strict=True)).values()) == {3}
    assert new.properties["mark"][:3].tolist() == [7, 8, 7]


def test_values_are_for_new_connections_alone_and_a_model_for_all_that_change():
    before = column()
    options = {"rule": Constant(0.5), "preserve": "none", "rng": rng()}
    after = rewire(before, **options, properties={"values": PROPERTIES})
    assert 0 < (after.properties["weight"] == 9).sum() < after.n_edges
    assert (after.properties["weight"][len(after.properties["weight"]) - 50 :] == 9).all()
    moved = after.pre[: before.n_edges] if after.n_edges >= before.n_edges else after.pre
    assert (after.properties["weight"][: len(moved)] != 9).all()


def test_a_model_may_stand_in_a_file(tmp_path):
    before, rule = column(), Exponential(0.5, 0.02, ("x",))
    paths = {name: rules.save(model, tmp_path / f"{name}.json") for name, model in (("rule", rule), ("delays", DELAYS))}
    given = {"rule": {"path": str(paths["rule"])}, "delays": {"path": paths["delays"]}}
    one, other = rewire(before, **given, rng=rng()), rewire(before, rule=rule, delays=DELAYS, rng=rng())
    assert one == other


def test_a_study_takes_models_from_files_beside_it_and_their_content_counts(tmp_path):
    rules.save(Constant(0.5), tmp_path / "rule.json")
    rules.save(SynapseCounts((), (((), (), Gamma(3.0, 0.0)),)), tmp_path / "n.json")
    pd.DataFrame({"pre": [0, 1, 2], "post": [1, 2, 3]}).to_csv(tmp_path / "edges.csv", index=False)
    (tmp_path / "study.yaml").write_text(
        "study: files\nseed: 1\ncircuits: {ring: {path: edges.csv}}\nstages:\n"
        "  ring: {do: circuits.connectome, of: circuits.ring}\n"
        "  other: {do: manipulate.rewire, of: ring, rule: {path: rule.json}, preserve: none,\n"
        "    properties: {how: sample, synapses: {path: n.json}}}\n"
    )
    study = load_study(tmp_path / "study.yaml")
    assert study.stages["other"].options["rule"] == {"path": tmp_path / "rule.json"}
    assert study.stages["other"].options["properties"]["synapses"] == {"path": tmp_path / "n.json"}
    keys = {each.key for each in prepare(study)[0]["other"].units}
    rules.save(Constant(0.6), tmp_path / "rule.json")
    assert keys != {each.key for each in prepare(study)[0]["other"].units}


def test_what_follows_new_connections_draws_the_same_in_any_chunks(tmp_path):
    from conntap.circuits import open_circuit
    from conntap.circuits.sonata.writing import write_sonata
    from conntap.manipulate.circuits import manipulate_circuit

    circuit = open_circuit(write_sonata(Connectome(6, [0, 1, 5, 2], [1, 1, 3, 4]), tmp_path / "old"))
    rule = {"kind": "Constant", "p": 0.6}
    recipe = [{"do": "rewire", "rule": rule, "preserve": "none"}, {"do": "subsample", "fraction": 0.5}]
    for first in ({"do": "wire", "rule": rule}, recipe[0]):
        found = [
            open_circuit(
                manipulate_circuit(circuit, tmp_path / f"{first['do']}{gb}", recipe=[first, recipe[1]], mem_gb=gb)
            )
            for gb in (1e-9, 1.0)
        ]
        one, other = (each.edges().connectome().edges for each in found)
        pd.testing.assert_frame_equal(one, other)


def test_a_model_of_a_property_that_edges_lack_is_refused_whatever_is_drawn():
    edges = Connectome(3, [0], [1], properties={"weight": [1.0]})
    model = {"kind": "DelayLine", "a_ms": 1.0, "b_ms_per_um": 0.0, "sd_ms": 0.0, "least_ms": 0.1}
    delays = {"kind": "Delays", "by": [], "pathways": [[[], [], model]], "positions": ["x"]}
    with pytest.raises(OptionError, match="have no property delay, which a model gives; they have: weight"):
        rewire(edges, rule={"kind": "Constant", "p": 0.0}, preserve="none", delays=delays, rng=np.random.default_rng(0))


def test_models_of_new_synapses_that_never_come_ask_for_nothing_in_chunks(tmp_path):
    from conntap.circuits import open_circuit
    from conntap.circuits.sonata.writing import write_sonata
    from conntap.manipulate.circuits import manipulate_circuit

    joint = {"kind": "Joint", "distributions": [{"kind": "Fixed", "value": 2.0}], "correlation": None}
    weight = {
        "kind": "Property",
        "name": "weight",
        "dtype": "float64",
        "within": "synapse",
        "lower": None,
        "upper": None,
    }
    values = {"kind": "Properties", "by": [], "properties": [weight], "pathways": [[[], [], joint]]}
    old = Connectome(4, [0, 1, 2, 3], [1, 2, 3, 0], properties={"weight": [1.0, 2.0, 3.0, 4.0]})
    step = {"do": "rewire", "rule": {"kind": "Constant", "p": 0.5}, "properties": {"values": values}}
    new = manipulate_circuit(open_circuit(write_sonata(old, tmp_path / "old")), tmp_path / "new", recipe=[step])
    assert sorted(open_circuit(new).edges().connectome(properties=None).properties["weight"]) == [1, 2, 3, 4]
