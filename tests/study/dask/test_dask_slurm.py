"""Dask on SLURM: workers of an array, which end with the run whatever ends it."""

import json
import signal
import subprocess
import sys

import pandas as pd
import pytest
from click.testing import CliRunner
from slurm_server import until

from conntap.cli import tap
from conntap.errors import RunError
from conntap.study import load_study, run, setup
from conntap.study.drive import submit
from conntap.study.entries import with_run
from conntap.study.run import Outcome


def test_an_array_of_workers_gives_the_same_bits(slurm, same_bits):
    events = []
    assert same_bits(cluster="slurm", interface="lo", workers=3, cpus=2, least_workers=2, time="00:10:00", listen=events.append)  # fmt: skip
    assert max(event["workers"] for event in events if event["event"] == "cluster") >= 2
    slurm.wait()


def test_workers_of_an_array_end_with_a_driver_that_is_killed(slurm, write, folder):
    path = write(
        "stages: {n: {do: 'dask_steps:slow', seconds: 0.3, each: {number: [1, 2, 3, 4, 5, 6, 7, 8, 9]}}}\n"
        "run: {where: dask, cluster: slurm, interface: lo, workers: 2}\n",
        circuits="",
    )
    driver = subprocess.Popen([sys.executable, "-m", "conntap.cli", "run", str(path)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        shards = folder / "study" / "run" / "stages" / "n" / "shards"
        until(lambda: sum(each.stat().st_size for each in shards.glob("*.shard")) > 500)
        driver.send_signal(signal.SIGKILL)
    finally:
        driver.kill()
        driver.wait()
    slurm.wait()


@pytest.mark.parametrize("options", [{"where": "dask", "cluster": "slurm"}, {"where": "slurm", "engine": "dask"}])
def test_how_many_workers_slurm_is_asked_for_must_be_said(write, options):
    study = load_study(write("stages: {n: {do: 'dask_steps:chance'}}\n", circuits=""))
    with pytest.raises(RunError, match=r"run.workers: missing"):
        run(with_run(study, workers=0, **options))


def test_one_job_holds_a_whole_cluster_and_collects(slurm, drawn, frame, tmp_path):
    path, locally = drawn
    study = with_run(load_study(path), where="slurm", engine="dask", workers=2, interface="lo", time="10")
    setup(study, tmp_path / "slurm")
    launch = submit(study, tmp_path / "slurm")
    slurm.wait()
    told = (launch.folder / "drive.log").read_text()
    assert launch.outcome.get("state") == "ended", told
    assert "Traceback" not in told
    assert launch.outcome["kinds"] == {"error": locally.failed}
    outcome = Outcome(tmp_path / "slurm", store=tmp_path / "slurm" / "store.h5")
    pd.testing.assert_frame_equal(frame(outcome, "n"), frame(locally, "n"), check_exact=True)


def test_a_job_with_a_whole_cluster_is_followed_from_the_command_line(slurm, write, folder):
    path = write("stages: {n: {do: 'dask_steps:slow', seconds: 0.0, each: {number: [1, 2, 3]}}}\n", circuits="")
    options = ["--where", "slurm", "--run", "engine=dask", "--run", "interface=lo", "--workers", "1", "--wait"]
    assert CliRunner().invoke(tap, ["setup", str(path)]).exit_code == 0
    done = CliRunner().invoke(tap, ["launch", str(path), *options])
    assert done.exit_code == 0, done.output
    assert len(json.loads(CliRunner().invoke(tap, ["status", str(path), "--json"]).output)["stages"]) == 1
    assert (folder / "study" / "store.h5").exists()
