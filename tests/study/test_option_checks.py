"""Values of options that no input makes right are told before anything runs."""

import json

import pandas as pd
import pytest

from conntap.circuits import Connectome
from conntap.circuits.sonata.writing import write_sonata
from conntap.errors import StudyError
from conntap.study import load_study
from conntap.study.setup import prepare
from conntap.study.steps import find_step

NET = "stages:\n  net: {do: circuits.connectome, of: circuits}\n"


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        ("{do: manipulate.remove_connections, of: net, fraction: 1.5}", r"fraction: 1.5; give a number from 0 to 1"),
        ("{do: manipulate.remove_connections, of: net}", "give either connections or fraction, one of the two"),
        ("{do: manipulate.remove_connections, of: net, fraction: 1, synapses: [3, 1]}", "synapses: 1; give a whole"),
        ("{do: manipulate.subsample, of: net, each: {fraction: [0.5, 2.0]}}", "subsample.fraction: 2.0; give"),
        ('{do: manipulate.subsample, of: net, fraction: 1, pre: "layer = 1"}', "subsample.pre: query 'layer = 1'"),
        ("{do: manipulate.simplex_mask, of: net, dimensions: [2, 2]}", "simplex_mask.dimensions: 2, 2; give"),
        ("{do: manipulate.perturb, of: net, drop: 2.0}", "perturb.drop: 2.0; give a number from 0 to 1"),
        ("{do: manipulate.alter_property, of: net, property: w, how: set}", "alter_property.value: none given"),
        ("{do: manipulate.circuit, recipe: [{do: subsample, fraction: 3}]}", r"recipe\[0\]: subsample.fraction: 3"),
        ("{do: manipulate.circuit, recipe: [{do: subsample}], fraction: 3.0}", r"recipe\[0\]: subsample.fraction: 3"),
        ("{do: manipulate.circuit, recipe: [{do: subsample}], each: {fraction: [0.1, 3.0]}}", "subsample.fraction: 3"),
        ("{do: 'plugin_steps:unlucky', of: net, number: 13}", "unlucky.number: 13; it brings bad luck. Give 12"),
    ],
)
def test_an_option_out_of_range_is_a_mistake_of_the_document_with_its_line(write, stage, told):
    with pytest.raises(StudyError, match=rf"stages.cut: .*{told}.*\(study.yaml, line 6\)"):
        load_study(write(f"{NET}  cut: {stage}\n"))


def test_what_is_known_only_later_is_not_checked_and_what_is_swept_is_with_the_rest(write):
    body = f"""{NET}  pairs: {{do: manipulate.reciprocal_mask, of: net}}
  amount: {{do: manipulate.mask_size, of: pairs}}
  cut: {{do: manipulate.remove_connections, of: net, connections: {{from: stages.amount}}}}
  less: {{do: manipulate.remove_connections, of: net, each: {{fraction: [0.1, 0.2]}}}}
"""
    assert len(load_study(write(body)).stages) == 5


def test_options_of_a_control_are_checked_too(write):
    body = f"{NET}controls: {{c: {{do: manipulate.degree_preserving, sweeps: -1, draws: 1}}}}"
    with pytest.raises(StudyError, match=r"controls.c: degree_preserving.sweeps: -1; give a whole number from 0 on"):
        load_study(write(body))


@pytest.fixture
def check(folder, write):
    """Plans a study of stages over a circuit of four nodes in two layers, with a node set of each."""
    nodes = pd.DataFrame({"layer": [1, 1, 2, 2]})
    path = write_sonata(Connectome(nodes, [0, 1, 2], [1, 2, 3]), folder / "a")
    (folder / "a" / "node_sets.json").write_text('{"upper": {"layer": 1}}')
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"node_sets_file": "node_sets.json"}))
    return lambda stages: prepare(load_study(write(f"stages:\n{stages}", circuits="a: a")))


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ('"layr == 1"', "unknown node property 'layr'; known: id, layer. Did you mean 'layer'"),
        ("{layr: 1}", "unknown node property 'layr'"),
        ("{node_set: uper, layer: 1}", "unknown node set 'uper'; known: upper"),
        ("{node_set: upper, layr: 1}", "unknown node property 'layr'"),
        ("\"layer > 'one'\"", "layer > 'one'"),
    ],
)
def test_a_selection_of_what_the_circuit_does_not_have_is_told_before_anything_runs(check, choice, told):
    step = f"{{do: subsample, fraction: 1, pre: {choice}}}"
    with pytest.raises(StudyError, match=rf"stages.cut.recipe\[1\].pre.*{told}.*\(study.yaml, line 5\)"):
        check(f"  cut: {{do: manipulate.circuit, recipe: [{{do: subsample, fraction: 1}}, {step}]}}\n")


def test_a_selection_in_memory_is_checked_through_manipulations_before_it(check):
    stages = """  cut: {do: manipulate.circuit, recipe: [{do: subsample, fraction: 1, pre: upper, post: {node_set: upper}}]}
  net: {do: circuits.connectome, of: cut}
  less: {do: manipulate.subsample, of: net, fraction: 1, each: {pre: [layer == 1, %s]}}
"""
    assert len(check(stages % "id < 2")[0]) == 3
    with pytest.raises(StudyError, match=r"stages.less.each.pre: query 'later == 2': unknown node property 'later'"):
        check(stages % "later == 2")


def test_a_selection_by_what_a_step_made_is_left_to_the_run(check):
    assert check("""  grown: {do: build.column, n_nodes: 20}
  less: {do: manipulate.subsample, of: grown, fraction: 1, pre: strange == 2}
""")


def test_a_number_that_is_none_hides_no_other_mistake(write):
    body = f"""{NET}  cut: {{do: manipulate.subsample, of: net, fraction: .nan}}
  less: {{do: manipulate.subsample, of: net, fractoin: 1, fraction: 1}}
  two: {{do: manipulate.circuit, recipe: [{{do: subsample, fraction: -.inf}}]}}
"""
    with pytest.raises(StudyError, match="3 mistakes") as error:
        load_study(write(body))
    assert r"stages.cut.fraction: nan is no number to compute with. (study.yaml, line 6)" in str(error.value)
    assert r"stages.two.recipe.0.fraction: -inf is no number to compute with. (study.yaml, line 8)" in str(error.value)
    assert "Did you mean 'fraction'?" in str(error.value)


def test_a_number_that_is_none_where_a_whole_one_is_wanted_is_told_once_with_the_rest(write):
    with pytest.raises(StudyError, match=r"2 mistakes:\n.*seed: nan is no number .*line 2\)\n.*unknown key 'stags'"):
        load_study(write(f"stags: 1\n{NET}", seed=".nan"))


def test_types_are_told_without_modules_and_models_in_words():
    rewire = find_step("manipulate.rewire").options
    assert rewire["rule"].shown() == "a model or {path: FILE}"
    assert rewire["properties"].shown() == "Literal['reuse', 'sample'] or a model or {path: FILE}"
    assert find_step("manipulate.subsample").options["mask"].shown() == "Mask | None"
    assert find_step("manipulate.place_synapses").options["columns"].shown() == "Sequence[str] | None"


def test_a_study_to_extend_that_is_not_there_is_told_with_document_line_and_folder(write):
    path = write(NET, extends="nowhere/base.yaml")
    told = rf"study.yaml: extends: no such file: {path.parent}/nowhere/base.yaml.*relative.*\(study.yaml, line 2\)"
    with pytest.raises(StudyError, match=told):
        load_study(path)
