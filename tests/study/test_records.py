"""What the shards of a stage hold is read when they grew, and what was made by another step tells nothing of cost."""

from conntap import store
from conntap.study import load_study, run, setup, work
from conntap.study.entries import with_run
from conntap.study.jobs import to_do
from conntap.study.records import Records, stage_folder

MADE = "stages:\n  made: {do: 'plugin_steps:chain', each: {n_nodes: [3, 4]}}\n"
HEADER = {"status": "failed", "time": 1.0, "made": {"step": "s", "options": {}, "inputs": {}}}


def test_records_that_did_not_grow_are_not_gone_through_again(tmp_path, monkeypatch):
    with store.ShardWriter(tmp_path / "shards" / "0.shard") as shard:
        shard.append("a", HEADER, None)
        records = Records(tmp_path).refresh()
        found = records.failed
        assert records.refresh().failed is found
        shard.append("b", HEADER | {"status": "done"}, [store.encode(1.0)])
    assert (set(records.refresh().failed), set(records.done)) == ({"a"}, {"b"})
    records.set_aside("b")
    assert set(records.refresh().done) == set()


def test_no_folder_of_shards_is_no_record(tmp_path):
    assert Records(tmp_path / "nowhere").refresh().done == {}


def test_a_clock_that_is_set_while_a_unit_runs_changes_no_span(write, monkeypatch):
    study = load_study(write(MADE, circuits=""))
    setup(study, study.folder)
    hours = iter(range(1_000))
    monkeypatch.setattr(work.time, "time", lambda: 1e9 - 3600 * next(hours))
    work.run_batch(study.folder, "made", 0)
    (record,) = Records(stage_folder(study.folder, "made")).refresh().done.values()
    assert 0 <= record.wall_s < 60


def test_what_another_step_took_is_not_expected_of_this_one(write, local):
    body = local + "  n: {do: 'plugin_steps:edges', of: local}\n"
    run(with_run(load_study(write(body)), workers=1))
    study = load_study(write(body.replace("edges'", "draw'")))
    setup(study, study.folder)
    left = to_do(study.folder, "n")
    assert (left.units, left.in_seconds, left.peak_mb) == (2, False, 0.0)
    again = load_study(write(body.replace("of: local}", "of: local, times: 2}")))
    setup(again, again.folder)
    assert to_do(again.folder, "n").in_seconds
