"""Launches in MLflow: what is kept of them, and that nothing wrong with a tracker ever harms a study."""

import importlib.util
import json
import shutil
import socket
import subprocess
import sys

import pytest

from conntap import open_store
from conntap.errors import MissingExtra
from conntap.study import load_study, run
from conntap.study.accounts import Account
from conntap.tracking import Tracker, default_uri

STUDY = """\
study: Tracked
description: What is kept of it.
seed: 3
circuits: {toy: {path: edges.csv}}
stages:
  local: {do: circuits.connectome, of: circuits.toy}
  n: {do: analyze.density, of: local, controls: [er]}
  m: {do: analyze.simplex_counts, of: local, max_dimension: 3}
controls: {er: {do: manipulate.erdos_renyi, draws: 2}}
run: {workers: 1}
"""
READ = """\
import json, sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1])
(experiment,) = [each for each in client.search_experiments() if each.name == "Tracked"]
print(json.dumps([
    {"name": run.info.run_name, "status": run.info.status, "params": run.data.params, "metrics": run.data.metrics,
     "id": run.info.run_id, "parent": run.data.tags.get("mlflow.parentRunId"), "note": run.data.tags.get("mlflow.note.content"),
     "files": sorted(each.path for each in client.list_artifacts(run.info.run_id))}
    for run in client.search_runs([experiment.experiment_id])
]))
"""
TRAINING = """\
study: Tracked
seed: 1
stages:
  column: {do: build.column, n_nodes: 30}
  task: {do: train.delayed_match, n: 60}
  trained: {do: train.fit, of: {connectome: column, task: task}, epochs: 3, repeat: 2}
run: {workers: 1}
"""
QUIET = [sys.executable, "-W", "ignore"]


def made(folder):
    (folder / "edges.csv").write_text("pre,post\n0,1\n1,0\n1,2\n0,2\n2,3\n")
    (folder / "study.yaml").write_text(STUDY)
    return folder / "study.yaml"


