"""Stages that write a circuit: kept in folders, taken by later stages, found sound or made again."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from conntap import open_circuit, open_store
from conntap.circuits import Circuit, Connectome
from conntap.circuits.provenance import provenance
from conntap.circuits.sonata.writing import write_sonata
from conntap.errors import RunError, StoreError, StudyError
from conntap.manipulate.circuits import manipulate_circuit
from conntap.study import load_study, run
from conntap.study.folders import new_folder, unit_folder
from conntap.study.records import Records, stage_folder
from conntap.study.setup import prepare

BODY = """
stages:
  lesioned:
    do: manipulate.circuit
    of: circuits
    recipe: [{do: remove_connections, pre: layer == 1}]
    each: {fraction: [0.25, 0.5]}
    repeat: 2
  again: {do: manipulate.circuit, of: lesioned, recipe: [{do: subsample, fraction: 0.5}]}
  net: {do: circuits.connectome, of: lesioned}
run: {workers: 1}
"""
CIRCUITS = "a: a\n  b: b"


@pytest.fixture
def circuits(folder):
    """Two circuits of 30 cells in three layers, about each tenth pair connected by two synapses."""
    rng = np.random.default_rng(1)
    nodes = pd.DataFrame({"layer": np.arange(30) % 3, "x": rng.normal(size=30)})
    for name in ("a", "b"):
        pre, post = (np.repeat(ends, 2) for ends in np.nonzero(rng.random((30, 30)) < 0.15))
        connectome = Connectome(nodes, pre, post, properties={"w": rng.random(len(pre))}, name="cells")
        write_sonata(connectome, folder / name)
    return folder


def made(out, stage):
    return sorted(each.name for each in (stage_folder(out, stage) / "files").iterdir())


def test_each_case_of_a_stage_is_a_circuit_on_disk_and_later_stages_take_it(circuits, write):
    outcome = run(load_study(write(BODY, circuits=CIRCUITS)))
    assert outcome.ok
    with open_store(outcome.store) as store:
        assert list(store["lesioned"].cases.columns) == ["circuit", "fraction", "repeat"]
        assert all(isinstance(each, Circuit) for each in store["lesioned"])
        sizes = [each.edges().size for each in store["lesioned"]]
        assert sizes == [each.n_edges for each in store["net"]]
        assert [round(n / 2) for n in sizes] == pytest.approx([each.edges().size for each in store["again"]], abs=1)
    assert made(outcome.out, "lesioned") == sorted({key for key in made(outcome.out, "lesioned") if len(key) == 32})
    assert len(made(outcome.out, "lesioned")) == 8


def test_a_stage_gives_what_the_function_gives_with_the_seed_that_its_file_tells(circuits, write, tmp_path):
    outcome = run(load_study(write(BODY, circuits=CIRCUITS)))
    with open_store(outcome.store) as store:
        value = store["lesioned"][0]
        seed = provenance(value.edges())["seed"]
        recipe = [{"do": "remove_connections", "pre": "layer == 1", "fraction": 0.25}]
        path = manipulate_circuit(open_circuit(circuits / "a"), tmp_path / "new", recipe=recipe, seed=seed)
        assert open_circuit(path).edges().connectome() == value.edges().connectome()


def test_memory_threads_and_names_of_stages_change_no_key(circuits, write):
    study = load_study(write(BODY, circuits=CIRCUITS))
    keys = [unit.key for unit in prepare(study)[0]["lesioned"].units]
    other = BODY.replace("repeat: 2", "repeat: 2\n    mem_gb: 0.2\n    workers: 2").replace("lesioned", "cut")
    assert [unit.key for unit in prepare(load_study(write(other, circuits=CIRCUITS)))[0]["cut"].units] == keys
    assert len(set(keys)) == 8


def test_any_number_of_workers_gives_the_same_files(circuits, write):
    one = run(load_study(write(BODY, circuits=CIRCUITS)), out=circuits / "one")
    two = run(load_study(write(BODY.replace("workers: 1", "workers: 2"), circuits=CIRCUITS)), out=circuits / "two")
    for stage in ("lesioned", "again"):
        for key in made(one.out, stage):
            files = [unit_folder(each.out, stage, key) / "edges.h5" for each in (one, two)]
            assert files[0].read_bytes() == files[1].read_bytes()


def test_a_run_folder_that_was_moved_still_opens(circuits, write):
    outcome = run(load_study(write(BODY, circuits=CIRCUITS)))
    outcome.out.rename(circuits / "elsewhere")
    with open_store(circuits / "elsewhere" / "store.h5") as store:
        assert store["again"][0].path.is_relative_to(circuits / "elsewhere")
        assert store["again"][0].edges().size > 0


@pytest.mark.parametrize("harm", ["gone", "cut short", "changed"])
def test_files_that_are_gone_or_changed_are_made_again_where_a_unit_takes_them(circuits, write, harm):
    path = write(BODY, circuits=CIRCUITS)
    first = run(load_study(path))
    key = made(first.out, "lesioned")[0]
    edges = unit_folder(first.out, "lesioned", key) / "edges.h5"
    before = edges.read_bytes()
    if harm == "gone":
        shutil.rmtree(edges.parent)
    else:
        edges.write_bytes(before[:-1] if harm == "cut short" else before[:-1] + bytes([before[-1] ^ 1]))
    more = "  sizes: {do: circuits.node_table, of: lesioned}\nrun:"  # what takes them: only then are they hashed
    second = run(load_study(write(BODY.replace("run:", more), circuits=CIRCUITS)))
    assert second.ok
    assert second.done == 8 + 1
    assert edges.read_bytes() == before


def test_where_nothing_is_left_to_do_nothing_is_done(circuits, write):
    path = write(BODY, circuits=CIRCUITS)
    run(load_study(path))
    assert run(load_study(path)).done == 0


DISCARDED = BODY.replace("repeat: 2", "repeat: 2\n    discard: true")


@pytest.mark.parametrize("when", ["true", "after-use"])
def test_what_a_discarded_stage_wrote_goes_when_all_that_take_it_are_done(circuits, write, when):
    path = write(DISCARDED.replace("discard: true", f"discard: {when}"), circuits=CIRCUITS)
    outcome = run(load_study(path))
    assert made(outcome.out, "lesioned") == []
    assert len(made(outcome.out, "again")) == 8
    assert run(load_study(path)).done == 0
    with open_store(outcome.store) as store:
        assert "lesioned" not in store
        assert store["again"][0].edges().size > 0


def test_a_new_stage_has_what_was_discarded_made_again(circuits, write):
    run(load_study(write(DISCARDED, circuits=CIRCUITS)))
    more = "  sizes: {do: circuits.node_table, of: lesioned}\nrun:"
    outcome = run(load_study(write(DISCARDED.replace("run:", more), circuits=CIRCUITS)))
    assert outcome.ok
    assert outcome.done == 8 + 8
    assert made(outcome.out, "lesioned") == []


def test_what_is_discarded_stays_while_a_unit_that_takes_it_failed(circuits, write):
    failing = DISCARDED.replace(
        "do: circuits.connectome, of: lesioned", "do: circuits.connectome, of: lesioned, edges: none"
    )
    outcome = run(load_study(write(failing, circuits=CIRCUITS)))
    assert not outcome.ok
    assert len(made(outcome.out, "lesioned")) == 8


def test_what_a_killed_worker_left_aside_is_cleared_away_and_never_taken(circuits, write):
    path = write(BODY, circuits=CIRCUITS)
    outcome = run(load_study(path))
    files = stage_folder(outcome.out, "lesioned") / "files"
    (files / ".0123.host.99.1.part" / "0123").mkdir(parents=True)
    run(load_study(path))
    assert not list(files.glob(".*"))


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    def fails(folder):
        folder.path.mkdir()
        (folder.path / "half").write_text("half")
        raise KeyError

    with pytest.raises(KeyError), new_folder(tmp_path, "stage", "key") as folder:
        fails(folder)
    assert list((stage_folder(tmp_path, "stage") / "files").iterdir()) == []
    for text in ("one", "two"):  # a retry replaces what an earlier try left
        with new_folder(tmp_path, "stage", "key") as folder:
            folder.path.mkdir()
            (folder.path / "file").write_text(text)
            folder.keep([])
    assert (unit_folder(tmp_path, "stage", "key") / "file").read_text() == "two"
    assert made(tmp_path, "stage") == ["key"]


def test_a_step_that_writes_nothing_is_told(tmp_path):
    with pytest.raises(RunError, match="wrote nothing"), new_folder(tmp_path, "stage", "key") as folder:
        folder.keep([])


def test_a_circuit_that_is_gone_is_told_by_its_store(circuits, write):
    outcome = run(load_study(write(BODY, circuits=CIRCUITS)))
    shutil.rmtree(stage_folder(outcome.out, "again") / "files")
    with open_store(outcome.store) as store, pytest.raises(StoreError, match=r"is gone.*Run the study again"):
        store["again"][0]


def test_a_record_says_what_lies_in_the_folder(circuits, write):
    outcome = run(load_study(write(BODY, circuits=CIRCUITS)))
    records = Records(stage_folder(outcome.out, "lesioned")).refresh()
    key, record = next(iter(records.done.items()))
    told = record.header()["files"]
    folder = unit_folder(outcome.out, "lesioned", key)
    assert told["files"] == 2
    assert told["bytes"] == sum(each.stat().st_size for each in folder.iterdir())
    (encoded,) = records.read(key)
    assert encoded.attrs["place"] == f"run/stages/lesioned/files/{key}/circuit_config.json"
    assert encoded.attrs["sha256"] == told["sha256"]
    assert next(iter(encoded.attrs["made"].values()))["recipe"][0]["do"] == "remove_connections"
    assert json.loads(json.dumps(encoded.attrs))["counts"]["nodes"] == {"cells": 30}


MASKED = """
stages:
  net: {do: circuits.connectome, of: circuits}
  pairs: {do: manipulate.reciprocal_mask, of: net}
  without:
    do: manipulate.circuit
    of: circuits
    recipe: [{do: remove_connections, mask: {from: stages.pairs}, fraction: 1}]
  left: {do: circuits.connectome, of: without}
  pairs-left: {do: manipulate.reciprocal_mask, of: left}
  number: {do: manipulate.mask_size, of: pairs-left}
