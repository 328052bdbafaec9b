"""A study runs to a store; what is done is not done again; a failure fails alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conntap import open_store, store
from conntap.errors import RunError, StudyError
from conntap.study import collect, collecting, launch, load_study, run, run_batch, setup, status
from conntap.study.entries import with_run
from conntap.study.locking import lock
from conntap.study.setup import read_batch


def runs(path, **options):
    return run(with_run(load_study(path), **{"workers": 2, **options}))


def frame(outcome, stage):
    with open_store(outcome.store) as opened:
        return opened[stage].frame()


COUNTS = (
    "  counts: {do: analyze.simplex_counts, of: local, controls: [er], slices: [ei]}\n"
    "controls: {er: {do: manipulate.erdos_renyi, draws: 3}}\nslices: {ei: ei}\n"
)


def test_a_study_ends_in_a_store_with_originals_controls_and_slices(write, local):
    outcome = runs(write(local + COUNTS))
    assert outcome.ok
    with open_store(outcome.store) as opened:
        cases = opened["counts"].cases
        assert list(cases.columns) == ["circuit", "subtarget", "control", "draw", "slice", "ei"]
        case = {"subtarget": "1", "control": "original", "slice": "full"}
        assert opened["counts"][case].tolist() == [3, 3, 1]
        assert set(cases["control"]) == {"original", "er"}
        assert set(cases.loc[cases["control"] == "original", "draw"]) == {-1}
        assert set(cases.loc[cases["slice"] == "full", "ei"].isna()) == {True}
        assert set(cases["ei"].dropna()) == {"e", "i"}


def test_simplices_of_a_layer_are_those_counted_by_hand(write, local):
    outcome = runs(write(local + COUNTS))
    with open_store(outcome.store) as opened:
        full = opened["counts"].load("control == 'original' and slice == 'full'")
        assert [value.tolist() for value in full] == [[3, 3, 1], [3, 3]]


def test_any_number_of_workers_gives_the_same_bits(write, local, tmp_path):
    body = (
        local
        + "  n: {do: 'plugin_steps:draw', of: local, repeat: 5, controls: [s]}\ncontrols: {s: {do: 'plugin_steps:shuffled', draws: 3}}\n"
    )
    study = load_study(write(body))
    frames = [frame(run(with_run(study, workers=n), out=tmp_path / f"out{n}"), "n") for n in (1, 2, 3)]
    for other in frames[1:]:
        pd.testing.assert_frame_equal(frames[0], other, check_exact=True)
    assert frames[0]["n"].nunique() == len(frames[0])


def test_a_second_run_does_nothing_and_a_change_only_what_it_touches(write, local):
    body = local + "  n: {do: 'plugin_steps:edges', of: local, times: 1}\n  d: {do: 'plugin_steps:draw', of: local}\n"
    assert runs(write(body)).done == 2 + 2 + 2
    assert runs(write(body)).done == 0
    changed = write(body.replace("times: 1", "times: 2"))
    stages = {each.stage: each for each in status(load_study(changed), load_study(changed).folder)}
    assert (stages["n"].stale, stages["d"].done) == (2, 2)
    assert stages["n"].reasons == {"option times is 2, was 1": 2}
    assert runs(changed).done == 2


def test_a_changed_circuit_makes_stale_what_came_of_it(write, local, folder):
    path = write(local + "  n: {do: 'plugin_steps:edges', of: local}\n")
    runs(path)
    with open(folder / "edges.csv", "a") as file:
        file.write("1,0\n")
    stages = {each.stage: each for each in status(load_study(path), folder / "study")}
    assert stages["local"].stale == 2
    assert stages["n"].reasons == {"its input connectome changed": 2}
    assert frame(runs(path), "n")["n"].tolist() == [4, 3]


def test_a_failed_unit_fails_alone_and_is_told(write, local):
    outcome = runs(write(local + "  a: {do: 'plugin_steps:draw', of: local}\n  f: {do: 'plugin_steps:fail_on', of: local, n_nodes: 2}\n"
                                 "  g: {do: 'plugin_steps:fail_on', of: circuits.toy, n_nodes: 6}\n"))  # fmt: skip
    assert (outcome.failed, outcome.ok) == (1, False)
    assert "ValueError: will not take 6 nodes" in outcome.failures[0]["error"]
    assert outcome.failures[0]["command"].startswith("tap batch ")
    assert "will not take 6 nodes" in Path(outcome.failures[0]["log"]).read_text()
    assert len(frame(outcome, "a")) == 2


def test_stages_of_one_definition_that_fail_are_counted_each(write, local):
    stage = "{do: 'plugin_steps:fail_on', of: local, n_nodes: 3}"
    outcome = runs(write(local + f"  a: {stage}\n  b: {stage}\n"))
    assert (outcome.failed, outcome.waiting, len(outcome.failures)) == (4, 0, 4)


def test_what_waits_for_a_failed_unit_is_counted_and_done_later(write, local, folder):
    body = (
        local
        + "  f: {do: 'plugin_steps:fail_on', of: local, n_nodes: 3}\n  s: {do: 'plugin_steps:add', of: {left: f, right: f}}\n"
    )
    outcome = runs(write(body))
    assert (outcome.failed, outcome.waiting) == (2, 2)
    outcome = runs(write(body.replace("n_nodes: 3", "n_nodes: 4")))
    assert outcome.ok
    assert frame(outcome, "s")["s"].tolist() == [6.0, 6.0]


def test_a_killed_worker_costs_one_try_of_one_unit(write, local, folder):
    outcome = runs(write(local + f"  d: {{do: 'plugin_steps:die_once', of: local, mark: {folder / 'mark'}}}\n"))
    assert outcome.ok
    assert frame(outcome, "d")["d"].tolist() == [3, 3]


def test_a_unit_whose_worker_dies_each_time_is_given_up(write, local, folder):
    outcome = runs(
        write(local + "  d: {do: 'plugin_steps:die_once', of: local, mark: /proc/nothing/mark}\n"), retries=0
    )
    assert outcome.failed == 2
    (folder / "gone").mkdir()
    body = local + f"  d: {{do: 'plugin_steps:die_once', of: local, mark: {folder / 'mark2'}}}\n"
    outcome = runs(write(body), retries=0, workers=1)
    assert [each["kind"] for each in outcome.failures] == ["worker lost"]
    assert "SIGKILL" in outcome.failures[0]["error"]
    assert runs(write(body)).ok


def test_a_unit_beyond_its_time_is_stopped_and_the_rest_goes_on(write, local):
    outcome = runs(
        write(local + "  h: {do: 'plugin_steps:hang', of: local, each: {seconds: [0.0, 30.0]}}\n"), timeout_s=1.0
    )
    assert (outcome.failed, len(frame(outcome, "h"))) == (2, 2)
    assert {each["kind"] for each in outcome.failures} == {"timed out"}


def test_a_unit_beyond_its_memory_is_stopped(write):
    body = "stages: {h: {do: 'plugin_steps:hoard', of: circuits.toy, gb: 1.5}}\n"
    outcome = runs(write(body), mem_gb=0.8)
    assert [each["kind"] for each in outcome.failures] == ["out of memory"]


def test_an_allocation_far_beyond_the_memory_fails_at_once(write):
    body = "stages: {h: {do: 'plugin_steps:hoard', of: circuits.toy, gb: 900.0}}\n"
    outcome = runs(write(body), mem_gb=0.8)
    assert [each["kind"] for each in outcome.failures] == ["out of memory"]
    assert "MemoryError" in outcome.failures[0]["error"]


@pytest.fixture
def cli():
    """Starts `tap` in a process of its own; whatever still runs at the end is killed."""
    started = []

    def start(*arguments):
        command = [sys.executable, "-m", "conntap.cli", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        former = signal.signal(signal.SIGINT, signal.default_int_handler)  # one that is ignored is inherited
        try:
            started.append(subprocess.Popen(command, **pipes))
        finally:
            signal.signal(signal.SIGINT, former)
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.mark.parametrize(("blow", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_run_that_is_struck_down_goes_on_where_it_was(cli, write, local, folder, blow, code):
    path = write(
        local
        + "  h: {do: 'plugin_steps:hang', of: local, each: {seconds: [0.3, 0.31, 0.32, 0.33, 0.34, 0.35, 0.36, 0.37]}}\n"
    )
    process = cli("run", path, "--workers", 1, "--no-report")
    shards = folder / "study" / "run" / "stages" / "h" / "shards"
    wait_for(lambda: sum(each.stat().st_size for each in shards.glob("*.shard")) > 2500)
    process.send_signal(blow)
    process.communicate(timeout=30)
    assert process.returncode == code
    study = load_study(path)
    before = {each.stage: each.done for each in status(study, folder / "study")}["h"]
    assert 0 < before < 16
    outcome = runs(path, workers=4)
    assert outcome.ok
    assert outcome.done == 16 - before


def test_a_ctrl_c_that_python_loses_in_a_destructor_stops_the_run_all_the_same(write, local):
    path = write(local + "  h: {do: 'plugin_steps:hang', of: local, each: {seconds: [0.3, 0.31, 0.32, 0.33]}}\n")
    code = f"""
