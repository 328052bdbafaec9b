"""A stage takes some cases of its input: by size, at random, or both."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntap import open_store
from conntap.circuits import Connectome, Subtarget, open_circuit
from conntap.circuits.sonata.writing import write_sonata
from conntap.errors import StudyError
from conntap.study import load_study, prepare, run
from conntap.study.entries import with_run
from conntap.study.plan import Case
from conntap.study.selecting import Inside, Window, selected_cases


def sized(*nodes):
    return [
        Case({"subtarget": str(n)}, {}, f"key {n}", nodes=size, origin=f"origin {n}") for n, size in enumerate(nodes)
    ]


def taken(cases, *windows, seed=1):
    found = selected_cases(cases, windows, seed=seed, where="stages.n.select", source="local")
    return [int(case.columns["subtarget"]) for case in found]


@pytest.fixture
def write_sizes(write, folder):
    """Six subtargets of one to six nodes, and a study whose stage `n` takes some of their connectomes."""
    rows = [f"s{size},{node}" for size in range(1, 7) for node in range(size)]
    (folder / "ids.csv").write_text("subtarget,id\n" + "\n".join(rows) + "\n")

    def writer(select, *, of="local", more="", **top):
        body = (
            "subtargets: {some: {do: circuits.table, path: ids.csv}}\n"
            "stages:\n  local: {do: circuits.connectome, of: subtargets.some}\n"
            f"  n: {{do: 'plugin_steps:edges', of: {of}, select: {select}}}\n" + more
        )
        return write(body, **top)

    return writer


def planned(path, stage="n", **options):
    plans, _, _ = prepare(with_run(load_study(path), **options))
    return plans[stage].units


def names(units):
    return [unit.case["subtarget"] for unit in units]


def test_a_window_takes_the_cases_of_its_sizes_both_ends_included():
    assert taken(sized(5, 9, 10, 20, 21), Window(9, 20)) == [1, 2, 3]
    assert taken(sized(5, 9, 10, 20, 21), Window(10)) == [2, 3, 4]


def test_several_windows_are_united():
    assert taken(sized(5, 9, 10, 20), Window(0, 5), Window(10, 30), Window(10, 10)) == [0, 2, 3]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(1, 9), st.integers(0, 5))
def test_more_draws_and_more_windows_only_add_cases(sizes, draw, seed):
    cases = sized(*sizes)
    few, more = (taken(cases, Window(draw=n), seed=seed) for n in (draw, draw + 1))
    assert len(few) == min(draw, len(cases))
    assert set(few) <= set(more)
    assert set(few) <= set(taken(cases, Window(draw=draw), Window(min(sizes)), seed=seed))


def test_each_case_is_drawn_as_often_as_the_others():
    found = [case for seed in range(3000) for case in taken(sized(1, 1, 1, 1, 1), Window(0, draw=2), seed=seed)]
    assert all(1080 < found.count(case) < 1320 for case in range(5))


def test_a_case_is_drawn_with_all_its_repeats():
    cases = [
        Case({"subtarget": str(n), "repeat": r}, {}, f"{n} {r}", nodes=3, origin=str(n))
        for n in range(5)
        for r in (0, 1)
    ]
    found = taken(cases, Window(draw=2))
    assert sorted(found) == sorted(2 * list(set(found)))
    assert len(found) == 4


def test_a_study_takes_subtargets_by_size_before_anything_runs(write_sizes):
    assert names(planned(write_sizes("{nodes: {min: 2, max: 4}}"))) == ["s2", "s3", "s4"]
    assert names(planned(write_sizes("[{nodes: {max: 1}}, {nodes: {min: 6}}]"))) == ["s1", "s6"]
    assert len(planned(write_sizes("[{nodes: {min: 2}, draw: 3}]"))) == 3


def test_what_is_drawn_depends_on_the_seed_and_not_on_the_workers_or_the_stage(write_sizes):
    more = "  m: {do: 'plugin_steps:rows', of: cells, select: {draw: 3}}\n  cells: {do: circuits.node_table, of: subtargets.some}\n"
    path = write_sizes("{draw: 3}", more=more)
    assert names(planned(path, workers=1)) == names(planned(path, workers=5)) == names(planned(path, "m"))
    found = {tuple(names(planned(write_sizes("{draw: 3}", seed=seed)))) for seed in range(6)}
    assert len(found) > 1


def test_a_selection_changes_no_key_and_more_windows_recompute_nothing(write_sizes):
    every = {unit.key for unit in planned(write_sizes("[{nodes: {min: 0}}]"))}
    assert {unit.key for unit in planned(write_sizes("[{nodes: {min: 3}, draw: 2}]"))} < every
    outcome = run(with_run(load_study(write_sizes("[{nodes: {max: 2}}]")), workers=1))
    assert outcome.done == 6 + 2
    outcome = run(with_run(load_study(write_sizes("[{nodes: {max: 2}}, {nodes: {min: 5}}]")), workers=1))
    assert (outcome.done, outcome.skipped) == (2, 6 + 2)
    with open_store(outcome.store) as opened:
        assert opened["n"].cases["subtarget"].tolist() == ["s1", "s2", "s5", "s6"]
        assert opened["n"].attrs["select"] == ["0 to 2 nodes", "5 nodes or more"]


def test_later_stages_have_the_cases_that_were_selected(write_sizes):
    more = "  shuffled: {do: manipulate.erdos_renyi, of: local, select: {nodes: {min: 5}}, repeat: 2}\n  m: {do: 'plugin_steps:edges', of: shuffled, select: {draw: 1}}\n"
    path = write_sizes("{draw: 6}", more=more)
    assert names(planned(path, "shuffled")) == ["s5", "s5", "s6", "s6"]
    assert len(planned(path, "m")) == 2


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ("{nodes: {min: 7}}", r"stages\.n\.select: 7 nodes or more: no case of local is in this window; these have 1 to 6.*\(study.yaml, line \d+\)"),
        ("{nodes: {min: 4, max: 2}}", r"stages\.n\.select\.0\.nodes: .*min 4 is larger than max 2"),
        ("{nodes: {least: 2}}", r"unknown key 'least'; known: max, min"),
        ("{node: {min: 2}}", r"unknown key 'node'; known: connections, draw, nodes. Did you mean 'nodes'"),
        ("{connections: {least: 2}}", r"select\.0\.connections: unknown key 'least'; known: max, min"),
        ("{connections: {}}", r"stages\.n\.select\.0\.connections: needs min, max, or both; got \{\}\. Write \{min: 100"),
        ("{connections: {min: 99}}", r"stages\.n\.select: 99 connections or more: no case of local is in this window; these have 0 to \d+ connections"),
        ("{nodes: {min: 9}, connections: {min: 1}}", r"9 nodes or more with 1 connections or more: no case.*; these have 1 to 6 nodes"),
        ("{nodes: {}}", r"stages\.n\.select\.0\.nodes: needs min, max, or both; got \{\}\. Write \{min: 100, max: 500\}, or one of the two"),
        ("{nodes: 5}", r"stages\.n\.select\.0\.nodes: 5\. Write \{min: 100"),
        ("5", r"^study.yaml: stages\.n\.select: 5\. Write \{nodes: \{min: 100, max: 500\}\}, \{connections: \{min: 1000\}\}, \{draw: 5\}, these together, or a list of such\. \(study.yaml, line \d+\)$"),
        ("[5]", r"^study.yaml: stages\.n\.select\.0: 5\. Write \{nodes"),
        ("null", r"select: None\. Write \{nodes"),
        ("[{}]", "^study.yaml: stages.n.select.0: needs nodes, connections or draw"),
        ("{draw: 0}", "greater than or equal to 1"),
    ],
)  # fmt: skip
def test_a_selection_that_makes_no_sense_is_told(write_sizes, select, said):
    with pytest.raises(StudyError, match=said):
        planned(write_sizes(select))


def test_sizes_that_are_not_known_beforehand_are_told(write_sizes):
    more = "  inputs: {do: circuits.inputs, of: subtargets.some}\n"
    with pytest.raises(StudyError, match=r"nodes the cases of inputs have is known only after it ran\. Select where"):
        planned(write_sizes("{nodes: {min: 2}}", of="inputs", more=more))
    assert len(planned(write_sizes("{draw: 2}", of="inputs", more=more))) == 2


def test_a_window_by_connections_counts_those_among_the_nodes_of_a_subtarget(write_sizes, folder):
    with open(folder / "edges.csv", "a") as file:
        file.write("0,1\n1,1\n")  # a parallel edge and a loop, which do not count
    more = "  local2: {do: circuits.connectome, of: subtargets.some, select: {connections: {min: 3, max: 6}}}\n"
    assert names(planned(write_sizes("{connections: {min: 3, max: 6}}", more=more))) == ["s3", "s4", "s5"]
    assert names(planned(write_sizes("{draw: 6}", more=more), "local2")) == ["s3", "s4", "s5"]
    assert names(planned(write_sizes("{connections: {max: 0}}"))) == ["s1"]
    assert names(planned(write_sizes("{nodes: {max: 4}, connections: {min: 3}, draw: 2}"))) == ["s3", "s4"]
    assert names(planned(write_sizes("[{nodes: {max: 1}}, {connections: {min: 8}}]"))) == ["s1", "s6"]


def test_a_whole_circuit_and_its_connectome_are_selected_by_nodes_and_connections(write):
    body = (
        "stages:\n  local: {do: circuits.connectome, of: circuits.toy}\n"
        "  n: {do: 'plugin_steps:edges', of: SOURCE, select: {nodes: {min: 1}, connections: {min: MIN}}}\n"
    )
    for source in ("local", "circuits.toy", "circuits"):
        assert len(planned(write(body.replace("SOURCE", source).replace("MIN", "1")))) == 1
        with pytest.raises(
            StudyError, match=rf"no case of {source} is in this window; these have \d+ to \d+ connections"
        ):
            planned(write(body.replace("SOURCE", source).replace("MIN", "1000000")))


def test_a_circuit_on_disk_is_selected_by_the_connections_of_the_edges_that_the_stage_takes(tmp_path):
    found = Connectome(4, [0, 0, 0, 1, 2, 2], [1, 1, 2, 2, 2, 3], name="cells")
    circuit = open_circuit(write_sonata(found, tmp_path))
    inside = Inside(Subtarget("some", circuit, "cells", np.array([0, 1, 2])))
    assert (inside.nodes, inside.connections) == (3, 3)
    assert (Inside(circuit).nodes, Inside(circuit).connections) == (4, 4)
    assert inside.through(None) is inside
    case = Case({}, {}, "key", origin="key", inside=inside.through("nothing"))
    with pytest.raises(
        StudyError, match=r"the connections of source cannot be counted: .*unknown edge population 'nothing'"
    ):
        selected_cases([case], [Window(connections=(0, None))], seed=1, where="select", source="source")


def test_connections_that_are_not_known_beforehand_are_told(write_sizes):
    more = "  drawn: {do: manipulate.erdos_renyi, of: local}\n"
    with pytest.raises(StudyError, match=r"connections the cases of drawn have is known only after it ran\. Select"):
        planned(write_sizes("{connections: {min: 2}}", of="drawn", more=more))


def test_more_draws_than_there_are_take_all_and_warn(write_sizes, caplog):
    assert len(planned(write_sizes("{draw: 60}"))) == 6
    assert "there are only 6, which are all taken" in caplog.text


def test_a_step_without_input_and_a_definition_of_subtargets_select_nothing(write, local):
    with pytest.raises(StudyError, match=r"stages\.c\.select: plugin_steps:chain takes no input"):
        load_study(write("stages: {c: {do: 'plugin_steps:chain', select: {draw: 1}}}\n"))
    with pytest.raises(StudyError, match="takes no 'select'"):
        load_study(write(local.replace("by: layer}", "by: layer, select: [{draw: 1}]}")))
