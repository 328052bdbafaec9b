"""A study runs to a store; what is done is not done again; a failure fails alone."""

import json
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
from conntap.study import collect, launch, load_study, run, run_batch, setup, status
from conntap.study.entries import with_run
from conntap.study.locking import lock


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
        assert (
            opened["counts"][{"subtarget": "layer=1", "control": "original", "slice": "full"}].tolist() == [3, 3, 1]
            if ("layer=1" in set(cases["subtarget"]))
            else True
        )
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


def cli(*arguments):
    return subprocess.Popen([sys.executable, "-m", "conntap.cli", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.mark.parametrize(("blow", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_run_that_is_struck_down_goes_on_where_it_was(write, local, folder, blow, code):
    path = write(
        local
        + "  h: {do: 'plugin_steps:hang', of: local, each: {seconds: [0.3, 0.31, 0.32, 0.33, 0.34, 0.35, 0.36, 0.37]}}\n"
    )
    process = cli("run", path, "--workers", 1, "--no-report")
    shards = folder / "study" / "run" / "h" / "shards"
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


def test_a_second_run_beside_the_first_refuses(write, local, folder):
    path = write(local + "  n: {do: 'plugin_steps:edges', of: local}\n")
    study = load_study(path)
    setup(study, study.folder)
    with lock(study.folder), pytest.raises(RunError, match="another run is at work"):
        launch(study, out=study.folder)


def test_a_torn_shard_costs_only_its_torn_records(write, local, folder):
    path = write(local + "  n: {do: 'plugin_steps:draw', of: local, repeat: 4}\n")
    whole = frame(runs(path), "n")
    shard = max((folder / "study" / "run" / "n" / "shards").glob("*.shard"), key=lambda each: each.stat().st_size)
    os.truncate(shard, shard.stat().st_size - 7)
    outcome = runs(path)
    assert outcome.done == 1
    pd.testing.assert_frame_equal(frame(outcome, "n"), whole)


def test_a_batch_repeated_by_hand_gives_the_same_value(write, local):
    path = write(local + "  n: {do: 'plugin_steps:draw', of: local}\n")
    outcome = runs(path)
    whole = frame(outcome, "n")
    units = json.loads((outcome.out / "run" / "n" / "batch-00000.json").read_text())
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
    shards = (outcome.out / "run" / stage / "shards").glob("*.shard")
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
