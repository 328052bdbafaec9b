"""Finding values in a store, and the errors when there are none."""

import pickle
import time

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from store_samples import stage, tables

from conntap.errors import CorruptStoreError, StoreError
from conntap.store import StageData, encode, open_store, write_store

COUNTS = {
    "subtarget": ["R0;C0", "R0;C0", "R0;C1", "R0;C1"],
    "draw": [0, 1, 0, 1],
    "slice": ["full", None, "full", None],
}


@pytest.fixture
def path(tmp_path):
    write_store(tmp_path / "r.h5", attrs={"study": "seed: 1"}, stages=[stage([10, 11, 20, 21], "counts", **COUNTS)])
    return tmp_path / "r.h5"


@pytest.fixture
def counts(path):
    with open_store(path) as store:
        yield store["counts"]


@pytest.mark.parametrize(
    ("case", "value"),
    [
        (2, 20),
        (np.int64(-1), 21),
        (("R0;C1", 0), 20),
        ({"subtarget": "R0;C1", "draw": 1}, 21),
        ({"subtarget": "R0;C0", "slice": None}, 11),
        ({"subtarget": "R0;C0", "slice": np.nan}, 11),
    ],
)
def test_a_case_is_found_by_row_by_leading_columns_and_by_names(counts, case, value):
    assert counts[case] == value


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (4, "row 4 is out of range; there are 4 cases"),
        ("R0;C2", "subtarget: unknown value 'R0;C2'; known: R0;C0, R0;C1. Did you mean 'R0;C1'"),
        ({"subtarge": 1}, "unknown case column 'subtarge'; known: draw, slice, subtarget. Did you mean 'subtarget'"),
        ("R0;C0", "2 cases have subtarget 'R0;C0'; they differ in draw, slice"),
        ({"draw": 0, "slice": None}, "no case has draw 0, slice None together"),
        (("R0;C0", 0, "full", 1), "4 values for the case columns draw, slice, subtarget"),
    ],
)
def test_a_case_that_is_not_there_gets_a_message_that_helps(counts, case, message):
    with pytest.raises(StoreError, match=message):
        counts[case]


@pytest.mark.parametrize(
    ("chosen", "values"),
    [(slice(1, 3), [11, 20]), (slice(-2, None), [20, 21]), (slice(None, None, -2), [21, 11]), (slice(9, 12), [])],
)
def test_a_slice_of_rows_gives_the_values_by_case(counts, chosen, values):
    found = counts[chosen]
    assert found.tolist() == values
    assert found.index.names == list(COUNTS)
    assert found.index.equals(counts.load().iloc[chosen].index)


@pytest.mark.parametrize("chosen", [slice("R0;C0", None), slice(0, 4, 0), slice(0.5, 2)])
def test_a_slice_of_other_things_than_rows_is_refused(counts, chosen):
    with pytest.raises(StoreError, match=r"a slice is of row numbers. Choose by value with \.load"):
        counts[chosen]


def test_load_gives_values_by_all_case_columns(counts):
    loaded = counts.load("draw == 1", subtarget=["R0;C1", "R0;C0"])
    assert loaded.index.names == ["subtarget", "draw", "slice"]
    assert loaded.tolist() == [11, 21]
    assert loaded.name == "counts"


def test_summarize_applies_a_function_to_each_value(counts):
    assert counts.summarize(lambda n: n / 10, "subtarget == 'R0;C1'").tolist() == [2.0, 2.1]


def test_values_come_with_their_cases(counts):
    case, value = next(counts.values())
    assert (case, value) == ({"subtarget": "R0;C0", "draw": 0, "slice": "full"}, 10)


@pytest.mark.parametrize("query", ["draw ==", "drow == 1", "draw + 1", "draw == @x", "subtarget.__class__"])
def test_a_query_that_makes_no_sense_is_refused_with_the_columns(counts, query):
    with pytest.raises(
        StoreError, match=r"query .*(case columns: draw, slice, subtarget|known: draw, slice, subtarget|not allowed)"
    ):
        counts.load(query)


def test_an_unknown_stage_gets_the_nearest_name(path):
    with open_store(path) as store, pytest.raises(StoreError, match="Did you mean 'counts'"):
        store["count"]


def test_a_store_is_a_mapping_of_its_stages(path):
    with open_store(path) as store:
        assert (list(store), len(store), "counts" in store, "x" in store) == (["counts"], 1, True, False)
        assert [(name, len(dataset)) for name, dataset in store.items()] == [("counts", 4)]


