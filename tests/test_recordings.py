"""Recordings in the formats of others and our own: what is read, what must be declared, and what is refused."""

import contextlib
import json
import pickle
import shutil
import warnings
from datetime import UTC, datetime

import h5py
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import sparse

from conntap.activity import Spikes, Traces, read, read_spikes, read_traces, write_spikes, write_traces
from conntap.activity.lazy import Part, Turned
from conntap.errors import ActivityError

TABLE = pd.DataFrame({"x": [1.0, 2.0, 3.0], "kind": ["E", None, "µ"]}, index=["a", "b", "c"])
VALUES = np.arange(24, dtype=np.float32).reshape(8, 3)


@pytest.fixture
def spikes():
    return Spikes(["b", "a", "b"], [1.5, 2.0, 9.0], duration_ms=10, start_ms=1, nodes=TABLE)


@pytest.fixture
def traces():
    return Traces(VALUES, dt_ms=20, start_ms=5, unit="dF/F", nodes=TABLE)


def in_pieces(traces):
    return Traces(Part(traces.values, 0, 8), dt_ms=20, start_ms=5, unit="dF/F", nodes=TABLE)


# -- our own -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "format"), [("a.npz", None), ("a.zarr", None), ("a.h5", "hdf5")])
def test_what_keeps_all_gives_all_back(name, format, spikes, traces, tmp_path):
    write_spikes(spikes, tmp_path / name, format=format)
    assert read(tmp_path / name) == spikes
    write_traces(in_pieces(traces), tmp_path / name, format=format, overwrite=True)
    assert read(tmp_path / name) == traces
    with pytest.raises(ActivityError, match="overwrite=True"):
        write_traces(traces, tmp_path / name, format=format)
    with pytest.raises(ActivityError, match=r"traces, no spikes|none of the arrays"):
        read_spikes(tmp_path / name)


@pytest.mark.parametrize(("name", "format"), [("a.zarr", None), ("a.h5", "hdf5")])
def test_values_stay_in_the_file_until_they_are_used(name, format, traces, tmp_path):
    write_traces(traces, tmp_path / name, format=format)
    lazy = read_traces(tmp_path / name)
    assert not isinstance(lazy.values, np.ndarray)
    part = pickle.loads(pickle.dumps(lazy.between(25, 85).of(["c", "a"])))
    assert not isinstance(part.values, np.ndarray)
    assert part == traces.between(25, 85).of(["c", "a"])
    assert np.array_equal(lazy.to_dask(steps=3, nodes=2).compute(), VALUES)
    assert np.array_equal(np.asarray(lazy.values), VALUES)


@pytest.mark.parametrize(
    "key", [np.s_[2:5], np.s_[-1], np.s_[:, 1], np.s_[[3, 0]], np.s_[1:3, [2, 0]], np.s_[::3, -1:], np.s_[4:2]]
)
def test_lazy_values_are_sliced_as_numpy_does(key, traces, tmp_path):
    write_traces(traces, tmp_path / "a.zarr")
    assert np.array_equal(read(tmp_path / "a.zarr").values[key], VALUES[key])
    assert np.array_equal(Turned(VALUES.T)[key], VALUES[key])
    assert np.array_equal(Part(VALUES, 0, 8, np.array([2, 0, 1]))[key], VALUES[:, [2, 0, 1]][key])


def test_npy_holds_the_values_alone(traces, tmp_path):
    write_traces(traces, tmp_path / "a.npy")
    assert np.array_equal(np.load(tmp_path / "a.npy"), VALUES)
    read_ = read(tmp_path / "a.npy", rate_hz=50, orientation="time-nodes", ids=["a", "b", "c"], unit="dF/F")
    assert read_ == Traces(VALUES, dt_ms=20, ids=["a", "b", "c"], unit="dF/F")


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.parquet"])
def test_tables_of_spikes_and_of_frames_come_back(name, spikes, traces, tmp_path):
    write_spikes(spikes, tmp_path / name)
    back = read(tmp_path / name, duration_ms=20, ids=["a", "b", "c"])
    assert (back.times_ms.tolist(), back.node_ids.tolist()) == ([1.5, 2, 9], ["b", "a", "b"])
    write_traces(traces, tmp_path / name, overwrite=True)
    assert read(tmp_path / name, unit="dF/F") == Traces(VALUES, dt_ms=20, start_ms=5, unit="dF/F", ids=["a", "b", "c"])


