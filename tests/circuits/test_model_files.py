"""Models in files and stores: equal when read again, readable without conntap, and refused when damaged."""

import json
from contextlib import suppress

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.circuits.connectome import Connectome
from conntap.circuits.rules import (
    Bin,
    Bipolar,
    Constant,
    DelayLine,
    Delays,
    Discrete,
    DoubleExponential,
    Exponential,
    Fixed,
    Gamma,
    Interpolated,
    Joint,
    Listed,
    Normal,
    Pathways,
    Poisson,
    PositionTable,
    PositivePoisson,
    Properties,
    Property,
    Sided,
    SynapseCounts,
    TruncatedNormal,
    VoxelMap,
    draw,
    fit_delays,
    fit_probability,
    fit_properties,
    fit_synapses,
    load,
    rule_from_dict,
    save,
)
from conntap.errors import FormatError, OptionError
from conntap.store import open_store
from conntap.store.codecs import decode, encode
from conntap.study import load_study, run

TABLE = Interpolated((("offset", "x"), ("place", "y")), (Bin(-1.0, 1.0, 2), Bin(0.0, 2.0, 1)), np.array([[0.1], [0.2]]))
RULES = [
    Constant(0.25),
    Exponential(0.5, 0.01, ("x",)),
    Bipolar(0.1, 0.2, 0.3, 0.4),
    DoubleExponential(0.1, 0.2, 0.3, 0.4, 0.5),
    Sided(Constant(0.1), DoubleExponential(0.1, 0.2, 0.3, 0.4, 0.5), "depth"),
    TABLE,
    Listed(np.array([3, 4]), np.array([4, 3]), np.array([0.5, 1.0])),
    Listed(np.array(["a", "bü"]), np.array(["c", "d"])),
    Pathways(("layer", "ei"), (((4, "e"), (5, "i"), TABLE), ((4, "e"), (4, "e"), Constant(0.1)))),
]
JOINT = Joint(
    (
        Normal(0.0, 1.0),
        TruncatedNormal(0.0, 1.0, -1.0, 1.0),
        Poisson(2.0),
        PositivePoisson(1.0),
        Discrete(("a", "b"), (0.5, 0.5)),
    ),
)
PAIR = Joint((Fixed(1.0), Gamma(1.0, 2.0)), ((1.0, 0.5), (0.5, 1.0)))
MODELS = [
    *RULES,
    SynapseCounts(("ei",), ((("e",), ("i",), Gamma(2.0, 1.0)), ((), (), Gamma(3.0, 0.0)))),
    Delays(("layer",), (((4,), (), DelayLine(1.0, 0.003, 0.2, 0.1)),), ("x", "y")),
    Delays((), (((), (), DelayLine(1.0, 0.003, 0.2, 0.1)),), ("x",), "delay_ms"),
    Properties((), tuple(Property(n, "category" if n == "e" else "float32") for n in "abcde"), (((), (), JOINT),)),
    Properties(("ei",), (Property("a"), Property("b", "int16", "connection", 0.0, 9.0)), ((("e",), ("e",), PAIR),)),
    PositionTable(("u", "v"), np.array(["n1", "n2"]), np.array([[1.0, np.nan], [3.0, 4.0]])),
    VoxelMap(("u",), ("x", "y"), (0.0, 0.0), (10.0, 20.0), np.arange(6.0).reshape(2, 3, 1)),
]
of_models = pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)


@of_models
def test_a_model_comes_back_from_its_files_and_from_a_store(model, tmp_path):
    assert load(save(model, tmp_path / "model.json")) == model
    assert decode(encode(model)) == model


@pytest.mark.parametrize("rule", RULES, ids=lambda model: type(model).__name__)
def test_a_rule_comes_back_from_plain_values(rule):
    assert rule_from_dict(json.loads(json.dumps(rule.to_dict()))) == rule


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), st.floats(-9, 9), st.floats(0.1, 9))
def test_any_table_goes_through_a_store_unchanged(values, origin, width):
    rule = Interpolated((("distance", "x"),), (Bin(origin, width, len(values)),), np.array(values))
    assert decode(encode(rule)) == rule


@pytest.fixture(scope="module")
def edges():
    source = np.random.default_rng(0)
    nodes = pd.DataFrame(source.uniform(0, 300, (200, 3)), columns=["x", "y", "z"]).assign(
        ei=source.choice(["e", "i"], 200)
    )
    pre, post = draw(Exponential(0.3, 0.01), nodes, rng=source)
    pre, post = np.repeat(pre, 2), np.repeat(post, 2)
    return Connectome(
        nodes, pre, post, properties={"delay": source.gamma(2, 1, len(pre)), "u": source.normal(size=len(pre))}
    )


@pytest.mark.parametrize(
    "fitted",
    [
        lambda c: fit_probability(c, order=2, by="ei", folds=3),
        lambda c: fit_probability(c, order=3),
        lambda c: fit_probability(c, order="4-reduced"),
        lambda c: fit_probability(c, order="listed"),
        lambda c: fit_synapses(c, by="ei"),
        lambda c: fit_delays(c, by="ei"),
        lambda c: fit_properties(c, properties={"u": "normal", "delay": "gamma"}, copula="gaussian"),
    ],
)
def test_what_was_fitted_comes_back_with_its_tables(fitted, edges, tmp_path):
    value = fitted(edges)
    assert load(save(value, tmp_path / "model.json")) == value
    assert decode(encode(value)) == value


def test_files_are_read_without_conntap(tmp_path):
    path = save(TABLE, tmp_path / "rule.json")
    document = json.loads(path.read_text())
    assert (document["format"], document["version"], document["model"]["kind"]) == ("conntap-model", 1, "Interpolated")
    with h5py.File(tmp_path / document["arrays"]["file"]) as file:
        assert file[document["model"]["table"]["array"]][()].tolist() == TABLE.table.tolist()


