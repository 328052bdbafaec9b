"""`tap plan`: what is left, how long it takes, and into how many jobs it goes; before and after anything ran."""

import json
import subprocess
import sys

from conntap.study import load_study, prepare, run, setup
from conntap.study.entries import with_run
from conntap.study.forecast import forecast
from conntap.study.jobs import to_do

STAGE = "  n: {{do: 'plugin_steps:draw', of: local, repeat: {}}}\n"


def forecasts(study):
    return {each.stage: each for each in forecast(study, study.folder, prepare(study)[0])}


def test_before_anything_is_there_loads_are_shared_out(write, local, folder):
    study = with_run(load_study(write(local + STAGE.format(6))), workers=2)
    n = forecasts(study)["n"]
    assert (n.units, n.done, n.left, n.jobs, n.workers) == (12, 0, 12, 1, 2)
    assert (n.in_seconds, n.expected_s, n.measured_gb) == (False, None, None)
    assert 1.0 <= n.imbalance <= 1.2
    assert not study.folder.exists()


def test_after_a_run_what_is_new_is_expected_to_take_what_was_measured(write, local):
    run(with_run(load_study(write(local + STAGE.format(6))), workers=1))
    n = forecasts(load_study(write(local + STAGE.format(60))))["n"]
    assert (n.done, n.left, n.in_seconds) == (12, 108, True)
    assert 0 < n.longest <= n.work < 60
    assert n.measured_gb > 0.01


def test_the_forecast_of_what_is_set_up_is_what_a_launch_will_do(write, local):
    study = load_study(write(local + STAGE.format(3)))
    before = forecasts(study)["n"]
    setup(study, study.folder)
    left = to_do(study.folder, "n")
    assert (before.left, before.work) == (left.units, left.cost)
    assert forecasts(study)["n"] == before


def test_on_a_cluster_work_goes_to_jobs_of_several_workers(write, local):
    body = local + STAGE.format(500).replace("draw", "shuffled") + "run: {where: slurm, cpus: 4, max_jobs: 10}\n"
    n = forecasts(load_study(write(body)))["n"]
    assert (n.jobs, n.workers) == (10, 4)
    assert n.longest * 40 < 1.3 * n.work
    few = forecasts(load_study(write(body)))["local"]
    assert (few.jobs, few.workers) == (1, 4)


def tap(*arguments):
    done = subprocess.run([sys.executable, "-m", "conntap.cli", "plan", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_says_what_is_unknown_and_what_is_done(write, local):
    path = write(local + STAGE.format(6))
    assert "14 units are left: how long that takes is not known" in tap(path)
    run(with_run(load_study(path), workers=1))
    assert "Nothing is left to do. Nothing was run or written." in tap(path)
    rows = json.loads(tap(write(local + STAGE.format(60)), "--json"))
    assert [(row["stage"], row["left"]) for row in rows] == [("local", 0), ("n", 108)]
    assert rows[1]["expected_s"] > 0
    assert "of work" in tap(path)
