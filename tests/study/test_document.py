"""A study is checked wholly before anything runs; mistakes are told with place and remedy."""

import pytest

from conntap.errors import StudyError
from conntap.study import load_study

ACROSS_COLUMNS = """\
study: Simplices across columns
description: >
  Do directed simplices occur more often than chance, and in which classes of cells?
seed: 7
circuits:
  cortex: {path: circuit_config.json, edges: internal_to_internal}
subtargets:
  columns: {do: circuits.hexgrid, radius_um: 60, plane: [x, z]}
stages:
  cells:  {do: circuits.node_table, of: subtargets.columns, properties: [ei, model_name, x, y, z]}
  local:  {do: circuits.connectome, of: subtargets.columns}
  counts:
    description: Directed simplices by dimension.
    do: analyze.simplex_counts
    of: local
    controls: [erdos-renyi]
    slices: [class]
  degrees: {do: analyze.degrees, of: local}
controls:
  erdos-renyi: {do: manipulate.erdos_renyi, draws: 5}
slices:
  class: {by: ei}
run: {where: local, workers: 2}
"""


def test_the_study_across_columns_loads_as_it_stands(tmp_path):
    (tmp_path / "circuit_config.json").write_text("{}")
    (tmp_path / "study.yaml").write_text(ACROSS_COLUMNS)
    study = load_study(tmp_path / "study.yaml")
    assert list(study.stages) == ["subtargets.columns", "cells", "local", "counts", "degrees"]
    assert study.stages["counts"].controls == ("erdos-renyi",)
    assert study.stages["counts"].inputs == {"connectome": "local"}
    assert study.folder == tmp_path / "study"
    assert study.description.startswith("Do directed simplices")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("stagse: {}\n", r"the document: unknown key 'stagse'; known: .* Did you mean 'stages'\?"),
        ("run: {workrs: 2}\n", r"run: unknown key 'workrs'; .*Did you mean 'workers'\? \(study.yaml, line 4\)"),
        ("run: {workers: two}\n", r"run\.workers: input should be a valid integer; got 'two'"),
        ("run: {workrs: 2}\n", r"run: unknown key 'workrs'; known: account, .*, where, workers\. "),
        ("run: {env: {A B: x}}\n", r"run\.env\.A B: no name of a variable; these have letters, digits and '_'\. Change it\. \(study.yaml, line 4\)"),
        ("run: {env: {A: 5}}\n", r"run\.env\.A: 5; write names, each with a text"),
        ("run: {setup: false}\n", r"run\.setup: False; write a list of lines of shell, such as "),
        ("run: {time: soon}\n", r"run\.time: 'soon'; write a time as SLURM takes it: '90' \(minutes\)"),
        ("run: {partition: a b}\n", r"run\.partition: 'a b'; write one word"),
        ("run: {dashboard: banana}\n", r"run\.dashboard: 'banana'; write off, or where it is to be served"),
        ("run: {workers: 2, least_workers: 9}\n", r"run: least_workers 9 is more than workers 2\. Change one"),
        ("run: {where: slurm, cluster: slurm}\n", r"run\.cluster: 'slurm' is of Dask, and with where: slurm nothing reads it"),
        ("stages: {a: {do: 'plugin_steps:chain', run: {time: soon}}}\n", r"stages\.a\.run\.time: 'soon'; write a time"),
        ("run: {where: moon}\n", r"run\.where: input should be 'local', 'dask' or 'slurm'; got 'moon'"),
        ("stages: {a: 5}\n", r"stages\.a: 5; write a mapping, \{key: value\}, of .*do"),
        ("slices: {s: 5}\n", r"slices\.s: 5; write a mapping"),
        ("stages: {a: {do: analyze.modularity, of: circuits.toy, by: 5}}\n", r"stages\.a\.by: 5 is no grouping of nodes\. Give a node property, "),
        ("stages: {a: {do: analyze.modularity, of: circuits.toy}}\n", r"needs the option 'by' \(grouping of nodes: a node property, "),
        ("stages: {a: {do: analyze.simplex_counts, of: circuits.toy, nodes: 5}}\n", r"stages\.a\.nodes: 5 is no selection of nodes\. Give an expression"),
        ("controls: {er: {do: manipulate.erdos_renyi, draws: 2, selec: 3}}\nstages: {a: {do: 'plugin_steps:chain'}}\n", r"controls\.er: unknown option 'selec'; known: none\. \("),
        ("seed: -1\n", r"seed: input should be greater than or equal to 0; got -1"),
        ("stages: {a: {of: circuits.toy}}\n", r"stages\.a: needs the key 'do'"),
        ("stages: {a: {do: analyze.simplx_counts, of: circuits.toy}}\n", r"stages\.a\.do: unknown step .*Did you mean 'analyze\.simplex_counts'"),
        ("stages: {a: {do: os.system, of: circuits.toy}}\n", r"stages\.a\.do: unknown step 'os\.system'"),
        ("stages: {a: {do: 'os:system', of: circuits.toy}}\n", r"module 'os' offers no steps"),
        ("stages: {a: {do: 'no_such_package_here:f', of: circuits.toy}}\n", r"no module 'no_such_package_here' is installed"),
        ("stages: {a: {do: '__import__(1)'}}\n", r"is no name of a step"),
        ("stages: {a: {do: 'plugin_steps:chian'}}\n", r"unknown step of module 'plugin_steps' 'chian'; .*Did you mean 'chain'"),
        ("stages: {a: {do: 'plugin_steps:taking_kwargs', of: circuits.toy}}\n", r"takes \*anything; a step names all"),
        ("stages: {a: {do: 'plugin_steps:taking_of', of: circuits.toy}}\n", r"named as keys of a stage: of"),
        ("stages: {a: {do: 'plugin_steps:chain', n_nods: 3}}\n", r"stages\.a: unknown option 'n_nods'; known: n_nodes\. Did you mean"),
        ("stages: {a: {do: 'plugin_steps:chain', n_nodes: three}}\n", r"stages\.a\.n_nodes: 'three' does not fit int"),
        ("stages: {a: {do: 'plugin_steps:chain', n_nodes: '3'}}\n", r"stages\.a\.n_nodes: '3' does not fit int"),
        ("stages: {a: {do: 'plugin_steps:fail_on', of: circuits.toy}}\n", r"needs the option 'n_nodes' \(int\)"),
        ("stages: {a: {do: 'plugin_steps:chain', of: circuits.toy}}\n", r"stages\.a\.of: plugin_steps:chain takes no input"),
        ("stages: {a: {do: 'plugin_steps:edges', of: lcoal}}\n", r"unknown source 'lcoal'"),
        ("stages: {a: {do: 'plugin_steps:edges', of: circuits.toi}}\n", r"unknown source 'circuits\.toi'; .*Did you mean 'circuits\.toy'"),
        ("stages: {a: {do: 'plugin_steps:add', of: {left: a1, rigth: a1}}, a1: {do: 'plugin_steps:chain'}}\n", r"unknown input 'rigth'; known: left, right"),
        ("stages: {a: {do: 'plugin_steps:add', of: {left: b}}, b: {do: 'plugin_steps:edges', of: c}, c: {do: 'plugin_steps:chain'}}\n", r"also needs right"),
        ("stages: {a: {do: 'plugin_steps:edges', of: b}, b: {do: 'plugin_steps:cells', of: c}, c: {do: 'plugin_steps:chain'}}\n", r"stages\.a\.of: b gives a DataFrame; plugin_steps:edges takes a Connectome"),
        ("stages: {a: {do: 'plugin_steps:shuffled', of: b}, b: {do: 'plugin_steps:shuffled', of: a}}\n", r"in a circle: a -> b -> a"),
        ("stages: {a: {do: 'plugin_steps:edges', of: c, controls: [er]}, c: {do: 'plugin_steps:chain'}}\n", r"unknown control 'er'; known: none"),
        ("stages: {a: {do: 'plugin_steps:chain', each: {n_nodes: [3, 3]}}}\n", r"a value stands twice"),
        ("stages: {a: {do: 'plugin_steps:chain', each: {n_nodes: []}}}\n", r"no values to sweep"),
        ("stages: {a: {do: 'plugin_steps:chain', n_nodes: 3, each: {n_nodes: [4]}}}\n", r"stands beside `each` too"),
        ("stages: {a: {do: 'plugin_steps:holding', of: circuits.toy, value: 1}}\n", r"takes numpy\.ndarray, which no document can hold; write \{from"),
        ("stages: {a: {do: 'plugin_steps:edges', of: circuits.toy, times: {from: circuits}}}\n", r"circuits gives a Circuit or Connectome; the option takes int"),
        ("stages: {a: {do: 'plugin_steps:chain', repeat: 3}}\n", r"stages\.a\.repeat: plugin_steps:chain is not random"),
        ("stages: {a: {do: 'plugin_steps:edges', of: circuits.toy, times: {from: stages.c}}, c: {do: 'plugin_steps:chain'}}\n", r"stages\.a\.times: c gives a Connectome; the option takes int"),
        ("controls: {er: {do: analyze.degrees, draws: 2}}\nstages: {a: {do: 'plugin_steps:chain'}}\n", r"analyze\.degrees is no control; a control gives a connectome"),
        ("slices: {s: {by: draw}}\nstages: {a: {do: 'plugin_steps:edges', of: circuits.toy, slices: [s]}}\n", r"stages\.a\.slices: s: cases have a column draw already"),
        ("slices: {s: {by: times}}\nstages: {a: {do: 'plugin_steps:edges', of: circuits.toy, each: {times: [1, 2]}, slices: [s]}}\n", r"cases have a column times already"),
        ("stages: {a: {do: 'plugin_steps:chain', repeat: 0}}\n", r"stages\.a\.repeat: input should be greater than or equal to 1"),
        ("stages: {a: {do: 'plugin_steps:chain', description: [1]}}\n", r"stages\.a\.description: input should be a valid string"),
        ("stages: {'a b': {do: 'plugin_steps:chain'}}\n", r"a name is letters, digits"),
        ("subtargets: {s: {do: 'plugin_steps:chain'}}\n", r"does not define subtargets"),
        ("stages: {s: {do: circuits.groups, by: layer, of: circuits.toy}}\n", r"defines subtargets; write it under `subtargets:`"),
        ("controls: {original: {do: 'plugin_steps:shuffled', draws: 2}}\nstages: {a: {do: 'plugin_steps:chain'}}\n", r"this name stands for the unchanged input"),
        ("controls: {er: {do: 'plugin_steps:shuffled'}}\nstages: {a: {do: 'plugin_steps:chain'}}\n", r"controls\.er: needs the key 'draws'"),
        ("", r"needs the key 'stages'"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_what_is_known(write, body, message):
    with pytest.raises(StudyError, match=message):
        load_study(write(body))


def test_every_mistake_is_told_at_once(write, local):
    with pytest.raises(StudyError, match=r"(?s)2 mistakes:.*unknown option 'tims'.*unknown source 'nothing'"):
        load_study(write(local + "  a: {do: 'plugin_steps:edges', of: local, tims: 2}\n  b: {do: 'plugin_steps:edges', of: nothing}\n"))  # fmt: skip


@pytest.mark.parametrize("path", ['"a\\0b"', '"~nosuchuser/x"'])
def test_a_path_that_is_none_is_told(write, path):
    with pytest.raises(StudyError, match=r"circuits\.toy\.path: .*(is no path|no such file)"):
        load_study(write("stages: {a: {do: 'plugin_steps:chain'}}\n", circuits=f"toy: {{path: {path}}}"))


def test_a_missing_file_is_told_with_where_it_was_sought(write):
    with pytest.raises(StudyError, match=r"circuits\.toy\.path: no such file or folder: .*nowhere\.csv"):
        load_study(write("stages: {a: {do: 'plugin_steps:chain'}}\n", circuits="toy: {path: nowhere.csv}"))


def test_a_sliced_stage_cannot_be_taken_from(write, local):
    body = (
        local + "  a: {do: 'plugin_steps:shuffled', of: local, slices: [ei]}\n  b: {do: 'plugin_steps:edges', of: a}\n"
    )
    with pytest.raises(StudyError, match=r"stages\.b\.of: a is sliced"):
        load_study(write(body + "slices: {ei: ei}\n"))


def test_a_plain_string_is_a_literal_and_a_reference_is_spelled_out(write, local):
    body = local + "  a: {do: 'plugin_steps:die_once', of: local, mark: stages.local}\n"
    study = load_study(write(body + "  n: {do: 'plugin_steps:edges', of: local}\n  b: {do: 'plugin_steps:edges', of: local, times: {from: stages.n}}\n"))  # fmt: skip
    assert study.stages["a"].options == {"mark": "stages.local"}
    assert study.stages["b"].sources == ["local", "n"]


def test_a_study_extends_another_whose_paths_stay_its_own(write, local, folder):
    write(local, name="base.yaml", seed=3)
    (folder / "deeper").mkdir()
    over = folder / "deeper" / "over.yaml"
    over.write_text("extends: ../base.yaml\nstudy: Over\nstages: {n: {do: 'plugin_steps:edges', of: local}}\n")
    study = load_study(over)
    assert (study.title, study.seed) == ("Over", 3)
    assert study.circuits["toy"].path == str(folder / "edges.csv")
    assert {"local", "n"} < set(study.stages)


def test_a_study_cannot_extend_itself(folder):
    (folder / "a.yaml").write_text("study: a\nextends: b.yaml\n")
    (folder / "b.yaml").write_text("study: b\nextends: a.yaml\n")
    with pytest.raises(StudyError, match=r"extends itself by way of a\.yaml -> b\.yaml"):
        load_study(folder / "a.yaml")


def test_comments_and_the_order_of_keys_do_not_change_the_hash(folder):
    (folder / "a.yaml").write_text("study: a # x\nseed: 1\nstages: {a: {do: 'plugin_steps:chain', n_nodes: 4}}\n")
    (folder / "b.yaml").write_text("seed: 1\nstages: {a: {n_nodes: 4, do: 'plugin_steps:chain'}}\nstudy: a\n")
    assert load_study(folder / "a.yaml").hash == load_study(folder / "b.yaml").hash


def test_a_step_may_bear_a_name_of_the_studys_own(write):
    body = "steps: {line: 'plugin_steps:chain'}\nstages: {a: {do: line, n_nodes: 4}}\n"
    assert load_study(write(body)).stages["a"].step.name == "plugin_steps:chain"


def test_an_unknown_option_of_reading_is_told_with_the_others(write):
    body = "stages: {a: {do: 'plugin_steps:chain', n: 1}}\n"
    with pytest.raises(
        StudyError, match=r"(?s)2 mistakes.*circuits\.toy\.read: unknown option 'formt'.*Did you mean 'format'"
    ):
        load_study(write(body, circuits="toy: {path: edges.csv, read: {formt: csv}}"))


def test_a_module_that_ends_the_program_is_told(write, folder, monkeypatch):
    (folder / "plugin_exits.py").write_text("import sys\nsys.exit(0)\n")
    monkeypatch.syspath_prepend(str(folder))
    with pytest.raises(StudyError, match=r"module 'plugin_exits' cannot be imported: SystemExit: 0"):
        load_study(write("stages: {a: {do: 'plugin_exits:f'}}\n"))
