"""Faults, each done to a real SLURM: no value is lost or doubled, nothing is told done that is not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

from conntap import open_store
from conntap.errors import InterruptedRun, RunError
from conntap.study import collect, launch, load_study, run, setup
from conntap.study.entries import with_run
from conntap.study.records import Records, stage_folder
from conntap.study.slurm.cancelling import cancel
from conntap.study.slurm.failures import all_failures
from conntap.study.slurm.following import active, follow, standings
from conntap.study.slurm.queue import Queue
from conntap.study.slurm.retrying import retry
from conntap.study.slurm.submitting import submit
from conntap.study.slurm.watching import Watched

BODY = """
run: {where: slurm, max_jobs: 4, mem_gb: 4, time: '20:00'}
stages:
  made: {do: 'plugin_steps:chain', each: {n_nodes: [3, 4, 5, 6]}}
  n: {do: 'plugin_steps:until', of: made, mark: MARK}
"""


@pytest.fixture
def held(slurm, write, tmp_path):
    """A study whose units wait for a file, its first stage done; the file; and a function that submits and waits for its jobs."""
    mark = tmp_path / "go on"
    study = load_study(write(BODY.replace("MARK", f"'{mark}'"), circuits="", seed=5))
    out = study.folder
    setup(study, out)
    launch(with_run(study, where="local", workers=1), out=out, only=keys(out, "made"))

    def start():
        submitted = submit(study, out)
        wait(
            lambda: (
                stand(out, submitted).jobs("n").get("running") == 4
                and all(workers(each) for each in shares(out, submitted))
            )
        )
        return submitted

    return study, out, mark, start


def keys(out, stage):
    from conntap.study.setup import read_cases

    return [key for key, _, _ in read_cases(out, stage)]


def wait(true, limit_s=60.0):
    end = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.1)


def stand(out, submitted):
    watched = Watched(out, submitted)
    return watched.look(Queue().ask(watched.ids))


def shares(out, submitted):
    return stand(out, submitted).shares


def workers(share):
    """The worker processes of a share's job, once they are at a unit."""
    try:
        return psutil.Process(share.begun["process"]).children()
    except (KeyError, psutil.Error):
        return []


def ended(study, out, submitted):
    """What became of a launch, followed to its end."""
    return follow(study, out, submitted, every_s=0.2, settle_s=0.1)


def check_same_as_local(study, out, mark, tmp_path, stage="n"):
    """The store is that of a local run, bit for bit."""
    mark.touch()
    local = run(with_run(study, where="local", workers=1), out=tmp_path / "local")
    with open_store(out / "store.h5") as one, open_store(local.store) as other:
        pd.testing.assert_frame_equal(one[stage].frame(), other[stage].frame(), check_exact=True)
        assert len(one[stage].frame()) == len(keys(out, stage))


def test_jobs_killed_cancelled_out_of_time_and_on_a_node_that_went_down(held, slurm, tmp_path):
    study, out, mark, start = held
    submitted = start()
    killed, cancelled, late, moved = shares(out, submitted)
    os.kill(killed.begun["process"], signal.SIGKILL)
    slurm.ask("scancel", cancelled.name)
    slurm.ask("scontrol", "update", f"job={late.name}", "EndTime=now+1")
    slurm.ask("scontrol", "update", f"nodename={moved.begun['node']}", "state=down", "reason=x")
    wait(lambda: stand(out, submitted).jobs() == {"pending": 1, "failed": 1, "timed out": 1, "cancelled": 1})
    mark.touch()
    slurm.ask("scontrol", "update", f"job={moved.name}", "StartTime=now")
    outcome = ended(study, out, submitted)
    assert (outcome.ok, outcome.done, outcome.failed) == (False, 1, 3)
    assert shares(out, submitted)[3].begun["restart"] == 1
    logs = {each["job"]: each for each in all_failures(out, standings(out))}
    assert {name: each["kind"] for name, each in logs.items()} == {
        killed.name: "failed", cancelled.name: "cancelled", late.name: "timed out",
    }  # fmt: skip
    assert "DUE TO TIME LIMIT" in Path(logs[late.name]["job_log"]).read_text()

    again = retry(study, out)
    assert again.raised == {"n": {"time": ("20:00", "0:40:00")}}
    assert sorted(again.causes["n"].values()) == ["cancelled", "failed", "timed out"]
    outcome = ended(study, out, submit(again.study, out, only=again.keys))
    assert (outcome.ok, outcome.done) == (True, 3)
    assert retry(study, out).causes == {}
    check_same_as_local(study, out, mark, tmp_path)