def tap(*arguments, code=0):
    done = subprocess.run([*QUIET, "-m", "conntap.cli", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done


def kept(out):
    done = subprocess.run([*QUIET, "-c", READ, default_uri(out)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """A study run once with a tracker: its folder of outputs, what was printed, and what was kept."""
    path = made(tmp_path_factory.mktemp("tracked"))
    done = tap("run", path, "--track")
    return path.with_suffix(""), done, kept(path.with_suffix(""))


def test_a_launch_is_a_run_with_one_inside_it_for_each_stage(tracked):
    out, done, runs = tracked
    (parent,) = [each for each in runs if each["parent"] is None]
    assert parent["name"] == "launch 1"
    assert {each["name"] for each in runs if each["parent"] == parent["id"]} == {"local", "n", "m"}
    assert {each["status"] for each in runs} == {"FINISHED"}
    assert parent["note"] == "What is kept of it."
    assert f"tracked at {default_uri(out)}" in done.stderr
    assert "arning" not in done.stderr


def test_options_seed_and_versions_are_parameters(tracked):
    by_name = {each["name"]: each["params"] for each in tracked[2]}
    assert by_name["launch 1"]["seed"] == "3"
    assert by_name["launch 1"]["run.workers"] == "1"
    assert {"hash", "conntap", "python"} <= by_name["launch 1"].keys()
    assert by_name["m"]["max_dimension"] == "3"
    assert by_name["m"]["step"] == "analyze.simplex_counts"
    assert by_name["m"]["version"].isdigit()
    assert by_name["n"]["controls"] == "er"


def test_times_memory_and_means_by_control_are_metrics(tracked):
    by_name = {each["name"]: each["metrics"] for each in tracked[2]}
    whole = by_name["launch 1"]
    assert (whole["done"], whole["failed"], whole["workers"]) == (5, 0, 1)
    assert whole["wall_s"] > 0
    assert whole["peak_mb"] > 10
    assert whole["imbalance"] == 1
    assert by_name["n"]["done"] == 3
    assert by_name["n"]["mean.original"] == pytest.approx(5 / 12)
    assert 0 <= by_name["n"]["mean.er"] <= 1
    assert not any(name.startswith("mean") for name in by_name["m"])


def test_document_report_and_summary_are_kept_as_files_among_the_outputs(tracked):
    (parent,) = [each for each in tracked[2] if each["parent"] is None]
    assert parent["files"] == ["report.html", "study.yaml", "summary.json"]
    assert len(list((tracked[0] / "run" / "mlflow").rglob("study.yaml"))) == 1


def test_keeping_a_launch_again_makes_no_second_run(tracked):
    out, _, before = tracked
    assert "tracked at" in tap("collect", out.with_suffix(".yaml"), "--track").stderr
    noted = json.loads((out / "run" / "launches" / "0001" / "tracking.json").read_text())
    assert {noted["run"], *noted["stages"].values()} == {each["id"] for each in before}


def test_a_launch_whose_driver_is_gone_is_marked_as_killed(tracked, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(tracked[0], out)
    (out / "run" / "launches" / "0001" / "tracking.json").unlink()
    message = json.dumps({"what": "stage", "stage": "n", "time": 0.0})
    command = [*QUIET, "-m", "conntap.tracking", str(out), "1", default_uri(out)]
    subprocess.run(command, input=message, text=True, capture_output=True, check=True)
    states = sorted(each["status"] for each in kept(out) if each["name"] == "launch 1")
    assert states == ["FINISHED", "KILLED"]


def test_a_tracker_that_is_not_there_is_told_at_the_end_and_nothing_else(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = tap("run", made(tmp_path), "--track", f"http://127.0.0.1:{port}", "--no-report")
    assert "units: 5 done, 0 done before, 0 failed" in done.stdout
    assert len([line for line in done.stderr.splitlines() if line.startswith("not tracked: http://127.0.0.1")]) == 1
    assert "Traceback" not in done.stderr
    assert "Traceback" in (tmp_path / "study" / "run" / "launches" / "0001" / "tracking.log").read_text()


def test_a_tracker_that_never_answers_is_given_up(tmp_path):
    study = load_study(made(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        tracker = Tracker(study.folder, uri=uri, account=Account(), patience_s=0.5)
        with tracker as listen:
            outcome = run(study, listen=listen)
        assert tracker.process.poll() is not None
    assert outcome.ok
    assert tracker.troubles == [f"{uri}: no end within 0.5 s, given up"]


def test_whatever_goes_wrong_in_the_listener_is_noted_once_and_not_raised(tmp_path):
    def broken(event):
        raise ValueError("no such sum")

    tracker = Tracker(tmp_path, account=broken)
    with tracker as listen:
        listen({"event": "launch", "launch": 1, "stages": {}})
        for _ in range(3):
            listen({"event": "done"})
    (trouble,) = tracker.troubles
    assert trouble.startswith("FileNotFoundError")


def test_a_run_with_nothing_to_do_is_not_tracked(tracked):
    done = tap("run", tracked[0].with_suffix(".yaml"), "--track", "--no-report")
    assert "tracked" not in done.stderr


def test_without_mlflow_the_extra_is_named_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"tracking a study needs mlflow.*conntap\[mlflow\]"):
        Tracker(tmp_path, account=Account())


def test_a_study_is_not_taken_for_a_uri(tmp_path):
    assert "'study.yaml' is no URI" in tap("run", "--track", "study.yaml", code=2).stderr


def test_neither_the_command_line_nor_the_tracker_imports_mlflow():
    code = "import sys, conntap.cli, conntap.tracking; print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_networks_that_were_trained_keep_their_history_once(tmp_path):
    (tmp_path / "study.yaml").write_text(TRAINING)
    tap("run", tmp_path / "study.yaml", "--track")
    tap("collect", tmp_path / "study.yaml", "--track")
    by_name = {each["name"]: each for each in kept(tmp_path / "study")}
    assert set(by_name) == {"launch 1", "column", "task", "trained", "repeat=0", "repeat=1"}
    assert by_name["repeat=1"]["parent"] == by_name["trained"]["id"]
    with open_store(tmp_path / "study" / "store.h5") as store:
        history = store["trained"][1].history
    assert by_name["repeat=1"]["metrics"]["validation_loss"] == pytest.approx(history["validation_loss"].iloc[-1])
    assert by_name["repeat=1"]["status"] == "FINISHED"
