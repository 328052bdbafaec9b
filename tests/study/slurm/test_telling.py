"""What is told of jobs that failed: where the reason stands, each reason once; and what is asked of a cluster that is not there."""

import io
import json
import os
import threading

import pytest
from click.testing import CliRunner
from slurm_fake import Fake, compute

from conntap.cli import tap
from conntap.errors import RunError
from conntap.report.progress import Progress
from conntap.study.entries import RunOptions
from conntap.study.history import history
from conntap.study.launches import begin
from conntap.study.run import failed_units
from conntap.study.setup import read_cases
from conntap.study.slurm import following, submitting
from conntap.study.slurm.failures import all_failures
from conntap.study.slurm.following import follow, standings
from conntap.study.slurm.queue import Queue, told_if_slow
from conntap.study.slurm.site import site
from conntap.study.slurm.watching import mark

FAILED = {"7_0": ("FAILED", "NonZeroExitCode"), "7_1": ("FAILED", "NonZeroExitCode")}


def test_a_job_that_could_not_run_is_told_by_its_own_log_and_the_last_line_of_it(launched):
    _, out, launch = launched
    (launch.folder / "n" / "logs").mkdir()
    (launch.folder / "n" / "logs" / "share-00000.log").write_text("hello\nno module: zzz\n\n")
    (launch.folder / "n" / "logs" / "share-00001.log").write_text("")
    told = {each["job"]: each for each in all_failures(out, standings(out, queue=Fake(FAILED).queue))}
    ended = "ended as FAILED (NonZeroExitCode) before it was done"
    assert told["7_0"]["error"] == f"its job 7_0 {ended}; its log ends: no module: zzz"
    assert told["7_1"]["error"] == f"its job 7_1 {ended}"
    assert {each["log"] for each in told.values()} == {each["job_log"] for each in told.values()}


def whole(study, out, only=None):
    """The study, submitted as one job that runs all of it."""
    launch = begin(study, out, stages={"made": {"units": 0, "skipped": 4}, "n": {"units": 4, "skipped": 0}})
    (launch.folder / "dask").mkdir()
    for stage in ("made", "n"):
        mark(out, launch, stage)
    launch.note("dask/some.json", {} if only is None else {"only": only})
    launch.note("jobs.json", {"stages": {}, "collect": {"job": "9", "script": "drive.sh"}})
    return launch


def test_of_one_job_that_runs_all_what_it_did_before_anybody_looked_counts(launched):
    study, out, _ = launched
    launch = whole(study, out)
    compute(out, "n")
    launch.note("outcome.json", {"state": "ended", "wall_s": 1.0})
    outcome = follow(study, out, launch, queue=Fake({"9": ("COMPLETED", "None")}).queue)
    assert (outcome.done, outcome.failed, outcome.skipped) == (3, 1, 4)


def test_one_job_that_runs_all_and_was_killed_is_told_so_with_what_it_got_done(launched):
    study, out, _ = launched
    whole(study, out)
    keys = [key for key, _, _ in read_cases(out, "n")]
    compute(out, "n", frozenset(keys[:1]))
    list(standings(out, queue=Fake({"9": ("FAILED", "NonZeroExitCode")}).queue))
    *_, row = history(out)
    assert (row["state"], row["done"], row["failed"]) == ("killed", 1, 3)


def test_one_job_that_tries_some_again_was_given_these_alone(launched):
    study, out, _ = launched
    compute(out, "n")
    (failed,) = (each["key"] for each in failed_units(out))
    whole(study, out, [failed])
    *_, found = standings(out, queue=Fake({"9": ("PENDING", "None")}).queue)
    assert found.units() == {"pending": 1}


def test_a_cluster_that_does_not_answer_is_told_apart_from_one_that_refuses(tmp_path, monkeypatch):
    sbatch = tmp_path / "sbatch"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for words, told in (
        (
            "sbatch: fatal: Could not establish a configuration source",
            "SLURM does not answer: fatal: Could not .*login",
        ),
        ("sbatch: error: Unable to contact slurm controller (connect failure)", "SLURM does not answer: Unable"),
        ("sbatch: error: invalid partition specified: x", "refused it: invalid partition .*Change what `run:` asks"),
    ):
        sbatch.write_text(f"#!/bin/bash\necho '{words}' >&2\nexit 1\n")
        sbatch.chmod(0o755)
        with pytest.raises(RunError, match=told):
            submitting.sbatch(tmp_path, "n-0.sh", run=RunOptions())


def test_a_configuration_that_is_not_there_is_told_at_once(monkeypatch):
    monkeypatch.setenv("SLURM_CONF", "/nope/slurm.conf")
    with pytest.raises(RunError, match=r"SLURM_CONF: /nope/slurm.conf is not there\. Set it"):
        site()
    answer = Queue(tries=1).ask(["7"])
    assert (answer.heard, answer.trouble) == (False, "squeue: SLURM_CONF: /nope/slurm.conf is not there")