def test_a_store_and_a_dataset_travel_to_other_processes_by_path(counts):
    assert pickle.loads(pickle.dumps(counts))["R0;C1", 0] == 20


def test_a_closed_store_says_so(path):
    with open_store(path) as store:
        dataset = store["counts"]
    with pytest.raises(StoreError, match="the store is closed"):
        len(dataset)
    with pytest.raises(StoreError, match="the store is closed"):
        store["counts"]


def test_describe_tells_the_number_the_kind_and_the_cases(path):
    with open_store(path) as store:
        text = store.describe()
    for part in ("counts", "4 values (scalar)", "subtarget: R0;C0, R0;C1", "draw: 0, 1"):
        assert part in text


def test_the_table_of_cases_cannot_be_changed_from_outside(counts):
    cases = counts.cases
    cases.loc[0, "draw"] = 99
    assert counts.cases["draw"].tolist() == [0, 1, 0, 1]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases=tables())
def test_tables_of_cases_come_back(cases, tmp_path):
    cases = cases.reset_index(drop=True)
    cases = cases.map(lambda v: v.replace("\0", "") if isinstance(v, str) else v) if len(cases.columns) else cases
    n = len(cases)
    data = StageData("a", cases=cases, keys=[f"k{i}" for i in range(n)], entries=map(encode, range(n)))
    write_store(tmp_path / "c.h5", attrs={}, stages=[data])
    with open_store(tmp_path / "c.h5") as store:
        pd.testing.assert_frame_equal(
            store["a"].cases, cases.infer_objects(), check_dtype=False, check_column_type=False
        )
        assert store["a"].keys == [f"k{i}" for i in range(n)]


def test_values_of_a_sweep_may_be_lists_and_mixtures(tmp_path):
    write_store(tmp_path / "a.h5", attrs={}, stages=[stage([1, 2, 3], sweep=[[1, 2], "all", None])])
    with open_store(tmp_path / "a.h5") as store:
        dataset = store["values"]
        assert dataset[{"sweep": (1, 2)}] == 1
        assert dataset[{"sweep": "all"}] == 2
        assert dataset[{"sweep": None}] == 3


def test_opening_a_hundred_thousand_cases_reads_only_the_contents(tmp_path):
    n = 100_000
    cases = pd.DataFrame({"subtarget": [f"s{i % 100}" for i in range(n)], "draw": np.arange(n) // 100})
    data = StageData("a", cases=cases, keys=[f"{i:032x}" for i in range(n)], entries=[encode(1)] * n)
    write_store(tmp_path / "a.h5", attrs={}, stages=[data])
    start = time.perf_counter()
    with open_store(tmp_path / "a.h5") as store:
        assert len(store["a"]) == n
        assert time.perf_counter() - start < 0.5
        assert store["a"]["s7", 5] == 1


def test_a_missing_file_a_folder_and_other_files_are_no_stores(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(StoreError, match="no such file"):
        open_store(tmp_path / "none.h5")
    with pytest.raises(StoreError, match="a folder, not a regular file"):
        open_store(tmp_path)
    with pytest.raises(StoreError, match="it is no HDF5 file"):
        open_store(tmp_path / "a.txt")


def test_another_hdf5_file_is_no_store(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(StoreError, match="it is HDF5 but no store"):
        open_store(tmp_path / "a.h5")


def test_a_newer_store_is_refused(path):
    with h5py.File(path, "a") as file:
        file.attrs["version"] = 3
    with pytest.raises(StoreError, match="version 3; this conntap reads up to 2"):
        open_store(path)


def test_a_store_cut_short_anywhere_is_corrupt(path):
    whole = path.read_bytes()
    for cut in (0, 5):
        path.write_bytes(whole[:cut])
        with pytest.raises(StoreError, match="no HDF5 file"):
            open_store(path)
    for cut in (20, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(CorruptStoreError, match="cut short or damaged"):
            open_store(path)


def test_damaged_bytes_are_one_clear_error_and_never_a_wrong_value(tmp_path):
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 99, 50_000) for _ in range(4)]
    write_store(tmp_path / "a.h5", attrs={}, stages=[stage(arrays)])
    whole = (tmp_path / "a.h5").read_bytes()
    for at in np.linspace(4000, len(whole) - 4000, 25).astype(int):
        (tmp_path / "a.h5").write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        try:
            with open_store(tmp_path / "a.h5") as store:
                assert all(np.array_equal(a, b) for a, b in zip(store["values"], arrays))
        except CorruptStoreError as error:
            assert "damaged" in str(error)  # noqa: PT017
