"""NWB files that are written: as pynwb reads them, and as they are read here."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap import Spikes, Traces
from conntap.activity import read, read_spikes, write_spikes, write_traces
from conntap.activity.lazy import MappedArray
from conntap.errors import ActivityError, MissingExtra

NODES = pd.DataFrame(
    {"x": [1.0, np.nan, 3.0], "area": ["V1", "V2", "V1"], "good": [True, False, True]}, index=[7, 3, 9]
)
VALUES = np.random.default_rng(0).normal(size=(8, 3))


def held(path):
    """The file as pynwb reads it, found to be valid."""
    import pynwb

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pynwb.NWBHDF5IO(path, "r") as file:
            assert pynwb.validate(io=file) == []
        return pynwb.NWBHDF5IO(path, "r")


def test_spikes_are_units_with_their_times_in_seconds(tmp_path):
    spikes = Spikes([3, 7, 3], [20.0, 5.0, 12.5], start_ms=2, duration_ms=1000, nodes=NODES)
    write_spikes(spikes, tmp_path / "a.nwb")
    with held(tmp_path / "a.nwb") as file:
        units = file.read().units
        assert units.id[:].tolist() == [7, 3, 9]
        assert [units["spike_times"][at].tolist() for at in range(3)] == [[0.005], [0.0125, 0.02], []]
        assert units["obs_intervals"][2].tolist() == [[0.002, 1.002]]
        assert units["area"][:].tolist() == ["V1", "V2", "V1"]
    assert read_spikes(tmp_path / "a.nwb") == spikes


def test_fluorescence_is_of_regions_with_their_rate_unit_and_table(tmp_path):
    traces = Traces(VALUES, dt_ms=20, start_ms=500, unit="dF/F", nodes=NODES)
    write_traces(traces, tmp_path / "a.nwb")
    with held(tmp_path / "a.nwb") as file:
        series = file.read().processing["ophys"]["DfOverF"]["traces"]
        assert (series.rate, series.starting_time, series.unit) == (50.0, 0.5, "dF/F")
        assert np.array_equal(series.data[:], VALUES)
        assert series.rois.table.id[:].tolist() == [7, 3, 9]
        assert series.rois.table["x"][:][[0, 2]].tolist() == [1.0, 3.0]
    assert read(tmp_path / "a.nwb") == traces


@pytest.mark.parametrize("unit", ["mV", "Hz"])
def test_what_is_no_fluorescence_is_a_plain_series_beside_a_table(tmp_path, unit):
    traces = Traces(VALUES, dt_ms=0.1, unit=unit, ids=["a", "b", "c"])
    write_traces(traces, tmp_path / "a.nwb")
    with held(tmp_path / "a.nwb") as file:
        module = file.read().processing["activity"]
        assert module["traces"].unit == unit
        assert module["nodes"]["node_id"][:].tolist() == ["a", "b", "c"]
    assert read(tmp_path / "a.nwb") == traces
    assert read(tmp_path / "a.nwb", series="traces") == traces


def test_lazy_values_are_written_in_pieces(tmp_path):
    values = np.random.default_rng(1).normal(size=(21_000, 70)).astype(np.float32)
    np.save(tmp_path / "v.npy", values)
    asked = []

    class Watched(MappedArray):
        def __getitem__(self, key):
            asked.append(key)
            return super().__getitem__(key)

    write_traces(Traces(Watched(tmp_path / "v.npy"), dt_ms=10), tmp_path / "a.nwb")
    assert len(asked) == 3
    again = read(tmp_path / "a.nwb")
    assert again.values.dtype == np.float32
    assert np.array_equal(again.to_numpy(), values)


def test_columns_whose_names_nwb_uses_otherwise_get_another(tmp_path):
    nodes = pd.DataFrame({"spike_times": [1.0], "a/b": ["x"], "kind": pd.Categorical([None], ["p"])})
    write_spikes(Spikes([0], [1.0], duration_ms=5, nodes=nodes), tmp_path / "a.nwb")
    again = read(tmp_path / "a.nwb").nodes
    assert again.to_dict("list") == {"spike_times_": [1.0], "a_b": ["x"], "kind": [""]}


def test_a_file_that_is_there_stays_and_a_write_that_fails_leaves_nothing(tmp_path):
    write_spikes(Spikes([0], [1.0]), tmp_path / "a.nwb")
    with pytest.raises(ActivityError, match="there is a file already"):
        write_spikes(Spikes([0], [2.0]), tmp_path / "a.nwb")

    class Broken(MappedArray):
        def __getitem__(self, key):
            raise OSError("the disk went away")

    np.save(tmp_path / "v.npy", VALUES)
    with pytest.raises(OSError, match="went away"):
        write_traces(Traces(Broken(tmp_path / "v.npy"), dt_ms=1), tmp_path / "b.nwb")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.nwb", "v.npy"]


def test_without_pynwb_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynwb", None)
    with pytest.raises(MissingExtra, match=r"writing NWB needs pynwb.*conntap\[nwb\]"):
        write_spikes(Spikes([0], [1.0]), tmp_path / "a.nwb")


@settings(max_examples=8, deadline=None)
@given(
    rows=st.lists(st.integers(0, 3), max_size=12),
    seed=st.integers(0, 99),
    labels=st.sampled_from([[0, 1, 2, 3], [9, 4, 5, 1], ["a", "b", "c", "d"]]),
)
def test_any_spikes_come_back(tmp_path_factory, rows, seed, labels):
    times = np.random.default_rng(seed).uniform(0, 900, len(rows))
    spikes = Spikes([labels[row] for row in rows], times, duration_ms=1000, ids=labels)
    path = tmp_path_factory.mktemp("nwb") / "a.nwb"
    write_spikes(spikes, path)
    again = read(path)
    assert again.ids.tolist() == labels
    assert np.array_equal(again.rows, spikes.rows)
    assert np.allclose(again.times_ms, spikes.times_ms, rtol=1e-14)