def test_nothing_else_is_launched_meanwhile_and_the_controller_may_go_and_come_back(held, slurm, tmp_path):
    study, out, mark, start = held
    submitted = start()
    for second in (submit, lambda study, out: run(with_run(study, where="local"), out=out)):
        with pytest.raises(RunError, match=r"jobs of launch 2 are still on the cluster \(.*4 running.*tap cancel"):
            second(study, out)
    with pytest.raises(RunError, match="jobs of launch 2 are still on the cluster"):
        setup(changed(study), out)

    def interrupt(event):
        raise KeyboardInterrupt

    with pytest.raises(InterruptedRun, match="the jobs of launch 2 go on"):
        follow(study, out, submitted, interrupt)
    (worker,) = workers(shares(out, submitted)[1])
    worker.kill()  # another takes its unit
    stop_controller(slurm)
    troubles = []

    def listen(event):
        if event["event"] == "trouble" and not troubles:
            troubles.append(event["message"])
            mark.touch()
            slurm.ask("slurmctld")

    outcome = follow(study, out, submitted, listen, every_s=0.2, settle_s=0.1)
    assert troubles
    assert (outcome.ok, outcome.done) == (True, 4)
    assert active(out) == []
    check_same_as_local(study, out, mark, tmp_path)


def changed(study):
    """The study once its document was edited; the document is as it was."""
    study.path.write_text(study.text.replace("[3, 4, 5, 6]", "[3, 4, 5, 7]"))
    edited = load_study(study.path)
    study.path.write_text(study.text)
    return edited


def stop_controller(slurm):
    process = psutil.Process(int((slurm.folder / "slurmctld.pid").read_text()))
    process.terminate()
    process.wait(30)


def test_a_torn_record_and_clocks_of_another_time_lose_and_double_nothing(held, slurm, tmp_path):
    study, out, mark, start = held
    submitted = start()
    mark.touch()
    assert ended(study, out, submitted).ok
    first, second, *_ = sorted((stage_folder(out, "n") / "shards").glob("*.shard"))
    whole = first.read_bytes()
    first.write_bytes(whole[: len(whole) - 20])  # as a job killed while it writes leaves it
    os.utime(second, (0, 0))
    assert len(Records(stage_folder(out, "n")).refresh().done) == 3
    again = submit(study, out)
    assert ended(study, out, again).done == 1
    assert stand(out, again).units() == {"done": 1}
    check_same_as_local(study, out, mark, tmp_path)


def test_jobs_are_cancelled_and_tried_again_on_this_machine(held, slurm, tmp_path):
    study, out, mark, start = held
    submitted = start()
    cancel(out)
    assert slurm.unfinished() == []
    assert submitted.outcome["state"] == "cancelled"
    mark.touch()
    again = retry(with_run(study, where="local", workers=1), out)
    assert again.told() == ["n: 4 units again (4 cancelled)"]
    assert launch(again.study, out=out, only=again.keys).ok
    collect(out)
    check_same_as_local(study, out, mark, tmp_path)


def test_a_unit_out_of_memory_is_tried_again_with_more(slurm, write):
    body = "stages:\n  made: {do: 'plugin_steps:chain'}\n  n: {do: 'plugin_steps:hoard', of: made, gb: 0.6}\n"
    study = load_study(write("run: {where: slurm, mem_gb: 0.5}\n" + body, circuits=""))
    setup(study, study.folder)
    assert ended(study, study.folder, submit(study, study.folder)).failed == 1
    again = retry(study, study.folder)
    assert again.told() == ["n: 1 unit again (1 out of memory); mem_gb 0.5 -> 1.0"]
    again.note(study.folder)
    assert retry(study, study.folder).raised == {"n": {"mem_gb": (1.0, 2.0)}}
    on_this_machine = with_run(again.study, where="local", workers=1)
    assert launch(on_this_machine, out=study.folder, only=again.keys).ok


def test_a_collector_that_was_killed_leaves_the_former_store_and_is_repeated(write, tmp_path):
    path = write("stages:\n  made: {do: 'plugin_steps:chain', each: {n_nodes: [3, 4]}}\n", circuits="")
    before = run(with_run(load_study(path), workers=1)).store.read_bytes()
    out = load_study(path).folder
    code = (
        "import os, signal\nfrom pathlib import Path\nfrom conntap import store\nfrom conntap.study import collecting\n"
        "def torn(path, **_):\n"
        "    with store.atomic(path) as aside:\n"
        "        aside.write_bytes(b'half')\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        f"store.write_store = torn\ncollecting.collect(Path({str(out)!r}))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert (out / "store.h5").read_bytes() == before
    with open_store(collect(out)) as opened:
        assert opened["made"].cases["n_nodes"].tolist() == [3, 4]
