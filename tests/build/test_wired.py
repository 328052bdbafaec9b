"""Nodes wired by a rule: which pairs, how many synapses, what they carry."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap import Connectome
from conntap.build import distance
from conntap.circuits.rules import (
    Constant,
    DelayLine,
    Delays,
    Exponential,
    Gamma,
    Joint,
    Properties,
    Property,
    SynapseCounts,
    fit_probability,
    save,
)
from conntap.errors import OptionError
from conntap.study import load_study, run

LINE = pd.DataFrame({"x": [0.0, 10.0, 500.0]}, index=[5, 7, 9])
FALL = {"kind": "Exponential", "a": 1.0, "b": 0.1, "positions": ["x"]}


def wired(nodes, seed=0, **options):
    return distance(nodes, rng=np.random.default_rng(seed), **options)


def cloud(n, seed=0):
    return pd.DataFrame(np.random.default_rng(seed).uniform(0, 300, (n, 3)), columns=["x", "y", "z"])


def test_near_nodes_are_connected_far_ones_are_not():
    found = [wired(LINE, seed, rule=FALL).edges for seed in range(300)]
    pairs = pd.concat(found).value_counts()
    assert set(pairs.index) <= {(5, 7), (7, 5)}
    assert pairs.to_numpy() == pytest.approx(300 * np.exp(-1), abs=4 * np.sqrt(300 * 0.37 * 0.63))


def test_what_is_built_by_a_rule_is_what_a_fit_finds():
    c = wired(cloud(1500), rule=Exponential(0.4, 0.01))
    numbers = fit_probability(c).numbers
    assert (np.abs(numbers["value"] - [0.4, 0.01]) < 4.5 * numbers["error"]).all()


@pytest.mark.parametrize("order", [1, 2, 3, "2-complex", "4-reduced", "5-reduced"])
def test_rules_of_every_order_that_were_fitted_give_as_many_connections_again(order):
    c = wired(cloud(600), rule=Exponential(0.4, 0.01))
    again = wired(c.nodes, 1, rule=fit_probability(c, order=order))
    assert again.n_edges == pytest.approx(c.n_edges, abs=8 * np.sqrt(c.n_edges))
    assert (again.pre != again.post).all()


def test_a_connectome_is_wired_anew_and_left_as_it_is():
    c = Connectome(LINE, [0], [2], properties={"weight": [1.0]})
    after = wired(c, rule={"kind": "Constant", "p": 1.0}, pre=[5], post="x > 1")
    assert after.edges.to_numpy().tolist() == [[5, 7], [5, 9]]
    assert c.n_edges == 1
    assert not after.properties


def test_two_tables_of_nodes_are_wired_from_the_one_to_the_other():
    c = Connectome(2, [], [], post_nodes=3)
    assert wired(c, rule=Constant(1.0)).n_edges == 6


def test_models_say_how_many_synapses_and_what_they_carry():
    synapses = SynapseCounts((), (((), (), Gamma(3.0, 0.0)),))
    delays = Delays((), (((), (), DelayLine(1.0, 0.1, 0.0, 0.1)),), ("x",))
    weights = Properties((), (Property("weight", "float64"),), (((), (), Joint((Gamma(2.0, 1.0),))),))
    c = wired(LINE, rule=Constant(1.0), synapses=synapses, delays=delays, properties=weights)
    assert c.n_edges == 18
    assert c.connections().properties["count"].tolist() == [3] * 6
    assert c.properties["delay"][:6].tolist() == pytest.approx([2.0] * 3 + [51.0] * 3)
    assert len(set(c.properties["weight"])) == 18


@settings(max_examples=20)
@given(st.integers(0, 40), st.floats(0, 1), st.integers(0, 99))
def test_pairs_are_sorted_and_come_once(n, p, seed):
    c = wired(cloud(n), seed, rule=Constant(p))
    keys = c.pre.astype(np.int64) * max(1, n) + c.post
    assert (np.diff(keys) > 0).all()
    assert c == wired(cloud(n), seed, rule=Constant(p))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rule": {"kind": "Exponentiall"}}, r"distance\.rule: unknown kind"),
        ({"rule": Gamma(1.0, 1.0)}, r"distance\.rule: a Gamma"),
        ({"rule": Exponential(0.1, 0.1)}, "'y'"),
        ({"rule": Constant(0.5), "delays": Constant(0.5)}, r"distance\.delays: a Constant"),
        ({"rule": Constant(0.5), "pre": "layer == 4"}, r"distance\.pre"),
    ],
)
def test_what_does_not_fit_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        wired(LINE, **options)


def test_what_is_neither_a_table_nor_a_connectome_is_told():
    with pytest.raises(OptionError, match="a table of nodes, or a connectome"):
        wired([1, 2], rule=Constant(0.5))


def test_a_study_wires_a_column_anew_by_a_model_in_a_file(tmp_path):
    save(Exponential(0.2, 0.01), tmp_path / "model.json")
    (tmp_path / "study.yaml").write_text(
        "study: wired\nseed: 1\nstages:\n"
        "  cells: {do: build.column, n_nodes: 60}\n"
        "  wired: {do: build.distance, of: cells, rule: {path: model.json}, repeat: 2}\n"
        "  counts: {do: analyze.degrees, of: wired}\n"
    )
    run(load_study(tmp_path / "study.yaml"))