def test_while_slurm_is_silent_that_is_said(monkeypatch):
    monkeypatch.setattr("conntap.study.slurm.queue._SILENT_S", 0.0)
    said = threading.Event()
    monkeypatch.setattr("conntap.study.slurm.queue._log.warning", lambda words, command: said.set())
    with told_if_slow("sbatch"):
        assert said.wait(60)


@pytest.fixture
def tell(launched, monkeypatch):
    """Runs a command of tap on the study while SLURM says that its two jobs were cancelled; gives exit code and output."""
    study, _, _ = launched
    states = {"7_0": ("CANCELLED", "None"), "7_1": ("CANCELLED", "None")}
    monkeypatch.setattr(following, "Queue", lambda *_, **__: Fake(states).queue)

    def told(command, *words):
        done = CliRunner().invoke(tap, [command, str(study.path), *words])
        return done.exit_code, str(done.exception) if isinstance(done.exception, RunError) else done.output

    return told


def test_units_that_share_a_cause_are_one_entry_of_the_logs(tell):
    code, told = tell("logs")
    assert (code, told.count("\n")) == (0, 2)
    assert told.startswith("n (4 units in 2 jobs, first n_nodes=3): cancelled: its job 7_0 ended as CANCELLED")
    assert "log:" not in told  # the jobs never began
    assert len(json.loads(tell("logs", "--json")[1])) == 4


def test_logs_of_a_job_are_named_once(launched, tell):
    (launched[2].folder / "n" / "logs").mkdir()
    (launched[2].folder / "n" / "logs" / "share-00000.log").write_text("zzz")
    told = tell("logs")[1]
    assert (told.count("share-00000.log"), told.count("units"), "its log ends: zzz" in told) == (1, 2, True)


def test_a_case_that_is_of_no_unit_is_told(tell):
    assert tell("logs", "--case", "nokey=3") == (1, "--case: unknown column 'nokey'; known: n_nodes.")
    assert tell("logs", "--case", "n_nodes=33")[1].startswith("--case n_nodes: unknown value '33'; known: 3, 4, 5, 6.")


def test_a_retry_takes_other_options_and_some_stages(tell):
    assert tell("retry", "--dry-run", "--stage", "n") == (0, "n: 4 units again (4 cancelled)\n")
    assert tell("retry", "--dry-run", "--stage", "made")[1].startswith("nothing failed")
    assert "unknown stage 'nn'" in tell("retry", "--dry-run", "--stage", "nn")[1]
    code, told = tell("retry", "--stage", "n", "--run", "where=local", "--run", "workers=1")
    assert (code, "units: 3 done, 4 done before, 1 failed" in told) == (1, True)


def test_what_was_done_before_anybody_looked_has_no_rate(launched):
    study, out, launch = launched
    compute(out, "n")
    stream, earlier = io.StringIO(), []
    with Progress(stream) as show:

        def listen(event):
            earlier.append(event.get("earlier"))
            show(event)

        fake = Fake({"7_0": ("COMPLETED", "None"), "7_1": ("COMPLETED", "None")})
        assert follow(study, out, launch, listen, queue=fake.queue).done == 3
    assert earlier.count(True) == 4
    assert "n: 1 units, 1 failed" in stream.getvalue()


def test_a_stage_that_was_done_before_anybody_looked_took_no_time():
    with Progress(io.StringIO(), clock=lambda: 0.0) as show:
        show({"event": "stage", "stage": "n", "units": 2, "skipped": 1})
        for _ in range(2):
            show({"event": "done", "stage": "n", "earlier": True})
        show({"event": "stage", "stage": "m", "units": 2, "skipped": 0})
        show({"event": "failed", "stage": "m", "earlier": True, "error": "no"})
        show({"event": "done", "stage": "m", "earlier": True})
        assert (
            show.__self__.stream.getvalue() == "n: all 3 units done before\nfailed: m: no\nm: 1 units, 1 failed, 0 s\n"
        )


def test_units_whose_job_failed_are_not_called_missing(launched, tell, monkeypatch):
    _, out, _ = launched
    keys = [key for key, case, _ in read_cases(out, "n") if case["n_nodes"] in (3, 4)]
    compute(out, "n", frozenset(keys))
    monkeypatch.setattr(following, "Queue", lambda *_, **__: Fake(FAILED).queue)
    stage = json.loads(tell("status", "--json")[1])["stages"][1]
    assert (stage["done"], stage["failed"], stage["missing"]) == (1, 3, 0)
    assert stage["error"] == "ValueError: will not take 4 nodes"


def test_the_status_names_the_log_of_a_job_that_could_not_run(launched, tell, monkeypatch):
    _, _, launch = launched
    monkeypatch.setattr(following, "Queue", lambda *_, **__: Fake(FAILED).queue)
    stage = json.loads(tell("status", "--json")[1])["stages"][1]
    assert (stage["failed"], stage["missing"]) == (4, 0)
    assert stage["log"] == str(launch.folder / "n" / "logs" / "share-00000.log")
