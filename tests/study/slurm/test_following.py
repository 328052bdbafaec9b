"""What became of a launch on SLURM is told from records first, then by the queue, by files of the jobs, and by logs."""

import json

import pytest
from slurm_fake import BODY, Fake, compute

from conntap.errors import InterruptedRun, RunError
from conntap.study import load_study, setup
from conntap.study.jobs import to_do
from conntap.study.launches import begin
from conntap.study.records import Records, stage_folder
from conntap.study.slurm.cancelling import cancel, forget
from conntap.study.slurm.following import active, follow, refuse_if_active, standings
from conntap.study.slurm.queue import told_by_log
from conntap.study.slurm.watching import mark


def keys(launch, index):
    share = json.loads((launch.folder / "n" / f"share-{index:05d}.json").read_text())
    return frozenset(key for job in share["jobs"] for piece in job["pieces"] for key in piece[0])


def state(out, fake):
    (standing,) = standings(out, queue=fake.queue)
    return standing


def test_pending_and_running_jobs_are_told_by_the_queue_with_the_reason_they_wait(launched):
    _, out, _ = launched
    found = state(out, Fake({"7_0": ("RUNNING", "None"), "7_1": ("PENDING", "Resources")}))
    assert found.jobs("n") == {"pending": 1, "running": 1}
    assert found.units("n") == {"pending": 2, "running": 2}
    assert found.reasons("n") == {"Resources": 1}


@pytest.mark.parametrize(
    ("raw", "told"),
    [("TIMEOUT", "timed out"), ("OUT_OF_MEMORY", "out of memory"), ("CANCELLED", "cancelled"), ("NODE_FAIL", "lost"),
     ("COMPLETED", "lost"), ("FAILED", "failed"), ("PREEMPTED", "lost"), ("DEADLINE", "timed out")],
)  # fmt: skip
def test_the_end_of_a_job_without_records_is_told_by_the_queue(launched, raw, told):
    _, out, _ = launched
    assert state(out, Fake({"7_0": (raw, "None"), "7_1": (raw, "None")})).jobs() == {told: 2}


def test_records_are_the_truth_of_what_is_done_whatever_the_queue_says(launched):
    _, out, launch = launched
    compute(out, "n")
    found = state(out, Fake({"7_0": ("NODE_FAIL", "None"), "7_1": ("COMPLETED", "None")}))
    assert found.units() == {"done": 3, "failed": 1}
    assert sorted(found.jobs().items()) in ([("done", 1), ("failed", 1)], [("done", 1), ("lost", 1)])
    assert launch.outcome["stages"]["n"]["done"] == 3


def test_an_earlier_failure_is_not_one_of_this_launch_even_if_its_clock_was_ahead(launched, write):
    study, out, _ = launched
    compute(out, "n")
    again = begin(study, out, stages={"n": {"units": 1, "skipped": 3}})
    mark(out, again, "n")
    left = to_do(out, "n")
    content = {"jobs": [job.plain() for job in left.jobs], "cost": 1.0, "in_seconds": False}
    (again.folder / "n" / "share-00000.json").write_text(json.dumps(content))
    again.note("jobs.json", {"stages": {"n": [{"job": "8", "part": 0, "first": 0, "shares": 1}]}})
    *_, found = standings(out, queue=Fake({"8_0": ("PENDING", "Priority")}).queue)
    assert found.units() == {"pending": 1}


def test_a_job_that_nobody_knows_is_lost_unless_its_log_says_more(launched):
    _, out, launch = launched
    (launch.folder / "n" / "logs").mkdir()
    log = "slurmstepd-n1: error: *** JOB 9 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***\n"
    (launch.folder / "n" / "logs" / "share-00001.log").write_text(f"hello\n{log}")
    (launch.folder / "n" / "share-00000.begun.json").write_text('{"job": "7_0", "restart": 0}')
    assert state(out, Fake()).jobs() == {"timed out": 1, "lost": 1}


def test_accounts_tell_of_jobs_that_the_queue_forgot_but_not_that_they_run(launched):
    _, out, _ = launched
    assert state(out, Fake(accounts={"7_0": "OUT_OF_MEMORY", "7_1": "RUNNING"})).jobs() == {
        "out of memory": 1,
        "lost": 1,
    }


def test_sacct_is_asked_once_where_there_are_no_accounts():
    fake = Fake()
    for _ in range(3):
        fake.queue.ask(["7"])
    assert [each[0] for each in fake.asked] == ["squeue", "sacct", "squeue", "squeue"]