import os, signal
from conntap.errors import InterruptedRun
from conntap.study import load_study, run
from conntap.study.entries import with_run

signal.signal(signal.SIGINT, signal.default_int_handler)

class Losing:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)

def listen(event):
    if event["event"] == "done" and event["stage"] == "h":
        Losing()

try:
    run(with_run(load_study({str(path)!r}), workers=1), listen=listen)
except InterruptedRun:
    print("stopped")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "KeyboardInterrupt" in done.stderr
    assert done.stdout.strip() == "stopped"


def test_a_second_run_beside_the_first_refuses(write, local, folder):
    path = write(local + "  n: {do: 'plugin_steps:edges', of: local}\n")
    study = load_study(path)
    setup(study, study.folder)
    with lock(study.folder), pytest.raises(RunError, match="another run is at work"):
        launch(study, out=study.folder)


def test_a_torn_shard_costs_only_its_torn_records(write, local, folder):
    path = write(local + "  n: {do: 'plugin_steps:draw', of: local, repeat: 4}\n")
    whole = frame(runs(path), "n")
    shard = max(
        (folder / "study" / "run" / "stages" / "n" / "shards").glob("*.shard"), key=lambda each: each.stat().st_size
    )
    os.truncate(shard, shard.stat().st_size - 7)
    outcome = runs(path)
    assert outcome.done == 1
    pd.testing.assert_frame_equal(frame(outcome, "n"), whole)


