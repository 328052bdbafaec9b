"""Two connectomes compared pathway by pathway: by hand, and against the pathways of each."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.analyze import compare_circuits, pathway_statistics
from conntap.circuits import Connectome
from conntap.circuits.formats import write
from conntap.cli import tap
from conntap.errors import OptionError

NODES = pd.DataFrame({"ei": ["e", "e", "i"], "x": [0.0, 10.0, 20.0]}, index=["a", "b", "c"])
BEFORE = Connectome(NODES, [0, 0, 0, 1, 2], [1, 1, 1, 0, 0], properties={"w": [1.0, 3.0, 5.0, 7.0, 4.0]})
AFTER = BEFORE.filter(np.array([True, True, False, False, True]))
MEASURES = ["probability", "edges_mean", "edges_sd", "connections", "edges", "pairs"]


def random_one(seed, n=9, m=30, same=True):
    source = np.random.default_rng(seed)
    tables = [
        pd.DataFrame({
            "layer": source.integers(1, 4, n),
            "ei": source.choice(["e", "i", None], n),
            "x": source.random(n),
        })
        for _ in range(2)
    ]  # fmt: skip
    ends = source.integers(0, n, (2, m))
    return Connectome(tables[0], *ends, post_nodes=None if same else tables[1], properties={"w": source.random(m)})


def of_side(table, side):
    return table.filter(regex=f"_{side}$").rename(columns=lambda name: name.removesuffix(f"_{side}"))


def test_a_pathway_is_compared_by_hand():
    table = compare_circuits(BEFORE, AFTER, by="ei", properties=["w"])
    assert table.index.names == ["pre_ei", "post_ei"]
    row = table.loc[("e", "e")]
    wanted = {"probability": (1, 0.5), "edges_mean": (2, 2), "edges_sd": (1, 0), "edges_min": (1, 2),
              "edges_max": (3, 2), "w_mean": (4, 2), "connections": (2, 1), "edges": (4, 2), "pairs": (2, 2)}  # fmt: skip
    for name, (first, second) in wanted.items():
        assert row[[f"{name}_before", f"{name}_after", f"{name}_change"]].tolist() == [first, second, second - first]
    assert row["edges_sem_before"] == 1.0  # the standard error of 3 and 1
    assert np.isnan(row["edges_sem_after"])
    assert table["connections_change"].dtype == np.int64
    assert table.loc[("e", "i"), ["edges_mean_before", "edges_mean_change"]].isna().all()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.booleans(), st.booleans(), st.sampled_from(["ei", "layer", ["layer", "ei"]]))
def test_equal_connectomes_do_not_differ(seed, same, near, by):
    connectome = random_one(seed, same=same)
    options = {"within_um": 0.5 if near else None, "positions": ["x"], "properties": ["w"]}
    table = compare_circuits(connectome, connectome, by=by, **options)
    changes = of_side(table, "change")
    assert ((changes == 0) | of_side(table, "before").isna()).all(axis=None)
    assert (changes[["connections", "edges", "pairs", "probability"]].fillna(0) == 0).all(axis=None)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.booleans(), st.booleans(), st.sampled_from(["layer", ["layer", "ei"]]))
def test_each_side_is_the_pathways_of_its_connectome(seed, same, near, by):
    options = {"within_um": 0.5 if near else None, "positions": ["x"], "by": by}
    both = {"before": random_one(seed, same=same), "after": random_one(seed + 1, same=same)}
    table = compare_circuits(*both.values(), properties=["w"], **options)
    for side, connectome in both.items():
        alone = pathway_statistics(connectome, weights=["w"], **options)
        found = of_side(table, side)[alone.columns]
        pd.testing.assert_frame_equal(found.loc[alone.index], alone, check_index_type=False)
        assert (found.drop(index=alone.index)[["connections", "edges", "pairs"]] == 0).all(axis=None)
    apart = of_side(table, "after") - of_side(table, "before")
    pd.testing.assert_frame_equal(of_side(table, "change"), apart)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_synapses_of_a_connection_are_those_of_a_group_by(seed):
    connectome = random_one(seed, n=6, m=40)
    table = of_side(compare_circuits(connectome, connectome, by="layer"), "after")
    layer = connectome.nodes["layer"].to_numpy()
    edges = pd.DataFrame({"pre": connectome.pre, "post": connectome.post}).query("pre != post")
    sizes = edges.groupby(["pre", "post"]).size().reset_index(name="n")
    groups = sizes.groupby([layer[sizes["pre"]], layer[sizes["post"]]])["n"]
    for name in ("sem", "min", "max"):
        wanted = groups.agg(name).reindex(table.index).to_numpy(dtype=float)
        np.testing.assert_allclose(table[f"edges_{name}"], wanted, rtol=1e-12)


def test_a_group_that_only_one_has_makes_pathways_of_its_own():
    more = Connectome(pd.DataFrame({"ei": ["e", "x"]}), [0], [1])
    table = compare_circuits(AFTER, more, by="ei")
    assert table.index.tolist()[:4] == [("e", "e"), ("e", "i"), ("i", "e"), ("i", "i")]
    assert table.loc[("e", "x"), ["pairs_before", "pairs_after", "pairs_change", "probability_after"]].tolist() == [
        0,
        1,
        1,
        1,
    ]
    assert np.isnan(table.loc[("e", "x"), "probability_change"])
    assert table.loc[("i", "e"), "connections_change"] == -1


def test_only_near_pairs_count_within_a_distance():
    table = compare_circuits(BEFORE, AFTER, by="ei", within_um=10, positions=["x"])
    assert table["pairs_after"].tolist() == [2, 1, 1, 0]
    assert table.loc[("i", "e"), "connections_before"] == 0


def test_no_nodes_no_pathways():
    empty = Connectome(pd.DataFrame({"ei": np.empty(0, dtype=object)}), [], [])
    assert compare_circuits(empty, empty, by="ei").empty
    assert compare_circuits(empty, AFTER, by="ei")["pairs_change"].tolist() == [2, 2, 2, 0]
    assert compare_circuits(AFTER, empty, by="ei")["pairs_change"].tolist() == [-2, -2, -2, 0]


def test_the_input_is_untouched():
    kept = BEFORE.edges.copy()
    compare_circuits(BEFORE, AFTER, by="ei", properties=["w"])
    pd.testing.assert_frame_equal(BEFORE.edges, kept)


@pytest.mark.parametrize(("options", "message"), [
    ({"by": "size"}, r"^compare_circuits\.by: .*size"),
    ({"by": "ei", "properties": ["v"]}, r"^compare_circuits\.properties: .*'v'"),
    ({"by": "ei", "properties": ["edges"]}, r"^compare_circuits\.properties: .*Rename"),
    ({"by": "ei", "within_um": -1, "positions": ["x"]}, r"^compare_circuits\.within_um: -1"),
    ({"by": "ei", "within_um": 1}, r"^compare_circuits\.positions"),
    ({"by": "ei", "threads": 0}, r"^compare_circuits\.threads"),
])  # fmt: skip
def test_what_does_not_fit_is_told(options, message):
    with pytest.raises(OptionError, match=message):
        compare_circuits(BEFORE, AFTER, **options)


def test_tap_circuit_diff_compares_pathways(tmp_path):
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    for each, path in ((BEFORE, a), (AFTER, b)):
        write(each, path, format="sonata")
    same = CliRunner().invoke(tap, ["circuit", "diff", a, a, "--by", "ei"])
    assert (same.exit_code, "probability" in same.output) == (0, True)
    found = CliRunner().invoke(tap, ["circuit", "diff", a, b, "--by", "ei", "--json"])
    assert found.exit_code == 1
    rows = json.loads(found.output)
    assert [rows[0][name] for name in ("pre_ei", "post_ei", "probability_change")] == ["e", "e", -0.5]
    alone = CliRunner().invoke(tap, ["circuit", "diff", a, b, "--within-um", "10"])
    assert "--by" in alone.output
