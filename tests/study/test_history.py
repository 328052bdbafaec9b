"""Former launches: how each ended, and what changed between two."""

import json
import os
import platform
import signal
import subprocess
import sys
import time

import pytest

from conntap.errors import RunError
from conntap.study import load_study, run, setup
from conntap.study.entries import with_run
from conntap.study.history import Change, changes, history
from conntap.study.history import runs as told_runs
from conntap.study.launches import begin, launches
from conntap.study.locking import lock

STAGE = "  n: {do: 'plugin_steps:edges', of: local}\n"


def runs(path, **options):
    return run(with_run(load_study(path), **{"workers": 1, **options}))


def launched(tmp_path, number, *, text="study: x", outcome=None, **about):
    folder = tmp_path / "run" / "launches" / f"{number:04d}"
    folder.mkdir(parents=True)
    (folder / "launch.json").write_text(
        json.dumps({"launch": number, "began": f"2026-01-0{number}T10:00:00+0000", **about})
    )
    (folder / "study.yaml").write_text(text)
    if outcome is not None:
        (folder / "outcome.json").write_text(json.dumps(outcome))


def test_launches_are_listed_with_what_became_of_them(write, local):
    runs(write(local))
    outcome = runs(write(local + "  f: {do: 'plugin_steps:fail_on', of: local, n_nodes: 3}\n"))
    first, second = history(outcome.out)
    assert (first["state"], first["units"], first["done"], first["failed"]) == ("ended", 2, 2, 0)
    assert (second["launch"], second["units"], second["done"], second["failed"]) == (2, 2, 0, 2)
    assert first["where"] == "local"
    assert first["host"] == platform.node()
    assert first["wall_s"] > 0


def test_nothing_launched_is_an_empty_list(tmp_path):
    assert history(tmp_path) == []


def test_a_killed_run_is_told_with_what_it_got_done(write, local, folder):
    path = write(local + "  h: {do: 'plugin_steps:hang', of: local, each: {seconds: [0.1, 60.0]}}\n")
    command = [sys.executable, "-m", "conntap.cli", "run", str(path), "--workers", "1", "--no-report"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while sum(each["done"] for each in history(folder / "study")) < 3:
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.1)
        (row,) = history(folder / "study")
        assert (row["state"], row["failed"]) == ("at work", 0)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    (row,) = history(folder / "study")
    assert row["state"] == "killed"
    assert row["done"] >= 3
    assert row["cpu_s"] > 0


def test_the_state_of_a_launch_without_an_end_is_told_by_its_process(write, local):
    study = load_study(write(local))
    setup(study, study.folder)
    begin(study, study.folder, stages={})
    (here,) = launches(study.folder)
    with lock(study.folder):
        assert history(study.folder)[0]["state"] == "at work"
    here.note("launch.json", {**here.about, "process": 2**22 + 5})
    assert history(study.folder)[0]["state"] == "killed"
    here.note("launch.json", {**here.about, "host": "elsewhere", "process": os.getpid()})
    assert history(study.folder)[0]["state"] == "unknown"


def test_a_stopped_launch_says_so(tmp_path):
    launched(tmp_path, 1, outcome={"state": "stopped", "wall_s": 2.0})
    assert history(tmp_path)[0]["state"] == "stopped"


def test_options_stages_and_circuits_that_changed_are_told(write, local, folder):
    out = runs(write(local + STAGE + "  d: {do: 'plugin_steps:draw', of: local}\n", seed=1)).out
    with open(folder / "edges.csv", "a") as file:
        file.write("1,0\n")
    runs(write(local + STAGE.replace("of: local", "of: local, times: 2"), seed=2), retries=3)
    told = {str(each) for each in changes(out, 1, 2)}
    assert "stages.n.times: 2 is new" in told
    assert "stages.d: {do: plugin_steps:draw, of: local} is gone" in told
    assert {"run.retries: 3 is new", "seed: 1 -> 2"} <= told
    assert any(each.startswith("content of circuits.toy: ") for each in told)
    assert len(told) == 5
    assert {str(each) for each in changes(out, 2, 1)} >= {"stages.n.times: 2 is gone", "seed: 2 -> 1"}


def test_versions_and_options_of_one_stage_are_told(tmp_path):
    stages = [{"n": {"run": {"mem_gb": gb}}} for gb in (1, 2)]
    launched(tmp_path, 1, steps={"n": ["analyze.degrees", 1]}, conntap="0.1", run={"where": "local"}, stages=stages[0])
    launched(tmp_path, 2, steps={"n": ["analyze.degrees", 2]}, conntap="0.2", run={"where": "slurm"}, stages=stages[1])
    told = list(map(str, changes(tmp_path, 1, 2)))
    assert told == [
        "version of analyze.degrees: 1 -> 2",
        "run.where: local -> slurm",
        "run.stages.n.mem_gb: 1 -> 2",
        "conntap: 0.1 -> 0.2",
    ]


def test_comments_alone_are_told_as_such_and_nothing_as_nothing(tmp_path):
    for number, text in enumerate(["study: x", "study: x # really", "study: x # really"], start=1):
        launched(tmp_path, number, text=text, hash="same")
    assert list(map(str, changes(tmp_path, 1, 2))) == ["the document: as it was -> comments, layout or order only"]
    assert changes(tmp_path, 2, 3) == []


def test_documents_that_extend_others_are_compared_as_one(write, local, folder):
    base = local + STAGE
    (folder / "base.yaml").write_text("study: Base\ncircuits: {toy: {path: edges.csv, nodes: nodes.csv}}\n" + base)
    (folder / "study.yaml").write_text("study: Mine\nextends: base.yaml\nseed: 1\n")
    out = runs(folder / "study.yaml").out
    (folder / "study.yaml").write_text("study: Mine\nextends: base.yaml\nseed: 1\nstages: {n: {times: 4}}\n")
    runs(folder / "study.yaml")
    assert changes(out, 1, 2) == [Change("stages.n.times", None, 4)]


def test_an_unknown_launch_is_an_error(tmp_path):
    launched(tmp_path, 1)
    with pytest.raises(RunError, match="no launch 7; known: 1"):
        changes(tmp_path, 1, 7)


def test_the_command_lists_and_compares(write, local):
    path = write(local)
    runs(path)
    runs(write(local + STAGE))

    def tap(*arguments, code=0):
        done = subprocess.run([sys.executable, "-m", "conntap.cli", "history", path, *arguments], capture_output=True, text=True)  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    assert "ended" in tap()
    assert [row["launch"] for row in json.loads(tap("--json"))] == [1, 2]
    assert "stages.n: {do: plugin_steps:edges, of: local} is new" in tap("1", "2")
    assert json.loads(tap("2", "1", "--json"))[0]["what"] == "stages.n"
    assert "nothing changed" in tap("1", "1")
    assert "numbers of two launches" in tap("1", code=2)


def test_a_report_is_told_of_each_launch_what_it_took_and_what_changed(write, local):
    runs(write(local + STAGE))
    out = runs(write(local + STAGE.replace("of: local", "of: local, times: 2"))).out
    first, second = told_runs(out)
    assert (first["summary"]["done"], first["changes"]) == (4, [])
    assert second["changes"] == ["stages.n.times: 2 is new"]
    assert [each["launch"] for each in told_runs(out, most=1)] == [2]


def test_the_page_of_a_study_has_its_runs(write, local):
    path = write(local + STAGE)
    runs(path)
    subprocess.run([sys.executable, "-m", "conntap.cli", "report", path], capture_output=True, check=True)
    assert "Launch 1 computed 4 units" in (path.with_suffix("") / "report.html").read_text()