# -- what a file cannot tell ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((300, 20), {"dt_ms": 20}, "nothing says which axis is time"),
        ((300, 20), {"orientation": "time-nodes"}, "Give dt_ms or rate_hz"),
        ((300, 20), {"orientation": "nodes"}, "unknown orientation 'nodes'"),
        ((300, 2), {"dt_ms": 20, "rate_hz": 50}, "give one of them"),
        ((300, 2), {"dt_ms": 0.02}, "looks like seconds. Give dt_ms=20"),
        ((300, 2), {"dt_ms": 20_000}, "looks like microseconds. Give dt_ms=20"),
        ((300, 2), {"rate_hz": 0.02}, "looks like a time step in seconds. Give rate_hz=50"),
        ((300, 2), {"dt_ms": -1}, "give a positive number"),
        ((300, 2), {"dt_ms": 20, "time_unit": "s"}, "time_unit means nothing for npy"),
        ((300, 2, 2), {"dt_ms": 20}, "two dimensions"),
    ],
)
def test_what_is_not_told_must_be_declared(shape, options, message, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(ActivityError, match=message):
        read(tmp_path / "a.npy", **options)


def test_a_shape_that_leaves_no_doubt_needs_no_orientation(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 400)))
    assert read(tmp_path / "a.npy", dt_ms=20).values.shape == (400, 3)
    assert read(tmp_path / "a.npy", rate_hz=40_000, orientation="time-nodes").dt_ms == 0.025


