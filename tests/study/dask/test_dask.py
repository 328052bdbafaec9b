"""Studies on Dask: the same bits as locally, wherever the workers come from; units are streamed."""

import json
import logging

import pytest

from conntap.errors import RunError, StudyError
from conntap.study.entries import RunOptions
from conntap.study.executors.chunks import Chunks, without_traceback
from conntap.study.executors.clusters import scheduler
from conntap.study.jobs import Job, Piece


@pytest.mark.parametrize("options", [{"workers": 1}, {"workers": 2}, {"workers": 2, "least_workers": 0}])
def test_workers_of_this_machine_give_the_same_bits(same_bits, options):
    events = []
    assert same_bits(listen=events.append, **options)
    assert max(event["workers"] for event in events if event["event"] == "cluster") in range(1, options["workers"] + 1)


@pytest.fixture
def running(dask_plugin):
    """A cluster that runs already, without a thread reserved."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", worker_dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster


def test_a_cluster_that_runs_already_gives_the_same_bits(same_bits, running):
    assert same_bits(cluster=running.scheduler_address)


def test_a_cluster_is_found_by_its_schedulers_file(same_bits, running, tmp_path):
    (tmp_path / "s.json").write_text(json.dumps({"address": running.scheduler_address}))
    assert same_bits(cluster=str(tmp_path / "s.json"))


def test_a_file_that_is_no_schedulers_is_told(write, on_dask):
    with pytest.raises(StudyError, match=r"run.cluster: 'nowhere.json' is no scheduler's file"):
        on_dask(write("stages: {n: {do: 'dask_steps:slow', seconds: 0.0, number: 1}}\n", circuits=""), cluster="nowhere.json")  # fmt: skip


def test_an_interface_that_this_machine_does_not_have_is_told(write, on_dask):
    with pytest.raises(StudyError, match=r"run.interface: unknown network interface 'zz9'; known: .*\blo"):
        on_dask(write("stages: {n: {do: 'dask_steps:slow', seconds: 0.0, number: 1}}\n", circuits=""), interface="zz9")


def test_a_cluster_that_takes_too_long_to_close_hides_no_interrupt(tmp_path, monkeypatch):
    import distributed

    class Stuck(distributed.LocalCluster):
        def close(self, timeout=None):
            super().close(timeout)
            raise TimeoutError(f"timed out after {timeout} s.")

    monkeypatch.setattr(distributed, "LocalCluster", Stuck)
    with pytest.raises(KeyboardInterrupt), scheduler(RunOptions(), tmp_path):
        raise KeyboardInterrupt


def test_a_lost_scheduler_ends_the_run_and_what_is_done_is_kept(write, on_dask, running):
    numbers = f"each: {{number: {list(range(40))}}}"
    path = write(f"stages: {{n: {{do: 'dask_steps:slow', seconds: 0.2, {numbers}}}}}\n", circuits="")
    done = []

    def listen(event):
        if event["event"] == "done":
            done.append(event["key"])
            if len(done) == 3:
                running.close()

    with pytest.raises(RunError, match="is lost; what is done is kept"):
        on_dask(path, cluster=running.scheduler_address, listen=listen)
    outcome = on_dask(path, where="local")
    assert outcome.ok
    assert outcome.skipped >= 3


def test_thousands_of_units_stream_in_few_chunks(write, on_dask, monkeypatch):
    from distributed import Client

    under_way, submitted = [], Client.submit

    def counting(client, *arguments, **named):
        under_way.append(len(client.futures))
        return submitted(client, *arguments, **named)

    monkeypatch.setattr(Client, "submit", counting)
    outcome = on_dask(write("stages: {n: {do: 'dask_steps:chance', repeat: 3000}}\n", circuits=""))  # fmt: skip
    assert (outcome.done, outcome.ok) == (3000, True)
    assert max(under_way) <= 4
    assert len(under_way) < 300


def test_a_unit_computes_an_array_on_the_cluster_that_it_keeps_busy(write, on_dask, frame):
    path = write(
        "stages: {a: {do: 'dask_steps:whole_sum', each: {by: [cluster, threads], n: [800, 1600, 2400]}}}\n", circuits=""
    )
    outcome = on_dask(path, timeout_s=60.0)
    assert [each["error"] for each in outcome.failures] == []
    assert frame(outcome, "a")["a"].tolist() == [n * (n - 1) / 2 for n in (800, 1600, 2400)] * 2


def test_a_connection_that_was_closed_is_told_in_one_line(caplog):
    from distributed.comm import CommClosedError

    caplog.handler.addFilter(without_traceback)
    for error in (CommClosedError("pool closing"), ValueError("a defect")):
        try:
            raise error
        except Exception:
            logging.getLogger("conntap.sample").exception("heartbeat of %s", "me")
    closed, defect = caplog.records
    assert (closed.getMessage(), closed.exc_info) == ("heartbeat of me (CommClosedError: pool closing)", None)
    assert defect.exc_info is not None


def test_costly_pieces_come_first_and_alone_and_small_ones_in_chunks_of_a_second():
    pieces = tuple(Piece((f"{cost} {number}",), cost) for cost in (1.0, 900.0) for number in range(400))
    chunks = Chunks([Job("s", 0, pieces)], workers=2)
    taken = []
    while chunks:
        taken.append(chunks.take())
        cost = sum(job.cost for job in taken[-1])
        chunks.learn("s", cost, cost / 100)
    numbers = [sum(len(job.keys) for job in each) for each in taken]
    assert sum(numbers) == 800
    assert max(numbers) <= 100
    assert len({key for each in taken for job in each for key in job.keys}) == 800
    heavy = Chunks([Job("s", 0, (*pieces[:400], Piece(("heavy",), 1e5)))], workers=2)
    assert heavy.take()[0].keys == ["heavy"]


def test_what_costs_nothing_is_not_one_chunk():
    chunks = Chunks([Job("s", 0, tuple(Piece((str(number),), 0.0) for number in range(100)))], workers=2)
    assert len(chunks.take()[0].keys) == 1
