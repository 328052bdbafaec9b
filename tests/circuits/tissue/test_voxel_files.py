"""Volumes in NRRD files: beside pynrrd, whatever the encoding, and what is refused."""

import bz2
import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from conntap.circuits.tissue import Volume
from conntap.circuits.tissue.voxel_files import data_file_of, read_channels, read_volume, write_volume
from conntap.errors import CircuitError

nrrd = pytest.importorskip("nrrd")

TURNED = [[0.0, 5.0, 0.0], [-2.5, 0.0, 0.0], [0.0, 0.0, 1.0 / 3]]
HEADER = "NRRD0004\ntype: {type}\ndimension: 3\nsizes: {sizes}\nencoding: {encoding}\n{more}\n"


def made(path, data=b"", *, kind="uint8", sizes="2 2 2", encoding="raw", more=""):
    path.write_bytes(HEADER.format(type=kind, sizes=sizes, encoding=encoding, more=more).encode() + data)
    return path


@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "?"])
def test_pynrrd_reads_what_is_written(kind, tmp_path):
    values = np.arange(24).reshape(2, 3, 4).astype(kind)
    write_volume(Volume(values, [1.0, -2.0, 0.1], TURNED), tmp_path / "v.nrrd")
    found, header = nrrd.read(str(tmp_path / "v.nrrd"))
    np.testing.assert_array_equal(found, values)
    np.testing.assert_array_equal(header["space directions"], TURNED)
    np.testing.assert_array_equal(header["space origin"], [1.0, -2.0, 0.1])


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "ascii"])
@pytest.mark.parametrize("detached", [False, True])
def test_what_pynrrd_writes_is_read(encoding, detached, tmp_path):
    values = np.random.default_rng(0).normal(size=(3, 2, 4)).astype(np.float32).round(3)
    values[0, 1, 2] = 0.0
    path = tmp_path / ("v.nhdr" if detached else "v.nrrd")
    header = {"encoding": encoding, "space directions": np.array(TURNED), "space origin": np.array([7.0, 8.0, 9.0])}
    nrrd.write(str(path), values, header, detached_header=detached)
    found = read_volume(path)
    np.testing.assert_allclose(found.values, values, rtol=1e-6)
    assert found.directions.tolist() == TURNED
    assert found.origin.tolist() == [7, 8, 9]
    assert (data_file_of(path) is None) != detached