def test_a_batch_repeated_by_hand_gives_the_same_value(write, local):
    path = write(local + "  n: {do: 'plugin_steps:draw', of: local}\n")
    outcome = runs(path)
    whole = frame(outcome, "n")
    units = read_batch(outcome.out, "n", 0)
    assert run_batch(outcome.out, "n", 0).done == 0
    assert run_batch(outcome.out, "n", 0, only=frozenset(unit["key"] for unit in units)).done == len(units)
    collect(outcome.out)
    pd.testing.assert_frame_equal(frame(outcome, "n"), whole)


def test_an_option_may_be_the_value_of_another_stage(write, local):
    body = (
        local
        + "  n: {do: 'plugin_steps:edges', of: local}\n  m: {do: 'plugin_steps:edges', of: local, times: {from: stages.n}}\n"
    )
    assert frame(runs(write(body)), "m")["m"].tolist() == [9, 9]


def test_a_stage_may_start_from_nothing_and_sweep(write):
    body = "stages:\n  c: {do: 'plugin_steps:chain', each: {n_nodes: [3, 6]}}\n  n: {do: 'plugin_steps:edges', of: c}\n"
    result = frame(runs(write(body, circuits=None)), "n")
    assert result["n"].tolist() == [2, 5]
    assert result.index.get_level_values("n_nodes").tolist() == [3, 6]


def test_several_circuits_give_several_cases(write, local, folder):
    (folder / "more.csv").write_text("pre,post\n0,1\n")
    circuits = "toy: {path: edges.csv, nodes: nodes.csv}\n  more: {path: more.csv, nodes: nodes.csv}"
    result = frame(runs(write(local + "  n: {do: 'plugin_steps:edges', of: local}\n", circuits=circuits)), "n")
    assert result["n"].tolist() == [3, 3, 1, 0]