def test_accounts_that_do_not_answer_for_once_are_asked_again():
    fake, answers = Fake(), iter([(1, "", "Connection refused"), (0, "7|TIMEOUT|1:00|1G|0:0", "")])
    queue = fake.queue
    queue.command = lambda command: next(answers) if command[0] == "sacct" else fake(command)
    assert [queue.ask(["7"]).of("7") is None for _ in range(2)] == [True, False]


def test_what_the_queue_said_at_the_end_is_kept_when_it_has_forgotten(launched):
    _, out, _ = launched
    state(out, Fake({"7_0": ("OUT_OF_MEMORY", "None"), "7_1": ("CANCELLED", "None")}))
    fake = Fake()
    assert state(out, fake).jobs() == {"out of memory": 1, "cancelled": 1}
    assert fake.asked == []


def test_a_controller_that_is_down_ends_nothing(launched):
    _, out, launch = launched
    (launch.folder / "n" / "share-00000.begun.json").write_text('{"job": "7_0", "restart": 0}')
    (launch.folder / "n" / "share-00001.ended.json").write_text('{"state": "stopped"}')  # it may be requeued
    found = state(out, Fake(down=True))
    assert (found.heard, found.live, found.jobs()) == (False, True, {"pending": 1, "running": 1})
    assert "Unable to contact" in found.trouble
    with pytest.raises(RunError, match=r"it cannot be asked: squeue: Unable to contact .*--forget"):
        refuse_if_active(out, queue=Fake(down=True).queue)
    assert not launch.outcome


def test_a_requeued_job_is_pending_though_it_ended_before(launched):
    _, out, launch = launched
    (launch.folder / "n" / "share-00000.ended.json").write_text('{"state": "stopped"}')
    found = state(out, Fake({"7_0": ("PENDING", "BeginTime"), "7_1": ("COMPLETING", "None")}))
    assert found.jobs() == {"pending": 1, "running": 1}


def test_a_job_stopped_by_a_signal_and_forgotten_was_cancelled(launched):
    _, out, launch = launched
    (launch.folder / "n" / "share-00000.ended.json").write_text('{"state": "stopped"}')
    assert state(out, Fake()).jobs() == {"cancelled": 1, "lost": 1}


def test_units_whose_input_failed_wait(write):
    body = BODY.replace("n: {do: 'plugin_steps:fail_on', of: made", "m: {do: 'plugin_steps:fail_on', of: made")
    study = load_study(write(body + "  n: {do: 'plugin_steps:add', of: {left: m, right: m}}\n", circuits=""))
    out = study.folder
    setup(study, out)
    compute(out, "made")
    compute(out, "m")
    launch = begin(study, out, stages={})
    (launch.folder / "n").mkdir()
    content = {"jobs": [job.plain() for job in to_do(out, "n").jobs], "cost": 1.0, "in_seconds": False}
    (launch.folder / "n" / "share-00000.json").write_text(json.dumps(content))
    launch.note("jobs.json", {"stages": {"n": [{"job": "7", "part": 0, "first": 0, "shares": 1}]}})
    compute(out, "n")
    found = state(out, Fake({"7_0": ("COMPLETED", "None")}))
    assert (found.units(), found.jobs()) == ({"done": 3, "waiting": 1}, {"waiting": 1})


def test_following_tells_each_unit_once_and_ends_with_the_jobs(launched):
    study, out, launch = launched
    fake, events = Fake({"7_0": ("RUNNING", "None"), "7_1": ("PENDING", "Resources")}), []

    def listen(event):
        events.append(event)
        if event["event"] == "jobs" and event["states"].get("running"):
            compute(out, "n", keys(launch, 0) | keys(launch, 1))
            fake.states = {"7_0": ("COMPLETED", "None"), "7_1": ("COMPLETED", "None")}

    outcome = follow(study, out, launch, listen, queue=fake.queue, every_s=0.05, settle_s=0.0)
    units = [(event["event"], event["key"]) for event in events if event["event"] in ("done", "failed")]
    assert sorted(what for what, _ in units) == ["done", "done", "done", "failed"]
    assert len({key for _, key in units}) == 4
    assert (outcome.done, outcome.failed, outcome.ok) == (3, 1, False)
    assert outcome.failures[0]["error"] == "ValueError: will not take 4 nodes"
    assert launch.outcome["state"] == "ended"


