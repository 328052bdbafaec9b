"""Spikes and traces: what they hold, cut and count, and their files."""

import contextlib
import pickle

import h5py
import libsonata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.activity import Spikes, Traces, read_spikes, read_traces, write_spikes, write_traces
from conntap.errors import ActivityError
from conntap.store import codecs


@pytest.fixture
def spikes() -> Spikes:
    """Four spikes of the nodes 3, 5 and 9 in 100 ms; 9 is silent."""
    return Spikes([5, 3, 5, 3], [40.0, 10.0, 20.0, 40.0], duration_ms=100, ids=[3, 5, 9])


@pytest.fixture
def traces() -> Traces:
    """Four steps of 0.1 ms of the nodes 3, 5, 9, from 1 ms on."""
    return Traces(np.arange(12.0).reshape(4, 3), dt_ms=0.1, ids=[3, 5, 9], start_ms=1.0, unit="mV")


def some_spikes():
    spike = st.tuples(st.integers(0, 4), st.floats(0, 100))
    return st.lists(spike, max_size=30).map(
        lambda pairs: Spikes([n for n, _ in pairs], [t for _, t in pairs], duration_ms=100, ids=5)
    )


# -- spikes --------------------------------------------------------------------------------------------------


def test_spikes_are_sorted_by_time_and_then_by_node(spikes):
    assert spikes.times_ms.tolist() == [10, 20, 40, 40]
    assert spikes.node_ids.tolist() == [3, 5, 3, 5]


def test_the_input_arrays_are_untouched_and_stay_writeable():
    nodes, times = np.array([1, 0]), np.array([2.0, 1.0])
    Spikes(nodes, times, duration_ms=5)
    assert nodes.tolist() == [1, 0]
    assert times.flags.writeable


def test_spikes_cannot_be_changed(spikes):
    with pytest.raises(ValueError, match="read-only"):
        spikes.times_ms[0] = 1
    with pytest.raises(AttributeError):
        spikes.duration_ms = 3


def test_between_takes_the_first_moment_and_leaves_the_last(spikes):
    part = spikes.between(10, 40)
    assert part.times_ms.tolist() == [10, 20]
    assert (part.start_ms, part.duration_ms, part.n_nodes) == (10, 30, 3)


def test_of_keeps_the_chosen_nodes_in_the_given_order(spikes):
    part = spikes.of([9, 5])
    assert part.ids.tolist() == [9, 5]
    assert part.node_ids.tolist() == [5, 5]


def test_rates_count_silent_nodes_too(spikes):
    assert spikes.rates_hz().to_dict() == {3: 20.0, 5: 20.0, 9: 0.0}


def test_counts_by_bin_and_node(spikes):
    assert spikes.counts(50).tolist() == [[2, 2, 0], [0, 0, 0]]


@settings(deadline=None, max_examples=40)
@given(spikes=some_spikes(), bin_ms=st.floats(0.5, 200))
def test_counts_lose_no_spike_and_agree_with_a_histogram(spikes, bin_ms):
    counts = spikes.counts(bin_ms)
    assert counts.sum() == len(spikes)
    assert counts.sum(axis=0).tolist() == np.bincount(spikes.rows, minlength=5).tolist()


@settings(deadline=None, max_examples=40)
@given(spikes=some_spikes(), cut=st.floats(1, 99))
def test_two_stretches_hold_all_spikes_before_the_end(spikes, cut):
    parts = [spikes.between(0, cut), spikes.between(cut, 100)]
    assert sum(map(len, parts)) == int((spikes.times_ms < 100).sum())


@settings(deadline=None, max_examples=40)
@given(spikes=some_spikes())
def test_order_of_the_input_does_not_matter(spikes):
    backwards = Spikes(spikes.node_ids[::-1], spikes.times_ms[::-1], duration_ms=100, ids=5)
    assert backwards == spikes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [1.0]), "one of each"),
        (([0], [np.nan]), "not finite"),
        (([0], [200.0]), "outside the recording"),
        (([7], [1.0]), "not among the 3 recorded"),
        (([0.5], [1.0]), "whole numbers or labels"),
    ],
)
def test_spikes_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ActivityError, match=message):
        Spikes(*arguments, duration_ms=100, ids=3)


def test_a_stretch_outside_the_recording_is_refused(spikes):
    with pytest.raises(ActivityError, match="no stretch of the recording"):
        spikes.between(50, 200)