@settings(max_examples=25, deadline=None)
@given(
    arrays.arrays(
        st.sampled_from([np.int16, np.uint64, np.float64]), arrays.array_shapes(min_dims=3, max_dims=3, max_side=4)
    )
)
def test_a_volume_comes_back_as_it_was(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("volumes") / "v.nrrd"
    write_volume(Volume(values, [0.1, 0.2, 0.3], TURNED), path)
    found = read_volume(path)
    np.testing.assert_array_equal(found.values, values)
    assert found.values.dtype == values.dtype
    np.testing.assert_array_equal(found.directions, TURNED)


def test_equal_volumes_give_equal_bytes(tmp_path):
    for name in ("a.nrrd", "b.nrrd"):
        write_volume(Volume(np.ones((2, 2, 2)), [0, 0, 0], [1, 1, 1]), tmp_path / name)
    assert (tmp_path / "a.nrrd").read_bytes() == (tmp_path / "b.nrrd").read_bytes()


def test_units_are_told_and_a_centre_is_moved_to_the_corner(tmp_path):
    path = made(
        tmp_path / "v.nrrd",
        bytes(8),
        more="space dimension: 3\nspace directions: (0.01,0,0) (0,0.02,0) (0,0,0.03)\nspace origin: (1,1,1)\n"
        'space units: "mm" "mm" "mm"\n',
    )
    assert read_volume(path).origin.tolist() == [1000, 1000, 1000]
    np.testing.assert_allclose(read_volume(path, first_voxel="centre").origin, [995, 990, 985])
    np.testing.assert_allclose(np.diag(read_volume(path).directions), [10, 20, 30])


def test_channels_come_first_in_the_file(tmp_path):
    values = np.arange(16.0).reshape(2, 2, 2, 2)
    directions = np.vstack([np.full(3, np.nan), np.eye(3) * 10])
    header = {"space directions": directions, "space origin": np.zeros(3), "kinds": ["vector"] + ["domain"] * 3}
    nrrd.write(str(tmp_path / "flat.nrrd"), values, header)
    first, second = read_channels(tmp_path / "flat.nrrd")
    np.testing.assert_array_equal(first.values, values[0])
    np.testing.assert_array_equal(second.values, values[1])
    assert second.directions.tolist() == (np.eye(3) * 10).tolist()
    with pytest.raises(CircuitError, match="2 values a voxel"):
        read_volume(tmp_path / "flat.nrrd")


def test_big_endian_values_and_skipped_bytes_are_read(tmp_path):
    data = np.arange(8, dtype=">i2").tobytes()
    path = made(tmp_path / "v.nrrd", b"junk" + data, kind="short", more="endian: big\nbyte skip: 4\n")
    assert read_volume(path).values.ravel(order="F").tolist() == list(range(8))
    path = made(tmp_path / "w.nrrd", b"anything" + data, kind="short", more="endian: big\nbyte skip: -1\n")
    assert read_volume(path).values.ravel(order="F").tolist() == list(range(8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": "100000 100000 1000"}, "more than 16 GiB"),
        ({"sizes": "1000 1000 1000"}, "too many for 8 bytes"),
        ({"sizes": "1000 1000 1000", "encoding": "gzip"}, "too many for 8 bytes"),
        ({"sizes": "1000 1000 1000", "encoding": "bzip2"}, "no whole NRRD file"),
        ({"sizes": "2 2 3"}, "too many for 8 bytes"),
        ({"sizes": "2 2 0"}, "sizes 2 x 2 x 0"),
        ({"sizes": "-2 -2 2"}, "sizes -2 x -2 x 2"),
        ({"sizes": "2 4"}, "2 dimensions"),
        ({"kind": "block"}, "values of type 'block'"),
        ({"encoding": "hex"}, "encoding 'hex'"),
        ({"more": 'space dimension: 3\nspace units: "s" "s" "s"\n'}, "space units"),
        ({"more": "space dimension: 3\nspace directions: (1,0,0) (0,1,0) (1,1,0)\n"}, "in one plane"),
        ({"more": "space dimension: 3\nspace directions: (nan,0,0) (0,1,0) (0,0,1)\n"}, "three axes"),
        ({"more": "space dimension: 3\nspace origin: (nan,0,0)\n"}, "three axes"),
        ({"more": "data file: ../other.raw\n"}, "not one file beside it"),
        ({"more": "data file: LIST\n"}, "not one file beside it"),
        ({"more": "byte skip: 1000000000000000000\n"}, "0 of 8 values"),
        ({"more": "line skip: 1000000000000000000\n"}, "too many for 0 bytes"),
    ],
)
def test_headers_that_make_no_sense_are_refused(options, message, tmp_path):
    with pytest.raises(CircuitError, match=message):
        read_volume(made(tmp_path / "v.nrrd", bytes(8), **options))


def test_a_link_to_another_folder_is_refused(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret.raw").write_bytes(bytes(8))
    (tmp_path / "inner" / "v.raw").symlink_to(tmp_path / "secret.raw")
    with pytest.raises(CircuitError, match="not one file beside it"):
        read_volume(made(tmp_path / "inner" / "v.nhdr", more="data file: v.raw\n"))


@pytest.mark.parametrize(("encoding", "packed"), [("gzip", gzip.compress), ("bzip2", bz2.compress)])
def test_no_more_is_unpacked_than_announced_and_damage_is_told(encoding, packed, tmp_path):
    path = made(tmp_path / "v.nrrd", packed(bytes(1 << 20)), encoding=encoding)
    assert not read_volume(path).values.any()
    damaged = packed(np.random.default_rng(0).bytes(8000))
    with pytest.raises(CircuitError, match="no whole NRRD file"):
        read_volume(made(tmp_path / "w.nrrd", damaged[:-20], sizes="20 20 20", encoding=encoding))


def test_what_is_missing_or_of_a_type_that_nrrd_lacks_is_told(tmp_path):
    with pytest.raises(CircuitError, match="cannot be read"):
        read_volume(tmp_path / "none.nrrd")
    with pytest.raises(CircuitError, match="NRRD has no float16"):
        write_volume(Volume(np.zeros((1, 1, 1), np.float16), [0, 0, 0], [1, 1, 1]), tmp_path / "v.nrrd")


def test_a_point_without_a_place_lies_outside(recwarn):
    volume = Volume(np.ones((1, 1, 1)), [0, 0, 0], [1, 1, 1])
    assert volume.at(np.array([[np.nan, 0, 0], [1e300, 0, 0], [0.5, 0.5, 0.5]]), outside=-1).tolist() == [-1, -1, 1]
    assert not recwarn.list