def change(path, how):
    document = json.loads(path.read_text())
    how(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda d: d.pop("format"), "no model of conntap"),
        (lambda d: d.update(version=9), "version 9; this conntap reads 1 to 1"),
        (lambda d: d.update(version=True), "version True"),
        (lambda d: d["model"].update(kind="Sytem"), "unknown kind 'Sytem'"),
        (lambda d: d["model"].update(kind=["Constant"]), "unknown kind"),
        (lambda d: d["model"].update(kind="Bin"), "Bin holds origin, width, size"),
        (lambda d: d["model"].update(extra=1), "missing or too many: extra"),
        (lambda d: d["model"].pop("bins"), "missing or too many: bins"),
        (lambda d: d["model"].update(bins=3), "what it holds is no Interpolated"),
        (lambda d: d["model"].update(table={"array": "array9"}), "unknown array 'array9'"),
        (lambda d: d["model"].update(table=[[5.0], [0.1]]), "no probability"),
        (lambda d: d["model"].update(features=[["offset", 3], ["place", "y"]]), "is no feature"),
        (lambda d: d.update(model=0.5), "no model but a float"),
        (lambda d: d.update(model={"kind": "Bin", "origin": 0.0, "width": 1.0, "size": 1}), "no model but a Bin"),
        (lambda d: d["arrays"].update(file="../rule.h5"), "must name a .h5 file in the same folder"),
        (lambda d: d["arrays"].update(file="other.h5"), "its arrays, other.h5, are missing"),
        (lambda d: d["arrays"].update(sha256="0"), "not the bytes"),
        (lambda d: d.update(arrays=[1]), "arrays.file is None"),
    ],
)
def test_a_file_that_was_changed_is_refused(how, words, tmp_path):
    path = save(TABLE, tmp_path / "rule.json")
    change(path, how)
    with pytest.raises(FormatError, match=words):
        load(path)


@of_models
def test_no_change_of_a_value_is_more_than_a_clear_error(model, tmp_path):
    path = save(model, tmp_path / "model.json")
    text = path.read_text()
    for wrong in (None, "a", -1e300, [], {}, [[1]], {"array": 0}, {"kind": "Fitted"}, True):
        for name in json.loads(text)["model"]:
            path.write_text(text)
            change(path, lambda d, name=name, wrong=wrong: d["model"].update({name: wrong}))
            with suppress(FormatError):
                load(path)


def test_damaged_bytes_are_refused(tmp_path):
    path = save(TABLE, tmp_path / "rule.json")
    beside = tmp_path / "rule.h5"
    whole = beside.read_bytes()
    beside.write_bytes(whole[:600] + bytes([whole[600] ^ 1]) + whole[601:])
    with pytest.raises(FormatError, match="not the bytes"):
        load(path)
    beside.write_bytes(whole)
    path.write_text(path.read_text()[:-30])
    with pytest.raises(FormatError, match="no JSON"):
        load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(FormatError, match="no JSON"):
        load(path)
    path.write_text("[" * 100_000)
    with pytest.raises(FormatError, match=r"rule.json"):
        load(path)


def test_a_link_to_another_file_is_not_followed(tmp_path):
    path = save(TABLE, tmp_path / "rule.json")
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["array0"] = np.array([[0.1], [0.2]])
    with h5py.File(tmp_path / "rule.h5", "w") as file:
        file["array0"] = h5py.ExternalLink("secret.h5", "/array0")
    from conntap.store.files import sha256

    change(path, lambda d: d["arrays"].update(sha256=sha256(tmp_path / "rule.h5")))
    with pytest.raises(FormatError, match="is a link"):
        load(path)


def test_what_is_no_model_is_not_saved(tmp_path):
    with pytest.raises(OptionError, match="a float is no model"):
        save(0.5, tmp_path / "model.json")
    with pytest.raises(OptionError, match=r"give a name that ends in .json"):
        save(Constant(0.5), tmp_path / "model.h5")
    assert not list(tmp_path.iterdir())


STUDY = """
study: Models
seed: 1
circuits: {toy: {path: edges.csv, nodes: nodes.csv}}
stages:
  column: {do: circuits.connectome, of: circuits.toy}
  rule: {do: circuits.fit_probability, of: column, order: 2, by: ei, folds: 3}
  bins: {do: circuits.fit_table, of: rule}
  drawn: {do: circuits.evaluate, of: column, model: {from: stages.rule}, repeat: 2}
"""


def test_a_model_is_a_stage_of_a_study(edges, tmp_path):
    from conntap import write

    write(edges, tmp_path / "edges.csv", nodes=tmp_path / "nodes.csv")
    (tmp_path / "study.yaml").write_text(STUDY)
    outcome = run(load_study(tmp_path / "study.yaml"))
    with open_store(outcome.store) as opened:
        fitted, drawn = opened["rule"][0], opened["drawn"].load()
        assert opened["bins"][0].equals(fitted.bins)
    assert isinstance(fitted.model, Pathways)
    assert drawn.iloc[0] != drawn.iloc[1]
    assert drawn.iloc[0].n_edges == pytest.approx(fitted.facts["connections"], rel=0.1)


def test_delays_of_the_usual_name_are_written_as_before_and_read_without_one(tmp_path):
    model = Delays((), (((), (), DelayLine(1.0, 0.003, 0.2, 0.1)),), ("x",))
    path = save(model, tmp_path / "delays.json")
    assert "name" not in json.loads(path.read_text())["model"]
    assert load(path).name == "delay"
