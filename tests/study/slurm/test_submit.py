"""A study runs as jobs of a real SLURM, to the same bits as here; what they ask for is what the study says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from slurm_server import until

from conntap import open_store
from conntap.cli import tap
from conntap.errors import RunError, StudyError
from conntap.study import load_study, run, setup
from conntap.study.entries import with_run
from conntap.study.slurm import active, cancel, submit
from conntap.study.slurm.site import Site, site, submission_environment

CHAINED = """
stages:
  made: {do: 'plugin_steps:chain', each: {n_nodes: [3, 5]}}
  mixed: {do: 'plugin_steps:shuffled', of: made, repeat: 2}
  matrix: {do: 'plugin_steps:matrix', of: mixed}
"""
MADE = "stages:\n  made: {do: 'plugin_steps:chain', each: {n_nodes: [3, 4, 5, 6, 7]}"
FIVE = MADE + "}\n"


@pytest.fixture
def submitted(slurm, write):
    """Submits a study that stands in a folder of its own; gives study, folder and launch."""

    def submits(body, folder="outputs", **options):
        study = with_run(load_study(write(body, circuits="")), where="slurm", **options)
        out = study.path.parent / folder
        setup(study, out)
        return study, out, submit(study, out)

    return submits


@pytest.fixture
def held(slurm):
    """The partition takes jobs and starts none."""
    slurm.ask("scontrol", "update", "partitionname=debug", "state=down")
    yield slurm
    slurm.cancel_all()
    slurm.ask("scontrol", "update", "partitionname=debug", "state=up", "maxtime=INFINITE")


def jobs_of(launch):
    return json.loads((launch.folder / "jobs.json").read_text())


def logs(launch):
    return {str(path): path.read_text() for path in launch.folder.rglob("*.log") if path.exists()}


def asked(slurm, launch, stage):
    job = jobs_of(launch)["stages"][stage][0]["job"]
    return next(each for each in slurm.jobs() if job in (each["JobId"], each.get("ArrayJobId")))


def shares(launch, stage):
    paths = sorted((launch.folder / stage).glob("share-?????.json"))
    return [[len(job["pieces"]) for job in json.loads(path.read_text())["jobs"]] for path in paths]


@pytest.mark.parametrize(("jobs", "cpus"), [(1, 2), (3, 1)])
def test_arrays_of_different_numbers_of_jobs_give_the_bits_of_a_local_run(submitted, slurm, jobs, cpus):
    study, out, launch = submitted(CHAINED, max_jobs=jobs, cpus=cpus)
    slurm.wait()
    local = run(with_run(study, where="local", workers=1), out=out.with_name("local"))
    assert (out / "store.h5").exists(), logs(launch)
    with open_store(out / "store.h5") as ours, open_store(local.store) as theirs:
        for stage in ("made", "mixed", "matrix"):
            pd.testing.assert_frame_equal(ours[stage].cases, theirs[stage].cases, check_exact=True)
        assert all(map(np.array_equal, ours["matrix"].load(), theirs["matrix"].load()))


ODD = """it's "a" $HOME %j -- x"""


def test_odd_names_and_values_arrive_unchanged_in_several_arrays_without_a_home(submitted, slurm, monkeypatch):
    monkeypatch.setenv("HOME", "/proc/nobody")
    _, out, launch = submitted(FIVE, ODD, max_jobs=3, array=2, env={"ODD": ODD}, setup=('echo "[$ODD]"',))
    slurm.wait()
    (first, second) = jobs_of(launch)["stages"]["made"]
    assert (first["shares"], second["first"], second["shares"]) == (2, 2, 1)
    for index in range(3):
        assert f"[{ODD}]" in (launch.folder / "made" / "logs" / f"share-{index:05d}.log").read_text()
    with open_store(out / "store.h5") as opened:
        assert len(opened["made"].cases) == 5


def test_a_job_of_two_nodes_parts_its_share_and_an_exclusive_one_takes_all_processors(submitted, slurm):
    _, _, launch = submitted(FIVE, max_jobs=1, nodes=2, exclusive=True)
    slurm.wait()
    begun = [json.loads(path.read_text()) for path in sorted((launch.folder / "made").glob("*.begun.json"))]
    assert [each["workers"] for each in begun] == [slurm.cpus] * 2, logs(launch)
    assert len({each["node"] for each in begun}) == 2
    ended = [json.loads(path.read_text()) for path in (launch.folder / "made").glob("*.ended.json")]
    assert sorted(each["account"]["stages"]["made"]["done"] for each in ended) == [2, 3]


