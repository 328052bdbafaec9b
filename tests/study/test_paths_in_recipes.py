"""Files that a stage's options name deep inside: relative to the document, and known by their content."""

import json

import numpy as np
import pandas as pd
import pytest

from conntap import open_store
from conntap.circuits import Connectome
from conntap.circuits.rules import Constant, save
from conntap.circuits.sonata.writing import write_sonata
from conntap.errors import StudyError
from conntap.study import load_study, run
from conntap.study.setup import prepare

BODY = """
stages:
  wired:
    do: manipulate.circuit
    of: circuits
    recipe: [{do: extract, nodes: {node_set: ends, node_sets_file: sets.json}}, {do: wire, rule: {path: model.json}}]
"""
THEIRS = {"model": "ConnProb4thOrderLinInterpnModel", "data_keys": ["p_conn_table"]}


@pytest.fixture
def beside(folder):
    nodes = pd.DataFrame({axis: np.arange(6.0) for axis in "xyz"})
    write_sonata(Connectome(nodes, [0, 1, 5], [1, 0, 4]), folder / "a")
    save(Constant(1.0), folder / "model.json")
    (folder / "sets.json").write_text('{"ends": {"node_id": [0, 1]}}')
    return folder


def keys(path):
    plans, *_ = prepare(load_study(path))
    return [unit.key for plan in plans.values() for unit in plan.units]


def test_a_recipe_names_files_beside_its_document(beside, write, tmp_path_factory, monkeypatch):
    path = write(BODY, circuits="a: a")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with open_store(run(load_study(path)).store) as store:
        assert [each.edges().size for each in store["wired"]] == [30]


def test_what_a_file_holds_is_part_of_what_a_unit_is(beside, write):
    path = write(BODY, circuits="a: a")
    before = keys(path)
    save(Constant(0.5), beside / "model.json")
    other_model = keys(path)
    (beside / "sets.json").write_text('{"ends": {"node_id": [0, 1, 2]}}')
    assert len({*before, *other_model, *keys(path)}) == 3


def test_the_tables_beside_a_model_are_part_of_it(beside, write):
    path = write(BODY, circuits="a: a")
    (beside / "model.json").write_text(json.dumps(THEIRS))
    (beside / "model.h5").write_bytes(b"some numbers")
    before = keys(path)
    (beside / "model.h5").write_bytes(b"other numbers")
    assert keys(path) != before


def test_files_that_are_not_there_are_told(beside, write):
    for gone in ("model.json", "sets.json"):
        with pytest.raises(StudyError, match=rf"no such file: .*no_{gone}\. Paths are relative to the document"):
            load_study(write(BODY.replace(gone, f"no_{gone}"), circuits="a: a"))


def test_files_that_are_swept_lie_beside_the_document(beside, write, tmp_path_factory, monkeypatch):
    save(Constant(0.0), beside / "none.json")
    sweep = "each: {rule: [{path: model.json}, {path: none.json}]}"
    body = f"stages:\n  net: {{do: circuits.connectome, of: circuits}}\n  wired: {{do: manipulate.wire, of: net, {sweep}}}\n"
    path = write(body, circuits="a: a")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with open_store(run(load_study(path)).store) as store:
        assert [each.n_edges for each in store["wired"]] == [30, 3]
        assert list(store["wired"].cases["rule"]) == ['{"path": "model.json"}', '{"path": "none.json"}']


def test_text_that_happens_to_name_a_folder_is_text(beside, write, monkeypatch):
    path = write(BODY.replace("{path: model.json}", "{kind: Constant, p: 0.5}"), circuits="a: a")
    monkeypatch.chdir(beside)
    before = keys(path)
    (beside / "Constant").mkdir()
    assert keys(path) == before


def test_a_mask_in_a_file_lies_beside_the_document(beside, write, tmp_path_factory, monkeypatch):
    np.save(beside / "pairs.npy", [[0, 1], [5, 4]])
    body = "stages:\n  net: {do: circuits.connectome, of: circuits}\n  mask: {do: manipulate.mask_from_file, of: net, path: pairs.npy}\n"
    path = write(body + "  size: {do: manipulate.mask_size, of: mask}\n", circuits="a: a")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with open_store(run(load_study(path)).store) as store:
        assert store["size"].load().tolist() == [2]
