"""What a launch took, and advice that rests on its figures alone."""

import json

import pytest

from conntap.study import advice as advising
from conntap.study import load_study, run
from conntap.study.accounts import Account
from conntap.study.advice import Figures, advice, figures, lines, summary
from conntap.study.entries import with_run
from conntap.study.launches import find_launch, launches


def sums(**given):
    nothing = {"done": 0, "failed": 0, "waiting": 0, "wall_s": 0.0, "cpu_s": 0.0, "peak_mb": 0.0, "longest_s": 0.0}
    return {**nothing, "cpu_s": given.get("wall_s", 0.0), **given}


def found(stage=None, *, busy=(), kinds=None, wall_s=100.0, **more):
    account = Account({"n": sums(**(stage or {"done": 10}))}, kinds or {}, {str(i): s for i, s in enumerate(busy)})
    return Figures(account, wall_s, **{"workers": len(busy) or 1, **more})


def only(figures):
    (sentence,) = advice(figures)
    return sentence


def test_a_launch_without_faults_gets_no_advice():
    even = {"done": 100, "wall_s": 190.0, "longest_s": 3.0, "peak_mb": 300.0}
    assert advice(found(even, busy=[96, 94], cores=2)) == []


def test_short_launches_get_no_advice_on_workers():
    assert advice(found({"done": 3, "wall_s": 0.1, "longest_s": 0.1}, busy=[0.1, 0], wall_s=1.5, cores=2)) == []


def test_one_long_unit_leaves_workers_idle():
    told = only(found({"done": 8, "wall_s": 107.0, "longest_s": 98.0}, busy=[98, 3, 3, 3], cores=4))
    assert told == (
        "the 4 workers were idle 73% of the time, since one unit of n took 98.0 s of 100.0 s: workers: 2 would do as well."
    )


def test_workers_idle_between_units_are_told_without_a_reason():
    told = only(found({"done": 500, "wall_s": 160.0, "longest_s": 1.0}, busy=[40] * 4, cores=4))
    assert told == "the 4 workers were idle 60% of the time: workers: 2 would take about as long."


@pytest.mark.parametrize(("busy", "kinds"), [([40.0] * 6, {}), ([60.0] * 4, {"worker lost": 1})])
def test_workers_that_were_lost_are_told_before_fewer_are_advised(busy, kinds):
    told = advice(found({"done": 500, "wall_s": 240.0}, busy=busy, cores=4, kinds=kinds, workers=4))
    assert any("in part since some ended within a unit and others were started instead" in each for each in told)
    assert not any("would take about as long" in each for each in told)


def test_jobs_that_failed_before_any_unit_began_tell_no_times():
    told = {"done": 0, "failed": 12, "kinds": {"job failed": 12}, "wall_s": 0.0, "work_s": 0.0, "workers": 12}
    told |= {"efficiency": None, "imbalance": 1.0, "jobs": 0, "advice": []}
    assert lines(told) == ["failures: 12 job failed"]


def test_workers_of_a_cluster_that_come_and_go_get_no_advice():
    dask = {"where": "dask", "cluster": "tcp://here:8786"}
    far = found({"done": 500, "wall_s": 160.0, "longest_s": 1.0}, busy=[40] * 4, run=dask)
    assert (far.efficiency, advice(far)) == (None, [])
    near = found({"done": 500, "wall_s": 160.0, "longest_s": 1.0}, busy=[40] * 4, run={"where": "dask"})
    assert near.efficiency == 0.4


def test_busy_workers_on_a_large_machine_could_be_more():
    told = only(found({"done": 500, "wall_s": 196.0, "longest_s": 1.0}, busy=[98, 98], cores=8))
    assert "workers: 8 would take about 27.2 s instead of 100.0 s" in told
    assert advice(found({"done": 2, "wall_s": 196.0, "longest_s": 98.0}, busy=[98, 98], cores=8)) == []


def test_units_of_several_threads_may_be_too_many_for_the_cores():
    stage = {"done": 9, "wall_s": 190.0, "cpu_s": 570.0, "longest_s": 9.0}
    told = only(found(stage, busy=[95, 95], cores=4))
    assert told.startswith("units of n took 3.0 cores each, and 2 ran at once on 4 cores: workers: 1, or threads: 1")


def test_units_that_wait_for_the_disk_are_told():
    told = only(found({"done": 9, "wall_s": 190.0, "cpu_s": 38.0, "longest_s": 9.0}, busy=[95, 95], cores=2))
    assert told.startswith("units of n computed only 20% of their time")


def test_memory_asked_is_held_beside_memory_used():
    stage = {"done": 9, "wall_s": 1.0, "peak_mb": 1024.0}
    assert only(found(stage, run={"mem_gb": 8.0})) == (
        "units of n used at most 1 of the 8 GiB they may take: run.mem_gb: 1.5 would do."
    )
    assert advice(found(stage, run={"mem_gb": 2.0})) == []
    own = found(stage, run={"mem_gb": 1.2}, stages={"n": {"run": {"mem_gb": 16.0}}})
    assert "stages.n.run.mem_gb: 1.5 would do" in only(own)