def test_stages_ask_for_what_they_say_and_wait_for_those_they_take_from(submitted, held):
    body = MADE + ", run: {mem_gb: 1.5, cpus: 2, time: '1:30:00', constraint: small&fast}}\n"
    body += "  n: {do: 'plugin_steps:edges', of: made, run: {time: '10', nodes: 2, partition: debug}}\n"
    _, _, launch = submitted(body, max_jobs=4, at_once=3)
    made, n = asked(held, launch, "made"), asked(held, launch, "n")
    assert (made["TimeLimit"], made["MinMemoryNode"], made["CPUs/Task"]) == ("01:30:00", "3.50G", "2")
    assert (made["Features"], made["ArrayTaskThrottle"]) == ("small&fast", "3")
    assert (n["TimeLimit"], n["NumNodes"].split("-")[0]) == ("00:10:00", "2")
    assert n["Dependency"].startswith(f"afterany:{jobs_of(launch)['stages']['made'][0]['job']}")


def test_what_was_measured_says_how_much_is_asked_for(submitted, held, write):
    run(with_run(load_study(write(FIVE, circuits="")), workers=1))
    more = FIVE.replace("7]", "7, 8, 9]")
    held.ask("scontrol", "update", "partitionname=debug", "maxtime=4")
    _, _, launch = submitted(more, load_study(write(more, circuits="")).folder.name)
    job = asked(held, launch, "made")
    assert job["TimeLimit"] == "00:04:00"  # six minutes, as far as the partition allows
    assert 500 < int(job["MinMemoryNode"].rstrip("M")) < 2000
    assert shares(launch, "made") == [[1, 1]]  # no minute of work is left


@pytest.mark.parametrize(("jobs", "cpus", "given"), [(4, 1, 4), (64, 1, 5), (4, 2, 3)])
def test_no_job_and_no_processor_is_idle(submitted, held, jobs, cpus, given):
    _, _, launch = submitted(FIVE, max_jobs=jobs, cpus=cpus)
    found = shares(launch, "made")
    assert len(found) == given
    assert sum(map(sum, found)) == 5
    assert all(found)


def test_a_second_launch_is_refused_while_jobs_wait(submitted, held):
    study, out, _ = submitted(FIVE)
    with pytest.raises(RunError, match="still on the cluster"):
        submit(study, out)


def test_what_slurm_refuses_is_told_in_its_words_and_what_was_submitted_is_cancelled(submitted, held, write):
    body = FIVE + "  n: {do: 'plugin_steps:edges', of: made, run: {partition: nowhere}}\n"
    with pytest.raises(RunError, match=r"n-0\.sh: sbatch refused it: .*invalid partition.*Jobs \d+ were cancelled"):
        submitted(body)
    assert active(write("").parent / "outputs") == []
    assert held.unfinished() == []


@pytest.fixture
def disturbed(held, write, tmp_path, monkeypatch):
    """`tap launch` of two stages; when the second is submitted, a command is run first: gives how it ended and the folder."""
    path = write(FIVE + "  n: {do: 'plugin_steps:edges', of: made}\n", circuits="")
    setup(load_study(path), path.with_suffix(""))
    real, sbatch = shutil.which("sbatch"), tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    monkeypatch.setenv("PATH", f"{sbatch.parent}{os.pathsep}{os.environ['PATH']}")

    def launches(command):
        sbatch.write_text(f'#!/bin/bash\ncase "$*" in *n-0.sh) {command};; esac\nexec {real} "$@"\n')
        sbatch.chmod(0o755)
        order = [sys.executable, "-m", "conntap.cli", "launch", str(path), "--where", "slurm"]
        return subprocess.run(order, capture_output=True, text=True, timeout=120), path.with_suffix("")

    return launches


def test_a_submission_killed_in_the_middle_leaves_the_jobs_named(disturbed, slurm):
    done, out = disturbed("kill -9 $PPID; exit 1")
    assert done.returncode == -9
    (standing,) = active(out)
    assert standing.jobs() == {"pending": 5}
    cancel(out)
    assert slurm.unfinished() == []


