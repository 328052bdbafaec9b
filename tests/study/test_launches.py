"""Each launch leaves a numbered folder that says what it was and what became of it."""

import shlex

import numpy as np

from conntap.study import launch, load_study, run, setup, status
from conntap.study.accounts import Account
from conntap.study.entries import with_run
from conntap.study.jobs import Limits
from conntap.study.launches import launches
from conntap.study.records import Records
from conntap.study.run import _waves
from conntap.study.setup import read_batch


def test_a_launch_is_noted_with_what_was_to_do_and_what_became_of_it(write, local):
    study = with_run(load_study(write(local + "  n: {do: 'plugin_steps:edges', of: local}\n")), workers=1)
    run(study)
    run(study)
    (only,) = launches(study.folder)  # the second had nothing to do
    assert (only.number, only.about["stages"]["n"]["units"], only.about["hash"]) == (1, 2, study.hash)
    assert (only.outcome["state"], only.outcome["stages"]["n"]["done"]) == ("ended", 2)
    assert (only.folder / "study.yaml").read_text() == study.text


def test_the_next_launch_has_the_next_number(write, local):
    run(load_study(write(local)))
    run(load_study(write(local + "  n: {do: 'plugin_steps:edges', of: local}\n")))
    assert [each.number for each in launches(load_study(write(local)).folder)] == [1, 2]


def test_accounts_of_several_workers_are_one_account():
    def event(what, worker, wall_s, **more):
        return {
            "event": what,
            "stage": "n",
            "worker": worker,
            "wall_s": wall_s,
            "cpu_s": 1.0,
            "peak_mb": wall_s,
            **more,
        }

    one, two = Account(), Account()
    one(event("done", "a", 3.0))
    one(event("failed", "a", 1.0, kind="timed out"))
    two(event("done", "b", 2.0))
    whole = Account.merged([one.plain(), two.plain()])
    assert whole.sums() == {
        "done": 2, "failed": 1, "waiting": 0, "wall_s": 6.0, "cpu_s": 3.0, "peak_mb": 3.0, "longest_s": 3.0,
    }  # fmt: skip
    assert (whole.kinds, whole.imbalance) == ({"timed out": 1}, 4.0 * 2 / 6.0)


def test_stages_that_do_not_wait_for_each_other_run_together(write, local):
    body = "  n: {do: 'plugin_steps:edges', of: local}\n  d: {do: 'plugin_steps:edges', of: local, times: 2}\n"
    body += "  s: {do: 'plugin_steps:add', of: {left: n, right: d}}\n"
    study = load_study(write(local + body))
    assert list(_waves(study, ["local", "n", "d", "s"])) == [["local"], ["n", "d"], ["s"]]


def test_some_units_alone_are_launched_with_limits_of_their_own(write, local):
    study = with_run(load_study(write(local + "  h: {do: 'plugin_steps:hang', of: local, seconds: 1.0}\n")), workers=2)
    setup(study, study.folder)
    launch(study, out=study.folder, only=(), limits={})
    assert [each["done"] for each in _states(study)] == [0, 0]
    keys = {unit["key"] for stage in ("local", "h") for unit in read_batch(study.folder, stage, 0)}
    outcome = launch(study, out=study.folder, only=keys, limits={"h": Limits(timeout_s=0.2)})
    assert {each["kind"] for each in outcome.failures} == {"timed out"}


def _states(study):
    return [each.__dict__ for each in status(study, study.folder)]


def test_what_is_done_while_one_looks_is_not_called_stale(write, local, monkeypatch):
    study = load_study(write(local))
    run(study)
    looked = Records.refresh

    def a_moment_ago(self):
        found = looked(self)
        found.done.clear()
        return found

    monkeypatch.setattr(Records, "refresh", a_moment_ago)
    (stage,) = status(study, study.folder)
    assert (stage.stale, stage.missing, stage.reasons) == (0, 2, {})


def test_the_command_that_repeats_a_batch_is_quoted_for_the_shell(write, local, tmp_path):
    out = tmp_path / "it's out"
    study = load_study(write(local + "  f: {do: 'plugin_steps:fail_on', of: local, n_nodes: 3}\n"))
    outcome = run(with_run(study, workers=1), out=out)
    words = shlex.split(outcome.failures[0]["command"])
    assert words == ["tap", "batch", str(study.path), "f", words[4], "--out", str(out)]


def test_the_memory_of_a_unit_is_its_own_not_that_of_the_process_that_started_its_worker(write, local):
    held = np.ones(2**27)  # a GiB, touched
    study = load_study(write(local + "  n: {do: 'plugin_steps:edges', of: local}\n"))
    run(with_run(study, workers=1))
    (launch,) = launches(study.folder)
    assert held.nbytes / 2**20 == 1024
    assert 50 < launch.outcome["stages"]["n"]["peak_mb"] < 700