def test_an_option_of_the_whole_study_is_told_once_by_the_stage_that_needs_most():
    account = Account({name: sums(done=1, peak_mb=mb) for name, mb in (("a", 100.0), ("b", 200.0), ("c", 2000.0))})
    own = {"c": {"run": {"mem_gb": 9.0}}}
    assert advice(Figures(account, 1.0, run={"mem_gb": 4.0}, stages=own)) == [
        "units of a and b used at most 0.2 of the 4 GiB they may take: run.mem_gb: 0.5 would do.",
        "units of c used at most 2 of the 9 GiB they may take: stages.c.run.mem_gb: 3 would do.",
    ]


def test_on_a_cluster_memory_is_to_be_asked_for():
    told = only(found({"done": 9, "wall_s": 1.0, "peak_mb": 3072.0}, run={"where": "slurm"}))
    assert told == "units of n used at most 3 GiB: ask for it by run.mem_gb: 4."


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("out of memory", "2 units ran out of memory: raise mem_gb (4 now)"),
        ("timed out", "2 units ran out of time: raise timeout_s (60 now)"),
        ("worker lost", "2 units lost their worker"),
    ],
)
def test_limits_that_units_ran_into_are_to_be_raised(kind, words):
    run_options = {"mem_gb": 4.0, "timeout_s": 60.0}
    assert words in only(found({"failed": 2, "wall_s": 1.0}, kinds={kind: 2}, run=run_options))


def test_time_asked_is_held_beside_what_jobs_took():
    slurm = {"where": "slurm", "time": "1-00:00:00"}
    told = only(found(shares={"n": [1200.0, 1800.0]}, run=slurm))
    assert told == (
        "jobs of n took at most 30.0 min of the 1-00:00:00 they asked for: "
        "run.time: 01:00:00 would let them start sooner."
    )
    close = only(found(shares={"n": [3500.0]}, run={"where": "slurm", "time": "1:00:00"}))
    assert close.endswith("took up to 97% of the 1:00:00 they asked for: ask for more time.")
    assert advice(found(shares={"n": [1800.0]}, run={"where": "slurm", "time": "1:00:00"})) == []


def test_jobs_that_take_no_longer_than_their_start_are_too_small():
    told = only(found(shares={"n": [10.0] * 120}, run={"where": "slurm"}))
    assert told == (
        "the 120 jobs of n took 10.0 s each, less than a job takes to start: run.max_jobs: 2 gives them more to do."
    )
    assert advice(found(shares={"n": [23.0, 35.0, 25.0, 33.0]}, run={"where": "slurm"})) == []


def test_an_option_that_holds_for_several_stages_of_small_jobs_is_told_once():
    told = only(found(shares={"n": [1.0] * 4, "m": [3.0] * 4, "k": [600.0] * 4}, run={"where": "slurm"}))
    assert told.startswith(
        "the 8 jobs of n and m took 2.0 s each, less than a job takes to start: run.max_jobs: 1 gives"
    )


def test_cores_of_jobs_that_idle_are_told():
    slurm = {"where": "slurm", "cpus": 8}
    told = only(
        found({"done": 80}, busy=[800] * 4, wall_s=2000.0, shares={"n": [1000.0] * 4}, cores_each={"n": 8}, run=slurm)
    )
    assert told == "the 8 cores of each job were idle 90% of the time: run.cpus: 1 would do for n."


def test_units_shorter_than_their_bookkeeping_are_told():
    stage = {"done": 50_000, "wall_s": 10.0, "longest_s": 0.1}
    assert any("0.2 ms each" in each for each in advice(found(stage, busy=[10.0], cores=1)))


def test_every_piece_of_advice_has_a_test_and_an_empty_launch_gets_none():
    assert advice(Figures(Account(), 0.0)) == []
    assert len(advising.ADVICE) == 8


def test_times_of_jobs_are_read_from_their_notes(tmp_path):
    folder = tmp_path / "run" / "launches" / "0003"
    (folder / "n").mkdir(parents=True)
    (folder / "launch.json").write_text(json.dumps({"stages": {"n": {}}, "run": {"where": "slurm"}}))
    for number, (begun, ended) in enumerate([(100.0, 160.0), (100.0, None), (5.0, 10.0)]):
        (folder / "n" / f"share-{number:05d}.begun.json").write_text(json.dumps({"time": begun, "workers": 4}))
        if ended is not None:
            (folder / "n" / f"share-{number:05d}.ended.json").write_text(json.dumps({"time": ended}))
    (folder / "n" / "share-00003.ended.json").write_text("{torn")
    (launch,) = launches(tmp_path)
    assert figures(launch).shares == {"n": [60.0, 5.0]}
    assert figures(launch).cores_each == {"n": 4}


def test_a_real_run_is_summed_up(write, local):
    study = with_run(load_study(write(local + "  n: {do: 'plugin_steps:edges', of: local}\n")), workers=1)
    outcome = run(study)
    told = summary(find_launch(outcome.out, outcome.launch))
    assert (told["done"], told["failed"], told["workers"], told["state"]) == (4, 0, 1, "ended")
    assert 0 < told["work_s"] <= told["wall_s"]
    assert 0 < told["efficiency"] <= 1
    text = lines(told)
    assert text[0].startswith("time: ")
    assert "on 1 worker," in text[0]
    assert "memory of a unit: at most 0." in text[1]
    assert json.loads(json.dumps(told)) == told


def test_a_launch_that_never_ended_has_nothing_to_tell(tmp_path):
    folder = tmp_path / "run" / "launches" / "0001"
    folder.mkdir(parents=True)
    (folder / "launch.json").write_text("{}")
    (launch,) = launches(tmp_path)
    assert lines(summary(launch)) == []