def test_a_submission_that_is_interrupted_is_withdrawn_with_the_job_that_was_just_accepted(disturbed, slurm):
    done, out = disturbed("kill -INT $PPID")
    assert done.returncode == 130
    assert "jobs 1, 2 were cancelled" in re.sub(r"\d+, \d+", "1, 2", done.stderr)
    assert (slurm.unfinished(), active(out)) == ([], [])


def test_without_slurm_it_is_said_where_to_launch(write, tmp_path, monkeypatch):
    study = with_run(load_study(write(FIVE, circuits="")), where="slurm")
    setup(study, study.folder)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RunError, match="no command `sbatch` on this machine"):
        submit(study, study.folder)


def test_what_cannot_stand_in_a_script_is_refused_before_anything_is_written(submitted, held):
    with pytest.raises(StudyError, match=r"run\.env\.A B: no name of a variable"):
        submitted(FIVE, env={"A B": "c"})
    with pytest.raises(RunError, match=r"run\.constraint: 'a b' has spaces"):
        submitted(FIVE, constraint="a b")


def test_a_cluster_is_asked_for_its_limits(slurm, tmp_path, monkeypatch):
    assert site() == Site("mini", 10001)
    assert site().most_minutes(None) is None
    assert site().cpus("debug") == slurm.cpus
    (tmp_path / "sbatch").write_text("#!/bin/sh\n")
    (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert site() == Site("", 1001)


def test_variables_of_a_surrounding_job_do_not_reach_sbatch(monkeypatch, write):
    for name in ("SLURM_JOB_ID", "SLURM_MEM_PER_CPU", "SBATCH_EXCLUSIVE", "SBATCH_ACCOUNT", "SBATCH_QOS", "SLURM_CONF"):
        monkeypatch.setenv(name, "x")
    found = submission_environment(with_run(load_study(write(FIVE, circuits="")), qos="fast").run)
    assert {name for name in found if name.startswith("S") and "_" in name and found[name] == "x"} == {
        "SBATCH_ACCOUNT",  # a default of the user's, and the study does not say
        "SLURM_CONF",
    }


def test_tap_run_on_slurm_ends_with_a_store(slurm, write):
    path = write(FIVE, circuits="")
    done = CliRunner().invoke(tap, ["run", str(path), "--where", "slurm", "--run", "max_jobs=1", "--no-report"])
    assert (done.exit_code, "5 done" in done.output) == (0, True), done.output
    with open_store(path.with_suffix("") / "store.h5") as opened:
        assert len(opened["made"].cases) == 5


def test_a_run_in_python_waits_for_its_jobs_and_gives_the_outcome(slurm, write):
    study = with_run(load_study(write(FIVE, circuits="")), where="slurm", max_jobs=1)
    heard = []
    outcome = run(study, listen=heard.append)
    assert (outcome.done, outcome.ok, outcome.store.exists()) == (5, True, True)
    assert [each["event"] for each in heard if each["event"] in ("setup", "launch")] == ["setup", "launch"]
    assert run(study).skipped == 5  # nothing is left; no job is submitted


def test_tap_launch_returns_at_once_and_names_jobs_and_next_commands(held, write):
    path = write(FIVE, circuits="")
    setup(load_study(path), path.with_suffix(""))
    told = CliRunner().invoke(tap, ["launch", str(path), "--where", "slurm", "--run", "max_jobs=2"]).output
    (job, last) = sorted({each.split("_")[0] for each in held.unfinished()}, key=int)
    assert f"made: 5 units in 2 jobs: {job}\ncollect: job {last}" in told
    assert f"tap follow {path}" in told


def test_a_cancelled_job_notes_that_it_was_stopped(submitted, slurm):
    body = MADE + "}\n  h: {do: 'plugin_steps:hang', of: made, seconds: 100.0}\n"
    _, out, launch = submitted(body.replace("3, 4, 5, 6, 7", "3"), max_jobs=1)
    until((launch.folder / "h" / "share-00000.begun.json").exists, 120)
    until(lambda: list((out / "run" / "stages" / "h" / "logs").glob("*.log")), 120)
    cancel(out)
    until((launch.folder / "h" / "share-00000.ended.json").exists, 60)
    assert json.loads((launch.folder / "h" / "share-00000.ended.json").read_text())["state"] == "stopped"
    assert not Path(out / "store.h5").exists()
