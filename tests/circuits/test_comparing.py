"""Two circuits compared, and the check that a mask and nothing else was removed."""

import json
from collections import Counter, defaultdict

import h5py
import numpy as np
import pandas as pd
import pytest
import sonata_files as files
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import connectomes

from conntap.circuits import Connectome, open_circuit
from conntap.circuits.comparing import check_removed, compare
from conntap.circuits.masks import Mask
from conntap.circuits.sonata.writing import write_sonata
from conntap.cli import tap
from conntap.errors import CircuitError, OptionError

few = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def pairs_of(n=5, most=20):
    return st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=most)


def built(pairs, n=5, **properties):
    pre, post = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return Connectome(n, pre, post, properties=properties)


def row(comparison, what):
    return comparison.table.set_index("what").loc[what]


# -- comparing -------------------------------------------------------------------------------------------------


@few
@given(a=pairs_of(), b=pairs_of(), mem_gb=st.sampled_from([1e-9, 1e-6, 0.5]))
def test_connections_and_synapses_are_those_of_counters(a, b, mem_gb):
    found = compare(built(a), built(b), mem_gb=mem_gb)
    ours, theirs = Counter(a), Counter(b)
    connections, synapses = row(found, "connections"), row(found, "synapses")
    assert connections[["a", "b"]].tolist() == [len(ours), len(theirs)]
    assert connections[["only_a", "only_b"]].tolist() == [len(ours.keys() - theirs), len(theirs.keys() - ours)]
    assert synapses[["only_a", "only_b"]].tolist() == [(ours - theirs).total(), (theirs - ours).total()]
    assert synapses["changed"] == sum(ours[pair] != theirs[pair] for pair in ours.keys() & theirs)
    assert found.equal == (ours == theirs)


@few
@given(c=connectomes(square=None), seed=st.integers(0, 9))
def test_a_connectome_equals_itself_in_any_order_of_edges(c, seed):
    order = np.random.default_rng(seed).permutation(c.n_edges)
    other = c.with_edges(c.pre[order], c.post[order], properties={k: v[order] for k, v in c.properties.items()})
    assert compare(c, other, mem_gb=1e-7).equal


@few
@given(data=st.data(), pairs=pairs_of(most=12), mem_gb=st.sampled_from([1e-9, 0.5]))
def test_a_property_is_equal_exactly_where_the_synapses_of_each_connection_have_the_same_values(data, pairs, mem_gb):
    n = len(pairs)
    columns = [data.draw(st.lists(st.sampled_from([0.0, 1.5, np.nan]), min_size=n, max_size=n)) for _ in range(2)]
    expected = []
    for column in columns:
        values = defaultdict(Counter)
        for pair, value in zip(pairs, column, strict=True):
            values[pair][str(value)] += 1
        expected.append(values)
    found = compare(*(built(pairs, w=np.array(column)) for column in columns), mem_gb=mem_gb)
    assert found.equal == (expected[0] == expected[1])
    assert row(found, "w")["changed"] <= n


def test_differences_are_told_with_examples():
    nodes = pd.DataFrame({"layer": [1, 2, 3], "kind": ["e", "i", "e"]}, index=["a", "b", "c"])
    a = Connectome(nodes, [0, 0, 1, 2], [1, 1, 2, 0], properties={"w": [1.0, 2.0, 3.0, 4.0], "only": [1, 2, 3, 4]})
    b = Connectome(nodes.assign(layer=[1, 2, 4]), [0, 1, 2], [1, 2, 1], properties={"w": np.array([1, 5, 4], "f4")})
    found = compare(a, b).differences.set_index("what")["examples"].to_dict()
    assert found == {
        "layer": ("c: 3 | 4",),
        "connections": ("c -> a only in a", "c -> b only in b"),
        "synapses": ("a -> b: 2 | 1",),
        "w": ("b -> c: 3.0 | 5.0",),
        "only": (),
        "type of w": ("float64 | float32",),
    }


def test_nodes_of_one_side_only_are_told_and_the_edges_among_the_others_compared():
    a, b = Connectome([1, 5, 7], [0, 1], [1, 2]), Connectome([5, 9, 7], [0, 0], [2, 1])
    found = compare(a, b)
    assert row(found, "ids")[["only_a", "only_b"]].tolist() == [1, 1]
    assert row(found, "connections")[["only_a", "only_b"]].tolist() == [1, 1]


def test_text_is_compared_by_its_words():
    one, other = pd.Categorical(["x", "y"]), pd.Categorical(["x", "y"], categories=["z", "y", "x"])
    assert compare(built([(0, 1), (1, 2)], k=one), built([(0, 1), (1, 2)], k=other)).equal


def test_ids_of_two_kinds_and_two_nouns_are_refused(tmp_path):
    with pytest.raises(OptionError, match="numbers on one side and text"):
        compare(Connectome(["a"], [], []), Connectome([1], [], []))
    with pytest.raises(OptionError, match="a circuit and a connectome"):
        compare(open_circuit(write_sonata(built([(0, 1)]), tmp_path)), built([(0, 1)]))