def test_a_discarded_stage_is_computed_but_not_collected(write, local):
    body = local.replace("of: subtargets.layers}", "of: subtargets.layers, discard: true}")
    outcome = runs(write(body + "  n: {do: 'plugin_steps:edges', of: local}\n"))
    with open_store(outcome.store) as opened:
        assert list(opened) == ["n"]


def test_setup_says_which_circuit_is_wrong(write, folder):
    (folder / "broken.json").write_text("{")
    path = write("stages: {w: {do: circuits.connectome, of: circuits.bad}}\n", circuits="bad: {path: broken.json}")
    with pytest.raises(StudyError, match=r"circuits\.bad: .*broken\.json"):
        setup(load_study(path), folder / "out")
    assert not (folder / "out").exists()


def test_a_slice_by_what_no_node_has_is_told_before_anything_runs(write, local, folder):
    body = local + "  n: {do: 'plugin_steps:edges', of: local, slices: [s]}\nslices: {s: {by: layr}}\n"
    with pytest.raises(
        StudyError, match=r"slices\.s\.by: unknown node property 'layr'; known: .* Did you mean 'layer'"
    ):
        setup(load_study(write(body)), folder / "out")
    assert not (folder / "out").exists()


def test_statistics_against_a_control_come_with_the_store(write, local):
    outcome = runs(write(local + COUNTS))
    with open_store(outcome.store) as opened:
        table = opened["counts"].against("er")
        assert {"mean", "sd", "z", "ratio", "p"} <= set(table.columns)
        assert np.isclose(table["p_floor"], 1 / 4).all()


def test_provenance_stands_in_the_store(write, local):
    outcome = runs(write(local, seed=11))
    with open_store(outcome.store) as opened:
        assert opened.attrs["seed"] == 11
        assert "circuits.groups" in opened.study
        assert len(opened.attrs["study_hash"]) == 32


def test_values_of_every_kind_come_back_as_they_were(write, local):
    kinds = "[array, table, simplices, spikes, file, none]"
    body = local + f"  v: {{do: 'plugin_steps:value_of', of: local, each: {{kind: {kinds}}}}}\n"
    outcome = runs(write(body))
    assert outcome.ok
    with open_store(outcome.store) as opened:
        found = {kind: opened["v"].load(f"kind == '{kind}'").iloc[0] for kind in opened["v"].cases["kind"].unique()}
        local = opened["local"][0]
    assert found["array"].tolist() == local.adjacency().toarray().tolist()
    pd.testing.assert_frame_equal(found["table"], local.nodes)
    assert [each.shape for each in found["simplices"]] == [(3, 1), (3, 2)]
    assert found["spikes"].duration_ms == 100.0
    assert found["file"].read_bytes() == b"3 nodes"
    assert found["none"] is None


def flip(entry):
    """Turn one byte in the middle of a record's body."""
    with open(entry.path, "r+b") as file:
        file.seek(entry.offset + entry.length - 40)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0xFF]))


def first_entry(outcome, stage):
    """A record that is not the last of its shard, where there is one."""
    shards = (outcome.out / "run" / "stages" / stage / "shards").glob("*.shard")
    return max((store.scan(shard) for shard in shards), key=len)[0]


def test_a_record_that_rotted_is_set_aside_and_computed_again(write, local):
    path = write(local + "  n: {do: 'plugin_steps:draw', of: local, repeat: 40}\n")
    outcome = runs(path)
    whole = frame(outcome, "n")
    flip(first_entry(outcome, "n"))
    with pytest.raises(RunError, match="1 damaged records were set aside"):
        collect(outcome.out)
    again = runs(path)
    assert (again.done, again.ok) == (1, True)
    pd.testing.assert_frame_equal(frame(again, "n"), whole)