def test_repeated_ids_are_refused():
    with pytest.raises(ActivityError, match="stands twice"):
        Spikes([1], [1.0], duration_ms=5, ids=[1, 1])


def test_spikes_survive_pickling_and_the_store(spikes):
    assert pickle.loads(pickle.dumps(spikes)) == spikes
    assert codecs.decode(codecs.encode(spikes)) == spikes


def test_spikes_of_labelled_nodes_survive_the_store():
    labelled = Spikes(["b", "a"], [1.0, 2.0], duration_ms=5, ids=["a", "b", "c"])
    assert codecs.decode(codecs.encode(labelled)) == labelled


# -- files of spikes -----------------------------------------------------------------------------------------


def test_libsonata_reads_the_spikes_written(spikes, tmp_path):
    write_spikes(spikes, tmp_path / "spikes.h5", population="v1")
    read = libsonata.SpikeReader(str(tmp_path / "spikes.h5"))["v1"]
    assert read.sorting == "by_time"
    assert read.get() == list(zip(spikes.node_ids.tolist(), spikes.times_ms.tolist(), strict=True))


@pytest.mark.parametrize("name", ["spikes.h5", "spikes.npz"])
def test_spikes_come_back_equal(name, spikes, tmp_path):
    write_spikes(spikes, tmp_path / name)
    assert read_spikes(tmp_path / name, duration_ms=100, ids=[3, 5, 9]) == spikes


def test_npz_keeps_the_recorded_nodes_and_the_stretch(spikes, tmp_path):
    part = spikes.between(10, 30)
    write_spikes(part, tmp_path / "spikes.npz")
    assert read_spikes(tmp_path / "spikes.npz") == part


def test_the_older_layout_without_a_population_is_read(tmp_path):
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file["spikes/gids"] = np.array([1, 0], dtype=np.uint64)
        file["spikes/timestamps"] = np.array([2.0, 1.0])
    assert read_spikes(tmp_path / "old.h5").node_ids.tolist() == [0, 1]


def test_seconds_become_milliseconds(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["spikes/v1/node_ids"] = np.array([0])
        file["spikes/v1/timestamps"] = np.array([0.25])
        file["spikes/v1/timestamps"].attrs["units"] = "s"
    assert read_spikes(tmp_path / "s.h5").times_ms.tolist() == [250.0]


def test_several_populations_ask_for_one(tmp_path):
    with h5py.File(tmp_path / "two.h5", "w") as file:
        for name in ("v1", "lgn"):
            file[f"spikes/{name}/node_ids"] = np.array([0])
            file[f"spikes/{name}/timestamps"] = np.array([1.0])
    assert len(read_spikes(tmp_path / "two.h5", population="lgn")) == 1
    with pytest.raises(ActivityError, match="lgn, v1"):
        read_spikes(tmp_path / "two.h5")
    with pytest.raises(ActivityError, match="Did you mean 'v1'"):
        read_spikes(tmp_path / "two.h5", population="v11")


def test_labels_cannot_be_written_as_sonata(tmp_path):
    with pytest.raises(ActivityError, match="not labels"):
        write_spikes(Spikes(["a"], [1.0], duration_ms=2), tmp_path / "s.h5")


def test_an_existing_file_is_kept(spikes, tmp_path):
    (tmp_path / "s.h5").write_text("mine")
    with pytest.raises(ActivityError, match="overwrite=True"):
        write_spikes(spikes, tmp_path / "s.h5")
    assert (tmp_path / "s.h5").read_text() == "mine"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"\x89HDF\r\n\x1a\nbroken", b"gids,times"])
def test_files_that_hold_no_spikes_are_refused(content, tmp_path):
    (tmp_path / "s.h5").write_bytes(content)
    with pytest.raises(ActivityError, match=r"s\.h5"):
        read_spikes(tmp_path / "s.h5")


def test_an_npz_of_objects_is_refused(tmp_path):
    np.savez(tmp_path / "s.npz", times_ms=np.array([1.0]), node_ids=np.array([{}], dtype=object))
    with pytest.raises(ActivityError, match="a pickle, which is never opened"):
        read_spikes(tmp_path / "s.npz")