def test_populations_are_matched_by_name(tmp_path):
    for each in "ab":
        (tmp_path / each).mkdir()
        files.write_circuit(tmp_path / each, edge_attributes={"w": [1.0, 2.0, 3.0, 4.0]}, attributes={"x": [0.0] * 4})
    files.write_edges(tmp_path / "b/edges.h5", "gap", pre=[0], post=[1])
    config = json.loads((tmp_path / "b/circuit_config.json").read_text())
    config["networks"]["edges"][0]["populations"]["gap"] = {}
    (tmp_path / "b/circuit_config.json").write_text(json.dumps(config))
    a, b = (open_circuit(tmp_path / each) for each in "ab")
    found = compare(a, b)
    assert found.differences[["kind", "population", "what", "only_b"]].values.tolist() == [
        ["edges", "gap", "population", 1]
    ]
    assert compare(a, b, edges="cells__cells").equal
    with pytest.raises(CircuitError, match="unknown edge population 'gap'"):
        compare(a, b, edges="gap")


def test_circuits_of_the_allen_dialect_equal_themselves(shared_data):
    circuit = open_circuit(shared_data / "sonata/300_pointneurons")
    assert compare(circuit, circuit, mem_gb=0.001).equal


def test_far_apart_nodes_make_no_matrix():
    a = Connectome(2_000_000, np.array([0, 1_999_999]), np.array([1_999_999, 0]))
    assert compare(a, a).equal


# -- the check of a removal ----------------------------------------------------------------------------------------


@few
@given(pairs=pairs_of(), data=st.data(), mem_gb=st.sampled_from([1e-9, 0.5]))
def test_removing_a_mask_passes_the_check_and_anything_else_fails_it(pairs, data, mem_gb):
    before = built(pairs, w=np.arange(len(pairs)))
    there = sorted(set(pairs))
    masked = data.draw(st.lists(st.sampled_from(there), unique=True)) if there else []
    mask = Mask.from_pairs([p for p, _ in masked], [q for _, q in masked])
    after = before.filter(~mask.edges(before))
    assert check_removed(before, after, mask, mem_gb=mem_gb)["holds"].all()
    if masked:
        assert not check_removed(before, before, mask, mem_gb=mem_gb)["holds"].all()
    if after.n_edges:
        fewer = after.filter(np.arange(after.n_edges) > 0)
        assert not check_removed(before, fewer, mask, mem_gb=mem_gb)["holds"].all()
        changed = after.with_edges(after.pre, after.post, properties={"w": after.properties["w"] + 1})
        found = check_removed(before, changed, mask, mem_gb=mem_gb)["holds"]
        assert found.to_dict() == {"nodes": True, "mask": True, "connections": True, "edges": True, "properties": False}


def test_what_is_wrong_about_a_removal_is_told():
    before, mask = built([(0, 1), (1, 2), (2, 3)], n=4), Mask.from_pairs([0, 3], [1, 0])
    found = check_removed(before, Connectome(5, [0, 2], [1, 3]), mask)
    assert found["wrong"].to_dict() == {"nodes": 1, "mask": 1, "connections": 0, "edges": 2, "properties": 0}
    with pytest.raises(OptionError, match="not among the 4 nodes"):
        check_removed(before, before, Mask.from_pairs([9], [0]))


def test_circuits_on_disk_are_checked(tmp_path):
    before = built([(0, 1), (0, 1), (1, 2), (2, 3)], w=[1.0, 2.0, 3.0, 4.0])
    mask = Mask.from_pairs([0], [1])
    paths = [
        write_sonata(each, tmp_path / name) for each, name in ((before, "a"), (before.filter(~mask.edges(before)), "b"))
    ]
    a, b = map(open_circuit, paths)
    found = check_removed(a, b, mask)
    assert found["holds"].all()
    assert found.loc[["connections", "edges"], "found"].tolist() == [2, 2]


# -- the command -----------------------------------------------------------------------------------------------


def test_tap_circuit_diff_says_what_differs_by_its_exit_code_too(tmp_path):
    a = write_sonata(built([(0, 1), (1, 2)], w=[1.0, 2.0]), tmp_path / "a")
    b = write_sonata(built([(0, 1), (1, 2)], w=[1.0, 3.0]), tmp_path / "b")
    same = CliRunner().invoke(tap, ["circuit", "diff", str(a), str(a)])
    assert (same.exit_code, "no difference" in same.output) == (0, True)
    found = CliRunner().invoke(tap, ["circuit", "diff", str(a), str(b)])
    assert found.exit_code == 1
    assert "1 -> 2: 2.0 | 3.0" in found.output
    told = json.loads(CliRunner().invoke(tap, ["circuit", "diff", str(a), str(b), "--json"]).output)
    assert [(each["what"], each["changed"]) for each in told if each["changed"]] == [("w", 1)]


def test_a_damaged_circuit_is_no_difference_but_an_error(tmp_path):
    a = write_sonata(built([(0, 1)]), tmp_path / "a")
    b = write_sonata(built([(0, 1)]), tmp_path / "b")
    with h5py.File(b.parent / "edges.h5", "a") as file:
        next(iter(file["edges"].values()))["target_node_id"][:] = 77
    with pytest.raises(CircuitError, match="77 is out of range"):
        compare(open_circuit(a), open_circuit(b))
