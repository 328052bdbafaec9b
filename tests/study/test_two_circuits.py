"""Stages that set one circuit of a study beside another."""

import pytest

from conntap import open_store
from conntap.circuits import Connectome
from conntap.circuits.sonata.writing import write_sonata
from conntap.errors import StudyError
from conntap.report import write_page
from conntap.study import load_study, run
from conntap.study.setup import prepare

CIRCUITS = "a: {path: edges.csv, nodes: nodes.csv}\n  b: {path: fewer.csv, nodes: nodes.csv}"
BODY = """
stages:
  one: {do: circuits.connectome, of: circuits.a}
  two: {do: circuits.connectome, of: circuits.b}
  compared: {do: analyze.compare_circuits, of: {before: one, after: two}, by: [layer, ei]}
run: {workers: 1}
"""


@pytest.fixture
def study(folder, write):
    """Writes a study of two edge lists of the same nodes; gives it loaded."""
    (folder / "fewer.csv").write_text("pre,post\n0,1\n1,2\n3,4\n")
    return lambda body=BODY: load_study(write(body, circuits=CIRCUITS))


def cases_of(study, stage):
    return [dict(unit.case) for unit in prepare(study)[0][stage].units]


def test_two_circuits_are_one_case_with_a_column_for_each(study):
    assert cases_of(study(), "compared") == [{"before_circuit": "a", "after_circuit": "b"}]


def test_their_comparison_is_what_the_function_gives_and_has_its_page(study, tmp_path):
    outcome = run(study())
    with open_store(outcome.store) as store:
        table = store["compared"][0]
        assert table["connections_before"].sum() == 8
        assert table["connections_after"].sum() == 3
    page = write_page(outcome.store, tmp_path / "page.html", failures=[]).read_text()
    assert "a → b" in page or "before_circuit" in page


def test_circuits_may_be_named_themselves(study):
    body = BODY.replace("{before: one, after: two}", "{before: circuits.a, after: circuits.b}")
    assert cases_of(study(body), "compared") == [{"before_circuit": "a", "after_circuit": "b"}]


def test_sweeps_on_one_side_are_cases_of_their_own(study):
    body = BODY.replace("one: {", "thin: {do: manipulate.subsample, of: two, each: {fraction: [0.5, 1]}}\n  one: {")
    body = body.replace("after: two", "after: thin")
    assert cases_of(study(body), "compared") == [
        {"before_circuit": "a", "after_circuit": "b", "fraction": fraction} for fraction in (0.5, 1)
    ]


def test_what_both_sides_share_is_joined(study):
    body = """
subtargets:
  mine: {do: circuits.groups, of: circuits.a, by: layer}
  theirs: {do: circuits.groups, of: circuits.b, by: layer}
stages:
  one: {do: circuits.connectome, of: subtargets.mine}
  two: {do: circuits.connectome, of: subtargets.theirs}
  compared: {do: analyze.compare_circuits, of: {before: one, after: two}, by: ei}
"""
    wanted = [{"before_circuit": "a", "after_circuit": "b", "subtarget": each} for each in ("1", "2")]
    assert [{name: case[name] for name in wanted[0]} for case in cases_of(study(body), "compared")] == wanted


def test_one_circuit_beside_all_of_them_is_joined_with_itself_as_ever(study):
    body = BODY.replace(
        "two: {do: circuits.connectome, of: circuits.b}", "two: {do: circuits.connectome, of: circuits}"
    )
    assert cases_of(study(body), "compared") == [{"circuit": "a"}]


def test_a_column_that_a_sweep_would_take_is_told(study):
    body = BODY.replace(
        "one: {do: circuits.connectome, of: circuits.a}", "one: {do: circuits.connectome, of: circuits.a}"
    )
    body = body.replace(
        "by: [layer, ei]}", "each: {by: [layer, ei]}, slices: [cut]}\nslices:\n  cut: {by: before_circuit}"
    )
    with pytest.raises(StudyError, match="before_circuit"):
        study(body)


def test_a_circuit_on_disk_where_edges_in_memory_are_wanted_is_told_before_anything_runs(folder, write):
    for name in ("a", "b"):
        write_sonata(Connectome(3, [0, 1], [1, 2]), folder / name)
    body = "stages:\n  x: {do: analyze.compare_circuits, of: {before: circuits.a, after: circuits.b}, by: id}\n"
    study = load_study(write(body, circuits="a: a\n  b: b"))
    with pytest.raises(
        StudyError, match=r"stages\.x\.of: circuits\.a is a SONATA circuit.*a stage of circuits\.connectome"
    ):
        prepare(study)
