"""What is told of a launch after the study was changed, launched twice at once, or watched for long."""

import contextlib
import json

import pytest
from click.testing import CliRunner
from slurm_fake import BODY, Fake, compute

from conntap.cli import tap
from conntap.errors import InterruptedRun, RunError
from conntap.study import drive, load_study, run, setup
from conntap.study.entries import with_run
from conntap.study.launches import begin, launches
from conntap.study.slurm import following, submitting
from conntap.study.slurm.failures import all_failures
from conntap.study.slurm.following import Followed, follow, latest, standings
from conntap.study.slurm.retrying import retry
from conntap.study.slurm.site import Site

CHAINS = "stages: {made: {do: 'plugin_steps:chain', each: {n_nodes: [3, 4]}}}\n"


@pytest.fixture
def accepting(monkeypatch):
    """A SLURM that takes all jobs and starts none; gives their ids."""
    ids = []

    def sbatch(*_, **__):
        ids.append(str(len(ids) + 1))
        return ids[-1]

    monkeypatch.setattr(submitting, "site", Site)
    monkeypatch.setattr("conntap.study.slurm.site.site", Site)
    monkeypatch.setattr(submitting, "sbatch", sbatch)
    fake = lambda *_, **__: Fake(dict.fromkeys(ids, ("PENDING", "None"))).queue  # noqa: E731
    monkeypatch.setattr(following, "Queue", fake)
    return ids


def test_a_launch_of_a_stage_that_is_no_more_can_still_be_told(launched, write):
    _, out, _ = launched
    queue = Fake({"7_0": ("CANCELLED", "None"), "7_1": ("CANCELLED", "None")}).queue
    list(standings(out, queue=queue))
    other = load_study(write(BODY.replace("  n:", "  other:"), circuits=""))
    setup(other, out)
    (found,) = latest(out, queue=queue)
    assert found.units() == {"cancelled": 4}
    assert (retry(other, out, queue=queue).told(), all_failures(out, [found])) == ([], [])


def test_units_left_by_a_launch_are_found_in_a_plan_with_other_batches(launched, write):
    _, out, _ = launched
    queue = Fake({"7_0": ("CANCELLED", "None"), "7_1": ("CANCELLED", "None")}).queue
    list(standings(out, queue=queue))
    more = load_study(write(BODY.replace("[3, 4, 5, 6]", "[2, 3, 4, 5, 6]"), circuits=""))
    setup(more, out)
    told = all_failures(out, latest(out, queue=queue))
    assert sorted(each["case"]["n_nodes"] for each in told) == [3, 4, 5, 6]
    assert {each["kind"] for each in told} == {"cancelled"}


def test_units_that_came_later_were_not_lost_by_a_launch_of_one_job(write):
    study = load_study(write(CHAINS, circuits=""))
    out = study.folder
    setup(study, out)
    noted = begin(study, out, stages={"made": {"units": 2, "skipped": 0}})
    noted.note("jobs.json", {"stages": {}, "collect": {"job": "9", "script": "drive.sh"}})
    compute(out, "made")
    list(standings(out, queue=Fake({"9": ("COMPLETED", "None")}).queue))
    more = load_study(write(CHAINS.replace("[3, 4]", "[3, 4, 5]"), circuits=""))
    setup(more, out)
    (found,) = standings(out, queue=Fake().queue)
    assert (found.units(), all_failures(out, [found])) == ({}, [])
    assert retry(more, out, queue=Fake().queue).told() == []


def test_what_became_of_a_task_is_kept_when_slurm_forgets_it_before_the_others(launched):
    study, out, launch = launched
    fake = Fake({"7_0": ("OUT_OF_MEMORY", "None"), "7_1": ("RUNNING", "None")})
    queue, answers = fake.queue, iter([{"7_1": ("RUNNING", "None")}, {"7_1": ("COMPLETED", "None")}])

    def ask(command):
        answer = fake(command)
        fake.states = next(answers, fake.states)
        return answer

    queue.command = ask
    follow(study, out, launch, queue=queue, every_s=0.01, settle_s=0.0)
    assert launch.outcome["ends"]["n"] == {"0": "out of memory", "1": "lost"}


def test_failures_are_looked_for_once_a_look_not_once_a_unit(launched, monkeypatch):
    _, out, launch = launched
    watched, looks = Followed(out, launch), []
    monkeypatch.setattr(watched, "failed", lambda stage: looks.append(stage) or {})
    watched.tell(watched.look(Fake({"7_0": ("FAILED", "None"), "7_1": ("FAILED", "None")}).queue.ask(["7"])))
    assert (looks, len(watched.told["n"])) == (["n"], 4)


def test_of_two_launches_at_once_the_second_is_refused(write, accepting, monkeypatch):
    study = with_run(load_study(write(BODY, circuits="")), where="slurm")
    setup(study, study.folder)
    lock = submitting.lock

    @contextlib.contextmanager
    def after_another(out):
        monkeypatch.setattr(submitting, "lock", lock)
        submitting.submit(study, out)
        with lock(out):
            yield

    monkeypatch.setattr(submitting, "lock", after_another)
    with pytest.raises(RunError, match="jobs of launch 1 are still on the cluster"):
        submitting.submit(study, study.folder)
    assert (accepting, len(list(launches(study.folder)))) == (["1", "2", "3"], 1)


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), RunError("sbatch refused it: no.")])
def test_a_submission_of_one_job_that_does_not_come_off_is_noted(write, accepting, monkeypatch, raised):
    def sbatch(*_, **__):
        raise raised

    monkeypatch.setattr(submitting, "sbatch", sbatch)
    study = with_run(load_study(write(CHAINS, circuits="")), where="slurm", engine="dask", workers=1)
    setup(study, study.folder)
    with pytest.raises((InterruptedRun, RunError), match=r"(?i)nothing was submitted"):
        drive.submit(study, study.folder)
    (launch,) = launches(study.folder)
    assert launch.outcome["state"] == "not submitted"
    assert retry(study, study.folder).told() == []


def test_a_whole_cluster_tries_again_only_what_failed_and_with_the_raised_limits(write, accepting, monkeypatch):
    body = "stages:\n  made: {do: 'plugin_steps:chain', each: {n_nodes: [3, 4]}}\n  n: {do: 'plugin_steps:hang', of: made, seconds: 9}\n"
    path = write(body + "run: {timeout_s: 0.2, mem_gb: 1, workers: 1, time: '10'}\n", circuits="")
    run(load_study(path))
    monkeypatch.setattr(drive, "secured", lambda folder: None)
    words = ["--mem-gb", "3", "--time", "2:00:00", "--timeout-s", "0.4"]
    path.write_text(path.read_text().replace("workers: 1", "workers: 1, where: slurm, engine: dask"))
    done = CliRunner().invoke(tap, ["retry", str(path), "--where", "slurm", *words])
    assert done.exit_code == 0, done.output
    *_, launch = launches(path.with_suffix(""))
    some = json.loads((launch.folder / "dask" / "some.json").read_text())
    assert (len(some["only"]), some["limits"]["n"]["timeout_s"], some["limits"]["n"]["mem_gb"]) == (2, 0.4, 3.0)
    script = (launch.folder / "drive.sh").read_text()
    assert "#SBATCH --mem-per-cpu=3584M\n" in script
    assert "#SBATCH --time=2:00:00\n" in script
