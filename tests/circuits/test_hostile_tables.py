"""Tables with lines cut short, ids that look like others, bombs and pipes: one error, or exactly what stands there."""

import gzip
import os
import subprocess
import sys

import pytest

from conntap.circuits.formats import limits, read
from conntap.errors import FormatError


def table(folder, text, name="edges.csv"):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["edges.csv", "edges.csv.gz"])
@pytest.mark.parametrize("missing", ["nan", "NA", " NaN"])
def test_nan_among_numbers_is_no_node(tmp_path, missing, name):
    path = table(tmp_path, f"# numbers\npre,post,weight\n1,2,3\n\n{missing},1,1\n", name)
    with pytest.raises(FormatError, match=r"line 5: pre is missing \(nan\)|line 5: pre is missing \(N"):
        read(path)


def test_nan_among_labels_is_a_label(tmp_path):
    assert read(table(tmp_path, "pre,post\nAVA,nan\n")).ids.tolist() == ["AVA", "nan"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("pre,post,weight,size\n1,2,3,4\n1,2\n", 3),
        ("pre,post,weight\n1,2,3\n\n2,1\n", 4),
        ("pre;post;kind\n1;2;a\n2;1\n", 3),
        ("pre post kind\n1 2 a\n2 1\n", 3),
    ],
)
def test_a_line_cut_short_is_refused(tmp_path, text, line):
    with pytest.raises(FormatError, match=f"line {line} has 2 fields for"):
        read(table(tmp_path, text))
    with pytest.raises(FormatError, match=f"line {line} has 2 fields for"):
        read(table(tmp_path, text), properties=[])


def test_an_empty_last_field_is_missing_not_short(tmp_path):
    assert read(table(tmp_path, "pre,post,weight\n1,2,3\n2,1,\n")).edges["weight"].isna().tolist() == [False, True]


@pytest.mark.parametrize("name", ["edges.csv", "edges.csv.gz"])
def test_ids_with_leading_zeros_stay_as_they_are_written(tmp_path, name):
    connectome = read(table(tmp_path, "pre,post,weight\n007,7,0.5\n7,12,01\n", name))
    assert connectome.ids.tolist() == ["007", "12", "7"]
    assert connectome.properties["weight"].tolist() == [0.5, 1]


def test_leading_zeros_of_other_columns_leave_ids_numbers(tmp_path):
    assert read(table(tmp_path, "pre,post,weight\n0,7,01\n7,10,002\n")).ids.tolist() == [0, 7, 10]


@pytest.mark.parametrize(
    ("name", "text"),
    [("e.csv.gz", "pre,post\n" + "1,2\n" * 200_000), ("e.graphml.gz", "<graphml>" + " " * 900_000 + "</graphml>")],
)
def test_a_gzip_bomb_is_refused(tmp_path, monkeypatch, name, text):
    monkeypatch.setattr(limits, "_MOST_UNPACKED", 100_000)
    with pytest.raises(FormatError, match="unpacks to more than"):
        read(table(tmp_path, text, name))


PIPES = """
import sys
from conntap import read
from conntap.errors import FormatError

for kind in (None, "csv", "hdf5", "npz", "npy", "graphml", "parquet", "conntility"):
    for path in (sys.argv[1], "/dev/zero"):
        try:
            read(path, format=kind)
        except FormatError as error:
            print(error)
"""


def test_a_pipe_or_a_device_is_no_file_of_any_format(tmp_path):
    os.mkfifo(tmp_path / "e")
    command = [sys.executable, "-c", PIPES, tmp_path / "e"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.count("not a regular file") == 16
