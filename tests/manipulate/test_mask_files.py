"""Masks from files."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from conntap.circuits import Connectome, Mask
from conntap.errors import OptionError
from conntap.manipulate import mask_from_file

NUMBERS = Connectome([30, 10, 20], [0, 1, 2], [1, 2, 0])
LETTERS = Connectome(["c", "NA", "01"], [0, 1, 2], [1, 2, 0])


def test_a_matrix_speaks_of_selected_ids_in_their_order(tmp_path):
    sparse.save_npz(tmp_path / "mask.npz", sparse.csr_array(np.array([[0, 1, 0], [0, 0, 1]], dtype=bool)))
    mask = mask_from_file(NUMBERS, path=tmp_path / "mask.npz", pre="id > 10")
    assert mask.pairs().values.tolist() == [[20, 20], [30, 30]]


def test_entries_of_zero_are_not_in_the_mask(tmp_path):
    sparse.save_npz(tmp_path / "mask.npz", sparse.coo_array(([0, 2], ([0, 1], [1, 2])), shape=(3, 3)))
    assert mask_from_file(NUMBERS, path=tmp_path / "mask.npz").pairs().values.tolist() == [[20, 30]]


def test_a_matrix_that_stores_nan_is_refused(tmp_path):
    sparse.save_npz(tmp_path / "mask.npz", sparse.coo_array(([1, np.nan], ([0, 1], [1, 2])), shape=(3, 3)))
    with pytest.raises(OptionError, match=r"mask\.npz: 1 stored values are NaN.* Store only pairs that are meant"):
        mask_from_file(NUMBERS, path=tmp_path / "mask.npz")


def test_an_array_holds_pairs_of_ids(tmp_path):
    np.save(tmp_path / "mask.npy", [[30, 10], [10, 30]])
    assert mask_from_file(NUMBERS, path=str(tmp_path / "mask.npy")) == Mask.from_pairs([10, 30], [30, 10])


def test_a_table_has_columns_pre_and_post(tmp_path):
    (tmp_path / "mask.csv").write_text("post,note,pre\n10,a,30\n20,b,30\n")
    assert mask_from_file(NUMBERS, path=tmp_path / "mask.csv").pairs().values.tolist() == [[30, 10], [30, 20]]


def test_ids_of_text_stay_text(tmp_path):
    (tmp_path / "mask.csv").write_text("pre,post\n01,NA\n")
    assert mask_from_file(LETTERS, path=tmp_path / "mask.csv").pairs().values.tolist() == [["01", "NA"]]
    np.save(tmp_path / "mask.npy", np.array([["c", "01"]]))
    assert mask_from_file(LETTERS, path=tmp_path / "mask.npy").pairs().values.tolist() == [["c", "01"]]


@pytest.mark.parametrize("text", ["pre,post\n", "pre,post"])
def test_a_table_without_rows_is_an_empty_mask(tmp_path, text):
    (tmp_path / "mask.csv").write_text(text)
    assert len(mask_from_file(NUMBERS, path=tmp_path / "mask.csv")) == 0
    assert len(mask_from_file(LETTERS, path=tmp_path / "mask.csv")) == 0


def written(path, what):
    if path.suffix == ".csv":
        path.write_text(what)
    elif path.suffix == ".npz":
        sparse.save_npz(path, what)
    else:
        np.save(path, what, allow_pickle=True)
    return path


@pytest.mark.parametrize(
    ("name", "what", "message"),
    [
        ("a.csv", "pre,post\n10,20\n10,20\n", "a.csv: 1 of 2 pairs are there already, such as (10, 20)"),
        ("a.npy", [[10, 20], [10, 20]], "a.npy: 1 of 2 pairs are there already"),
        ("a.npz", sparse.coo_array(([1, 1], ([0, 0], [1, 1])), shape=(3, 3)), "1 of 2 pairs are there already"),
        ("a.csv", "pre,post\n10,99\n", "a.csv: 1 post ids are not among the 3 nodes selected: 99"),
        ("a.csv", "pre,post\n10,\n", "a.csv: 1 post ids are not among the 3 nodes selected"),
        ("a.csv", "pre,target\n10,20\n", "a.csv: no column 'post'; known: pre, target"),
        ("a.csv", "", "a.csv: cannot be read"),
        ("a.npy", [1, 2, 3], "a.npy: shape (3,); give an array of pairs of ids"),
        ("a.npy", np.array([[10, "b"]], dtype=object), "a.npy: cannot be read (Object arrays cannot be loaded"),
        ("a.npz", sparse.csr_array((3, 2)), "a.npz: a matrix of shape (3, 2) for 3 pre and 3 post nodes"),
        ("a.txt.npy", [[10.5, 20.0]], "1 pre ids are not among the 3 nodes selected: 10.5"),
    ],
)
def test_what_a_file_says_wrongly_is_told(tmp_path, name, what, message):
    path = written(tmp_path / name, what)
    with pytest.raises(OptionError) as refused:
        mask_from_file(NUMBERS, path=path)
    assert message in str(refused.value)


def test_files_that_are_none_of_these_are_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK nothing")
    np.savez(tmp_path / "b.npz", a=[1])
    for name in ("a.npz", "b.npz"):
        with pytest.raises(OptionError, match=f"{name}: cannot be read"):
            mask_from_file(NUMBERS, path=tmp_path / name)
    with pytest.raises(OptionError, match=r"unknown kind of file '\.pkl'; known: \.csv, \.npy, \.npz"):
        mask_from_file(NUMBERS, path="a.pkl")
    with pytest.raises(OptionError, match="there is no such file"):
        mask_from_file(NUMBERS, path=tmp_path / "c.npy")


def test_pairs_outside_the_selection_are_an_error(tmp_path):
    np.save(tmp_path / "mask.npy", [[30, 10]])
    with pytest.raises(OptionError, match="1 pre ids are not among the 2 nodes selected: 30"):
        mask_from_file(NUMBERS, path=tmp_path / "mask.npy", pre="id < 30")
    assert pd.Index(NUMBERS.ids).tolist() == [30, 10, 20]


def test_rows_longer_than_the_header_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("pre,post\n30,10,20\n")
    with pytest.raises(OptionError, match=r"a\.csv: rows have more values than there are columns"):
        mask_from_file(NUMBERS, path=tmp_path / "a.csv")


def test_a_damaged_matrix_cannot_be_read(tmp_path):
    sparse.save_npz(tmp_path / "whole.npz", sparse.csr_array(np.eye(3)))
    whole = (tmp_path / "whole.npz").read_bytes()
    kinds = set()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        (tmp_path / "damaged.npz").write_bytes(damaged)
        try:
            mask_from_file(NUMBERS, path=tmp_path / "damaged.npz")
        except OptionError as error:
            kinds.add(str(error).split("cannot be read (")[-1][:9])
    assert "Error -3 " in kinds