def test_names_of_dimensions_and_rates_in_zarr_are_taken(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    array = group.create_array("dff", data=VALUES.T, chunks=(2, 5), dimension_names=["neuron", "time"])
    array.attrs["rate_hz"] = 50
    group.create_array("tau", data=np.zeros(3))
    assert read(tmp_path / "a.zarr") == Traces(VALUES, dt_ms=20)
    group.create_array("raw", data=VALUES)
    with pytest.raises(ActivityError, match=r"dff, raw.*series="):
        read(tmp_path / "a.zarr")
    with pytest.raises(ActivityError, match="Did you mean 'dff'"):
        read(tmp_path / "a.zarr", series="df")
    assert read(tmp_path / "a.zarr", series="dff").n_steps == 8


def test_zarr_of_format_2_is_read_where_it_holds_numbers(tmp_path):
    array = zarr.create_array(tmp_path / "a.zarr", data=VALUES.T, chunks=(2, 5), zarr_format=2)
    array.attrs["dt_ms"] = 20
    assert read(tmp_path / "a.zarr", orientation="nodes-time") == Traces(VALUES, dt_ms=20)


def test_zarr_that_would_unpack_objects_is_refused_before_it_is_opened(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=VALUES, zarr_format=2)
    held = json.loads((tmp_path / "a.zarr" / ".zarray").read_text())
    for change, message in (
        ({"dtype": "|O"}, "activity is numbers"),
        ({"filters": [{"id": "pickle"}]}, "packed by pickle"),
        ({"chunks": [1 << 20, 1 << 20]}, "over 2 GiB"),
    ):
        (tmp_path / "a.zarr" / ".zarray").write_text(json.dumps({**held, **change}))
        with pytest.raises(ActivityError, match=message):
            read(tmp_path / "a.zarr", dt_ms=20, orientation="time-nodes")


def test_datasets_of_others_in_hdf5_are_found_by_name(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file["session/F"] = VALUES
        file["session/G"] = VALUES.T
        file["session"].attrs["fs"] = 50.0
    with pytest.raises(ActivityError, match="session/F, session/G"):
        read(tmp_path / "a.mat")
    assert read(tmp_path / "a.mat", series="G", orientation="nodes-time") == Traces(VALUES, dt_ms=20)


def test_arrays_of_others_in_npz_are_found_by_name(tmp_path):
    np.savez(tmp_path / "a.npz", traces=VALUES, rate_hz=50.0, positions=np.zeros((3, 2)))
    with pytest.raises(ActivityError, match="positions, traces"):
        read(tmp_path / "a.npz")
    assert read(tmp_path / "a.npz", series="traces", orientation="time-nodes") == Traces(VALUES, dt_ms=20)


@pytest.mark.parametrize(
    ("names", "given"),
    [
        (("spike_t", "cell"), {"time_unit": "s"}),
        (("times", "ids"), {"time_unit": "s"}),
        (("time_s", "neuron"), {}),
        (("when", "who"), {"times": "when", "nodes": "who", "time_unit": "s"}),
    ],
)
def test_spikes_in_npz_under_names_of_others(names, given, tmp_path):
    np.savez(tmp_path / "a.npz", **dict(zip(names, ([0.25, 0.5], [3, 1]), strict=True)), depth=7.0)
    for function in (read, read_spikes):
        spikes = function(tmp_path / "a.npz", **given)
        assert (spikes.times_ms.tolist(), spikes.node_ids.tolist()) == ([250, 500], [3, 1])


def test_arrays_of_unknown_names_are_told_how_to_be_named(tmp_path):
    np.savez(tmp_path / "a.npz", when=[0.25, 0.5], who=[3, 1])
    with pytest.raises(ActivityError, match=r"when, who.*times='NAME', nodes='NAME'"):
        read(tmp_path / "a.npz")
    with pytest.raises(ActivityError, match=r"times of spikes.*times='NAME'"):
        read_spikes(tmp_path / "a.npz")
    with pytest.raises(ActivityError, match="Did you mean 'when'"):
        read(tmp_path / "a.npz", times="wen", nodes="who")
    np.savez(tmp_path / "b.npz", times=np.arange(8) * 20.0, ids=np.arange(8), values=np.zeros((8, 8)))
    assert isinstance(read(tmp_path / "b.npz", dt_ms=20, orientation="time-nodes"), Traces)


# -- tables --------------------------------------------------------------------------------------------------


def text(tmp_path, content, name="a.csv"):
    (tmp_path / name).write_text(content)
    return tmp_path / name


def test_times_of_spikes_are_in_the_unit_of_their_column(tmp_path):
    assert read(text(tmp_path, "neuron;time [s]\n2;0.5\n0;0.25\n")).times_ms.tolist() == [250, 500]
    path = text(tmp_path, "t,unit\n0.5,2\n")
    with pytest.raises(ActivityError, match="Give time_unit"):
        read(path)
    assert read(path, time_unit="s", duration_ms=1000, ids=3).rates_hz().tolist() == [0, 0, 1]


@pytest.mark.parametrize(("content", "time", "node"), [("0.5,2\n0.25,0\n", 0, 1), ("2 0.5\n0 0.25\n", 1, 0)])
def test_two_columns_without_names_are_asked_for(content, time, node, tmp_path):
    path = text(tmp_path, content)
    with pytest.raises(ActivityError, match=rf"times={time}, nodes={node}.*time_unit.*give dt_ms or rate_hz"):
        read(path)
    spikes = read(path, times=time, nodes=node, time_unit="s")
    assert (spikes.times_ms.tolist(), spikes.node_ids.tolist()) == ([250, 500], [0, 2])
    assert isinstance(read(path, dt_ms=20), Traces)


def test_spikes_out_of_order_and_before_zero_are_read(tmp_path):
    spikes = read(text(tmp_path, "time_ms,node\n5,1\n-2,0\n"))
    assert (spikes.times_ms.tolist(), spikes.start_ms, spikes.duration_ms) == ([-2, 5], -2, 7)


def test_frames_without_names_are_rows_of_time(tmp_path):
    path = text(tmp_path, "1,2,3\n4,,6\n")
    assert np.isnan(read(path, dt_ms=20).to_numpy()[1, 1])
    assert read(path, dt_ms=20, orientation="nodes-time").values.shape == (3, 2)
    assert read(text(tmp_path, "10 11\n1 2\n3 4\n"), rate_hz=50).n_steps == 3


def test_frames_with_names_keep_them_as_ids(tmp_path):
    traces = read(text(tmp_path, "time_s,10,11\n0.5,1,2\n0.52,3,4\n0.5401,5,6\n"))
    assert (traces.ids.tolist(), traces.start_ms) == ([10, 11], 500)
    assert traces.dt_ms == pytest.approx(20, rel=0.01)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("time_ms,a\n0,1\n20,2\n90,3\n110,4\n", "uneven"),
        ("time_ms,a\n0,x\n20,2\n", "no numbers: a"),
        ("time_ms,node_id\n0,1\nsoon,2\n", "row 2 is no time"),
        ("time_ms,node_id\n0,1\n2,\n", "row 2 names no node"),
        ("time_ms,node_id\n0,1.5\n2,1\n", "no whole numbers"),
        ("time_ms,node_id\n0,1,3,4,5\n2,3\n1,2,3,4,5,6,7\n", "damaged|no"),
        ("", "the file is empty"),
        ("time_ms,node_id\n", "no spikes below them"),
        ("time_ms,a,b\n", "no rows below them"),
    ],
)
def test_tables_that_make_no_recording_are_refused(content, message, tmp_path):
    with pytest.raises(ActivityError, match=rf"a\.csv.*({message})"):
        read(text(tmp_path, content))


