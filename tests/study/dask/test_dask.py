"""Studies on Dask: the same bits as locally, wherever the workers come from."""

import pandas as pd
import pytest

from conntap import open_store
from conntap.study import load_study, run
from conntap.study.entries import with_run
from conntap.study.executors.chunks import Chunks
from conntap.study.jobs import Job, Piece

pytest.importorskip("distributed")

DRAWS = (
    "  n: {do: 'plugin_steps:draw', of: local, repeat: 20, controls: [s]}\n"
    "  f: {do: 'plugin_steps:fail_on', of: local, n_nodes: 3}\n"
    "controls: {s: {do: 'plugin_steps:shuffled', draws: 3}}\n"
)


def frame(outcome, stage):
    with open_store(outcome.store) as opened:
        return opened[stage].frame()


def on_dask(path, *, out=None, listen=lambda event: None, **options):
    return run(with_run(load_study(path), **{"where": "dask", "workers": 2, **options}), out=out, listen=listen)


@pytest.fixture
def drawn(write, local, tmp_path):
    """A study of draws, and its outcome on local processes."""
    path = write(local + DRAWS)
    return path, run(with_run(load_study(path), workers=2), out=tmp_path / "locally")


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_of_this_machine_give_the_same_bits(drawn, tmp_path, workers):
    path, locally = drawn
    events = []
    outcome = on_dask(path, out=tmp_path / "dask", workers=workers, listen=events.append)
    assert (outcome.done, outcome.failed) == (locally.done, locally.failed)
    pd.testing.assert_frame_equal(frame(outcome, "n"), frame(locally, "n"), check_exact=True)
    assert [event["workers"] for event in events if event["event"] == "cluster"][-1] == workers


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
