"""Models of connectome-manipulator are read from its files, and say what they say there."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from conntap.circuits import Connectome, rules
from conntap.circuits.rules.foreign import CLASSES, foreign_model
from conntap.circuits.rules.gridded import Gridded, Placed, Scaled, scaled
from conntap.errors import FormatError, OptionError

FILES = Path(__file__).parent / "files" / "connectome_manipulator"
TOLD = json.loads((FILES / "said.json").read_text())
SAID = TOLD["said"]
SPATIAL = [name for name in SAID if name.startswith("order") or name == "generic"]
LISTED = ["adjacency", "not_adjacent", "lookup"]


def load(name, **options):
    return rules.load(FILES / f"{name}.json", **options)


@pytest.mark.parametrize("name", SPATIAL)
def test_a_rule_gives_the_probabilities_that_it_gives_there(name):
    nodes = pd.DataFrame(TOLD["points"], columns=list("xyz"))
    found = load(name).probabilities(nodes[:5], nodes[5:])
    assert np.any(found > 0)
    np.testing.assert_allclose(found, SAID[name], rtol=1e-13, atol=0)


@pytest.mark.parametrize("name", LISTED)
def test_listed_pairs_have_the_probabilities_that_they_have_there(name):
    pre, post = pd.DataFrame(index=[0, 2, 4]), pd.DataFrame(index=[1, 2, 3, 4])
    assert load(name).probabilities(pre, post).tolist() == SAID[name]


def test_delays_without_spread_are_those_there():
    nodes = pd.DataFrame({"x": [0.0, *TOLD["distances"]], "y": 0.0, "z": 0.0})
    edges = Connectome(nodes, [0] * 5, [1, 2, 3, 4, 5])
    assert load("delays").quantiles(edges, np.full(5, 0.3)).tolist() == pytest.approx(SAID["delays"], rel=1e-15)


def test_numbers_of_synapses_are_read_alone_and_beside_properties():
    assert load("synapses").pathways == (((), (), rules.Gamma(3.2, 1.4)),)
    found = load("properties", part="synapses")
    assert found.by == ("mtype",)
    assert found.pathways[1] == (("e",), ("i",), rules.Gamma(3.5, 1.2))


def test_properties_are_read_with_their_types_bounds_and_correlations():
    found = load("properties")
    told = {each.name: (each.dtype, each.within, each.lower) for each in found.properties}
    assert told["u"] == ("float64", "synapse", None)
    assert told["g"] == ("float64", "synapse", 0.01)
    assert told["n"] == ("int64", "connection", None)
    joint = found.pathways[0][2]
    assert joint.correlation[0][:3] == (1.0, 0.5, 0.0)
    n = 20_000
    nodes = pd.DataFrame({"mtype": ["e", "i"]})
    drawn = found.draw(Connectome(nodes, [0, 1] * n, [1, 0] * n), rng=np.random.default_rng(0))
    assert drawn["g"].mean() == pytest.approx(0.8, rel=0.01)
    assert drawn["g"].std() == pytest.approx(0.3, rel=0.02)
    assert np.corrcoef(drawn["g"], drawn["u"])[0, 1] == pytest.approx(0.5, abs=0.03)
    assert set(drawn["zero"].tolist()) == {0.0}
    assert joint.distributions[2].rate / -np.expm1(-joint.distributions[2].rate) == pytest.approx(2.5)


def test_positions_are_read_by_id():
    found = load("positions")
    assert found.names == ("u", "v")
    assert found.evaluate(pd.DataFrame(index=[0, 7, 4])).tolist() == [[2.5, 8.0], [0.0, 7.0], [1.5, 9.0]]


def test_every_class_has_a_file():
    there = {json.loads(path.read_text()).get("model") for path in FILES.glob("*.json")}
    assert set(CLASSES) <= there


def test_what_is_pickled_is_refused(tmp_path):
    """Text is kept so by pandas: pickled, in rows of bytes."""
    for name in ("positions.json", "positions.h5"):
        shutil.copy(FILES / name, tmp_path / name)
    with h5py.File(tmp_path / "positions.h5", "a") as file:
        del file["pos_table/block0_values"]
        file["pos_table"].create_dataset("block0_values", (1,), dtype=h5py.vlen_dtype(np.uint8))
    with pytest.raises(FormatError, match=r"positions\.h5: pos_table is pickled .*pickles are not read"):
        rules.load(tmp_path / "positions.json")


def test_tables_of_another_format_and_links_are_refused(tmp_path):
    for change, message in ((lambda group: group.attrs.modify("pandas_type", "frame_table"), "format='fixed'"),
                            (lambda group: _linked(group, "axis1"), "missing")):  # fmt: skip
        for name in ("positions.json", "positions.h5"):
            shutil.copy(FILES / name, tmp_path / name)
        with h5py.File(tmp_path / "positions.h5", "a") as file:
            change(file["pos_table"])
        with pytest.raises(FormatError, match=message):
            rules.load(tmp_path / "positions.json")


def _linked(group, name):
    del group[name]
    group[name] = h5py.ExternalLink("/etc/passwd", "/")


def test_what_has_no_equal_is_named():
    with pytest.raises(FormatError, match="PropsTableModel has no equal here"):
        load("listed_properties")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": "ConnProb2ndOrderExp"}, "unknown class of model.*Did you mean 'ConnProb2ndOrderExpModel'"),
        ({"model": "ConnProb2ndOrderExpModel", "scael": 1}, "unknown key 'scael'; known: scale, exponent|unknown key"),
        ({"model": "ConnProb3rdOrderExpModel", "scale_P": 0.1}, "scale_N.* not given"),
        ({"model": "ConnProb2ndOrderExpModel", "scale": "much"}, "a is 'much'"),
        ({"model": "ConnProb1stOrderModel", "p_conn": 1.5}, "from 0 to 1"),
        ({"model": "ConnProbAdjModel"}, "needs the table"),
        ({"model": "ConnProbModel", "order": 3}, "known: 1, 2"),
        ({"model": "ConnPropsModel", "src_types": ["e"], "tgt_types": ["e"], "prop_stats": {"u": {}}}, "KeyError"),
    ],
)
def test_what_is_wrong_is_told(values, message):
    with pytest.raises(OptionError, match=message):
        foreign_model(values, {})


@pytest.mark.parametrize("name", [["ConnProb1stOrderModel"], {}, 3, None])
def test_a_class_that_is_no_text_is_told(name):
    with pytest.raises(OptionError, match="unknown class of model"):
        foreign_model({"model": name}, {})


@pytest.mark.parametrize("row", [-1, 2])
def test_pairs_of_nodes_that_are_not_there_are_told(row):
    nodes = pd.DataFrame({"id": [5, 7]})
    pairs = pd.DataFrame({"row_ind": [row], "col_ind": [0], "value": [0.5]})
    tables = {"src_nodes_table": nodes, "tgt_nodes_table": nodes, "adj_table": pairs, "lookup_table": pairs}
    for name in ("ConnProbAdjModel", "LookupTableModel"):
        with pytest.raises(OptionError, match=f"rows {row} to {row} of a table of 2 nodes"):
            foreign_model({"model": name}, tables)


def test_meta_data_is_left_aside():
    values = {"model": "NSynConnModel", "__version_info__": {}, "data_keys": []}
    assert foreign_model(values, {}).pathways == (((), (), rules.Gamma(3.0, 1.5)),)


def test_tables_must_be_beside_a_file_and_be_those_that_are_told(tmp_path):
    shutil.copy(FILES / "order4.json", tmp_path / "order4.json")
    with pytest.raises(FormatError, match=r"order4\.h5: there is no such file"):
        rules.load(tmp_path / "order4.json")
    (tmp_path / "order4.json").write_text(json.dumps({"model": "PosMapModel", "data_keys": ["other"]}))
    with pytest.raises(FormatError, match="data_keys"):
        rules.load(tmp_path / "order4.json")


@pytest.mark.parametrize("name", ["order4_reduced", "order5", "adjacency", "properties", "positions"])
def test_what_was_read_is_kept_in_our_files(name, tmp_path):
    model = load(name)
    assert rules.load(rules.save(model, tmp_path / "model.json")) == model


# -- rules made of others --------------------------------------------------------------------------------------

LINE = pd.DataFrame({"x": [0.0, 30.0, 30.0, 80.0], "y": [0.0, 1.0, -1.0, 0.0], "z": 0.0, "ei": ["e", "i", "e", "i"]})
RULES = [
    rules.Constant(0.4),
    rules.Exponential(0.7, 0.01),
    rules.Exponential(1.7, 0.01),
    rules.Bipolar(0.3, 0.01, 0.6, 0.02),
    rules.DoubleExponential(0.3, 0.01, 1.2, 0.2, 0.001),
    rules.Pathways(("ei",), (("e", "i", rules.Constant(0.2)), ("i", "e", rules.Exponential(0.9, 0.1)))),
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("factor", [0.0, 0.3, 1, 2.5])
def test_a_scaled_rule_gives_the_product_but_no_more_than_1(rule, factor):
    expected = np.minimum(rule.probabilities(LINE, LINE) * factor, 1.0)
    for own in (scaled(rule, factor), Scaled(rule, factor)):
        np.testing.assert_allclose(own.probabilities(LINE, LINE), expected, rtol=1e-14)
        assert rules.rule_from_dict(own.to_dict()) == own


def test_other_positions_take_the_place_of_the_own_ones(tmp_path):
    table = rules.PositionTable(("x",), np.array([0, 1]), np.array([[0.0], [10.0]]))
    rule = Placed(rules.Exponential(0.5, 0.1, ("x",)), table, table)
    nodes = pd.DataFrame({"x": [5.0, 5.0]})
    assert rule.probabilities(nodes, nodes)[0].tolist() == [0.5, 0.5 * np.exp(-1.0)]
    for again in (rules.rule_from_dict(rule.to_dict()), rules.load(rules.save(rule, tmp_path / "rule.json"))):
        assert again.probabilities(nodes, nodes).tolist() == rule.probabilities(nodes, nodes).tolist()


def test_a_grid_is_0_outside_and_flat_below_the_first_distance():
    rule = Gridded((("distance", "x"),), ((10.0, 20.0),), np.array([0.4, 0.2]))
    nodes = pd.DataFrame({"x": [0.0, 5.0, 15.0, 25.0]})
    assert rule.probabilities(nodes[:1], nodes)[0] == pytest.approx([0.4, 0.4, 0.3, 0.0])
    assert rules.rule_from_dict(rule.to_dict()) == rule


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gridded((("offset", "x"),), ((1.0, 0.0),), np.zeros(2)), "rise"),
        (lambda: Gridded((("offset", "x"),), ((0.0, 1.0),), np.zeros(3)), "shape"),
        (lambda: Gridded((("offset", "x"),), ((0.0, 1.0),), np.full(2, 1.5)), "no probability"),
        (lambda: Gridded((), (), np.zeros(0)), "1 to 6"),
        (lambda: Scaled(rules.Constant(0.1), -1.0), "from 0 on"),
        (lambda: Scaled(0.1, 1.0), "Give a rule"),
        (lambda: Placed(rules.Constant(0.1), None, None), "no PositionTable"),
    ],
)
def test_rules_that_make_no_sense_are_refused(make, message):
    with pytest.raises(OptionError, match=message):
        make()
