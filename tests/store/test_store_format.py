"""A store read with h5py alone, as docs/format.md says it can be."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from store_samples import stage

from conntap.store import open_store, write_store


@pytest.fixture
def file(tmp_path):
    rng = np.random.default_rng(0)
    matrices = [sparse.csr_array(rng.random((30, 40)) * (rng.random((30, 40)) < 0.2)) for _ in range(9)]
    table = pd.DataFrame({"x": [1.5, 2.5], "kind": ["µ", None]}, index=pd.Index([7, 9], name="id"))
    stages = [
        stage(matrices, "connectivity", subtarget=[f"s{i}" for i in range(9)]),
        stage([3, 5, 8], "counts", subtarget=["A", None, "B"], n=pd.array([1, None, 3], dtype="Int64")),
        stage([table, table.iloc[:1]], "tables"),
        stage([np.arange(6).reshape(2, 3), np.arange(4).reshape(4, 1), np.array(["é", "bc"])], "arrays"),
        stage([{"a": 1, "b": "text"}, {"b": 2.5}], "mixed"),
    ]
    write_store(tmp_path / "r.h5", attrs={"study": "seed: 1", "seed": 7, "sizes": [1, 2]}, stages=stages)
    with h5py.File(tmp_path / "r.h5") as opened:
        yield opened, matrices, table


def entries(group, name, at):
    """The entries of one array of the value at a position, after the page."""
    data = group["arrays"][name]
    if "offsets" not in data.attrs:
        return data[at]
    start, stop = group["offsets"][data.attrs["offsets"]][at : at + 2]
    return data[start:stop]


def place(stage, row):
    return stage["values"][str(stage["value_group"][row])], int(stage["value_position"][row])


def unpacked(utf8, lengths):
    return [part.tobytes().decode() for part in np.split(utf8, np.cumsum(lengths)[:-1])]


def test_the_root_says_what_it_is(file):
    attrs = file[0].attrs
    assert (attrs["format"].decode(), attrs["study"].decode()) == ("conntap-store", "seed: 1")
    assert (attrs["version"], attrs["seed"]) == (2, 7)
    assert json.loads(attrs["stages"]) == ["connectivity", "counts", "tables", "arrays", "mixed"]
    assert json.loads(attrs["json_attributes"]) == ["sizes"]


def test_a_matrix_is_its_compressed_rows(file):
    opened, matrices, _ = file
    group, at = place(opened["stages/connectivity"], 7)
    parts = [entries(group, name, at) for name in ("data", "indices", "indptr")]
    matrix = sparse.csr_array(tuple(parts), shape=tuple(entries(group, "shape", at)))
    assert (matrix != matrices[7]).nnz == 0


def test_cases_are_columns(file):
    cases = file[0]["stages/counts/cases"]
    text, nullable = cases["subtarget"], cases["n"]
    assert json.loads(cases.attrs["columns"]) == ["subtarget", "n"]
    assert text["codes"][:].tolist() == [0, -1, 1]
    assert text["categories"].asstr()[:].tolist() == ["A", "B"]
    assert (nullable["values"][[0, 2]].tolist(), nullable["mask"][:].tolist()) == ([1, 3], [False, True, False])


def test_scalars_are_one_column_and_keys_are_text(file):
    counts = file[0]["stages/counts"]
    assert counts["values/0/arrays/value"][:].tolist() == [3, 5, 8]
    assert counts["keys"].asstr()[:].tolist() == ["key0", "key1", "key2"]


def test_a_table_is_its_columns(file):
    opened, _, table = file
    group, at = place(opened["stages/tables"], 0)
    columns = json.loads(group.attrs["attrs"])["columns"]
    assert columns == [{"name": "x", "kind": "plain"}, {"name": "kind", "kind": "text"}]
    assert entries(group, "index.0.values", at).tolist() == table.index.tolist()
    assert entries(group, "column.0.values", at).tolist() == table["x"].tolist()
    assert entries(group, "column.1.codes", at).tolist() == [0, -1]
    assert unpacked(entries(group, "column.1.utf8", at), entries(group, "column.1.lengths", at)) == ["µ"]


def test_arrays_have_shapes_and_text_is_packed(file):
    arrays = file[0]["stages/arrays"]
    group, at = place(arrays, 1)
    assert entries(group, "data", at).reshape(group["shapes/data"][at]).tolist() == [[0], [1], [2], [3]]
    group, at = place(arrays, 2)
    assert unpacked(entries(group, "data.utf8", at), entries(group, "data.lengths", at)) == ["é", "bc"]


def test_a_dictionary_has_the_arrays_of_its_entries(file):
    mixed = file[0]["stages/mixed"]
    group, at = place(mixed, 0)
    own = json.loads(group.attrs["attrs"])["parts"]
    assert [part[:2] for part in own] == [["a", "scalar"], ["b", "scalar"]]
    assert entries(group, "0.value", at) == 1
    assert bytes(entries(group, "1.utf8", at)) == b"text"


def test_there_is_no_object_no_pickle_and_no_text_of_variable_length_anywhere(file):
    def check(_, item):
        kinds = [item.attrs.get_id(name).dtype for name in item.attrs]
        kinds += [item.dtype] if isinstance(item, h5py.Dataset) else []
        assert not [kind for kind in kinds if kind.kind == "O"]

    check("", file[0])
    file[0].visititems(check)


def test_a_long_text_attribute_is_a_dataset_of_its_bytes(tmp_path):
    write_store(tmp_path / "r.h5", attrs={"study": "µ" * 9000, "host": "a\0b"}, stages=[])
    with h5py.File(tmp_path / "r.h5") as file:
        assert file["%attributes/study"][:].tobytes().decode() == "µ" * 9000
    with open_store(tmp_path / "r.h5") as store:
        assert store.attrs == {"study": "µ" * 9000, "host": "a\0b"}


def test_case_texts_of_very_different_lengths_are_packed(tmp_path):
    words = ["x" * 9000, "", "é\0", *map(str, range(50))]
    write_store(tmp_path / "r.h5", attrs={}, stages=[stage(range(53), word=words)])
    with h5py.File(tmp_path / "r.h5") as file:
        assert set(file["stages/values/cases/word/categories"]) == {"utf8", "lengths"}
    with open_store(tmp_path / "r.h5") as store:
        assert store["values"].cases["word"].tolist() == words
