"""Intermediates that go after their last use: `discard: after-use`."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

from conntap import open_store, store
from conntap.errors import StudyError
from conntap.study import collect, load_study, run, run_batch, setup, status
from conntap.study.entries import with_run
from conntap.study.forgetting import forget_unneeded, recheck_values
from conntap.study.records import Records, stage_folder

BODY = """
stages:
  chain: {do: 'plugin_steps:chain', each: {n_nodes: [2000, 3000]}, discard: after-use}
  copies: {do: 'plugin_steps:shuffled', of: chain, repeat: 3, discard: after-use}
  counts: {do: 'plugin_steps:edges', of: copies}
"""


def runs(path, **options):
    listen = options.pop("listen", lambda event: None)
    return run(with_run(load_study(path), **{"workers": 2, **options}), listen=listen)


def records(outcome, stage):
    return Records(stage_folder(outcome.out, stage)).refresh()


def size(out, stage):
    return sum(each.stat().st_size for each in (stage_folder(out, stage) / "shards").glob("*.shard"))


def values(outcome, stage="counts"):
    with open_store(outcome.store) as opened:
        assert "chain" not in opened
        return opened[stage].frame().iloc[:, 0].tolist()


def kept(body=BODY):
    return body.replace(", discard: after-use", ", discard: true")


def test_values_go_after_their_last_use_and_results_stay(write):
    path = write(BODY, circuits="")
    outcome = runs(path)
    assert outcome.ok
    assert values(outcome) == [1999] * 3 + [2999] * 3
    for stage, units in (("chain", 2), ("copies", 6)):
        assert len(records(outcome, stage).done) == units
        assert all(record.gone for record in records(outcome, stage).done.values())
    assert size(outcome.out, "chain") < 10_000
    again = runs(path)
    assert (again.done, again.skipped, again.ok) == (0, 14, True)


def test_a_value_goes_while_the_run_goes_on(write, tmp_path):
    """The stage before is empty of values once the last unit that takes them is done; another stage follows."""
    seen = {}

    def listen(event):
        if event["event"] == "stage" and event["stage"] == "counts":
            seen["chain"] = size(tmp_path / "study", "chain")
            seen["copies"] = size(tmp_path / "study", "copies")

    runs(write(BODY, circuits=""), listen=listen)
    assert seen["chain"] < 10_000 < seen["copies"]


def test_keys_and_values_are_those_of_a_study_that_keeps_them(write):
    after, whole = runs(write(BODY, circuits="")), runs(write(kept(), circuits="", name="whole.yaml"))
    assert values(after) == values(whole)
    for stage in ("chain", "copies", "counts"):
        assert records(after, stage).done.keys() == records(whole, stage).done.keys()


def test_a_stage_that_is_added_has_them_computed_again(write):
    outcome = runs(write(BODY, circuits=""))
    more = runs(write(BODY + "  cells: {do: 'plugin_steps:cells', of: copies}\n", circuits=""))
    assert more.ok
    assert more.done == 2 + 6 + 6
    assert all(record.gone for record in records(more, "copies").done.values())
    assert values(more) == values(outcome)


def test_a_stage_that_is_kept_from_now_on_is_computed_again(write):
    runs(write(BODY, circuits=""))
    body = BODY.replace("repeat: 3, discard: after-use", "repeat: 3")
    outcome = runs(write(body, circuits=""))
    assert outcome.ok
    with open_store(outcome.store) as opened:
        assert [value.n_edges for value in opened["copies"]] == [1999] * 3 + [2999] * 3
    assert outcome.done == 2 + 6


def test_what_was_gathered_before_is_no_part_of_the_store_until_it_is_computed_again(write):
    runs(write(BODY, circuits=""))
    path = write(BODY.replace("repeat: 3, discard: after-use", "repeat: 3"), circuits="")
    study = load_study(path)
    setup(study, study.folder)
    with open_store(collect(study.folder)) as opened:
        assert len(opened["copies"]) == 0
        assert opened["copies"].attrs["units_done"] == 0


def test_a_failed_user_keeps_what_it_takes(write, folder):
    body = (
        "\nstages:\n  chain: {do: 'plugin_steps:chain', each: {n_nodes: [4, 5]}, discard: after-use}\n"
        "  bad: {do: 'plugin_steps:fail_on', of: chain, n_nodes: 5}\n"
    )
    outcome = runs(write(body, circuits=""))
    assert outcome.failed == 1
    assert sorted(record.gone for record in records(outcome, "chain").done.values()) == [False, True]


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_struck_down_computes_again_only_what_is_needed(write, folder, blow):
    body = BODY + "  h: {do: 'plugin_steps:hang', of: copies, each: {seconds: [0.2, 0.21]}}\n"
    path = write(body, circuits="")
    process = subprocess.Popen([sys.executable, "-m", "conntap.cli", "run", str(path), "--workers", "1", "--no-report"])
    end = time.monotonic() + 60
    while time.monotonic() < end and size(folder / "study", "h") < 1200:
        time.sleep(0.05)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(blow)
    process.wait(timeout=30)
    psutil.wait_procs(workers, timeout=30)  # a worker finishes the unit at hand
    left = sum(each.missing for each in status(load_study(path), folder / "study"))
    outcome = runs(path)
    assert outcome.ok
    assert outcome.done == left
    assert all(record.gone for record in records(outcome, "copies").done.values())


def test_what_a_killed_run_left_is_removed_when_the_store_is_collected(write):
    path = write(BODY, circuits="")
    study = load_study(path)
    setup(study, study.folder)
    for stage, plan in (("chain", 2), ("copies", 6), ("counts", 6)):
        for number in range(plan):
            run_batch(study.folder, stage, number)
    assert forget_unneeded(study.folder) == 8
    assert forget_unneeded(study.folder) == 0
    assert recheck_values(study.folder) == 0
    assert len(Records(stage_folder(study.folder, "chain")).refresh().done) == 2
    for shard in (stage_folder(study.folder, "chain") / "shards").glob("*.shard"):
        assert [entry.header["status"] for entry in store.scan(shard)] == ["done"]


def test_a_batch_repeated_by_hand_says_that_its_input_is_gone(write):
    outcome = runs(write(BODY, circuits=""))
    told = []
    (key, _), *_ = records(outcome, "counts").done.items()
    for number in range(6):
        run_batch(
            outcome.out,
            "counts",
            number,
            only=frozenset([key]),
            report=lambda what, unit, header: told.append(header.get("error")),
        )
    assert any("damaged or gone. Run again" in str(each) for each in told)
    assert runs(write(BODY, circuits="")).ok


def test_other_ways_to_discard_are_told(write):
    with pytest.raises(StudyError, match=r"stages\.chain\.discard: 'afteruse'; there are true, false and after-use"):
        load_study(write(BODY.replace("after-use", "afteruse"), circuits=""))
    subtargets = "subtargets:\n  layers: {do: circuits.groups, by: layer, discard: after-use}\n"
    with pytest.raises(StudyError, match="there are true and false"):
        load_study(write(subtargets + BODY))