run: {workers: 1}
"""


def test_a_recipe_takes_values_of_other_stages(circuits, write):
    outcome = run(load_study(write(MASKED, circuits=CIRCUITS)))
    assert outcome.ok
    with open_store(outcome.store) as store:
        assert list(store["number"]) == [0, 0]
        assert store["without"][0].edges().size < store["net"][0].n_edges


def test_masks_in_files_are_relative_to_the_study_and_part_of_the_key(circuits, write):
    (circuits / "mask.csv").write_text("pre,post\n0,1\n")
    body = """
stages:
  without:
    do: manipulate.circuit
    of: circuits
    masks: {one: mask.csv}
    recipe: [{do: remove_connections, mask: one, fraction: 1}]
run: {workers: 1}
"""
    study = load_study(write(body, circuits=CIRCUITS))
    before = prepare(study)[0]["without"].units[0].key
    assert run(study).ok
    (circuits / "mask.csv").write_text("pre,post\n0,2\n")
    assert prepare(study)[0]["without"].units[0].key != before


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("[]", "no manipulation"),
        ("[{do: remove_conections}]", "Did you mean 'remove_connections'"),
        ("[{do: erdos_renyi}]", "'erdos_renyi' runs in memory only: circuits.connectome, then that step"),
        ("[{do: subsample, fracton: 0.5}]", "Did you mean 'fraction'"),
        ("[{do: subsample, fraction: lots}]", r"recipe\[0\]\.fraction"),
        ("[{do: alter_property, how: set}]", "needs property"),
        ("[{do: remove_connections, mask: {from: stages.nowhere}}]", "unknown source 'stages.nowhere'"),
    ],
)
def test_mistakes_in_a_recipe_are_told_before_anything_runs(circuits, write, recipe, message):
    body = f"stages:\n  cut: {{do: manipulate.circuit, of: circuits, recipe: {recipe}}}\n"
    with pytest.raises(StudyError, match=message):
        load_study(write(body, circuits=CIRCUITS))


def test_an_edge_list_is_no_circuit_on_disk(folder, write):
    body = "stages:\n  cut: {do: manipulate.circuit, of: circuits, recipe: [{do: subsample, fraction: 1}]}\n"
    outcome = run(load_study(write(body)))
    assert "takes a SONATA circuit" in outcome.failures[0]["error"]


LAYERS = """
subtargets:
  layers: {do: circuits.groups, of: circuits, by: layer}
stages:
  cut: {do: manipulate.circuit, of: circuits, recipe: [{do: remove_connections, fraction: 0.5}]}
  before: {do: circuits.connectome, of: subtargets.layers}
  after: {do: circuits.connectome, of: {target: subtargets.layers, circuit: cut}}
run: {workers: 1}
"""


def test_subtargets_of_a_circuit_are_looked_at_in_one_made_from_it(circuits, write):
    outcome = run(load_study(write(LAYERS, circuits=CIRCUITS)))
    assert outcome.ok
    with open_store(outcome.store) as store:
        before, after = store["before"], store["after"]
        assert after.cases.equals(before.cases)
        for one, other in zip(before, after, strict=True):
            assert one.nodes.equals(other.nodes)
            assert 0 < other.n_edges < one.n_edges
            assert set(zip(other.pre, other.post)) <= set(zip(one.pre, one.post))


def test_subtargets_of_a_stage_are_refused_with_what_to_do(circuits, write):
    body = LAYERS.replace("do: circuits.groups, of: circuits", "do: circuits.groups, of: cut")
    with pytest.raises(StudyError, match=r"before anything runs.*circuit: STAGE"):
        load_study(write(body, circuits=CIRCUITS))