def test_a_launch_of_one_job_that_runs_all_stages_is_told_by_stage(launched):
    study, out, _ = launched
    whole = begin(study, out, stages={"n": {"units": 4, "skipped": 0}})
    whole.note("jobs.json", {"stages": {}, "collect": {"job": "9", "script": "drive.sh"}})
    states = {"9": ("RUNNING", "None"), "7_0": ("FAILED", "None"), "7_1": ("FAILED", "None")}
    assert [each.launch.number for each in active(out, queue=Fake(states).queue)] == [2]
    whole.note("outcome.json", {"state": "ended", "wall_s": 1.0})  # by the job, which collects now
    assert [each.launch.number for each in active(out, queue=Fake(states).queue)] == [2]
    *_, found = standings(out, queue=Fake({"9": ("TIMEOUT", "None")}).queue)
    assert (found.units(), found.collect, found.collect_log.name) == ({"timed out": 4}, "timed out", "drive.log")
    assert (whole.outcome["wall_s"], whole.outcome["collected"]) == (1.0, "timed out")


def test_following_goes_on_while_the_controller_is_away(launched):
    study, out, launch = launched
    fake, troubles = Fake({"7_0": ("RUNNING", "None"), "7_1": ("RUNNING", "None")}, down=True), []

    def listen(event):
        if event["event"] == "trouble":
            troubles.append(event["message"])
            if len(troubles) == 2:
                compute(out, "n")
                fake.down, fake.states = False, dict.fromkeys(fake.states, ("COMPLETED", "None"))

    assert follow(study, out, launch, listen, queue=fake.queue, every_s=0.01, settle_s=0.0).done == 3


def test_ctrl_c_leaves_the_jobs_and_says_how_to_come_back(launched):
    study, out, launch = launched

    def listen(event):
        raise KeyboardInterrupt

    with pytest.raises(InterruptedRun, match=r"launch 1 go on.*tap follow.*tap cancel"):
        follow(study, out, launch, listen, queue=Fake({"7_0": ("RUNNING", "None")}).queue)
    assert not launch.outcome


def test_units_that_a_job_left_are_looked_for_once_more_before_they_are_lost(launched, monkeypatch):
    study, out, launch = launched
    monkeypatch.setattr("conntap.study.slurm.following._sleep", lambda *_: compute(out, "n"))
    fake = Fake({"7_0": ("COMPLETED", "None"), "7_1": ("COMPLETED", "None")})
    assert follow(study, out, launch, queue=fake.queue).done == 3


def test_a_second_launch_is_refused_while_jobs_are_on_the_cluster(launched):
    _, out, _ = launched
    with pytest.raises(RunError, match=r"launch 1 are still on the cluster \(2 running\).*tap follow.*tap cancel"):
        refuse_if_active(out, queue=Fake(dict.fromkeys(("7_0", "7_1"), ("RUNNING", "None"))).queue)
    refuse_if_active(out, queue=Fake(dict.fromkeys(("7_0", "7_1"), ("FAILED", "None"))).queue)


def test_cancelling_waits_until_the_queue_agrees_and_is_noted(launched):
    _, out, launch = launched
    fake = Fake({"7_0": ("RUNNING", "None"), "7_1": ("PENDING", "Resources")})
    (standing,) = cancel(out, queue=fake.queue)
    assert (standing.jobs(), launch.outcome["state"]) == ({"cancelled": 2}, "cancelled")
    assert active(out, queue=fake.queue) == []


def test_jobs_that_cannot_be_cancelled_are_told(launched):
    _, out, _ = launched
    with pytest.raises(RunError, match=r"jobs of launch 1 \(7\) could not be cancelled: squeue: Unable"):
        cancel(out, queue=Fake(down=True).queue)


def test_a_cluster_that_is_gone_is_forgotten(launched):
    _, out, launch = launched
    assert [each.number for each in forget(out)] == [1]
    assert launch.outcome["state"] == "forgotten"
    assert active(out, queue=Fake(down=True).queue) == []


def test_records_with_clocks_of_other_times_change_no_state(launched, monkeypatch):
    _, out, _ = launched
    monkeypatch.setattr("conntap.study.work.time.time", lambda: 4e9)
    compute(out, "n")
    monkeypatch.undo()
    records = Records(stage_folder(out, "n")).refresh()
    assert {round(each.time) for each in records.done.values()} == {4_000_000_000}
    assert state(out, Fake()).units() == {"done": 3, "failed": 1}


def test_the_words_of_slurm_in_a_log_are_those_at_its_end(tmp_path):
    log = tmp_path / "log"
    log.write_text(
        "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=7.batch cgroup.\nout-of-memory handler? no\n"
    )
    assert told_by_log(log) == "out of memory"
    log.write_text("my program: *** JOB 3 CANCELLED AT noon DUE TO TIME LIMIT\n")
    assert told_by_log(log) == told_by_log(tmp_path / "none") == ""
