"""A share of a launch can be computed anywhere, by hand too; what is done is not done again."""

import json
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner
from slurm_server import until

from conntap.cli import tap
from conntap.errors import RunError
from conntap.study import load_study, run_batch, setup
from conntap.study.jobs import shared, to_do
from conntap.study.launches import begin
from conntap.study.slurm.share import run_share
from conntap.study.slurm.shares import ShareFiles, write_shares
from conntap.study.slurm.standing import Share

BODY = "stages:\n  made: {do: 'plugin_steps:chain', each: {n_nodes: [3, 4, 5, 6]}}\n"


@pytest.fixture
def launched(write):
    """A study with one stage, shared out in two; nobody has run anything."""

    def launches(body=BODY, stage="made", shares=2):
        study = load_study(write(body, circuits=""))
        setup(study, study.folder)
        left = to_do(study.folder, stage)
        launch = begin(study, study.folder, stages={stage: {**left.summary(), "shares": shares, "cpus": 2, "nodes": 1}})
        write_shares(launch, stage, shared(left.jobs, shares), in_seconds=False)
        return study.folder, launch

    return launches


def note(launch, name):
    return json.loads((launch.folder / name).read_text())


def test_a_share_by_hand_computes_its_units_and_says_so(launched):
    out, launch = launched()
    done = CliRunner().invoke(tap, ["share", str(out), "1", "made", "1"])
    assert (done.exit_code, "2 done, 0 failed" in done.output) == (0, True), done.output
    assert to_do(out, "made").units == 2
    assert note(launch, "made/share-00001.begun.json")["workers"] == 2
    assert note(launch, "made/share-00001.ended.json")["state"] == "ended"


def test_what_is_done_is_not_done_again(launched):
    out, launch = launched()
    for number in range(4):
        run_batch(out, "made", number)
    assert run_share(out, launch, "made", 0).sums()["done"] == 0


def test_a_share_with_a_failed_unit_tells_it_and_exits_with_one(launched):
    body = BODY + "  n: {do: 'plugin_steps:fail_on', of: made, n_nodes: 4}\n"
    out, _ = launched(body, stage="n", shares=1)
    for number in range(4):
        run_batch(out, "made", number)
    done = CliRunner().invoke(tap, ["share", str(out), "1", "n", "0"])
    assert done.exit_code == 1
    assert "ValueError: will not take 4 nodes" in done.output
    assert "3 done, 1 failed" in done.output


def test_a_share_or_a_launch_that_is_not_there_is_told(launched):
    out, launch = launched()
    with pytest.raises(RunError, match="no share 2 of stage made; known: 0 to 1"):
        run_share(out, launch, "made", 2)
    with pytest.raises(RunError, match="no launch 9"):
        run_share(out, 9, "made", 0)


def test_a_share_of_a_study_that_was_set_up_anew_is_not_computed(launched, write):
    out, launch = launched()
    other = load_study(write(BODY.replace("6]", "6, 7]"), circuits=""))
    setup(other, out)
    with pytest.raises(RunError, match="set up anew since launch 1"):
        run_share(out, launch, "made", 0)
    assert not (launch.folder / "made" / "share-00000.begun.json").exists()


def test_a_share_that_is_told_to_stop_says_that_it_stopped(launched):
    out, launch = launched("stages:\n  made: {do: 'plugin_steps:stuck', way: fork}\n", shares=1)
    process = subprocess.Popen(
        [sys.executable, "-m", "conntap.cli", "share", str(out), "1", "made", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until((launch.folder / "made" / "share-00000.begun.json").exists, 120)
    until(lambda: list((out / "run" / "stages" / "made" / "logs").glob("*.log")), 120)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    assert note(launch, "made/share-00000.ended.json")["state"] == "stopped"


def test_a_share_that_began_anew_elsewhere_is_not_told_to_have_ended_by_the_first(launched):
    out, launch = launched()
    again = ShareFiles(launch, "made", 0)
    run_share(out, launch, "made", 0, listen=lambda event: again.begin(host="another"))
    assert again.begun() == {"host": "another"}
    assert not (launch.folder / "made" / "share-00000.ended.json").exists()


def test_a_share_of_two_tasks_has_ended_when_both_have(launched, monkeypatch):
    out, launch = launched(shares=1)
    about = launch.about
    about["stages"]["made"]["nodes"] = 2
    launch.note("launch.json", about)
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    share = Share("made", 0, "7", 0, launch.folder / "made" / "share-00000.json")
    ended = []
    for task in ("0", "1"):
        monkeypatch.setenv("SLURM_PROCID", task)
        assert run_share(out, launch, "made", 0).sums()["done"] == 2
        ended.append(share.ended.get("state"))
    assert ended == [None, "ended"]