def test_the_challenges_fluorescence_comes_with_its_positions(tmp_path):
    text(tmp_path, "0.1,0.2\n0.3,0.4\n0.5,0.6\n", "fluorescence_tiny.csv")
    text(tmp_path, "0.5,0.25\n0.75,1\n", "networkPositions_tiny.csv")
    traces = read(tmp_path / "fluorescence_tiny.csv")
    assert (traces.dt_ms, traces.ids.tolist(), traces.nodes["y"].tolist()) == (20, [1, 2], [0.25, 1])


# -- imaging -------------------------------------------------------------------------------------------------


@pytest.fixture
def suite2p(tmp_path):
    folder = tmp_path / "suite2p" / "plane0"
    folder.mkdir(parents=True)
    np.save(folder / "F.npy", VALUES.T)
    np.save(folder / "Fneu.npy", np.ones_like(VALUES.T))
    np.save(folder / "spks.npy", VALUES.T * 2)
    np.save(folder / "iscell.npy", np.array([[1, 0.9], [0, 0.2], [1, 0.8]]))
    (folder / "stat.npy").write_bytes(b"a pickle that nobody opens")
    (folder / "ops.npy").write_bytes(b"another")
    return tmp_path


def test_suite2ps_cells_are_corrected_for_neuropil(suite2p):
    traces = read(suite2p, rate_hz=50)
    assert np.allclose(traces.to_numpy(), VALUES[:, [0, 2]] - 0.7)
    assert (traces.ids.tolist(), traces.nodes["cell_probability"].tolist()) == ([0, 2], [0.9, 0.8])
    assert np.array_equal(read(suite2p, rate_hz=50, series="spks", ids=[1]).to_numpy()[:, 0], VALUES[:, 1] * 2)


def test_suite2p_does_not_tell_the_rate_and_planes_are_chosen(suite2p):
    with pytest.raises(ActivityError, match="Give rate_hz"):
        read(suite2p)
    with pytest.raises(ActivityError, match=r"looks like seconds\. Give dt_ms=100"):
        read(suite2p, dt_ms=0.1)
    with pytest.raises(ActivityError, match="Did you mean 'Fneu'"):
        read(suite2p, rate_hz=50, series="Fneuu")
    shutil.copytree(suite2p / "suite2p" / "plane0", suite2p / "suite2p" / "plane1")
    with pytest.raises(ActivityError, match="plane0, plane1"):
        read(suite2p, rate_hz=50)


@pytest.fixture
def caiman(tmp_path):
    footprints = np.zeros((4, 5, 3))
    for at, (y, x) in enumerate([(0, 1), (3, 2), (1, 4)]):
        footprints[y, x, at] = 2.0
    packed = sparse.csc_matrix(footprints.reshape(20, 3, order="F"))
    with h5py.File(tmp_path / "cnmf.hdf5", "w") as file:
        file["dims"] = [4, 5]
        file["params/data/fr"] = 50
        file["estimates/C"] = VALUES.T
        file["estimates/S"] = VALUES.T * 2
        file["estimates/F_dff"] = "NoneType"
        file["estimates/idx_components"] = [0, 2]
        file["estimates/SNR_comp"] = [3.0, 1.0, 5.0]
        for name in ("data", "indices", "indptr", "shape"):
            file[f"estimates/A/{name}"] = getattr(packed, name)
    return tmp_path / "cnmf.hdf5"


