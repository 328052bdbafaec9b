"""The study of training, on fewer digits; and training that is killed in the midst of a study."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from conntap import cli, open_store
from conntap.report import write_page
from conntap.study import load_study, run

STUDY = Path(__file__).resolve().parents[1] / "examples" / "training" / "study.yaml"
FEWER = f"""\
extends: {STUDY}
stages:
  digits: {{n: 500}}
  trained: {{epochs: 8, each: {{rate: [0.01]}}}}
controls:
  shuffled: {{draws: 1}}
"""
LONG = """\
study: Trained for long
seed: 4
run: {workers: 1}
stages:
  column: {do: build.column, n_nodes: 60, radius_um: 50}
  task: {do: train.delayed_match, n: 200}
  trained: {do: train.fit, of: {connectome: column, task: task}, epochs: 30, network: {weights: {size: ~}}}
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Runs the study, once."""

    @cache
    def once():
        folder = tmp_path_factory.mktemp("training")
        (folder / "study.yaml").write_text(FEWER)
        return run(load_study(folder / "study.yaml"), out=folder / "out")

    return once


def test_a_column_and_its_controls_learn_digits_far_above_chance(ran, tmp_path):
    assert ran().ok
    with open_store(ran().store) as store:
        table = store["accuracy"].frame()
        ranking, by_digit = store["ranking"].frame(), store["by-digit"].frame()
        responses = store["responses"].frame()
    assert len(table) == 4
    assert table.iloc[:, 0].min() > 0.3
    assert "control" in ranking.index.names
    assert ranking["rank"].value_counts().tolist() == [2, 2]
    assert by_digit["digit"].nunique() == 10
    assert responses["ei"].unique().tolist() == ["e", "i"]
    assert write_page(ran().store, tmp_path / "page.html", failures=[]).stat().st_size > 10_000


def test_controls_are_trained_with_other_connections_of_the_same_cells(ran):
    with open_store(ran().store) as store:
        original, shuffled = (store["best"][number] for number in (0, 1))
    assert original.connectome.n_edges == shuffled.connectome.n_edges
    assert sorted(np.bincount(original.connectome.pre)) == sorted(np.bincount(shuffled.connectome.pre))
    assert original.connectome != shuffled.connectome
    assert original.spec["network"] == shuffled.spec["network"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("trained: {training: {optimiser: adan}}", "study.yaml: stages.trained: fit.training.optimiser: unknown name"),
        ("trained: {network: {dynamics: {tau: 3}}}", "unknown option 'tau'"),
        ("trained: {network: {kind: rrn}}", "unknown kind of network 'rrn'"),
        ("trained: {epochs: 0}", "fit.epochs: 0"),
        ("trained: {each: {rate: [0.1, -1.0]}}", "fit.rate: -1.0"),
        ("digits: {by: rows, wait_steps: -1}", "sequential_digits.wait_steps: -1"),
        ("best: {rank: 0}", "best_of.rank: 0"),
    ],
)
def test_bad_options_are_told_before_anything_runs(line, told, tmp_path):
    (tmp_path / "study.yaml").write_text(f"extends: {STUDY}\nstages:\n  {line}\n")
    outcome = CliRunner().invoke(cli.tap, ["check", str(tmp_path / "study.yaml")])
    assert outcome.exit_code != 0
    assert told in " ".join(str(outcome.exception).split())


def test_a_killed_worker_loses_at_most_the_epoch_in_hand(tmp_path):
    (tmp_path / "study.yaml").write_text(LONG)
    study = load_study(tmp_path / "study.yaml")
    whole = run(study, out=tmp_path / "whole")
    command = [sys.executable, "-m", "conntap.cli", "run", str(tmp_path / "study.yaml"), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while (done := epochs_kept(tmp_path / "out")) < 3 and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert 3 <= done < 30
    again = run(study, out=tmp_path / "out")
    trained = []
    for each in (whole, again):
        with open_store(each.store) as store:
            trained.append(store["trained"][0])
    pd.testing.assert_frame_equal(trained[0].history, trained[1].history)
    for name, array in trained[0].parameters.items():
        np.testing.assert_array_equal(array, trained[1].parameters[name])
    assert not list((tmp_path / "out").rglob("progress.npz"))


def epochs_kept(out):
    for path in out.rglob("progress.npz"):
        try:
            with np.load(path) as file:
                return len(json.loads(str(file["told"]))["rows"])
        except (OSError, ValueError, KeyError):
            pass
    return 0