@pytest.mark.parametrize("name", ["a.h5", "a.npz"])
def test_damaged_bytes_give_spikes_or_one_kind_of_error(name, spikes, tmp_path):
    write_spikes(spikes, tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    rng = np.random.default_rng(3)
    for _ in range(40):
        bytes_ = bytearray(whole)
        for at in rng.integers(0, len(whole), 4):
            bytes_[at] = rng.integers(0, 256)
        (tmp_path / name).write_bytes(bytes_)
        with contextlib.suppress(ActivityError):
            read_spikes(tmp_path / name)


def test_real_spikes_are_read_in_every_layout(shared_data):
    intfire = shared_data / "sonata" / "300_intfire"
    assert len(read_spikes(intfire / "output" / "spikes.h5")) == 4322
    assert len(read_spikes(intfire / "inputs" / "lgn_spikes.h5")) == 2738
    practice = read_spikes(shared_data / "recordings" / "lif150.npz", ids=150)
    assert (len(practice), practice.duration_ms) == (1_306_725, 1_200_000)


# -- traces --------------------------------------------------------------------------------------------------


def test_traces_between_take_the_first_step_and_leave_the_last(traces):
    part = traces.between(1.1, 1.3)
    assert part.to_numpy().tolist() == [[3, 4, 5], [6, 7, 8]]
    assert part.start_ms == pytest.approx(1.1)


def test_traces_of_nodes_in_the_given_order(traces):
    assert traces.of([9, 3]).to_numpy()[0].tolist() == [2, 0]


def test_the_callers_array_stays_writeable():
    values = np.zeros((2, 2))
    traces = Traces(values, dt_ms=1)
    values[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        traces.values[0, 0] = 2


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.zeros(3), {"dt_ms": 1}, r"shape \(time, nodes\)"),
        (np.zeros((2, 2)), {"dt_ms": 0}, "positive step"),
        (np.zeros((2, 2)), {"dt_ms": 1, "ids": [1]}, "1 ids for 2 columns"),
        (np.array([["a"]]), {"dt_ms": 1}, "give numbers"),
    ],
)
def test_traces_that_do_not_fit_are_refused(values, options, message):
    with pytest.raises(ActivityError, match=message):
        Traces(values, **options)


def test_libsonata_reads_the_report_written(traces, tmp_path):
    write_traces(traces, tmp_path / "soma.h5", population="v1")
    report = libsonata.SomaReportReader(str(tmp_path / "soma.h5"))["v1"]
    assert report.times == pytest.approx((1.0, 1.4, 0.1))
    assert report.data_units == "mV"
    assert report.get(node_ids=[5]).data.ravel().tolist() == [1, 4, 7, 10]


@pytest.mark.parametrize("name", ["soma.h5", "traces.npz"])
def test_traces_come_back_equal(name, traces, tmp_path):
    write_traces(traces, tmp_path / name)
    assert read_traces(tmp_path / name) == traces


def test_a_report_is_read_only_where_it_is_used(traces, tmp_path):
    write_traces(traces, tmp_path / "soma.h5")
    lazy = read_traces(tmp_path / "soma.h5")
    assert not isinstance(lazy.values, np.ndarray)
    assert pickle.loads(pickle.dumps(lazy)) == traces
    assert [piece.shape for piece in lazy.pieces(3)] == [(3, 3), (1, 3)]


@pytest.mark.parametrize(("element", "expected"), [("first", [0, 2]), ("sum", [1, 2]), ("mean", [0.5, 2])])
def test_compartments_are_put_together_as_asked(element, expected, tmp_path):
    with h5py.File(tmp_path / "r.h5", "w") as file:
        file["report/v1/data"] = np.array([[0.0, 1.0, 2.0]])
        file["report/v1/mapping/node_ids"] = np.array([4, 7])
        file["report/v1/mapping/index_pointers"] = np.array([0, 2, 3])
        file["report/v1/mapping/time"] = np.array([0.0, 0.1, 0.1])
    with pytest.raises(ActivityError, match="element='first'"):
        read_traces(tmp_path / "r.h5")
    assert read_traces(tmp_path / "r.h5", element=element).to_numpy()[0].tolist() == expected


def test_traces_survive_the_store(traces):
    assert codecs.decode(codecs.encode(traces)) == traces


def test_times_of_steps_agree_with_pandas(traces):
    frame = pd.DataFrame(traces.to_numpy(), index=traces.times_ms, columns=traces.ids)
    assert frame.loc[1.0, 5] == 1.0
    assert len(frame) == traces.n_steps