def test_caimans_accepted_components_come_with_their_centres(caiman):
    traces = read(caiman)
    assert traces.dt_ms == 20
    assert np.array_equal(traces.to_numpy(), VALUES[:, [0, 2]])
    assert traces.nodes[["x", "y", "snr"]].values.tolist() == [[1, 0, 3], [4, 1, 5]]
    assert read(caiman, series="S", rate_hz=10).dt_ms == 100
    with pytest.raises(ActivityError, match="unknown series 'F_dff'; known: C, S"):
        read(caiman, series="F_dff")


# -- NWB, written by pynwb -----------------------------------------------------------------------------------


@pytest.fixture
def nwb(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _nwb(tmp_path / "a.nwb")


def _nwb(path):
    from pynwb import NWBHDF5IO, NWBFile
    from pynwb.ecephys import ElectricalSeries
    from pynwb.ophys import DfOverF, Fluorescence, ImageSegmentation, OpticalChannel, RoiResponseSeries

    file = NWBFile("a session", "id", datetime(2020, 1, 1, tzinfo=UTC))
    device = file.create_device("microscope")
    channel = OpticalChannel(name="green", description="d", emission_lambda=500.0)
    plane = file.create_imaging_plane(
        name="plane",
        optical_channel=channel,
        description="d",
        device=device,
        excitation_lambda=600.0,
        indicator="GCaMP",
        location="V1",
    )
    segmentation = ImageSegmentation().create_plane_segmentation("d", plane, "cells")
    for at in range(4):
        mask = np.zeros((5, 6))
        mask[at, at + 1] = 1.0
        segmentation.add_roi(image_mask=mask, id=10 + at)
    segmentation.add_column("label", "d", data=["p", "q", "r", "s"])
    ophys = file.create_processing_module("ophys", "d")
    ophys.add(segmentation.parent)
    rois = segmentation.create_roi_table_region(region=[1, 0, 3], description="d")
    series = RoiResponseSeries(name="dff", data=VALUES, rois=rois, unit="a.u.", rate=50.0, starting_time=2.0)
    ophys.add(DfOverF(roi_response_series=series))
    turned = segmentation.create_roi_table_region(region=[0, 1, 2], description="d")
    times = np.arange(8) * 0.02 + 1.0
    raw = RoiResponseSeries(name="raw", data=VALUES, rois=turned, unit="a.u.", timestamps=times)
    ophys.add(Fluorescence(roi_response_series=raw))
    group = file.create_electrode_group("shank", "d", "V1", device)
    for at in range(2):
        file.add_electrode(x=1.0 * at, y=2.0, z=3.0, location="V1", group=group)
    electrodes = file.create_electrode_table_region([1, 0], "d")
    file.add_acquisition(
        ElectricalSeries(
            "lfp", np.ones((5, 2), np.int16), electrodes, rate=1000.0, conversion=1e-3, channel_conversion=[2.0, 3.0]
        )
    )
    file.add_unit_column("quality", "d")
    file.add_unit(spike_times=[0.5, 0.25], obs_intervals=[[0.0, 2.0]], quality="good", id=7)
    file.add_unit(spike_times=[], obs_intervals=[[0.0, 2.0]], quality="bad", id=9)
    with NWBHDF5IO(path, "w") as out:
        out.write(file)
    return path


def test_regions_of_nwb_come_with_their_table_and_time(nwb):
    traces = read(nwb, series="dff")
    assert (traces.dt_ms, traces.start_ms, traces.unit, traces.ids.tolist()) == (20, 2000, "a.u.", [11, 10, 13])
    assert np.array_equal(traces.to_numpy(), VALUES)
    assert traces.nodes["label"].tolist() == ["q", "p", "s"]
    assert traces.nodes[["x", "y"]].values.tolist() == [[1, 2], [0, 1], [3, 4]]
    assert read(nwb, series="Fluorescence").dt_ms == 20


def test_units_of_nwb_are_spikes_of_all_units(nwb):
    spikes = read_spikes(nwb)
    assert (spikes.times_ms.tolist(), spikes.ids.tolist(), spikes.duration_ms) == ([250, 500], [7, 9], 2000)
    assert spikes.nodes["quality"].tolist() == ["good", "bad"]


def test_electrodes_of_nwb_are_in_volts_with_their_positions(nwb):
    traces = read(nwb, series="lfp")
    assert traces.to_numpy()[0].tolist() == [2e-3, 3e-3]
    assert traces.nodes[["x", "z"]].values.tolist() == [[1, 3], [0, 3]]


def test_of_several_recordings_in_nwb_one_is_chosen(nwb):
    with pytest.raises(ActivityError, match=r"several recordings .*DfOverF/dff.*units.*series="):
        read(nwb)
    with pytest.raises(ActivityError, match=r"no series 'dfff'.*dff"):
        read(nwb, series="dfff")


def test_regions_by_time_against_the_standard_are_turned(nwb):
    with h5py.File(nwb, "a") as file:
        series = file["processing/ophys/DfOverF/dff"]
        attributes = dict(series["data"].attrs)
        del series["data"]
        series["data"] = VALUES.T
        series["data"].attrs.update(attributes)
    assert np.array_equal(read(nwb, series="dff").to_numpy(), VALUES)


def test_uneven_times_of_nwb_are_told_and_can_be_overruled(nwb):
    with h5py.File(nwb, "a") as file:
        file["processing/ophys/Fluorescence/raw/timestamps"][4:] += 3.0
    with pytest.raises(ActivityError, match=r"uneven \(1.06, then 4.08"):
        read(nwb, series="raw")
    assert read(nwb, series="raw", rate_hz=50).dt_ms == 20


# -- damage --------------------------------------------------------------------------------------------------


def damaged(path, count, seed=5):
    """The file with four random bytes changed, or cut short, so many times."""
    whole = path.read_bytes()
    rng = np.random.default_rng(seed)
    for turn in range(count):
        bytes_ = bytearray(whole)
        for at in rng.integers(0, len(whole), 4):
            bytes_[at] = rng.integers(0, 256)
        path.write_bytes(bytes_ if turn % 4 else bytes_[: int(rng.integers(0, len(whole)))])
        yield path


def used(path, **options):
    with contextlib.suppress(ActivityError):
        activity = read(path, **options)
        activity.to_numpy() if isinstance(activity, Traces) else len(activity)


@pytest.mark.parametrize(
    ("name", "format"), [("a.npz", None), ("a.h5", "hdf5"), ("a.npy", None), ("a.csv", None), ("a.parquet", None)]
)
def test_damaged_files_give_traces_or_one_kind_of_error(name, format, traces, tmp_path):
    write_traces(traces, tmp_path / name, format=format)
    options = {"dt_ms": 20, "orientation": "time-nodes"} if name == "a.npy" else {}
    for path in damaged(tmp_path / name, 40):
        used(path, **options)


def test_damaged_metadata_and_chunks_of_zarr_give_one_kind_of_error(traces, tmp_path):
    write_traces(traces, tmp_path / "a.zarr")
    for file in ("zarr.json", "values/zarr.json", "values/c/0/0"):
        for _ in damaged(tmp_path / "a.zarr" / file, 15):
            used(tmp_path / "a.zarr")


def test_damaged_nwb_and_caiman_give_one_kind_of_error(nwb, caiman):
    for path in damaged(nwb, 12):
        used(path, series="dff")
    for path in damaged(caiman, 20):
        used(path)


def test_what_is_no_recording_is_refused(tmp_path):
    with pytest.raises(ActivityError, match="no such file"):
        read(tmp_path / "none.h5")
    with pytest.raises(ActivityError, match="neither a zarr store nor suite2p"):
        read(tmp_path)
    with pytest.raises(ActivityError, match="Did you mean 'zarr'"):
        read(tmp_path, format="zar")
    np.save(tmp_path / "o.npy", np.array([[{}, 1]], dtype=object))
    np.savez(tmp_path / "o.npz", o=np.array([[{}, 1]], dtype=object))
    for name in ("o.npy", "o.npz"):
        with pytest.raises(ActivityError, match=rf"{name}: it holds Python objects as a pickle, which is never opened"):
            read(tmp_path / name, dt_ms=20)