def test_equal_subtargets_are_cases_of_their_own(write, folder):
    (folder / "ids.csv").write_text("subtarget,id\na,0\na,1\nb,0\nb,1\n")
    body = (
        "subtargets: {s: {do: circuits.table, path: ids.csv}}\n"
        "stages:\n  cells: {do: circuits.node_table, of: subtargets.s}\n  n: {do: 'plugin_steps:rows', of: cells}\n"
    )
    outcome = runs(write(body))
    assert outcome.ok
    assert frame(outcome, "n")["n"].to_dict() == {"a": 2, "b": 2}


def test_two_controls_of_one_definition_share_the_work(write, local):
    body = local + "  n: {do: 'plugin_steps:edges', of: local, controls: [a, b]}\n"
    body += "controls: {a: {do: 'plugin_steps:shuffled', draws: 2}, b: {do: 'plugin_steps:shuffled', draws: 2}}\n"
    outcome = runs(write(body))
    assert (outcome.ok, outcome.done) == (True, 2 + 2 * (1 + 2))
    assert len(frame(outcome, "n")) == 2 * (1 + 2 + 2)


def test_what_a_step_sees_of_a_subtarget_is_part_of_the_key(write, folder):
    body = "subtargets: {s: {do: circuits.table, path: ids.csv}}\nstages: {l: {do: circuits.connectome, of: subtargets.s}}\n"
    path = write(body)
    for first, second in (("a", "b"), ("b", "a")):
        (folder / "ids.csv").write_text(f"subtarget,id\n{first},0\n{second},1\n")
        with open_store(runs(path).store) as opened:
            names = opened["l"].summarize(lambda connectome: connectome.name).droplevel("circuit").to_dict()
        assert names == {"a": "a", "b": "b"}


def test_random_streams_differ_between_inputs_of_equal_labels(write, local, folder):
    body = local + "  n: {do: 'plugin_steps:draw', of: local}\n"
    one = frame(runs(write(body)), "n")["n"].tolist()
    with open(folder / "edges.csv", "a") as file:
        file.write("1,0\n4,3\n")
    two = frame(runs(write(body)), "n")["n"].tolist()
    assert not set(one) & set(two)


def test_no_unit_can_change_what_another_takes(write):
    body = (
        "subtargets: {s: {do: circuits.groups, by: layer}}\nstages:\n"
        "  cells: {do: circuits.node_table, of: subtargets.s, properties: [x]}\n"
        "  n: {do: 'plugin_steps:growing', of: cells, each: {step: [1, 2, 3]}}\n"
    )
    found = frame(runs(write(body), workers=1), "n")["n"]
    assert found.groupby("subtarget").nunique().tolist() == [1, 1]


@pytest.mark.parametrize(("by", "column", "kind"), [("layer", "layer", "Int64"), ("good", "good", "boolean")])
def test_slices_by_numbers_and_booleans_keep_their_types(write, folder, by, column, kind):
    nodes = (folder / "nodes.csv").read_text().splitlines()
    flags = ["good", "true", "false", "true", "false", "true", "false"]
    (folder / "nodes.csv").write_text("\n".join(f"{line},{flag}" for line, flag in zip(nodes, flags, strict=True)))
    body = f"stages: {{n: {{do: 'plugin_steps:edges', of: circuits.toy, slices: [s]}}}}\nslices: {{s: {{by: {by}}}}}\n"
    with open_store(runs(write(body)).store) as opened:
        assert str(opened["n"].cases[column].dtype) == kind


def test_sweeps_over_truth_keep_their_type(write):
    body = "stages: {n: {do: 'plugin_steps:truth', each: {flag: [true, false]}}}\n"
    with open_store(runs(write(body, circuits=None)).store) as opened:
        assert opened["n"].load(flag=True).tolist() == [True]


def test_launching_another_state_of_the_document_is_refused(write, local):
    path = write(local, seed=1)
    study = load_study(path)
    setup(study, study.folder)
    write(local, seed=2)
    with pytest.raises(RunError, match=r"was set up from another state of study\.yaml"):
        launch(load_study(path), out=study.folder)


def test_a_store_never_mixes_two_states_of_a_study(write, local, monkeypatch):
    study = load_study(write(local))
    before = run(with_run(study, workers=1)).store.read_bytes()
    write_store = collecting.store.write_store

    def late(*words, **named):
        setup(load_study(write(local.replace("layer}", "ei}"))), study.folder)
        write_store(*words, **named)

    monkeypatch.setattr(collecting.store, "write_store", late)
    with pytest.raises(RunError, match="was set up anew while its store was collected"):
        collecting.collect(study.folder)
    assert (study.folder / "store.h5").read_bytes() == before


def test_a_setup_that_was_cut_short_leaves_the_plan_before_it(write, local, monkeypatch):
    study = load_study(write(local + "  n: {do: 'plugin_steps:edges', of: local, times: 1}\n"))
    setup(study, study.folder)
    other = load_study(write(local + "  n: {do: 'plugin_steps:edges', of: local, times: 2}\n"))
    with monkeypatch.context() as patched:
        patched.setattr(sys.modules["conntap.study.setup"], "_about", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            setup(other, study.folder)
    launch(study, out=study.folder)
    collect(study.folder)
    with open_store(study.folder / "store.h5") as opened:
        assert (opened["n"].options["times"], opened["n"].frame()["n"].tolist()) == (1, [3, 3])


def test_a_worker_that_dies_before_it_begins_is_not_started_for_ever(write, local, monkeypatch):
    study = load_study(write(local + "  n: {do: 'plugin_steps:edges', of: local}\n"))
    setup(study, study.folder)
    fatal = "import conntap.study.work, os\nconntap.study.work.run_batch = lambda *a, **k: os._exit(3)\n"
    (study.path.parent / "sitecustomize.py").write_text(fatal)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(study.path.parent), os.environ["PYTHONPATH"]]))
    outcome = launch(study, out=study.folder)
    assert {each["kind"] for each in outcome.failures} == {"worker lost"}
    assert "exit code 3" in outcome.failures[0]["error"]


def test_status_tells_what_is_at_work(cli, write, local, folder):
    path = write(local + "  h: {do: 'plugin_steps:hang', of: local, each: {seconds: [8.0, 8.1]}}\n")
    process = cli("run", path, "--workers", 1, "--no-report")
    study = load_study(path)
    wait_for(lambda: any(each.running for each in status(study, folder / "study")))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert not any(each.running for each in status(study, folder / "study"))


@pytest.mark.parametrize("way", ["fork", "close"])
def test_a_step_that_forks_or_closes_its_channel_cannot_hang_the_run(write, way):
    body = f"stages: {{h: {{do: 'plugin_steps:stuck', way: {way}}}}}\n"
    outcome = runs(write(body, circuits=None), timeout_s=1.0, retries=0)
    assert (outcome.failed, len(outcome.failures)) == (1, 1)


def test_threads_of_a_step_change_no_key(write):
    body = "stages:\n  column: {do: build.column, n_nodes: 30, repeat: 1}\n  n: {do: analyze.simplex_counts, of: column THREADS}\n"
    one = runs(write(body.replace(" THREADS", ", threads: 1"), circuits=""))
    two = runs(write(body.replace(" THREADS", ", threads: 2"), circuits=""))
    assert (one.done, two.done) == (2, 0)


def test_outputs_of_another_study_are_not_replaced(write, local, folder):
    outcome = runs(write(local))
    other = load_study(write(local, name="other.yaml"))
    with pytest.raises(RunError, match=r"holds the outputs of another study, .*study\.yaml"):
        run(other, out=outcome.out)


def test_limits_given_at_the_terminal_are_checked_like_the_documents(write, local):
    with pytest.raises(StudyError, match=r"run\.timeout_s: input should be greater than 0; got -1"):
        with_run(load_study(write(local)), timeout_s=-1.0)
    with pytest.raises(StudyError, match=r"run\.mem_gb: .*nan"):
        with_run(load_study(write(local)), mem_gb=float("nan"))


def test_a_study_of_more_units_than_anyone_wants_is_refused_at_once(write, local):
    body = local + "  n: {do: 'plugin_steps:draw', of: local, repeat: 1000000, each: {scale: [1.0, 2.0]}}\n"
    with pytest.raises(StudyError, match=r"stages\.n: 4,000,000 units .* Split the study"):
        setup(load_study(write(body)), Path("nowhere"))
